/* SPDX-License-Identifier: Apache-2.0 */
/* key: see key.h. Runs in: any program that loads the engine. */
#include "client/engine/key.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "client/engine/say.h"

/* Of the process, as libcrypto wants it. */
static int ex_index = -1;

static void free_ex_data(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long argl, void *argp)
{
	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	free(pointer);
}

int ks_engine_key_init(void)
{
	if (ex_index < 0)
		ex_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_EVP_PKEY, 0, NULL, NULL, NULL, free_ex_data);
	return ex_index >= 0;
}

void ks_engine_key_deinit(void)
{
	if (ex_index >= 0)
		(void)CRYPTO_free_ex_index(CRYPTO_EX_INDEX_EVP_PKEY, ex_index);
	ex_index = -1;
}

const struct ks_engine_key *ks_engine_key_of(const EVP_PKEY *pkey)
{
	return pkey && ex_index >= 0 ? EVP_PKEY_get_ex_data(pkey, ex_index) : NULL;
}

/* --- public halves ----------------------------------------------------------------------------------------------- */

static EVP_PKEY *make_rsa(const struct ks_spki *spki)
{
	EVP_PKEY *pkey = EVP_PKEY_new();
	RSA *rsa = RSA_new();
	BIGNUM *n = BN_bin2bn(spki->modulus.data, (int)spki->modulus.size, NULL);
	BIGNUM *e = BN_bin2bn(spki->exponent.data, (int)spki->exponent.size, NULL);

	if (!rsa || !n || !e || RSA_set0_key(rsa, n, e, NULL) != 1) {
		BN_free(n);
		BN_free(e);
		goto fail;
	}
	if (pkey && EVP_PKEY_assign_RSA(pkey, rsa) == 1)
		return pkey;
fail:
	RSA_free(rsa);
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *make_ec(const struct ks_spki *spki)
{
	static const int groups[] = {
		[KS_CURVE_P256] = NID_X9_62_prime256v1, [KS_CURVE_P384] = NID_secp384r1, [KS_CURVE_P521] = NID_secp521r1
	};
	EVP_PKEY *pkey = EVP_PKEY_new();
	EC_KEY *ec = EC_KEY_new_by_curve_name(groups[spki->curve]);

	if (pkey && ec && EC_KEY_oct2key(ec, spki->point.data, spki->point.size, NULL) == 1 &&
	    EVP_PKEY_assign_EC_KEY(pkey, ec) == 1)
		return pkey;
	EC_KEY_free(ec);
	EVP_PKEY_free(pkey);
	return NULL;
}

static EVP_PKEY *make_public(ENGINE *engine, const struct ks_spki *spki)
{
	switch (spki->algorithm) {
	case KS_KEY_RSA:
		return make_rsa(spki);
	case KS_KEY_EC:
		return make_ec(spki);
	case KS_KEY_ED25519:
		/* With an engine named, it becomes a key of the old kind, which asks that engine for its methods. */
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, engine, spki->point.data, spki->point.size);
	case KS_KEY_RSA_PSS:
	default:
		return NULL;
	}
}

static struct ks_engine_key *make_key(const struct ks_msg_identity *identity)
{
	struct ks_engine_key *key = calloc(1, sizeof(*key) + identity->spki.size);

	if (!key)
		return NULL;
	memcpy(key->memory, identity->spki.data, identity->spki.size);
	memcpy(key->spki_hash, identity->spki_hash.data, sizeof(key->spki_hash));
	if (identity->name.size < sizeof(key->name))
		memcpy(key->name, identity->name.data, identity->name.size);
	if (ks_spki_read(ks_bytes(key->memory, identity->spki.size), &key->spki) < 0) {
		free(key);
		return NULL;
	}
	return key;
}

EVP_PKEY *ks_engine_key_new(ENGINE *engine, const struct ks_msg_identity *identity)
{
	struct ks_engine_key *key = make_key(identity);

	if (!key) {
		(void)ks_say_fail(KS_ERR_UNSUPPORTED,
				  "the agent's key \"%.*s\" is of a kind that this engine does not know",
				  (int)identity->name.size, (const char *)identity->name.data);
		return NULL;
	}
	EVP_PKEY *pkey = make_public(engine, &key->spki);
	if (!pkey) {
		free(key);
		(void)ks_say_fail(KS_ERR_UNSUPPORTED,
				  "the engine cannot use keys of type %.*s; the provider can: keystay cert %.*s",
				  (int)identity->key_type.size, (const char *)identity->key_type.data,
				  (int)identity->name.size, (const char *)identity->name.data);
		return NULL;
	}
	if (EVP_PKEY_set_ex_data(pkey, ex_index, key) != 1) {
		free(key);
		EVP_PKEY_free(pkey);
		return NULL;
	}
	if (EVP_PKEY_set1_engine(pkey, engine) != 1) {
		EVP_PKEY_free(pkey); /* and key with it */
		return NULL;
	}
	return pkey;
}
