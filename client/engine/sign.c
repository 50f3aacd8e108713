/* SPDX-License-Identifier: Apache-2.0 */
/* sign: see sign.h. Runs in: any program that loads the engine. */
#include "client/engine/sign.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <string.h>

#include "client/client.h"
#include "client/engine/key.h"
#include "client/engine/say.h"
#include "lib/protocol/scheme.h"

static const int nids[] = { EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519 };
#define N_NIDS (sizeof(nids) / sizeof(nids[0]))

static EVP_PKEY_METHOD *methods[N_NIDS];

/* --- which scheme is meant --------------------------------------------------------------------------------------- */

static enum ks_hash hash_of(const EVP_MD *md)
{
	switch (md ? EVP_MD_get_type(md) : NID_undef) {
	case NID_sha256:
		return KS_HASH_SHA256;
	case NID_sha384:
		return KS_HASH_SHA384;
	case NID_sha512:
		return KS_HASH_SHA512;
	default:
		return KS_HASH_NONE;
	}
}

/* TLS knows PSS with the same digest twice and a salt as long as it (RFC 8446 section 4.2.3). */
static int is_pss_of_tls(EVP_PKEY_CTX *ctx, const EVP_MD *md)
{
	const EVP_MD *mgf1 = NULL;
	int salt = 0;

	return EVP_PKEY_CTX_get_rsa_mgf1_md(ctx, &mgf1) > 0 && EVP_PKEY_CTX_get_rsa_pss_saltlen(ctx, &salt) > 0 &&
	       hash_of(mgf1) == hash_of(md) && (salt == RSA_PSS_SALTLEN_DIGEST || salt == EVP_MD_get_size(md));
}

static const struct ks_scheme *scheme_of(EVP_PKEY_CTX *ctx, const struct ks_engine_key *key, const EVP_MD *md)
{
	int padding = 0;

	switch (key->spki.algorithm) {
	case KS_KEY_EC:
		return ks_scheme_for(KS_KEY_EC, KS_SIGNING_ECDSA, hash_of(md));
	case KS_KEY_ED25519:
		return ks_scheme_for(KS_KEY_ED25519, KS_SIGNING_EDDSA, KS_HASH_NONE);
	case KS_KEY_RSA:
		if (hash_of(md) == KS_HASH_NONE || EVP_PKEY_CTX_get_rsa_padding(ctx, &padding) <= 0)
			return NULL;
		if (padding == RSA_PKCS1_PADDING)
			return ks_scheme_for(KS_KEY_RSA, KS_SIGNING_RSA_PKCS1, hash_of(md));
		if (padding == RSA_PKCS1_PSS_PADDING && is_pss_of_tls(ctx, md))
			return ks_scheme_for(KS_KEY_RSA, KS_SIGNING_RSA_PSS, hash_of(md));
		return NULL;
	case KS_KEY_RSA_PSS:
	default:
		return NULL;
	}
}

/* --- signing ----------------------------------------------------------------------------------------------------- */

static int ask_agent(const struct ks_engine_key *key, const struct ks_scheme *scheme, struct ks_bytes input,
		     unsigned char *signature, size_t *size)
{
	struct ks_client_sign request = { .name = key->name, .scheme = scheme->code, .input = input };
	struct ks_client_error error;
	uint8_t made[KS_SIGNATURE_MAX];
	size_t made_size;

	memcpy(request.spki_hash, key->spki_hash, sizeof(request.spki_hash));
	if (ks_client_sign(&request, made, &made_size, &error) < 0)
		return ks_say(error.code, error.text);
	if (made_size > *size)
		return ks_say(KS_ERR_WRONG_SIGNATURE,
			      "keystay-agent answered with a signature that is too long for this key");
	memcpy(signature, made, made_size);
	*size = made_size;
	return 1;
}

/* The size is asked for first, with no room for a signature. */
static int digest_sign(EVP_MD_CTX *md_ctx, unsigned char *signature, size_t *size, const unsigned char *input,
		       size_t input_size)
{
	EVP_PKEY_CTX *ctx = EVP_MD_CTX_get_pkey_ctx(md_ctx);
	const EVP_PKEY *pkey = EVP_PKEY_CTX_get0_pkey(ctx);
	const struct ks_engine_key *key = ks_engine_key_of(pkey);

	if (!key)
		return ks_say(KS_ERR_INVALID, "this key does not belong to keystay's engine");
	size_t room = (size_t)EVP_PKEY_get_size(pkey);
	if (!signature) {
		*size = room;
		return 1;
	}
	if (*size < room)
		return ks_say(KS_ERR_INVALID, "this program gave too little room for a signature");
	const struct ks_scheme *scheme = scheme_of(ctx, key, EVP_MD_CTX_get0_md(md_ctx));
	if (!scheme)
		return ks_say(KS_ERR_INPUT_SCHEME,
			      "this program wants a kind of signature that TLS does not have; keystay signs only TLS "
			      "handshakes");
	return ask_agent(key, scheme, ks_bytes(input, input_size), signature, size);
}

static int refuse_digest(EVP_PKEY_CTX *ctx, unsigned char *signature, size_t *size, const unsigned char *digest,
			 size_t digest_size)
{
	(void)ctx;
	(void)signature;
	(void)size;
	(void)digest;
	(void)digest_size;
	return ks_say(KS_ERR_INPUT_DIGEST, "keystay signs only TLS handshakes; this program handed over a digest");
}

/* Decryption with a public half would fail anyway; here it says why. */
static int refuse_decryption(EVP_PKEY_CTX *ctx, unsigned char *out, size_t *out_size, const unsigned char *in,
			     size_t in_size)
{
	(void)ctx;
	(void)out;
	(void)out_size;
	(void)in;
	(void)in_size;
	return ks_say(KS_ERR_UNSUPPORTED, "keystay signs TLS handshakes and does not decrypt");
}

/* --- the methods ------------------------------------------------------------------------------------------------- */

static EVP_PKEY_METHOD *make_method(int nid)
{
	const EVP_PKEY_METHOD *own = EVP_PKEY_meth_find(nid);
	int flags = 0;

	if (!own)
		return NULL;
	EVP_PKEY_meth_get0_info(NULL, &flags, own);
	EVP_PKEY_METHOD *method = EVP_PKEY_meth_new(nid, flags);
	if (!method)
		return NULL;
	EVP_PKEY_meth_copy(method, own);
	EVP_PKEY_meth_set_digestsign(method, digest_sign);
	EVP_PKEY_meth_set_sign(method, NULL, refuse_digest);
	if (nid == EVP_PKEY_RSA)
		EVP_PKEY_meth_set_decrypt(method, NULL, refuse_decryption);
	return method;
}

int ks_engine_sign_init(void)
{
	for (size_t i = 0; i < N_NIDS; i++) {
		if (!methods[i])
			methods[i] = make_method(nids[i]);
		if (!methods[i])
			return 0;
	}
	return 1;
}

/* libcrypto frees the methods of an engine itself when the engine is freed. */
void ks_engine_sign_deinit(void)
{
	memset(methods, 0, sizeof(methods));
}

int ks_engine_sign_methods(ENGINE *engine, EVP_PKEY_METHOD **ret_method, const int **ret_nids, int nid)
{
	(void)engine;
	if (!ret_method) {
		*ret_nids = nids;
		return (int)N_NIDS;
	}
	for (size_t i = 0; i < N_NIDS; i++) {
		if (nids[i] == nid) {
			*ret_method = methods[i];
			return 1;
		}
	}
	*ret_method = NULL;
	return 0;
}
