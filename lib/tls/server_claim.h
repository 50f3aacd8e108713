/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_claim: what a handshake says about its server, taken out for a proof.
 *
 * Reads and hashes; verifies no certificate and no signature, that is server_proof's. What is given here is whole: the
 * handshake is the very one that is about to be signed, it was read to its last byte, and it is of a kind in which the
 * server's signature means what it should. Everything else is no claim, with the reason in words.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"
#include "lib/tls/signable.h"

struct ks_server_claim {
	char server_name[256]; /* the SNI: a DNS name in lower case, never "" */
	/* The leaf first, DER; borrowed from the input (TLS 1.2) or the transcript (TLS 1.3), as all below. */
	struct ks_bytes certificates[KS_PROOF_CERTIFICATES_MAX];
	size_t n_certificates;         /* at least 1 */
	struct ks_bytes ocsp_response; /* stapled for the leaf: DER OCSPResponse (RFC 6066 section 8, RFC 6961 section
					* 2.2, RFC 8446 section 4.4.2.1), or none */
	uint32_t scheme;               /* of the server's own signature: one of lib/protocol/scheme.h, which the client
					* has offered; whether it fits the leaf's key is for the proof */
	struct ks_bytes signature;     /* at most KS_SIGNATURE_MAX */
	/* Owned. TLS 1.2: client_random | server_random | params (RFC 5246 section 7.4.3); TLS 1.3: 64 spaces | context
	 * | 0 | hash (RFC 8446 section 4.4.3). */
	struct ks_buffer signed_input;
	bool is_tls13;
	bool is_post_handshake; /* TLS 1.3: the server asked after the handshake */
};

/* signable: what ks_signable_check() found in input. transcript: as the client handed it over; looked at for TLS 1.3
 * alone. spki: the identity's key, which the client's Certificate must carry. 0, or RULE_UNPROVABLE with ret_reason:
 * one clause of plain words, without a full stop. In time and memory linear in what is given. */
int ks_server_claim_read(const struct ks_signable *signable, struct ks_bytes input, struct ks_bytes transcript,
			 const struct ks_spki *spki, struct ks_server_claim *ret_claim, char ret_reason[256])
	KS_WARN_UNUSED;

/* Only for a claim that was read, or for { 0 }. */
void ks_server_claim_deinit(struct ks_server_claim *claim);
