/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript_layout: where the messages of a good TLS 1.2 transcript are, and each of its length fields.
 *
 * A reader of its own, beside lib/tls, so that the inputs made from it test that one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

#define KS_LAYOUT_MESSAGES_MAX 16u
#define KS_LAYOUT_LENGTHS_MAX 256u

struct ks_layout_message {
	uint8_t type;
	size_t at;   /* of its header */
	size_t size; /* with its header */
};

struct ks_layout_length {
	size_t at;
	unsigned width;
	char name[64];
};

struct ks_layout {
	size_t n_messages;
	struct ks_layout_message messages[KS_LAYOUT_MESSAGES_MAX];
	size_t n_lengths;
	struct ks_layout_length lengths[KS_LAYOUT_LENGTHS_MAX];
};

/* false when the transcript is not a good one. */
bool ks_transcript_layout_read(struct ks_bytes transcript, struct ks_layout *ret_layout);

/* "ServerHello" */
const char *ks_transcript_layout_name(uint8_t type);
