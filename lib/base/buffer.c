/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer: see buffer.h. One function compares with the limit and allocates, every write goes through it.
 *
 * The allocation is always one byte larger than the contents may be, so that text can be ended with a NUL without
 * another allocation; that byte never counts as contents.
 *
 * Runs in: every program and plug-in. Must never write past the limit, nor leave bytes of a secret buffer behind.
 */
#include "lib/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY ((size_t)64)
#define U32_SIZE ((size_t)4)

static size_t limit_of(const struct ks_buffer *buffer)
{
	return buffer->limit > 0 ? buffer->limit : KS_BUFFER_LIMIT_DEFAULT;
}

static void set_error(struct ks_buffer *buffer, int error)
{
	if (buffer->error == 0)
		buffer->error = error;
}

static void wipe(struct ks_buffer *buffer)
{
	if (buffer->secret && buffer->data)
		explicit_bzero(buffer->data, buffer->capacity);
}

/* realloc(3) may leave a copy of the old bytes behind, which a secret buffer must not. */
static uint8_t *reallocate(struct ks_buffer *buffer, size_t capacity)
{
	if (!buffer->secret)
		return realloc(buffer->data, capacity);
	uint8_t *data = malloc(capacity);
	if (!data)
		return NULL;
	if (buffer->size > 0)
		memcpy(data, buffer->data, buffer->size);
	wipe(buffer);
	free(buffer->data);
	return data;
}

/* Makes room for size more bytes and a NUL. False, with the error set, when that cannot be. */
static bool make_room(struct ks_buffer *buffer, size_t size)
{
	if (buffer->error < 0)
		return false;
	size_t limit = limit_of(buffer);
	if (buffer->size > limit || size > limit - buffer->size) {
		set_error(buffer, KS_ERR_TOO_LARGE);
		return false;
	}
	size_t needed = buffer->size + size;
	if (buffer->data && needed < buffer->capacity)
		return true;
	if (needed >= PTRDIFF_MAX / 2) {
		set_error(buffer, KS_ERR_NO_MEMORY);
		return false;
	}
	size_t capacity = buffer->capacity > 0 ? buffer->capacity * 2 : FIRST_CAPACITY;
	if (capacity > limit)
		capacity = limit;
	if (capacity <= needed)
		capacity = needed + 1;
	uint8_t *data = reallocate(buffer, capacity);
	if (!data) {
		set_error(buffer, KS_ERR_NO_MEMORY);
		return false;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

void ks_buffer_init(struct ks_buffer *buffer, size_t limit)
{
	*buffer = (struct ks_buffer){ .limit = limit };
}

void ks_buffer_deinit(struct ks_buffer *buffer)
{
	wipe(buffer);
	free(buffer->data);
	*buffer = (struct ks_buffer){ 0 };
}

void ks_buffer_reset(struct ks_buffer *buffer)
{
	wipe(buffer);
	buffer->size = 0;
	buffer->error = 0;
}

void ks_buffer_release(struct ks_buffer *buffer)
{
	size_t limit = buffer->limit;
	bool secret = buffer->secret;
	ks_buffer_deinit(buffer);
	buffer->limit = limit;
	buffer->secret = secret;
}

int ks_buffer_error(const struct ks_buffer *buffer)
{
	return buffer->error;
}

struct ks_bytes ks_buffer_bytes(const struct ks_buffer *buffer)
{
	if (buffer->error < 0)
		return KS_BYTES_NONE;
	return ks_bytes(buffer->data, buffer->size);
}

static void put_integer(struct ks_buffer *buffer, uint64_t value, size_t size)
{
	if (!make_room(buffer, size))
		return;
	for (size_t i = 0; i < size; i++)
		buffer->data[buffer->size + i] = (uint8_t)(value >> (8 * (size - 1 - i)));
	buffer->size += size;
}

void ks_buffer_put_u8(struct ks_buffer *buffer, uint8_t value)
{
	put_integer(buffer, value, 1);
}

void ks_buffer_put_u16(struct ks_buffer *buffer, uint16_t value)
{
	put_integer(buffer, value, 2);
}

void ks_buffer_put_u24(struct ks_buffer *buffer, uint32_t value)
{
	/* A length that does not fit its field must not be cut silently. */
	if (value > 0xffffff) {
		set_error(buffer, KS_ERR_TOO_LARGE);
		return;
	}
	put_integer(buffer, value, 3);
}

void ks_buffer_put_u32(struct ks_buffer *buffer, uint32_t value)
{
	put_integer(buffer, value, U32_SIZE);
}

void ks_buffer_put_u64(struct ks_buffer *buffer, uint64_t value)
{
	put_integer(buffer, value, 8);
}

void ks_buffer_put(struct ks_buffer *buffer, struct ks_bytes bytes)
{
	if (!make_room(buffer, bytes.size) || bytes.size == 0)
		return;
	memcpy(buffer->data + buffer->size, bytes.data, bytes.size);
	buffer->size += bytes.size;
}

void ks_buffer_put_string(struct ks_buffer *buffer, struct ks_bytes bytes)
{
	if (bytes.size > UINT32_MAX - U32_SIZE) {
		set_error(buffer, KS_ERR_TOO_LARGE);
		return;
	}
	/* Room for both at once: a length without its bytes is never written. */
	if (!make_room(buffer, U32_SIZE + bytes.size))
		return;
	put_integer(buffer, bytes.size, U32_SIZE);
	ks_buffer_put(buffer, bytes);
}

void ks_buffer_printf(struct ks_buffer *buffer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		set_error(buffer, KS_ERR_INVALID);
		return;
	}
	if (!make_room(buffer, (size_t)length))
		return;
	va_start(args, format);
	(void)vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, args);
	va_end(args);
	buffer->size += (size_t)length;
}

size_t ks_buffer_begin_u32(struct ks_buffer *buffer)
{
	size_t position = buffer->size;
	ks_buffer_put_u32(buffer, 0);
	return position;
}

void ks_buffer_end_u32(struct ks_buffer *buffer, size_t position)
{
	if (buffer->error < 0)
		return;
	if (position > buffer->size || buffer->size - position < U32_SIZE) {
		set_error(buffer, KS_ERR_INTERNAL);
		return;
	}
	size_t length = buffer->size - position - U32_SIZE;
	if (length > UINT32_MAX) {
		set_error(buffer, KS_ERR_TOO_LARGE);
		return;
	}
	for (size_t i = 0; i < U32_SIZE; i++)
		buffer->data[position + i] = (uint8_t)(length >> (8 * (U32_SIZE - 1 - i)));
}

uint8_t *ks_buffer_reserve(struct ks_buffer *buffer, size_t size)
{
	return make_room(buffer, size) ? buffer->data + buffer->size : NULL;
}

void ks_buffer_grow(struct ks_buffer *buffer, size_t size)
{
	if (buffer->error < 0 || size == 0)
		return;
	/* More than was reserved: the caller wrote where it must not, or counts wrongly. */
	if (buffer->size >= buffer->capacity || size > buffer->capacity - buffer->size - 1) {
		set_error(buffer, KS_ERR_INTERNAL);
		return;
	}
	buffer->size += size;
}

void ks_buffer_consume(struct ks_buffer *buffer, size_t size)
{
	if (size == 0)
		return;
	if (size > buffer->size) {
		set_error(buffer, KS_ERR_INTERNAL);
		return;
	}
	size_t left = buffer->size - size;
	memmove(buffer->data, buffer->data + size, left);
	if (buffer->secret)
		explicit_bzero(buffer->data + left, size);
	buffer->size = left;
}

char *ks_buffer_steal_text(struct ks_buffer *buffer)
{
	if (!make_room(buffer, 0)) {
		ks_buffer_release(buffer);
		return NULL;
	}
	char *text = (char *)buffer->data;
	text[buffer->size] = '\0';
	buffer->data = NULL;
	buffer->size = 0;
	buffer->capacity = 0;
	return text;
}
