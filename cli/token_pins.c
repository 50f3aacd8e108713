/* SPDX-License-Identifier: Apache-2.0 */
/* token_pins: see token_pins.h. Runs in: keystay token. */
#include "cli/token_pins.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>

#include "cli/prompt.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define TRIES 3 /* at typing the same twice */

void ks_token_pins_deinit(struct ks_token_pins *pins)
{
	ks_cleanup_close(&pins->terminal);
}

static enum ks_exit fail(const struct ks_token_pins *pins, const struct ks_token_pin *pin, int code)
{
	if (code == KS_ERR_CANCELLED)
		ks_output_error(pins->cli, "no %s was given; nothing was done", pin->what);
	else if (code == KS_ERR_TOO_LARGE)
		ks_output_error(pins->cli, "that is longer than any PIN (%d bytes); nothing was done", KS_SECRET_MAX);
	else if (code == KS_ERR_NO_MEMORY || code == KS_ERR_LIMIT)
		ks_output_error(pins->cli, "there is no memory that can be locked for a PIN; see: ulimit -l");
	else if (code == KS_ERR_NOT_FOUND)
		ks_output_error(pins->cli, "there is no terminal to ask for the %s; give it with %s", pin->what,
				pin->option);
	else
		ks_output_error(pins->cli, "the %s could not be read: %s", pin->what, ks_error_text(code));
	return KS_EXIT_FAILED;
}

/* One line; the next one is for the next PIN that names this descriptor. */
static enum ks_exit read_fd(struct ks_token_pins *pins, const struct ks_token_pin *pin, struct ks_secret *secret)
{
	uint64_t number;

	if (ks_text_number(pin->fd, INT_MAX, &number) < 0 || fcntl((int)number, F_GETFD) < 0) {
		ks_output_error(pins->cli, "token: %s wants the number of an open descriptor, such as 0", pin->option);
		return KS_EXIT_USAGE;
	}
	int r = ks_secret_read(secret, (int)number, true);
	if (r == 0 && ks_secret_bytes(secret).size == 0)
		r = KS_ERR_CANCELLED;
	return r < 0 ? fail(pins, pin, r) : KS_EXIT_GOOD;
}

static int ask(struct ks_token_pins *pins, const char *what, bool again, struct ks_secret *secret)
{
	char question[256];

	(void)ks_text_print(question, sizeof(question), "%s%s: ", what, again ? ", once more" : "");
	question[0] = (char)toupper((unsigned char)question[0]);
	return ks_prompt_pin(pins->terminal, question, secret);
}

static int ask_twice(struct ks_token_pins *pins, const struct ks_token_pin *pin, struct ks_secret *secret)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *second = NULL;

	int r = ks_secret_new(&second);
	for (int i = 0; r == 0 && i < TRIES; i++) {
		r = ask(pins, pin->what, false, secret);
		if (r == 0)
			r = ask(pins, pin->what, true, second);
		if (r == 0 && ks_bytes_equal(ks_secret_bytes(secret), ks_secret_bytes(second)))
			return 0;
		if (r == 0)
			(void)dprintf(pins->terminal, "The two differ. Once more from the start:\n");
	}
	return r == 0 ? KS_ERR_CANCELLED : r;
}

enum ks_exit ks_token_pins_get(struct ks_token_pins *pins, const struct ks_token_pin *pin,
			       struct ks_secret **ret_secret)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	enum ks_exit result = KS_EXIT_GOOD;

	int r = ks_secret_new(&secret);
	if (r < 0)
		return fail(pins, pin, r);
	if (pin->fd) {
		result = read_fd(pins, pin, secret);
	} else {
		if (pins->terminal < 0)
			r = ks_prompt_open(&pins->terminal);
		if (r == 0)
			r = pin->is_new ? ask_twice(pins, pin, secret) : ask(pins, pin->what, false, secret);
		if (r < 0)
			result = fail(pins, pin, r);
	}
	if (result == KS_EXIT_GOOD)
		*ret_secret = KS_STEAL(secret);
	return result;
}
