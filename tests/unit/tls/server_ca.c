/* SPDX-License-Identifier: Apache-2.0 */
/* server_ca: see server_ca.h. */
#include "tests/unit/tls/server_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

static void need(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "server_ca: %s cannot be made\n", what);
	ERR_print_errors_fp(stderr);
	abort();
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static EVP_PKEY *make_pss_key(unsigned bits)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);

	need(context && EVP_PKEY_keygen_init(context) == 1 &&
		     EVP_PKEY_CTX_set_rsa_keygen_bits(context, (int)bits) > 0 && EVP_PKEY_generate(context, &key) == 1,
	     "an RSA-PSS key");
	EVP_PKEY_CTX_free(context);
	return key;
}

static EVP_PKEY *make_key(const char *type)
{
	EVP_PKEY *key;

	if (strncmp(type, "RSA-PSS-", 8) == 0)
		key = make_pss_key((unsigned)atoi(type + 8));
	else if (strncmp(type, "RSA-", 4) == 0)
		key = EVP_RSA_gen((unsigned)atoi(type + 4));
	else if (strcmp(type, "Ed25519") == 0 || strcmp(type, "Ed448") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, type);
	else
		key = EVP_EC_gen(type);
	need(key != NULL, type);
	return key;
}

static const EVP_MD *hash_for(EVP_PKEY *key, const char *name)
{
	if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448"))
		return NULL;
	return EVP_get_digestbyname(name ? name : "SHA256");
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

static void put_der(struct ks_buffer *buffer, unsigned char *der, int size)
{
	need(size > 0, "DER");
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	need(ks_buffer_error(buffer) == 0, "a buffer");
	OPENSSL_free(der);
}

static void add_extensions(X509 *x509, X509 *issuer, const struct server_ca_plan *plan)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	for (size_t i = 0; i < SERVER_CA_EXTENSIONS_MAX && plan->extensions[i].name; i++) {
		X509_EXTENSION *extension =
			X509V3_EXT_conf(NULL, &context, plan->extensions[i].name, plan->extensions[i].value);
		need(extension && X509_add_ext(x509, extension, -1) == 1, plan->extensions[i].name);
		X509_EXTENSION_free(extension);
	}
}

void server_ca_make(struct server_ca_certificate *certificate, const struct server_ca_plan *plan,
		    const struct server_ca_certificate *issuer)
{
	static long serial = 1000;
	X509 *x509 = X509_new();
	unsigned char *der = NULL;

	*certificate = (struct server_ca_certificate){ .x509 = x509, .key = make_key(plan->key) };
	X509_NAME *name = X509_get_subject_name(x509);
	EVP_PKEY *signer = issuer ? issuer->key : certificate->key;
	need(X509_set_version(x509, X509_VERSION_3) == 1 &&
		     ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial) == 1 &&
		     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)plan->common_name, -1,
						-1, 0) == 1 &&
		     X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer->x509) : name) == 1 &&
		     ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)plan->from) &&
		     ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)plan->until) &&
		     X509_set_pubkey(x509, certificate->key) == 1,
	     plan->common_name);
	add_extensions(x509, issuer ? issuer->x509 : x509, plan);
	need(X509_sign(x509, signer, hash_for(signer, plan->hash)) > 0, plan->common_name);
	int size = i2d_X509(x509, &der);
	put_der(&certificate->der, der, size);
}

void server_ca_deinit(struct server_ca_certificate *certificate)
{
	X509_free(certificate->x509);
	EVP_PKEY_free(certificate->key);
	ks_buffer_deinit(&certificate->der);
	*certificate = (struct server_ca_certificate){ 0 };
}

void server_ca_put_pem(struct ks_buffer *buffer, const struct server_ca_certificate *certificate)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	need(bio && PEM_write_bio_X509(bio, certificate->x509) == 1, "PEM");
	long size = BIO_get_mem_data(bio, &text);
	ks_buffer_put(buffer, ks_bytes(text, (size_t)size));
	BIO_free(bio);
}

/* --- OCSP -------------------------------------------------------------------------------------------------------- */

static void put_ocsp(struct ks_buffer *buffer, OCSP_RESPONSE *response)
{
	unsigned char *der = NULL;

	need(response != NULL, "an OCSP response");
	int size = i2d_OCSP_RESPONSE(response, &der);
	put_der(buffer, der, size);
	OCSP_RESPONSE_free(response);
}

static ASN1_TIME *time_of(int64_t seconds)
{
	return seconds ? ASN1_TIME_set(NULL, (time_t)seconds) : NULL;
}

void server_ca_put_response(struct ks_buffer *buffer, const struct server_ca_response *plan)
{
	const struct server_ca_certificate *signer = plan->signer ? plan->signer : plan->issuer;
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_CERTID *id =
		OCSP_cert_to_id(plan->sha256_id ? EVP_sha256() : EVP_sha1(), plan->of->x509, plan->issuer->x509);
	ASN1_TIME *from = time_of(plan->this_update), *until = time_of(plan->next_update), *revoked = time_of(1);
	unsigned long flags = (plan->without_signer ? OCSP_NOCERTS : 0) | (plan->by_key ? OCSP_RESPID_KEY : 0);

	OCSP_SINGLERESP *entry = OCSP_basic_add1_status(
		basic, id, plan->status, plan->reason ? plan->reason : OCSP_REVOKED_STATUS_NOSTATUS,
		plan->status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, from, until);
	need(entry != NULL, "an entry");
	if (plan->with_critical_extension) {
		X509_EXTENSION *extension = X509V3_EXT_conf(NULL, NULL, "1.2.3.4", "critical,DER:0500");
		need(extension && OCSP_SINGLERESP_add_ext(entry, extension, -1) == 1, "an extension");
		X509_EXTENSION_free(extension);
	}
	need(OCSP_basic_sign(basic, signer->x509, signer->key, hash_for(signer->key, plan->hash), NULL, flags) == 1,
	     "a signature");
	put_ocsp(buffer, OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic));
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
}

void server_ca_put_error_response(struct ks_buffer *buffer, int status)
{
	put_ocsp(buffer, OCSP_response_create(status, NULL));
}

/* --- signatures -------------------------------------------------------------------------------------------------- */

void server_ca_sign(struct ks_buffer *buffer, EVP_PKEY *key, const struct server_ca_signature *how,
		    struct ks_bytes input)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters = NULL;
	unsigned char signature[1024];
	size_t size = sizeof(signature);

	need(context && EVP_DigestSignInit_ex(context, &parameters, how->hash, NULL, NULL, key, NULL) == 1,
	     "a signature");
	if (how->pss)
		need(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) > 0 &&
			     EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, how->salt) > 0 &&
			     (!how->mgf1 || EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, how->mgf1, NULL) > 0),
		     "a PSS signature");
	need(EVP_DigestSign(context, signature, &size, input.data, input.size) == 1, "a signature");
	EVP_MD_CTX_free(context);
	ks_buffer_put(buffer, ks_bytes(signature, size));
}
