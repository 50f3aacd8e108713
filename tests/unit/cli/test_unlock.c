/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keystay unlock` and `keystay lock` against a fake agent: which token the PIN goes to, how often, and what is said.
 *
 * The command runs in a process of its own (forked.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/commands.h"
#include "lib/base/cleanup.h"
#include "tests/unit/cli/cli_test.h"
#include "tests/unit/cli/forked.h"
#include "tests/unit/client/fake_agent.h"

#define N_REQUESTS 4

/* What the fake agent was sent. */
struct sent {
	char token[256];
	char pin[64];
	bool ask;
	uint32_t wait_ms;
	char program[64];
	char tty[64];
	char display[64];
};

struct bench {
	struct fake_agent agent;
	struct ks_buffer tokens; /* that it has */
	const char *key_token;   /* of the key "alice"; NULL = there is none */
	int refusal;             /* UNLOCK is answered with this error, */
	unsigned n_refusals;     /* so many times */
	struct sent sent[N_REQUESTS];
	unsigned n_sent;
	struct forked program; /* the last one */
};

/* --- the agent --------------------------------------------------------------------------------------------------- */

static void copy(struct ks_bytes text, char *out, size_t size)
{
	(void)snprintf(out, size, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

static void answer_unlock(struct bench *bench, int fd, struct ks_bytes body)
{
	struct ks_msg_unlock request;

	assert_int_equal(ks_message_read(KS_MSG_UNLOCK, body, &request, sizeof(request)), 0);
	assert_true(bench->n_sent < N_REQUESTS);
	struct sent *sent = &bench->sent[bench->n_sent++];
	copy(request.token, sent->token, sizeof(sent->token));
	copy(request.pin, sent->pin, sizeof(sent->pin));
	sent->ask = request.ask;
	sent->wait_ms = request.wait_ms;
	copy(request.program, sent->program, sizeof(sent->program));
	copy(request.tty, sent->tty, sizeof(sent->tty));
	copy(request.display, sent->display, sizeof(sent->display));
	if (bench->n_refusals > 0) {
		bench->n_refusals--;
		fake_agent_refuse(fd, request.id, bench->refusal, "the agent says no");
		return;
	}
	struct ks_msg_unlock_reply reply = { KS_MESSAGE_HEAD(request.id), .token = ks_bytes_text("corp"),
					     .unlocked_for_s = 28800, .n_keys = 3 };
	fake_agent_reply(fd, KS_MSG_UNLOCK_REPLY, &reply);
}

static void answer_status(struct bench *bench, int fd, struct ks_bytes body)
{
	struct ks_msg_status_reply reply = { KS_MESSAGE_HEAD(fake_agent_id(body)),
					     .tokens = ks_buffer_bytes(&bench->tokens) };

	fake_agent_reply(fd, KS_MSG_STATUS_REPLY, &reply);
}

static void answer_get(struct bench *bench, int fd, struct ks_bytes body)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_msg_identity alice = cli_test_identity("alice");

	if (!bench->key_token) {
		fake_agent_refuse(fd, fake_agent_id(body), KS_ERR_UNKNOWN_KEY, "no such key");
		return;
	}
	alice.token = ks_bytes_text(bench->key_token);
	ks_record_write(&list, KS_RECORD(identity), &alice);
	struct ks_msg_get_reply reply = { KS_MESSAGE_HEAD(fake_agent_id(body)), .identity = ks_buffer_bytes(&list) };
	fake_agent_reply(fd, KS_MSG_GET_REPLY, &reply);
}

static void answer_lock(struct bench *bench, int fd, struct ks_bytes body)
{
	struct ks_msg_lock request;

	assert_int_equal(ks_message_read(KS_MSG_LOCK, body, &request, sizeof(request)), 0);
	copy(request.token, bench->sent[bench->n_sent++].token, sizeof(bench->sent[0].token));
	struct ks_msg_lock_reply reply = { KS_MESSAGE_HEAD(request.id), .n_tokens = request.token.size ? 1 : 0 };
	fake_agent_reply(fd, KS_MSG_LOCK_REPLY, &reply);
}

static void serve(struct fake_agent *agent, int fd)
{
	struct bench *bench = agent->userdata;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	struct ks_bytes body;
	uint8_t type;

	while (fake_agent_read(fd, &buffer, &type, &body)) {
		if (type == KS_MSG_STATUS)
			answer_status(bench, fd, body);
		else if (type == KS_MSG_GET)
			answer_get(bench, fd, body);
		else if (type == KS_MSG_UNLOCK)
			answer_unlock(bench, fd, body);
		else
			answer_lock(bench, fd, body);
	}
}

static int setup(void **state)
{
	static const struct ks_command *const commands[] = { &ks_command_unlock, &ks_command_lock };
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->program.table = commands;
	bench->program.n = sizeof(commands) / sizeof(commands[0]);
	fake_agent_start(&bench->agent, serve, bench);
	assert_int_equal(unsetenv("KEYSTAY_PROMPT"), 0);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	fake_agent_stop(&bench->agent);
	ks_buffer_deinit(&bench->tokens);
	free(bench);
	return 0;
}

static void add_token_tried(struct bench *bench, const char *label, uint32_t state, uint32_t more_flags,
			    uint32_t submissions)
{
	char uri[64];
	struct ks_msg_token_status token = cli_test_token(label, state);

	(void)snprintf(uri, sizeof(uri), "pkcs11:token=%s", label);
	token.uri = ks_bytes_text(uri);
	token.pin_flags |= more_flags;
	token.submissions = submissions;
	token.unlocked_for_s = state == KS_TOKEN_UNLOCKED ? 3600 : 0;
	ks_record_write(&bench->tokens, KS_RECORD(token_status), &token);
}

static void add_token(struct bench *bench, const char *label, uint32_t state, uint32_t more_flags)
{
	add_token_tried(bench, label, state, more_flags, 0);
}

/* --- by descriptor ----------------------------------------------------------------------------------------------- */

static void test_unlock_sends_the_pin_once_to_the_token_that_was_named(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	add_token(bench, "other", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock corp --pin-fd 3", "12 34\nrest");
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->n_sent, 1);
	assert_string_equal(bench->sent[0].token, "pkcs11:token=corp");
	assert_string_equal(bench->sent[0].pin, "12 34");
	assert_false(bench->sent[0].ask);
	assert_string_equal(bench->program.out, "Token \"corp\" is unlocked for 8 h; keys: 3 (see: keystay list)\n");
	assert_string_equal(bench->program.err, "");
}

static void test_unlock_takes_a_pin_without_a_newline(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock --pin-fd=3", "1234");
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_string_equal(bench->sent[0].pin, "1234");
}

static void test_unlock_prints_json(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock --json --pin-fd 3", "1234\n");
	assert_string_equal(bench->program.out,
			    "{\n  \"token\": \"corp\",\n  \"unlocked_for_s\": 28800,\n  \"keys\": 3\n}\n");
}

static void test_unlock_by_the_name_of_a_key(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	add_token(bench, "other", KS_TOKEN_LOCKED, 0);
	bench->key_token = "other";
	forked_run(&bench->program, "unlock alice --pin-fd 3", "1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_string_equal(bench->sent[0].token, "pkcs11:token=other");
}

static void test_unlock_of_an_unknown_name_asks_nothing(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock nobody --pin-fd 3", "1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_sent, 0);
	assert_string_equal(bench->program.err,
			    "keystay: no token and no key is called \"nobody\"; see: keystay status\n");
}

static void test_unlock_of_several_offers_the_choice(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	add_token(bench, "other", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock --pin-fd 3", "1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_sent, 0);
	assert_string_equal(bench->program.err, "keystay: more than one token is locked; name one:\n"
						"  keystay unlock pkcs11:token=corp\n"
						"  keystay unlock pkcs11:token=other\n");
}

static void test_unlock_of_what_needs_no_pin_asks_nothing(void **state)
{
	static const struct {
		uint32_t state;
		int exit_code;
		const char *text;
	} cases[] = {
		{ KS_TOKEN_UNLOCKED, KS_EXIT_GOOD, "Token \"corp\" is unlocked already, 1 h left; keys: 3" },
		{ KS_TOKEN_OPEN, KS_EXIT_GOOD, "Token \"corp\" is unlocked already; keys: 3" },
		{ KS_TOKEN_BLOCKED, KS_EXIT_FAILED, "keystay: token \"corp\" has blocked its PIN; set a new one" },
		{ KS_TOKEN_ABSENT, KS_EXIT_FAILED, "keystay: token \"corp\" is not there; insert it" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench *bench = *state;
		ks_buffer_reset(&bench->tokens);
		add_token(bench, "corp", cases[i].state, 0);
		forked_run(&bench->program, "unlock corp --pin-fd 3", "1234\n");
		assert_int_equal(bench->program.exit_code, cases[i].exit_code);
		assert_int_equal(bench->n_sent, 0);
		cli_test_assert_part(cases[i].exit_code ? bench->program.err : bench->program.out, cases[i].text);
	}
}

static void test_unlock_never_tries_a_wrong_pin_again(void **state)
{
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	bench->refusal = KS_ERR_PIN_WRONG;
	bench->n_refusals = 9;
	forked_run(&bench->program, "unlock corp --pin-fd 3", "1234\n1234\n1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_sent, 1);
	assert_string_equal(bench->program.err, "keystay: the agent says no\n");
}

static void test_unlock_refuses_an_empty_or_endless_pin(void **state)
{
	struct bench *bench = *state;
	char text[400];

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock --pin-fd 3", "\n1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_string_equal(bench->program.err, "keystay: no PIN was given; token \"corp\" stays locked\n");
	forked_run(&bench->program, "unlock --pin-fd 3", NULL);
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	forked_run(&bench->program, "unlock --pin-fd 3", text);
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	cli_test_assert_part(bench->program.err, "longer than any PIN");
	assert_int_equal(bench->n_sent, 0);
}

static void test_unlock_refuses_a_descriptor_that_is_none(void **state)
{
	static const char *const lines[] = { "unlock --pin-fd 77", "unlock --pin-fd x", "unlock --pin-fd -1",
					     "unlock --pin-fd 99999999999" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct bench *bench = *state;
		ks_buffer_reset(&bench->tokens);
		add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
		forked_run(&bench->program, lines[i], NULL);
		assert_int_equal(bench->program.exit_code, KS_EXIT_USAGE);
		assert_int_equal(bench->n_sent, 0);
	}
}

static void test_unlock_without_agent_exits_with_3(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(setenv("KEYSTAY_CONTROL_SOCK", "/nonexistent/control.sock", 1), 0);
	forked_run(&bench->program, "unlock --pin-fd 3", "1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_NO_AGENT);
	cli_test_assert_part(bench->program.err, "keystay: ");
}

/* --- the agent asks ---------------------------------------------------------------------------------------------- */

static void assert_asked(const struct bench *bench, unsigned n)
{
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->n_sent, n);
	assert_true(bench->sent[n - 1].ask);
	assert_string_equal(bench->sent[n - 1].pin, "");
	assert_int_equal(bench->sent[n - 1].wait_ms, KS_WAIT_DEFAULT);
}

static void test_unlock_without_terminal_lets_the_agent_ask(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(setenv("DISPLAY", ":77", 1), 0);
	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run(&bench->program, "unlock", NULL);
	assert_asked(bench, 1);
	assert_string_equal(bench->sent[0].token, "pkcs11:token=corp");
	assert_string_equal(bench->sent[0].program, "test_cli_unlock");
	assert_string_equal(bench->sent[0].display, ":77");
	assert_string_equal(bench->program.err, "keystay: the agent asks for the PIN of token \"corp\" in a dialog\n");
}

static void test_unlock_ask_does_not_ask_on_the_terminal_but_names_it(void **state)
{
	static const char *const nothing[] = { NULL };
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run_on_terminal(&bench->program, "unlock --ask", nothing);
	assert_asked(bench, 1);
	assert_memory_equal(bench->sent[0].tty, "/dev/pts/", 9);
	cli_test_assert_no_part(bench->program.out, "PIN of token \"corp\": ");
}

static void test_unlock_of_a_pin_pad_sends_no_pin(void **state)
{
	static const char *const nothing[] = { NULL };
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, KS_PIN_PAD);
	forked_run_on_terminal(&bench->program, "unlock", nothing);
	assert_asked(bench, 1);
	cli_test_assert_part(bench->program.out, "keystay: type the PIN at the reader of token \"corp\"\r\n");
}

static void test_unlock_never_has_the_agent_ask_when_told_so(void **state)
{
	static const struct {
		const char *line, *prompt;
		uint32_t flags;
		const char *text;
	} cases[] = {
		{ "unlock --no-prompt", NULL, 0,
		  "there is no terminal to ask for the PIN of token \"corp\"; give it "
		  "with --pin-fd\n" },
		{ "unlock", "never", 0, "there is no terminal to ask for the PIN" },
		{ "unlock --ask", "never", 0,
		  "token \"corp\" stays locked: its PIN would be asked for by a dialog of the agent, which "
		  "KEYSTAY_PROMPT=never forbids; nothing was tried\n" },
		{ "unlock --no-prompt", NULL, KS_PIN_PAD,
		  "stays locked: its PIN is typed at the reader when the agent asks for it, which --no-prompt forbids" },
		{ "unlock", "never", KS_PIN_FINAL_TRY,
		  "stays locked: one more wrong PIN blocks the token, and only a dialog of the agent takes the next "
		  "PIN, which KEYSTAY_PROMPT=never forbids" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench *bench = *state;
		ks_buffer_reset(&bench->tokens);
		add_token(bench, "corp", KS_TOKEN_LOCKED, cases[i].flags);
		assert_int_equal(unsetenv("KEYSTAY_PROMPT"), 0);
		if (cases[i].prompt)
			assert_int_equal(setenv("KEYSTAY_PROMPT", cases[i].prompt, 1), 0);
		forked_run(&bench->program, cases[i].line, NULL);
		assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
		assert_int_equal(bench->n_sent, 0);
		cli_test_assert_part(bench->program.err, cases[i].text);
	}
}

static void test_unlock_ask_goes_with_no_other_way(void **state)
{
	static const char *const lines[] = { "unlock --ask --pin-fd 3", "unlock --ask --no-prompt" };
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		forked_run(&bench->program, lines[i], "1234\n");
		assert_int_equal(bench->program.exit_code, KS_EXIT_USAGE);
		assert_int_equal(bench->n_sent, 0);
	}
}

/* --- after a wrong PIN ------------------------------------------------------------------------------------------- */

static void test_unlock_by_descriptor_hands_on_that_a_dialog_is_needed(void **state)
{
	static const int refusals[] = { KS_ERR_NEEDS_DIALOG, KS_ERR_PIN_FINAL_TRY };

	for (size_t i = 0; i < 2; i++) {
		struct bench *bench = *state;
		ks_buffer_reset(&bench->tokens);
		add_token(bench, "corp", KS_TOKEN_LOCKED, KS_PIN_FINAL_TRY);
		bench->n_sent = 0;
		bench->refusal = refusals[i];
		bench->n_refusals = 9;
		forked_run(&bench->program, "unlock --pin-fd 3", "1234\n");
		assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
		assert_int_equal(bench->n_sent, 1);
		assert_false(bench->sent[0].ask);
		assert_string_equal(bench->program.err, "keystay: the agent says no\n");
	}
}

static void test_unlock_on_a_terminal_lets_the_agent_ask_when_that_is_known_to_be_needed(void **state)
{
	static const struct {
		uint32_t flags, submissions;
		const char *reason;
	} cases[] = {
		{ KS_PIN_FINAL_TRY | KS_PIN_COUNT_LOW, 0,
		  "keystay: one more wrong PIN blocks the token; the agent asks " },
		{ KS_PIN_COUNT_LOW, 1, "keystay: a wrong PIN was given since the last good one; the agent asks " },
		{ 0, 2, "keystay: several PINs were given without success; the agent asks " },
	};
	static const char *const nothing[] = { NULL };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench *bench = *state;
		ks_buffer_reset(&bench->tokens);
		add_token_tried(bench, "corp", KS_TOKEN_LOCKED, cases[i].flags, cases[i].submissions);
		bench->n_sent = 0;
		memset(bench->program.out, 0, sizeof(bench->program.out));
		forked_run_on_terminal(&bench->program, "unlock", nothing);
		assert_asked(bench, 1);
		cli_test_assert_part(bench->program.out, cases[i].reason);
	}
}

static void test_unlock_on_a_terminal_lets_the_agent_ask_when_it_says_so(void **state)
{
	static const char *const dialog[] = { "PIN of token \"corp\": ", "1234\n", "that PIN was not tried", "", NULL };
	struct bench *bench = *state;

	add_token_tried(bench, "corp", KS_TOKEN_LOCKED, 0, 1);
	bench->refusal = KS_ERR_NEEDS_DIALOG;
	bench->n_refusals = 1;
	forked_run_on_terminal(&bench->program, "unlock", dialog);
	assert_string_equal(bench->sent[0].pin, "1234");
	assert_false(bench->sent[0].ask);
	assert_asked(bench, 2);
	cli_test_assert_part(bench->program.out, "Token \"corp\" is unlocked for 8 h");
}

/* A wrong PIN is an answer of the token: the person decides anew, by running it again. */
static void test_unlock_on_a_terminal_ends_with_a_wrong_pin(void **state)
{
	static const char *const dialog[] = { "PIN of token \"corp\": ", "1234\n", NULL };
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	bench->refusal = KS_ERR_PIN_WRONG;
	bench->n_refusals = 9;
	forked_run_on_terminal(&bench->program, "unlock", dialog);
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_sent, 1);
}

static void test_unlock_on_a_terminal_asks_there_also_when_dialogs_are_forbidden(void **state)
{
	static const char *const dialog[] = { "PIN of token \"corp\": ", "1234\n", NULL };
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	bench->refusal = KS_ERR_NEEDS_DIALOG;
	bench->n_refusals = 9;
	forked_run_on_terminal(&bench->program, "unlock --no-prompt", dialog);
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_sent, 1);
	cli_test_assert_part(bench->program.out, "keystay: the agent says no");
}

/* --- on a terminal ----------------------------------------------------------------------------------------------- */

static void test_unlock_asks_on_the_terminal_and_shows_no_pin(void **state)
{
	static const char *const dialog[] = { "PIN of token \"corp\": ", "secret-1234\n", NULL };
	struct bench *bench = *state;

	add_token(bench, "corp", KS_TOKEN_LOCKED, 0);
	forked_run_on_terminal(&bench->program, "unlock corp", dialog);
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->n_sent, 1);
	assert_string_equal(bench->sent[0].pin, "secret-1234");
	cli_test_assert_no_part(bench->program.out, "secret");
	cli_test_assert_part(bench->program.out, "Token \"corp\" is unlocked for 8 h");
}

/* --- lock -------------------------------------------------------------------------------------------------------- */

static void test_lock_names_one_token_or_all(void **state)
{
	struct bench *bench = *state;

	forked_run(&bench->program, "lock corp", NULL);
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_string_equal(bench->sent[0].token, "corp");
	assert_string_equal(bench->program.out, "Locked: 1 token\n");
	forked_run(&bench->program, "lock", NULL);
	assert_string_equal(bench->sent[1].token, "");
	assert_string_equal(bench->program.out, "Nothing was unlocked.\n");
	forked_run(&bench->program, "lock corp --json", NULL);
	assert_string_equal(bench->program.out, "{\n  \"tokens\": 1\n}\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unlock_sends_the_pin_once_to_the_token_that_was_named),
		TEST(test_unlock_takes_a_pin_without_a_newline),
		TEST(test_unlock_prints_json),
		TEST(test_unlock_by_the_name_of_a_key),
		TEST(test_unlock_of_an_unknown_name_asks_nothing),
		TEST(test_unlock_of_several_offers_the_choice),
		TEST(test_unlock_of_what_needs_no_pin_asks_nothing),
		TEST(test_unlock_never_tries_a_wrong_pin_again),
		TEST(test_unlock_refuses_an_empty_or_endless_pin),
		TEST(test_unlock_refuses_a_descriptor_that_is_none),
		TEST(test_unlock_without_agent_exits_with_3),
		TEST(test_unlock_without_terminal_lets_the_agent_ask),
		TEST(test_unlock_ask_does_not_ask_on_the_terminal_but_names_it),
		TEST(test_unlock_of_a_pin_pad_sends_no_pin),
		TEST(test_unlock_never_has_the_agent_ask_when_told_so),
		TEST(test_unlock_ask_goes_with_no_other_way),
		TEST(test_unlock_by_descriptor_hands_on_that_a_dialog_is_needed),
		TEST(test_unlock_on_a_terminal_lets_the_agent_ask_when_that_is_known_to_be_needed),
		TEST(test_unlock_on_a_terminal_lets_the_agent_ask_when_it_says_so),
		TEST(test_unlock_on_a_terminal_ends_with_a_wrong_pin),
		TEST(test_unlock_on_a_terminal_asks_there_also_when_dialogs_are_forbidden),
		TEST(test_unlock_asks_on_the_terminal_and_shows_no_pin),
		TEST(test_lock_names_one_token_or_all),
	};

	/* A child that hangs must not hang the tests. */
	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
