/* SPDX-License-Identifier: Apache-2.0 */
/* problem: see problem.h. Runs in: keystay-enroll. */
#include "enrol/base/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* Of a secret that was cut: as much of it as does not stand in ordinary words by chance. */
#define HIDE_MIN 8
#define HIDDEN "…"

static int KS_PRINTF(4, 0) set(struct ks_enrol_problem *problem, int code, bool is_final, const char *format,
			       va_list arguments)
{
	problem->code = code;
	problem->is_final = is_final;
	problem->later = 0;
	(void)vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	return code;
}

int ks_enrol_problem_set(struct ks_enrol_problem *problem, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)set(problem, code, false, format, arguments);
	va_end(arguments);
	return code;
}

int ks_enrol_problem_final(struct ks_enrol_problem *problem, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)set(problem, code, true, format, arguments);
	va_end(arguments);
	return code;
}

int ks_enrol_problem_code(struct ks_enrol_problem *problem, int code)
{
	return ks_enrol_problem_set(problem, code, "%s", ks_error_text(code));
}

int ks_enrol_problem_client(struct ks_enrol_problem *problem, const struct ks_client_error *error)
{
	return ks_enrol_problem_set(problem, error->code, "%s", error->text);
}

/* --- secrets ------------------------------------------------------------------------------------------------------ */

/* How many characters of text begin the needle; 0 where that is too few. */
static size_t match(const char *text, struct ks_bytes needle)
{
	size_t n = 0;

	while (n < needle.size && text[n] == (char)needle.data[n] && text[n])
		n++;
	return n == needle.size || n >= HIDE_MIN ? n : 0;
}

static int hide(struct ks_enrol_problem *problem, const struct ks_buffer *needle)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer words = { .secret = true };
	struct ks_bytes bytes = ks_buffer_bytes(needle);

	for (const char *at = problem->text; *at;) {
		size_t n = match(at, bytes);
		ks_buffer_put(&words, n > 0 ? ks_bytes_text(HIDDEN) : ks_bytes(at, 1));
		at += n > 0 ? n : 1;
	}
	int r = ks_buffer_error(needle) < 0 ? ks_buffer_error(needle) : ks_buffer_error(&words);
	if (r == 0) {
		ks_secret_wipe(problem->text, sizeof(problem->text));
		(void)ks_text_print(problem->text, sizeof(problem->text), "%.*s", (int)words.size,
				    words.size > 0 ? (const char *)words.data : "");
	}
	return r;
}

static int hide_escaped(struct ks_enrol_problem *problem, struct ks_bytes secret)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer escaped = { .secret = true };
	size_t size = 4 * secret.size + 1; /* "\xNN" is the longest */
	uint8_t *room = ks_buffer_reserve(&escaped, size);

	if (!room)
		return KS_ERR_NO_MEMORY;
	ks_text_escape(secret, (char *)room, size);
	ks_buffer_grow(&escaped, strlen((char *)room));
	return hide(problem, &escaped);
}

/* RFC 7617 section 2. */
static int hide_basic(struct ks_enrol_problem *problem, struct ks_bytes secret, const char *user)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pair = { .secret = true };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer lines = { .secret = true };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer line = { .secret = true };

	ks_buffer_put(&pair, ks_bytes_text(user));
	ks_buffer_put(&pair, ks_bytes_text(":"));
	ks_buffer_put(&pair, secret);
	int r = ks_buffer_error(&pair);
	if (r == 0)
		r = ks_base64_put(&lines, ks_buffer_bytes(&pair));
	for (size_t i = 0; r == 0 && i < lines.size; i++) {
		if (lines.data[i] != '\n')
			ks_buffer_put_u8(&line, lines.data[i]);
	}
	return r < 0 ? r : hide(problem, &line);
}

void ks_enrol_problem_hide(struct ks_enrol_problem *problem, const struct ks_secret *secret, const char *user)
{
	struct ks_bytes bytes = secret ? ks_secret_bytes(secret) : KS_BYTES_NONE;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer plain = { .secret = true };

	if (bytes.size == 0)
		return;
	ks_buffer_put(&plain, bytes);
	int r = user ? hide_basic(problem, bytes, user) : 0;
	if (r == 0)
		r = hide_escaped(problem, bytes);
	if (r == 0)
		r = hide(problem, &plain);
	/* Better without words than with these. */
	if (r < 0) {
		ks_secret_wipe(problem->text, sizeof(problem->text));
		(void)ks_text_print(problem->text, sizeof(problem->text), "%s", ks_error_text(problem->code));
	}
}
