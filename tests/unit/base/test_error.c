/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/error.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct row {
	int number;
	const char *word;
	const char *text;
};

static const struct row rows[] = {
#define ROW(name, number, word, text) { number, word, text },
	KS_ERROR_LIST(ROW)
#undef ROW
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void test_error_numbers_and_words_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(rows[i].number, rows[j].number);
			assert_string_not_equal(rows[i].word, rows[j].word);
			assert_string_not_equal(rows[i].text, rows[j].text);
		}
	}
}

static void test_error_numbers_stay_as_the_wire_has_them(void **state)
{
	(void)state;
	/* One of each group: a number that moves breaks every client that is installed already. */
	assert_int_equal(KS_ERR_NO_MEMORY, -1);
	assert_int_equal(KS_ERR_INTERNAL, -13);
	assert_int_equal(KS_ERR_MALFORMED, -20);
	assert_int_equal(KS_ERR_CHANGED, -29);
	assert_int_equal(KS_ERR_UNKNOWN_KEY, -40);
	assert_int_equal(KS_ERR_TOKEN_LOCKED, -50);
	assert_int_equal(KS_ERR_WRONG_SIGNATURE, -60);
	assert_int_equal(KS_ERR_RULE, -70);
	assert_int_equal(KS_ERR_INPUT_UNKNOWN, -80);
	assert_int_equal(KS_ERR_INPUT_NOT_OFFERED, -94);
	assert_int_equal(KS_ERR_INPUT_REQUEST, -95);
	assert_int_equal(KS_ERR_INPUT_CMP, -96);
}

static void test_error_words_are_lower_case_with_hyphens(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		assert_true(strlen(rows[i].word) > 0);
		for (const char *c = rows[i].word; *c; c++)
			assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-');
	}
}

static void test_error_is_found_by_either_sign(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		assert_true(rows[i].number > 0);
		assert_string_equal(ks_error_text(rows[i].number), rows[i].text);
		assert_string_equal(ks_error_text(-rows[i].number), rows[i].text);
		assert_string_equal(ks_error_word(rows[i].number), rows[i].word);
		assert_string_equal(ks_error_word(-rows[i].number), rows[i].word);
	}
}

static void test_error_of_any_number_has_words(void **state)
{
	(void)state;
	static const int numbers[] = { 0, 14, -14, 1000, -1000, INT_MAX, -INT_MAX, INT_MIN };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_non_null(ks_error_text(numbers[i]));
		assert_non_null(ks_error_word(numbers[i]));
		assert_true(strlen(ks_error_text(numbers[i])) > 0);
	}
	assert_string_equal(ks_error_word(INT_MIN), "unknown");
	assert_string_equal(ks_error_word(0), "none");
}

static void test_error_from_errno_names_the_four_that_matter(void **state)
{
	(void)state;
	assert_int_equal(ks_error_from_errno(ENOMEM), KS_ERR_NO_MEMORY);
	assert_int_equal(ks_error_from_errno(EACCES), KS_ERR_DENIED);
	assert_int_equal(ks_error_from_errno(EPERM), KS_ERR_DENIED);
	assert_int_equal(ks_error_from_errno(ENOENT), KS_ERR_NOT_FOUND);
	assert_int_equal(ks_error_from_errno(EIO), KS_ERR_SYSTEM);
	/* Never success, even when errno was not set. */
	assert_int_equal(ks_error_from_errno(0), KS_ERR_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_numbers_and_words_are_unique),
		cmocka_unit_test(test_error_numbers_stay_as_the_wire_has_them),
		cmocka_unit_test(test_error_words_are_lower_case_with_hyphens),
		cmocka_unit_test(test_error_is_found_by_either_sign),
		cmocka_unit_test(test_error_of_any_number_has_words),
		cmocka_unit_test(test_error_from_errno_names_the_four_that_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
