/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that hold for every row of the table, tried on every row. The bytes that are read come from an encoder of this
 * file that checks nothing, so that what the real one would refuse to write can be offered.
 */
#include "lib/protocol/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"

#define STRUCT_MAX 512

static char letters[KS_FRAME_MAX + 2];

struct any {
	uint64_t storage[STRUCT_MAX / 8];
};

static const struct ks_message_spec *specs;
static size_t n_specs;

static bool is_run(const struct ks_field_spec *field)
{
	return field->kind != KS_FIELD_BOOL && field->kind != KS_FIELD_U32 && field->kind != KS_FIELD_U64;
}

static void set_run(struct any *message, const struct ks_field_spec *field, struct ks_bytes run)
{
	memcpy((uint8_t *)message + field->offset, &run, sizeof(run));
}

static struct ks_bytes run_of(const struct any *message, const struct ks_field_spec *field)
{
	struct ks_bytes run;
	memcpy(&run, (const uint8_t *)message + field->offset, sizeof(run));
	return run;
}

/* A message whose runs have size bytes, as far as their limits let them; numbers differ from field to field. */
static void fill(const struct ks_message_spec *spec, struct any *message, size_t size)
{
	memset(message, 0, sizeof(*message));
	assert_true(spec->struct_size <= sizeof(*message));
	if (spec->type != 0) {
		uint32_t head[2] = { KS_PROTOCOL_VERSION, 0x01020304 };
		memcpy(message, head, sizeof(head));
	}
	size_t total = spec->max_total;
	for (size_t i = 0; i < spec->n_fields; i++) {
		const struct ks_field_spec *field = &spec->fields[i];
		uint8_t *at = (uint8_t *)message + field->offset;
		uint64_t u64 = 0x1112131415161700u + i;
		uint32_t u32 = 0x21222300u + (uint32_t)i;
		bool truth = i % 2 == 0;
		size_t run_size = size < field->min ? field->min : size > field->max ? field->max : size;

		switch (field->kind) {
		case KS_FIELD_BOOL:
			memcpy(at, &truth, sizeof(truth));
			break;
		case KS_FIELD_U32:
			memcpy(at, &u32, sizeof(u32));
			break;
		case KS_FIELD_U64:
			memcpy(at, &u64, sizeof(u64));
			break;
		case KS_FIELD_BYTES:
			if (spec->max_total != 0) {
				run_size = run_size > total ? total : run_size;
				total -= run_size;
			}
			set_run(message, field, ks_bytes(letters, run_size));
			break;
		case KS_FIELD_TEXT:
		case KS_FIELD_SECRET:
			set_run(message, field, ks_bytes(letters, run_size));
			break;
		case KS_FIELD_LIST:
			/* Its records are none of this codec's business until they are read. */
			set_run(message, field, ks_bytes(letters, size > 100 ? 100 : size));
			break;
		}
	}
}

static void put_unchecked(struct ks_buffer *out, const struct ks_message_spec *spec, const struct any *message)
{
	uint32_t head[2];
	memcpy(head, message, sizeof(head));
	if (spec->type != 0) {
		ks_buffer_put_u32(out, head[0]);
		ks_buffer_put_u32(out, head[1]);
	}
	for (size_t i = 0; i < spec->n_fields; i++) {
		const struct ks_field_spec *field = &spec->fields[i];
		const uint8_t *at = (const uint8_t *)message + field->offset;
		uint32_t u32;
		uint64_t u64;

		if (field->kind == KS_FIELD_BOOL) {
			ks_buffer_put_u8(out, *at);
		} else if (field->kind == KS_FIELD_U32) {
			memcpy(&u32, at, sizeof(u32));
			ks_buffer_put_u32(out, u32);
		} else if (field->kind == KS_FIELD_U64) {
			memcpy(&u64, at, sizeof(u64));
			ks_buffer_put_u64(out, u64);
		} else {
			ks_buffer_put_string(out, run_of(message, field));
		}
	}
	assert_int_equal(ks_buffer_error(out), 0);
}

/* Reads what put_unchecked() makes of a message or record. */
static int read_unchecked(const struct ks_message_spec *spec, const struct any *message, struct any *ret_message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };

	put_unchecked(&body, spec, message);
	if (spec->type != 0)
		return ks_message_read(spec->type, ks_buffer_bytes(&body), ret_message, spec->struct_size);
	ks_buffer_put_string(&list, ks_buffer_bytes(&body));
	struct ks_reader reader = ks_reader(ks_buffer_bytes(&list));
	int r = ks_record_read(&reader, spec, ret_message, spec->struct_size);
	return r == 1 ? 0 : r;
}

static int write_checked(const struct ks_message_spec *spec, const struct any *message, struct ks_buffer *out)
{
	if (spec->type != 0)
		ks_message_write(out, spec->type, message);
	else
		ks_record_write(out, spec, message);
	return ks_buffer_error(out);
}

/* --- the table --------------------------------------------------------------------------------------------------- */

static void test_message_table_has_each_type_and_name_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(specs[i].name, specs[k].name);
			assert_true(specs[i].type == 0 || specs[i].type != specs[k].type);
		}
		if (specs[i].type != 0)
			assert_ptr_equal(ks_message_spec(specs[i].type), &specs[i]);
	}
}

static size_t c_size(const struct ks_field_spec *field)
{
	switch (field->kind) {
	case KS_FIELD_BOOL:
		return sizeof(bool);
	case KS_FIELD_U32:
		return sizeof(uint32_t);
	case KS_FIELD_U64:
		return sizeof(uint64_t);
	case KS_FIELD_BYTES:
	case KS_FIELD_TEXT:
	case KS_FIELD_SECRET:
	case KS_FIELD_LIST:
		return sizeof(struct ks_bytes);
	}
	return 0;
}

static void test_message_table_fields_lie_inside_their_struct_without_overlap(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		size_t end = specs[i].type != 0 ? 8 : 0; /* version and id */
		for (size_t k = 0; k < specs[i].n_fields; k++) {
			const struct ks_field_spec *field = &specs[i].fields[k];
			assert_true(field->offset >= end);
			end = field->offset + c_size(field);
			assert_true(end <= specs[i].struct_size);
			assert_true(!is_run(field) || (field->max > 0 && field->max >= field->min));
			assert_true((field->kind == KS_FIELD_LIST) == (field->record != NULL));
		}
		assert_null(specs[i].fields[specs[i].n_fields].name);
	}
}

static void test_message_table_knows_what_the_design_says(void **state)
{
	(void)state;
	assert_int_equal(ks_message_spec(KS_MSG_SIGN)->where, KS_ON_SIGN);
	assert_int_equal(ks_message_spec(KS_MSG_UNLOCK)->where, KS_ON_CONTROL);
	assert_int_equal(ks_message_spec(KS_MSG_WORKER_SIGN)->where, KS_ON_WORKER);
	assert_int_equal(ks_message_spec(KS_MSG_PROMPT)->where, KS_ON_HELPER);
	assert_int_equal(ks_message_spec(KS_MSG_ERROR)->where, KS_ON_ANY);
	assert_int_equal(KS_RECORD(identity)->type, 0);
	assert_string_equal(KS_RECORD(identity)->name, "identity");
	assert_null(ks_message_spec(0));
	assert_null(ks_message_spec(255));
}

/* --- every row --------------------------------------------------------------------------------------------------- */

static void assert_same(const struct ks_message_spec *spec, const struct any *a, const struct any *b)
{
	if (spec->type != 0)
		assert_memory_equal(a, b, 8);
	for (size_t i = 0; i < spec->n_fields; i++) {
		const struct ks_field_spec *field = &spec->fields[i];
		if (is_run(field))
			assert_true(ks_bytes_equal(run_of(a, field), run_of(b, field)));
		else
			assert_memory_equal((const uint8_t *)a + field->offset, (const uint8_t *)b + field->offset,
					    c_size(field));
	}
}

static void test_message_written_is_message_read(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 31, 32, 33, 4096, KS_FRAME_MAX };

	for (size_t i = 0; i < n_specs; i++) {
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer written = { 0 };
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer plain = { 0 };
			struct any message, seen;

			fill(&specs[i], &message, sizes[k]);
			assert_int_equal(write_checked(&specs[i], &message, &written), 0);
			put_unchecked(&plain, &specs[i], &message);
			size_t header = specs[i].type != 0 ? KS_FRAME_HEADER : 4;
			assert_int_equal(written.size, header + plain.size);
			assert_memory_equal(written.data + header, plain.data, plain.size);

			struct ks_reader list = ks_reader(ks_buffer_bytes(&written));
			if (specs[i].type != 0)
				assert_int_equal(ks_message_read(specs[i].type, ks_buffer_bytes(&plain), &seen,
								 specs[i].struct_size),
						 0);
			else
				assert_int_equal(ks_record_read(&list, &specs[i], &seen, specs[i].struct_size), 1);
			assert_same(&specs[i], &message, &seen);
		}
	}
}

static void test_message_cut_off_anywhere_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		if (specs[i].type == 0)
			continue;
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
		struct any message, seen;

		fill(&specs[i], &message, 3);
		put_unchecked(&body, &specs[i], &message);
		for (size_t size = 0; size < body.size; size++) {
			/* An exact copy, so that a sanitizer sees one byte too many. */
			KS_AUTO_FREE uint8_t *cut = malloc(size + (size == 0));
			assert_non_null(cut);
			memcpy(cut, body.data, size);
			assert_int_equal(
				ks_message_read(specs[i].type, ks_bytes(cut, size), &seen, specs[i].struct_size),
				KS_ERR_MALFORMED);
		}
	}
}

static void test_message_ignores_bytes_behind_its_last_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
		struct any message, seen;

		fill(&specs[i], &message, 3);
		put_unchecked(&body, &specs[i], &message);
		ks_buffer_put(&body, ks_bytes("\xff\xff\xff\xff later", 10));
		ks_buffer_put_string(&list, ks_buffer_bytes(&body));
		struct ks_reader reader = ks_reader(ks_buffer_bytes(&list));
		if (specs[i].type != 0)
			assert_int_equal(
				ks_message_read(specs[i].type, ks_buffer_bytes(&body), &seen, specs[i].struct_size), 0);
		else
			assert_int_equal(ks_record_read(&reader, &specs[i], &seen, specs[i].struct_size), 1);
		assert_same(&specs[i], &message, &seen);
	}
}

static void test_message_field_above_its_limit_is_too_large(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		for (size_t k = 0; k < specs[i].n_fields; k++) {
			const struct ks_field_spec *field = &specs[i].fields[k];
			if (!is_run(field))
				continue;
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
			struct any message, seen;
			fill(&specs[i], &message, 0);
			set_run(&message, field, ks_bytes(letters, (size_t)field->max + 1));
			assert_int_equal(read_unchecked(&specs[i], &message, &seen), KS_ERR_TOO_LARGE);
			assert_int_equal(write_checked(&specs[i], &message, &out), KS_ERR_TOO_LARGE);
		}
	}
}

static void test_message_field_of_fixed_size_has_that_size(void **state)
{
	(void)state;
	size_t n_fixed = 0;

	for (size_t i = 0; i < n_specs; i++) {
		for (size_t k = 0; k < specs[i].n_fields; k++) {
			const struct ks_field_spec *field = &specs[i].fields[k];
			if (field->min == 0)
				continue;
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
			struct any message, seen;
			fill(&specs[i], &message, 0);
			set_run(&message, field, ks_bytes(letters, field->min - 1));
			assert_int_equal(read_unchecked(&specs[i], &message, &seen), KS_ERR_MALFORMED);
			assert_int_equal(write_checked(&specs[i], &message, &out), KS_ERR_INVALID);
			n_fixed++;
		}
	}
	assert_true(n_fixed >= 8); /* hashes of keys, digests of tokens */
}

static void test_message_text_is_text_on_both_sides(void **state)
{
	(void)state;
	static const char *const bad[] = { "\n", "\x1b[2J", "\x7f", "\xc2\x85", "\xff", "\xc0\xaf", "\xed\xa0\x80" };

	for (size_t i = 0; i < n_specs; i++) {
		for (size_t k = 0; k < specs[i].n_fields; k++) {
			const struct ks_field_spec *field = &specs[i].fields[k];
			if (!is_run(field) || field->kind == KS_FIELD_LIST)
				continue;
			for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
				KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
				struct any message, seen;
				bool is_text = field->kind == KS_FIELD_TEXT;
				fill(&specs[i], &message, 0);
				if (field->min > strlen(bad[n]))
					continue;
				set_run(&message, field, ks_bytes_text(bad[n]));
				assert_int_equal(read_unchecked(&specs[i], &message, &seen),
						 is_text ? KS_ERR_MALFORMED : 0);
				assert_int_equal(write_checked(&specs[i], &message, &out),
						 is_text ? KS_ERR_INVALID : 0);
			}
		}
	}
}

static void test_message_bool_is_0_or_1(void **state)
{
	(void)state;
	/* WORKER_RESCAN: the head, then its one bool. */
	uint8_t body[9] = { 0, 0, 0, 1, 0, 0, 0, 7, 0 };
	struct ks_msg_worker_rescan message;

	for (unsigned value = 0; value < 256; value++) {
		body[8] = (uint8_t)value;
		int r = ks_message_read(KS_MSG_WORKER_RESCAN, ks_bytes(body, sizeof(body)), &message, sizeof(message));
		assert_int_equal(r, value < 2 ? 0 : KS_ERR_MALFORMED);
		if (r == 0)
			assert_int_equal(message.all, value == 1);
	}
}

static void test_message_that_fails_leaves_the_callers_struct_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		struct any message, seen, before;
		size_t last = specs[i].n_fields;
		while (last > 0 && !is_run(&specs[i].fields[last - 1]))
			last--;
		if (last == 0)
			continue;
		fill(&specs[i], &message, 3);
		set_run(&message, &specs[i].fields[last - 1],
			ks_bytes(letters, (size_t)specs[i].fields[last - 1].max + 1));
		memset(&seen, 0xa5, sizeof(seen));
		before = seen;
		assert_int_equal(read_unchecked(&specs[i], &message, &seen), KS_ERR_TOO_LARGE);
		assert_memory_equal(&seen, &before, sizeof(seen));
	}
}

/* --- single rules ------------------------------------------------------------------------------------------------ */

static int sign_of(size_t input, size_t transcript, bool write)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct any any = { 0 }, seen;
	struct ks_msg_sign sign = { KS_MESSAGE_HEAD(1), .spki_hash = ks_bytes(letters, 32),
				    .input = ks_bytes(letters, input), .transcript = ks_bytes(letters, transcript) };

	memcpy(&any, &sign, sizeof(sign));
	const struct ks_message_spec *spec = ks_message_spec(KS_MSG_SIGN);
	return write ? write_checked(spec, &any, &out) : read_unchecked(spec, &any, &seen);
}

static void test_message_sign_limits_input_and_transcript_together(void **state)
{
	(void)state;
	for (int write = 0; write < 2; write++) {
		assert_int_equal(sign_of(KS_SIGN_INPUT_MAX, 0, write), 0);
		assert_int_equal(sign_of(130, KS_SIGN_INPUT_MAX - 130, write), 0);
		assert_int_equal(sign_of(130, KS_SIGN_INPUT_MAX - 129, write), KS_ERR_TOO_LARGE);
		assert_int_equal(sign_of(KS_SIGN_INPUT_MAX, 1, write), KS_ERR_TOO_LARGE);
	}
}

static void test_message_larger_than_a_frame_is_not_written(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_msg_get_reply reply = { KS_MESSAGE_HEAD(1), .identity = ks_bytes(letters, KS_FRAME_MAX / 2),
					  .chain = ks_bytes(letters, KS_FRAME_MAX / 2) };
	ks_message_write(&out, KS_MSG_GET_REPLY, &reply);
	assert_int_equal(ks_buffer_error(&out), KS_ERR_TOO_LARGE);
}

static void test_message_of_another_version_gives_its_head_alone(void **state)
{
	(void)state;
	static const uint8_t body[] = { 0, 0, 0, 2, 0, 0, 0, 9, 'x' };
	struct ks_msg_list list = { .version = 77, .id = 77, .generation = 77, .offset = 77 };

	assert_int_equal(ks_message_read(KS_MSG_LIST, ks_bytes(body, sizeof(body)), &list, sizeof(list)),
			 KS_ERR_VERSION);
	assert_int_equal(list.version, 2);
	assert_int_equal(list.id, 9);
	assert_int_equal(list.generation, 77);
	assert_int_equal(list.offset, 77);
}

static void test_message_of_unknown_type_is_unknown_on_both_sides(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct any message = { 0 };
	assert_int_equal(ks_message_read(200, ks_bytes(letters, 20), &message, 8), KS_ERR_UNKNOWN_MESSAGE);
	assert_int_equal(ks_message_read(0, ks_bytes(letters, 20), &message, 8), KS_ERR_UNKNOWN_MESSAGE);
	ks_message_write(&out, 200, &message);
	assert_int_equal(ks_buffer_error(&out), KS_ERR_UNKNOWN_MESSAGE);
	assert_int_equal(out.size, 0);
}

static void test_message_into_a_struct_of_another_size_is_our_own_error(void **state)
{
	(void)state;
	static const uint8_t body[20] = { 0, 0, 0, 1 };
	struct any message;
	struct ks_reader reader = ks_reader(ks_bytes(body, sizeof(body)));
	assert_int_equal(
		ks_message_read(KS_MSG_LIST, ks_bytes(body, sizeof(body)), &message, sizeof(struct ks_msg_list) - 1),
		KS_ERR_INTERNAL);
	assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &message, 1), KS_ERR_INTERNAL);
}

static void test_message_head_is_read_from_anything_that_has_one(void **state)
{
	(void)state;
	static const uint8_t body[] = { 0, 0, 0, 2, 0, 0, 0, 9, 0xff };
	uint32_t version = 77, id = 77;

	assert_false(ks_message_head(ks_bytes(body, 7), &version, &id));
	assert_int_equal(version, 77);
	assert_int_equal(id, 77);
	assert_true(ks_message_head(ks_bytes(body, sizeof(body)), &version, &id));
	assert_int_equal(version, 2);
	assert_int_equal(id, 9);
}

static void test_message_with_a_secret_marks_the_buffer(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_specs; i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
		struct any message;
		bool has_secret = false;
		fill(&specs[i], &message, 4);
		for (size_t k = 0; k < specs[i].n_fields; k++)
			has_secret |= specs[i].fields[k].kind == KS_FIELD_SECRET;
		assert_int_equal(write_checked(&specs[i], &message, &out), 0);
		assert_int_equal(out.secret, has_secret);
	}
	assert_int_equal(ks_message_spec(KS_MSG_UNLOCK)->fields[2].kind, KS_FIELD_SECRET);
	assert_int_equal(ks_message_spec(KS_MSG_WORKER_LOGIN)->fields[5].kind, KS_FIELD_SECRET);
	assert_int_equal(ks_message_spec(KS_MSG_WORKER_SIGN_WITH_PIN)->fields[6].kind, KS_FIELD_SECRET);
	assert_int_equal(ks_message_spec(KS_MSG_PROMPT_REPLY)->fields[0].kind, KS_FIELD_SECRET);
}

static void test_message_after_an_error_keeps_the_first(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_msg_get get = { KS_MESSAGE_HEAD(1), .name = ks_bytes(letters, 2000) };
	ks_message_write(&out, KS_MSG_GET, &get);
	get.name = ks_bytes_text("\n");
	ks_message_write(&out, KS_MSG_GET, &get);
	assert_int_equal(ks_buffer_error(&out), KS_ERR_TOO_LARGE);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

static void test_record_list_is_read_one_after_another_to_its_end(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_msg_certificate certificate;

	for (size_t i = 0; i < 5; i++) {
		certificate.der = ks_bytes(letters, i);
		ks_record_write(&list, KS_RECORD(certificate), &certificate);
	}
	struct ks_reader reader = ks_reader(ks_buffer_bytes(&list));
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)), 1);
		assert_int_equal(certificate.der.size, i);
	}
	assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)), 0);
	assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)), 0);
}

static void test_record_list_that_is_empty_has_no_record(void **state)
{
	(void)state;
	struct ks_reader reader = ks_reader(KS_BYTES_NONE);
	struct ks_msg_certificate certificate;
	assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)), 0);
}

static void test_record_list_that_failed_stays_failed(void **state)
{
	(void)state;
	/* A record whose field is too long for it, and a good one behind it. */
	static const uint8_t bytes[] = { 0, 0, 0, 4, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 0 };
	struct ks_reader reader = ks_reader(ks_bytes(bytes, sizeof(bytes)));
	struct ks_msg_certificate certificate;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)),
				 KS_ERR_MALFORMED);
}

static void test_record_cut_off_anywhere_is_malformed(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct any identity, seen;
	fill(KS_RECORD(identity), &identity, 3);
	ks_record_write(&list, KS_RECORD(identity), &identity);
	for (size_t size = 1; size < list.size; size++) {
		struct ks_reader reader = ks_reader(ks_bytes(list.data, size));
		assert_int_equal(ks_record_read(&reader, KS_RECORD(identity), &seen, sizeof(struct ks_msg_identity)),
				 KS_ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_table_has_each_type_and_name_once),
		cmocka_unit_test(test_message_table_fields_lie_inside_their_struct_without_overlap),
		cmocka_unit_test(test_message_table_knows_what_the_design_says),
		cmocka_unit_test(test_message_written_is_message_read),
		cmocka_unit_test(test_message_cut_off_anywhere_is_malformed),
		cmocka_unit_test(test_message_ignores_bytes_behind_its_last_field),
		cmocka_unit_test(test_message_field_above_its_limit_is_too_large),
		cmocka_unit_test(test_message_field_of_fixed_size_has_that_size),
		cmocka_unit_test(test_message_text_is_text_on_both_sides),
		cmocka_unit_test(test_message_bool_is_0_or_1),
		cmocka_unit_test(test_message_that_fails_leaves_the_callers_struct_alone),
		cmocka_unit_test(test_message_sign_limits_input_and_transcript_together),
		cmocka_unit_test(test_message_larger_than_a_frame_is_not_written),
		cmocka_unit_test(test_message_of_another_version_gives_its_head_alone),
		cmocka_unit_test(test_message_of_unknown_type_is_unknown_on_both_sides),
		cmocka_unit_test(test_message_into_a_struct_of_another_size_is_our_own_error),
		cmocka_unit_test(test_message_head_is_read_from_anything_that_has_one),
		cmocka_unit_test(test_message_with_a_secret_marks_the_buffer),
		cmocka_unit_test(test_message_after_an_error_keeps_the_first),
		cmocka_unit_test(test_record_list_is_read_one_after_another_to_its_end),
		cmocka_unit_test(test_record_list_that_is_empty_has_no_record),
		cmocka_unit_test(test_record_list_that_failed_stays_failed),
		cmocka_unit_test(test_record_cut_off_anywhere_is_malformed),
	};
	memset(letters, 'a', sizeof(letters));
	specs = ks_message_specs(&n_specs);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
