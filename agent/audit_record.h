/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit_record: a record of its own: what struct ks_audit_record borrows, copied, made fit for the message AUDIT.
 *
 * Runs in: keystay-agent. Pure, but for the clocks.
 */
#pragma once

#include "agent/audit.h"

struct ks_audit_copy {
	struct ks_msg_audit message; /* borrows from the texts below: never copy the struct itself */
	char socket[65], program[257], key[257], token[65], purpose[33], scheme[65], server[257], unverified[257],
		rule[257], text[1025];
	uint8_t spki_hash[32], input_hash[32];
};

/* With the time of now. sequence, agent and lost are the caller's to fill in. */
void ks_audit_copy_make(struct ks_audit_copy *copy, const struct ks_audit_record *record);

/* The same decision at the same time, in memory of its own. */
void ks_audit_copy_again(struct ks_audit_copy *copy, const struct ks_audit_copy *from);

/* What was decided did not happen: nothing left the agent. */
void ks_audit_copy_take_back(struct ks_audit_copy *copy, const char *why);
