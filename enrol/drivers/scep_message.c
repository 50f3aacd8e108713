/* SPDX-License-Identifier: Apache-2.0 */
/* scep_message: see scep_message.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_message.h"

#include <stdio.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "lib/tls/crypto.h"

KS_DEFINE_CLEANUP(CMS_ContentInfo *, CMS_ContentInfo_free)
KS_DEFINE_CLEANUP(BIO *, BIO_free_all)

/* A stack of one, which owns nothing. */
static void free_stack(STACK_OF(X509) * *stack)
{
	sk_X509_free(*stack);
}

static CMS_ContentInfo *envelop(const struct ks_crypto *crypto, const struct ks_scep_message *message, X509 *recipient)
{
	KS_CLEANUP(free_stack) STACK_OF(X509) *recipients = sk_X509_new_null();
	KS_CLEANUP(BIO_free_allp)
	BIO *content = BIO_new_mem_buf(message->content.data, (int)message->content.size);

	if (!recipients || !content || sk_X509_push(recipients, recipient) <= 0)
		return NULL;
	return CMS_encrypt_ex(recipients, content, message->des3 ? EVP_des_ede3_cbc() : EVP_aes_128_cbc(), CMS_BINARY,
			      crypto->context, NULL);
}

static bool put_attribute(CMS_SignerInfo *signer, const char *oid, int type, struct ks_bytes value)
{
	return CMS_signed_add1_attr_by_txt(signer, oid, type, value.data, (int)value.size) == 1;
}

static bool put_attributes(CMS_SignerInfo *signer, enum ks_scep_message_type type,
			   struct ks_scep_transaction *transaction)
{
	struct ks_bytes id = ks_bytes_text(transaction->id), nonce = ks_bytes(transaction->nonce, KS_SCEP_NONCE_SIZE);
	char number[8];

	(void)snprintf(number, sizeof(number), "%d", (int)type);
	return RAND_bytes(transaction->nonce, KS_SCEP_NONCE_SIZE) == 1 &&
	       put_attribute(signer, KS_SCEP_OID_MESSAGE_TYPE, V_ASN1_PRINTABLESTRING, ks_bytes_text(number)) &&
	       put_attribute(signer, KS_SCEP_OID_TRANSACTION_ID, V_ASN1_PRINTABLESTRING, id) &&
	       put_attribute(signer, KS_SCEP_OID_SENDER_NONCE, V_ASN1_OCTET_STRING, nonce);
}

static CMS_ContentInfo *sign(const struct ks_crypto *crypto, enum ks_scep_message_type type,
			     struct ks_scep_transaction *transaction, CMS_ContentInfo *envelope)
{
	KS_CLEANUP(BIO_free_allp) BIO *content = BIO_new(BIO_s_mem());
	KS_CLEANUP(CMS_ContentInfo_freep)
	CMS_ContentInfo *message = CMS_sign_ex(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY, crypto->context, NULL);

	if (!content || !message || i2d_CMS_bio(content, envelope) != 1)
		return NULL;
	CMS_SignerInfo *signer = CMS_add1_signer(message, transaction->certificate, transaction->key,
						 crypto->hashes[KS_HASH_SHA256], CMS_BINARY | CMS_NOSMIMECAP);
	if (!signer || !put_attributes(signer, type, transaction) || CMS_final(message, content, NULL, CMS_BINARY) != 1)
		return NULL;
	return KS_STEAL(message);
}

int ks_scep_message_put(const struct ks_scep_message *message, const struct ks_scep_ca *ca,
			struct ks_scep_transaction *transaction, struct ks_buffer *out)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(CMS_ContentInfo_freep)
	CMS_ContentInfo *envelope = crypto ? envelop(crypto, message, ca->recipient) : NULL;
	KS_CLEANUP(CMS_ContentInfo_freep)
	CMS_ContentInfo *whole = envelope ? sign(crypto, message->type, transaction, envelope) : NULL;
	unsigned char *der = NULL;
	int size = whole ? i2d_CMS_ContentInfo(whole, &der) : -1;

	ERR_clear_error();
	if (size <= 0)
		return KS_ERR_INTERNAL;
	ks_buffer_put(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return ks_buffer_error(out);
}
