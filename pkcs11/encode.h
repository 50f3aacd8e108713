/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: what a raw RSA operation of a token is given, made from a digest that was made here.
 *
 * Runs in: keystay-token. A raw RSA operation signs whatever it is given, so nothing that came from outside ever gets
 * to one but through one of these, as a digest of the right length.
 */
#pragma once

#include "lib/base/buffer.h"
#include "pkcs11/digest.h"

/* Appends the DER of DigestInfo (RFC 8017 section 9.2 step 2). */
int ks_encode_digest_info(enum ks_hash hash, struct ks_bytes digest, struct ks_buffer *buffer) KS_WARN_UNUSED;

/* Appends EMSA-PSS (RFC 8017 section 9.1.1) with MGF1 of the same hash and a random salt as long as the hash, for a
 * modulus of modulus_bits, as long as the modulus. INVALID when the key is too short for it. */
int ks_encode_pss(const struct ks_digest *digests, enum ks_hash hash, struct ks_bytes digest, unsigned modulus_bits,
		  struct ks_buffer *buffer) KS_WARN_UNUSED;
