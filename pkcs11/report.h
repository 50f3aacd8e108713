/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: the inventory: what is on the tokens, read and told to the agent (messages.def, WORKER_TOKEN to
 * WORKER_INVENTORY).
 *
 * Runs in: keystay-token, main thread, while nobody signs. What a module says is bounded here, and again by the agent.
 */
#pragma once

#include <stdatomic.h>

#include "pkcs11/digest.h"
#include "pkcs11/token.h"
#include "pkcs11/wire.h"

/* Where an inventory goes, and what it is made with; all borrowed. */
struct ks_report_place {
	struct ks_wire *wire;
	const struct ks_digest *digests;
	const atomic_uint *events; /* enum ks_token_events */
};

/* Looks into all slots and tells everything. What a module fails to tell is left out, with a line in the log. */
int ks_report_all(const struct ks_report_place *place, struct ks_tokens *tokens) KS_WARN_UNUSED;

/* Looks into all slots and tells what has come, changed or gone. The others are not read: with a slow card that takes
 * seconds. */
int ks_report_changes(const struct ks_report_place *place, struct ks_tokens *tokens) KS_WARN_UNUSED;

/* Tells one token's news; that of all when it has gone. */
int ks_report_token(const struct ks_report_place *place, struct ks_tokens *tokens, struct ks_token *token)
	KS_WARN_UNUSED;
