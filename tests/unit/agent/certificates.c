/* SPDX-License-Identifier: Apache-2.0 */
/* certificates: see certificates.h. */
#include "tests/unit/agent/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/spki.h"

#define DAY (24 * 60 * 60)

static void check(bool good, const char *what)
{
	if (good)
		return;
	(void)fprintf(stderr, "libcrypto could not make a test certificate: %s\n", what);
	abort();
}

EVP_PKEY *test_key(const char *type)
{
	EVP_PKEY *key = NULL;

	if (strncmp(type, "P-", 2) == 0)
		key = EVP_EC_gen(type);
	else if (strcmp(type, "RSA") == 0)
		key = EVP_RSA_gen(2048);
	else if (strcmp(type, "ED25519") == 0)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	else {
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
		check(context && EVP_PKEY_keygen_init(context) == 1, type);
		check(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1, type);
		check(EVP_PKEY_generate(context, &key) == 1, type);
		EVP_PKEY_CTX_free(context);
	}
	check(key, type);
	return key;
}

void test_spki(EVP_PKEY *key, struct ks_buffer *out)
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);

	check(size > 0, "SubjectPublicKeyInfo");
	ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
}

void test_token_spki(EVP_PKEY *key, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_spki spki;

	test_spki(key, &der);
	check(ks_spki_read(ks_buffer_bytes(&der), &spki) == 0, "SubjectPublicKeyInfo");
	if (spki.algorithm == KS_KEY_RSA_PSS)
		check(ks_spki_put_rsa(out, spki.modulus, spki.exponent) == 0, "rsaEncryption");
	else
		ks_buffer_put(out, ks_buffer_bytes(&der));
}

static void add_extension(X509 *x509, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	check(extension && X509_add_ext(x509, extension, -1) == 1, value);
	X509_EXTENSION_free(extension);
}

static void add_names(X509 *x509, const struct test_certificate *spec)
{
	char value[512] = "";

	if (spec->email)
		(void)snprintf(value, sizeof(value), "email:%s", spec->email);
	if (spec->upn)
		(void)snprintf(value + strlen(value), sizeof(value) - strlen(value), "%sotherName:msUPN;UTF8:%s",
			       value[0] ? "," : "", spec->upn);
	if (value[0])
		add_extension(x509, NID_subject_alt_name, value);
}

/* 1.3.6.1.4.1.311.20.2, a BMPString. */
static void add_template(X509 *x509, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer value = { 0 };
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.4.1.311.20.2", 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();

	ks_buffer_put_u8(&value, V_ASN1_BMPSTRING);
	ks_buffer_put_u8(&value, (uint8_t)(2 * strlen(name)));
	for (const char *at = name; *at; at++)
		ks_buffer_put_u16(&value, (uint8_t)*at);
	check(oid && octets && ASN1_OCTET_STRING_set(octets, value.data, (int)value.size) == 1, "template");
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets);
	check(extension && X509_add_ext(x509, extension, -1) == 1, "template");
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(oid);
}

static void add_padding(X509 *x509, size_t size)
{
	KS_AUTO_FREE char *text = malloc(size + 1);
	check(text, "memory");
	memset(text, 'x', size);
	text[size] = '\0';
	add_extension(x509, NID_netscape_comment, text);
}

static void set_name(X509_NAME *name, const char *common_name, const char *organization)
{
	if (organization)
		check(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)organization, -1, -1,
						 0) == 1,
		      organization);
	if (common_name)
		check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
						 0) == 1,
		      common_name);
}

static void sign(X509 *x509, EVP_PKEY *key)
{
	bool own_digest = EVP_PKEY_is_a(key, "ED25519");
	check(X509_sign(x509, key, own_digest ? NULL : EVP_sha256()) > 0, "signature");
}

void test_certificate_der(const struct test_certificate *spec, struct ks_buffer *out)
{
	static long serial;
	X509 *x509 = X509_new();
	int64_t until = spec->until_days ? spec->until_days : spec->from_days + 365;

	check(x509 && X509_set_version(x509, X509_VERSION_3) == 1, "version");
	check(ASN1_INTEGER_set(X509_get_serialNumber(x509), ++serial) == 1, "serial");
	check(X509_gmtime_adj(X509_getm_notBefore(x509), (long)(spec->from_days * DAY - 60)) != NULL, "notBefore");
	check(X509_gmtime_adj(X509_getm_notAfter(x509), (long)(until * DAY + 60)) != NULL, "notAfter");
	set_name(X509_get_subject_name(x509), spec->common_name, spec->organization);
	if (spec->issuer)
		set_name(X509_get_issuer_name(x509), spec->issuer, NULL);
	else
		set_name(X509_get_issuer_name(x509), spec->common_name, spec->organization);
	check(X509_set_pubkey(x509, spec->key) == 1, "public key");
	add_extension(x509, NID_basic_constraints, spec->ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (spec->ca)
		add_extension(x509, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (spec->eku)
		add_extension(x509, NID_ext_key_usage, spec->eku);
	add_names(x509, spec);
	if (spec->template)
		add_template(x509, spec->template);
	if (spec->padding)
		add_padding(x509, spec->padding);
	sign(x509, spec->issuer_key ? spec->issuer_key : spec->key);

	unsigned char *der = NULL;
	int size = i2d_X509(x509, &der);
	check(size > 0, "DER");
	ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	X509_free(x509);
}

struct ks_certificate *test_certificate_new(const struct test_certificate *spec)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_certificate *certificate = NULL;

	test_certificate_der(spec, &der);
	check(ks_certificate_new(ks_buffer_bytes(&der), &certificate) == 0, "reading it");
	return certificate;
}

void test_pem(const char *label, struct ks_bytes der, struct ks_buffer *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;

	check(bio && PEM_write_bio(bio, label, "", der.data, (long)der.size) > 0, "PEM");
	long size = BIO_get_mem_data(bio, &text);
	ks_buffer_put(out, ks_bytes(text, (size_t)size));
	BIO_free(bio);
}
