/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto: see crypto.h. Runs in: keystay-agent.
 *
 * The one state of the room that outlives a call: fetching algorithms costs more than a P-256 verification, and a
 * context per key would cost memory for each of 500 keys. Written once, then only read.
 */
#include "lib/tls/crypto.h"

#include <pthread.h>
#include <stddef.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>

static struct ks_crypto crypto;
static bool crypto_works;
static pthread_once_t crypto_once = PTHREAD_ONCE_INIT;

static bool fetch_hashes(void)
{
	for (enum ks_hash hash = KS_HASH_SHA256; hash <= KS_HASH_SHA512; hash++) {
		crypto.hashes[hash] = EVP_MD_fetch(crypto.context, ks_hash_name(hash), NULL);
		if (!crypto.hashes[hash])
			return false;
	}
	return true;
}

static void make_crypto(void)
{
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		return;
	crypto.context = OSSL_LIB_CTX_new();
	if (!crypto.context)
		return;
	crypto.provider = OSSL_PROVIDER_load(crypto.context, "default");
	if (!crypto.provider)
		return;
	crypto_works = fetch_hashes();
	ERR_clear_error();
}

const struct ks_crypto *ks_crypto_get(void)
{
	(void)pthread_once(&crypto_once, make_crypto);
	return crypto_works ? &crypto : NULL;
}
