/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `keystay token` against a fake agent: which token is meant, where PINs come from and how often they are typed, what is
 * asked before something that cannot be undone.
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
#include "lib/protocol/spki.h"
#include "tests/unit/cli/cli_test.h"
#include "tests/unit/cli/forked.h"
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
	struct forked program; /* the last one */
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
	static const struct ks_command *const commands[] = { &ks_command_token };
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->program.table = commands;
	bench->program.n = sizeof(commands) / sizeof(commands[0]);
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

/* --- PINs -------------------------------------------------------------------------------------------------------- */

static void test_token_pins_come_from_one_descriptor_in_order(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 7, "", "SoftHSM project", false);
	add_slot(bench, 8, "corp", "SoftHSM project", true);
	forked_run(&bench->program, "token init --label new --so-pin-fd 3 --new-pin-fd 3", "87654321\n1234\nrest");
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->n_provisions, 1);
	assert_int_equal(bench->sent.operation, KS_PROVISION_INIT);
	assert_true(bench->sent.by_slot);
	assert_int_equal(bench->sent.slot, 7);
	assert_string_equal(bench->module, "softhsm");
	assert_string_equal(bench->label, "new");
	assert_string_equal(bench->so_pin, "87654321");
	assert_string_equal(bench->new_pin, "1234");
	forked_run(&bench->program, "token pin change --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
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
	forked_run_on_terminal(&bench->program, "token pin corp", dialog);
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->sent.operation, KS_PROVISION_PIN_SET); /* it has none yet */
	assert_string_equal(bench->so_pin, "87654321");
	assert_string_equal(bench->new_pin, "1234");
	assert_null(strstr(bench->program.out, "1234"));
	assert_null(strstr(bench->program.out, "87654321"));
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
	forked_run_on_terminal(&bench->program, "token pin unblock", dialog);
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_int_equal(bench->sent.operation, KS_PROVISION_PIN_UNBLOCK);
	assert_string_equal(bench->so_pin, "12345678");
}

static void test_token_without_a_pin_sends_nothing(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "SoftHSM project", true);
	forked_run(&bench->program, "token pin change corp --pin-fd 3 --new-pin-fd 3", "1234\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	forked_run(&bench->program, "token pin change corp", "");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	cli_test_assert_part(bench->program.err,
			     "there is no terminal to ask for the PIN of token \"corp\"; give it with --pin-fd");
	forked_run(&bench->program, "token pin change corp --pin-fd nine", "");
	assert_int_equal(bench->program.exit_code, KS_EXIT_USAGE);
	assert_int_equal(bench->n_provisions, 0);
}

/* --- which token ------------------------------------------------------------------------------------------------- */

static void test_token_of_two_must_be_named(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 8, "corp", "a", true);
	add_slot(bench, 9, "corp", "a", true);
	forked_run(&bench->program, "token pin change corp --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	cli_test_assert_part(bench->program.err, "more than one token could be meant");
	cli_test_assert_part(bench->program.err, "serial number s9");
	assert_int_equal(bench->n_provisions, 0);
	forked_run(&bench->program, "token pin change s9 --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_non_null(strstr(bench->token, "serial=s9"));
	forked_run(&bench->program, "token pin change nobody --pin-fd 3 --new-pin-fd 3", "1234\n4321\n");
	cli_test_assert_part(bench->program.err, "no token is called \"nobody\"");
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
	forked_run(&bench->program, "token init --label new --so-pin-fd 3", "87654321\n");
	cli_test_assert_part(bench->program.err, "there is no blank token");
	forked_run(&bench->program, "token init --label new --erase corp --so-pin-fd 3", "87654321\n");
	cli_test_assert_part(bench->program.err, "there is no terminal to ask");
	forked_run_on_terminal(&bench->program, "token init --label new --erase corp --so-pin-fd 0", no);
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_int_equal(bench->n_provisions, 0);
	forked_run(&bench->program, "token init --label new --erase corp --yes --so-pin-fd 3", "87654321\n");
	assert_int_equal(bench->n_provisions, 1);
	assert_string_equal(bench->erase, "s8"); /* its serial number says that it was seen */
	forked_run_on_terminal(&bench->program, "token init --label new --erase corp", yes);
	assert_int_equal(bench->program.exit_code, KS_EXIT_GOOD);
	assert_string_equal(bench->new_pin, "1234");
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static void test_token_keygen_knows_its_types(void **state)
{
	struct bench *bench = *state;

	forked_run(&bench->program, "token keygen alice --token corp --type p384 --id 41:42", "");
	assert_int_equal(bench->program.exit_code, KS_EXIT_FAILED);
	assert_string_equal(bench->program.err,
			    "keystay: this card makes none; run: vendor-tool\n"); /* as the agent said it */
	assert_int_equal(bench->key_type, KS_KEY_EC);
	assert_int_equal(bench->bits, 384);
	assert_string_equal(bench->id, "AB");
	forked_run(&bench->program, "token keygen alice --type rsa:3072", "");
	assert_int_equal(bench->key_type, KS_KEY_RSA);
	assert_int_equal(bench->bits, 3072);
	forked_run(&bench->program, "token keygen alice --type rsa:1024", "");
	assert_int_equal(bench->program.exit_code, KS_EXIT_USAGE);
	forked_run(&bench->program, "token keygen alice --type p256 --id 4", "");
	assert_int_equal(bench->program.exit_code, KS_EXIT_USAGE);
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
		forked_run(&bench->program, wrong[i], "");
		if (bench->program.exit_code != KS_EXIT_USAGE)
			fail_msg("keystay %s: exit code %d", wrong[i], bench->program.exit_code);
	}
	assert_int_equal(bench->n_provisions + bench->n_keygens, 0);
}

static void test_token_list_shows_slots_and_what_is_in_them(void **state)
{
	struct bench *bench = *state;

	add_slot(bench, 7, "", "a", false);
	add_slot(bench, 8, "corp", "a", true);
	forked_run(&bench->program, "token list", "");
	cli_test_assert_part(bench->program.out, "not initialised");
	cli_test_assert_part(bench->program.out, "PIN set");
	forked_run(&bench->program, "token list --json", "");
	cli_test_assert_part(bench->program.out, "\"pin_state\": \"not initialised\"");
	cli_test_assert_part(bench->program.out, "\"slot\": 8");
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
