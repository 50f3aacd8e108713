/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify_signature: see verify_signature.h.
 *
 * Runs in: keystay-agent. Must never release a signature of another form than TLS asks for: the salt of RSA-PSS is as
 * long as the hash, exactly, and the mask has the same hash (RFC 8446 section 4.2.3).
 */
#include "lib/tls/verify_signature.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/spki.h"
#include "lib/tls/crypto.h"

struct ks_public_key {
	enum ks_key_algorithm algorithm;
	EVP_PKEY *key;
	EVP_MD_CTX *context; /* used again for each signature: allocating it anew costs more than Ed25519's hashing */
};

KS_DEFINE_CLEANUP(struct ks_public_key *, ks_public_key_free)

int ks_public_key_new(struct ks_bytes spki, struct ks_public_key **ret_key)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	struct ks_spki parsed;
	int r = ks_spki_read(spki, &parsed);
	if (r < 0)
		return r;
	if (!crypto)
		return KS_ERR_INTERNAL;

	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = calloc(1, sizeof(*key));
	if (!key)
		return KS_ERR_NO_MEMORY;
	key->algorithm = parsed.algorithm;
	key->context = EVP_MD_CTX_new();
	if (!key->context)
		return KS_ERR_NO_MEMORY;

	const unsigned char *next = spki.data;
	ERR_set_mark();
	key->key = d2i_PUBKEY_ex(NULL, &next, (long)spki.size, crypto->context, NULL);
	ERR_pop_to_mark();
	if (!key->key || next != spki.data + spki.size)
		return KS_ERR_MALFORMED;
	*ret_key = KS_STEAL(key);
	return 0;
}

void ks_public_key_free(struct ks_public_key *key)
{
	if (!key)
		return;
	EVP_MD_CTX_free(key->context);
	EVP_PKEY_free(key->key);
	free(key);
}

/* An EC scheme for an RSA key would be the caller's mistake, and OpenSSL would not notice it. */
static bool scheme_is_of_key(const struct ks_public_key *key, const struct ks_scheme *scheme)
{
	switch (scheme->signing) {
	case KS_SIGNING_RSA_PKCS1:
		return key->algorithm == KS_KEY_RSA;
	case KS_SIGNING_RSA_PSS:
		return key->algorithm == KS_KEY_RSA || key->algorithm == KS_KEY_RSA_PSS;
	case KS_SIGNING_ECDSA:
		return key->algorithm == KS_KEY_EC;
	case KS_SIGNING_EDDSA:
		return key->algorithm == KS_KEY_ED25519;
	}
	return false;
}

static bool set_parameters(EVP_PKEY_CTX *parameters, const struct ks_scheme *scheme, const struct ks_crypto *crypto)
{
	if (scheme->signing == KS_SIGNING_RSA_PKCS1)
		return EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PADDING) > 0;
	if (scheme->signing != KS_SIGNING_RSA_PSS)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) > 0 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(parameters, crypto->hashes[scheme->hash]) > 0 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) > 0;
}

static bool verify(struct ks_public_key *key, const struct ks_scheme *scheme, const struct ks_crypto *crypto,
		   struct ks_bytes input, struct ks_bytes signature)
{
	EVP_PKEY_CTX *parameters = NULL; /* borrowed from key->context */

	return EVP_MD_CTX_reset(key->context) == 1 &&
	       EVP_DigestVerifyInit_ex(key->context, &parameters, ks_hash_name(scheme->hash), crypto->context, NULL,
				       key->key, NULL) == 1 &&
	       set_parameters(parameters, scheme, crypto) &&
	       EVP_DigestVerify(key->context, signature.data, signature.size, input.data, input.size) == 1;
}

static bool verify_digest(struct ks_public_key *key, const struct ks_scheme *scheme, const struct ks_crypto *crypto,
			  struct ks_bytes digest, struct ks_bytes signature)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(crypto->context, key->key, NULL);
	bool good = context && EVP_PKEY_verify_init(context) == 1 && set_parameters(context, scheme, crypto) &&
		    EVP_PKEY_CTX_set_signature_md(context, crypto->hashes[scheme->hash]) > 0 &&
		    EVP_PKEY_verify(context, signature.data, signature.size, digest.data, digest.size) == 1;

	EVP_PKEY_CTX_free(context);
	return good;
}

typedef bool verifier(struct ks_public_key *key, const struct ks_scheme *scheme, const struct ks_crypto *crypto,
		      struct ks_bytes input, struct ks_bytes signature);

static int check_signature(verifier *is_good, struct ks_public_key *key, const struct ks_scheme *scheme,
			   struct ks_bytes input, struct ks_bytes signature)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	if (!crypto)
		return KS_ERR_INTERNAL;
	if (!scheme_is_of_key(key, scheme))
		return KS_ERR_WRONG_SIGNATURE;

	/* A signature that does not verify is an answer, not an error of the library: leave no trace in its queue. */
	ERR_set_mark();
	bool good = is_good(key, scheme, crypto, input, signature);
	ERR_pop_to_mark();
	return good ? 0 : KS_ERR_WRONG_SIGNATURE;
}

int ks_public_key_verify(struct ks_public_key *key, const struct ks_scheme *scheme, struct ks_bytes input,
			 struct ks_bytes signature)
{
	return check_signature(verify, key, scheme, input, signature);
}

int ks_public_key_verify_digest(struct ks_public_key *key, const struct ks_scheme *scheme, struct ks_bytes digest,
				struct ks_bytes signature)
{
	if (scheme->hash == KS_HASH_NONE || digest.size != ks_hash_size(scheme->hash))
		return KS_ERR_WRONG_SIGNATURE;
	return check_signature(verify_digest, key, scheme, digest, signature);
}

int ks_sha256(struct ks_bytes data, uint8_t ret_digest[32])
{
	const struct ks_crypto *crypto = ks_crypto_get();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	if (!crypto || EVP_Digest(data.data, data.size, digest, &size, crypto->hashes[KS_HASH_SHA256], NULL) != 1 ||
	    size != 32)
		return KS_ERR_INTERNAL;
	memcpy(ret_digest, digest, 32);
	return 0;
}
