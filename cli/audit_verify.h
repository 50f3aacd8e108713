/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_verify: is the audit log whole, and as it was written? Follows the chain over all files and says in plain words
 * what is wrong, and where.
 *
 * Runs in: keystay. Pure, but for reading the files; SHA-256 is the client's own, not that of keystay-audit.
 */
#pragma once

#include <stdio.h>

#include "cli/audit_files.h"

struct ks_audit_verdict {
	uint64_t n_lines;
	uint64_t first, last; /* numbers */
	size_t n_problems;
	uint8_t hash[32]; /* of the last line */
};

/* Each problem is a line on out, each thing worth knowing that is no problem a line that begins with "note: ".
 * known: a head from elsewhere (the journal), or NULL. */
int ks_audit_verify(struct ks_audit_files *files, const struct ks_audit_head *known, FILE *out,
		    struct ks_audit_verdict *ret_verdict) KS_WARN_UNUSED;
