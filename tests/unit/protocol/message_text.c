/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/protocol/message_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* --- to text ----------------------------------------------------------------------------------------------------- */

static struct ks_bytes run_at(const void *structure, const struct ks_field_spec *field)
{
	struct ks_bytes run;
	memcpy(&run, (const uint8_t *)structure + field->offset, sizeof(run));
	return run;
}

static int put_list(struct ks_buffer *out, const struct ks_field_spec *field, const void *structure, const char *prefix)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer records = { 0 };
	struct ks_reader list = ks_reader(run_at(structure, field));
	uint64_t storage[MESSAGE_TEXT_STRUCT_MAX / 8];
	unsigned n = 0;
	int r;

	assert_true(field->record->struct_size <= sizeof(storage));
	while ((r = ks_record_read(&list, field->record, storage, field->record->struct_size)) > 0) {
		char inner[128];
		assert_true(ks_text_print(inner, sizeof(inner), "%s%s[%u].", prefix, field->name, n++));
		r = message_text_put(&records, field->record, storage, inner);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	ks_buffer_printf(out, "records %u\n", n);
	ks_buffer_put(out, ks_buffer_bytes(&records));
	return 0;
}

static int put_value(struct ks_buffer *out, const struct ks_field_spec *field, const void *structure,
		     const char *prefix)
{
	const uint8_t *at = (const uint8_t *)structure + field->offset;
	struct ks_bytes run;
	uint32_t u32;
	uint64_t u64;
	bool truth;

	switch (field->kind) {
	case KS_FIELD_BOOL:
		memcpy(&truth, at, sizeof(truth));
		ks_buffer_printf(out, "%s\n", truth ? "true" : "false");
		return 0;
	case KS_FIELD_U32:
		memcpy(&u32, at, sizeof(u32));
		ks_buffer_printf(out, "%lu\n", (unsigned long)u32);
		return 0;
	case KS_FIELD_U64:
		memcpy(&u64, at, sizeof(u64));
		ks_buffer_printf(out, "%llu\n", (unsigned long long)u64);
		return 0;
	case KS_FIELD_BYTES:
	case KS_FIELD_SECRET:
		run = run_at(structure, field);
		ks_buffer_printf(out, "hex:");
		for (size_t i = 0; i < run.size; i++)
			ks_buffer_printf(out, "%02x", run.data[i]);
		ks_buffer_printf(out, "\n");
		return 0;
	case KS_FIELD_TEXT:
		run = run_at(structure, field);
		ks_buffer_printf(out, "\"%.*s\"\n", (int)run.size, run.size ? (const char *)run.data : "");
		return 0;
	case KS_FIELD_LIST:
		return put_list(out, field, structure, prefix);
	}
	return KS_ERR_INTERNAL;
}

int message_text_put(struct ks_buffer *out, const struct ks_message_spec *spec, const void *structure,
		     const char *prefix)
{
	for (size_t i = 0; i < spec->n_fields; i++) {
		ks_buffer_printf(out, "field %s%s ", prefix, spec->fields[i].name);
		int r = put_value(out, &spec->fields[i], structure, prefix);
		if (r < 0)
			return r;
	}
	return 0;
}

int message_text_put_message(struct ks_buffer *out, const struct ks_message_spec *spec, const void *structure)
{
	uint32_t head[2];
	memcpy(head, structure, sizeof(head));
	ks_buffer_printf(out, "field version %lu\nfield id %lu\n", (unsigned long)head[0], (unsigned long)head[1]);
	return message_text_put(out, spec, structure, "");
}

/* --- from text --------------------------------------------------------------------------------------------------- */

struct lines {
	struct message_text_pool *pool;
	char *const *next;
	size_t left;
};

static void *keep(struct message_text_pool *pool, void *block)
{
	assert_non_null(block);
	assert_true(pool->n_blocks < sizeof(pool->blocks) / sizeof(pool->blocks[0]));
	pool->blocks[pool->n_blocks++] = block;
	return block;
}

void message_text_pool_free(struct message_text_pool *pool)
{
	for (size_t i = 0; i < pool->n_blocks; i++)
		free(pool->blocks[i]);
	pool->n_blocks = 0;
}

/* The value of the next line, which must be that of this field. */
static const char *take_value(struct lines *lines, const char *prefix, const char *name)
{
	char expected[192];
	assert_true(ks_text_print(expected, sizeof(expected), "field %s%s ", prefix, name));
	assert_true(lines->left > 0);
	const char *line = *lines->next++;
	lines->left--;
	size_t size = strlen(expected);
	if (strncmp(line, expected, size) != 0)
		assert_string_equal(line, expected);
	return line + size;
}

static uint64_t number(const char *value)
{
	uint64_t result = 0;
	assert_int_equal(ks_text_number(value, UINT64_MAX, &result), 0);
	return result;
}

static struct ks_bytes bytes_value(struct lines *lines, const char *value)
{
	assert_memory_equal(value, "hex:", 4);
	size_t room = strlen(value) / 2 + 1;
	uint8_t *data = keep(lines->pool, malloc(room));
	size_t size = 0;
	assert_int_equal(ks_text_unhex(value + 4, data, room, &size), 0);
	return ks_bytes(data, size);
}

static struct ks_bytes text_value(const char *value)
{
	size_t size = strlen(value);
	assert_true(size >= 2 && value[0] == '"' && value[size - 1] == '"');
	return ks_bytes(value + 1, size - 2);
}

static void build_fields(struct lines *lines, const struct ks_message_spec *spec, const char *prefix,
			 uint8_t *structure);

static struct ks_bytes list_value(struct lines *lines, const struct ks_field_spec *field, const char *value,
				  const char *prefix)
{
	struct ks_buffer list = { 0 };
	assert_memory_equal(value, "records ", 8);
	uint64_t n = number(value + 8);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t storage[MESSAGE_TEXT_STRUCT_MAX / 8] = { 0 };
		char inner[128];
		assert_true(ks_text_print(inner, sizeof(inner), "%s%s[%u].", prefix, field->name, (unsigned)i));
		build_fields(lines, field->record, inner, (uint8_t *)storage);
		ks_record_write(&list, field->record, storage);
	}
	assert_int_equal(ks_buffer_error(&list), 0);
	struct ks_bytes run = ks_buffer_bytes(&list);
	if (list.data)
		(void)keep(lines->pool, list.data);
	return run;
}

static void build_fields(struct lines *lines, const struct ks_message_spec *spec, const char *prefix,
			 uint8_t *structure)
{
	for (size_t i = 0; i < spec->n_fields; i++) {
		const struct ks_field_spec *field = &spec->fields[i];
		const char *value = take_value(lines, prefix, field->name);
		uint8_t *at = structure + field->offset;
		struct ks_bytes run = KS_BYTES_NONE;

		if (field->kind == KS_FIELD_BOOL) {
			bool truth = strcmp(value, "true") == 0;
			assert_true(truth || strcmp(value, "false") == 0);
			memcpy(at, &truth, sizeof(truth));
		} else if (field->kind == KS_FIELD_U32) {
			uint64_t u64 = number(value);
			assert_true(u64 <= UINT32_MAX);
			uint32_t u32 = (uint32_t)u64;
			memcpy(at, &u32, sizeof(u32));
		} else if (field->kind == KS_FIELD_U64) {
			uint64_t u64 = number(value);
			memcpy(at, &u64, sizeof(u64));
		} else {
			if (field->kind == KS_FIELD_TEXT)
				run = text_value(value);
			else if (field->kind == KS_FIELD_LIST)
				run = list_value(lines, field, value, prefix);
			else
				run = bytes_value(lines, value);
			memcpy(at, &run, sizeof(run));
		}
	}
}

void message_text_build(struct message_text_pool *pool, const struct ks_message_spec *spec, char *const *lines,
			size_t n_lines, void *structure)
{
	struct lines cursor = { pool, lines, n_lines };
	uint32_t head[2];

	head[0] = (uint32_t)number(take_value(&cursor, "", "version"));
	head[1] = (uint32_t)number(take_value(&cursor, "", "id"));
	memcpy(structure, head, sizeof(head));
	build_fields(&cursor, spec, "", structure);
	assert_int_equal(cursor.left, 0);
}
