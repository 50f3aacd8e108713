/* SPDX-License-Identifier: Apache-2.0 */
/* tally: see tally.h. Runs in: keystay-agent. */
#include "agent/tally.h"

static uint64_t *counter_of(struct ks_tally *tally, enum ks_audit_outcome outcome)
{
	if (outcome == KS_AUDIT_SIGNED)
		return &tally->n_signed;
	if (outcome == KS_AUDIT_DENIED)
		return &tally->n_denied;
	return outcome == KS_AUDIT_CANCELLED ? &tally->n_cancelled : &tally->n_failed;
}

void ks_tally_count(struct ks_tally *tally, enum ks_audit_outcome outcome, int error)
{
	(*counter_of(tally, outcome))++;
	if (error < 0 && error > -(int)KS_TALLY_ERRORS)
		tally->errors[-error]++;
}

void ks_tally_write(const struct ks_tally *tally, struct ks_buffer *list)
{
	for (uint32_t i = 0; i < KS_TALLY_ERRORS; i++) {
		const struct ks_msg_refusal_count record = { .error = i, .count = tally->errors[i] };
		if (record.count > 0)
			ks_record_write(list, KS_RECORD(refusal_count), &record);
	}
}
