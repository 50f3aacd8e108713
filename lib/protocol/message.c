/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: see message.h. One encoder and one decoder for all messages, driven by the rows of messages.def; there is
 * no code per message, so a message cannot be checked less than another.
 *
 * Runs in: every program and plug-in. Never changes what the caller holds unless the whole message is good.
 */
#include "lib/protocol/message.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/text.h"
#include "lib/protocol/frame.h"

/* --- the table --------------------------------------------------------------------------------------------------- */

#define FIELD(struct_name, field, kind_, min_, max_, record_)                                                          \
	{ .name = #field,                                                                                              \
	  .kind = (kind_),                                                                                             \
	  .offset = offsetof(struct ks_msg_##struct_name, field),                                                      \
	  .min = (min_),                                                                                               \
	  .max = (max_),                                                                                               \
	  .record = (record_) },

/* The fields of each struct in wire order. An empty row ends them, as some messages have no field at all. */
#define MESSAGE(struct_name, NAME, number, where) static const struct ks_field_spec fields_##struct_name[] = {
#define RECORD(struct_name) static const struct ks_field_spec fields_##struct_name[] = {
#define BOOL(struct_name, field) FIELD(struct_name, field, KS_FIELD_BOOL, 0, 0, NULL)
#define U32(struct_name, field) FIELD(struct_name, field, KS_FIELD_U32, 0, 0, NULL)
#define U64(struct_name, field) FIELD(struct_name, field, KS_FIELD_U64, 0, 0, NULL)
#define BYTES(struct_name, field, max) FIELD(struct_name, field, KS_FIELD_BYTES, 0, max, NULL)
#define FIXED(struct_name, field, size) FIELD(struct_name, field, KS_FIELD_BYTES, size, size, NULL)
#define TEXT(struct_name, field, max) FIELD(struct_name, field, KS_FIELD_TEXT, 0, max, NULL)
#define SECRET(struct_name, field, max) FIELD(struct_name, field, KS_FIELD_SECRET, 0, max, NULL)
#define LIST(struct_name, field, record)                                                                               \
	FIELD(struct_name, field, KS_FIELD_LIST, 0, KS_FRAME_MAX, &ks_record_spec_##record)
#define END(struct_name)                                                                                               \
	{ .name = NULL },                                                                                              \
	}                                                                                                              \
	;
#include "lib/protocol/messages.def"

#define SPEC(struct_name, type_, where_)                                                                               \
	.name = #struct_name, .type = (type_), .where = (where_), .struct_size = sizeof(struct ks_msg_##struct_name),  \
	.n_fields = sizeof(fields_##struct_name) / sizeof(fields_##struct_name[0]) - 1, .fields = fields_##struct_name

#define RECORD(struct_name)                                                                                            \
	const struct ks_message_spec ks_record_spec_##struct_name = { SPEC(struct_name, 0, KS_ON_ANY) };
#include "lib/protocol/messages.def"

static const struct ks_message_spec specs[] = {
#define MESSAGE(struct_name, NAME, number, where)                                                                      \
	{                                                                                                              \
		SPEC(struct_name, KS_MSG_##NAME, KS_ON_##where),
#define RECORD(struct_name)                                                                                            \
	{                                                                                                              \
		SPEC(struct_name, 0, KS_ON_ANY),
#define TOTAL(struct_name, max) .max_total = (max),
#define END(struct_name)                                                                                               \
	}                                                                                                              \
	,
#include "lib/protocol/messages.def"
};

#define N_SPECS (sizeof(specs) / sizeof(specs[0]))

/* Room for any of them: what is read stands here until all of it is known to be good. */
union any_message {
#define MESSAGE(struct_name, NAME, number, where) struct ks_msg_##struct_name struct_name##_;
#define RECORD(struct_name) struct ks_msg_##struct_name struct_name##_;
#include "lib/protocol/messages.def"
};

const struct ks_message_spec *ks_message_spec(uint8_t type)
{
	for (size_t i = 0; type != 0 && i < N_SPECS; i++) {
		if (specs[i].type == type)
			return &specs[i];
	}
	return NULL;
}

const struct ks_message_spec *ks_message_specs(size_t *ret_n)
{
	*ret_n = N_SPECS;
	return specs;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static void fail(struct ks_buffer *buffer, int error)
{
	if (buffer->error == 0)
		buffer->error = error;
}

/* May these bytes stand in this field? broken is the error for a value of the wrong form: the two sides name it
 * differently, INVALID for our own caller and MALFORMED for a peer. */
static int check_run(const struct ks_field_spec *field, struct ks_bytes run, int broken)
{
	if (run.size > field->max)
		return KS_ERR_TOO_LARGE;
	if (run.size < field->min)
		return broken;
	if (field->kind == KS_FIELD_TEXT && !ks_text_valid(run))
		return broken;
	return 0;
}

static void put_run(struct ks_buffer *buffer, const struct ks_field_spec *field, struct ks_bytes run, size_t *total)
{
	int r = check_run(field, run, KS_ERR_INVALID);
	if (r < 0) {
		fail(buffer, r);
		return;
	}
	if (field->kind == KS_FIELD_BYTES)
		*total += run.size;
	if (field->kind == KS_FIELD_SECRET)
		buffer->secret = true;
	ks_buffer_put_string(buffer, run);
}

static void put_field(struct ks_buffer *buffer, const struct ks_field_spec *field, const uint8_t *at, size_t *total)
{
	union {
		bool truth;
		uint32_t u32;
		uint64_t u64;
		struct ks_bytes run;
	} value;

	switch (field->kind) {
	case KS_FIELD_BOOL:
		memcpy(&value.truth, at, sizeof(value.truth));
		ks_buffer_put_u8(buffer, value.truth ? 1 : 0);
		break;
	case KS_FIELD_U32:
		memcpy(&value.u32, at, sizeof(value.u32));
		ks_buffer_put_u32(buffer, value.u32);
		break;
	case KS_FIELD_U64:
		memcpy(&value.u64, at, sizeof(value.u64));
		ks_buffer_put_u64(buffer, value.u64);
		break;
	case KS_FIELD_BYTES:
	case KS_FIELD_TEXT:
	case KS_FIELD_SECRET:
	case KS_FIELD_LIST:
		memcpy(&value.run, at, sizeof(value.run));
		put_run(buffer, field, value.run, total);
		break;
	}
}

static void put_fields(struct ks_buffer *buffer, const struct ks_message_spec *spec, const uint8_t *structure)
{
	size_t total = 0;

	for (size_t i = 0; i < spec->n_fields; i++)
		put_field(buffer, &spec->fields[i], structure + spec->fields[i].offset, &total);
	if (spec->max_total != 0 && total > spec->max_total)
		fail(buffer, KS_ERR_TOO_LARGE);
}

void ks_message_write(struct ks_buffer *buffer, uint8_t type, const void *message)
{
	const struct ks_message_spec *spec = ks_message_spec(type);
	if (!spec) {
		fail(buffer, KS_ERR_UNKNOWN_MESSAGE);
		return;
	}
	/* Every message struct starts with these two, whatever follows. */
	uint32_t head[2];
	memcpy(head, message, sizeof(head));

	size_t position = ks_frame_begin(buffer, type);
	ks_buffer_put_u32(buffer, head[0]);
	ks_buffer_put_u32(buffer, head[1]);
	put_fields(buffer, spec, message);
	ks_frame_end(buffer, position);
}

void ks_record_write(struct ks_buffer *list, const struct ks_message_spec *spec, const void *record)
{
	size_t position = ks_buffer_begin_u32(list);
	put_fields(list, spec, record);
	if (ks_buffer_error(list) == 0)
		ks_buffer_end_u32(list, position);
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

/* A run is judged by its stated length first: TOO_LARGE whether or not its bytes are there. */
static int take_run(struct ks_reader *reader, const struct ks_field_spec *field, struct ks_bytes *ret_run)
{
	uint32_t size = ks_reader_u32(reader);
	if (!ks_reader_ok(reader))
		return KS_ERR_MALFORMED;
	if (size > field->max)
		return KS_ERR_TOO_LARGE;
	struct ks_bytes run = ks_reader_take(reader, size);
	if (!ks_reader_ok(reader))
		return KS_ERR_MALFORMED;
	int r = check_run(field, run, KS_ERR_MALFORMED);
	if (r < 0)
		return r;
	*ret_run = run;
	return 0;
}

static int take_field(struct ks_reader *reader, const struct ks_field_spec *field, uint8_t *at, size_t *total)
{
	uint8_t byte;
	uint32_t u32;
	uint64_t u64;
	struct ks_bytes run;
	bool truth;

	switch (field->kind) {
	case KS_FIELD_BOOL:
		/* RFC 4251 reads any other value as true. One value, one encoding: nothing here relies on that. */
		byte = ks_reader_u8(reader);
		if (byte > 1)
			return KS_ERR_MALFORMED;
		truth = byte == 1;
		memcpy(at, &truth, sizeof(truth));
		break;
	case KS_FIELD_U32:
		u32 = ks_reader_u32(reader);
		memcpy(at, &u32, sizeof(u32));
		break;
	case KS_FIELD_U64:
		u64 = ks_reader_u64(reader);
		memcpy(at, &u64, sizeof(u64));
		break;
	case KS_FIELD_BYTES:
	case KS_FIELD_TEXT:
	case KS_FIELD_SECRET:
	case KS_FIELD_LIST: {
		int r = take_run(reader, field, &run);
		if (r < 0)
			return r;
		if (field->kind == KS_FIELD_BYTES)
			*total += run.size;
		memcpy(at, &run, sizeof(run));
		break;
	}
	}
	return ks_reader_ok(reader) ? 0 : KS_ERR_MALFORMED;
}

static int take_fields(struct ks_reader *reader, const struct ks_message_spec *spec, uint8_t *structure)
{
	size_t total = 0;

	for (size_t i = 0; i < spec->n_fields; i++) {
		int r = take_field(reader, &spec->fields[i], structure + spec->fields[i].offset, &total);
		if (r < 0)
			return r;
	}
	return spec->max_total != 0 && total > spec->max_total ? KS_ERR_TOO_LARGE : 0;
}

bool ks_message_head(struct ks_bytes body, uint32_t *ret_version, uint32_t *ret_id)
{
	struct ks_reader reader = ks_reader(body);
	uint32_t version = ks_reader_u32(&reader);
	uint32_t id = ks_reader_u32(&reader);
	if (!ks_reader_ok(&reader))
		return false;
	*ret_version = version;
	*ret_id = id;
	return true;
}

int ks_message_read(uint8_t type, struct ks_bytes body, void *ret_message, size_t size)
{
	const struct ks_message_spec *spec = ks_message_spec(type);
	if (!spec)
		return KS_ERR_UNKNOWN_MESSAGE;
	if (spec->struct_size != size)
		return KS_ERR_INTERNAL;

	struct ks_reader reader = ks_reader(body);
	uint32_t head[2];
	head[0] = ks_reader_u32(&reader);
	head[1] = ks_reader_u32(&reader);
	if (!ks_reader_ok(&reader))
		return KS_ERR_MALFORMED;
	if (head[0] != KS_PROTOCOL_VERSION) {
		memcpy(ret_message, head, sizeof(head));
		return KS_ERR_VERSION;
	}

	union any_message message;
	memset(&message, 0, sizeof(message));
	memcpy(&message, head, sizeof(head));
	int r = take_fields(&reader, spec, (uint8_t *)&message);
	if (r < 0)
		return r;
	memcpy(ret_message, &message, size);
	return 0;
}

int ks_record_read(struct ks_reader *list, const struct ks_message_spec *spec, void *ret_record, size_t size)
{
	if (spec->struct_size != size)
		return KS_ERR_INTERNAL;
	if (ks_reader_done(list))
		return 0;
	struct ks_bytes body = ks_reader_vector32(list);
	if (!ks_reader_ok(list))
		return KS_ERR_MALFORMED;

	struct ks_reader reader = ks_reader(body);
	union any_message record;
	memset(&record, 0, sizeof(record));
	int r = take_fields(&reader, spec, (uint8_t *)&record);
	if (r < 0) {
		ks_reader_fail(list);
		return r;
	}
	memcpy(ret_record, &record, size);
	return 1;
}
