/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/protocol/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"

static const uint8_t ping[] = { 0, 0, 0, 4, 33, 'a', 'b', 'c' };

static void test_frame_is_partial_until_its_last_byte(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(ping); size++) {
		enum ks_frame_state frame_state = KS_FRAME_WHOLE;
		struct ks_frame frame = { .type = 99 };
		size_t used = 0;
		assert_int_equal(ks_frame_read(ks_bytes(ping, size), &frame_state, &frame, &used), 0);
		assert_int_equal(frame_state, KS_FRAME_PARTIAL);
		assert_int_equal(used, size < 4 ? KS_FRAME_HEADER : sizeof(ping));
		assert_int_equal(frame.type, 99);
	}
}

static void test_frame_gives_type_and_body_without_what_follows(void **state)
{
	(void)state;
	uint8_t two[sizeof(ping) + 3] = { 0 };
	memcpy(two, ping, sizeof(ping));
	enum ks_frame_state frame_state;
	struct ks_frame frame;
	size_t used;
	assert_int_equal(ks_frame_read(ks_bytes(two, sizeof(two)), &frame_state, &frame, &used), 0);
	assert_int_equal(frame_state, KS_FRAME_WHOLE);
	assert_int_equal(used, sizeof(ping));
	assert_int_equal(frame.type, 33);
	assert_true(ks_bytes_equal(frame.body, ks_bytes("abc", 3)));
	assert_ptr_equal(frame.body.data, two + KS_FRAME_HEADER);
}

static void test_frame_of_a_type_alone_has_an_empty_body(void **state)
{
	(void)state;
	static const uint8_t bare[] = { 0, 0, 0, 1, 7 };
	enum ks_frame_state frame_state;
	struct ks_frame frame;
	size_t used;
	assert_int_equal(ks_frame_read(ks_bytes(bare, sizeof(bare)), &frame_state, &frame, &used), 0);
	assert_int_equal(frame_state, KS_FRAME_WHOLE);
	assert_int_equal(frame.type, 7);
	assert_int_equal(frame.body.size, 0);
}

static int read_length(uint32_t length)
{
	uint8_t header[4] = { (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
			      (uint8_t)length };
	enum ks_frame_state frame_state;
	struct ks_frame frame;
	size_t used;
	return ks_frame_read(ks_bytes(header, sizeof(header)), &frame_state, &frame, &used);
}

static void test_frame_refuses_length_zero(void **state)
{
	(void)state;
	assert_int_equal(read_length(0), KS_ERR_MALFORMED);
}

static void test_frame_refuses_a_length_above_the_limit_before_its_bytes_come(void **state)
{
	(void)state;
	assert_int_equal(read_length(KS_FRAME_MAX), 0);
	assert_int_equal(read_length(KS_FRAME_MAX + 1), KS_ERR_TOO_LARGE);
	assert_int_equal(read_length(UINT32_MAX), KS_ERR_TOO_LARGE);
}

static void test_frame_refusal_leaves_outputs_alone(void **state)
{
	(void)state;
	static const uint8_t empty[] = { 0, 0, 0, 0, 1 };
	enum ks_frame_state frame_state = KS_FRAME_WHOLE;
	struct ks_frame frame = { .type = 99 };
	size_t used = 77;
	assert_int_equal(ks_frame_read(ks_bytes(empty, sizeof(empty)), &frame_state, &frame, &used), KS_ERR_MALFORMED);
	assert_int_equal(frame_state, KS_FRAME_WHOLE);
	assert_int_equal(frame.type, 99);
	assert_int_equal(used, 77);
}

static void test_frame_written_is_frame_read(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	ks_buffer_put(&buffer, ks_bytes("before", 6));
	size_t position = ks_frame_begin(&buffer, 33);
	ks_buffer_put(&buffer, ks_bytes("abc", 3));
	ks_frame_end(&buffer, position);
	assert_int_equal(ks_buffer_error(&buffer), 0);
	assert_int_equal(buffer.size, 6 + sizeof(ping));
	assert_memory_equal(buffer.data + 6, ping, sizeof(ping));
}

static int write_body_of(size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_AUTO_FREE uint8_t *body = calloc(1, size);
	assert_non_null(body);
	size_t position = ks_frame_begin(&buffer, 1);
	ks_buffer_put(&buffer, ks_bytes(body, size));
	ks_frame_end(&buffer, position);
	return ks_buffer_error(&buffer);
}

static void test_frame_writer_knows_the_limit(void **state)
{
	(void)state;
	assert_int_equal(write_body_of(KS_FRAME_MAX - 1), 0);
	assert_int_equal(write_body_of(KS_FRAME_MAX), KS_ERR_TOO_LARGE);
}

static void test_frame_writer_keeps_the_first_error(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer;
	ks_buffer_init(&buffer, 6);
	size_t position = ks_frame_begin(&buffer, 1);
	ks_buffer_put(&buffer, ks_bytes("abc", 3));
	int first = ks_buffer_error(&buffer);
	assert_true(first < 0);
	ks_frame_end(&buffer, position);
	assert_int_equal(ks_buffer_error(&buffer), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_is_partial_until_its_last_byte),
		cmocka_unit_test(test_frame_gives_type_and_body_without_what_follows),
		cmocka_unit_test(test_frame_of_a_type_alone_has_an_empty_body),
		cmocka_unit_test(test_frame_refuses_length_zero),
		cmocka_unit_test(test_frame_refuses_a_length_above_the_limit_before_its_bytes_come),
		cmocka_unit_test(test_frame_refusal_leaves_outputs_alone),
		cmocka_unit_test(test_frame_written_is_frame_read),
		cmocka_unit_test(test_frame_writer_knows_the_limit),
		cmocka_unit_test(test_frame_writer_keeps_the_first_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
