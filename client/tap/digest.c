/* SPDX-License-Identifier: Apache-2.0 */
/* digest: see digest.h. Runs in: any program that loads the tap. */
#include "client/tap/digest.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "client/tap/latest.h"
#include "client/tap/stream.h"

struct digest {
	const EVP_MD *md; /* borrowed from the tap */
	EVP_MD_CTX *real; /* owned */
	struct ks_stream stream;
};

/* --- provider-digest(7) ------------------------------------------------------------------------------------------ */

static void digest_freectx(void *ctx)
{
	struct digest *digest = ctx;

	if (!digest)
		return;
	EVP_MD_CTX_free(digest->real);
	ks_stream_forget(&digest->stream);
	free(digest);
}

static struct digest *digest_new(const EVP_MD *md)
{
	struct digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return NULL;
	digest->md = md;
	digest->real = EVP_MD_CTX_new();
	if (!digest->real) {
		digest_freectx(digest);
		return NULL;
	}
	return digest;
}

static void *sha256_newctx(void *provctx)
{
	return digest_new(((struct ks_tap *)provctx)->sha256);
}

static void *sha384_newctx(void *provctx)
{
	return digest_new(((struct ks_tap *)provctx)->sha384);
}

static void *digest_dupctx(void *ctx)
{
	struct digest *from = ctx;
	struct digest *copy = digest_new(from->md);

	if (!copy)
		return NULL;
	if (EVP_MD_CTX_copy_ex(copy->real, from->real) != 1) {
		digest_freectx(copy);
		return NULL;
	}
	ks_stream_copy(&copy->stream, &from->stream);
	return copy;
}

static int digest_init(void *ctx, const OSSL_PARAM params[])
{
	struct digest *digest = ctx;

	(void)params;
	ks_stream_forget(&digest->stream);
	return EVP_DigestInit_ex2(digest->real, digest->md, NULL);
}

static int digest_update(void *ctx, const unsigned char *data, size_t size)
{
	struct digest *digest = ctx;

	ks_stream_add(&digest->stream, data, size);
	return EVP_DigestUpdate(digest->real, data, size);
}

static int digest_final(void *ctx, unsigned char *out, size_t *out_size, size_t room)
{
	struct digest *digest = ctx;
	unsigned size = 0;

	if (room < (size_t)EVP_MD_get_size(digest->md) || EVP_DigestFinal_ex(digest->real, out, &size) != 1)
		return 0;
	*out_size = size;
	if (digest->stream.state == KS_STREAM_KEPT)
		ks_latest_put(out, size, &digest->stream);
	return 1;
}

static int get_params(OSSL_PARAM params[], size_t size, size_t block)
{
	OSSL_PARAM *at = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_BLOCK_SIZE);
	if (at && !OSSL_PARAM_set_size_t(at, block))
		return 0;
	at = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_SIZE);
	if (at && !OSSL_PARAM_set_size_t(at, size))
		return 0;
	at = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_XOF);
	if (at && !OSSL_PARAM_set_int(at, 0))
		return 0;
	/* As in the default provider: RFC 5754 leaves the parameters of the AlgorithmIdentifier out. */
	at = OSSL_PARAM_locate(params, OSSL_DIGEST_PARAM_ALGID_ABSENT);
	return !at || OSSL_PARAM_set_int(at, 1);
}

static int sha256_get_params(OSSL_PARAM params[])
{
	return get_params(params, 32, 64);
}

static int sha384_get_params(OSSL_PARAM params[])
{
	return get_params(params, 48, 128);
}

static const OSSL_PARAM *digest_gettable_params(void *provctx)
{
	static const OSSL_PARAM gettable[] = { OSSL_PARAM_size_t(OSSL_DIGEST_PARAM_BLOCK_SIZE, NULL),
					       OSSL_PARAM_size_t(OSSL_DIGEST_PARAM_SIZE, NULL),
					       OSSL_PARAM_int(OSSL_DIGEST_PARAM_XOF, NULL),
					       OSSL_PARAM_int(OSSL_DIGEST_PARAM_ALGID_ABSENT, NULL), OSSL_PARAM_END };

	(void)provctx;
	return gettable;
}

#define FUNCTION(name) ((void (*)(void))(name))

static const OSSL_DISPATCH sha256_functions[] = {
	{ OSSL_FUNC_DIGEST_NEWCTX, FUNCTION(sha256_newctx) },
	{ OSSL_FUNC_DIGEST_FREECTX, FUNCTION(digest_freectx) },
	{ OSSL_FUNC_DIGEST_DUPCTX, FUNCTION(digest_dupctx) },
	{ OSSL_FUNC_DIGEST_INIT, FUNCTION(digest_init) },
	{ OSSL_FUNC_DIGEST_UPDATE, FUNCTION(digest_update) },
	{ OSSL_FUNC_DIGEST_FINAL, FUNCTION(digest_final) },
	{ OSSL_FUNC_DIGEST_GET_PARAMS, FUNCTION(sha256_get_params) },
	{ OSSL_FUNC_DIGEST_GETTABLE_PARAMS, FUNCTION(digest_gettable_params) },
	{ 0, NULL },
};

static const OSSL_DISPATCH sha384_functions[] = {
	{ OSSL_FUNC_DIGEST_NEWCTX, FUNCTION(sha384_newctx) },
	{ OSSL_FUNC_DIGEST_FREECTX, FUNCTION(digest_freectx) },
	{ OSSL_FUNC_DIGEST_DUPCTX, FUNCTION(digest_dupctx) },
	{ OSSL_FUNC_DIGEST_INIT, FUNCTION(digest_init) },
	{ OSSL_FUNC_DIGEST_UPDATE, FUNCTION(digest_update) },
	{ OSSL_FUNC_DIGEST_FINAL, FUNCTION(digest_final) },
	{ OSSL_FUNC_DIGEST_GET_PARAMS, FUNCTION(sha384_get_params) },
	{ OSSL_FUNC_DIGEST_GETTABLE_PARAMS, FUNCTION(digest_gettable_params) },
	{ 0, NULL },
};

const OSSL_ALGORITHM ks_tap_digests[] = {
	{ "SHA2-256:SHA-256:SHA256:2.16.840.1.101.3.4.2.1", "provider=keystay-tap,keystay.tap=yes", sha256_functions,
	  "SHA-256 that remembers TLS handshakes" },
	{ "SHA2-384:SHA-384:SHA384:2.16.840.1.101.3.4.2.2", "provider=keystay-tap,keystay.tap=yes", sha384_functions,
	  "SHA-384 that remembers TLS handshakes" },
	{ NULL, NULL, NULL, NULL },
};
