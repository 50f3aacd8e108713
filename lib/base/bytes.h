/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes: a run of bytes that belongs to somebody else.
 *
 * The one shape in which inputs, fields and certificates are handed around. Borrowed: it is valid as long as what it
 * points into. An empty run may have a NULL pointer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ks_bytes {
	const uint8_t *data;
	size_t size;
};

#define KS_BYTES_NONE ((struct ks_bytes){ NULL, 0 })

static inline struct ks_bytes ks_bytes(const void *data, size_t size)
{
	return (struct ks_bytes){ data, size };
}

/* The bytes of a NUL-terminated string, without the NUL; NULL gives none. */
static inline struct ks_bytes ks_bytes_text(const char *text)
{
	return text ? (struct ks_bytes){ (const uint8_t *)text, strlen(text) } : KS_BYTES_NONE;
}

static inline bool ks_bytes_equal(struct ks_bytes a, struct ks_bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
