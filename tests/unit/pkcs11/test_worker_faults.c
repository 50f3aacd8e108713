/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keystay-token does when the token or its module goes wrong: one answer to each request, and the next one may be
 * good again.
 *
 * Runs in: unit tests.
 */
#include "tests/unit/pkcs11/rig.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key all = { .key = key, .label = "p256", .id = 1, .parts = RIG_ALL };
	(void)userdata;

	rig_write_token(writer, "corp");
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

/* A worker that is logged in and has signed once, and from then on goes wrong. */
static void start(const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(rig_sign(&worker, &worker.keys[0], 0x0403), 0);
	(void)unlink(rig.counts);
	rig_script(&rig, script);
}

static int sign(void)
{
	return rig_sign(&worker, &worker.keys[0], 0x0403);
}

/* --- sessions ---------------------------------------------------------------------------------------------------- */

static void test_failure_in_an_operation_does_not_outlive_it(void **state)
{
	(void)state;

	start("C_Sign 1 rv 0x30\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_FAILED);
	assert_string_equal(worker.error, "key \"p256\" on token \"corp\": C_Sign failed: the device reports an error "
					  "(CKR_DEVICE_ERROR)");
	/* In that session SoftHSM now says OPERATION_ACTIVE for ever; it was thrown away, and the login kept. */
	assert_int_equal(sign(), 0);
	assert_int_equal(rig_count(&rig, "C_CloseSession"), 1);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
}

static void test_session_that_is_busy_is_replaced(void **state)
{
	(void)state;

	start("C_SignInit 1 rv 0x90\n");
	assert_int_equal(sign(), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit"), 2);
	rig_stop(&worker);
}

static void test_session_that_is_lost_is_replaced(void **state)
{
	(void)state;
	static const char *const scripts[] = { "C_SignInit 1 rv 0xb3\n", "C_SignInit 1 rv 0xb0\n",
					       "C_Sign 1 rv 0xb3\n" };

	for (size_t i = 0; i < 3; i++) {
		start(scripts[i]);
		assert_int_equal(sign(), 0);
		assert_int_equal(rig_count(&rig, "C_SignInit"), 2);
		assert_int_equal(rig_count(&rig, "C_Login"), 0);
		rig_stop(&worker);
	}
}

static void test_sessions_that_are_always_lost_end_in_an_error(void **state)
{
	(void)state;

	start("C_SignInit * rv 0xb3\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "CKR_SESSION_HANDLE_INVALID"));
	assert_int_equal(rig_count(&rig, "C_SignInit"), 2);
	rig_script(&rig, NULL);
	assert_int_equal(sign(), 0);
	rig_stop(&worker);
}

static void test_key_that_moved_is_found_again_once(void **state)
{
	(void)state;

	start("C_SignInit 1 rv 0x60\n");
	assert_int_equal(sign(), 0);
	assert_int_equal(rig_count(&rig, "C_FindObjectsInit"), 1);
	rig_script(&rig, "C_SignInit 1 rv 0x82\n");
	assert_int_equal(sign(), 0);
	assert_int_equal(rig_count(&rig, "C_FindObjectsInit"), 2);
	rig_script(&rig, "C_SignInit * rv 0x60\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "the key is not there any more"));
	assert_int_equal(rig_count(&rig, "C_FindObjectsInit"), 3);
	rig_stop(&worker);
}

static void test_logout_by_somebody_else_is_told_and_not_repaired(void **state)
{
	(void)state;

	start("C_SignInit * rv 0x101\nC_GetSessionInfo * garbage\n"); /* a state that is no login */
	assert_int_equal(sign(), KS_ERR_TOKEN_LOCKED);
	assert_string_equal(worker.error, "token \"corp\" is locked; run: keystay unlock");
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
}

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static void test_token_that_is_taken_out_is_absent_and_locked_when_it_is_back(void **state)
{
	(void)state;

	start("token-absent\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_ABSENT);
	assert_non_null(strstr(worker.error, "C_OpenSession failed: the token is not there (CKR_TOKEN_NOT_PRESENT)"));
	rig_script(&rig, NULL);
	assert_int_equal(sign(), KS_ERR_TOKEN_LOCKED);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(sign(), 0);
	rig_stop(&worker);
}

static void test_token_that_is_back_keeps_its_numbers(void **state)
{
	(void)state;

	start("token-absent\n");
	struct rig_found_key before = worker.keys[0];
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_tokens, 0);
	assert_int_equal(rig_sign(&worker, &before, 0x0403), KS_ERR_TOKEN_ABSENT);
	rig_script(&rig, NULL);
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_tokens, 1);
	assert_int_equal(worker.keys[0].token, before.token);
	assert_int_equal(worker.keys[0].number, before.number);
	assert_false(worker.tokens[0].logged_in);
	rig_stop(&worker);
}

static void test_other_token_in_the_same_slot_is_not_asked_to_sign(void **state)
{
	(void)state;

	start("token-absent\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_ABSENT);
	rig_script(&rig, "token-info serial 0815\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_ABSENT);
	assert_int_equal(rig_count(&rig, "C_Sign"), 0);
	/* For the agent it is another token. */
	uint32_t number = worker.tokens[0].number;
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_tokens, 1);
	assert_string_equal(worker.tokens[0].serial, "0815");
	assert_int_not_equal(worker.tokens[0].number, number);
	rig_stop(&worker);
}

static void test_device_that_is_removed_while_it_signs_is_named(void **state)
{
	(void)state;

	start("C_Sign * rv 0x32\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_ABSENT);
	assert_string_equal(
		worker.error,
		"key \"p256\" on token \"corp\": C_Sign failed: the device was removed (CKR_DEVICE_REMOVED)");
	rig_stop(&worker);
}

/* --- modules that lie -------------------------------------------------------------------------------------------- */

static void test_signature_of_impossible_length_is_refused(void **state)
{
	(void)state;

	start("C_Sign 1 garbage\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_FAILED);
	assert_string_equal(worker.error,
			    "key \"p256\" on token \"corp\": C_Sign returned 2147483647 bytes, which is no "
			    "signature of this key");
	assert_int_equal(sign(), 0);
	rig_stop(&worker);
}

static void test_buffer_that_is_always_too_small_is_an_error(void **state)
{
	(void)state;

	start("C_Sign * rv 0x150\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_FAILED);
	assert_int_equal(rig_count(&rig, "C_Sign"), 1);
	rig_stop(&worker);
}

static void test_error_without_a_name_is_put_into_words(void **state)
{
	(void)state;

	start("C_Sign * rv 0x80000bad\n");
	assert_int_equal(sign(), KS_ERR_TOKEN_FAILED);
	assert_string_equal(worker.error,
			    "key \"p256\" on token \"corp\": C_Sign failed: an error that PKCS#11 has no name "
			    "for (0x80000bad)");
	rig_stop(&worker);
}

static void test_object_with_impossible_sizes_is_left_out_alone(void **state)
{
	(void)state;

	start("C_GetAttributeValue 1 garbage\n"); /* the public key, of which the certificate knows as well */
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_certificates, 1);
	assert_int_equal(worker.n_keys, 1);
	assert_int_equal(sign(), 0);
	rig_stop(&worker);
}

static void test_objects_without_end_are_cut_off(void **state)
{
	(void)state;

	start("C_FindObjects * wrong\n");
	assert_int_equal(rig_rescan(&worker), 0);
	assert_true(rig_count(&rig, "C_FindObjects") <= 9);
	assert_true(worker.n_keys <= 2);
	rig_script(&rig, NULL);
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_keys, 1);
	assert_int_equal(sign(), 0);
	rig_stop(&worker);
}

/* --- the matrix -------------------------------------------------------------------------------------------------- */

static const char *const functions[] = {
	"C_Initialize",
	"C_GetInfo",
	"C_WaitForSlotEvent",
	"C_GetSlotList",
	"C_GetSlotInfo",
	"C_GetTokenInfo",
	"C_GetMechanismList",
	"C_OpenSession",
	"C_CloseSession",
	"C_CloseAllSessions",
	"C_GetSessionInfo",
	"C_Login",
	"C_Logout",
	"C_FindObjectsInit",
	"C_FindObjects",
	"C_FindObjectsFinal",
	"C_GetAttributeValue",
	"C_SignInit",
	"C_Sign",
	"C_Finalize",
};

#define N_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* The next frame, and whether there is one. */
static bool await_answer(uint32_t id)
{
	struct ks_frame frame;

	while (rig_read(&worker, &frame)) {
		uint32_t version, their_id;
		assert_true(ks_message_head(frame.body, &version, &their_id));
		if (their_id == id)
			return true;
		assert_int_equal(their_id, 0); /* part of an inventory */
	}
	return false;
}

/* Without the digest that it was told for the token, no PIN would be tried. */
static bool await_inventory(uint8_t ret_digest[32])
{
	struct ks_frame frame;
	struct ks_msg_worker_token token;

	while (rig_read(&worker, &frame)) {
		if (frame.type == KS_MSG_WORKER_TOKEN) {
			assert_int_equal(ks_message_read(frame.type, frame.body, &token, sizeof(token)), 0);
			memcpy(ret_digest, token.digest.data, token.digest.size);
		}
		if (frame.type == KS_MSG_WORKER_INVENTORY)
			return true;
	}
	return false;
}

/* One of each request. Whatever the token is like: one answer to each, or the end of the process. */
static bool ask_everything(const uint8_t digest[32])
{
	static const char input[] = "input";
	const struct ks_msg_worker_login login = { KS_MESSAGE_HEAD(1), .token = 1, .serial = ks_bytes_text("1"),
						   .digest = ks_bytes(digest, 32), .pin = ks_bytes_text(RIG_PIN) };
	const struct ks_msg_worker_sign sign_one = { KS_MESSAGE_HEAD(2), .token = 1, .key = 1, .scheme = 0x0403,
						     .input = ks_bytes(input, sizeof(input)) };
	const struct ks_msg_worker_sign_with_pin sign_with_pin = {
		KS_MESSAGE_HEAD(3),           .token = 1, .key = 1, .scheme = 0x0403, .input = sign_one.input,
		.pin = ks_bytes_text(RIG_PIN)
	};
	const struct ks_msg_worker_rescan rescan = { KS_MESSAGE_HEAD(5), .all = true };
	const struct ks_msg_worker_rescan look = { KS_MESSAGE_HEAD(4) };
	const struct ks_msg_worker_logout logout = { KS_MESSAGE_HEAD(6), .token = 1 };
	const struct {
		uint8_t type;
		const void *message;
	} requests[] = {
		{ KS_MSG_WORKER_LOGIN, &login },
		{ KS_MSG_WORKER_SIGN, &sign_one },
		{ KS_MSG_WORKER_SIGN_WITH_PIN, &sign_with_pin },
		{ KS_MSG_WORKER_RESCAN, &look },
		{ KS_MSG_WORKER_RESCAN, &rescan },
		{ KS_MSG_WORKER_LOGOUT, &logout },
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
		ks_message_write(&out, requests[i].type, requests[i].message);
		if (send(worker.fd, out.data, out.size, MSG_NOSIGNAL) < 0 || !await_answer((uint32_t)i + 1))
			return false;
	}
	return true;
}

static int run_with(const char *function, const char *mode, bool *ret_lived)
{
	const struct rig_options options = { .path = RIG_SHIM };
	char script[128];
	uint8_t digest[32] = { 0 };

	(void)snprintf(script, sizeof(script), "%s * %s\ntoken-info serial 1\n", function, mode);
	rig_script(&rig, script);
	rig_start(&rig, &options, &worker);
	*ret_lived = await_inventory(digest) && ask_everything(digest);
	return rig_wait(&worker);
}

static void test_every_function_may_fail_or_lie(void **state)
{
	(void)state;
	static const char *const modes[] = { "rv 0x5", "rv 0x30", "rv 0xb3", "rv 0xe0", "garbage", "wrong", "print" };

	for (size_t i = 0; i < N_FUNCTIONS; i++) {
		for (size_t mode = 0; mode < sizeof(modes) / sizeof(modes[0]); mode++) {
			bool lived;
			int status = run_with(functions[i], modes[mode], &lived);
			/* Without a module that is initialised and can say what slots there are, there is no worker. */
			bool refused =
				strcmp(modes[mode], "print") != 0 &&
				(strcmp(functions[i], "C_Initialize") == 0 ||
				 (strcmp(functions[i], "C_GetSlotList") == 0 && strcmp(modes[mode], "wrong") != 0));
			if (status != (refused ? 1 << 8 : 0) || lived == refused)
				fail_msg("%s %s: status 0x%x, %s", functions[i], modes[mode], (unsigned)status,
					 lived ? "lived" : "ended");
		}
	}
}

static void test_every_function_may_end_the_process_and_nothing_hangs(void **state)
{
	(void)state;
	static const struct {
		const char *mode;
		int signal;
	} modes[] = { { "crash", SIGSEGV }, { "abort", SIGABRT }, { "exit", 0 } };

	for (size_t i = 0; i < N_FUNCTIONS; i++) {
		for (size_t mode = 0; mode < 3; mode++) {
			bool lived;
			int status = run_with(functions[i], modes[mode].mode, &lived);
			/* Functions that are only met at the end, or after something else went wrong. */
			bool late = strcmp(functions[i], "C_Finalize") == 0 ||
				    strcmp(functions[i], "C_CloseSession") == 0;
			if (!late && lived)
				fail_msg("%s %s: the process lived", functions[i], modes[mode].mode);
			if (modes[mode].signal && !late && WTERMSIG(status) != modes[mode].signal)
				fail_msg("%s %s: status 0x%x", functions[i], modes[mode].mode, (unsigned)status);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_failure_in_an_operation_does_not_outlive_it),
		cmocka_unit_test(test_session_that_is_busy_is_replaced),
		cmocka_unit_test(test_session_that_is_lost_is_replaced),
		cmocka_unit_test(test_sessions_that_are_always_lost_end_in_an_error),
		cmocka_unit_test(test_key_that_moved_is_found_again_once),
		cmocka_unit_test(test_logout_by_somebody_else_is_told_and_not_repaired),
		cmocka_unit_test(test_token_that_is_taken_out_is_absent_and_locked_when_it_is_back),
		cmocka_unit_test(test_token_that_is_back_keeps_its_numbers),
		cmocka_unit_test(test_other_token_in_the_same_slot_is_not_asked_to_sign),
		cmocka_unit_test(test_device_that_is_removed_while_it_signs_is_named),
		cmocka_unit_test(test_signature_of_impossible_length_is_refused),
		cmocka_unit_test(test_buffer_that_is_always_too_small_is_an_error),
		cmocka_unit_test(test_error_without_a_name_is_put_into_words),
		cmocka_unit_test(test_object_with_impossible_sizes_is_left_out_alone),
		cmocka_unit_test(test_objects_without_end_are_cut_off),
		cmocka_unit_test(test_every_function_may_fail_or_lie),
		cmocka_unit_test(test_every_function_may_end_the_process_and_nothing_hangs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
