/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_log: the hash-chained audit log: appends batches, goes on after any end, full disk or change from outside.
 *
 * Runs in: keystay-audit. A batch is in the file as a whole when ks_audit_log_append() says so, else nothing of it is
 * (but for an end at that very moment, which leaves a torn line that the next start cuts off and says so). What was
 * found wrong is said in a line of its own, with one of these words:
 *
 *	torn        the last line was not finished
 *	gap         the files end before the chain does: lines are missing
 *	changed     the last line is not the one that was written
 *	unreadable  the last line is none of keystay's
 *	no-head     the head was missing
 *	replaced    audit.jsonl was a symbolic link, or not ours
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/audit_line.h"
#include "lib/protocol/message.h"

struct ks_audit_log;

struct ks_audit_log_options {
	const char *folder; /* absolute; borrowed */
	uint64_t max_size;  /* bytes of one file; a batch that is larger has a file of its own */
	unsigned keep;      /* files, with the one that is written to */
};

struct ks_audit_item {
	struct ks_msg_audit record;
	uint64_t n; /* its line, once it is written; 0 = it was there already */
};

int ks_audit_log_new(const struct ks_audit_log_options *options, struct ks_audit_log **ret_log) KS_WARN_UNUSED;
void ks_audit_log_free(struct ks_audit_log *log);

/* Writes all of them, in their order, or returns an error with a sentence in why (512 bytes). n_items 0: writes what is
 * to be said about the log, if anything is. */
int ks_audit_log_append(struct ks_audit_log *log, struct ks_audit_item *items, size_t n_items, char *why)
	KS_WARN_UNUSED;

/* Brings the head up to date; after the reply, since nobody has to wait for it. */
void ks_audit_log_seal(struct ks_audit_log *log);

/* The end of the chain, as it is known. n 0 = there is none. */
struct ks_audit_head ks_audit_log_end(const struct ks_audit_log *log);
