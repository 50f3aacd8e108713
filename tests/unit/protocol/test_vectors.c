/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replays docs/protocol-vectors.txt, which was written by another implementation (make_vectors.py), in both directions.
 */
#include "tests/unit/protocol/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/message.h"
#include "tests/unit/protocol/message_text.h"

static struct vectors vectors;

/* What reading the whole of a frame comes to: "ok", "partial" or the word of an error; text gets its fields. */
static const char *outcome(const struct vector *vector, struct ks_buffer *text)
{
	enum ks_frame_state state;
	struct ks_frame frame;
	size_t used;

	int r = ks_frame_read(ks_bytes(vector->frame, vector->frame_size), &state, &frame, &used);
	if (r < 0)
		return ks_error_word(r);
	if (state == KS_FRAME_PARTIAL)
		return "partial";
	assert_int_equal(used, vector->frame_size);

	const struct ks_message_spec *spec = ks_message_spec(frame.type);
	if (spec)
		assert_string_equal(vector->message, spec->name);
	else
		assert_null(vector->message);
	uint64_t storage[MESSAGE_TEXT_STRUCT_MAX / 8];
	r = ks_message_read(frame.type, frame.body, storage, spec ? spec->struct_size : 0);
	if (r == 0)
		r = message_text_put_message(text, spec, storage);
	return r < 0 ? ks_error_word(r) : "ok";
}

static void test_vectors_decode_to_their_fields_or_their_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < vectors.n_items; i++) {
		const struct vector *vector = &vectors.items[i];
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer expected = { 0 };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer seen = { 0 };

		const char *result = outcome(vector, &seen);
		if (strcmp(result, vector->result) != 0)
			fail_msg("vector %s gives %s, not %s", vector->name, result, vector->result);
		for (size_t k = 0; k < vector->n_fields; k++)
			ks_buffer_printf(&expected, "%s\n", vector->fields[k]);
		if (strcmp(result, "ok") == 0 && !ks_bytes_equal(ks_buffer_bytes(&seen), ks_buffer_bytes(&expected)))
			fail_msg("vector %s decodes to\n%.*s", vector->name, (int)seen.size, (const char *)seen.data);
	}
}

static void test_vectors_encode_from_their_fields(void **state)
{
	(void)state;
	size_t n_encoded = 0;

	for (size_t i = 0; i < vectors.n_items; i++) {
		const struct vector *vector = &vectors.items[i];
		if (strcmp(vector->result, "ok") != 0 || strncmp(vector->name, "extended-", 9) == 0)
			continue;
		uint8_t type = vector->frame[4];
		uint64_t storage[MESSAGE_TEXT_STRUCT_MAX / 8] = { 0 };
		struct message_text_pool pool = { .n_blocks = 0 };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

		message_text_build(&pool, ks_message_spec(type), vector->fields, vector->n_fields, storage);
		ks_message_write(&frame, type, storage);
		assert_int_equal(ks_buffer_error(&frame), 0);
		if (!ks_bytes_equal(ks_buffer_bytes(&frame), ks_bytes(vector->frame, vector->frame_size)))
			fail_msg("vector %s encodes to another frame", vector->name);
		message_text_pool_free(&pool);
		n_encoded++;
	}
	assert_true(n_encoded > 0);
}

static void test_vectors_have_a_valid_one_for_each_message(void **state)
{
	(void)state;
	size_t n;
	const struct ks_message_spec *specs = ks_message_specs(&n);

	for (size_t i = 0; i < n; i++) {
		bool found = specs[i].type == 0; /* records come with the messages that hold them */
		for (size_t k = 0; !found && k < vectors.n_items; k++)
			found = strcmp(vectors.items[k].result, "ok") == 0 &&
				strcmp(vectors.items[k].message, specs[i].name) == 0;
		if (!found)
			fail_msg("no vector for %s", specs[i].name);
	}
}

static void test_vectors_have_an_invalid_one_for_each_error(void **state)
{
	(void)state;
	static const char *const words[] = { "malformed", "too-large", "unknown-message", "version", "partial" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = 0;
		for (size_t k = 0; k < vectors.n_items; k++)
			n += strcmp(vectors.items[k].result, words[i]) == 0;
		if (n == 0)
			fail_msg("no vector with result %s", words[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_decode_to_their_fields_or_their_error),
		cmocka_unit_test(test_vectors_encode_from_their_fields),
		cmocka_unit_test(test_vectors_have_a_valid_one_for_each_message),
		cmocka_unit_test(test_vectors_have_an_invalid_one_for_each_error),
	};
	vectors_read(VECTORS, &vectors);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	vectors_free(&vectors);
	return failed;
}
