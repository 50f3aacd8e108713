/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_proof: is a server who it says it is? The certificates that a client handed over, held against anchors that the
 * owner named, and the server's own signature over its handshake.
 *
 * X.509 and OCSP are read by OpenSSL, without any configuration. Everything here is fed by peers and runs in a process
 * that has nothing to lose (keystay-prove); never in the agent.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/tls/server_claim.h"
#include "lib/tls/server_trust.h"

/* 0 when for each set of anchors the chain ends in it, the leaf is for claim's server_name and valid at now (seconds since
 * 1970), what is stapled says that it is good, and signature is one over signed_input with the leaf's key and in the form
 * that TLS asks for. Else RULE_UNPROVABLE with ret_reason: a clause in plain words that goes on after "the server is not
 * proven: ". ret_spki_hash: SHA-256 of the leaf's SubjectPublicKeyInfo. */
int ks_server_proof_make(const struct ks_server_claim *claim, const struct ks_server_trust *const *anchors,
			 size_t n_anchors, int64_t now, uint8_t ret_spki_hash[32], char ret_reason[256]) KS_WARN_UNUSED;
