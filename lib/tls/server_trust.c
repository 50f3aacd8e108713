/* SPDX-License-Identifier: Apache-2.0 */
/* server_trust: see server_trust.h. Runs in: keystay-prove. */
#include "lib/tls/server_trust.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/tls/crypto.h"
#include "lib/tls/server_chain.h"

struct ks_server_trust {
	X509_STORE *store;
	size_t n;
};

KS_DEFINE_CLEANUP(struct ks_server_trust *, ks_server_trust_free)
KS_DEFINE_CLEANUP(X509 *, X509_free)
KS_DEFINE_CLEANUP(BIO *, BIO_free_all)

#define KINDS_MAX 16 /* of signatures; a system has some five */

int ks_server_trust_new(struct ks_server_trust **ret_trust)
{
	KS_CLEANUP(ks_server_trust_freep) struct ks_server_trust *trust = calloc(1, sizeof(*trust));

	if (!ks_crypto_get())
		return KS_ERR_INTERNAL;
	if (!trust)
		return KS_ERR_NO_MEMORY;
	trust->store = X509_STORE_new();
	if (!trust->store)
		return KS_ERR_NO_MEMORY;
	*ret_trust = KS_STEAL(trust);
	return 0;
}

void ks_server_trust_free(struct ks_server_trust *trust)
{
	if (trust)
		X509_STORE_free(trust->store);
	free(trust);
}

static bool is_certificate_label(const char *label)
{
	return strcmp(label, PEM_STRING_X509) == 0 || strcmp(label, PEM_STRING_X509_OLD) == 0;
}

int ks_server_trust_add_der(struct ks_server_trust *trust, struct ks_bytes der)
{
	KS_CLEANUP(X509_freep) X509 *certificate = ks_server_chain_read(der);

	if (!certificate)
		return KS_ERR_MALFORMED;
	if (X509_STORE_add_cert(trust->store, certificate) != 1) /* one that is there already is good */
		return KS_ERR_NO_MEMORY;
	trust->n++;
	return 0;
}

/* 1: one was added; 0: another kind of block, or the end of the text (*ret_end). Not by certificate.h's reader of PEM,
 * which has each certificate verified and its words read: for the 150 of a system that takes five times as long. */
static int add_block(struct ks_server_trust *trust, BIO *bio, bool *ret_end)
{
	char *label = NULL, *header = NULL;
	unsigned char *data = NULL;
	long size = 0;

	/* Other blocks may be private keys that somebody keeps in the same file: wiped, and never looked at. */
	if (PEM_read_bio_ex(bio, &label, &header, &data, &size, PEM_FLAG_SECURE) != 1) {
		unsigned long reason = ERR_peek_last_error();
		*ret_end = ERR_GET_LIB(reason) == ERR_LIB_PEM && ERR_GET_REASON(reason) == PEM_R_NO_START_LINE;
		return *ret_end ? 0 : KS_ERR_MALFORMED;
	}
	int r = 0;
	if (is_certificate_label(label)) {
		r = ks_server_trust_add_der(trust, ks_bytes(data, (size_t)size));
		r = r < 0 ? r : 1;
	}
	OPENSSL_secure_free(label);
	OPENSSL_secure_free(header);
	OPENSSL_secure_clear_free(data, (size_t)size);
	return r;
}

int ks_server_trust_add_pem(struct ks_server_trust *trust, struct ks_bytes pem)
{
	bool end = pem.size == 0;
	int n = 0, r = 0;

	if (pem.size > INT32_MAX)
		return KS_ERR_TOO_LARGE;
	KS_CLEANUP(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem.size ? (const void *)pem.data : "", (int)pem.size);
	if (!bio)
		return KS_ERR_NO_MEMORY;
	ERR_set_mark();
	while (!end && r >= 0) {
		r = add_block(trust, bio, &end);
		n += r > 0;
	}
	ERR_pop_to_mark();
	return r < 0 ? r : n;
}

size_t ks_server_trust_size(const struct ks_server_trust *trust)
{
	return trust->n;
}

/* The algorithms of one such certificate are those of all. */
static bool is_new(int kind, int seen[static KINDS_MAX], size_t *n_seen)
{
	for (size_t i = 0; i < *n_seen; i++) {
		if (seen[i] == kind)
			return false;
	}
	if (*n_seen == KINDS_MAX)
		return false;
	seen[(*n_seen)++] = kind;
	return true;
}

/* Its own signature is verified, for the algorithms that takes; whether it is its own does not matter. */
void ks_server_trust_warm(struct ks_server_trust *trust)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trust->store);
	int seen[KINDS_MAX];
	size_t n_seen = 0;

	ERR_set_mark();
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *x509 = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		EVP_PKEY *key = x509 ? X509_get0_pubkey(x509) : NULL;
		if (!key || !is_new(X509_get_signature_nid(x509), seen, &n_seen))
			continue;
		(void)X509_check_purpose(x509, -1, 0);
		(void)X509_verify(x509, key);
	}
	ERR_pop_to_mark();
}

static const char *variable_or(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && value[0] ? value : otherwise;
}

const char *ks_server_trust_system_file(void)
{
	return variable_or(X509_get_default_cert_file_env(), X509_get_default_cert_file());
}

const char *ks_server_trust_system_folder(void)
{
	return variable_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
}

X509_STORE *ks_server_trust_store(const struct ks_server_trust *trust)
{
	return trust->store;
}
