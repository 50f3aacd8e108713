/* SPDX-License-Identifier: Apache-2.0 */
/* digest: see digest.h. Runs in: keystay-token. */
#include "pkcs11/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define N_HASHES 4u /* enum ks_hash; NONE has no digest */

struct ks_digest {
	OSSL_LIB_CTX *context;
	EVP_MD *hashes[N_HASHES];
};

int ks_digest_new(struct ks_digest **ret_digest)
{
	KS_CLEANUP(ks_digest_freep) struct ks_digest *digest = calloc(1, sizeof(*digest));
	if (!digest)
		return KS_ERR_NO_MEMORY;
	digest->context = OSSL_LIB_CTX_new();
	if (!digest->context)
		return KS_ERR_NO_MEMORY;
	for (unsigned hash = KS_HASH_SHA256; hash < N_HASHES; hash++) {
		digest->hashes[hash] = EVP_MD_fetch(digest->context, ks_hash_name((enum ks_hash)hash), NULL);
		if (!digest->hashes[hash])
			return KS_ERR_UNSUPPORTED;
	}
	*ret_digest = KS_STEAL(digest);
	return 0;
}

void ks_digest_free(struct ks_digest *digest)
{
	if (!digest)
		return;
	for (unsigned hash = 0; hash < N_HASHES; hash++)
		EVP_MD_free(digest->hashes[hash]);
	OSSL_LIB_CTX_free(digest->context);
	free(digest);
}

KS_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

int ks_digest_make(const struct ks_digest *digest, enum ks_hash hash, const struct ks_bytes *parts, size_t n_parts,
		   uint8_t ret_value[KS_DIGEST_MAX])
{
	if (hash == KS_HASH_NONE)
		return KS_ERR_INVALID;
	KS_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context)
		return KS_ERR_NO_MEMORY;
	if (EVP_DigestInit_ex2(context, digest->hashes[hash], NULL) != 1)
		return KS_ERR_INTERNAL;
	for (size_t i = 0; i < n_parts; i++) {
		if (EVP_DigestUpdate(context, parts[i].data, parts[i].size) != 1)
			return KS_ERR_INTERNAL;
	}
	return EVP_DigestFinal_ex(context, ret_value, NULL) == 1 ? 0 : KS_ERR_INTERNAL;
}

int ks_digest_key_id(const struct ks_digest *digest, struct ks_bytes public_key, uint8_t ret_id[KS_DIGEST_KEY_ID_SIZE])
{
	uint8_t value[KS_DIGEST_MAX];
	size_t size = 0;

	if (EVP_Q_digest(digest->context, "SHA1", NULL, public_key.data, public_key.size, value, &size) != 1 ||
	    size != KS_DIGEST_KEY_ID_SIZE)
		return KS_ERR_UNSUPPORTED;
	memcpy(ret_id, value, KS_DIGEST_KEY_ID_SIZE);
	return 0;
}
