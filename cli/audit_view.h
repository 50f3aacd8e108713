/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_view: one line of the audit log, chosen by filters and shown to a person.
 *
 * Runs in: keystay. Pure, but for the time zone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"

/* What to show; NULL and 0 = everything. Texts may be patterns with '*' and '?'. */
struct ks_audit_filter {
	const char *key, *server, *outcome, *socket;
	bool has_uid;
	uint64_t uid;
	int64_t since_ms, until_ms; /* since 1970; until_ms is not part of it */
};

/* "2h" (ago), "2026-11-21", "2026-11-21 04:19", "2026-11-21 04:19:30" (local time), or RFC 3339 with Z. INVALID. */
int ks_audit_view_time(const char *text, uint64_t now_s, int64_t *ret_ms) KS_WARN_UNUSED;

/* true: it is a line of the log that the filter lets through. */
bool ks_audit_view_fits(const struct ks_audit_filter *filter, const json_t *line);

/* "2026-11-21 04:19:30  signed     alice  for db.corp.example (proven)  by curl (pid 17)" and a newline. */
void ks_audit_view_print(const struct ks_cli *cli, const json_t *line);
