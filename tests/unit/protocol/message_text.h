/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_text: messages as the "field NAME VALUE" lines of docs/protocol-vectors.txt, in both directions, for any row
 * of the table.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/protocol/message.h"

/* Room for any message or record struct. */
#define MESSAGE_TEXT_STRUCT_MAX 512

/* Appends a line for each field of a struct, lists with all their records. 0, or the error that a record read gave. */
int message_text_put(struct ks_buffer *out, const struct ks_message_spec *spec, const void *structure,
		     const char *prefix);

/* Appends version and id and then the same, for a message. */
int message_text_put_message(struct ks_buffer *out, const struct ks_message_spec *spec, const void *structure);

/* Memory that a built struct points to. */
struct message_text_pool {
	void *blocks[256];
	size_t n_blocks;
};

void message_text_pool_free(struct message_text_pool *pool);

/* Builds a message struct from its lines, all of which must be used up. Fails the test when a line is missing, out of
 * order or not of the right form. */
void message_text_build(struct message_text_pool *pool, const struct ks_message_spec *spec, char *const *lines,
			size_t n_lines, void *structure);
