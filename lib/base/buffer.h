/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer: a growing run of bytes with a hard upper bound; the only place that writes wire data.
 *
 * Integers are written big-endian (RFC 4251 section 5). The first failure sticks: later writes do nothing and
 * ks_buffer_error() tells, so a writer checks once, at its end. Not thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct ks_buffer {
	uint8_t *data;   /* owned */
	size_t size;     /* bytes written */
	size_t capacity; /* bytes allocated */
	size_t limit;    /* size never exceeds this; 0 reads as KS_BUFFER_LIMIT_DEFAULT */
	int error;       /* 0 or the first KS_ERR_* */
	bool secret;     /* wipe the memory before it is given back, also when it grows */
};

#define KS_BUFFER_LIMIT_DEFAULT ((size_t)16 << 20)

/* Caller's memory; { 0 } is a valid, empty buffer as well. */
void ks_buffer_init(struct ks_buffer *buffer, size_t limit);
void ks_buffer_deinit(struct ks_buffer *buffer);

/* Forgets the contents and the error, keeps the memory. */
void ks_buffer_reset(struct ks_buffer *buffer);

/* Forgets the contents and the error and gives the memory back; limit and secret stay. */
void ks_buffer_release(struct ks_buffer *buffer);

int ks_buffer_error(const struct ks_buffer *buffer) KS_WARN_UNUSED;

/* Borrowed until the next write; none after an error, so that nobody uses half of what was meant. */
struct ks_bytes ks_buffer_bytes(const struct ks_buffer *buffer);

void ks_buffer_put_u8(struct ks_buffer *buffer, uint8_t value);
void ks_buffer_put_u16(struct ks_buffer *buffer, uint16_t value);
void ks_buffer_put_u24(struct ks_buffer *buffer, uint32_t value);
void ks_buffer_put_u32(struct ks_buffer *buffer, uint32_t value);
void ks_buffer_put_u64(struct ks_buffer *buffer, uint64_t value);
void ks_buffer_put(struct ks_buffer *buffer, struct ks_bytes bytes);

/* uint32 length, then the bytes (RFC 4251 "string"). */
void ks_buffer_put_string(struct ks_buffer *buffer, struct ks_bytes bytes);

/* Appends formatted text without a final NUL. Never used for secrets. */
void ks_buffer_printf(struct ks_buffer *buffer, const char *format, ...) KS_PRINTF(2, 3);

/* Writes a uint32 placeholder and returns its position for ks_buffer_end_u32(), which fills in the number of bytes
 * written since. */
size_t ks_buffer_begin_u32(struct ks_buffer *buffer);
void ks_buffer_end_u32(struct ks_buffer *buffer, size_t position);

/* Room for at least size more bytes at the end, for read(2); NULL when the limit forbids it. ks_buffer_grow() then
 * says how many of them were used. */
uint8_t *ks_buffer_reserve(struct ks_buffer *buffer, size_t size);
void ks_buffer_grow(struct ks_buffer *buffer, size_t size);

/* Drops size bytes from the front; a secret buffer wipes what is no longer in use. */
void ks_buffer_consume(struct ks_buffer *buffer, size_t size);

/* Gives the contents as a NUL-terminated string (given, free()) and leaves the buffer empty. NULL after an error. */
char *ks_buffer_steal_text(struct ks_buffer *buffer);
