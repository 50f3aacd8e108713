/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/base/base64: what it writes and reads, and what it does not take for base64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/base64.h"

static void test_base64_is_read_with_white_space_anywhere(void **state)
{
	static const struct {
		const char *text, *bytes;
	} cases[] = {
		{ "", "" },
		{ "Zg==", "f" },
		{ "Zm8=", "fo" },
		{ "Zm9v", "foo" },
		{ "Zm9vYmFy\r\n", "foobar" },
		{ " Z\tm\r\n9\n v \n Yg = = ", "foob" },
		{ "+/+/", "\xfb\xff\xbf" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ks_buffer out = { 0 };
		assert_int_equal(ks_base64_read(ks_bytes_text(cases[i].text), &out), 0);
		assert_true(ks_bytes_equal(ks_buffer_bytes(&out), ks_bytes_text(cases[i].bytes)));
		ks_buffer_deinit(&out);
	}
}

static void test_base64_refuses_what_is_none(void **state)
{
	static const char *const cases[] = {
		"Z",    "Zm",       "Zm9",  "Zm9vY", "=",    "Z===",  "Zg=",      "Zh==",
		"Zm9=", "Zg==Zg==", "Zg=a", "Zm-v",  "Zm_v", "Zm9v!", "Zm9v====", "<html>",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ks_buffer out = { 0 };
		if (ks_base64_read(ks_bytes_text(cases[i]), &out) != KS_ERR_MALFORMED || out.size != 0)
			fail_msg("%s", cases[i]);
		ks_buffer_deinit(&out);
	}
	struct ks_buffer out = { 0 };
	assert_int_equal(ks_base64_read(ks_bytes("Zm\0v", 4), &out), KS_ERR_MALFORMED);
	ks_buffer_deinit(&out);
}

static void test_base64_writes_lines_that_it_reads_again(void **state)
{
	uint8_t bytes[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		struct ks_buffer text = { 0 }, out = { 0 };
		assert_int_equal(ks_base64_put(&text, ks_bytes(bytes, size)), 0);
		for (size_t i = 0; i < text.size; i++)
			assert_true((text.data[i] == '\n') == (i % 65 == 64 || i == text.size - 1));
		assert_int_equal(ks_base64_read(ks_buffer_bytes(&text), &out), 0);
		assert_true(ks_bytes_equal(ks_buffer_bytes(&out), ks_bytes(bytes, size)));
		ks_buffer_deinit(&text);
		ks_buffer_deinit(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64_is_read_with_white_space_anywhere),
		cmocka_unit_test(test_base64_refuses_what_is_none),
		cmocka_unit_test(test_base64_writes_lines_that_it_reads_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
