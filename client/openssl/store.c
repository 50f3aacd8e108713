/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: OSSL_OP_STORE, provider-storemgmt(7): keys, certificates and their chains by URI.
 *
 *	keystay:alice          a short name
 *	keystay:9f86d081       the beginning of a fingerprint
 *	keystay:pkcs11:token=corp;object=alice
 *	keystay:               the only usable one
 *	keystay:auto           the best one (client/choose.h)
 *
 * All that stands after "keystay:" is the name, as it stands: nothing is percent-decoded, so that a PKCS#11 URI, which
 * has an encoding of its own, passes unchanged. The agent says what fits.
 *
 * Who opens such a URI gets the private key, then the leaf, then the rest of the chain as keystay cert would write it;
 * or of that what OSSL_STORE_expect() said. One question to the agent answers all of it.
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
#include "lib/base/reader.h"
#include "lib/protocol/message.h"

#define SCHEME "keystay:"

/* What the caller expects (openssl/store.h, which belongs to libcrypto). */
#define OSSL_STORE_INFO_PUBKEY 3
#define OSSL_STORE_INFO_PKEY 4
#define OSSL_STORE_INFO_CERT 5

/* OpenSSL's "loaderctx". */
struct store {
	struct ks_provider *provider;
	int expected;                        /* OSSL_STORE_INFO_*, 0 = anything */
	struct ks_client_identity *identity; /* NULL until something was loaded */
	struct ks_reader chain;              /* what is left of it; borrows from identity */
	bool key_given;
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
	struct store *store = loaderctx;

	if (store)
		ks_client_identity_free(store->identity);
	free(store);
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

static bool wants_key(const struct store *store)
{
	return store->expected == 0 || store->expected == OSSL_STORE_INFO_PKEY ||
	       store->expected == OSSL_STORE_INFO_PUBKEY;
}

static bool wants_certificates(const struct store *store)
{
	return store->expected == 0 || store->expected == OSSL_STORE_INFO_CERT;
}

static int fetch(struct store *store)
{
	struct ks_report *report = &store->provider->report;
	struct ks_client_error error;

	if (!wants_key(store) && !wants_certificates(store))
		return ks_report_fail(report, "load", KS_ERR_UNSUPPORTED,
				      "keystay: URIs give keys and certificates, nothing else");
	if (ks_client_get(store->name, &store->identity, &error) < 0) {
		ks_report_put(report, "load", error.code, error.text);
		return 0;
	}
	store->chain = ks_reader(store->identity->chain);
	return 1;
}

/* A public key is given as such only to who wants nothing else: to all others it is the private one, of which OpenSSL
 * can ask the public half. */
static int give_key(struct store *store, OSSL_CALLBACK *object_cb, void *object_cbarg)
{
	const struct ks_msg_identity *identity = &store->identity->identity;
	struct ks_key *key;

	int r = ks_key_new(identity->spki, identity->name, store->expected != OSSL_STORE_INFO_PUBKEY, &key);
	if (r < 0)
		return ks_report_fail(&store->provider->report, "load", r,
				      "keystay-agent answered with a key that OpenSSL cannot use here (%s)",
				      ks_error_word(r));
	return ks_object_give(key, object_cb, object_cbarg);
}

static int give_certificate(struct store *store, OSSL_CALLBACK *object_cb, void *object_cbarg)
{
	struct ks_msg_certificate record;

	int r = ks_record_read(&store->chain, KS_RECORD(certificate), &record, sizeof(record));
	if (r == 1)
		return ks_object_give_certificate(record.der, object_cb, object_cbarg);
	const struct ks_bytes name = store->identity->identity.name;
	if (r == 0)
		return ks_report_fail(&store->provider->report, "load", KS_ERR_NO_CERTIFICATE,
				      "key \"%.*s\" has no certificate yet; see: keystay show %.*s", (int)name.size,
				      (const char *)name.data, (int)name.size, (const char *)name.data);
	return ks_report_fail(&store->provider->report, "load", r, "keystay-agent answered with a damaged chain (%s)",
			      ks_error_word(r));
}

/* One object a call. The end is known with the last one: libcrypto takes an empty answer for a fault. */
static int store_load(void *loaderctx, OSSL_CALLBACK *object_cb, void *object_cbarg, OSSL_PASSPHRASE_CALLBACK *pw_cb,
		      void *pw_cbarg)
{
	struct store *store = loaderctx;
	int given;

	(void)pw_cb;
	(void)pw_cbarg;
	if (store->ended || (!store->identity && !fetch(store))) {
		store->ended = true;
		return 0;
	}
	if (wants_key(store) && !store->key_given) {
		store->key_given = true;
		given = give_key(store, object_cb, object_cbarg);
	} else {
		given = give_certificate(store, object_cb, object_cbarg);
	}
	store->ended = !given || !wants_certificates(store) || ks_reader_left(&store->chain) == 0;
	return given;
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
	{ "keystay", KS_PROPERTIES, functions, "keys and certificates of keystay-agent by name" },
	{ NULL, NULL, NULL, NULL },
};
