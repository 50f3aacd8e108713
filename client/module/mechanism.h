/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mechanism: the mechanisms of this module, and which TLS signature scheme each of them is with a given key.
 *
 * Two kinds. Those that hash carry the whole input, so that the agent can check it. The raw ones (CKM_ECDSA,
 * CKM_RSA_PKCS, CKM_RSA_PKCS_PSS) bring a digest alone, which goes to the agent as what it is, and only where key and
 * socket allow it. Raw RSA (CKM_RSA_X_509) is none of them and never will be: it would sign anything.
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "lib/base/buffer.h"
#include "lib/protocol/scheme.h"

/* What a mechanism asks for, after its parameters were read. */
struct ks_mechanism {
	CK_MECHANISM_TYPE type;
	enum ks_signing signing;
	enum ks_hash hash; /* NONE for Ed25519, and where the length of the digest or its DigestInfo says it */
	bool raw;
};

/* CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT. PSS parameters must be those of
 * TLS: MGF1 with the same hash, salt as long as the hash (RFC 8446 section 4.2.3). */
CK_RV ks_mechanism_read(const CK_MECHANISM *mechanism, const struct ks_spki *spki, struct ks_mechanism *ret_mechanism)
	KS_WARN_UNUSED;

/* The scheme and the digest in what a raw mechanism was given. CKR_DATA_INVALID, CKR_DATA_LEN_RANGE. */
CK_RV ks_mechanism_take_digest(const struct ks_mechanism *mechanism, const struct ks_spki *spki, struct ks_bytes data,
			       const struct ks_scheme **ret_scheme, struct ks_bytes *ret_digest) KS_WARN_UNUSED;

/* The scheme of a mechanism that hashes, or of a raw one whose digest is not known yet (any that fits). */
const struct ks_scheme *ks_mechanism_scheme(const struct ks_mechanism *mechanism, const struct ks_spki *spki);

/* Appends those that a key can be used with, as CKA_ALLOWED_MECHANISMS has them. */
void ks_mechanism_put_allowed(struct ks_buffer *buffer, const struct ks_spki *spki);
