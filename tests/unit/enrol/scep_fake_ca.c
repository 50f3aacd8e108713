/* SPDX-License-Identifier: Apache-2.0 */
/* scep_fake_ca: see scep_fake_ca.h. */
#include "tests/unit/enrol/scep_fake_ca.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#define SCEP "2.16.840.1.113733.1.9."

/* A call of OpenSSL that has to work here, with NDEBUG as well. */
static void need(bool works, const char *what)
{
	if (works)
		return;
	(void)fprintf(stderr, "fake CA: %s\n", what);
	abort();
}
#define NEED(call) need((call), #call)

/* --- certificates ------------------------------------------------------------------------------------------------- */

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	NEED(extension && X509_add_ext(certificate, extension, -1) == 1);
	X509_EXTENSION_free(extension);
}

static void set_usage(X509 *certificate, enum fake_usage usage)
{
	static const char *const usages[] = {
		[FAKE_CA] = "critical,keyCertSign,cRLSign",
		[FAKE_RA_ENCRYPTS] = "critical,keyEncipherment",
		[FAKE_RA_SIGNS] = "critical,digitalSignature",
		[FAKE_CLIENT] = "critical,digitalSignature",
	};

	add_extension(certificate, NID_basic_constraints, usage == FAKE_CA ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(certificate, NID_key_usage, usages[usage]);
}

static void sign_certificate(const struct fake_certificate *wanted, X509 *certificate, EVP_PKEY *own_key)
{
	const struct fake_party *issuer = wanted->issuer;
	X509_NAME *name = X509_get_subject_name(certificate);

	NEED(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)wanted->name, -1, -1, 0));
	NEED(X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer->certificate) : name));
	set_usage(certificate, wanted->usage);
	NEED(X509_sign(certificate, issuer ? issuer->key : own_key, EVP_sha256()) > 0);
}

X509 *fake_certificate_make(const struct fake_certificate *wanted, EVP_PKEY *key)
{
	static long serial = 1;
	X509 *certificate = X509_new();

	NEED(certificate && X509_set_version(certificate, X509_VERSION_3));
	NEED(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++));
	NEED(X509_time_adj_ex(X509_getm_notBefore(certificate), -30, 0, NULL) != NULL);
	NEED(X509_time_adj_ex(X509_getm_notAfter(certificate), wanted->days, 0, NULL) != NULL);
	NEED(X509_set_pubkey(certificate, key));
	sign_certificate(wanted, certificate, key);
	return certificate;
}

void fake_party_make(const struct fake_certificate *wanted, struct fake_party *ret_party)
{
	ret_party->key = strcmp(wanted->type, "EC") == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen((unsigned)wanted->bits);
	NEED(ret_party->key);
	ret_party->certificate = fake_certificate_make(wanted, ret_party->key);
}

void fake_party_deinit(struct fake_party *party)
{
	EVP_PKEY_free(party->key);
	X509_free(party->certificate);
}

static void put_bio(BIO *bio, struct ks_buffer *out)
{
	char *data;
	long size = BIO_get_mem_data(bio, &data);

	ks_buffer_put(out, ks_bytes(data, (size_t)size));
	BIO_free_all(bio);
}

static void put_bundle(X509 *const *certificates, size_t n, struct ks_buffer *out)
{
	PKCS7 *bundle = PKCS7_new();
	BIO *bio = BIO_new(BIO_s_mem());

	NEED(bundle && bio && PKCS7_set_type(bundle, NID_pkcs7_signed) && PKCS7_content_new(bundle, NID_pkcs7_data));
	NEED(PKCS7_set_detached(bundle, 1) >= 0);
	for (size_t i = 0; i < n; i++)
		NEED(PKCS7_add_certificate(bundle, certificates[i]));
	NEED(i2d_PKCS7_bio(bio, bundle));
	PKCS7_free(bundle);
	put_bio(bio, out);
}

void fake_put_certificates(X509 *const *certificates, size_t n, struct ks_buffer *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (n != 1) {
		BIO_free_all(bio);
		put_bundle(certificates, n, out);
		return;
	}
	NEED(bio && i2d_X509_bio(bio, certificates[0]));
	put_bio(bio, out);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static ASN1_STRING *find(CMS_SignerInfo *signer, const char *number, int type)
{
	char oid[64];

	(void)snprintf(oid, sizeof(oid), SCEP "%s", number);
	ASN1_OBJECT *name = OBJ_txt2obj(oid, 1);
	ASN1_STRING *value = CMS_signed_get0_data_by_OBJ(signer, name, -3, type);
	ASN1_OBJECT_free(name);
	return value;
}

static bool read_attributes(CMS_SignerInfo *signer, struct fake_request *request)
{
	ASN1_STRING *type = find(signer, "2", V_ASN1_PRINTABLESTRING), *id = find(signer, "7", V_ASN1_PRINTABLESTRING);
	ASN1_STRING *nonce = find(signer, "5", V_ASN1_OCTET_STRING);
	X509_ALGOR *digest;

	if (!type || !id || !nonce || ASN1_STRING_length(nonce) > 16)
		return false;
	request->type = atoi((const char *)ASN1_STRING_get0_data(type));
	request->is_poll = request->type == 20;
	(void)snprintf(request->id, sizeof(request->id), "%s", (const char *)ASN1_STRING_get0_data(id));
	request->nonce_size = (size_t)ASN1_STRING_length(nonce);
	memcpy(request->nonce, ASN1_STRING_get0_data(nonce), request->nonce_size);
	CMS_SignerInfo_get0_algs(signer, NULL, &request->signer, &digest, NULL);
	request->digest = OBJ_obj2nid(digest->algorithm);
	return request->signer && X509_up_ref(request->signer);
}

static bool decrypt(struct ks_bytes der, const struct fake_party *recipient, struct fake_request *request)
{
	const unsigned char *next = der.data;
	PKCS7 *look = d2i_PKCS7(NULL, &next, (long)der.size);
	BIO *in = BIO_new_mem_buf(der.data, (int)der.size), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *envelope = d2i_CMS_bio(in, NULL);
	bool works = look && envelope &&
		     CMS_decrypt(envelope, recipient->key, recipient->certificate, NULL, out, CMS_BINARY) == 1;

	if (works)
		request->cipher = OBJ_obj2nid(look->d.enveloped->enc_data->algorithm->algorithm);
	put_bio(out, &request->content);
	PKCS7_free(look);
	CMS_ContentInfo_free(envelope);
	BIO_free(in);
	return works;
}

bool fake_request_read(struct ks_bytes der, const struct fake_party *recipient, struct fake_request *ret_request)
{
	BIO *in = BIO_new_mem_buf(der.data, (int)der.size), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *message = d2i_CMS_bio(in, NULL);
	struct ks_buffer enveloped = { 0 };

	*ret_request = (struct fake_request){ 0 };
	/* The signer's own certificate: a client's is self-signed. */
	bool works = message && CMS_verify(message, NULL, NULL, NULL, out, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) == 1;
	if (works)
		works = read_attributes(sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(message), 0), ret_request);
	put_bio(out, &enveloped);
	if (works)
		works = decrypt(ks_buffer_bytes(&enveloped), recipient, ret_request);
	ks_buffer_deinit(&enveloped);
	CMS_ContentInfo_free(message);
	BIO_free(in);
	return works;
}

void fake_request_deinit(struct fake_request *request)
{
	X509_free(request->signer);
	ks_buffer_deinit(&request->content);
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static void put(CMS_SignerInfo *signer, const char *oid, int type, const void *data, size_t size)
{
	NEED(CMS_signed_add1_attr_by_txt(signer, oid, type, data, (int)size));
}

static void put_text(CMS_SignerInfo *signer, const char *oid, int type, const char *text)
{
	if (text)
		put(signer, oid, type, text, strlen(text));
}

static void put_attributes(const struct fake_answer *answer, const struct fake_request *request, CMS_SignerInfo *signer)
{
	unsigned char nonce[16];

	memcpy(nonce, request->nonce, sizeof(nonce));
	nonce[15] ^= answer->wrong_nonce ? 1 : 0;
	put_text(signer, SCEP "2", V_ASN1_PRINTABLESTRING, answer->message_type ? answer->message_type : "3");
	put_text(signer, SCEP "3", V_ASN1_PRINTABLESTRING, answer->status);
	put_text(signer, SCEP "4", V_ASN1_PRINTABLESTRING, answer->fail_info);
	put_text(signer, "1.3.6.1.5.5.7.24.1", V_ASN1_UTF8STRING, answer->fail_text);
	put_text(signer, SCEP "7", V_ASN1_PRINTABLESTRING, answer->other_id ? answer->other_id : request->id);
	put(signer, SCEP "5", V_ASN1_OCTET_STRING, "0123456789abcdef", 16);
	if (!answer->no_nonce)
		put(signer, SCEP "6", V_ASN1_OCTET_STRING, nonce, answer->short_nonce ? 15 : 16);
}

static BIO *envelop(const struct fake_answer *answer, const struct fake_request *request)
{
	struct ks_buffer bundle = { 0 };
	STACK_OF(X509) *recipients = sk_X509_new_null();
	BIO *out = BIO_new(BIO_s_mem());

	put_bundle(answer->certificates, answer->n_certificates, &bundle);
	if (answer->garbage_content)
		ks_buffer_reset(&bundle), ks_buffer_put(&bundle, ks_bytes_text("nothing that could be read"));
	BIO *in = BIO_new_mem_buf(bundle.data, (int)bundle.size);
	NEED(sk_X509_push(recipients, answer->other_recipient ? answer->other_recipient : request->signer));
	CMS_ContentInfo *envelope =
		CMS_encrypt(recipients, in, answer->cipher ? answer->cipher : EVP_aes_128_cbc(), CMS_BINARY);
	NEED(envelope && i2d_CMS_bio(out, envelope));
	CMS_ContentInfo_free(envelope);
	sk_X509_free(recipients);
	BIO_free(in);
	ks_buffer_deinit(&bundle);
	return out;
}

void fake_answer_put(const struct fake_answer *answer, const struct fake_request *request, struct ks_buffer *out)
{
	const struct fake_party *by = answer->signer;
	bool has_content = answer->status && strcmp(answer->status, "0") == 0 && !answer->empty_content;
	BIO *content = has_content ? envelop(answer, request) : BIO_new(BIO_s_mem()), *whole = BIO_new(BIO_s_mem());
	unsigned flags = CMS_BINARY | CMS_PARTIAL | (answer->bare ? CMS_DETACHED : 0);
	CMS_ContentInfo *message = CMS_sign(NULL, NULL, NULL, NULL, flags);
	const EVP_MD *digest = answer->digest ? answer->digest : EVP_sha256();

	NEED(content && whole && message);
	for (int i = 0; i < (answer->two_signers ? 2 : 1); i++) {
		CMS_SignerInfo *signer = CMS_add1_signer(message, by->certificate, by->key, digest,
							 CMS_BINARY | (answer->signer_inside ? 0 : CMS_NOCERTS));
		NEED(signer);
		put_attributes(answer, request, signer);
	}
	NEED(CMS_final(message, content, NULL, flags & ~(unsigned)CMS_PARTIAL));
	NEED(i2d_CMS_bio(whole, message));
	CMS_ContentInfo_free(message);
	BIO_free_all(content);
	put_bio(whole, out);
}
