/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: small things about strings that come from others: checking, escaping, hex, comparing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* Well-formed UTF-8 (RFC 3629) without NUL and control characters (C0, DEL, C1). */
bool ks_text_valid(struct ks_bytes text);

/* Copies into out what is safe to show on a terminal or in a log: control characters, those that change the direction
 * of writing or the line, the byte order mark and bytes that are not UTF-8 become \xNN, a backslash becomes "\\".
 * Always NUL-terminated, cut at size - 1 with "..." at its end. */
void ks_text_escape(struct ks_bytes text, char *out, size_t size);

/* Lower-case hex, NUL-terminated; out has room for 2 * bytes.size + 1. */
void ks_text_hex(struct ks_bytes bytes, char *out);

/* Hex digits (either case, nothing between) to bytes. INVALID on anything else, LIMIT when out is too small. */
int ks_text_unhex(const char *hex, uint8_t *out, size_t size, size_t *ret_size) KS_WARN_UNUSED;

/* "8h", "30m", "90s", "2d", "500ms", "0" -> milliseconds. A bare number other than 0 has no unit and is INVALID; LIMIT
 * past 64 bits. */
int ks_text_duration_ms(const char *text, uint64_t *ret_ms) KS_WARN_UNUSED;

/* A decimal number of nothing but digits; LIMIT past max. */
int ks_text_number(const char *text, uint64_t max, uint64_t *ret_number) KS_WARN_UNUSED;

/* Shell-like pattern of '*' (any run) and '?' (one UTF-8 character), linear in pattern times text; both at most 1 KiB,
 * else false. */
bool ks_text_match(const char *pattern, const char *text);

/* Writes formatted text to out, cut to size with a NUL, never within a UTF-8 character. Returns false when it was cut. */
bool ks_text_print(char *out, size_t size, const char *format, ...) KS_PRINTF(3, 4);

/* Given copy; NULL when memory runs out. */
char *ks_text_copy(struct ks_bytes text);
char *ks_text_format(const char *format, ...) KS_PRINTF(1, 2);
