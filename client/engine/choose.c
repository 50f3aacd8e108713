/* SPDX-License-Identifier: Apache-2.0 */
/* choose: see choose.h. Runs in: any program that loads the engine. */
#include "client/engine/choose.h"

#include "client/choose.h"
#include "client/engine/key.h"
#include "client/engine/say.h"
#include "client/tls/asked.h"
#include "lib/base/reader.h"

static STACK_OF(X509) * read_chain(struct ks_bytes list)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_certificate record;

	while (chain && ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1) {
		const unsigned char *der = record.der.data;
		X509 *certificate = d2i_X509(NULL, &der, (long)record.der.size);
		if (!certificate || !sk_X509_push(chain, certificate)) {
			X509_free(certificate);
			sk_X509_pop_free(chain, X509_free);
			return NULL;
		}
	}
	return chain;
}

struct answer {
	ENGINE *engine;
	SSL *ssl;
	X509 **certificate;
	EVP_PKEY **key;
	STACK_OF(X509) * *others;
};

/* libssl asks for no other certificates (ENGINE_load_ssl_client_cert() with others NULL), so they are put where it looks
 * for them. It sets the leaf once more after us, which leaves the chain as it is. */
static void send_along(SSL *ssl, X509 *leaf, STACK_OF(X509) * others)
{
	if (ssl && SSL_use_certificate(ssl, leaf) == 1)
		(void)SSL_set1_chain(ssl, others);
}

/* A key that engines cannot hold (RSASSA-PSS) is passed over. */
static int take(struct ks_client_identity **identity, const struct ks_best *verdict, void *userdata)
{
	const struct answer *answer = userdata;
	STACK_OF(X509) *chain = read_chain((*identity)->chain);
	EVP_PKEY *key = NULL;

	(void)verdict;
	if (chain && sk_X509_num(chain) > 0)
		key = ks_engine_key_new(answer->engine, &(*identity)->identity);
	if (!key) {
		sk_X509_pop_free(chain, X509_free);
		return 0;
	}
	*answer->certificate = sk_X509_shift(chain);
	*answer->key = key;
	if (!answer->others)
		send_along(answer->ssl, *answer->certificate, chain);
	if (answer->others)
		*answer->others = chain;
	else
		sk_X509_pop_free(chain, X509_free);
	return 1;
}

int ks_engine_choose(ENGINE *engine, SSL *ssl, STACK_OF(X509_NAME) * ca_names, X509 **ret_certificate,
		     EVP_PKEY **ret_key, STACK_OF(X509) * *ret_others, UI_METHOD *ui_method, void *callback_data)
{
	struct answer answer = { engine, ssl, ret_certificate, ret_key, ret_others };
	struct ks_client_error error;
	struct ks_asked asked;

	(void)ui_method;
	(void)callback_data;
	if (ks_asked_read(ssl, ca_names, &asked) < 0)
		return 0;
	int r = ks_choose(KS_CLIENT_SIGN, &asked.best, ssl ? SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) : NULL,
			  take, &answer, &error);
	ks_asked_deinit(&asked);
	if (r == 0)
		return 1;
	/* When nothing fits the handshake goes on without a certificate, as without an engine. */
	return r == KS_ERR_UNKNOWN_KEY ? 0 : ks_say(error.code, error.text);
}
