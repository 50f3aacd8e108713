/* SPDX-License-Identifier: Apache-2.0 */
/* base64: see base64.h. */
#include "lib/base/base64.h"

#include <string.h>

#include "lib/base/cleanup.h"

#define LINE_CHARACTERS 64

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int ks_base64_put(struct ks_buffer *out, struct ks_bytes bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes.size; i += 3) {
		size_t left = bytes.size - i;
		uint32_t group = (uint32_t)bytes.data[i] << 16;
		group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
		group |= left > 2 ? bytes.data[i + 2] : 0;
		const uint8_t characters[4] = {
			(uint8_t)alphabet[group >> 18],
			(uint8_t)alphabet[group >> 12 & 63],
			left > 1 ? (uint8_t)alphabet[group >> 6 & 63] : (uint8_t)'=',
			left > 2 ? (uint8_t)alphabet[group & 63] : (uint8_t)'=',
		};
		ks_buffer_put(out, ks_bytes(characters, sizeof(characters)));
		n += sizeof(characters);
		if (n % LINE_CHARACTERS == 0 || left <= 3)
			ks_buffer_put_u8(out, '\n');
	}
	return ks_buffer_error(out);
}

/* What is read of a group of four. */
struct group {
	uint32_t bits;
	unsigned n;     /* characters so far */
	unsigned n_pad; /* of them '=' */
	bool ended;     /* a padded group was the last one */
};

static bool take(struct group *group, char c)
{
	const char *at = c == '\0' ? NULL : strchr(alphabet, c);

	if (group->ended || (!at && c != '=') || (at && group->n_pad > 0) || (!at && group->n < 2))
		return false;
	group->bits = group->bits << 6 | (at ? (uint32_t)(at - alphabet) : 0);
	group->n++;
	group->n_pad += !at;
	return true;
}

/* The bits that a padded group has too many must be zero (RFC 4648 section 3.5): one text for each run of bytes. */
static bool put_group(struct group *group, struct ks_buffer *out)
{
	if ((group->bits & ((1u << 8 * group->n_pad) - 1)) != 0)
		return false;
	for (unsigned i = 0; i < 3 - group->n_pad; i++)
		ks_buffer_put_u8(out, (uint8_t)(group->bits >> (16 - 8 * i)));
	*group = (struct group){ .ended = group->n_pad > 0 };
	return true;
}

int ks_base64_read(struct ks_bytes text, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { .limit = text.size + 1 };
	struct group group = { 0 };

	for (size_t i = 0; i < text.size; i++) {
		char c = (char)text.data[i];
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
			continue;
		if (!take(&group, c) || (group.n == 4 && !put_group(&group, &bytes)))
			return KS_ERR_MALFORMED;
	}
	if (group.n != 0)
		return KS_ERR_MALFORMED;
	int r = ks_buffer_error(&bytes);
	if (r < 0)
		return r;
	ks_buffer_put(out, ks_buffer_bytes(&bytes));
	return ks_buffer_error(out);
}
