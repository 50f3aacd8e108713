/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tries_file: the text of the file in which agent/tries.c counts, and the list that it stands for.
 *
 *	COUNT HASH LABEL
 *
 * A line for each token that was ever given a PIN: PINs without success since the last good one, up to 99; SHA-256 in
 * hex of what the token says of itself, so that nothing has to be quoted; its label, escaped, for people.
 *
 * Runs in: keystay-agent. Pure: bytes in, bytes out.
 */
#pragma once

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

#define KS_TRIES_LINES_MAX 4096u /* tokens; more than anybody has */
#define KS_TRIES_LINE_MAX 256u   /* bytes, with its end */
#define KS_TRIES_COUNT_MAX 99u

struct ks_tries_line {
	uint8_t hash[32];
	unsigned count;
	char label[129]; /* escaped, for people */
};

struct ks_tries_list {
	struct ks_tries_line *lines; /* owned; in the order of writing */
	size_t n;
	size_t room;
};

void ks_tries_list_deinit(struct ks_tries_list *list);

/* NULL when it is not there. */
const struct ks_tries_line *ks_tries_list_find(const struct ks_tries_list *list, const uint8_t hash[32]);

/* The line goes to the end. When there are too many, the first one with count 0 makes way; LIMIT when there is none:
 * no count is ever forgotten. */
int ks_tries_list_set(struct ks_tries_list *list, const uint8_t hash[32], unsigned count, const char *label)
	KS_WARN_UNUSED;

/* list is filled anew; nothing is promised of it on failure. MALFORMED for anything that ks_tries_file_write() does not
 * write. */
int ks_tries_file_read(struct ks_bytes text, struct ks_tries_list *list) KS_WARN_UNUSED;

void ks_tries_file_write(const struct ks_tries_list *list, struct ks_buffer *text);
