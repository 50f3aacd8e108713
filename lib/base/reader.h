/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reader: walks over bytes that somebody else wrote, never past their end; the only place that reads wire data.
 *
 * Integers are big-endian. The first read that does not fit marks the reader as failed; every later read gives zeros
 * and empty runs, so a parser may read a whole structure and look at ks_reader_ok() once before it uses anything.
 * Nested structures get a reader of their own. Copies nothing, owns nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

struct ks_reader {
	const uint8_t *next;
	const uint8_t *end;
	bool failed;
};

struct ks_reader ks_reader(struct ks_bytes bytes);

bool ks_reader_ok(const struct ks_reader *reader);

/* Read well and nothing is left. */
bool ks_reader_done(const struct ks_reader *reader);

size_t ks_reader_left(const struct ks_reader *reader);

uint8_t ks_reader_u8(struct ks_reader *reader);
uint16_t ks_reader_u16(struct ks_reader *reader);
uint32_t ks_reader_u24(struct ks_reader *reader);
uint32_t ks_reader_u32(struct ks_reader *reader);
uint64_t ks_reader_u64(struct ks_reader *reader);

/* The next size bytes, borrowed from the input. */
struct ks_bytes ks_reader_take(struct ks_reader *reader, size_t size);

/* A length of 1, 2, 3 or 4 bytes and then as many bytes: TLS vectors (RFC 8446 section 3.4) and RFC 4251 strings. */
struct ks_bytes ks_reader_vector8(struct ks_reader *reader);
struct ks_bytes ks_reader_vector16(struct ks_reader *reader);
struct ks_bytes ks_reader_vector24(struct ks_reader *reader);
struct ks_bytes ks_reader_vector32(struct ks_reader *reader);

/* Marks the reader as failed: for a value that was read but is not allowed. */
void ks_reader_fail(struct ks_reader *reader);
