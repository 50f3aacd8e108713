/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_unlock: `keystay unlock`.
 *
 * One PIN, asked for once, for a token that is named before, goes to the agent once (invariant I6). Nothing here tries
 * a PIN again. Where a wrong one was given before, or one more could block the token, only the agent's dialog takes the
 * next: whatever could be said on this command line, a program could say in a loop.
 *
 * Runs in: keystay. The PIN stands in a struct ks_secret from the first byte on, and in the frame that carries it,
 * which client/ wipes.
 */
#include "cli/commands.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "cli/prompt.h"
#include "cli/token_choice.h"
#include "cli/words.h"
#include "client/hints.h"
#include "lib/base/cleanup.h"
#include "lib/base/process.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

enum { OPTION_PIN_FD, OPTION_ASK, OPTION_NO_PROMPT, OPTION_JSON, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[OPTION_PIN_FD] = { "pin-fd", 0, "N", "read the PIN from descriptor N, up to a newline; ask nothing" },
	[OPTION_ASK] = { "ask", 0, NULL, "have the agent ask, by its dialog, also when there is a terminal" },
	[OPTION_NO_PROMPT] = { "no-prompt", 0, NULL, "never have the agent ask" },
	[OPTION_JSON] = KS_OPTION_JSON,
};

/* One unlock under way. */
struct unlocking {
	const struct ks_cli *cli;
	const struct ks_arguments *arguments;
	struct ks_token_choice token;
	char shown[4 * 64 + 1]; /* its label, safe to print */
	struct ks_hints hints;
	int terminal;          /* -1 until it is needed */
	struct ks_secret *pin; /* owned */
};

static void unlocking_deinit(struct unlocking *unlocking)
{
	ks_cleanup_close(&unlocking->terminal);
	ks_secret_free(unlocking->pin);
}

/* --- which token ------------------------------------------------------------------------------------------------- */

/* name may be that of a key: its token is meant. */
static enum ks_exit find_by_key(struct unlocking *unlocking, struct ks_bytes tokens, const char *name)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;

	int r = ks_client_get(name, &found, &error);
	if (r == KS_ERR_UNKNOWN_KEY) {
		char shown[256];
		ks_text_escape(ks_bytes_text(name), shown, sizeof(shown));
		ks_output_error(unlocking->cli, "no token and no key is called \"%s\"; see: keystay status", shown);
		return KS_EXIT_FAILED;
	}
	if (r < 0)
		return ks_command_fail(unlocking->cli, &error);
	if (ks_token_choice_of_key(tokens, &found->identity, &unlocking->token) == 0)
		return KS_EXIT_GOOD;
	ks_output_error(unlocking->cli, "the token of this key is not there; see: keystay status");
	return KS_EXIT_FAILED;
}

/* All tokens that the agent sees, copied: the connection must not stay open while a person thinks. */
static int get_tokens(struct ks_buffer *tokens, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_status request = { 0 };
	struct ks_msg_status_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, ret_error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_STATUS, &request, KS_MSG_STATUS_REPLY, &reply, sizeof(reply),
				   "waiting for the agent to look at its tokens", ret_error);
	if (r == 0)
		ks_buffer_put(tokens, reply.tokens);
	return r;
}

static enum ks_exit find_token(struct unlocking *unlocking)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer tokens = { 0 };
	struct ks_client_error error;
	struct ks_token_choice_problem problem;
	const char *name = unlocking->arguments->n_operands ? unlocking->arguments->operands[0] : "";

	if (get_tokens(&tokens, &error) < 0)
		return ks_command_fail(unlocking->cli, &error);
	int r = ks_buffer_error(&tokens);
	if (r < 0)
		return ks_command_fail_code(unlocking->cli, r, "unlock");
	r = ks_token_choice_find(ks_buffer_bytes(&tokens), ks_bytes_text(name), &unlocking->token, &problem);
	if (r == KS_ERR_NOT_FOUND)
		return find_by_key(unlocking, ks_buffer_bytes(&tokens), name);
	if (r < 0) {
		ks_output_error(unlocking->cli, "%s", problem.text);
		return KS_EXIT_FAILED;
	}
	return KS_EXIT_GOOD;
}

static enum ks_exit print_unlocked(const struct unlocking *unlocking, bool is_new, uint64_t unlocked_for_s,
				   uint32_t n_keys)
{
	const struct ks_cli *cli = unlocking->cli;
	char left[KS_WORDS_TIME_MAX];

	if (ks_arguments_has(unlocking->arguments, OPTION_JSON)) {
		json_t *object = json_object();
		ks_output_json_put(&object, "token", ks_output_json_text(ks_bytes_text(unlocking->token.label)));
		ks_output_json_put(&object, "unlocked_for_s", json_integer((json_int_t)unlocked_for_s));
		ks_output_json_put(&object, "keys", json_integer((json_int_t)n_keys));
		int r = ks_output_json(cli, object);
		return r < 0 ? ks_command_fail_code(cli, r, "unlock") : KS_EXIT_GOOD;
	}
	ks_words_duration(unlocked_for_s, left, sizeof(left));
	(void)fprintf(cli->out, "Token \"%s\" is unlocked%s", unlocking->shown, is_new ? "" : " already");
	if (unlocked_for_s)
		(void)fprintf(cli->out, is_new ? " for %s" : ", %s left", left);
	(void)fprintf(cli->out, "; keys: %u (see: keystay list)\n", (unsigned)n_keys);
	return KS_EXIT_GOOD;
}

/* Is there anything to ask for? When not, *ret_result says how to exit. */
static bool needs_pin(const struct unlocking *unlocking, enum ks_exit *ret_result)
{
	const struct ks_token_choice *token = &unlocking->token;

	switch (token->state) {
	case KS_TOKEN_LOCKED:
		return true;
	case KS_TOKEN_UNLOCKED:
	case KS_TOKEN_OPEN:
		*ret_result = print_unlocked(unlocking, false, token->unlocked_for_s, token->n_keys);
		return false;
	case KS_TOKEN_BLOCKED:
		ks_output_error(
			unlocking->cli,
			"token \"%s\" has blocked its PIN; set a new one by its PUK or SO PIN: keystay token pin "
			"unblock",
			unlocking->shown);
		break;
	default:
		ks_output_error(unlocking->cli, "token \"%s\" is not there; insert it, then run this again",
				unlocking->shown);
	}
	*ret_result = KS_EXIT_FAILED;
	return false;
}

/* --- the agent asks ---------------------------------------------------------------------------------------------- */

/* What forbids the agent's dialog; NULL = nothing. */
static const char *find_ban(const struct unlocking *unlocking)
{
	if (ks_arguments_has(unlocking->arguments, OPTION_NO_PROMPT))
		return "--no-prompt";
	return unlocking->hints.wait_ms == 0 ? "KEYSTAY_PROMPT=never" : NULL;
}

/* A connection of its own: a person may take longer to type than an idle one lives. The agent asks when there is no
 * PIN; nothing is written to the terminal meanwhile, for its dialog may be there. */
static int send_unlock(const struct unlocking *unlocking, struct ks_msg_unlock_reply *ret_reply,
		       struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	const char *uri = unlocking->token.uri;
	const struct ks_hints *hints = &unlocking->hints;
	struct ks_msg_unlock request = {
		.token = ks_bytes_text(uri[0] ? uri : unlocking->token.label),
		.ask = !unlocking->pin,
		.pin = unlocking->pin ? ks_secret_bytes(unlocking->pin) : KS_BYTES_NONE,
		KS_MESSAGE_PERSON(*hints),
	};

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, ret_error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_UNLOCK, &request, KS_MSG_UNLOCK_REPLY, ret_reply, sizeof(*ret_reply),
				   unlocking->pin ? "waiting for the token" : NULL, ret_error);
	/* The reply's text dies with the connection, and says what we know. */
	if (r == 0)
		ret_reply->token = KS_BYTES_NONE;
	return r;
}

static enum ks_exit submit(const struct unlocking *unlocking)
{
	struct ks_client_error error;
	struct ks_msg_unlock_reply reply = { 0 };

	if (send_unlock(unlocking, &reply, &error) < 0)
		return ks_command_fail(unlocking->cli, &error);
	return print_unlocked(unlocking, true, reply.unlocked_for_s, reply.n_keys);
}

static enum ks_exit fail_ban(const struct unlocking *unlocking, const char *ban, const char *reason)
{
	const char *how = "its PIN would be asked for by a dialog of the agent";

	if (unlocking->token.pin_flags & KS_PIN_PAD)
		how = "its PIN is typed at the reader when the agent asks for it";
	else if (reason)
		how = "only a dialog of the agent takes the next PIN";
	ks_output_error(unlocking->cli, "token \"%s\" stays locked: %s%s%s, which %s forbids; nothing was tried",
			unlocking->shown, reason ? reason : "", reason ? ", and " : "", how, ban);
	return KS_EXIT_FAILED;
}

/* reason: why a dialog and not this terminal, half a sentence; NULL = it is what the person wants. */
static enum ks_exit let_agent_ask(struct unlocking *unlocking, const char *reason)
{
	const char *ban = find_ban(unlocking);
	FILE *err = unlocking->cli->err;

	if (ban)
		return fail_ban(unlocking, ban, reason);
	(void)fprintf(err, "keystay: %s%s", reason ? reason : "", reason ? "; " : "");
	if (unlocking->token.pin_flags & KS_PIN_PAD)
		(void)fprintf(err, "type the PIN at the reader of token \"%s\"\n", unlocking->shown);
	else
		(void)fprintf(err, "the agent asks for the PIN of token \"%s\" in a dialog\n", unlocking->shown);
	ks_secret_free(unlocking->pin);
	unlocking->pin = NULL;
	return submit(unlocking);
}

/* --- the PIN ----------------------------------------------------------------------------------------------------- */

static enum ks_exit fail_pin(const struct unlocking *unlocking, int code)
{
	if (code == KS_ERR_CANCELLED)
		ks_output_error(unlocking->cli, "no PIN was given; token \"%s\" stays locked", unlocking->shown);
	else if (code == KS_ERR_TOO_LARGE)
		ks_output_error(unlocking->cli, "that is longer than any PIN (%d bytes); nothing was tried",
				KS_SECRET_MAX);
	else if (code == KS_ERR_NO_MEMORY || code == KS_ERR_LIMIT)
		ks_output_error(unlocking->cli, "there is no memory that can be locked for the PIN; see: ulimit -l");
	else
		ks_output_error(unlocking->cli, "the PIN could not be read: %s", ks_error_text(code));
	return KS_EXIT_FAILED;
}

static enum ks_exit read_pin_fd(struct unlocking *unlocking)
{
	const char *text = unlocking->arguments->values[OPTION_PIN_FD];
	uint64_t number;

	if (ks_text_number(text, INT_MAX, &number) < 0 || fcntl((int)number, F_GETFD) < 0) {
		ks_output_error(unlocking->cli, "unlock: --pin-fd wants the number of an open descriptor, such as 0");
		return KS_EXIT_USAGE;
	}
	int r = ks_secret_new(&unlocking->pin);
	if (r == 0)
		r = ks_secret_read(unlocking->pin, (int)number, true);
	if (r == 0 && ks_secret_bytes(unlocking->pin).size == 0)
		r = KS_ERR_CANCELLED;
	return r < 0 ? fail_pin(unlocking, r) : KS_EXIT_GOOD;
}

/* --- on a terminal ----------------------------------------------------------------------------------------------- */

/* Why a PIN that is typed here would only be refused; NULL = it would not, as far as is known. */
static const char *find_trouble(const struct ks_token_choice *token)
{
	if (token->pin_flags & KS_PIN_FINAL_TRY)
		return "one more wrong PIN blocks the token";
	if (token->pin_flags & KS_PIN_COUNT_LOW)
		return "a wrong PIN was given since the last good one";
	return token->submissions >= KS_SUBMISSIONS_PLAIN ? "several PINs were given without success" : NULL;
}

/* Refused before the token saw the PIN: a dialog is the next step, not a second try. */
static bool was_left_to_a_dialog(int error)
{
	return error == KS_ERR_NEEDS_DIALOG || error == KS_ERR_PIN_FINAL_TRY;
}

static enum ks_exit ask_on_terminal(struct unlocking *unlocking)
{
	char question[512];
	struct ks_client_error error;
	struct ks_msg_unlock_reply reply = { 0 };

	(void)ks_text_print(question, sizeof(question), "PIN of token \"%s\": ", unlocking->shown);
	int r = ks_secret_new(&unlocking->pin);
	if (r == 0)
		r = ks_prompt_pin(unlocking->terminal, question, unlocking->pin);
	if (r < 0)
		return fail_pin(unlocking, r);
	r = send_unlock(unlocking, &reply, &error);
	if (was_left_to_a_dialog(r) && !find_ban(unlocking))
		return let_agent_ask(unlocking, "that PIN was not tried: a wrong one was given before");
	if (r < 0)
		return ks_command_fail(unlocking->cli, &error);
	return print_unlocked(unlocking, true, reply.unlocked_for_s, reply.n_keys);
}

static enum ks_exit ask(struct unlocking *unlocking)
{
	const char *trouble = find_trouble(&unlocking->token);

	if (trouble || (unlocking->token.pin_flags & KS_PIN_PAD) || ks_arguments_has(unlocking->arguments, OPTION_ASK))
		return let_agent_ask(unlocking, trouble);
	if (ks_prompt_open(&unlocking->terminal) == 0)
		return ask_on_terminal(unlocking);
	if (!find_ban(unlocking))
		return let_agent_ask(unlocking, NULL);
	ks_output_error(unlocking->cli,
			"there is no terminal to ask for the PIN of token \"%s\"; give it with --pin-fd",
			unlocking->shown);
	return KS_EXIT_FAILED;
}

/* --- unlock ------------------------------------------------------------------------------------------------------ */

static enum ks_exit check_options(const struct unlocking *unlocking)
{
	bool asks = ks_arguments_has(unlocking->arguments, OPTION_ASK);

	if (!asks || !(ks_arguments_has(unlocking->arguments, OPTION_PIN_FD) ||
		       ks_arguments_has(unlocking->arguments, OPTION_NO_PROMPT)))
		return KS_EXIT_GOOD;
	ks_output_error(unlocking->cli, "unlock: --ask goes neither with --pin-fd nor with --no-prompt");
	return KS_EXIT_USAGE;
}

static enum ks_exit run_unlock(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	KS_CLEANUP(unlocking_deinit)
	struct unlocking unlocking = { .cli = cli, .arguments = arguments, .terminal = -1 };

	enum ks_exit result = check_options(&unlocking);
	if (result != KS_EXIT_GOOD)
		return result;
	int r = ks_process_harden();
	if (r < 0)
		return ks_command_fail_code(cli, r, "unlock: this process could not be protected");
	ks_hints_collect(&unlocking.hints);
	result = find_token(&unlocking);
	if (result != KS_EXIT_GOOD)
		return result;
	ks_text_escape(ks_bytes_text(unlocking.token.label), unlocking.shown, sizeof(unlocking.shown));
	if (!needs_pin(&unlocking, &result))
		return result;
	if (!ks_arguments_has(arguments, OPTION_PIN_FD))
		return ask(&unlocking);
	result = read_pin_fd(&unlocking);
	return result == KS_EXIT_GOOD ? submit(&unlocking) : result;
}

const struct ks_command ks_command_unlock = {
	.name = "unlock",
	.operands = "[TOKEN]",
	.summary = "give a token its PIN, once, for all programs",
	.details = "TOKEN is a label of `keystay status`, a PKCS#11 URI, or the name of one of\n"
		   "its keys. It may be left out where one token is locked.\n"
		   "\n"
		   "The PIN is asked for on the terminal and not shown. Scripts hand it over on a\n"
		   "descriptor:\n"
		   "\n"
		   "  keystay unlock corp --pin-fd 3 3<pin-file\n"
		   "\n"
		   "Without a terminal, or with --ask, the agent asks by a dialog (pinentry). Where\n"
		   "the reader has keys of its own, the PIN is typed there.\n"
		   "\n"
		   "A wrong PIN is never tried again. After one that the token remembers, or two\n"
		   "without success, only the agent's dialog takes the next.\n",
	.options = options,
	.n_options = N_OPTIONS,
	.max_operands = 1,
	.run = run_unlock,
};
