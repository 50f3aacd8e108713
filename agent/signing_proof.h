/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_proof: what one signature knows of the server that it is for.
 *
 * Runs in: keystay-agent. Part of signing.c's story: takes the claim out of the handshake (lib/tls/server_claim.h), has
 * keystay-prove verify it (prove.h), and forgets it when a reload may have changed what is to be proven.
 *
 *	NOT_LOOKED_AT --begin()--> [under way --done()-->] UNPROVEN or PROVEN --a reload--> NOT_LOOKED_AT
 */
#pragma once

#include "agent/keyring.h"
#include "agent/policy.h"
#include "agent/prove.h"
#include "agent/request.h"
#include "agent/state.h"
#include "lib/base/bytes.h"

struct ks_signing_proof {
	enum ks_server_knowledge knowledge;
	struct ks_proof_share share;
	struct ks_proof *proof; /* under way, or NULL */
	/* Whose rules it was made for; compared, never followed. */
	uint64_t n_reloads;
	const struct ks_settings_key *rules;
	const struct ks_settings_socket *socket;
	char server[256];      /* PROVEN */
	char why[256];         /* UNPROVEN */
	uint8_t spki_hash[32]; /* PROVEN */
	void (*done)(struct ks_signing_proof *proof);
};

/* Looks at the handshake. Afterwards it is under way, or knowledge says what is known; done() is called only for what was
 * under way. */
void ks_signing_proof_begin(struct ks_signing_proof *proof, struct ks_state *state, const struct ks_identity *identity,
			    const struct ks_settings_socket *socket, const struct ks_signable *signable,
			    struct ks_bytes input, struct ks_bytes transcript);

/* The same for a proof that no rule asks for: nobody waits until keystay-prove has started. */
void ks_signing_proof_try(struct ks_signing_proof *proof, struct ks_state *state, const struct ks_identity *identity,
			  const struct ks_settings_socket *socket, const struct ks_signable *signable,
			  struct ks_bytes input, struct ks_bytes transcript);

/* Forgets what was proven for other rules: before a reload, or before the key came to belong to another section. */
void ks_signing_proof_look_again(struct ks_signing_proof *proof, const struct ks_state *state,
				 const struct ks_identity *identity, const struct ks_settings_socket *socket);

/* For policy.h; borrows from proof. */
struct ks_policy_server ks_signing_proof_tell(const struct ks_signing_proof *proof);

void ks_signing_proof_leave(struct ks_signing_proof *proof);

/* Whose turn a proof takes. */
struct ks_proof_share ks_signing_proof_share(const struct ks_request *request);
