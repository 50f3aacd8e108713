/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_transaction: one request for a certificate by SCEP: its name, and the key that its messages are signed with.
 *
 * Runs in: keystay-enroll. SCEP wants messages signed and answers encrypted with one RSA key. The key on the token can be
 * EC, may not decrypt, and signs nothing but the PKCS#10 (I2): so each transaction has a software key of its own, with a
 * self-signed certificate (RFC 8894 section 2.3). It protects the messages of this transaction and is worth nothing
 * after it; it is kept, in the owner's state folder, only while the CA has not decided.
 */
#pragma once

#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

#define KS_SCEP_NONCE_SIZE 16u /* RFC 8894 section 3.2.1.5 */
#define KS_SCEP_ID_SIZE 33u    /* 128 random bits in hex */

struct ks_scep_transaction {
	EVP_PKEY *key;
	X509 *certificate;
	char id[KS_SCEP_ID_SIZE];
	uint8_t nonce[KS_SCEP_NONCE_SIZE]; /* senderNonce of the last message (scep_message.h) */
};

/* A new one. subject: Name, DER, of the request; none or empty: the certificate is named by the transaction. */
int ks_scep_transaction_begin(struct ks_bytes subject, struct ks_scep_transaction *ret_transaction) KS_WARN_UNUSED;
void ks_scep_transaction_deinit(struct ks_scep_transaction *transaction);

/* What is kept of one that waits. */
struct ks_scep_pending {
	struct ks_bytes url;     /* of the server that was asked */
	struct ks_bytes issuer;  /* IssuerAndSubject's, Name, DER */
	struct ks_bytes subject; /* Name, DER */
};

/* Appends it; out must be a secret buffer. */
int ks_scep_transaction_put(const struct ks_scep_transaction *transaction, const struct ks_scep_pending *pending,
			    struct ks_buffer *out) KS_WARN_UNUSED;
/* MALFORMED. ret_pending borrows from state. */
int ks_scep_transaction_read(struct ks_bytes state, struct ks_scep_transaction *ret_transaction,
			     struct ks_scep_pending *ret_pending) KS_WARN_UNUSED;
