/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider: keystay-tap.so, an OpenSSL provider that watches the handshakes of its program, so that the agent can prove
 * which server a TLS 1.3 signature is for (DESIGN section 6). It is taken instead of the default provider's SHA-2 where
 * a configuration says default_properties = ?keystay.tap=yes; without it, or displaced by other properties, signatures
 * are made all the same and are merely "unverified".
 *
 * Runs in: any program that loads it. Built for one major version of libcrypto: in a program with another one it would
 * bring a second libcrypto along, so it refuses there before it calls anything of it.
 */
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#include "client/tap/digest.h"
#include "client/tap/ring.h"

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	return operation == OSSL_OP_DIGEST ? ks_tap_digests : NULL;
}

static void teardown(void *provctx)
{
	struct ks_tap *tap = provctx;

	EVP_MD_free(tap->sha256);
	EVP_MD_free(tap->sha384);
	OSSL_LIB_CTX_free(tap->context);
	free(tap);
}

static const OSSL_PARAM *gettable_params(void *provctx)
{
	static const OSSL_PARAM gettable[] = { OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
					       OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
					       OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL), OSSL_PARAM_END };

	(void)provctx;
	return gettable;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
	OSSL_PARAM *at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);

	(void)provctx;
	if (at && !OSSL_PARAM_set_utf8_ptr(at, "keystay TLS transcript tap"))
		return 0;
	at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_VERSION);
	if (at && !OSSL_PARAM_set_utf8_ptr(at, KEYSTAY_VERSION))
		return 0;
	at = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
	return !at || OSSL_PARAM_set_int(at, 1);
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown },
	{ OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params },
	{ OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query },
	{ 0, NULL },
};

/* "3.0.22" of the libcrypto that loads us, asked without a call into the one that we were linked with. */
static int is_our_major(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *upcalls)
{
	OSSL_FUNC_core_get_params_fn *core_get_params = NULL;
	char *version = NULL;
	OSSL_PARAM params[] = {
		{ OSSL_PROV_PARAM_CORE_VERSION, OSSL_PARAM_UTF8_PTR, &version, sizeof(version), 0 },
		{ NULL, 0, NULL, 0, 0 },
	};

	for (; upcalls->function_id != 0; upcalls++) {
		if (upcalls->function_id == OSSL_FUNC_CORE_GET_PARAMS)
			core_get_params = OSSL_FUNC_core_get_params(upcalls);
	}
	return core_get_params && core_get_params(core, params) && version &&
	       strtol(version, NULL, 10) == OPENSSL_VERSION_MAJOR;
}

/* The default provider alone, in a context of its own: no configuration is read, so nothing can lead back to us. */
static int start(struct ks_tap *tap)
{
	tap->context = OSSL_LIB_CTX_new();
	if (!tap->context)
		return 0;
	tap->sha256 = EVP_MD_fetch(tap->context, "SHA2-256", "provider=default");
	tap->sha384 = EVP_MD_fetch(tap->context, "SHA2-384", "provider=default");
	return tap->sha256 && tap->sha384;
}

__attribute__((visibility("default"))) int keystay_tap_find(const uint8_t *digest, size_t digest_size,
							    const uint8_t **ret_stream, size_t *ret_size);

int keystay_tap_find(const uint8_t *digest, size_t digest_size, const uint8_t **ret_stream, size_t *ret_size)
{
	return ks_ring_find(digest, digest_size, ret_stream, ret_size);
}

__attribute__((visibility("default"))) OSSL_provider_init_fn OSSL_provider_init;

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		       void **provctx)
{
	if (!is_our_major(handle, in) || !ks_ring_init())
		return 0;
	struct ks_tap *tap = calloc(1, sizeof(*tap));
	if (!tap)
		return 0;
	tap->core = handle;
	if (!start(tap)) {
		teardown(tap);
		return 0;
	}
	*out = functions;
	*provctx = tap;
	return 1;
}
