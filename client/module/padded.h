/* SPDX-License-Identifier: Apache-2.0 */
/*
 * padded: texts of fixed length as Cryptoki has them: UTF-8, filled up with blanks, without a NUL.
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include <stddef.h>
#include <string.h>

/* Writes size bytes. A longer text is cut, never within a UTF-8 character. */
static inline void ks_padded(unsigned char *out, size_t size, const char *text)
{
	size_t length = strlen(text);
	if (length > size) {
		length = size;
		while (length > 0 && ((unsigned char)text[length] & 0xc0u) == 0x80u)
			length--;
	}
	memset(out, ' ', size);
	memcpy(out, text, length);
}
