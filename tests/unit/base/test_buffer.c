/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

static void assert_contents(const struct ks_buffer *buffer, const char *expected, size_t size)
{
	assert_int_equal(ks_buffer_error(buffer), 0);
	struct ks_bytes bytes = ks_buffer_bytes(buffer);
	assert_int_equal(bytes.size, size);
	if (size > 0)
		assert_memory_equal(bytes.data, expected, size);
}

static void test_buffer_writes_integers_big_endian(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_put_u8(&buffer, 0x81);
	ks_buffer_put_u16(&buffer, 0x0203);
	ks_buffer_put_u24(&buffer, 0x040506);
	ks_buffer_put_u32(&buffer, 0x0708090a);
	ks_buffer_put_u64(&buffer, 0xf1f2f3f4f5f6f7f8);
	assert_contents(&buffer,
			"\x81\x02\x03\x04\x05\x06\x07\x08\x09\x0a"
			"\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8",
			18);
}

static void test_buffer_refuses_a_u24_that_does_not_fit(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_put_u24(&buffer, 0xffffff);
	assert_contents(&buffer, "\xff\xff\xff", 3);
	ks_buffer_put_u24(&buffer, 0x1000000);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
}

static void test_buffer_string_is_length_and_bytes(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_put_string(&buffer, ks_bytes("abc", 3));
	ks_buffer_put_string(&buffer, KS_BYTES_NONE);
	assert_contents(&buffer, "\0\0\0\3abc\0\0\0\0", 11);
}

static void test_buffer_grows_as_far_as_its_limit_and_no_further(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer;
	ks_buffer_init(&buffer, 1000);
	for (unsigned i = 0; i < 1000; i++)
		ks_buffer_put_u8(&buffer, (uint8_t)i);
	assert_int_equal(ks_buffer_error(&buffer), 0);
	assert_int_equal(buffer.size, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(buffer.data[i], (uint8_t)i);
	ks_buffer_put_u8(&buffer, 0);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
	assert_int_equal(buffer.size, 1000);
}

static void write_past(struct ks_buffer *buffer, int how)
{
	switch (how) {
	case 0:
		ks_buffer_put_u16(buffer, 1);
		break;
	case 1:
		ks_buffer_put(buffer, ks_bytes("ab", 2));
		break;
	case 2:
		ks_buffer_put_string(buffer, KS_BYTES_NONE);
		break;
	case 3:
		ks_buffer_printf(buffer, "%s", "ab");
		break;
	case 4:
		(void)ks_buffer_begin_u32(buffer);
		break;
	default:
		assert_null(ks_buffer_reserve(buffer, 2));
		break;
	}
}

static void test_buffer_writes_all_of_a_value_or_nothing(void **state)
{
	(void)state;
	for (int how = 0; how <= 5; how++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 4 };
		ks_buffer_put(&buffer, ks_bytes("xyz", 3));
		write_past(&buffer, how);
		assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
		assert_int_equal(buffer.size, 3);
	}
}

static void test_buffer_string_that_does_not_fit_leaves_no_length_behind(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 6 };
	ks_buffer_put_string(&buffer, ks_bytes("abc", 3));
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
	assert_int_equal(buffer.size, 0);
}

static void test_buffer_zero_limit_is_the_default_one(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	assert_non_null(ks_buffer_reserve(&buffer, KS_BUFFER_LIMIT_DEFAULT));
	assert_null(ks_buffer_reserve(&buffer, KS_BUFFER_LIMIT_DEFAULT + 1));
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
}

static void test_buffer_size_that_would_overflow_is_refused(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bounded = { 0 };
	ks_buffer_put_u8(&bounded, 1);
	assert_null(ks_buffer_reserve(&bounded, SIZE_MAX));
	assert_int_equal(ks_buffer_error(&bounded), KS_ERR_TOO_LARGE);

	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer boundless = { .limit = SIZE_MAX };
	ks_buffer_put_u8(&boundless, 1);
	assert_null(ks_buffer_reserve(&boundless, SIZE_MAX - 1));
	assert_int_equal(ks_buffer_error(&boundless), KS_ERR_NO_MEMORY);
}

static void test_buffer_first_error_sticks(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 8 };
	ks_buffer_put_u8(&buffer, 1);
	ks_buffer_put_u24(&buffer, UINT32_MAX);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
	/* Would fit, but comes too late; and what would be another error does not hide the first one. */
	ks_buffer_put_u8(&buffer, 2);
	ks_buffer_put(&buffer, ks_bytes("a", 1));
	ks_buffer_put_string(&buffer, ks_bytes("a", 1));
	ks_buffer_printf(&buffer, "a");
	ks_buffer_end_u32(&buffer, 7);
	ks_buffer_grow(&buffer, 1);
	ks_buffer_consume(&buffer, 99);
	assert_null(ks_buffer_reserve(&buffer, 1));
	assert_int_equal(buffer.size, 1);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
}

static void test_buffer_gives_no_bytes_after_an_error(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 2 };
	ks_buffer_put(&buffer, ks_bytes("ab", 2));
	assert_int_equal(ks_buffer_bytes(&buffer).size, 2);
	ks_buffer_put_u8(&buffer, 'c');
	assert_int_equal(ks_buffer_bytes(&buffer).size, 0);
	assert_null(ks_buffer_bytes(&buffer).data);
	assert_null(ks_buffer_steal_text(&buffer));
}

static void test_buffer_printf_appends_text_without_its_nul(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 10 };
	ks_buffer_printf(&buffer, "%s-%d", "ab", 12);
	ks_buffer_printf(&buffer, "%s", "");
	assert_contents(&buffer, "ab-12", 5);
	/* To the last byte of the limit, although vsnprintf wants one more for its NUL. */
	ks_buffer_printf(&buffer, "%s", "vwxyz");
	assert_contents(&buffer, "ab-12vwxyz", 10);
}

static void test_buffer_printf_that_cannot_be_formatted_is_an_error(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_printf(&buffer, "%lc", (wint_t)0x110000);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_INVALID);
}

static void test_buffer_counted_part_gets_its_length_afterwards(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_put_u8(&buffer, 9);
	size_t outer = ks_buffer_begin_u32(&buffer);
	ks_buffer_put(&buffer, ks_bytes("ab", 2));
	size_t inner = ks_buffer_begin_u32(&buffer);
	ks_buffer_end_u32(&buffer, inner);
	ks_buffer_end_u32(&buffer, outer);
	assert_contents(&buffer, "\x09\0\0\0\6ab\0\0\0\0", 11);
}

static void test_buffer_counted_part_that_was_never_begun_is_our_own_error(void **state)
{
	(void)state;
	for (size_t position = 3; position <= 8; position++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
		ks_buffer_put(&buffer, ks_bytes("abcdef", 6));
		ks_buffer_end_u32(&buffer, position);
		assert_int_equal(ks_buffer_error(&buffer), KS_ERR_INTERNAL);
	}
}

static void test_buffer_reserved_bytes_count_when_they_were_used(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 100 };
	ks_buffer_put_u8(&buffer, 'a');
	uint8_t *room = ks_buffer_reserve(&buffer, 99);
	assert_non_null(room);
	memset(room, 'b', 99);
	ks_buffer_grow(&buffer, 2);
	assert_contents(&buffer, "abb", 3);
	assert_non_null(ks_buffer_reserve(&buffer, 0));
	assert_null(ks_buffer_reserve(&buffer, 98));
}

static void test_buffer_growing_past_what_was_reserved_is_our_own_error(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 10 };
	ks_buffer_grow(&buffer, 1);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_INTERNAL);
	ks_buffer_reset(&buffer);
	assert_non_null(ks_buffer_reserve(&buffer, 10));
	ks_buffer_grow(&buffer, 11);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_INTERNAL);
	assert_int_equal(buffer.size, 0);
}

static void test_buffer_consume_drops_from_the_front(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_consume(&buffer, 0);
	ks_buffer_put(&buffer, ks_bytes("abcdef", 6));
	ks_buffer_consume(&buffer, 0);
	ks_buffer_consume(&buffer, 2);
	assert_contents(&buffer, "cdef", 4);
	ks_buffer_put_u8(&buffer, 'g');
	assert_contents(&buffer, "cdefg", 5);
	ks_buffer_consume(&buffer, 5);
	assert_contents(&buffer, "", 0);
	ks_buffer_consume(&buffer, 1);
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_INTERNAL);
}

static bool has_only_zeros(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (data[i] != 0)
			return false;
	}
	return true;
}

static void test_buffer_secret_wipes_what_is_no_longer_in_use(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .secret = true };
	ks_buffer_put(&buffer, ks_bytes("secretsecret", 12));
	ks_buffer_consume(&buffer, 4);
	assert_contents(&buffer, "etsecret", 8);
	assert_true(has_only_zeros(buffer.data + 8, 4));
	ks_buffer_reset(&buffer);
	assert_int_equal(buffer.size, 0);
	assert_true(buffer.capacity >= 12);
	assert_true(has_only_zeros(buffer.data, 12));
	assert_true(buffer.secret);
}

static void test_buffer_secret_keeps_its_contents_when_it_grows(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .secret = true };
	for (unsigned i = 0; i < 5000; i++)
		ks_buffer_put_u16(&buffer, (uint16_t)i);
	assert_int_equal(buffer.size, 10000);
	for (unsigned i = 0; i < 5000; i++) {
		assert_int_equal(buffer.data[2 * i], i >> 8);
		assert_int_equal(buffer.data[2 * i + 1], i & 0xff);
	}
}

static void test_buffer_reset_forgets_contents_and_error_but_not_the_limit(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 3 };
	ks_buffer_put(&buffer, ks_bytes("abcd", 4));
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
	ks_buffer_reset(&buffer);
	ks_buffer_put(&buffer, ks_bytes("abc", 3));
	assert_contents(&buffer, "abc", 3);
	const uint8_t *memory = buffer.data;
	ks_buffer_reset(&buffer);
	assert_ptr_equal(buffer.data, memory);
	ks_buffer_put(&buffer, ks_bytes("abcd", 4));
	assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
}

static void test_buffer_release_gives_the_memory_back(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 3, .secret = true };
	ks_buffer_put(&buffer, ks_bytes("abc", 3));
	ks_buffer_put(&buffer, ks_bytes("d", 1));
	ks_buffer_release(&buffer);
	assert_null(buffer.data);
	assert_int_equal(buffer.capacity, 0);
	assert_int_equal(buffer.limit, 3);
	assert_true(buffer.secret);
	assert_contents(&buffer, "", 0);
}

static void test_buffer_steal_text_ends_it_with_a_nul(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 64 };
	for (int i = 0; i < 64; i++)
		ks_buffer_put_u8(&buffer, 'x');
	KS_AUTO_FREE char *text = ks_buffer_steal_text(&buffer);
	assert_non_null(text);
	assert_int_equal(strlen(text), 64);
	assert_contents(&buffer, "", 0);
	assert_null(buffer.data);
	ks_buffer_printf(&buffer, "again");
	assert_contents(&buffer, "again", 5);
}

static void test_buffer_steal_text_of_an_empty_one_is_an_empty_text(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_AUTO_FREE char *text = ks_buffer_steal_text(&buffer);
	assert_non_null(text);
	assert_string_equal(text, "");
}

static void test_buffer_steal_text_after_an_error_leaves_it_empty(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 2 };
	ks_buffer_put(&buffer, ks_bytes("ab", 2));
	ks_buffer_put_u8(&buffer, 'c');
	assert_null(ks_buffer_steal_text(&buffer));
	assert_contents(&buffer, "", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer_writes_integers_big_endian),
		cmocka_unit_test(test_buffer_refuses_a_u24_that_does_not_fit),
		cmocka_unit_test(test_buffer_string_is_length_and_bytes),
		cmocka_unit_test(test_buffer_grows_as_far_as_its_limit_and_no_further),
		cmocka_unit_test(test_buffer_writes_all_of_a_value_or_nothing),
		cmocka_unit_test(test_buffer_string_that_does_not_fit_leaves_no_length_behind),
		cmocka_unit_test(test_buffer_zero_limit_is_the_default_one),
		cmocka_unit_test(test_buffer_size_that_would_overflow_is_refused),
		cmocka_unit_test(test_buffer_first_error_sticks),
		cmocka_unit_test(test_buffer_gives_no_bytes_after_an_error),
		cmocka_unit_test(test_buffer_printf_appends_text_without_its_nul),
		cmocka_unit_test(test_buffer_printf_that_cannot_be_formatted_is_an_error),
		cmocka_unit_test(test_buffer_counted_part_gets_its_length_afterwards),
		cmocka_unit_test(test_buffer_counted_part_that_was_never_begun_is_our_own_error),
		cmocka_unit_test(test_buffer_reserved_bytes_count_when_they_were_used),
		cmocka_unit_test(test_buffer_growing_past_what_was_reserved_is_our_own_error),
		cmocka_unit_test(test_buffer_consume_drops_from_the_front),
		cmocka_unit_test(test_buffer_secret_wipes_what_is_no_longer_in_use),
		cmocka_unit_test(test_buffer_secret_keeps_its_contents_when_it_grows),
		cmocka_unit_test(test_buffer_reset_forgets_contents_and_error_but_not_the_limit),
		cmocka_unit_test(test_buffer_release_gives_the_memory_back),
		cmocka_unit_test(test_buffer_steal_text_ends_it_with_a_nul),
		cmocka_unit_test(test_buffer_steal_text_of_an_empty_one_is_an_empty_text),
		cmocka_unit_test(test_buffer_steal_text_after_an_error_leaves_it_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
