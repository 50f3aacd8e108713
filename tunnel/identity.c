/* SPDX-License-Identifier: Apache-2.0 */
/* identity: see identity.h. Runs in: keystay-tunnel. */
#include "tunnel/identity.h"

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "client/client.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"
#include "tunnel/report.h"

/* What one answer of the agent was. */
struct credentials {
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf */
	EVP_PKEY *key;
};

struct ks_tunnel_identity {
	OSSL_LIB_CTX *context; /* borrowed */
	char *name;
	pthread_mutex_t mutex;          /* of what follows */
	struct credentials credentials; /* never without a leaf */
	uint64_t asked_ms;
};

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

static void credentials_deinit(struct credentials *credentials)
{
	X509_free(credentials->leaf);
	sk_X509_pop_free(credentials->chain, X509_free);
	EVP_PKEY_free(credentials->key);
}

static int take_certificate(OSSL_LIB_CTX *context, struct ks_bytes der, struct credentials *credentials)
{
	const unsigned char *at = der.data;
	X509 *certificate = X509_new_ex(context, NULL);

	if (!certificate)
		return KS_ERR_NO_MEMORY;
	/* On failure it is freed (d2i_X509(3)). */
	if (!d2i_X509(&certificate, &at, (long)der.size))
		return KS_ERR_INVALID;
	if (!credentials->leaf) {
		credentials->leaf = certificate;
		return 0;
	}
	if (sk_X509_push(credentials->chain, certificate) > 0)
		return 0;
	X509_free(certificate);
	return KS_ERR_NO_MEMORY;
}

static int take_chain(OSSL_LIB_CTX *context, struct ks_bytes chain, struct credentials *credentials)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate certificate;
	int r = 0;

	credentials->chain = sk_X509_new_null();
	if (!credentials->chain)
		return KS_ERR_NO_MEMORY;
	while (r == 0 && ks_record_read(&reader, KS_RECORD(certificate), &certificate, sizeof(certificate)) == 1)
		r = take_certificate(context, certificate.der, credentials);
	return r == 0 && !credentials->leaf ? KS_ERR_NO_CERTIFICATE : r;
}

/* By its fingerprint: the name may be another key's by now. */
static int take_key(OSSL_LIB_CTX *context, struct ks_bytes spki_hash, struct credentials *credentials)
{
	char uri[16 + 2 * 64 + 1] = "keystay:";

	if (spki_hash.size > 64)
		return KS_ERR_INVALID;
	ks_text_hex(spki_hash, uri + 8);
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, context, NULL, NULL, NULL, NULL, NULL, NULL);
	if (!store)
		return KS_ERR_NO_MEMORY;
	if (OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);
		credentials->key = info ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;
		OSSL_STORE_INFO_free(info);
	}
	(void)OSSL_STORE_close(store);
	return credentials->key ? 0 : KS_ERR_UNSUPPORTED;
}

static int load(OSSL_LIB_CTX *context, const char *name, struct credentials *ret_credentials, char *why,
		size_t why_size)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	KS_CLEANUP(credentials_deinit) struct credentials credentials = { NULL, NULL, NULL };
	struct ks_client_error error;
	char shown[128];

	int r = ks_client_get(name, &found, &error);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "%s", error.text);
		return r;
	}
	ks_text_escape(found->identity.name, shown, sizeof(shown));
	ERR_clear_error();
	r = take_chain(context, found->chain, &credentials);
	if (r == KS_ERR_NO_CERTIFICATE) {
		(void)ks_text_print(why, why_size,
				    "key \"%s\" has no certificate yet; put it (PEM) into the folder certs/ beside "
				    "keystay.conf, then run: keystay reload",
				    shown);
		return r;
	}
	if (r == 0)
		r = take_key(context, found->identity.spki_hash, &credentials);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "key \"%s\" cannot be used: ", shown);
		ks_report_append(why, why_size);
		return r;
	}
	*ret_credentials = credentials;
	credentials = (struct credentials){ NULL, NULL, NULL };
	return 0;
}

int ks_tunnel_identity_new(OSSL_LIB_CTX *context, const char *name, struct ks_tunnel_identity **ret_identity, char *why,
			   size_t why_size)
{
	struct ks_tunnel_identity *identity = calloc(1, sizeof(*identity));

	(void)ks_text_print(why, why_size, "memory ran out");
	if (!identity)
		return KS_ERR_NO_MEMORY;
	identity->context = context;
	identity->name = ks_text_copy(ks_bytes_text(name));
	int r = identity->name ? load(context, name, &identity->credentials, why, why_size) : KS_ERR_NO_MEMORY;
	if (r < 0) {
		free(identity->name);
		free(identity);
		return r;
	}
	(void)pthread_mutex_init(&identity->mutex, NULL);
	identity->asked_ms = ks_clock_monotonic_ms();
	*ret_identity = identity;
	return 0;
}

void ks_tunnel_identity_free(struct ks_tunnel_identity *identity)
{
	if (!identity)
		return;
	credentials_deinit(&identity->credentials);
	(void)pthread_mutex_destroy(&identity->mutex);
	free(identity->name);
	free(identity);
}

/* One of those that come late asks, the others go on with what there is. */
static bool is_to_be_asked(struct ks_tunnel_identity *identity)
{
	uint64_t now_ms = ks_clock_monotonic_ms();

	(void)pthread_mutex_lock(&identity->mutex);
	bool old = now_ms - identity->asked_ms >= KS_TUNNEL_IDENTITY_MS;
	if (old)
		identity->asked_ms = now_ms;
	(void)pthread_mutex_unlock(&identity->mutex);
	return old;
}

int ks_tunnel_identity_use(struct ks_tunnel_identity *identity, SSL *ssl)
{
	struct credentials fresh;
	char why[512];

	if (is_to_be_asked(identity) && load(identity->context, identity->name, &fresh, why, sizeof(why)) == 0) {
		(void)pthread_mutex_lock(&identity->mutex);
		struct credentials old = identity->credentials;
		identity->credentials = fresh;
		(void)pthread_mutex_unlock(&identity->mutex);
		credentials_deinit(&old);
	}
	ERR_clear_error();
	(void)pthread_mutex_lock(&identity->mutex);
	const struct credentials *now = &identity->credentials;
	int done = SSL_use_cert_and_key(ssl, now->leaf, now->key, now->chain, 1);
	(void)pthread_mutex_unlock(&identity->mutex);
	return done == 1 ? 0 : KS_ERR_UNSUPPORTED;
}
