/* SPDX-License-Identifier: Apache-2.0 */
/* signing_proof: see signing_proof.h. Runs in: keystay-agent. */
#include "agent/signing_proof.h"

#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/tls/server_claim.h"

static void set_unproven(struct ks_signing_proof *proof, const char *why)
{
	proof->knowledge = KS_SERVER_UNPROVEN;
	(void)ks_text_print(proof->why, sizeof(proof->why), "%s", why);
}

static void take_result(struct ks_signing_proof *proof, const struct ks_proof_result *result)
{
	if (!result->proven) {
		set_unproven(proof, result->reason);
		return;
	}
	proof->knowledge = KS_SERVER_PROVEN;
	memcpy(proof->spki_hash, result->spki_hash, sizeof(proof->spki_hash));
}

static void on_done(const struct ks_proof_result *result, void *userdata)
{
	struct ks_signing_proof *proof = userdata;

	proof->proof = NULL;
	take_result(proof, result);
	proof->done(proof);
}

/* Those of the key and of the socket must both hold. Over the control socket it is the CA of the key's enrolment profile
 * (policy.c), which has its own. */
static size_t find_anchors(const struct ks_identity *identity, const struct ks_settings_socket *socket,
			   const char *ret_files[KS_PROOF_ANCHORS_MAX])
{
	const struct ks_rules *key = identity->rules ? &identity->rules->rules : NULL;
	const struct ks_rules *sides[] = { key, socket ? &socket->rules : NULL };
	size_t n = 0;

	_Static_assert(sizeof(sides) / sizeof(sides[0]) <= KS_PROOF_ANCHORS_MAX, "one for each side");
	if (socket && socket->is_control) {
		if (key && key->enrol_ca)
			ret_files[n++] = key->enrol_ca;
		return n;
	}
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++) {
		if (sides[i] && sides[i]->at[KS_RULE_SERVER_CA].value)
			ret_files[n++] = sides[i]->at[KS_RULE_SERVER_CA].value;
	}
	return n;
}

void ks_signing_proof_begin(struct ks_signing_proof *proof, struct ks_state *state, const struct ks_identity *identity,
			    const struct ks_settings_socket *socket, const struct ks_signable *signable,
			    struct ks_bytes input, struct ks_bytes transcript)
{
	KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
	const char *anchors[KS_PROOF_ANCHORS_MAX];

	proof->n_reloads = state->n_reloads;
	proof->rules = identity->rules;
	proof->socket = socket;
	if (ks_server_claim_read(signable, input, transcript, &identity->spki, &claim, proof->why) < 0) {
		proof->knowledge = KS_SERVER_UNPROVEN;
		return;
	}
	size_t n = find_anchors(identity, socket, anchors);
	(void)ks_text_print(proof->server, sizeof(proof->server), "%s", claim.server_name);
	struct ks_proof_result result;
	if (ks_proof_recall(state->prover, &claim, anchors, n, &result)) {
		take_result(proof, &result);
		return;
	}
	int error = ks_proof_start(state->prover, proof->share, &claim, anchors, n, on_done, proof, &proof->proof);
	if (error == KS_ERR_QUOTA)
		set_unproven(proof, "too many servers are being proven at this moment");
	else if (error < 0)
		set_unproven(proof, ks_error_text(error));
}

void ks_signing_proof_try(struct ks_signing_proof *proof, struct ks_state *state, const struct ks_identity *identity,
			  const struct ks_settings_socket *socket, const struct ks_signable *signable,
			  struct ks_bytes input, struct ks_bytes transcript)
{
	bool has_handshake = signable->kind == KS_SIGNABLE_TLS12_CLIENT || transcript.size > 0;

	if (!has_handshake || ks_prover_is_ready(state->prover)) {
		ks_signing_proof_begin(proof, state, identity, socket, signable, input, transcript);
		return;
	}
	proof->n_reloads = state->n_reloads;
	proof->rules = identity->rules;
	proof->socket = socket;
	set_unproven(proof, "no rule asks for it, and keystay-prove is only being started");
}

void ks_signing_proof_look_again(struct ks_signing_proof *proof, const struct ks_state *state,
				 const struct ks_identity *identity, const struct ks_settings_socket *socket)
{
	bool is_of_now = proof->n_reloads == state->n_reloads && proof->rules == identity->rules &&
			 proof->socket == socket;

	if (is_of_now || (proof->knowledge == KS_SERVER_NOT_LOOKED_AT && !proof->proof))
		return;
	ks_signing_proof_leave(proof);
	proof->knowledge = KS_SERVER_NOT_LOOKED_AT;
}

struct ks_policy_server ks_signing_proof_tell(const struct ks_signing_proof *proof)
{
	return (struct ks_policy_server){
		.knowledge = proof->knowledge, .name = proof->server, .spki_hash = proof->spki_hash, .why = proof->why
	};
}

void ks_signing_proof_leave(struct ks_signing_proof *proof)
{
	ks_proof_cancel(proof->proof);
	proof->proof = NULL;
}

/* FNV-1a: two sockets of one number would share their turns, and nothing else. */
struct ks_proof_share ks_signing_proof_share(const struct ks_request *request)
{
	struct ks_proof_share share = { .socket = 0xcbf29ce484222325u, .pid = request->peer.pid };

	for (const char *at = request->socket; *at; at++)
		share.socket = (share.socket ^ (uint8_t)*at) * 0x100000001b3u;
	return share;
}
