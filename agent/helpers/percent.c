/* SPDX-License-Identifier: Apache-2.0 */
/* percent: see percent.h. Runs in: keystay-prompt. */
#include "agent/helpers/percent.h"

#include <string.h>

#define ESCAPED ((size_t)3) /* %XX */

static const char mark[] = "...";

static int digit_of(char character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	if (character >= 'A' && character <= 'F')
		return character - 'A' + 10;
	if (character >= 'a' && character <= 'f')
		return character - 'a' + 10;
	return -1;
}

int ks_percent_decode(char *text, size_t size, size_t *ret_size)
{
	size_t used = 0;

	for (size_t i = 0; i < size; i++) {
		char character = text[i];
		if (character == '%') {
			int high = size - i >= ESCAPED ? digit_of(text[i + 1]) : -1;
			int low = size - i >= ESCAPED ? digit_of(text[i + 2]) : -1;
			if (high < 0 || low < 0)
				return KS_ERR_MALFORMED;
			character = (char)(high * 16 + low);
			i += ESCAPED - 1;
		}
		if (character == '\0')
			return KS_ERR_MALFORMED;
		text[used++] = character;
	}
	*ret_size = used;
	return 0;
}

/* Of one byte; returns how many it became. */
static size_t encode(char character, char *out)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char byte = (unsigned char)character;

	if (character != '%' && byte >= ' ' && byte != 0x7f) {
		out[0] = character;
		return 1;
	}
	out[0] = '%';
	out[1] = digits[byte >> 4];
	out[2] = digits[byte & 15];
	return ESCAPED;
}

static bool is_within_character(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

bool ks_percent_encode(const char *text, char *out, size_t size)
{
	size_t used = 0;
	size_t whole = 0; /* up to the last character after which the mark still fits */

	for (const char *at = text; *at; at++) {
		char piece[ESCAPED];
		size_t n = encode(*at, piece);
		if (!is_within_character(*at) && used + sizeof(mark) <= size)
			whole = used;
		if (used + n >= size) {
			memcpy(out + whole, mark, sizeof(mark));
			return false;
		}
		memcpy(out + used, piece, n);
		used += n;
	}
	out[used] = '\0';
	return true;
}
