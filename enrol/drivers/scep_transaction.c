/* SPDX-License-Identifier: Apache-2.0 */
/* scep_transaction: see scep_transaction.h. Runs in: keystay-enroll. */
#include "enrol/drivers/scep_transaction.h"

#include <time.h>

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/base/reader.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/crypto.h"

/* Of what the state folder has; another version is another form. */
#define STATE_VERSION "keystay-scep-1"

/* What each SCEP server takes; the key lives for one transaction. */
#define TRANSIENT_RSA_BITS 2048

/* The server's clock may be behind ours; and a CA whose people decide may take months. */
#define VALID_BEFORE_S (24L * 3600)
#define VALID_DAYS 365

#define SERIAL_SIZE 16

KS_DEFINE_CLEANUP(X509 *, X509_free)
KS_DEFINE_CLEANUP(X509_NAME *, X509_NAME_free)
KS_DEFINE_CLEANUP(ASN1_BIT_STRING *, ASN1_BIT_STRING_free)
KS_DEFINE_CLEANUP(PKCS8_PRIV_KEY_INFO *, PKCS8_PRIV_KEY_INFO_free)
KS_DEFINE_CLEANUP(BIGNUM *, BN_free)

void ks_scep_transaction_deinit(struct ks_scep_transaction *transaction)
{
	EVP_PKEY_free(transaction->key);
	X509_free(transaction->certificate);
	transaction->key = NULL;
	transaction->certificate = NULL;
}

static X509_NAME *read_name(struct ks_bytes der)
{
	const unsigned char *next = der.data;

	KS_CLEANUP(X509_NAME_freep) X509_NAME *name = der.size ? d2i_X509_NAME(NULL, &next, (long)der.size) : NULL;
	if (!name || next != der.data + der.size)
		return NULL;
	return KS_STEAL(name);
}

static bool set_names(X509 *certificate, struct ks_bytes subject, const char *id)
{
	KS_CLEANUP(X509_NAME_freep) X509_NAME *name = read_name(subject);

	if (subject.size && !name)
		return false;
	/* Without an issuer's name there is no issuerAndSerialNumber that an answer could be encrypted for. */
	if (!name || X509_NAME_entry_count(name) == 0) {
		X509_NAME_free(KS_STEAL(name));
		name = X509_NAME_new();
		if (!name || X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)id,
							-1, -1, 0) != 1)
			return false;
	}
	return X509_set_subject_name(certificate, name) == 1 && X509_set_issuer_name(certificate, name) == 1;
}

static bool set_serial(X509 *certificate)
{
	unsigned char random[SERIAL_SIZE];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return false;
	/* Positive, and as long as it looks. */
	random[0] = (unsigned char)((random[0] & 0x3f) | 0x40);
	KS_CLEANUP(BN_freep) BIGNUM *number = BN_bin2bn(random, sizeof(random), NULL);
	return number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
}

/* digitalSignature and keyEncipherment (RFC 8894 section 2.3). */
static bool set_usage(X509 *certificate)
{
	KS_CLEANUP(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *usage = ASN1_BIT_STRING_new();

	return usage && ASN1_BIT_STRING_set_bit(usage, 0, 1) == 1 && ASN1_BIT_STRING_set_bit(usage, 2, 1) == 1 &&
	       X509_add1_ext_i2d(certificate, NID_key_usage, usage, 1, X509V3_ADD_DEFAULT) == 1;
}

static X509 *make_certificate(const struct ks_crypto *crypto, struct ks_bytes subject, const char *id, EVP_PKEY *key)
{
	KS_CLEANUP(X509_freep) X509 *certificate = X509_new_ex(crypto->context, NULL);
	time_t now = time(NULL);

	if (!certificate || X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
	    !set_names(certificate, subject, id) ||
	    !X509_time_adj_ex(X509_getm_notBefore(certificate), 0, -VALID_BEFORE_S, &now) ||
	    !X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, &now) ||
	    X509_set_pubkey(certificate, key) != 1 || !set_usage(certificate) ||
	    X509_sign(certificate, key, crypto->hashes[KS_HASH_SHA256]) <= 0)
		return NULL;
	return KS_STEAL(certificate);
}

int ks_scep_transaction_begin(struct ks_bytes subject, struct ks_scep_transaction *ret_transaction)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(ks_scep_transaction_deinit) struct ks_scep_transaction transaction = { 0 };
	unsigned char random[(KS_SCEP_ID_SIZE - 1) / 2];

	if (!crypto || RAND_bytes(random, sizeof(random)) != 1)
		return KS_ERR_INTERNAL;
	/* Random, and no hash of the key: the same key is renewed again and again, and each time is a transaction. */
	ks_text_hex(ks_bytes(random, sizeof(random)), transaction.id);
	transaction.key = EVP_PKEY_Q_keygen(crypto->context, NULL, "RSA", (size_t)TRANSIENT_RSA_BITS);
	if (!transaction.key)
		return KS_ERR_INTERNAL;
	transaction.certificate = make_certificate(crypto, subject, transaction.id, transaction.key);
	if (!transaction.certificate)
		return KS_ERR_INTERNAL;
	*ret_transaction = transaction;
	transaction = (struct ks_scep_transaction){ 0 };
	return 0;
}

/* --- kept over a restart ----------------------------------------------------------------------------------------- */

static int put_key(EVP_PKEY *key, struct ks_buffer *out)
{
	KS_CLEANUP(PKCS8_PRIV_KEY_INFO_freep) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
	unsigned char *der = NULL;
	int size = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;

	if (size <= 0)
		return KS_ERR_INTERNAL;
	ks_buffer_put_string(out, ks_bytes(der, (size_t)size));
	OPENSSL_clear_free(der, (size_t)size);
	return ks_buffer_error(out);
}

int ks_scep_transaction_put(const struct ks_scep_transaction *transaction, const struct ks_scep_pending *pending,
			    struct ks_buffer *out)
{
	unsigned char *der = NULL;
	int size = i2d_X509(transaction->certificate, &der);

	if (size <= 0)
		return KS_ERR_INTERNAL;
	ks_buffer_put_string(out, ks_bytes_text(STATE_VERSION));
	ks_buffer_put_string(out, ks_bytes_text(transaction->id));
	ks_buffer_put_string(out, pending->url);
	ks_buffer_put_string(out, pending->issuer);
	ks_buffer_put_string(out, pending->subject);
	ks_buffer_put_string(out, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return put_key(transaction->key, out);
}

static EVP_PKEY *read_key(const struct ks_crypto *crypto, struct ks_bytes der)
{
	const unsigned char *next = der.data;

	KS_CLEANUP(PKCS8_PRIV_KEY_INFO_freep)
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &next, (long)der.size);
	return info ? EVP_PKCS82PKEY_ex(info, crypto->context, NULL) : NULL;
}

static X509 *read_certificate(const struct ks_crypto *crypto, struct ks_bytes der)
{
	KS_CLEANUP(X509_freep) X509 *certificate = X509_new_ex(crypto->context, NULL);
	const unsigned char *next = der.data;

	return certificate && d2i_X509(&certificate, &next, (long)der.size) ? KS_STEAL(certificate) : NULL;
}

static bool is_id(struct ks_bytes id)
{
	uint8_t bytes[(KS_SCEP_ID_SIZE - 1) / 2];
	char text[KS_SCEP_ID_SIZE];
	size_t size;

	if (id.size != KS_SCEP_ID_SIZE - 1)
		return false;
	memcpy(text, id.data, id.size);
	text[id.size] = '\0';
	return ks_text_unhex(text, bytes, sizeof(bytes), &size) == 0;
}

int ks_scep_transaction_read(struct ks_bytes state, struct ks_scep_transaction *ret_transaction,
			     struct ks_scep_pending *ret_pending)
{
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(ks_scep_transaction_deinit) struct ks_scep_transaction transaction = { 0 };
	struct ks_reader reader = ks_reader(state);
	struct ks_bytes version = ks_reader_vector32(&reader), id = ks_reader_vector32(&reader);
	struct ks_scep_pending pending = { .url = ks_reader_vector32(&reader) };

	pending.issuer = ks_reader_vector32(&reader);
	pending.subject = ks_reader_vector32(&reader);
	struct ks_bytes certificate = ks_reader_vector32(&reader), key = ks_reader_vector32(&reader);
	if (!ks_reader_done(&reader) || !ks_bytes_equal(version, ks_bytes_text(STATE_VERSION)) || !is_id(id))
		return KS_ERR_MALFORMED;
	if (!crypto)
		return KS_ERR_INTERNAL;
	memcpy(transaction.id, id.data, id.size);
	transaction.key = read_key(crypto, key);
	transaction.certificate = read_certificate(crypto, certificate);
	if (!transaction.key || !transaction.certificate ||
	    X509_check_private_key(transaction.certificate, transaction.key) != 1)
		return KS_ERR_MALFORMED;
	*ret_transaction = transaction;
	*ret_pending = pending;
	transaction = (struct ks_scep_transaction){ 0 };
	return 0;
}
