/* SPDX-License-Identifier: Apache-2.0 */
/* choose: see choose.h. Runs in: any program that loads the engine. */
#include "client/engine/choose.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/engine/key.h"
#include "client/engine/say.h"
#include "lib/base/cleanup.h"
#include "lib/base/reader.h"

/* A person has a handful. */
#define CANDIDATES_MAX 256

struct candidate {
	char name[257];
	uint64_t not_after;
};

struct candidates {
	struct candidate *at;
	size_t n;
};

static int collect(const struct ks_msg_identity *identity, void *userdata)
{
	struct candidates *candidates = userdata;
	uint64_t now = (uint64_t)time(NULL);

	if (identity->n_certificates == 0 || identity->not_before > now || identity->not_after < now ||
	    identity->name.size > 256 || candidates->n == CANDIDATES_MAX)
		return 0;
	struct candidate *candidate = &candidates->at[candidates->n++];
	memcpy(candidate->name, identity->name.data, identity->name.size);
	candidate->name[identity->name.size] = '\0';
	candidate->not_after = identity->not_after;
	return 0;
}

static int by_end(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	return left->not_after < right->not_after ? 1 : left->not_after > right->not_after ? -1 : 0;
}

static bool is_named(X509_NAME *name, const STACK_OF(X509_NAME) * ca_names)
{
	for (int i = 0; i < sk_X509_NAME_num(ca_names); i++) {
		if (X509_NAME_cmp(name, sk_X509_NAME_value(ca_names, i)) == 0)
			return true;
	}
	return false;
}

/* RFC 8446 section 4.2.4: the names are of roots or of issuers below them. */
static bool is_accepted(const STACK_OF(X509) * chain, const STACK_OF(X509_NAME) * ca_names)
{
	if (!ca_names || sk_X509_NAME_num(ca_names) <= 0)
		return true;
	for (int i = 0; i < sk_X509_num(chain); i++) {
		if (is_named(X509_get_issuer_name(sk_X509_value(chain, i)), ca_names))
			return true;
	}
	return false;
}

static bool is_for_clients(X509 *leaf)
{
	return X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0) == 1;
}

/* Does the server know a signature of this kind of key? Without a connection to ask: yes. */
static bool is_key_wanted(SSL *ssl, const EVP_PKEY *key)
{
	int n = ssl ? SSL_get_sigalgs(ssl, -1, NULL, NULL, NULL, NULL, NULL) : 0;

	for (int i = 0; i < n; i++) {
		int nid = NID_undef;
		if (SSL_get_sigalgs(ssl, i, &nid, NULL, NULL, NULL, NULL) == 0)
			continue;
		if (EVP_PKEY_get_base_id(key) == nid ||
		    (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && nid == EVP_PKEY_RSA_PSS))
			return true;
	}
	return n <= 0;
}

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

static bool take(ENGINE *engine, SSL *ssl, STACK_OF(X509_NAME) * ca_names, const struct ks_client_identity *identity,
		 const struct answer *answer)
{
	STACK_OF(X509) *chain = read_chain(identity->chain);
	EVP_PKEY *key = NULL;

	if (!chain || sk_X509_num(chain) == 0 || !is_accepted(chain, ca_names) ||
	    !is_for_clients(sk_X509_value(chain, 0)))
		goto no;
	key = ks_engine_key_new(engine, &identity->identity);
	if (!key || !is_key_wanted(ssl, key))
		goto no;
	*answer->certificate = sk_X509_shift(chain);
	*answer->key = key;
	if (!answer->others)
		send_along(ssl, *answer->certificate, chain);
	if (answer->others)
		*answer->others = chain;
	else
		sk_X509_pop_free(chain, X509_free);
	return true;
no:
	EVP_PKEY_free(key);
	sk_X509_pop_free(chain, X509_free);
	return false;
}

int ks_engine_choose(ENGINE *engine, SSL *ssl, STACK_OF(X509_NAME) * ca_names, X509 **ret_certificate,
		     EVP_PKEY **ret_key, STACK_OF(X509) * *ret_others, UI_METHOD *ui_method, void *callback_data)
{
	KS_AUTO_FREE struct candidate *list = calloc(CANDIDATES_MAX, sizeof(*list));
	struct candidates candidates = { .at = list };
	const struct answer answer = { ret_certificate, ret_key, ret_others };
	struct ks_client_error error;

	(void)ui_method;
	(void)callback_data;
	if (!list)
		return 0;
	if (ks_client_list(collect, &candidates, &error) < 0)
		return ks_say(error.code, error.text);
	qsort(candidates.at, candidates.n, sizeof(candidates.at[0]), by_end);
	for (size_t i = 0; i < candidates.n; i++) {
		struct ks_client_identity *identity = NULL;
		if (ks_client_get(candidates.at[i].name, &identity, &error) < 0)
			continue; /* it has gone meanwhile */
		bool taken = take(engine, ssl, ca_names, identity, &answer);
		ks_client_identity_free(identity);
		if (taken)
			return 1;
	}
	return 0; /* the handshake goes on without a certificate, as without an engine */
}
