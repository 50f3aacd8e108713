/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How keystay-token learns that tokens come and go, what it then looks at, and which slots it leaves alone. Runs in: unit
 * tests. What PC/SC has to do with it is told in tests/integration/notice-a-card.sh.
 */
#include "tests/unit/pkcs11/rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXITED(code) ((code) << 8)

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key all = { .key = key, .label = "p256", .id = 1, .parts = RIG_ALL };
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &all);
	rig_write_token(writer, "home");
	rig_write_key(writer, &all);
}

static int setup(void **state)
{
	(void)state;
	key = rig_new_key("P-256");
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	rig_deinit(&rig);
	return 0;
}

static void start(const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, script);
	(void)unlink(rig.counts);
	rig_start_ready(&rig, &options, &worker);
}

static uint32_t number_of(const char *label)
{
	const struct rig_token *token = rig_find_token(&worker, label);

	assert_non_null(token);
	return token->number;
}

static const struct rig_found_key *key_of(const char *label)
{
	uint32_t token = number_of(label);

	for (size_t i = 0; i < worker.n_keys; i++) {
		if (worker.keys[i].token == token)
			return &worker.keys[i];
	}
	fail_msg("no key on \"%s\"", label);
	return NULL;
}

/* --- the digest -------------------------------------------------------------------------------------------------- */

static void test_digest_is_of_what_everybody_sees(void **state)
{
	(void)state;
	static const uint8_t none[32];
	uint8_t corp[32];

	start(NULL);
	memcpy(corp, rig_find_token(&worker, "corp")->digest, 32);
	assert_memory_not_equal(corp, none, 32);
	/* The same key in another certificate. */
	assert_memory_not_equal(rig_find_token(&worker, "home")->digest, corp, 32);
	assert_int_equal(rig_rescan(&worker), 0);
	assert_memory_equal(rig_find_token(&worker, "corp")->digest, corp, 32);
	/* Somebody who is logged in sees more: the digest stays. */
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), 0);
	assert_true(rig_find_token(&worker, "corp")->logged_in);
	assert_memory_equal(rig_find_token(&worker, "corp")->digest, corp, 32);
	assert_int_equal(rig_logout(&worker, number_of("corp")), 0);
	assert_memory_equal(rig_find_token(&worker, "corp")->digest, corp, 32);
	rig_script(&rig, "certificates-changed\n");
	assert_int_equal(rig_rescan(&worker), 0);
	assert_memory_not_equal(rig_find_token(&worker, "corp")->digest, corp, 32);
	rig_script(&rig, "objects-without CKO_PUBLIC_KEY\n");
	assert_int_equal(rig_rescan(&worker), 0);
	assert_memory_not_equal(rig_find_token(&worker, "corp")->digest, corp, 32);
	rig_stop(&worker);
}

static void test_login_gives_no_pin_to_a_card_of_other_contents(void **state)
{
	(void)state;
	static const uint8_t none[32];
	const struct rig_login unknown = { .digest = none };
	uint8_t before[32];

	start(NULL);
	memcpy(before, rig_find_token(&worker, "corp")->digest, 32);
	rig_script(&rig, "certificates-changed\n");
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), KS_ERR_CHANGED);
	assert_string_equal(worker.error,
			    "token \"corp\": its contents are not those that the PIN was asked for (another "
			    "card, or a certificate was rewritten); nothing was tried");
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	/* The news was told before the answer: now the PIN is asked for what is there. */
	assert_memory_not_equal(rig_find_token(&worker, "corp")->digest, before, 32);
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, &unknown), KS_ERR_CHANGED);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), 0);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	rig_stop(&worker);
}

/* Left over from a login that nobody here knows of: it must not make any PIN a good one. */
static void test_login_logs_out_first_where_somebody_is_logged_in(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), 0);
	(void)unlink(rig.counts);
	assert_int_equal(rig_login(&worker, number_of("corp"), "654321", NULL), KS_ERR_PIN_WRONG);
	assert_int_equal(rig_count(&rig, "C_Logout"), 1);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_false(rig_find_token(&worker, "corp")->logged_in);
	/* Where the logout does not work, the token says that it is logged in, which is no word on the PIN. */
	const struct rig_login told = { .final_try = true };
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, &told), 0);
	rig_script(&rig, "C_Logout * rv 0x6\n");
	assert_int_equal(rig_login(&worker, number_of("corp"), "654321", NULL), KS_ERR_TOKEN_FAILED);
	rig_stop(&worker);
}

/* A login is alone with the module: the signature waits for it and is made. */
static void test_signature_during_a_login_waits_for_it(void **state)
{
	(void)state;
	char gate[192], script[256];
	static const char input[] = "input";
	struct ks_frame frame;

	(void)snprintf(gate, sizeof(gate), "%s/gate.1", rig.folder);
	(void)snprintf(script, sizeof(script), "C_Login 1 gate %s/gate\n", rig.folder);
	assert_int_equal(mkfifo(gate, 0600), 0);
	start(script);
	const struct rig_token *corp = rig_find_token(&worker, "corp");
	const struct ks_msg_worker_login login = { KS_MESSAGE_HEAD(++worker.last_id), .token = corp->number,
						   .serial = ks_bytes_text(corp->serial),
						   .digest = ks_bytes(corp->digest, sizeof(corp->digest)),
						   .pin = ks_bytes_text(RIG_PIN) };
	const struct rig_found_key found = *key_of("corp");
	rig_send(&worker, KS_MSG_WORKER_LOGIN, &login);
	int fd = open(gate, O_WRONLY | O_CLOEXEC); /* C_Login has begun */
	assert_true(fd >= 0);
	uint32_t id = rig_ask_signature(&worker, found.token, found.number, 0x0403, ks_bytes(input, sizeof(input)));
	assert_int_equal(rig_count(&rig, "C_SignInit"), 0);
	(void)close(fd);
	assert_int_equal(rig_await(&worker, login.id, KS_MSG_WORKER_LOGIN_REPLY, NULL), 0);
	assert_int_equal(rig_await(&worker, id, KS_MSG_WORKER_SIGN_REPLY, &frame), 0);
	rig_stop(&worker);
	assert_int_equal(unlink(gate), 0);
}

/* --- looking for what has come ----------------------------------------------------------------------------------- */

static void test_look_does_not_read_tokens_that_stay(void **state)
{
	(void)state;

	start(NULL);
	(void)unlink(rig.counts);
	assert_int_equal(rig_look(&worker), 0);
	assert_false(worker.all);
	assert_int_equal(worker.n_heard, 0);
	assert_int_equal(worker.n_tokens, 2);
	assert_int_equal(rig_count(&rig, "C_FindObjectsInit"), 0);
	assert_int_equal(rig_count(&rig, "C_GetAttributeValue"), 0);
	assert_int_equal(rig_count(&rig, "C_OpenSession"), 0);
	rig_stop(&worker);
}

static void test_look_tells_what_went_and_reads_what_comes(void **state)
{
	(void)state;

	start(NULL);
	uint32_t corp = number_of("corp");
	rig_script(&rig, "token-absent\n");
	assert_int_equal(rig_look(&worker), 0);
	assert_int_equal(worker.n_heard, 2);
	assert_int_equal(worker.heard[0].kind, KS_WORKER_EVENT_TOKEN_GONE);
	assert_int_equal(worker.n_tokens, 0);
	assert_int_equal(worker.n_keys, 0);
	rig_script(&rig, NULL);
	assert_int_equal(rig_look(&worker), 0);
	assert_int_equal(worker.n_tokens, 2);
	assert_int_equal(worker.n_keys, 2);
	assert_int_equal(number_of("corp"), corp);
	rig_stop(&worker);
}

/* Out and in between two looks: the PIN that was given is for nothing, and the agent must hear of it. */
static void test_look_notices_a_token_that_was_away_for_a_moment(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), 0);
	uint32_t corp = number_of("corp");
	/* One for each of the two tokens: the slots are in no certain order. */
	rig_script(&rig, "C_GetSessionInfo 1 rv 0xb3\nC_GetSessionInfo 2 rv 0xb3\n");
	assert_int_equal(rig_look(&worker), 0);
	assert_int_equal(worker.n_heard, 2);
	assert_int_equal(worker.heard[0].kind, KS_WORKER_EVENT_TOKEN_GONE);
	assert_int_equal(worker.heard[1].kind, KS_WORKER_EVENT_TOKEN_GONE);
	assert_int_equal(number_of("corp"), corp);
	assert_false(rig_find_token(&worker, "corp")->logged_in);
	rig_stop(&worker);
}

static void test_look_reads_a_token_that_says_something_else(void **state)
{
	(void)state;

	start(NULL);
	rig_script(&rig, "flags-add COUNT_LOW\n");
	assert_int_equal(rig_look(&worker), 0);
	assert_int_equal(worker.n_heard, 0);
	assert_true((rig_find_token(&worker, "corp")->pin_flags & KS_PIN_COUNT_LOW) != 0);
	(void)unlink(rig.counts);
	assert_int_equal(rig_look(&worker), 0);
	assert_int_equal(rig_count(&rig, "C_FindObjectsInit"), 0);
	rig_stop(&worker);
}

/* p11-kit-client.so whose server has died: it fails for ever, a new process does not. */
static void test_module_that_lists_no_slots_any_more_is_to_be_started_anew(void **state)
{
	(void)state;

	start(NULL);
	rig_script(&rig, "C_GetSlotList * rv 0x30\n");
	assert_int_equal(rig_look(&worker), 0);
	assert_int_equal(worker.n_heard, 1);
	assert_int_equal(worker.heard[0].kind, KS_WORKER_EVENT_RENEW);
	rig_stop(&worker);
}

/* "No tokens" would be a lie, for which the agent would forget what is unlocked: the process ends instead. */
static void test_module_that_never_listed_its_slots_is_no_module_without_tokens(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM };
	struct ks_frame frame;

	rig_script(&rig, "C_GetSlotList * rv 0x30\n");
	rig_start(&rig, &options, &worker);
	assert_false(rig_read(&worker, &frame));
	assert_int_equal(rig_wait(&worker), 1 << 8);
}

static void test_token_without_a_session_is_looked_at_again(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), 0);
	const struct rig_found_key found = *key_of("corp");
	rig_script(&rig, "C_SignInit * rv 0xb3\nC_OpenSession * rv 0x30\nC_GetSlotList * rv 0x30\n");
	assert_int_equal(rig_sign(&worker, &found, 0x0403), KS_ERR_TOKEN_FAILED);
	assert_int_equal(worker.n_heard, 1);
	assert_int_equal(worker.heard[0].kind, KS_WORKER_EVENT_CHANGED);
	rig_stop(&worker);
}

/* --- C_WaitForSlotEvent ------------------------------------------------------------------------------------------ */

static void test_module_without_events_says_so(void **state)
{
	(void)state;
	/* 0x54: SoftHSM, tpm2-pkcs11, openCryptoki, NSS, p11-kit-client; others fail in other ways. */
	static const char *const scripts[] = { NULL, "C_WaitForSlotEvent * rv 0x54\n", "C_WaitForSlotEvent * rv 0x5\n",
					       "C_WaitForSlotEvent * garbage\n", "cannot-lock\nslot-events\n" };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		start(scripts[i]);
		assert_int_equal(worker.events, KS_EVENTS_NONE);
		assert_int_equal(rig_count(&rig, "C_WaitForSlotEvent"), i == 4 ? 0 : 1);
		assert_int_equal(worker.n_tokens, 2);
		rig_stop(&worker);
	}
}

static void test_slot_event_is_told_at_once(void **state)
{
	(void)state;
	char gate[192], script[256];

	(void)snprintf(script, sizeof(script), "slot-events\nC_WaitForSlotEvent * gate %s/event\n", rig.folder);
	for (unsigned i = 1; i <= 3; i++) {
		(void)snprintf(gate, sizeof(gate), "%s/event.%u", rig.folder, i);
		assert_int_equal(mkfifo(gate, 0600), 0);
	}
	start(script);
	assert_int_equal(worker.events, KS_EVENTS_SLOTS);
	assert_int_equal(worker.n_heard, 0);
	for (unsigned i = 1; i <= 2; i++) {
		(void)snprintf(gate, sizeof(gate), "%s/event.%u", rig.folder, i);
		int fd = open(gate, O_WRONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		(void)close(fd);
		rig_await_event(&worker, KS_WORKER_EVENT_CHANGED, 0);
	}
	/* And while it waits everything else goes on. */
	assert_int_equal(rig_login(&worker, number_of("corp"), RIG_PIN, NULL), 0);
	assert_int_equal(rig_look(&worker), 0);
	rig_stop(&worker);
}

static void test_module_whose_wait_blocks_all_else_is_found_out(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM };
	const struct rig_options without = { .path = RIG_SHIM, .arguments = { "--no-slot-events" } };
	struct ks_frame frame;

	rig_script(&rig, "slot-events\nwait-blocks\nC_WaitForSlotEvent * hang\n");
	rig_start(&rig, &options, &worker);
	assert_false(rig_read(&worker, &frame));
	KS_AUTO_FREE char *log = rig_read_log(&worker);
	assert_non_null(strstr(log, "it is started again without that"));
	assert_int_equal(rig_wait(&worker), EXITED(4));
	/* What the agent does then. */
	(void)unlink(rig.counts);
	rig_start_ready(&rig, &without, &worker);
	assert_int_equal(worker.events, KS_EVENTS_NONE);
	assert_int_equal(rig_count(&rig, "C_WaitForSlotEvent"), 0);
	rig_stop(&worker);
}

static void test_events_without_end_are_not_listened_to(void **state)
{
	(void)state;

	start("slot-events\n");
	/* It may have been given up before or after the first inventory. */
	while (worker.events != KS_EVENTS_NONE)
		assert_int_equal(rig_look(&worker), 0);
	assert_true(worker.n_heard <= 17);
	assert_true(rig_count(&rig, "C_WaitForSlotEvent") <= 17);
	rig_stop(&worker);
}

/* --- slots and arguments ----------------------------------------------------------------------------------------- */

static void test_slots_that_are_not_listed_are_left_alone(void **state)
{
	(void)state;
	static const struct {
		const char *list;
		size_t n_tokens;
	} lists[] = {
		{ "4711", 0 },         { "4711, *Yubico*", 2 },
		{ "*yubico*", 0 },     { "Yubico-?eader-0?", 2 },
		{ "*nothing*,*0", 2 }, { "0", 0 },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const struct rig_options options = { .path = RIG_SHIM, .arguments = { "--slots", lists[i].list } };
		rig_script(&rig, "slot-info Yubico-reader-00\n");
		(void)unlink(rig.counts);
		rig_start_ready(&rig, &options, &worker);
		assert_int_equal(worker.n_tokens, lists[i].n_tokens);
		if (lists[i].n_tokens == 0)
			assert_int_equal(rig_count(&rig, "C_GetTokenInfo"), 0);
		rig_stop(&worker);
	}
}

static void test_slots_are_found_by_their_numbers(void **state)
{
	(void)state;
	char number[32];

	/* SoftHSM makes the number of a slot out of the serial number of its token. */
	start(NULL);
	(void)snprintf(number, sizeof(number), "%lu",
		       strtoul(rig_find_token(&worker, "home")->serial + 8, NULL, 16) & 0x7fffffff);
	rig_stop(&worker);
	const struct rig_options options = { .path = RIG_SHIM, .arguments = { "--slots", number } };
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(worker.n_tokens, 1);
	assert_string_equal(worker.tokens[0].label, "home");
	rig_stop(&worker);
}

static void test_command_line_with_a_mistake_is_refused(void **state)
{
	(void)state;
	static const char *const mistakes[][2] = {
		{ "--slots", "" }, { "--slots", "1,,2" }, { "--sessions", "0" }, { "--no-slot-events", "more" }
	};
	struct ks_frame frame;

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct rig_options options = { .path = RIG_SHIM,
						     .arguments = { mistakes[i][0], mistakes[i][1] } };
		rig_start(&rig, &options, &worker);
		assert_false(rig_read(&worker, &frame));
		assert_int_equal(rig_wait(&worker), EXITED(2));
	}
}

/* SoftHSM wants none and says so. */
static void test_init_args_reach_the_module(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM, .arguments = { "--init-args", "configdir='/x'" } };
	struct ks_frame frame;

	rig_script(&rig, "tell-init-args\n");
	rig_start(&rig, &options, &worker);
	assert_false(rig_read(&worker, &frame));
	KS_AUTO_FREE char *log = rig_read_log(&worker);
	assert_non_null(strstr(log, "pReserved=configdir='/x' nss=(none)\n"));
	assert_int_equal(rig_wait(&worker), EXITED(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest_is_of_what_everybody_sees),
		cmocka_unit_test(test_login_gives_no_pin_to_a_card_of_other_contents),
		cmocka_unit_test(test_login_logs_out_first_where_somebody_is_logged_in),
		cmocka_unit_test(test_signature_during_a_login_waits_for_it),
		cmocka_unit_test(test_look_does_not_read_tokens_that_stay),
		cmocka_unit_test(test_look_tells_what_went_and_reads_what_comes),
		cmocka_unit_test(test_look_notices_a_token_that_was_away_for_a_moment),
		cmocka_unit_test(test_look_reads_a_token_that_says_something_else),
		cmocka_unit_test(test_module_that_lists_no_slots_any_more_is_to_be_started_anew),
		cmocka_unit_test(test_module_that_never_listed_its_slots_is_no_module_without_tokens),
		cmocka_unit_test(test_token_without_a_session_is_looked_at_again),
		cmocka_unit_test(test_module_without_events_says_so),
		cmocka_unit_test(test_slot_event_is_told_at_once),
		cmocka_unit_test(test_module_whose_wait_blocks_all_else_is_found_out),
		cmocka_unit_test(test_events_without_end_are_not_listened_to),
		cmocka_unit_test(test_slots_that_are_not_listed_are_left_alone),
		cmocka_unit_test(test_slots_are_found_by_their_numbers),
		cmocka_unit_test(test_command_line_with_a_mistake_is_refused),
		cmocka_unit_test(test_init_args_reach_the_module),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
