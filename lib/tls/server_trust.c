/* SPDX-License-Identifier: Apache-2.0 */
/* server_trust: see server_trust.h. Runs in: keystay-prove. */
#include "lib/tls/server_trust.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/tls/certificate.h"
#include "lib/tls/crypto.h"

struct ks_server_trust {
	X509_STORE *store;
	size_t n;
};

KS_DEFINE_CLEANUP(struct ks_server_trust *, ks_server_trust_free)

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

/* Of certificate.h, which reads PEM and is strict about it. */
static int add(struct ks_certificate *certificate, void *userdata)
{
	struct ks_server_trust *trust = userdata;
	struct ks_bytes der = ks_certificate_der(certificate);
	const unsigned char *next = der.data;
	X509 *x509 = X509_new_ex(ks_crypto_get()->context, NULL);
	int r = KS_ERR_NO_MEMORY;

	if (x509)
		r = d2i_X509(&x509, &next, (long)der.size) ? 0 : KS_ERR_MALFORMED;
	if (r == 0 && X509_STORE_add_cert(trust->store, x509) != 1) /* one that is there already is good */
		r = KS_ERR_NO_MEMORY;
	if (r == 0)
		trust->n++;
	X509_free(x509);
	ks_certificate_unref(certificate);
	return r;
}

int ks_server_trust_add_pem(struct ks_server_trust *trust, struct ks_bytes pem)
{
	ERR_set_mark();
	int r = ks_certificate_read_pem(pem, add, trust);
	ERR_pop_to_mark();
	return r;
}

size_t ks_server_trust_size(const struct ks_server_trust *trust)
{
	return trust->n;
}

/* Its own signature is verified, for the algorithms that takes; whether it is one's own does not matter. */
void ks_server_trust_warm(struct ks_server_trust *trust)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(trust->store);

	ERR_set_mark();
	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509 *x509 = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
		if (!x509)
			continue;
		(void)X509_check_purpose(x509, -1, 0);
		EVP_PKEY *key = X509_get0_pubkey(x509);
		if (key)
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
