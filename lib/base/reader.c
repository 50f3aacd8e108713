/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader: see reader.h. One function compares with the end, every other goes through it.
 *
 * Runs in: every program and plug-in.
 */
#include "lib/base/reader.h"

struct ks_reader ks_reader(struct ks_bytes bytes)
{
	/* NULL + 0 is not defined in C; an empty run may have a NULL pointer. */
	return (struct ks_reader){
		.next = bytes.data,
		.end = bytes.size > 0 ? bytes.data + bytes.size : bytes.data,
	};
}

bool ks_reader_ok(const struct ks_reader *reader)
{
	return !reader->failed;
}

bool ks_reader_done(const struct ks_reader *reader)
{
	return !reader->failed && reader->next == reader->end;
}

size_t ks_reader_left(const struct ks_reader *reader)
{
	return reader->failed ? 0 : (size_t)(reader->end - reader->next);
}

void ks_reader_fail(struct ks_reader *reader)
{
	reader->failed = true;
}

struct ks_bytes ks_reader_take(struct ks_reader *reader, size_t size)
{
	/* The size is compared with what is left and never added to a pointer first: that could overflow. */
	if (reader->failed || size > (size_t)(reader->end - reader->next)) {
		reader->failed = true;
		return KS_BYTES_NONE;
	}
	struct ks_bytes taken = { reader->next, size };
	if (size > 0)
		reader->next += size;
	return taken;
}

static uint64_t take_integer(struct ks_reader *reader, size_t size)
{
	struct ks_bytes bytes = ks_reader_take(reader, size);
	uint64_t value = 0;
	for (size_t i = 0; i < bytes.size; i++)
		value = value << 8 | bytes.data[i];
	return value;
}

uint8_t ks_reader_u8(struct ks_reader *reader)
{
	return (uint8_t)take_integer(reader, 1);
}

uint16_t ks_reader_u16(struct ks_reader *reader)
{
	return (uint16_t)take_integer(reader, 2);
}

uint32_t ks_reader_u24(struct ks_reader *reader)
{
	return (uint32_t)take_integer(reader, 3);
}

uint32_t ks_reader_u32(struct ks_reader *reader)
{
	return (uint32_t)take_integer(reader, 4);
}

uint64_t ks_reader_u64(struct ks_reader *reader)
{
	return take_integer(reader, 8);
}

struct ks_bytes ks_reader_vector8(struct ks_reader *reader)
{
	return ks_reader_take(reader, ks_reader_u8(reader));
}

struct ks_bytes ks_reader_vector16(struct ks_reader *reader)
{
	return ks_reader_take(reader, ks_reader_u16(reader));
}

struct ks_bytes ks_reader_vector24(struct ks_reader *reader)
{
	return ks_reader_take(reader, ks_reader_u24(reader));
}

struct ks_bytes ks_reader_vector32(struct ks_reader *reader)
{
	return ks_reader_take(reader, ks_reader_u32(reader));
}
