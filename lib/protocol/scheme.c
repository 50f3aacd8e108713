/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scheme: see scheme.h. The table of RFC 8446 section 4.2.3, without what is too weak to sign with.
 *
 * Runs in: every program and plug-in. Never decides what may be signed: that is lib/tls and the agent's policy.
 */
#include "lib/protocol/scheme.h"

#include <stddef.h>

#define EC(code, name, curve, hash)                                                                                    \
	{                                                                                                              \
		code, name, KS_KEY_EC, KS_SIGNING_ECDSA, KS_HASH_##hash, KS_CURVE_##curve, true                        \
	}
#define PKCS1(code, name, hash)                                                                                        \
	{                                                                                                              \
		code, name, KS_KEY_RSA, KS_SIGNING_RSA_PKCS1, KS_HASH_##hash, KS_CURVE_NONE, false                     \
	}
#define PSS(code, name, key, hash)                                                                                     \
	{                                                                                                              \
		code, name, KS_KEY_##key, KS_SIGNING_RSA_PSS, KS_HASH_##hash, KS_CURVE_NONE, true                      \
	}

static const struct ks_scheme schemes[] = {
	EC(0x0403, "ecdsa_secp256r1_sha256", P256, SHA256),
	EC(0x0503, "ecdsa_secp384r1_sha384", P384, SHA384),
	EC(0x0603, "ecdsa_secp521r1_sha512", P521, SHA512),
	PKCS1(0x0401, "rsa_pkcs1_sha256", SHA256),
	PKCS1(0x0501, "rsa_pkcs1_sha384", SHA384),
	PKCS1(0x0601, "rsa_pkcs1_sha512", SHA512),
	PSS(0x0804, "rsa_pss_rsae_sha256", RSA, SHA256),
	PSS(0x0805, "rsa_pss_rsae_sha384", RSA, SHA384),
	PSS(0x0806, "rsa_pss_rsae_sha512", RSA, SHA512),
	PSS(0x0809, "rsa_pss_pss_sha256", RSA_PSS, SHA256),
	PSS(0x080a, "rsa_pss_pss_sha384", RSA_PSS, SHA384),
	PSS(0x080b, "rsa_pss_pss_sha512", RSA_PSS, SHA512),
	{ 0x0807, "ed25519", KS_KEY_ED25519, KS_SIGNING_EDDSA, KS_HASH_NONE, KS_CURVE_NONE, true },
};

#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

const struct ks_scheme *ks_schemes(size_t *ret_n)
{
	*ret_n = N_SCHEMES;
	return schemes;
}

const struct ks_scheme *ks_scheme_find(uint32_t code)
{
	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (schemes[i].code == code)
			return &schemes[i];
	}
	return NULL;
}

const struct ks_scheme *ks_scheme_for(enum ks_key_algorithm algorithm, enum ks_signing signing, enum ks_hash hash)
{
	bool is_rsa = algorithm == KS_KEY_RSA || algorithm == KS_KEY_RSA_PSS;

	for (size_t i = 0; i < N_SCHEMES; i++) {
		if (schemes[i].algorithm == algorithm && schemes[i].hash == hash &&
		    (!is_rsa || schemes[i].signing == signing))
			return &schemes[i];
	}
	return NULL;
}

/* EMSA-PSS (RFC 8017 section 9.1.1): hash, salt of the same length and two bytes in an encoding of modBits - 1 bits.
 * All keys that ks_spki_read() accepts have the room; this holds for others as well. */
static bool has_room_for_pss(const struct ks_scheme *scheme, const struct ks_spki *spki)
{
	size_t hash_size = ks_hash_size(scheme->hash);

	return spki->bits > 0 && (spki->bits - 1 + 7) / 8 >= 2 * hash_size + 2;
}

bool ks_scheme_fits(const struct ks_scheme *scheme, const struct ks_spki *spki, bool is_tls13)
{
	if (scheme->algorithm != spki->algorithm || (is_tls13 && !scheme->tls13))
		return false;
	switch (scheme->signing) {
	case KS_SIGNING_ECDSA:
		/* In TLS 1.2 the code point says hash and algorithm only (RFC 5246 section 7.4.1.4.1). */
		return is_tls13 ? scheme->tls13_curve == spki->curve : spki->curve != KS_CURVE_NONE;
	case KS_SIGNING_RSA_PSS:
		return has_room_for_pss(scheme, spki);
	case KS_SIGNING_RSA_PKCS1:
	case KS_SIGNING_EDDSA:
		return true;
	}
	return false;
}

size_t ks_hash_size(enum ks_hash hash)
{
	switch (hash) {
	case KS_HASH_NONE:
		return 0;
	case KS_HASH_SHA256:
		return 32;
	case KS_HASH_SHA384:
		return 48;
	case KS_HASH_SHA512:
		return 64;
	}
	return 0;
}

const char *ks_hash_name(enum ks_hash hash)
{
	switch (hash) {
	case KS_HASH_NONE:
		return NULL;
	case KS_HASH_SHA256:
		return "SHA256";
	case KS_HASH_SHA384:
		return "SHA384";
	case KS_HASH_SHA512:
		return "SHA512";
	}
	return NULL;
}
