/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors: reads docs/protocol-vectors.txt (docs/protocol.md section 12). A file that is not of that form fails the
 * test.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define VECTOR_FIELDS_MAX 64

struct vector {
	char *name;
	char *result;
	char *message; /* NULL when the type is not known */
	uint8_t *frame;
	size_t frame_size;
	char *fields[VECTOR_FIELDS_MAX]; /* "field NAME VALUE" */
	size_t n_fields;
};

struct vectors {
	struct vector *items;
	size_t n_items;
};

void vectors_read(const char *path, struct vectors *ret_vectors);
void vectors_free(struct vectors *vectors);

/* NULL when there is none. */
const struct vector *vectors_find(const struct vectors *vectors, const char *name);
