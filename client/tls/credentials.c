/* SPDX-License-Identifier: Apache-2.0 */
/* credentials: see credentials.h. Runs in: keystay-tunnel, keystay-explain, keystay-enroll. */
#include "client/tls/credentials.h"

#include <openssl/err.h>
#include <openssl/store.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "client/tls/report.h"

void ks_credentials_deinit(struct ks_credentials *credentials)
{
	X509_free(credentials->leaf);
	sk_X509_pop_free(credentials->chain, X509_free);
	EVP_PKEY_free(credentials->key);
}

static int take_certificate(OSSL_LIB_CTX *context, struct ks_bytes der, struct ks_credentials *credentials)
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

static int take_chain(OSSL_LIB_CTX *context, struct ks_bytes chain, struct ks_credentials *credentials)
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
static int take_key(OSSL_LIB_CTX *context, struct ks_bytes spki_hash, struct ks_credentials *credentials)
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

int ks_credentials_make(OSSL_LIB_CTX *context, const struct ks_client_identity *identity,
			struct ks_credentials *ret_credentials, char *why, size_t why_size)
{
	KS_CLEANUP(ks_credentials_deinit) struct ks_credentials credentials = { NULL, NULL, NULL };
	char shown[128];

	ks_text_escape(identity->identity.name, shown, sizeof(shown));
	ERR_clear_error();
	int r = take_chain(context, identity->chain, &credentials);
	if (r == KS_ERR_NO_CERTIFICATE) {
		(void)ks_text_print(why, why_size,
				    "key \"%s\" has no certificate yet; put it (PEM) into the folder certs/ beside "
				    "keystay.conf, then run: keystay reload",
				    shown);
		return r;
	}
	if (r == 0)
		r = take_key(context, identity->identity.spki_hash, &credentials);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "key \"%s\" cannot be used: ", shown);
		ks_report_append(why, why_size);
		return r;
	}
	*ret_credentials = credentials;
	credentials = (struct ks_credentials){ NULL, NULL, NULL };
	return 0;
}

int ks_credentials_use(const struct ks_credentials *credentials, SSL *ssl)
{
	ERR_clear_error();
	return SSL_use_cert_and_key(ssl, credentials->leaf, credentials->key, credentials->chain, 1) == 1 ?
		       0 :
		       KS_ERR_UNSUPPORTED;
}

int ks_credentials_use_always(const struct ks_credentials *credentials, SSL_CTX *ssl)
{
	ERR_clear_error();
	return SSL_CTX_use_cert_and_key(ssl, credentials->leaf, credentials->key, credentials->chain, 1) == 1 ?
		       0 :
		       KS_ERR_UNSUPPORTED;
}
