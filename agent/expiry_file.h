/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expiry_file: the text of the file in which agent/expiry.c notes which warnings were given, and the list that it stands
 * for.
 *
 *	THRESHOLDS NOT-AFTER HASH
 *
 * A line for each certificate that was warned of: enum ks_lifetime_threshold, or-ed; its end in seconds since 1970; the
 * SHA-256 of its DER in hex. Lines go when their certificate has been over for KS_EXPIRY_KEPT_S.
 *
 * Runs in: keystay-agent. Pure: bytes in, bytes out.
 */
#pragma once

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

#define KS_EXPIRY_LINES_MAX 4096u /* certificates that end soon; more than anybody has */
#define KS_EXPIRY_LINE_MAX 96u    /* bytes, with its end */

/* A clock that was wrong for a while must not make everything new again. */
#define KS_EXPIRY_KEPT_S ((uint64_t)400 * 24 * 60 * 60)

struct ks_expiry_line {
	uint8_t hash[32];
	uint64_t not_after;
	unsigned told;
};

struct ks_expiry_list {
	struct ks_expiry_line *lines; /* owned */
	size_t n;
	size_t room;
};

void ks_expiry_list_deinit(struct ks_expiry_list *list);

/* What was told of this certificate, or-ed; 0 when nothing was. */
unsigned ks_expiry_list_told(const struct ks_expiry_list *list, const uint8_t hash[32]);

/* These were told as well. When there are too many lines, the one that ends first makes way. NO_MEMORY. */
int ks_expiry_list_add(struct ks_expiry_list *list, const struct ks_expiry_line *line) KS_WARN_UNUSED;

/* Adds what the text says to list. MALFORMED for anything that ks_expiry_file_write() does not write. */
int ks_expiry_file_read(struct ks_bytes text, struct ks_expiry_list *list) KS_WARN_UNUSED;

/* All but what was over long before now_s. */
void ks_expiry_file_write(const struct ks_expiry_list *list, uint64_t now_s, struct ks_buffer *text);
