/* SPDX-License-Identifier: Apache-2.0 */
/* pinentry: see pinentry.h. Runs in: keystay-prompt. */
#include "agent/helpers/pinentry.h"

#include <stdlib.h>
#include <string.h>

#include "agent/helpers/locked_pages.h"
#include "agent/helpers/percent.h"
#include "agent/helpers/pinentry_link.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* Pinentry's own clock counts seconds: it goes first, so that it can say that its time is over. */
#define GRACE_MS 1000u

struct conversation {
	const struct ks_pinentry_question *question;
	struct ks_pinentry_link link;
	bool asked;  /* pinentry was told to show itself */
	char *typed; /* in locked pages, KS_SECRET_MAX bytes */
	size_t n_typed;
	bool too_long;
	char *why;
};

/* --- sentences --------------------------------------------------------------------------------------------------- */

#define NO_DIALOG "no dialog can be shown: "
#define NAME_ANOTHER "name another pinentry in keystay.conf"

/* Why no pinentry was there to ask. */
static int explain_start(const struct conversation *conversation, int error)
{
	const char *program = conversation->question->program;
	char *why = conversation->why;

	if (error == KS_ERR_NOT_FOUND)
		(void)ks_text_print(why, KS_TEXT_MAX,
				    NO_DIALOG "there is no %s; install a pinentry, or name one in keystay.conf",
				    program);
	else if (error == KS_ERR_DENIED)
		(void)ks_text_print(why, KS_TEXT_MAX, NO_DIALOG "%s must not be executed; " NAME_ANOTHER, program);
	else if (error == KS_ERR_CLOSED)
		(void)ks_text_print(why, KS_TEXT_MAX,
				    NO_DIALOG "%s ended at its start; try it by hand, or " NAME_ANOTHER, program);
	else
		(void)ks_text_print(why, KS_TEXT_MAX,
				    NO_DIALOG "%s cannot be started; try it by hand, or " NAME_ANOTHER, program);
	return KS_ERR_NO_PROMPT;
}

/* What became of the conversation, when it was not pinentry that said so. */
static int explain(const struct conversation *conversation, int error)
{
	const char *program = conversation->question->program;
	char *why = conversation->why;

	if (error == KS_ERR_TIMEOUT) {
		(void)ks_text_print(why, KS_TEXT_MAX, "nobody answered the dialog within %u seconds",
				    (conversation->question->timeout_ms + 999) / 1000);
	} else if (error == KS_ERR_CANCELLED) {
		(void)ks_text_print(why, KS_TEXT_MAX, "the dialog was closed");
	} else if (error == KS_ERR_TOO_LARGE || error == KS_ERR_MALFORMED) {
		(void)ks_text_print(why, KS_TEXT_MAX, "%s does not answer as a pinentry does; " NAME_ANOTHER, program);
		return KS_ERR_MALFORMED;
	} else if (error == KS_ERR_NO_MEMORY) {
		(void)ks_text_print(why, KS_TEXT_MAX, "no PIN was asked for: locked memory ran out (see ulimit -l)");
	} else if (error == KS_ERR_CLOSED && conversation->asked) {
		(void)ks_text_print(why, KS_TEXT_MAX, "%s ended before the dialog was answered", program);
	} else {
		return explain_start(conversation, error);
	}
	return error;
}

/* What pinentry's own error means. Its words are not repeated: they may hold anything. */
static int explain_code(const struct conversation *conversation, unsigned long number)
{
	gpg_err_code_t code = gpg_err_code((gpg_error_t)number);
	const char *program = conversation->question->program;

	if (code == GPG_ERR_CANCELED || code == GPG_ERR_FULLY_CANCELED || code == GPG_ERR_NOT_CONFIRMED) {
		(void)ks_text_print(conversation->why, KS_TEXT_MAX, "the dialog was cancelled");
		return KS_ERR_CANCELLED;
	}
	if (code == GPG_ERR_TIMEOUT)
		return explain(conversation, KS_ERR_TIMEOUT);
	if (code == GPG_ERR_NO_PIN_ENTRY || code == GPG_ERR_PIN_ENTRY || (code & GPG_ERR_SYSTEM_ERROR)) {
		(void)ks_text_print(conversation->why, KS_TEXT_MAX,
				    "no dialog can be shown: %s can use neither a display nor a terminal here",
				    program);
		return KS_ERR_NO_PROMPT;
	}
	(void)ks_text_print(conversation->why, KS_TEXT_MAX, "%s failed with error %lu", program, number);
	return KS_ERR_SYSTEM;
}

/* --- lines ------------------------------------------------------------------------------------------------------- */

/* A piece of what was typed, out of libassuan's line, of which nothing stays. */
static int take_typed(struct conversation *conversation, char *line, size_t size, size_t offset)
{
	size_t n = 0;

	int r = ks_percent_decode(line + offset, size - offset, &n);
	if (r == 0 && n <= KS_SECRET_MAX - conversation->n_typed) {
		memcpy(conversation->typed + conversation->n_typed, line + offset, n);
		conversation->n_typed += n;
	} else if (r == 0) {
		conversation->too_long = true;
	}
	ks_secret_wipe(line, size);
	return r;
}

/* One command and its end. 0: OK. Positive: the number in ERR. */
static int transact(struct conversation *conversation, const char *command, unsigned long *ret_number)
{
	int r = ks_pinentry_link_send(&conversation->link, command);

	while (r == 0) {
		assuan_response_t response;
		char *line = NULL;
		size_t size = 0, offset = 0;
		r = ks_pinentry_link_receive(&conversation->link, &response, &line, &size, &offset);
		if (r < 0)
			break;
		if (response == ASSUAN_RESPONSE_OK) {
			*ret_number = 0;
			return 0;
		}
		if (response == ASSUAN_RESPONSE_ERROR) {
			unsigned long number = strtoul(line + offset, NULL, 10);
			*ret_number = gpg_err_code((gpg_error_t)number) ? number : GPG_ERR_GENERAL;
			return 0;
		}
		if (response == ASSUAN_RESPONSE_DATA && conversation->typed)
			r = take_typed(conversation, line, size, offset);
		else
			r = KS_ERR_MALFORMED;
	}
	return explain(conversation, r);
}

/* WORD with a text, which is cut when it is too long. Pinentries differ in what they know; only what must be seen
 * must be taken. */
static int set(struct conversation *conversation, const char *word, const char *text, bool needed)
{
	char line[KS_PINENTRY_LINE + 1];
	unsigned long number = 0;
	size_t n = strlen(word);

	if (text[0] == '\0')
		return 0;
	memcpy(line, word, n);
	(void)ks_percent_encode(text, line + n, sizeof(line) - n);
	int r = transact(conversation, line, &number);
	if (r == 0 && number != 0 && needed)
		return explain_code(conversation, number);
	return r;
}

/* As setlocale(3) would choose it; our own words are UTF-8 in any case. */
static const char *locale_for(const char *category)
{
	const char *names[] = { "LC_ALL", category, "LANG" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);
		if (value && value[0] && strcmp(value, "C") != 0 && strcmp(value, "POSIX") != 0)
			return value;
	}
	return "C.UTF-8";
}

static int prepare(struct conversation *conversation)
{
	const struct ks_pinentry_question *question = conversation->question;
	bool shows = question->kind == KS_PROMPT_SHOW;
	const char *cancel = question->cancel[0] ? question->cancel : "Cancel";
	char seconds[16], label[80];
	(void)ks_text_print(label, sizeof(label), "%s:", question->label[0] ? question->label : "PIN");
	(void)ks_text_print(seconds, sizeof(seconds), "%u", (question->timeout_ms + 999) / 1000);
	const struct {
		const char *word, *text;
		bool needed;
	} lines[] = {
		/* What is typed elsewhere shall stay there, unless it is a PIN. */
		{ "OPTION ", question->kind == KS_PROMPT_PIN ? "grab" : "no-grab", false },
		{ "OPTION ttyname=", question->terminal_name, false },
		{ "OPTION ttytype=", question->terminal_name[0] ? question->terminal_type : "", false },
		{ "OPTION lc-ctype=", locale_for("LC_CTYPE"), false },
		{ "OPTION lc-messages=", locale_for("LC_MESSAGES"), false },
		{ "SETKEYINFO ", "--clear", false }, /* nothing is to be found again in a cache of others */
		{ "SETTIMEOUT ", seconds, false },
		{ "SETTITLE ", question->title, false },
		{ "SETPROMPT ", label, false },
		{ "SETDESC ", question->description, true },
		{ "SETERROR ", question->problem, false },
		{ "SETOK ", shows ? cancel : question->ok, false },
		{ "SETCANCEL ", shows ? "" : question->cancel, false },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(lines) / sizeof(lines[0]); i++)
		r = set(conversation, lines[i].word, lines[i].text, lines[i].needed);
	return r;
}

/* --- the dialog -------------------------------------------------------------------------------------------------- */

#define TOO_QUICK "That was quicker than anybody reads. Please read, then answer.\n\n"

/* pinentry-curses says yes to Enter (-gtk-2 and -qt say no, -tty wants a letter): a person who is typing when a dialog comes
 * up must not say yes with it. So a yes has to come later than anybody reads, or it is asked for again. Buttons cannot be
 * told apart otherwise: SETNOTOK would make the yes a button of its own, but a pinentry that does not know it answers the
 * same to a no. */
static int confirm(struct conversation *conversation, unsigned long *ret_number)
{
	char description[KS_PINENTRY_LINE];

	(void)ks_text_print(description, sizeof(description), TOO_QUICK "%s", conversation->question->description);
	for (unsigned i = 0; i < KS_CONFIRM_HASTES; i++) {
		uint64_t shown_ms = ks_clock_monotonic_ms();
		int r = transact(conversation, "CONFIRM", ret_number);
		if (r < 0 || *ret_number != 0 || ks_clock_monotonic_ms() - shown_ms >= KS_CONFIRM_HASTE_MS)
			return r;
		r = set(conversation, "SETDESC ", description, true);
		if (r < 0)
			return r;
	}
	(void)ks_text_print(conversation->why, KS_TEXT_MAX,
			    "the dialog was answered %u times before anybody can have read it", KS_CONFIRM_HASTES);
	return KS_ERR_CANCELLED;
}

static int take_pin(struct conversation *conversation, struct ks_secret *pin)
{
	if (conversation->too_long) {
		(void)ks_text_print(conversation->why, KS_TEXT_MAX, "what was typed is longer than %d bytes",
				    KS_SECRET_MAX);
		return KS_ERR_PIN_LENGTH;
	}
	if (conversation->n_typed == 0) {
		(void)ks_text_print(conversation->why, KS_TEXT_MAX, "no PIN was typed");
		return KS_ERR_PIN_LENGTH;
	}
	return ks_secret_take(pin, (uint8_t *)conversation->typed, conversation->n_typed);
}

static int ask(struct conversation *conversation, struct ks_secret *pin)
{
	enum ks_prompt_kind kind = conversation->question->kind;
	unsigned long number = 0;

	int r = prepare(conversation);
	if (r < 0)
		return r;
	if (kind == KS_PROMPT_PIN) {
		conversation->typed = ks_locked_pages_new(KS_SECRET_MAX);
		if (!conversation->typed)
			return explain(conversation, KS_ERR_NO_MEMORY);
	}
	conversation->asked = true;
	r = kind == KS_PROMPT_CONFIRM ? confirm(conversation, &number) :
					transact(conversation, kind == KS_PROMPT_PIN ? "GETPIN" : "MESSAGE", &number);
	if (r == 0 && number != 0)
		return explain_code(conversation, number);
	if (r == 0 && kind == KS_PROMPT_PIN)
		return take_pin(conversation, pin);
	if (r == 0 && kind == KS_PROMPT_SHOW)
		return explain_code(conversation, GPG_ERR_CANCELED);
	return r;
}

int ks_pinentry_ask(const struct ks_pinentry_question *question, struct ks_secret *pin, char *why)
{
	struct conversation conversation = {
		.question = question,
		.link = { .program = question->program,
			  .display = question->display,
			  .agent_fd = question->agent_fd,
			  .signal_fd = question->signal_fd,
			  .deadline_ms = ks_clock_monotonic_ms() + question->timeout_ms + GRACE_MS },
		.why = why,
	};

	int r = ks_pinentry_link_open(&conversation.link);
	r = r < 0 ? explain(&conversation, r) : ask(&conversation, pin);
	ks_pinentry_link_close(&conversation.link);
	if (conversation.link.forced && question->terminal)
		ks_terminal_restore(question->terminal);
	return r;
}
