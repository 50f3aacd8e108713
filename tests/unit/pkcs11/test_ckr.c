/* SPDX-License-Identifier: Apache-2.0 */
/* Units of pkcs11/ckr.c and pkcs11/label.c. Runs in: unit tests. */
#include "pkcs11/ckr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "lib/base/text.h"
#include "pkcs11/label.h"

static void test_ckr_has_words_and_a_name_for_each_value(void **state)
{
	(void)state;
	char text[128];

	ks_ckr_describe(CKR_DEVICE_REMOVED, text, sizeof(text));
	assert_string_equal(text, "the device was removed (CKR_DEVICE_REMOVED)");
	for (CK_RV rv = 1; rv < 0x300; rv++) {
		ks_ckr_describe(rv, text, sizeof(text));
		assert_true(strstr(text, "(CKR_") || strstr(text, "(0x"));
		assert_true(ks_text_valid(ks_bytes_text(text)));
		assert_true(ks_ckr_error(rv) < 0);
		assert_int_not_equal(ks_ckr_kind(rv), KS_CKR_GOOD);
	}
}

static void test_ckr_of_nobody_is_a_failure_of_the_token(void **state)
{
	(void)state;
	char text[128];

	ks_ckr_describe(0x80001234, text, sizeof(text));
	assert_string_equal(text, "an error that PKCS#11 has no name for (0x80001234)");
	assert_int_equal(ks_ckr_error(0x80001234), KS_ERR_TOKEN_FAILED);
	assert_int_equal(ks_ckr_kind(~0UL), KS_CKR_FAILED);
}

static void test_ckr_ok_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(ks_ckr_error(CKR_OK), 0);
	assert_int_equal(ks_ckr_kind(CKR_OK), KS_CKR_GOOD);
}

static void test_ckr_problem_names_token_function_and_reason(void **state)
{
	(void)state;
	struct ks_problem problem = { 0 };

	assert_int_equal(ks_ckr_problem(&problem, CKR_PIN_LOCKED, "token \"corp\"", "C_Login"), KS_ERR_PIN_BLOCKED);
	assert_int_equal(problem.error, KS_ERR_PIN_BLOCKED);
	assert_string_equal(problem.text, "token \"corp\": C_Login failed: the PIN is blocked (CKR_PIN_LOCKED)");
	assert_int_equal(ks_ckr_problem(NULL, CKR_PIN_LOCKED, "x", "y"), KS_ERR_PIN_BLOCKED);
}

static void assert_label(const char *raw, size_t size, const char *expected)
{
	char text[16];

	ks_label_read(ks_bytes(raw, size), text, sizeof(text));
	assert_string_equal(text, expected);
	assert_true(ks_text_valid(ks_bytes_text(text)));
}

static void test_label_loses_its_padding_only(void **state)
{
	(void)state;
	assert_label("corp    ", 8, "corp");
	assert_label(" corp\0\0 ", 8, " corp");
	assert_label("      ", 6, "");
	assert_label("", 0, "");
	assert_label("a\\b", 3, "a\\b");
	assert_label("K\xc3\xb6ln", 5, "K\xc3\xb6ln");
}

static void test_label_that_is_no_text_is_escaped(void **state)
{
	(void)state;
	assert_label("a\nb", 3, "a\\x0ab");
	assert_label("a\0b", 3, "a\\x00b");
	assert_label("\xff", 1, "\\xff");
}

static void test_label_that_is_too_long_is_cut_between_characters(void **state)
{
	(void)state;
	assert_label("123456789012345", 15, "123456789012345");
	assert_label("1234567890123456", 16, "123456789012...");
	assert_label("12345678901\xc3\xb6\xc3\xb6\xc3\xb6", 17, "12345678901...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ckr_has_words_and_a_name_for_each_value),
		cmocka_unit_test(test_ckr_of_nobody_is_a_failure_of_the_token),
		cmocka_unit_test(test_ckr_ok_is_no_error),
		cmocka_unit_test(test_ckr_problem_names_token_function_and_reason),
		cmocka_unit_test(test_label_loses_its_padding_only),
		cmocka_unit_test(test_label_that_is_no_text_is_escaped),
		cmocka_unit_test(test_label_that_is_too_long_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
