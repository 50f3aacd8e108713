/* SPDX-License-Identifier: Apache-2.0 */
/*
 * public_key: the attributes of a key object as a SubjectPublicKeyInfo.
 *
 * Runs in: keystay-token. Knows the spellings that tokens have for one and the same key. Pure.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "lib/base/buffer.h"
#include "lib/protocol/spki.h"

/* Values of attributes; none where the object has or shows none. */
struct ks_public_attributes {
	CK_KEY_TYPE key_type;
	struct ks_bytes modulus;
	struct ks_bytes exponent;
	struct ks_bytes parameters; /* CKA_EC_PARAMS */
	struct ks_bytes point;      /* CKA_EC_POINT */
	struct ks_bytes info;       /* CKA_PUBLIC_KEY_INFO: the whole in DER */
};

/* What kind of key it is; known even when the object does not show its public half. */
struct ks_public_kind {
	enum ks_key_algorithm algorithm;
	enum ks_curve curve;
};

/* UNSUPPORTED for all that keystay has no use for. */
int ks_public_key_kind(const struct ks_public_attributes *attributes, struct ks_public_kind *ret_kind) KS_WARN_UNUSED;

/* Appends the SubjectPublicKeyInfo (rsaEncryption, id-ecPublicKey or Ed25519). NOT_FOUND when the public half is not
 * among the attributes, MALFORMED when it makes no sense, UNSUPPORTED. */
int ks_public_key_build(const struct ks_public_attributes *attributes, struct ks_buffer *buffer) KS_WARN_UNUSED;

/* Appends the same key's rsaEncryption form when der is id-RSASSA-PSS, else der itself. */
int ks_public_key_normalise(struct ks_bytes der, struct ks_buffer *buffer) KS_WARN_UNUSED;
