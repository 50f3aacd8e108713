/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally: how many signings ended how, since the agent started; for `keystay status`.
 *
 * Runs in: keystay-agent. Numbers alone: who asked for what stands in the audit log (audit.h).
 */
#pragma once

#include <stdint.h>

#include "lib/protocol/message.h"

/* One more than the largest number of lib/base/error.h. */
#define KS_TALLY_ERRORS 128u

struct ks_tally {
	uint64_t n_signed, n_denied, n_failed, n_cancelled;
	uint64_t errors[KS_TALLY_ERRORS]; /* of those that were not signed, by number */
};

/* outcome: SIGNED, DENIED, FAILED or CANCELLED; error: 0 or KS_ERR_*. */
void ks_tally_count(struct ks_tally *tally, enum ks_audit_outcome outcome, int error);

/* Appends one record refusal_count for each error that there was. */
void ks_tally_write(const struct ks_tally *tally, struct ks_buffer *list);
