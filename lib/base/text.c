/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: see text.h. Everything here reads what others wrote: labels of tokens, names of files, lines of configuration.
 *
 * Runs in: every program and plug-in. Must never look at the locale: what is valid does not depend on who asks.
 */
#include "lib/base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MATCH_MAX ((size_t)1024)
#define CUT_MARK "..."
#define CUT_MARK_SIZE (sizeof(CUT_MARK) - 1)

static const char hex_digits[] = "0123456789abcdef";

static bool is_continuation(uint8_t byte)
{
	return (byte & 0xc0u) == 0x80u;
}

/* How many bytes the sequence has that starts with byte, with the byte's share of the character; 0: none does. */
static size_t sequence_size(uint8_t byte, uint32_t *ret_bits)
{
	if (byte < 0x80) {
		*ret_bits = byte;
		return 1;
	}
	if (byte >= 0xc2 && byte <= 0xdf) {
		*ret_bits = byte & 0x1fu;
		return 2;
	}
	if (byte >= 0xe0 && byte <= 0xef) {
		*ret_bits = byte & 0x0fu;
		return 3;
	}
	if (byte >= 0xf0 && byte <= 0xf4) {
		*ret_bits = byte & 0x07u;
		return 4;
	}
	return 0;
}

/* The size of the character text begins with, 0 when it is not UTF-8 (RFC 3629: no overlong form, no surrogate,
 * nothing past U+10FFFF). text is not empty. */
static size_t decode(struct ks_bytes text, uint32_t *ret_character)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t character = 0;
	size_t size = sequence_size(text.data[0], &character);
	if (size == 0 || size > text.size)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if (!is_continuation(text.data[i]))
			return 0;
		character = character << 6 | (text.data[i] & 0x3fu);
	}
	if (character < smallest[size] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
		return 0;
	*ret_character = character;
	return size;
}

static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

/* Characters that reorder or break what stands around them on a terminal (Unicode's Bidi_Control, U+2028, U+2029), with
 * which a token's label could write a line of its own; and the byte order mark, which nobody sees. */
static bool is_layout(uint32_t character)
{
	return character == 0x061c || character == 0x200e || character == 0x200f ||
	       (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069) ||
	       character == 0xfeff;
}

bool ks_text_valid(struct ks_bytes text)
{
	while (text.size > 0) {
		uint32_t character = 0;
		size_t size = decode(text, &character);
		if (size == 0 || is_control(character))
			return false;
		text.data += size;
		text.size -= size;
	}
	return true;
}

/* The next piece of escaped text: one character as it is, or its bytes as \xNN. Returns how much of text it stands
 * for; text is not empty. */
static size_t escape_piece(struct ks_bytes text, char piece[static 16], size_t *ret_piece_size)
{
	uint32_t character = 0;
	size_t size = decode(text, &character);
	if (size > 0 && character == '\\') {
		piece[0] = '\\';
		piece[1] = '\\';
		*ret_piece_size = 2;
		return size;
	}
	if (size > 0 && !is_control(character) && !is_layout(character)) {
		memcpy(piece, text.data, size);
		*ret_piece_size = size;
		return size;
	}
	size_t n_bytes = size > 0 ? size : 1;
	for (size_t i = 0; i < n_bytes; i++) {
		piece[4 * i] = '\\';
		piece[4 * i + 1] = 'x';
		piece[4 * i + 2] = hex_digits[text.data[i] >> 4];
		piece[4 * i + 3] = hex_digits[text.data[i] & 0xfu];
	}
	*ret_piece_size = 4 * n_bytes;
	return n_bytes;
}

void ks_text_escape(struct ks_bytes text, char *out, size_t size)
{
	if (size == 0)
		return;
	size_t used = 0;
	size_t cut_at = 0; /* the last end of a piece that leaves room for the mark */
	while (text.size > 0) {
		char piece[16];
		size_t piece_size = 0;
		size_t taken = escape_piece(text, piece, &piece_size);
		if (piece_size >= size - used) {
			size_t mark_size = size - 1 - cut_at < CUT_MARK_SIZE ? size - 1 - cut_at : CUT_MARK_SIZE;
			memcpy(out + cut_at, CUT_MARK, mark_size);
			used = cut_at + mark_size;
			break;
		}
		memcpy(out + used, piece, piece_size);
		used += piece_size;
		if (size - used > CUT_MARK_SIZE)
			cut_at = used;
		text.data += taken;
		text.size -= taken;
	}
	out[used] = '\0';
}

void ks_text_hex(struct ks_bytes bytes, char *out)
{
	for (size_t i = 0; i < bytes.size; i++) {
		*out++ = hex_digits[bytes.data[i] >> 4];
		*out++ = hex_digits[bytes.data[i] & 0xfu];
	}
	*out = '\0';
}

/* -1 for what is not a hex digit. */
static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

int ks_text_unhex(const char *hex, uint8_t *out, size_t size, size_t *ret_size)
{
	size_t length = strlen(hex);
	if (length % 2 != 0)
		return KS_ERR_INVALID;
	/* All of it is checked first: nothing is written unless it is right to its end. */
	for (size_t i = 0; i < length; i++) {
		if (hex_value(hex[i]) < 0)
			return KS_ERR_INVALID;
	}
	if (length / 2 > size)
		return KS_ERR_LIMIT;
	for (size_t i = 0; i < length / 2; i++)
		out[i] = (uint8_t)(hex_value(hex[2 * i]) << 4 | hex_value(hex[2 * i + 1]));
	*ret_size = length / 2;
	return 0;
}

/* Reads the digits text begins with. INVALID when there is none, LIMIT when the number is past max. */
static int take_digits(const char **text, uint64_t max, uint64_t *ret_number)
{
	const char *next = *text;
	uint64_t number = 0;
	if (*next < '0' || *next > '9')
		return KS_ERR_INVALID;
	for (; *next >= '0' && *next <= '9'; next++) {
		uint64_t digit = (uint64_t)(*next - '0');
		if (number > (UINT64_MAX - digit) / 10)
			return KS_ERR_LIMIT;
		number = number * 10 + digit;
		if (number > max)
			return KS_ERR_LIMIT;
	}
	*text = next;
	*ret_number = number;
	return 0;
}

int ks_text_duration_ms(const char *text, uint64_t *ret_ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
	};
	uint64_t number = 0;
	int r = take_digits(&text, UINT64_MAX, &number);
	if (r < 0)
		return r;
	if (*text == '\0' && number == 0) {
		*ret_ms = 0;
		return 0;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text, units[i].name) != 0)
			continue;
		if (number > UINT64_MAX / units[i].ms)
			return KS_ERR_LIMIT;
		*ret_ms = number * units[i].ms;
		return 0;
	}
	return KS_ERR_INVALID;
}

int ks_text_number(const char *text, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;
	int r = take_digits(&text, max, &number);
	if (r < 0)
		return r;
	if (*text != '\0')
		return KS_ERR_INVALID;
	*ret_number = number;
	return 0;
}

/* One character further; of bytes that are not UTF-8 at most four, so that the cost of a step stays bounded. */
static const char *next_character(const char *text)
{
	text++;
	for (int i = 0; i < 3 && is_continuation((uint8_t)*text); i++)
		text++;
	return text;
}

bool ks_text_match(const char *pattern, const char *text)
{
	if (strnlen(pattern, MATCH_MAX + 1) > MATCH_MAX || strnlen(text, MATCH_MAX + 1) > MATCH_MAX)
		return false;
	/* Only the last '*' ever needs another try: what an earlier one matched can stay as short as it was. */
	const char *after_star = NULL;
	const char *star_text = NULL;
	while (*text != '\0') {
		if (*pattern == '*') {
			after_star = ++pattern;
			star_text = text;
		} else if (*pattern == '?') {
			pattern++;
			text = next_character(text);
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (after_star) {
			star_text = next_character(star_text);
			pattern = after_star;
			text = star_text;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Takes away the beginning of a character whose end was cut off. Bytes that never were UTF-8 stay as they are. */
static void drop_half_character(char *text)
{
	size_t size = strlen(text);
	size_t n = 0; /* bytes of the last character but its first one */
	uint32_t bits = 0;

	while (n < 3 && n < size && is_continuation((uint8_t)text[size - 1 - n]))
		n++;
	if (n < size && sequence_size((uint8_t)text[size - 1 - n], &bits) > n + 1)
		text[size - 1 - n] = '\0';
}

bool ks_text_print(char *out, size_t size, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(out, size, format, args);
	va_end(args);
	if (length < 0 && size > 0)
		out[0] = '\0';
	if (length >= 0 && (size_t)length < size)
		return true;
	if (size > 0)
		drop_half_character(out);
	return false;
}

char *ks_text_copy(struct ks_bytes text)
{
	char *copy = malloc(text.size + 1);
	if (!copy)
		return NULL;
	if (text.size > 0)
		memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	return copy;
}

char *ks_text_format(const char *format, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, format);
	int length = vasprintf(&text, format, args);
	va_end(args);
	return length < 0 ? NULL : text;
}
