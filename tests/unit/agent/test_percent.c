/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/helpers/percent.h. */
#include "agent/helpers/percent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static int decode(const char *text, size_t size, char *out, size_t *ret_size)
{
	memcpy(out, text, size);
	return ks_percent_decode(out, size, ret_size);
}

static void expect_decoded(const char *text, const char *wanted)
{
	char out[64];
	size_t size = 0;

	assert_int_equal(decode(text, strlen(text), out, &size), 0);
	assert_int_equal(size, strlen(wanted));
	assert_memory_equal(out, wanted, size);
}

static void test_percent_decodes_both_cases_of_digits(void **state)
{
	(void)state;
	expect_decoded("", "");
	expect_decoded("1234", "1234");
	expect_decoded("%31%32%4a%4B", "12JK");
	expect_decoded("%25%0A", "%\n");
	expect_decoded("a+b", "a+b"); /* no space */
}

static void test_percent_refuses_what_is_no_escape(void **state)
{
	static const char *const wrong[] = {
		"%", "1%", "%1", "12%3", "%zz", "%1g", "%g1", "%%31", "% 1", "%-1", "%+1"
	};
	char out[64];
	size_t size = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(decode(wrong[i], strlen(wrong[i]), out, &size), KS_ERR_MALFORMED);
	assert_int_equal(size, 77);
}

static void test_percent_refuses_a_nul_in_any_form(void **state)
{
	char out[64];
	size_t size = 0;

	(void)state;
	assert_int_equal(decode("12%0034", 7, out, &size), KS_ERR_MALFORMED);
	assert_int_equal(decode("12\0"
				"34",
				5, out, &size),
			 KS_ERR_MALFORMED);
}

static void test_percent_reads_nothing_behind_the_end(void **state)
{
	char out[64];
	size_t size = 0;

	(void)state;
	assert_int_equal(decode("%31", 2, out, &size), KS_ERR_MALFORMED);
	assert_int_equal(decode("%31", 1, out, &size), KS_ERR_MALFORMED);
}

static void test_percent_encodes_what_would_end_or_change_a_line(void **state)
{
	char out[64];

	(void)state;
	assert_true(ks_percent_encode("100%\nof\r\t\x7f“x”", out, sizeof(out)));
	assert_string_equal(out, "100%25%0Aof%0D%09%7F“x”");
}

static void test_percent_cuts_between_characters_and_says_so(void **state)
{
	char out[12];

	(void)state;
	assert_true(ks_percent_encode("12345678901", out, sizeof(out)));
	assert_string_equal(out, "12345678901");
	assert_false(ks_percent_encode("123456789012", out, sizeof(out)));
	assert_string_equal(out, "12345678...");
	assert_false(ks_percent_encode("1234567€890", out, sizeof(out)));
	assert_string_equal(out, "1234567...");
	assert_false(ks_percent_encode("1234567\n89012", out, sizeof(out)));
	assert_string_equal(out, "1234567...");
}

static void test_percent_encoded_is_decoded_to_itself(void **state)
{
	char text[256], out[1024];
	size_t size = 0;

	(void)state;
	for (int i = 1; i < 256; i++)
		text[i - 1] = (char)i;
	text[255] = '\0';
	assert_true(ks_percent_encode(text, out, sizeof(out)));
	assert_int_equal(ks_percent_decode(out, strlen(out), &size), 0);
	assert_int_equal(size, 255);
	assert_memory_equal(out, text, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent_decodes_both_cases_of_digits),
		cmocka_unit_test(test_percent_refuses_what_is_no_escape),
		cmocka_unit_test(test_percent_refuses_a_nul_in_any_form),
		cmocka_unit_test(test_percent_reads_nothing_behind_the_end),
		cmocka_unit_test(test_percent_encodes_what_would_end_or_change_a_line),
		cmocka_unit_test(test_percent_cuts_between_characters_and_says_so),
		cmocka_unit_test(test_percent_encoded_is_decoded_to_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
