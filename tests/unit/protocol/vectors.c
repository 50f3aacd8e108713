/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/protocol/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

static char *copy(const char *text)
{
	char *out = strdup(text);
	assert_non_null(out);
	return out;
}

static void append_hex(struct vector *vector, const char *digits)
{
	size_t room = strlen(digits) / 2;
	uint8_t *frame = realloc(vector->frame, vector->frame_size + room + 1);
	assert_non_null(frame);
	vector->frame = frame;
	size_t size = 0;
	assert_int_equal(ks_text_unhex(digits, frame + vector->frame_size, room, &size), 0);
	vector->frame_size += size;
}

static void take_line(struct vector *vector, const char *line)
{
	if (strncmp(line, "about ", 6) == 0)
		return;
	if (strncmp(line, "result ", 7) == 0) {
		vector->result = copy(line + 7);
	} else if (strncmp(line, "message ", 8) == 0) {
		vector->message = copy(line + 8);
	} else if (strncmp(line, "frame ", 6) == 0) {
		append_hex(vector, line + 6);
	} else if (strncmp(line, "field ", 6) == 0) {
		assert_true(vector->n_fields < VECTOR_FIELDS_MAX);
		vector->fields[vector->n_fields++] = copy(line);
	} else {
		assert_string_equal(line, "frame"); /* an empty one */
	}
}

static struct vector *add(struct vectors *vectors, const char *name)
{
	assert_null(vectors_find(vectors, name));
	struct vector *items = realloc(vectors->items, (vectors->n_items + 1) * sizeof(*items));
	assert_non_null(items);
	vectors->items = items;
	struct vector *vector = &items[vectors->n_items++];
	*vector = (struct vector){ .name = copy(name) };
	return vector;
}

void vectors_read(const char *path, struct vectors *ret_vectors)
{
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	struct vectors vectors = { 0 };
	struct vector *open = NULL;
	KS_AUTO_FREE char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, file) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (strncmp(line, "vector ", 7) == 0) {
			assert_null(open);
			open = add(&vectors, line + 7);
			continue;
		}
		assert_non_null(open);
		if (strcmp(line, "end") == 0) {
			assert_non_null(open->result);
			open = NULL;
			continue;
		}
		take_line(open, line);
	}
	(void)fclose(file);
	assert_null(open);
	assert_true(vectors.n_items > 0);
	*ret_vectors = vectors;
}

void vectors_free(struct vectors *vectors)
{
	for (size_t i = 0; i < vectors->n_items; i++) {
		struct vector *vector = &vectors->items[i];
		for (size_t k = 0; k < vector->n_fields; k++)
			free(vector->fields[k]);
		free(vector->name);
		free(vector->result);
		free(vector->message);
		free(vector->frame);
	}
	free(vectors->items);
}

const struct vector *vectors_find(const struct vectors *vectors, const char *name)
{
	for (size_t i = 0; i < vectors->n_items; i++) {
		if (strcmp(vectors->items[i].name, name) == 0)
			return &vectors->items[i];
	}
	return NULL;
}
