/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doubts: says in the log, once for each certificate, that it was revoked, or that its CA's word on that is missing or
 * outdated. `keystay status` says it at any time.
 *
 * Runs in: keystay-agent. Nothing is kept across restarts.
 */
#pragma once

#include "agent/keyring.h"
#include "lib/protocol/limits.h"

struct ks_doubts {
	struct ks_doubt {
		uint8_t hash[32]; /* of the certificate */
		enum ks_revocation_state told;
	} * at; /* owned; NULL until there is one */
	size_t n;
	size_t next; /* the oldest, which makes way when it is full */
};

/* Looks at one key; returns whether it was told just now that it is revoked. */
bool ks_doubts_look(struct ks_doubts *doubts, const struct ks_identity *identity);
void ks_doubts_deinit(struct ks_doubts *doubts);
