/* SPDX-License-Identifier: Apache-2.0 */
/* scep_envelope: see scep_envelope.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_envelope.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>

#include "enrol/base/bundle.h"
#include "lib/base/text.h"
#include "lib/tls/crypto.h"

KS_DEFINE_CLEANUP(CMS_ContentInfo *, CMS_ContentInfo_free)
KS_DEFINE_CLEANUP(BIO *, BIO_free_all)
KS_DEFINE_CLEANUP(PKCS7 *, PKCS7_free)
KS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
KS_DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free)
KS_DEFINE_CLEANUP(OSSL_LIB_CTX *, OSSL_LIB_CTX_free)

static void unload_provider(OSSL_PROVIDER **provider)
{
	if (*provider)
		(void)OSSL_PROVIDER_unload(*provider);
}

/* The algorithm of the content. NID_undef also where it is a form that PKCS#7 1.5 does not have: CMS does not tell, and
 * who reads it as CMS will find out whether it can. */
static int content_cipher(struct ks_bytes der)
{
	const unsigned char *next = der.data;
	KS_CLEANUP(PKCS7_freep) PKCS7 *message = d2i_PKCS7(NULL, &next, (long)der.size);

	if (!message || !PKCS7_type_is_enveloped(message) || !message->d.enveloped || !message->d.enveloped->enc_data ||
	    !message->d.enveloped->enc_data->algorithm)
		return NID_undef;
	return OBJ_obj2nid(message->d.enveloped->enc_data->algorithm->algorithm);
}

static int decrypt(OSSL_LIB_CTX *library, struct ks_bytes der, EVP_PKEY *key, X509 *certificate, BIO *out)
{
	KS_CLEANUP(CMS_ContentInfo_freep) CMS_ContentInfo *message = CMS_ContentInfo_new_ex(library, NULL);
	const unsigned char *next = der.data;

	if (!message)
		return KS_ERR_NO_MEMORY;
	if (!d2i_CMS_ContentInfo(&message, &next, (long)der.size) ||
	    OBJ_obj2nid(CMS_get0_type(message)) != NID_pkcs7_enveloped)
		return KS_ERR_MALFORMED;
	if (CMS_decrypt(message, key, certificate, NULL, out, CMS_BINARY) != 1)
		return KS_ERR_DENIED;
	return 0;
}

/* A key belongs to the library context that it was made in. */
static EVP_PKEY *key_elsewhere(EVP_PKEY *key, OSSL_LIB_CTX *library)
{
	KS_CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);

	return info ? EVP_PKCS82PKEY_ex(info, library, NULL) : NULL;
}

static int decrypt_des(struct ks_bytes der, const struct ks_scep_transaction *transaction, BIO *out)
{
	KS_CLEANUP(OSSL_LIB_CTX_freep) OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
	KS_CLEANUP(unload_provider) OSSL_PROVIDER *usual = library ? OSSL_PROVIDER_load(library, "default") : NULL;
	KS_CLEANUP(unload_provider) OSSL_PROVIDER *legacy = library ? OSSL_PROVIDER_load(library, "legacy") : NULL;

	if (!usual || !legacy)
		return KS_ERR_NOT_FOUND;
	KS_CLEANUP(EVP_PKEY_freep) EVP_PKEY *key = key_elsewhere(transaction->key, library);
	return key ? decrypt(library, der, key, transaction->certificate, out) : KS_ERR_INTERNAL;
}

static int check_cipher(int nid, const struct ks_scep_context *context, struct ks_enrol_problem *problem)
{
	switch (nid) {
	case NID_undef:
	case NID_aes_128_cbc:
	case NID_aes_192_cbc:
	case NID_aes_256_cbc:
	case NID_des_ede3_cbc:
		return 0;
	case NID_des_cbc:
		if (context->legacy)
			return 0;
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s has issued a certificate and sent it encrypted with single DES, which keystay does not read: "
			"that protects nothing. The CA must be set up to encrypt its answers with AES; until it is, the "
			"profile can say: scep-legacy = yes",
			context->whose);
	default:
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s has issued a certificate and sent it encrypted with %s, which keystay does not read. The CA must "
			"be set up to encrypt its answers with AES",
			context->whose, OBJ_nid2ln(nid));
	}
}

static int set_problem(int code, const char *whose, struct ks_enrol_problem *problem)
{
	if (code == KS_ERR_NOT_FOUND)
		return ks_enrol_problem_final(
			problem, KS_ERR_UNSUPPORTED,
			"%s answers in single DES, which needs OpenSSL's legacy provider, and that is "
			"not installed here",
			whose);
	if (code == KS_ERR_DENIED)
		return ks_enrol_problem_set(
			problem, KS_ERR_DENIED,
			"the answer of %s cannot be decrypted: it is encrypted for another key than that "
			"of this request, or is broken",
			whose);
	return ks_enrol_problem_set(problem, code, "the certificates of %s cannot be read: %s", whose,
				    ks_error_text(code));
}

int ks_scep_envelope_open(struct ks_bytes der, const struct ks_scep_context *context, struct ks_buffer *out,
			  struct ks_enrol_problem *problem)
{
	const struct ks_scep_transaction *transaction = context->transaction;
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(BIO_free_allp) BIO *plain = BIO_new(BIO_s_mem());
	int nid = content_cipher(der);
	char *data, what[640];

	ERR_clear_error();
	if (!plain || !crypto)
		return set_problem(KS_ERR_NO_MEMORY, context->whose, problem);
	int r = check_cipher(nid, context, problem);
	if (r < 0)
		return r;
	if (nid == NID_des_cbc)
		r = decrypt_des(der, transaction, plain);
	else
		r = decrypt(crypto->context, der, transaction->key, transaction->certificate, plain);
	ERR_clear_error();
	if (r < 0)
		return set_problem(r, context->whose, problem);
	(void)ks_text_print(what, sizeof(what), "the answer of %s", context->whose);
	long size = BIO_get_mem_data(plain, &data);
	return ks_bundle_read(ks_bytes(data, (size_t)size), what, out, problem);
}
