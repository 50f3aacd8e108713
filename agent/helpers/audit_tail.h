/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_tail: with what a file of the audit log ends: where its writer goes on after it was ended at any moment.
 *
 * Runs in: keystay-audit. Reads; changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/audit_line.h"

struct ks_audit_tail {
	uint64_t size;             /* of the file */
	uint64_t torn;             /* bytes after the last newline: a line that was not finished */
	bool unreadable;           /* the last whole line, or what is torn, is none of ours */
	bool has_line;             /* the next two are set */
	struct ks_audit_link last; /* of the last line that is one of ours */
	uint8_t hash[32];          /* SHA-256 of that line */
	uint64_t first;            /* number of the first line, 0 when that is none of ours */
};

int ks_audit_tail_read(int fd, struct ks_audit_tail *ret_tail) KS_WARN_UNUSED;

/* The last sequence of this run of an agent, 0 when there is none among the last lines. */
uint64_t ks_audit_tail_find(int fd, uint64_t agent);
