/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spki: reads and builds the DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) of the key types that keystay knows.
 *
 * RSA 2048 to 8192 bits (RFC 3279, and id-RSASSA-PSS of RFC 4055), P-256, P-384, P-521 (RFC 5480, named curve,
 * uncompressed point), Ed25519 (RFC 8410). Anything else is UNSUPPORTED. Pure, libc only: the OpenSSL provider uses it
 * inside other people's programs.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum ks_key_algorithm {
	KS_KEY_RSA = 1,
	KS_KEY_RSA_PSS,
	KS_KEY_EC,
	KS_KEY_ED25519,
};

enum ks_curve {
	KS_CURVE_NONE = 0,
	KS_CURVE_P256,
	KS_CURVE_P384,
	KS_CURVE_P521,
};

struct ks_spki {
	enum ks_key_algorithm algorithm;
	enum ks_curve curve;      /* EC only */
	unsigned bits;            /* of the modulus or the field; 256 for Ed25519 */
	struct ks_bytes der;      /* all of it; this and all below borrowed from the input */
	struct ks_bytes modulus;  /* RSA: big-endian, without leading zeros */
	struct ks_bytes exponent; /* RSA: likewise */
	struct ks_bytes point;    /* EC: 0x04 || x || y; Ed25519: the 32 bytes */
};

/* der must be one whole element. MALFORMED or UNSUPPORTED. */
int ks_spki_read(struct ks_bytes der, struct ks_spki *ret_spki) KS_WARN_UNUSED;

/* Appends the DER form of rsaEncryption, id-ecPublicKey and Ed25519 keys. */
int ks_spki_put_rsa(struct ks_buffer *buffer, struct ks_bytes modulus, struct ks_bytes exponent) KS_WARN_UNUSED;
int ks_spki_put_ec(struct ks_buffer *buffer, enum ks_curve curve, struct ks_bytes point) KS_WARN_UNUSED;
int ks_spki_put_ed25519(struct ks_buffer *buffer, struct ks_bytes point) KS_WARN_UNUSED;

/* Do both hold the same key? rsaEncryption and id-RSASSA-PSS with one modulus and exponent do: a certificate may say
 * RSASSA-PSS where the token knows just an RSA key. */
bool ks_spki_same_key(const struct ks_spki *a, const struct ks_spki *b);

/* The curve of DER ECParameters (CKA_EC_PARAMS): a named-curve OID. NONE when it is another one. */
enum ks_curve ks_curve_from_parameters(struct ks_bytes parameters);

/* Bytes of one coordinate: 32, 48, 66. */
size_t ks_curve_size(enum ks_curve curve);

/* The subjectPublicKeyInfo inside a DER certificate, found without reading the rest: MALFORMED when it is not there.
 * Strict about the elements on the way (RFC 5280 section 4.1). */
int ks_spki_of_certificate(struct ks_bytes certificate, struct ks_bytes *ret_spki) KS_WARN_UNUSED;

/* "RSA-2048", "RSA-PSS-2048", "P-256", "Ed25519"; out has at least 32 bytes. */
void ks_spki_type_name(const struct ks_spki *spki, char *out, size_t size);
