/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: OSSL_OP_STORE, provider-storemgmt(7): keys by URI.
 *
 *	keystay:alice          a short name
 *	keystay:9f86d081       the beginning of a fingerprint
 *	keystay:pkcs11:token=corp;object=alice
 *	keystay:               the only usable one
 *
 * All that stands after "keystay:" is the name, as it stands: nothing is percent-decoded, so that a PKCS#11 URI, which
 * has an encoding of its own, passes unchanged. The agent says what fits.
 *
 * Runs in: any program that loads the provider. Asks the agent at load, and only for what is public.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "client/client.h"
#include "client/openssl/object.h"
#include "client/openssl/params.h"
#include "client/openssl/provider.h"
#include "lib/base/cleanup.h"

#define SCHEME "keystay:"

/* What the caller expects (openssl/store.h, which belongs to libcrypto). */
#define OSSL_STORE_INFO_PUBKEY 3
#define OSSL_STORE_INFO_PKEY 4

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* OpenSSL's "loaderctx". */
struct store {
	struct ks_provider *provider;
	int expected; /* OSSL_STORE_INFO_*, 0 = anything */
	bool ended;
	char name[];
};

static void *store_open(void *provctx, const char *uri)
{
	if (strncasecmp(uri, SCHEME, strlen(SCHEME)) != 0)
		return NULL;
	const char *name = uri + strlen(SCHEME);
	struct store *store = calloc(1, sizeof(*store) + strlen(name) + 1);
	if (!store)
		return NULL;
	store->provider = provctx;
	memcpy(store->name, name, strlen(name) + 1);
	return store;
}

static int store_close(void *loaderctx)
{
	free(loaderctx);
	return 1;
}

static int store_eof(void *loaderctx)
{
	const struct store *store = loaderctx;

	return store->ended;
}

static int store_set_ctx_params(void *loaderctx, const OSSL_PARAM params[])
{
	struct store *store = loaderctx;
	const OSSL_PARAM *expected = ks_param_find(params, OSSL_STORE_PARAM_EXPECT);

	return !expected || ks_param_get_int(expected, &store->expected);
}

static const OSSL_PARAM *store_settable_ctx_params(void *provctx)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL),
		OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, NULL, 0),
		OSSL_PARAM_END,
	};
	(void)provctx;
	return table;
}

/* One key, then the end. A public key is given as such only to who wants nothing else: to all others it is the private
 * one, of which OpenSSL can ask the public half. */
static int store_load(void *loaderctx, OSSL_CALLBACK *object_cb, void *object_cbarg, OSSL_PASSPHRASE_CALLBACK *pw_cb,
		      void *pw_cbarg)
{
	struct store *store = loaderctx;
	struct ks_report *report = &store->provider->report;

	(void)pw_cb;
	(void)pw_cbarg;
	store->ended = true;
	if (store->expected != 0 && store->expected != OSSL_STORE_INFO_PKEY &&
	    store->expected != OSSL_STORE_INFO_PUBKEY)
		return ks_report_fail(
			report, "load", KS_ERR_UNSUPPORTED,
			"keystay: URIs give keys only; write certificates to a file: keystay cert NAME -o FILE");
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *identity = NULL;
	struct ks_client_error error;
	if (ks_client_get(store->name, &identity, &error) < 0) {
		ks_report_raise(report, "load", error.code, error.text);
		return 0;
	}
	struct ks_key *key;
	int r = ks_key_new(identity->identity.spki, identity->identity.name, store->expected != OSSL_STORE_INFO_PUBKEY,
			   &key);
	if (r < 0)
		return ks_report_fail(report, "load", r,
				      "keystay-agent answered with a key that OpenSSL cannot use here (%s)",
				      ks_error_word(r));
	return ks_object_give(key, object_cb, object_cbarg);
}

#define FUNCTION(id, function)                                                                                         \
	{                                                                                                              \
		OSSL_FUNC_STORE_##id, (void (*)(void))(function)                                                       \
	}

static const OSSL_DISPATCH functions[] = {
	FUNCTION(OPEN, store_open),
	FUNCTION(LOAD, store_load),
	FUNCTION(EOF, store_eof),
	FUNCTION(CLOSE, store_close),
	FUNCTION(SET_CTX_PARAMS, store_set_ctx_params),
	FUNCTION(SETTABLE_CTX_PARAMS, store_settable_ctx_params),
	{ 0, NULL },
};

const OSSL_ALGORITHM ks_store_algorithms[] = {
	{ "keystay", KS_PROPERTIES, functions, "keys of keystay-agent by name" },
	{ NULL, NULL, NULL, NULL },
};
