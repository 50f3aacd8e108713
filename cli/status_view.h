/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_view: what machines are told of the agent's status: whether something is wrong (--check), and numbers over time
 * (--metrics).
 *
 * Runs in: keystay. Pure but for what it writes to cli->out.
 */
#pragma once

#include <stdbool.h>

#include "cli/output.h"
#include "lib/protocol/message.h"

/* --within: how much of a certificate's life must be left. */
struct ks_status_limit {
	bool is_given; /* else a third of its life */
	uint64_t left_s;
};

/* One sentence for each thing that is wrong, each a line: a certificate for TLS clients that has expired, does not hold
 * yet or ends soon; a module that does not run; an audit log that cannot be written; a reload that failed. Returns how
 * many; with none, one line that says so. */
size_t ks_status_check(const struct ks_cli *cli, const struct ks_msg_status_reply *status,
		       const struct ks_status_limit *limit);

/* OpenMetrics 1.0 text, up to its "# EOF". NO_MEMORY. */
int ks_status_metrics(const struct ks_cli *cli, const struct ks_msg_status_reply *status) KS_WARN_UNUSED;

/* The certificates that a person should know of, as a table behind an empty line; nothing when there are none. */
int ks_status_certificates(const struct ks_cli *cli, const struct ks_msg_status_reply *status) KS_WARN_UNUSED;

/* All of them, for JSON. */
json_t *ks_status_certificates_json(const struct ks_cli *cli, const struct ks_msg_status_reply *status);
