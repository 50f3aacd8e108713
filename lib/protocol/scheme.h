/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheme: TLS SignatureScheme code points (RFC 8446 section 4.2.3) and what each asks of key, hash and padding.
 *
 * Only what may be used is in the table: no SHA-1, no MD5, no SHA-224, no DSA (invariant I2).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/protocol/spki.h"

enum ks_hash {
	KS_HASH_NONE = 0, /* Ed25519 takes the message itself */
	KS_HASH_SHA256,
	KS_HASH_SHA384,
	KS_HASH_SHA512,
};

enum ks_signing {
	KS_SIGNING_RSA_PKCS1,
	KS_SIGNING_RSA_PSS, /* MGF1 with the same hash, salt as long as the hash (RFC 8446 section 4.2.3) */
	KS_SIGNING_ECDSA,
	KS_SIGNING_EDDSA,
};

struct ks_scheme {
	uint16_t code;                   /* 0x0403 */
	const char *name;                /* "ecdsa_secp256r1_sha256" */
	enum ks_key_algorithm algorithm; /* that the SubjectPublicKeyInfo must say */
	enum ks_signing signing;
	enum ks_hash hash;
	enum ks_curve tls13_curve; /* the curve that TLS 1.3 binds to the code point; TLS 1.2 does not */
	bool tls13;                /* false: rsa_pkcs1_*, for TLS 1.2 only */
};

/* NULL for anything that is not in the table. */
const struct ks_scheme *ks_scheme_find(uint32_t code);

/* The scheme for a key that signs with this hash; padding matters for RSA keys only. NULL when there is none. */
const struct ks_scheme *ks_scheme_for(enum ks_key_algorithm algorithm, enum ks_signing signing, enum ks_hash hash);

/* All rows. */
const struct ks_scheme *ks_schemes(size_t *ret_n);

/* May a key with this public half make this scheme, in TLS 1.2 or TLS 1.3 (is_tls13)? */
bool ks_scheme_fits(const struct ks_scheme *scheme, const struct ks_spki *spki, bool is_tls13);

/* Bytes of a digest; 0 for NONE. */
size_t ks_hash_size(enum ks_hash hash);

/* "SHA256", as OpenSSL fetches it; NULL for NONE. */
const char *ks_hash_name(enum ks_hash hash);
