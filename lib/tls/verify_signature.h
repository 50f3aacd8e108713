/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_signature: public keys and the check of signatures (invariant I5: nothing is released unverified).
 *
 * Uses OpenSSL's libcrypto in a library context of its own that reads no configuration file, so that a system
 * configuration which names keystay cannot call back into the agent.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"

struct ks_public_key; /* opaque; not shared between threads */

/* From a DER SubjectPublicKeyInfo. MALFORMED, UNSUPPORTED. Given; ks_public_key_free(). */
int ks_public_key_new(struct ks_bytes spki, struct ks_public_key **ret_key) KS_WARN_UNUSED;
void ks_public_key_free(struct ks_public_key *key);

/* 0 when signature (as TLS carries it) is one of this key over input with this scheme, else WRONG_SIGNATURE.
 * The key may be of type RSA for a rsa_pss_pss scheme. */
int ks_public_key_verify(struct ks_public_key *key, const struct ks_scheme *scheme, struct ks_bytes input,
			 struct ks_bytes signature) KS_WARN_UNUSED;

/* The same over a digest of the scheme's hash. */
int ks_public_key_verify_digest(struct ks_public_key *key, const struct ks_scheme *scheme, struct ks_bytes digest,
				struct ks_bytes signature) KS_WARN_UNUSED;

/* SHA-256 of data, the way keys are named on the wire. */
int ks_sha256(struct ks_bytes data, uint8_t ret_digest[32]) KS_WARN_UNUSED;
