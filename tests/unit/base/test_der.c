/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/der.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

/* A NUL byte at the end of a literal is not part of the bytes. */
#define BYTES(literal) ks_bytes(literal, sizeof(literal) - 1)

static bool is_refused(struct ks_bytes input)
{
	struct ks_reader reader = ks_reader(input);
	uint8_t tag = 0x77;
	struct ks_bytes element = ks_der_take_any(&reader, &tag);
	/* Outputs are written on success alone. */
	assert_int_equal(tag == 0x77, !ks_reader_ok(&reader));
	assert_int_equal(element.data == NULL, !ks_reader_ok(&reader));
	return !ks_reader_ok(&reader);
}

static void test_der_take_gives_the_contents_of_the_tag(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(BYTES("\x04\x03"
						  "abc"
						  "\x30\x00"
						  "\x05\x00"));
	assert_true(ks_bytes_equal(ks_der_take(&reader, KS_DER_OCTET_STRING), BYTES("abc")));
	assert_int_equal(ks_der_take(&reader, KS_DER_SEQUENCE).size, 0);
	assert_true(ks_reader_ok(&reader));
	assert_int_equal(ks_der_take(&reader, KS_DER_NULL).size, 0);
	assert_true(ks_reader_done(&reader));
}

static void test_der_take_refuses_another_tag(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(BYTES("\x04\x03"
						  "abc"));
	assert_null(ks_der_take(&reader, KS_DER_UTF8_STRING).data);
	assert_false(ks_reader_ok(&reader));
}

static void test_der_take_any_gives_head_and_contents(void **state)
{
	(void)state;
	struct ks_bytes input = BYTES("\xa0\x02\x05\x00"
				      "\x02\x01\x07");
	struct ks_reader reader = ks_reader(input);
	uint8_t tag = 0;
	struct ks_bytes element = ks_der_take_any(&reader, &tag);
	assert_int_equal(tag, KS_DER_CONTEXT_0);
	assert_ptr_equal(element.data, input.data);
	assert_int_equal(element.size, 4);
	assert_int_equal(ks_der_take_any(&reader, NULL).size, 3);
	assert_true(ks_reader_done(&reader));
}

static void test_der_peek_reads_nothing(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(BYTES("\x30\x00"));
	assert_int_equal(ks_der_peek(&reader), KS_DER_SEQUENCE);
	assert_int_equal(ks_der_peek(&reader), KS_DER_SEQUENCE);
	assert_int_equal(ks_reader_left(&reader), 2);
	(void)ks_der_take(&reader, KS_DER_SEQUENCE);
	assert_int_equal(ks_der_peek(&reader), 0);
	assert_true(ks_reader_done(&reader));
	ks_reader_fail(&reader);
	assert_int_equal(ks_der_peek(&reader), 0);
}

static void test_der_refuses_what_is_cut(void **state)
{
	(void)state;
	uint8_t element[2 + 2 + 300] = { 0x04, 0x82, 0x01, 0x2c };
	assert_false(is_refused(ks_bytes(element, sizeof(element))));
	for (size_t size = 0; size < sizeof(element); size++) {
		KS_AUTO_FREE uint8_t *cut = malloc(size > 0 ? size : 1);
		assert_non_null(cut);
		memcpy(cut, element, size);
		assert_true(is_refused(ks_bytes(cut, size)));
	}
}

static void test_der_refuses_indefinite_and_reserved_lengths(void **state)
{
	(void)state;
	assert_true(is_refused(BYTES("\x30\x80\x05\x00\x00\x00")));
	assert_true(is_refused(BYTES("\x04\xff\x01"
				     "a")));
	assert_true(is_refused(BYTES("\x04\x84\x00\x00\x00\x01"
				     "a"))); /* four bytes of length: past 2^24 */
	assert_true(is_refused(BYTES("\x04\x84\x01\x00\x00\x00"
				     "a")));
	assert_true(is_refused(BYTES("\x04\x88\x00\x00\x00\x00\x00\x00\x00\x01"
				     "a")));
}

static void test_der_refuses_more_than_its_largest_size(void **state)
{
	(void)state;
	/* Minimal, and all of it is there. */
	size_t size = (size_t)1 << 24;
	KS_AUTO_FREE uint8_t *element = calloc(1, 6 + size);
	assert_non_null(element);
	memcpy(element, "\x04\x84\x01\x00\x00\x00", 6);
	assert_true(is_refused(ks_bytes(element, 6 + size)));
	memcpy(element, "\x04\x83\xff\xff\xff", 5);
	assert_false(is_refused(ks_bytes(element, 5 + size - 1)));
}

/* An octet string of this size with its length in this many bytes, and enough contents. */
static bool length_is_refused(size_t size, size_t n_length_bytes)
{
	size_t head = 2 + n_length_bytes;
	KS_AUTO_FREE uint8_t *element = calloc(1, head + size);
	assert_non_null(element);
	element[0] = KS_DER_OCTET_STRING;
	element[1] = n_length_bytes == 0 ? (uint8_t)size : (uint8_t)(0x80 | n_length_bytes);
	for (size_t i = 0; i < n_length_bytes; i++)
		element[head - 1 - i] = (uint8_t)(size >> (8 * i));
	return is_refused(ks_bytes(element, head + size));
}

static void test_der_refuses_lengths_that_are_not_minimal(void **state)
{
	(void)state;
	static const struct {
		size_t size;
		size_t n_minimal;
	} cases[] = { { 0, 0 }, { 1, 0 }, { 127, 0 }, { 128, 1 }, { 255, 1 }, { 256, 2 }, { 65535, 2 }, { 65536, 3 } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(length_is_refused(cases[i].size, cases[i].n_minimal));
		for (size_t n = cases[i].n_minimal + 1; n <= 4; n++)
			assert_true(length_is_refused(cases[i].size, n));
	}
}

static void test_der_refuses_tags_of_more_than_one_byte(void **state)
{
	(void)state;
	static const uint8_t tags[] = { 0x1f, 0x3f, 0x5f, 0x7f, 0x9f, 0xbf, 0xdf, 0xff };
	for (size_t i = 0; i < sizeof(tags); i++) {
		const uint8_t element[] = { tags[i], 0x01, 0x00 };
		assert_true(is_refused(ks_bytes(element, sizeof(element))));
	}
	/* X.690 section 8.1.5: what ends an indefinite length, which there is none of. */
	assert_true(is_refused(BYTES("\x00\x00")));
}

/* 0 bytes: refused. */
static struct ks_bytes read_unsigned(struct ks_bytes input)
{
	struct ks_reader reader = ks_reader(input);
	struct ks_bytes magnitude = ks_der_take_unsigned(&reader);
	assert_int_equal(ks_reader_ok(&reader), magnitude.size > 0);
	return magnitude;
}

static void test_der_unsigned_is_the_magnitude_without_its_sign_byte(void **state)
{
	(void)state;
	assert_true(ks_bytes_equal(read_unsigned(BYTES("\x02\x01\x00")), BYTES("\x00")));
	assert_true(ks_bytes_equal(read_unsigned(BYTES("\x02\x01\x7f")), BYTES("\x7f")));
	assert_true(ks_bytes_equal(read_unsigned(BYTES("\x02\x02\x00\x80")), BYTES("\x80")));
	assert_true(ks_bytes_equal(read_unsigned(BYTES("\x02\x03\x01\x00\x01")), BYTES("\x01\x00\x01")));
}

static void test_der_unsigned_refuses_negative_padded_and_empty_ones(void **state)
{
	(void)state;
	assert_int_equal(read_unsigned(BYTES("\x02\x01\x80")).size, 0);
	assert_int_equal(read_unsigned(BYTES("\x02\x02\xff\x01")).size, 0);
	assert_int_equal(read_unsigned(BYTES("\x02\x02\x00\x7f")).size, 0);
	assert_int_equal(read_unsigned(BYTES("\x02\x02\x00\x00")).size, 0);
	assert_int_equal(read_unsigned(BYTES("\x02\x03\x00\x00\x80")).size, 0);
	assert_int_equal(read_unsigned(BYTES("\x02\x00")).size, 0);
	assert_int_equal(read_unsigned(BYTES("\x03\x01\x01")).size, 0);
	assert_int_equal(read_unsigned(KS_BYTES_NONE).size, 0);
}

static void test_der_written_is_der_read_at_every_length_of_length(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 70000 };
	KS_AUTO_FREE uint8_t *contents = calloc(1, 70000);
	assert_non_null(contents);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
		ks_der_put(&buffer, KS_DER_OCTET_STRING, ks_bytes(contents, sizes[i]));
		assert_int_equal(ks_buffer_error(&buffer), 0);
		struct ks_reader reader = ks_reader(ks_buffer_bytes(&buffer));
		assert_int_equal(ks_der_take(&reader, KS_DER_OCTET_STRING).size, sizes[i]);
		assert_true(ks_reader_done(&reader));
	}
}

static void test_der_put_refuses_what_could_not_be_read_back(void **state)
{
	(void)state;
	static const size_t sizes[] = { (size_t)1 << 24, ((size_t)1 << 32) + 1 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = SIZE_MAX };
		/* The contents are never looked at: the length alone decides. */
		ks_der_put(&buffer, KS_DER_OCTET_STRING, ks_bytes("", sizes[i]));
		assert_int_equal(ks_buffer_error(&buffer), KS_ERR_TOO_LARGE);
	}
}

static void assert_unsigned(struct ks_bytes magnitude, struct ks_bytes expected)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_der_put_unsigned(&buffer, magnitude);
	assert_int_equal(ks_buffer_error(&buffer), 0);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&buffer), expected));
}

static void test_der_put_unsigned_drops_zeros_and_adds_a_sign_byte(void **state)
{
	(void)state;
	assert_unsigned(BYTES("\x7f"), BYTES("\x02\x01\x7f"));
	assert_unsigned(BYTES("\x80"), BYTES("\x02\x02\x00\x80"));
	assert_unsigned(BYTES("\x00\x00\x01\x02"), BYTES("\x02\x02\x01\x02"));
	assert_unsigned(BYTES("\x00\x80"), BYTES("\x02\x02\x00\x80"));
	assert_unsigned(BYTES("\x00\x00"), BYTES("\x02\x01\x00"));
	assert_unsigned(KS_BYTES_NONE, BYTES("\x02\x01\x00"));
}

static void test_der_ecdsa_drops_leading_zeros_of_either_number(void **state)
{
	(void)state;
	const struct {
		struct ks_bytes raw;
		struct ks_bytes der;
	} cases[] = {
		{ BYTES("\x01\x02\x03\x04"), BYTES("\x30\x08\x02\x02\x01\x02\x02\x02\x03\x04") },
		{ BYTES("\x00\x02\x03\x04"), BYTES("\x30\x07\x02\x01\x02\x02\x02\x03\x04") },
		{ BYTES("\x01\x02\x00\x04"), BYTES("\x30\x07\x02\x02\x01\x02\x02\x01\x04") },
		{ BYTES("\x00\x82\x00\x04"), BYTES("\x30\x07\x02\x02\x00\x82\x02\x01\x04") },
		{ BYTES("\xff\xff\x80\x00"), BYTES("\x30\x0a\x02\x03\x00\xff\xff\x02\x03\x00\x80\x00") },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
		assert_int_equal(ks_der_put_ecdsa(&buffer, cases[i].raw), 0);
		assert_true(ks_bytes_equal(ks_buffer_bytes(&buffer), cases[i].der));
	}
}

static void test_der_ecdsa_of_p521_has_a_long_length(void **state)
{
	(void)state;
	uint8_t raw[132];
	memset(raw, 0xff, sizeof(raw));
	raw[0] = 0x01;
	raw[66] = 0x01;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	assert_int_equal(ks_der_put_ecdsa(&buffer, ks_bytes(raw, sizeof(raw))), 0);
	struct ks_bytes der = ks_buffer_bytes(&buffer);
	assert_int_equal(der.size, 3 + 2 * 68);
	assert_memory_equal(der.data, "\x30\x81\x88\x02\x42\x01", 6);
	struct ks_reader reader = ks_reader(der);
	struct ks_reader numbers = ks_reader(ks_der_take(&reader, KS_DER_SEQUENCE));
	assert_true(ks_bytes_equal(ks_der_take_unsigned(&numbers), ks_bytes(raw, 66)));
	assert_true(ks_bytes_equal(ks_der_take_unsigned(&numbers), ks_bytes(raw + 66, 66)));
	assert_true(ks_reader_done(&numbers));
}

static void test_der_ecdsa_refuses_what_is_no_signature(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	assert_int_equal(ks_der_put_ecdsa(&buffer, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(ks_der_put_ecdsa(&buffer, BYTES("\x01\x02\x03")), KS_ERR_INVALID);
	assert_int_equal(ks_der_put_ecdsa(&buffer, BYTES("\x00\x00\x03\x04")), KS_ERR_INVALID);
	assert_int_equal(ks_der_put_ecdsa(&buffer, BYTES("\x01\x02\x00\x00")), KS_ERR_INVALID);
	assert_int_equal(buffer.size, 0);
	assert_int_equal(ks_buffer_error(&buffer), 0);
}

static void test_der_ecdsa_tells_that_the_buffer_is_full(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { .limit = 9 };
	assert_int_equal(ks_der_put_ecdsa(&buffer, BYTES("\x01\x02\x03\x04")), KS_ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_der_take_gives_the_contents_of_the_tag),
		cmocka_unit_test(test_der_take_refuses_another_tag),
		cmocka_unit_test(test_der_take_any_gives_head_and_contents),
		cmocka_unit_test(test_der_peek_reads_nothing),
		cmocka_unit_test(test_der_refuses_what_is_cut),
		cmocka_unit_test(test_der_refuses_indefinite_and_reserved_lengths),
		cmocka_unit_test(test_der_refuses_more_than_its_largest_size),
		cmocka_unit_test(test_der_refuses_lengths_that_are_not_minimal),
		cmocka_unit_test(test_der_refuses_tags_of_more_than_one_byte),
		cmocka_unit_test(test_der_unsigned_is_the_magnitude_without_its_sign_byte),
		cmocka_unit_test(test_der_unsigned_refuses_negative_padded_and_empty_ones),
		cmocka_unit_test(test_der_written_is_der_read_at_every_length_of_length),
		cmocka_unit_test(test_der_put_refuses_what_could_not_be_read_back),
		cmocka_unit_test(test_der_put_unsigned_drops_zeros_and_adds_a_sign_byte),
		cmocka_unit_test(test_der_ecdsa_drops_leading_zeros_of_either_number),
		cmocka_unit_test(test_der_ecdsa_of_p521_has_a_long_length),
		cmocka_unit_test(test_der_ecdsa_refuses_what_is_no_signature),
		cmocka_unit_test(test_der_ecdsa_tells_that_the_buffer_is_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
