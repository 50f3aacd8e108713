/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_signature: the server's own signature over its handshake, with a key that is known already.
 *
 * The one part of a proof (server_proof.h) that differs each time; the rest is the same for each handshake with one
 * server. Reads no certificate.
 */
#pragma once

#include "lib/base/error.h"
#include "lib/protocol/spki.h"
#include "lib/tls/server_claim.h"
#include "lib/tls/verify_signature.h"

/* 0 when signature is one over signed_input with this key, by a scheme that fits it in this version of TLS. Else
 * RULE_UNPROVABLE with reason (256 bytes): a clause in plain words. spki is what key was made of. */
int ks_server_signature_check(const struct ks_server_claim *claim, const struct ks_spki *spki,
			      struct ks_public_key *key, char *reason) KS_WARN_UNUSED;
