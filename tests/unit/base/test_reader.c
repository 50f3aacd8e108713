/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

static const uint8_t counting[] = { 0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x88 };

/* A copy of exactly this size, so that a sanitizer sees a read of one byte too many. */
static uint8_t *exact(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	assert_non_null(copy);
	if (size > 0)
		memcpy(copy, data, size);
	return copy;
}

static void test_reader_reads_integers_big_endian(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(ks_bytes(counting, sizeof(counting)));
	assert_int_equal(ks_reader_u8(&reader), 0x81);
	assert_int_equal(ks_reader_u16(&reader), 0x0203);
	assert_int_equal(ks_reader_u24(&reader), 0x040506);
	assert_int_equal(ks_reader_left(&reader), 2);
	assert_false(ks_reader_done(&reader));
	reader = ks_reader(ks_bytes(counting, sizeof(counting)));
	assert_true(ks_reader_u32(&reader) == 0x81020304u);
	reader = ks_reader(ks_bytes(counting, sizeof(counting)));
	assert_true(ks_reader_u64(&reader) == 0x8102030405060788u);
	assert_true(ks_reader_done(&reader));
}

static uint64_t read_integer(struct ks_reader *reader, size_t size)
{
	switch (size) {
	case 1:
		return ks_reader_u8(reader);
	case 2:
		return ks_reader_u16(reader);
	case 3:
		return ks_reader_u24(reader);
	case 4:
		return ks_reader_u32(reader);
	default:
		return ks_reader_u64(reader);
	}
}

static void test_reader_never_passes_the_end_with_an_integer(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1, 2, 3, 4, 8 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t have = 0; have < sizes[i]; have++) {
			KS_AUTO_FREE uint8_t *data = exact(counting, have);
			struct ks_reader reader = ks_reader(ks_bytes(data, have));
			assert_true(read_integer(&reader, sizes[i]) == 0);
			assert_false(ks_reader_ok(&reader));
			assert_ptr_equal(reader.next, data);
		}
	}
}

static void test_reader_take_borrows_from_the_input(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(ks_bytes(counting, sizeof(counting)));
	struct ks_bytes first = ks_reader_take(&reader, 3);
	assert_ptr_equal(first.data, counting);
	assert_int_equal(first.size, 3);
	struct ks_bytes none = ks_reader_take(&reader, 0);
	assert_int_equal(none.size, 0);
	assert_int_equal(ks_reader_take(&reader, 5).size, 5);
	assert_true(ks_reader_done(&reader));
}

static void test_reader_take_of_a_huge_size_does_not_overflow(void **state)
{
	(void)state;
	static const size_t sizes[] = { 9, SIZE_MAX, SIZE_MAX - 4, SIZE_MAX / 2, SIZE_MAX / 2 + 1 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct ks_reader reader = ks_reader(ks_bytes(counting, sizeof(counting)));
		struct ks_bytes taken = ks_reader_take(&reader, sizes[i]);
		assert_null(taken.data);
		assert_int_equal(taken.size, 0);
		assert_false(ks_reader_ok(&reader));
	}
}

static void test_reader_stays_failed(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(ks_bytes(counting, sizeof(counting)));
	(void)ks_reader_take(&reader, 9);
	/* All of these would fit. */
	assert_int_equal(ks_reader_u8(&reader), 0);
	assert_int_equal(ks_reader_u16(&reader), 0);
	assert_int_equal(ks_reader_u24(&reader), 0);
	assert_int_equal(ks_reader_u32(&reader), 0);
	assert_true(ks_reader_u64(&reader) == 0);
	assert_null(ks_reader_take(&reader, 1).data);
	assert_null(ks_reader_take(&reader, 0).data);
	assert_int_equal(ks_reader_left(&reader), 0);
	assert_false(ks_reader_ok(&reader));
	assert_false(ks_reader_done(&reader));
}

static void test_reader_fails_on_demand(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(ks_bytes(counting, 1));
	(void)ks_reader_u8(&reader);
	assert_true(ks_reader_done(&reader));
	ks_reader_fail(&reader);
	assert_false(ks_reader_ok(&reader));
	assert_false(ks_reader_done(&reader));
}

static void test_reader_of_nothing_is_done_at_once(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(KS_BYTES_NONE);
	assert_true(ks_reader_ok(&reader));
	assert_true(ks_reader_done(&reader));
	assert_int_equal(ks_reader_take(&reader, 0).size, 0);
	assert_true(ks_reader_ok(&reader));
	assert_int_equal(ks_reader_u8(&reader), 0);
	assert_false(ks_reader_ok(&reader));
}

static struct ks_bytes read_vector(struct ks_reader *reader, size_t length_size)
{
	switch (length_size) {
	case 1:
		return ks_reader_vector8(reader);
	case 2:
		return ks_reader_vector16(reader);
	case 3:
		return ks_reader_vector24(reader);
	default:
		return ks_reader_vector32(reader);
	}
}

static void test_reader_vector_takes_as_many_bytes_as_its_length_says(void **state)
{
	(void)state;
	for (size_t length_size = 1; length_size <= 4; length_size++) {
		uint8_t data[4 + 3 + 1] = { 0 };
		data[length_size - 1] = 3;
		memcpy(data + length_size, "abc!", 4);
		struct ks_reader reader = ks_reader(ks_bytes(data, length_size + 4));
		struct ks_bytes vector = read_vector(&reader, length_size);
		assert_true(ks_bytes_equal(vector, ks_bytes("abc", 3)));
		assert_int_equal(ks_reader_u8(&reader), '!');
		assert_true(ks_reader_done(&reader));
	}
}

static void test_reader_vector_that_is_cut_anywhere_fails(void **state)
{
	(void)state;
	for (size_t length_size = 1; length_size <= 4; length_size++) {
		uint8_t data[4 + 3] = { 0 };
		data[length_size - 1] = 3;
		for (size_t have = 0; have < length_size + 3; have++) {
			KS_AUTO_FREE uint8_t *cut = exact(data, have);
			struct ks_reader reader = ks_reader(ks_bytes(cut, have));
			assert_null(read_vector(&reader, length_size).data);
			assert_false(ks_reader_ok(&reader));
		}
	}
}

static void test_reader_vector_of_the_longest_length_fails_where_it_does_not_fit(void **state)
{
	(void)state;
	static const uint8_t ones[8] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	for (size_t length_size = 1; length_size <= 4; length_size++) {
		struct ks_reader reader = ks_reader(ks_bytes(ones, sizeof(ones)));
		assert_int_equal(read_vector(&reader, length_size).size, 0);
		assert_false(ks_reader_ok(&reader));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_reads_integers_big_endian),
		cmocka_unit_test(test_reader_never_passes_the_end_with_an_integer),
		cmocka_unit_test(test_reader_take_borrows_from_the_input),
		cmocka_unit_test(test_reader_take_of_a_huge_size_does_not_overflow),
		cmocka_unit_test(test_reader_stays_failed),
		cmocka_unit_test(test_reader_fails_on_demand),
		cmocka_unit_test(test_reader_of_nothing_is_done_at_once),
		cmocka_unit_test(test_reader_vector_takes_as_many_bytes_as_its_length_says),
		cmocka_unit_test(test_reader_vector_that_is_cut_anywhere_fails),
		cmocka_unit_test(test_reader_vector_of_the_longest_length_fails_where_it_does_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
