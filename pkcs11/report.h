/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: the inventory: what is on the tokens, read and told to the agent (messages.def, WORKER_TOKEN to
 * WORKER_INVENTORY).
 *
 * Runs in: keystay-token, main thread, while nobody signs. What a module says is bounded here, and again by the agent.
 */
#pragma once

#include "pkcs11/token.h"
#include "pkcs11/wire.h"

/* Looks into all slots and tells everything. What a module fails to tell is left out, with
 * a line in the log. */
int ks_report_all(struct ks_wire *wire, struct ks_tokens *tokens) KS_WARN_UNUSED;

/* Tells one token's news; everything when that token has gone. */
int ks_report_token(struct ks_wire *wire, struct ks_tokens *tokens, struct ks_token *token) KS_WARN_UNUSED;
