/* SPDX-License-Identifier: Apache-2.0 */
/* How keystay-token handles PINs: at most one submission, none where the token warns. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key both = { .key = key, .label = "p256", .id = 1, .parts = RIG_PUBLIC | RIG_PRIVATE };
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &both);
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

static int log_in(const char *pin, const struct rig_login *how)
{
	return rig_login(&worker, worker.tokens[0].number, pin, how);
}

static bool can_sign(void)
{
	return rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0403) == 0;
}

static void test_login_opens_the_private_keys(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_true(worker.tokens[0].logged_in);
	assert_false(worker.all); /* news of this token only, before the reply */
	assert_int_equal(worker.n_inventories, 2);
	assert_true(can_sign());
	rig_stop(&worker);
}

static void test_login_gives_a_wrong_pin_once(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(log_in("654321", NULL), KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the PIN is wrong");
	assert_false(worker.not_given);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_false(worker.tokens[0].logged_in);
	/* What it has cost is told: SoftHSM has a flag for it. */
	assert_true((worker.tokens[0].pin_flags & KS_PIN_COUNT_LOW) != 0);
	assert_false(can_sign());
	const struct rig_login told = { .final_try = true };
	assert_int_equal(log_in(RIG_PIN, &told), 0);
	assert_true((worker.tokens[0].pin_flags & KS_PIN_COUNT_LOW) == 0);
	assert_true(can_sign());
	rig_stop(&worker);
}

static void test_login_says_when_the_wrong_pin_left_one_try(void **state)
{
	(void)state;

	start("flags-add FINAL_TRY\nC_Login * rv 0xa0\n");
	const struct rig_login last = { .final_try = true };
	assert_int_equal(log_in(RIG_PIN, &last), KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the PIN is wrong; one more wrong PIN blocks it");
	assert_true((worker.tokens[0].pin_flags & KS_PIN_FINAL_TRY) != 0);
	rig_stop(&worker);
}

static void test_login_leaves_a_token_alone_that_has_one_try_left(void **state)
{
	(void)state;
	const struct rig_login last = { .final_try = true };
	const struct rig_login kept = { .final_try = true, .unattended = true };

	start("flags-add FINAL_TRY\n");
	assert_int_equal(log_in(RIG_PIN, NULL), KS_ERR_PIN_FINAL_TRY);
	assert_string_equal(worker.error, "token \"corp\": one more wrong PIN would block it; nothing was tried; run: "
					  "keystay unlock corp, which asks by a dialog");
	assert_int_equal(log_in(RIG_PIN, &kept), KS_ERR_PIN_FINAL_TRY);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_true(worker.not_given);
	/* Told of less than that. */
	const struct rig_login low = { .count_low = true };
	assert_int_equal(log_in(RIG_PIN, &low), KS_ERR_PIN_FINAL_TRY);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(log_in(RIG_PIN, &last), 0);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	rig_stop(&worker);
}

/* The flags of the moment count, not those of the inventory. */
static void test_login_reads_the_flags_anew(void **state)
{
	(void)state;

	start(NULL);
	rig_script(&rig, "flags-add FINAL_TRY\n");
	assert_int_equal(log_in(RIG_PIN, NULL), KS_ERR_PIN_FINAL_TRY);
	rig_script(&rig, "flags-add LOCKED\n");
	assert_int_equal(log_in(RIG_PIN, NULL), KS_ERR_PIN_BLOCKED);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
}

static void test_login_after_a_wrong_pin_is_for_a_dialog(void **state)
{
	(void)state;
	const struct rig_login told = { .final_try = true };
	const struct rig_login kept = { .final_try = true, .unattended = true };

	start("flags-add COUNT_LOW\n");
	assert_int_equal(log_in(RIG_PIN, NULL), KS_ERR_PIN_FINAL_TRY);
	assert_string_equal(worker.error, "token \"corp\": a wrong PIN was given since the last good one; nothing was "
					  "tried; run: keystay unlock corp, which asks by a dialog");
	assert_int_equal(log_in(RIG_PIN, &kept), KS_ERR_PIN_FINAL_TRY);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	/* A person who knows it may try. */
	assert_int_equal(log_in(RIG_PIN, &told), 0);
	rig_stop(&worker);
}

static void test_login_with_a_blocked_or_expired_pin_is_not_tried(void **state)
{
	(void)state;
	const struct rig_login told = { .final_try = true };

	start("flags-add LOCKED\n");
	assert_int_equal(log_in(RIG_PIN, &told), KS_ERR_PIN_BLOCKED);
	rig_script(&rig, "flags-add TO_BE_CHANGED\n");
	assert_int_equal(log_in(RIG_PIN, &told), KS_ERR_PIN_EXPIRED);
	assert_string_equal(worker.error,
			    "token \"corp\": its PIN has expired or was never chosen by its holder; change "
			    "it: keystay token pin change; nothing was tried");
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
}

static void test_login_does_not_try_a_pin_of_impossible_length(void **state)
{
	(void)state;

	start("token-info pin-min 5\ntoken-info pin-max 12\n");
	assert_int_equal(log_in("1234", NULL), KS_ERR_PIN_LENGTH);
	assert_string_equal(worker.error, "token \"corp\": its PIN has 5 to 12 characters; the PIN was not tried");
	assert_int_equal(log_in("1234567890123", NULL), KS_ERR_PIN_LENGTH);
	assert_int_equal(log_in("", NULL), KS_ERR_PIN_LENGTH);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	rig_stop(&worker);
}

static void test_login_believes_no_limits_that_cannot_be_true(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"token-info pin-min 0\ntoken-info pin-max 0\n",
		"token-info pin-min 4\ntoken-info pin-max 0xffffffffffffffff\n",
		"token-info pin-min 0xffffffffffffffff\ntoken-info pin-max 0\n",
		"token-info pin-min 13\ntoken-info pin-max 4\n",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		start(scripts[i]);
		assert_int_equal(log_in(RIG_PIN, NULL), 0);
		rig_stop(&worker);
	}
}

static void test_login_gives_the_pin_to_no_other_token(void **state)
{
	(void)state;
	const struct rig_login other = { .serial = "not this one" };

	start(NULL);
	assert_int_equal(log_in(RIG_PIN, &other), KS_ERR_TOKEN_ABSENT);
	/* The card was changed after the dialog was opened. */
	rig_script(&rig, "token-info serial 0815\n");
	assert_int_equal(log_in(RIG_PIN, NULL), KS_ERR_TOKEN_ABSENT);
	assert_string_equal(worker.error, "token \"corp\" is not there any more; another one is in its place");
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(worker.n_tokens, 1); /* and the news is told */
	assert_string_equal(worker.tokens[0].serial, "0815");
	rig_stop(&worker);
}

static void test_login_to_a_token_that_was_taken_out_gives_the_pin_to_nobody(void **state)
{
	(void)state;

	start(NULL);
	rig_script(&rig, "token-absent\n");
	assert_int_equal(log_in(RIG_PIN, NULL), KS_ERR_TOKEN_ABSENT);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
}

static void test_login_says_what_else_is_wrong_with_the_pin(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		int error;
	} answers[] = {
		{ "C_Login * rv 0xa2\n", KS_ERR_PIN_LENGTH },
		{ "C_Login * rv 0xa3\n", KS_ERR_PIN_EXPIRED },
		{ "C_Login * rv 0xa4\n", KS_ERR_PIN_BLOCKED },
		{ "C_Login * rv 0x102\n", KS_ERR_TOKEN_FAILED },
		{ "C_Login * rv 0x30\n", KS_ERR_TOKEN_FAILED },
		{ "C_Login * rv 0xb3\n", KS_ERR_TOKEN_FAILED }, /* a lost session is no reason to give it again */
		{ "C_Login * garbage\n", KS_ERR_TOKEN_FAILED },
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		start(answers[i].script);
		assert_int_equal(log_in(RIG_PIN, NULL), answers[i].error);
		assert_int_equal(rig_count(&rig, "C_Login"), 1);
		rig_stop(&worker);
	}
}

static void test_login_is_not_wasted_on_a_dead_session(void **state)
{
	(void)state;

	start(NULL);
	/* Out and in again: all sessions of before are gone. */
	rig_script(&rig, "token-absent\n");
	assert_false(can_sign());
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_tokens, 0);
	rig_script(&rig, NULL);
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_true(can_sign());
	rig_stop(&worker);
}

static void test_login_twice_is_good(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_true(can_sign());
	rig_stop(&worker);
}

static void test_login_at_a_pin_pad_gives_no_pin(void **state)
{
	(void)state;

	start("flags-add PIN_PAD\nC_Login * rv 0\n");
	assert_int_equal(log_in("", NULL), 0);
	assert_int_equal(rig_count(&rig, "C_Login without-pin"), 1);
	rig_stop(&worker);
}

static void test_logout_takes_the_private_keys_away(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_true(can_sign());
	assert_int_equal(rig_logout(&worker, worker.tokens[0].number), 0);
	assert_false(worker.tokens[0].logged_in);
	assert_false(rig_key_by_label(&worker, "p256")->private_seen);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "p256"), 0x0403), KS_ERR_TOKEN_LOCKED);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_true(can_sign());
	rig_stop(&worker);
}

static void test_logout_works_where_one_of_its_two_ways_does_not(void **state)
{
	(void)state;
	static const char *const scripts[] = {
		"C_Logout * rv 0x6\n", /* the end of all sessions is a logout as well */
		"C_CloseAllSessions * rv 0x6\nC_CloseSession * rv 0x6\n",
	};

	for (size_t i = 0; i < 2; i++) {
		start(scripts[i]);
		assert_int_equal(log_in(RIG_PIN, NULL), 0);
		assert_int_equal(rig_logout(&worker, worker.tokens[0].number), 0);
		assert_false(worker.tokens[0].logged_in);
		rig_stop(&worker);
	}
}

/* The agent kills a worker that says so. */
static void test_logout_that_did_not_happen_is_an_error(void **state)
{
	(void)state;

	start("C_Logout * rv 0x6\nC_CloseAllSessions * rv 0x6\nC_CloseSession * rv 0x6\n");
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	assert_int_equal(rig_logout(&worker, worker.tokens[0].number), KS_ERR_TOKEN_FAILED);
	assert_string_equal(worker.error, "token \"corp\": C_Logout failed: the function failed (CKR_FUNCTION_FAILED)");
	rig_stop(&worker);
}

static void test_logout_of_a_token_that_has_gone_is_good(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	uint32_t number = worker.tokens[0].number;
	rig_script(&rig, "token-absent\n");
	assert_int_equal(rig_logout(&worker, number), 0);
	assert_int_equal(worker.n_tokens, 0);
	assert_int_equal(rig_logout(&worker, number), 0);
	assert_int_equal(rig_logout(&worker, 4711), 0);
	rig_stop(&worker);
}

/* A PIN longer than any field allows does not get as far as the module; the channel goes on. */
static void test_login_refuses_a_pin_that_is_no_field(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };

	start(NULL);
	size_t frame = ks_frame_begin(&out, KS_MSG_WORKER_LOGIN);
	ks_buffer_put_u32(&out, KS_PROTOCOL_VERSION);
	ks_buffer_put_u32(&out, 77);
	ks_buffer_put_u32(&out, worker.tokens[0].number);
	ks_buffer_put_u8(&out, 0);
	ks_buffer_put_u8(&out, 0);
	ks_buffer_put_string(&out, ks_bytes_text(worker.tokens[0].serial));
	ks_buffer_put_string(&out, ks_bytes(worker.tokens[0].digest, sizeof(worker.tokens[0].digest)));
	uint8_t pin[257] = { '1' };
	ks_buffer_put_string(&out, ks_bytes(pin, sizeof(pin)));
	ks_frame_end(&out, frame);
	assert_int_equal(send(worker.fd, out.data, out.size, 0), (ssize_t)out.size);
	assert_int_equal(rig_await(&worker, 77, KS_MSG_WORKER_LOGIN_REPLY, NULL), KS_ERR_TOO_LARGE);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(log_in(RIG_PIN, NULL), 0);
	rig_stop(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login_opens_the_private_keys),
		cmocka_unit_test(test_login_gives_a_wrong_pin_once),
		cmocka_unit_test(test_login_says_when_the_wrong_pin_left_one_try),
		cmocka_unit_test(test_login_leaves_a_token_alone_that_has_one_try_left),
		cmocka_unit_test(test_login_reads_the_flags_anew),
		cmocka_unit_test(test_login_after_a_wrong_pin_is_for_a_dialog),
		cmocka_unit_test(test_login_with_a_blocked_or_expired_pin_is_not_tried),
		cmocka_unit_test(test_login_does_not_try_a_pin_of_impossible_length),
		cmocka_unit_test(test_login_believes_no_limits_that_cannot_be_true),
		cmocka_unit_test(test_login_gives_the_pin_to_no_other_token),
		cmocka_unit_test(test_login_to_a_token_that_was_taken_out_gives_the_pin_to_nobody),
		cmocka_unit_test(test_login_says_what_else_is_wrong_with_the_pin),
		cmocka_unit_test(test_login_is_not_wasted_on_a_dead_session),
		cmocka_unit_test(test_login_twice_is_good),
		cmocka_unit_test(test_login_at_a_pin_pad_gives_no_pin),
		cmocka_unit_test(test_logout_takes_the_private_keys_away),
		cmocka_unit_test(test_logout_works_where_one_of_its_two_ways_does_not),
		cmocka_unit_test(test_logout_that_did_not_happen_is_an_error),
		cmocka_unit_test(test_logout_of_a_token_that_has_gone_is_good),
		cmocka_unit_test(test_login_refuses_a_pin_that_is_no_field),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
