/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_front: see plugin_front.h. Runs in: plugin_client. */
#include "tests/integration/plugin_front.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>

#define N_PROVIDERS 3u

struct plugin_front {
	OSSL_LIB_CTX *libctx; /* owned; NULL = the program's */
	OSSL_PROVIDER *providers[N_PROVIDERS];
	void *engine;
};

bool plugin_front_unload(struct plugin_front *front)
{
	bool done = !front->engine || plugin_engine_unload(front->engine);

	for (unsigned i = N_PROVIDERS; i-- > 0;) {
		if (front->providers[i] && OSSL_PROVIDER_unload(front->providers[i]) != 1)
			done = false;
	}
	OSSL_LIB_CTX_free(front->libctx);
	free(front);
	return done;
}

static bool load(struct plugin_front *front, const char *kind)
{
	static const char *const names[N_PROVIDERS] = { "default", "keystay", "keystay-tap" };
	bool is_tap = strcmp(kind, "tap") == 0;

	if (strcmp(kind, "engine") == 0) {
		front->engine = plugin_engine_load();
		return front->engine != NULL;
	}
	for (unsigned i = 0; i < (is_tap ? 3u : 2u); i++) {
		front->providers[i] = OSSL_PROVIDER_load(front->libctx, names[i]);
		if (!front->providers[i])
			return false;
	}
	return !is_tap || EVP_set_default_properties(front->libctx, "?keystay.tap=yes") == 1;
}

struct plugin_front *plugin_front_load(const char *kind, bool is_private)
{
	struct plugin_front *front = calloc(1, sizeof(*front));

	if (!front)
		return NULL;
	front->libctx = is_private ? OSSL_LIB_CTX_new() : NULL;
	if ((is_private && !front->libctx) || !load(front, kind)) {
		ERR_print_errors_fp(stderr);
		(void)plugin_front_unload(front);
		return NULL;
	}
	return front;
}

EVP_PKEY *plugin_front_key(const struct plugin_front *front, const char *name)
{
	return front->engine ? plugin_engine_key(front->engine, name) : NULL;
}

static EVP_PKEY *get_key(const struct plugin_front *front, const char *pem)
{
	if (front->engine)
		return plugin_front_key(front, "alice");
	BIO *bio = BIO_new_file(pem, "r");
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, front->libctx, NULL) : NULL;
	BIO_free(bio);
	return pkey;
}

SSL_CTX *plugin_front_context(struct plugin_front *front, const char *ca, const char *pem)
{
	EVP_PKEY *pkey = get_key(front, pem);
	SSL_CTX *context = SSL_CTX_new_ex(front->libctx, NULL, TLS_client_method());

	if (pkey && context && SSL_CTX_load_verify_file(context, ca) == 1 &&
	    SSL_CTX_use_certificate_chain_file(context, pem) == 1 && SSL_CTX_use_PrivateKey(context, pkey) == 1) {
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
		EVP_PKEY_free(pkey);
		return context;
	}
	ERR_print_errors_fp(stderr);
	SSL_CTX_free(context);
	EVP_PKEY_free(pkey);
	return NULL;
}
