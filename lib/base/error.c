/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error: see error.h. The words of every error, made from the one list.
 *
 * Runs in: every program and plug-in.
 */
#include "lib/base/error.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>

struct error_words {
	int number;
	const char *word;
	const char *text;
};

static const struct error_words errors[] = {
#define ERROR_WORDS(name, number, word, text) { number, word, text },
	KS_ERROR_LIST(ERROR_WORDS)
#undef ERROR_WORDS
};

/* An error may come as the wire's positive number too, which a peer chose: anything at all may stand in it. */
static const struct error_words *find_error(int error)
{
	if (error == INT_MIN)
		return NULL;
	int number = error < 0 ? -error : error;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (errors[i].number == number)
			return &errors[i];
	}
	return NULL;
}

const char *ks_error_text(int error)
{
	if (error == 0)
		return "no error";
	const struct error_words *found = find_error(error);
	return found ? found->text : "an error that this version of keystay does not know";
}

const char *ks_error_word(int error)
{
	if (error == 0)
		return "none";
	const struct error_words *found = find_error(error);
	return found ? found->word : "unknown";
}

int ks_error_from_errno(int error_number)
{
	switch (error_number) {
	case ENOMEM:
		return KS_ERR_NO_MEMORY;
	case EACCES:
	case EPERM:
		return KS_ERR_DENIED;
	case ENOENT:
		return KS_ERR_NOT_FOUND;
	default:
		return KS_ERR_SYSTEM;
	}
}
