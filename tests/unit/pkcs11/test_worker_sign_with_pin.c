/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that want their PIN at each signature (CKA_ALWAYS_AUTHENTICATE): the context-specific login between C_SignInit and
 * C_Sign, which submits a PIN at most once whatever goes wrong. Runs in: unit tests.
 */
#include "tests/unit/pkcs11/rig.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *ec_key, *rsa_key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key always = {
		.key = ec_key, .label = "always", .id = 1, .parts = RIG_ALL, .always_authenticate = true
	};
	const struct rig_key always_rsa = {
		.key = rsa_key, .label = "always-rsa", .id = 2, .parts = RIG_ALL, .always_authenticate = true
	};
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &always);
	rig_write_key(writer, &always_rsa);
}

static int setup(void **state)
{
	(void)state;
	ec_key = rig_new_key("P-256");
	rsa_key = rig_new_key("RSA2048");
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(ec_key);
	EVP_PKEY_free(rsa_key);
	rig_deinit(&rig);
	return 0;
}

/* Logged in; script holds from then on, its calls counted from 1. */
static void start(const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };
	const struct rig_login told = { .final_try = true }; /* SoftHSM remembers the wrong PINs of the test before */

	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, &told), 0);
	rig_script(&rig, script);
	(void)unlink(rig.counts);
}

static int sign(const char *pin, const struct rig_login *how)
{
	return rig_sign_with_pin(&worker, rig_key_by_label(&worker, "always"), 0x0403, pin, how);
}

static void test_sign_with_pin_signs_each_time(void **state)
{
	(void)state;

	start(NULL);
	unsigned n_inventories = worker.n_inventories;
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(sign(RIG_PIN, NULL), 0);
		assert_int_equal(rig_count(&rig, "C_Login context"), i);
	}
	assert_int_equal(rig_sign_with_pin(&worker, rig_key_by_label(&worker, "always-rsa"), 0x0804, RIG_PIN, NULL), 0);
	assert_int_equal(rig_count(&rig, "C_Login"), 4); /* no other kind */
	assert_int_equal(worker.n_inventories, n_inventories);
	/* One PIN is for one signature. */
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "always"), 0x0403), KS_ERR_TOKEN_LOCKED);
	rig_stop(&worker);
}

static void test_sign_with_pin_gives_a_wrong_pin_once_and_tells_what_it_cost(void **state)
{
	(void)state;

	start(NULL);
	assert_int_equal(sign("654321", NULL), KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the PIN is wrong");
	assert_int_equal(rig_count(&rig, "C_Login"), 1);
	assert_int_equal(rig_count(&rig, "C_Sign"), 0);
	assert_true((worker.tokens[0].pin_flags & KS_PIN_COUNT_LOW) != 0);
	rig_script(&rig, "flags-add FINAL_TRY\n");
	const struct rig_login told = { .final_try = true };
	assert_int_equal(sign("654321", &told), KS_ERR_PIN_WRONG);
	assert_string_equal(worker.error, "token \"corp\": the PIN is wrong; one more wrong PIN blocks it");
	assert_true((worker.tokens[0].pin_flags & KS_PIN_FINAL_TRY) != 0);
	assert_true(worker.tokens[0].logged_in);
	/* Its operation is still active in its session, which must not be met again. */
	rig_script(&rig, NULL);
	assert_int_equal(sign(RIG_PIN, &told), 0);
	rig_stop(&worker);
}

static void test_sign_with_pin_leaves_a_token_alone_that_warns(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		struct rig_login how;
		int error;
	} cases[] = {
		{ "flags-add COUNT_LOW\n", { .final_try = false }, KS_ERR_PIN_FINAL_TRY },
		{ "flags-add FINAL_TRY\n", { .final_try = false }, KS_ERR_PIN_FINAL_TRY },
		{ "flags-add FINAL_TRY\n", { .final_try = true, .unattended = true }, KS_ERR_PIN_FINAL_TRY },
		{ "flags-add COUNT_LOW\n", { .final_try = true, .unattended = true }, KS_ERR_PIN_FINAL_TRY },
		{ "flags-add LOCKED\n", { .final_try = true }, KS_ERR_PIN_BLOCKED },
		{ "flags-add TO_BE_CHANGED\n", { .final_try = true }, KS_ERR_PIN_EXPIRED },
		{ "token-info pin-min 20\n", { .final_try = true }, KS_ERR_PIN_LENGTH },
	};

	start(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_script(&rig, cases[i].script);
		assert_int_equal(sign(RIG_PIN, &cases[i].how), cases[i].error);
	}
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(rig_count(&rig, "C_SignInit"), 0);
	rig_script(&rig, "flags-add FINAL_TRY\n");
	const struct rig_login told = { .final_try = true };
	assert_int_equal(sign(RIG_PIN, &told), 0);
	rig_stop(&worker);
}

/* The matrix: whatever one of the three calls says, once or always, the PIN is submitted at most once. */
static void test_sign_with_pin_submits_at_most_once_whatever_fails(void **state)
{
	(void)state;
	static const char *const functions[] = { "C_SignInit", "C_Login", "C_Sign" };
	static const char *const modes[] = {
		"rv 0x30",  /* DEVICE_ERROR */
		"rv 0xb3",  /* SESSION_HANDLE_INVALID */
		"rv 0x101", /* USER_NOT_LOGGED_IN */
		"rv 0xe0",  /* TOKEN_NOT_PRESENT */
		"rv 0x150", /* BUFFER_TOO_SMALL */
		"rv 0x90",  /* OPERATION_ACTIVE */
		"rv 0x2",   /* HOST_MEMORY */
		"rv 0x70",  /* MECHANISM_INVALID: on to the next way, but not with a second PIN */
		"rv 0x82",  /* OBJECT_HANDLE_INVALID: looked up again, but not with a second PIN */
		"rv 0xa0",  /* PIN_INCORRECT */
		"after-rv 0x30", "after-rv 0x70", "after-rv 0xb3", "garbage", "wrong",
	};
	char script[64];

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		for (size_t j = 0; j < 2 * sizeof(modes) / sizeof(modes[0]); j++) {
			(void)snprintf(script, sizeof(script), "%s %s %s\n", functions[i], j % 2 ? "1" : "*",
				       modes[j / 2]);
			start(script);
			(void)rig_sign_with_pin(&worker, rig_key_by_label(&worker, "always-rsa"), 0x0804, RIG_PIN,
						NULL);
			unsigned n = rig_count(&rig, "C_Login");
			if (n > 1)
				fail_msg("%s: the PIN was submitted %u times", script, n);
			/* And what comes next finds no session that is worn out. */
			rig_script(&rig, NULL);
			(void)rig_look(&worker);
			if (worker.n_tokens > 0 && worker.tokens[0].logged_in)
				assert_int_equal(sign(RIG_PIN, NULL), 0);
			rig_stop(&worker);
		}
	}
}

/* Nothing was submitted yet, so another way, another session or another handle may be taken. */
static void test_sign_with_pin_goes_on_as_long_as_the_pin_was_not_given(void **state)
{
	(void)state;
	static const char *const scripts[] = { "C_SignInit 1 rv 0x70\n", "C_SignInit 1 rv 0xb3\n",
					       "C_SignInit 1 rv 0x82\n", "C_GetSessionInfo 1 rv 0xb3\n",
					       "C_SignInit 1 after-rv 0x90\n" };

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		start(scripts[i]);
		assert_int_equal(
			rig_sign_with_pin(&worker, rig_key_by_label(&worker, "always-rsa"), 0x0804, RIG_PIN, NULL), 0);
		assert_int_equal(rig_count(&rig, "C_Login"), 1);
		rig_stop(&worker);
	}
}

static void test_sign_with_pin_is_not_wasted_on_a_token_that_was_logged_out(void **state)
{
	(void)state;

	start(NULL);
	uint32_t token = worker.tokens[0].number;
	const struct rig_found_key key = *rig_key_by_label(&worker, "always");
	rig_script(&rig, "session-public\n"); /* by another program: nobody here knows of it yet */
	assert_int_equal(rig_sign_with_pin(&worker, &key, 0x0403, RIG_PIN, NULL), KS_ERR_TOKEN_LOCKED);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_script(&rig, NULL);
	assert_int_equal(rig_logout(&worker, token), 0);
	(void)unlink(rig.counts);
	assert_int_equal(rig_sign_with_pin(&worker, &key, 0x0403, RIG_PIN, NULL), KS_ERR_TOKEN_LOCKED);
	rig_script(&rig, "token-absent\n");
	assert_int_equal(rig_sign_with_pin(&worker, &key, 0x0403, RIG_PIN, NULL), KS_ERR_TOKEN_ABSENT);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	rig_stop(&worker);
}

static void test_sign_with_pin_at_a_pin_pad_gives_no_pin(void **state)
{
	(void)state;

	start("flags-add PIN_PAD\nC_Login * rv 0xa0\n");
	assert_int_equal(sign("", NULL), KS_ERR_PIN_WRONG);
	assert_int_equal(rig_count(&rig, "C_Login context without-pin"), 1);
	rig_stop(&worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sign_with_pin_signs_each_time),
		cmocka_unit_test(test_sign_with_pin_gives_a_wrong_pin_once_and_tells_what_it_cost),
		cmocka_unit_test(test_sign_with_pin_leaves_a_token_alone_that_warns),
		cmocka_unit_test(test_sign_with_pin_submits_at_most_once_whatever_fails),
		cmocka_unit_test(test_sign_with_pin_goes_on_as_long_as_the_pin_was_not_given),
		cmocka_unit_test(test_sign_with_pin_is_not_wasted_on_a_token_that_was_logged_out),
		cmocka_unit_test(test_sign_with_pin_at_a_pin_pad_gives_no_pin),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
