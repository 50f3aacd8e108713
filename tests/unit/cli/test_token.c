/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keystay token` against a fake agent: which token is meant, where PINs come from and how often they are typed, what is
 * asked before something that cannot be undone.
 *
 * The command runs in a forked child, because it makes its process undumpable, on a terminal of its own where it needs one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/spki.h"
#include "tests/unit/cli/cli_test.h"
#include "tests/unit/client/fake_agent.h"

struct bench {
	struct fake_agent agent;
	struct ks_buffer slots; /* that it tells */
	unsigned n_provisions;  /* without those that ask for slots */
	struct ks_msg_provision sent;
	char token[256], module[64], label[64], erase[64], so_pin[64], pin[64], new_pin[64];
	unsigned n_keygens;
	uint32_t key_type, bits;
	char id[16];
	char out[4096]; /* of the program, or all that its terminal showed */
	char err[4096];
	int exit_code;
};

/* --- the agent --------------------------------------------------------------------------------------------------- */

static void copy(struct ks_bytes text, char *out, size_t size)
{
	(void)snprintf(out, size, "%.*s", (int)text.size, text.size ? (const char *)text.data : "");
}

static void answer_provision(struct bench *bench, int fd, struct ks_bytes body)
{
	struct ks_msg_provision request;

	assert_int_equal(ks_message_read(KS_MSG_PROVISION, body, &request, sizeof(request)), 0);
	struct ks_msg_provision_reply reply = { KS_MESSAGE_HEAD(request.id), .slots = ks_buffer_bytes(&bench->slots) };
	if (request.operation != KS_PROVISION_LIST) {
		reply.slots = KS_BYTES_NONE;
		bench->n_provisions++;
		copy(request.token, bench->token, sizeof(bench->token));
		copy(request.module, bench->module, sizeof(bench->module));
		copy(request.label, bench->label, sizeof(bench->label));
		copy(request.erase, bench->erase, sizeof(bench->erase));
		copy(request.so_pin, bench->so_pin, sizeof(bench->so_pin));
		copy(request.pin, bench->pin, sizeof(bench->pin));
		copy(request.new_pin, bench->new_pin, sizeof(bench->new_pin));
		bench->sent = request;
	}
	fake_agent_reply(fd, KS_MSG_PROVISION_REPLY, &reply);
}

static void answer_keygen(struct bench *bench, int fd, struct ks_bytes body)
{
	struct ks_msg_token_keygen request;

	assert_int_equal(ks_message_read(KS_MSG_TOKEN_KEYGEN, body, &request, sizeof(request)), 0);
	bench->n_keygens++;
	bench->key_type = request.key_type;
	bench->bits = request.bits;
	copy(request.object_id, bench->id, sizeof(bench->id));
	fake_agent_refuse(fd, request.id, KS_ERR_UNSUPPORTED, "this card makes none; run: vendor-tool");
}

static void serve(struct fake_agent *agent, int fd)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	struct ks_bytes body;
	uint8_t type;

	while (fake_agent_read(fd, &buffer, &type, &body)) {
		if (type == KS_MSG_PROVISION)
			answer_provision(agent->userdata, fd, body);
		else
			answer_keygen(agent->userdata, fd, body);
	}
}

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	fake_agent_start(&bench->agent, serve, bench);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	fake_agent_stop(&bench->agent);
	ks_buffer_deinit(&bench->slots);
	free(bench);
	return 0;
}

/* label "": a blank token. */
static void add_slot(struct bench *bench, uint64_t number, const char *label, const char *manufacturer, bool pin_set)
{
	char serial[16];

	(void)snprintf(serial, sizeof(serial), "s%u", (unsigned)number);
	const struct ks_msg_slot_status slot = { .module = ks_bytes_text("softhsm"),
						 .slot = number,
						 .token_present = true,
						 .initialised = label[0] != '\0',
						 .pin_set = pin_set,
						 .label = ks_bytes_text(label),
						 .manufacturer = ks_bytes_text(manufacturer),
						 .serial = ks_bytes_text(label[0] ? serial : ""),
						 .pin_flags = KS_PIN_NEEDED | (pin_set ? KS_PIN_SET : 0) };
	ks_record_write(&bench->slots, KS_RECORD(slot_status), &slot);
}

/* --- the program ------------------------------------------------------------------------------------------------- */

static int main_of_child(const char *line)
{
	static const struct ks_command *const table[] = { &ks_command_token };
	struct ks_cli cli;
	char copy_of_line[256];
	char name[] = "keystay";
	char *argv[16] = { name };
	char *rest = copy_of_line;

	(void)snprintf(copy_of_line, sizeof(copy_of_line), "%s", line);
	for (size_t i = 1; i < 15 && rest; i++)
		argv[i] = strsep(&rest, " ");
	ks_cli_init(&cli);
	cli.color = false;
	return ks_command_main(&cli, table, 1, argv);
}

static void read_all(int fd, char *out, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size && (n = read(fd, out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	(void)close(fd);
}

static void finish(struct bench *bench, pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	bench->exit_code = WEXITSTATUS(status);
}

/* Without a terminal; pins wait on descriptor 3. */
static void run(struct bench *bench, const char *line, const char *pins)
{
	int out[2], err[2], in[2];

	assert_int_equal(pipe(out) | pipe(err) | pipe(in), 0);
	assert_int_equal(write(in[1], pins, strlen(pins)), (ssize_t)strlen(pins));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setsid();
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(err[1], STDERR_FILENO);
		(void)close(in[1]);
		(void)dup2(in[0], 3);
		_exit(main_of_child(line));
	}
	(void)close(out[1]);
	(void)close(err[1]);
	(void)close(in[0]);
	(void)close(in[1]);
	read_all(out[0], bench->out, sizeof(bench->out));
	read_all(err[0], bench->err, sizeof(bench->err));
	finish(bench, pid);
}

/* On a terminal, where someone waits for each question before typing its answer; pairs end with NULL. */
static void run_on_terminal(struct bench *bench, const char *line, const char *const *dialog)
{
	size_t used = 0, looked_at = 0;
	int master;

	pid_t pid = forkpty(&master, NULL, NULL, NULL);
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(main_of_child(line));
	for (;;) {
		char *found = dialog[0] ? strstr(bench->out + looked_at, dialog[0]) : NULL;
		if (found) {
			looked_at = (size_t)(found - bench->out) + strlen(dialog[0]);
			assert_int_equal(write(master, dialog[1], strlen(dialog[1])), (ssize_t)strlen(dialog[1]));
			dialog += 2;
			continue;
		}
		ssize_t n = read(master, bench->out + used, sizeof(bench->out) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
		bench->out[used] = '\0';
	}
	(void)close(master);
	finish(bench, pid);
	if (dialog[0])
		fail_msg("was never asked \"%s\", only:\n%s", dialog[0], bench->out);
}

/* --- PINs -------------------------------------------------------------------------------------------------------- */

static void test_token_pins_come_from_one_descriptor_in_order(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 7, "", "SoftHSM project", false);
	add_slot(bench, 8, "corp", "SoftHSM project", true);
	run(bench, "token init --label new --so-pin-fd 3 --new-pin-fd 3", "87654321\n1234\nrest");
	assert_int_equal(bench->exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->n_provisions, 1);
	assert_int_equal(bench->sent.operation, KS_PROVISION_INIT);
	assert_true(bench->sent.by_slot);
	assert_int_equal(bench->sent.slot, 7);
	assert_string_equal(bench->module, "softhsm");
	assert_string_equal(bench->label, "new");
	assert_string_equal(bench->so_pin, "87654321");
	assert_string_equal(bench->new_pin, "1234");
	run(bench, "token pin change --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	assert_int_equal(bench->sent.operation, KS_PROVISION_PIN_CHANGE);
	assert_false(bench->sent.by_slot); /* it goes by its serial number, whatever slot it is in */
	assert_non_null(strstr(bench->token, "serial=s8"));
	assert_string_equal(bench->pin, "1234");
	assert_string_equal(bench->new_pin, "4321");
	assert_string_equal(bench->so_pin, "");
}

static void test_token_new_pins_are_typed_twice_and_not_shown(void **state)
{
	static const char *const dialog[] = { "SO PIN of token \"corp\": ",
					      "87654321\n",
					      "New PIN of token \"corp\": ",
					      "1234\n",
					      "New PIN of token \"corp\", once more: ",
					      "1243\n",
					      "New PIN of token \"corp\": ",
					      "1234\n",
					      "New PIN of token \"corp\", once more: ",
					      "1234\n",
					      NULL };
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "SoftHSM project", false);
	run_on_terminal(bench, "token pin corp", dialog);
	assert_int_equal(bench->exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->sent.operation, KS_PROVISION_PIN_SET); /* it has none yet */
	assert_string_equal(bench->so_pin, "87654321");
	assert_string_equal(bench->new_pin, "1234");
	assert_null(strstr(bench->out, "1234"));
	assert_null(strstr(bench->out, "87654321"));
}

static void test_token_piv_unblocks_by_puk(void **state)
{
	static const char *const dialog[] = { "PUK of token \"alice\": ",
					      "12345678\n",
					      "New PIN of token \"alice\": ",
					      "1234\n",
					      "once more: ",
					      "1234\n",
					      NULL };
	struct bench *bench = *state;

	add_slot(bench, 0, "alice", "piv_II", true);
	run_on_terminal(bench, "token pin unblock", dialog);
	assert_int_equal(bench->exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->sent.operation, KS_PROVISION_PIN_UNBLOCK);
	assert_string_equal(bench->so_pin, "12345678");
}

static void test_token_without_a_pin_sends_nothing(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "SoftHSM project", true);
	run(bench, "token pin change corp --pin-fd 3 --new-pin-fd 3", "1234\n");
	assert_int_equal(bench->exit_code, KS_EXIT_FAILED);
	run(bench, "token pin change corp", "");
	assert_int_equal(bench->exit_code, KS_EXIT_FAILED);
	cli_test_assert_part(bench->err,
			     "there is no terminal to ask for the PIN of token \"corp\"; give it with --pin-fd");
	run(bench, "token pin change corp --pin-fd nine", "");
	assert_int_equal(bench->exit_code, KS_EXIT_USAGE);
	assert_int_equal(bench->n_provisions, 0);
}

/* --- which token ------------------------------------------------------------------------------------------------- */

static void test_token_of_two_must_be_named(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "a", true);
	add_slot(bench, 9, "corp", "a", true);
	run(bench, "token pin change corp --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	assert_int_equal(bench->exit_code, KS_EXIT_FAILED);
	cli_test_assert_part(bench->err, "more than one token could be meant");
	cli_test_assert_part(bench->err, "serial number s9");
	assert_int_equal(bench->n_provisions, 0);
	run(bench, "token pin change s9 --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	assert_int_equal(bench->exit_code, KS_EXIT_GOOD);
	assert_non_null(strstr(bench->token, "serial=s9"));
	run(bench, "token pin change nobody --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	cli_test_assert_part(bench->err, "no token is called \"nobody\"");
}

static void test_token_is_erased_only_after_a_yes(void **state)
{
	static const char *const no[] = { "Erase it? [y/N] ", "\n", NULL };
	static const char *const yes[] = { "Erase it? [y/N] ",
					   "y\n",
					   "SO PIN of token \"corp\": ",
					   "87654321\n",
					   "New PIN of token \"corp\": ",
					   "1234\n",
					   "once more: ",
					   "1234\n",
					   NULL };
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "a", true);
	run(bench, "token init --label new --so-pin-fd 3", "87654321\n");
	cli_test_assert_part(bench->err, "there is no blank token");
	run(bench, "token init --label new --erase corp --so-pin-fd 3", "87654321\n");
	cli_test_assert_part(bench->err, "there is no terminal to ask");
	run_on_terminal(bench, "token init --label new --erase corp --so-pin-fd 0", no);
	assert_int_equal(bench->exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_provisions, 0);
	run(bench, "token init --label new --erase corp --yes --so-pin-fd 3", "87654321\n");
	assert_int_equal(bench->n_provisions, 1);
	assert_string_equal(bench->erase, "s8"); /* its serial number says that it was seen */
	run_on_terminal(bench, "token init --label new --erase corp", yes);
	assert_int_equal(bench->exit_code, KS_EXIT_GOOD);
	assert_string_equal(bench->new_pin, "1234");
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static void test_token_keygen_knows_its_types(void **state)
{
	struct bench *bench = *state;

	run(bench, "token keygen alice --token corp --type p384 --id 41:42", "");
	assert_int_equal(bench->exit_code, KS_EXIT_FAILED);
	assert_string_equal(bench->err, "keystay: this card makes none; run: vendor-tool\n"); /* as the agent said it */
	assert_int_equal(bench->key_type, KS_KEY_EC);
	assert_int_equal(bench->bits, 384);
	assert_string_equal(bench->id, "AB");
	run(bench, "token keygen alice --type rsa:3072", "");
	assert_int_equal(bench->key_type, KS_KEY_RSA);
	assert_int_equal(bench->bits, 3072);
	run(bench, "token keygen alice --type rsa:1024", "");
	assert_int_equal(bench->exit_code, KS_EXIT_USAGE);
	run(bench, "token keygen alice --type p256 --id 4", "");
	assert_int_equal(bench->exit_code, KS_EXIT_USAGE);
	assert_int_equal(bench->n_keygens, 2);
}

static void test_token_options_go_with_their_verb(void **state)
{
	static const char *const wrong[] = { "token nothing",
					     "token list corp",
					     "token list --yes",
					     "token init",
					     "token init --label 123456789012345678901234567890123",
					     "token init --label new --slot x",
					     "token pin unblock corp --label x",
					     "token pin turn corp",
					     "token pin set corp --so",
					     "token keygen",
					     "token keygen alice bob --type p256",
					     "token import alice",
					     "token remove alice --type p256" };
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "a", true);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		run(bench, wrong[i], "");
		if (bench->exit_code != KS_EXIT_USAGE)
			fail_msg("keystay %s: exit code %d", wrong[i], bench->exit_code);
	}
	assert_int_equal(bench->n_provisions + bench->n_keygens, 0);
}

static void test_token_list_shows_slots_and_what_is_in_them(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 7, "", "a", false);
	add_slot(bench, 8, "corp", "a", true);
	run(bench, "token list", "");
	cli_test_assert_part(bench->out, "not initialised");
	cli_test_assert_part(bench->out, "PIN set");
	run(bench, "token list --json", "");
	cli_test_assert_part(bench->out, "\"pin_state\": \"not initialised\"");
	cli_test_assert_part(bench->out, "\"slot\": 8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_token_pins_come_from_one_descriptor_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_new_pins_are_typed_twice_and_not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_piv_unblocks_by_puk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_without_a_pin_sends_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_of_two_must_be_named, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_is_erased_only_after_a_yes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_keygen_knows_its_types, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_options_go_with_their_verb, setup, teardown),
		cmocka_unit_test_setup_teardown(test_token_list_shows_slots_and_what_is_in_them, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
