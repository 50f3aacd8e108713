/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_message: the pkiMessage that a client sends (RFC 8894 section 3): content, encrypted for the CA or RA, signed by
 * the transaction's key.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include "enrol/drivers/scep_ca.h"
#include "enrol/drivers/scep_transaction.h"

/* messageType, section 3.2.1.2. RenewalReq (17) is not among them: an existing certificate's key has to sign it, and
 * that key is on the token and signs no CMS. PKCSReq with a challenge renews as well. */
enum ks_scep_message_type {
	KS_SCEP_PKCS_REQ = 19,
	KS_SCEP_CERT_POLL = 20,
};

struct ks_scep_message {
	enum ks_scep_message_type type;
	struct ks_bytes content; /* CertificationRequest, or IssuerAndSubject, DER */
	bool des3;               /* encrypt with triple DES; else AES128-CBC */
};

/* Appends the DER of message, and gives transaction a new nonce. INTERNAL when OpenSSL cannot. */
int ks_scep_message_put(const struct ks_scep_message *message, const struct ks_scep_ca *ca,
			struct ks_scep_transaction *transaction, struct ks_buffer *out) KS_WARN_UNUSED;

/* The names of attributes, section 3.2. */
#define KS_SCEP_OID_MESSAGE_TYPE "2.16.840.1.113733.1.9.2"
#define KS_SCEP_OID_PKI_STATUS "2.16.840.1.113733.1.9.3"
#define KS_SCEP_OID_FAIL_INFO "2.16.840.1.113733.1.9.4"
#define KS_SCEP_OID_SENDER_NONCE "2.16.840.1.113733.1.9.5"
#define KS_SCEP_OID_RECIPIENT_NONCE "2.16.840.1.113733.1.9.6"
#define KS_SCEP_OID_TRANSACTION_ID "2.16.840.1.113733.1.9.7"
#define KS_SCEP_OID_FAIL_INFO_TEXT "1.3.6.1.5.5.7.24.1"
#define KS_SCEP_OID_FAIL_INFO_TEXT_STEPCA "1.3.6.1.5.5.7.24" /* what step-ca 0.19 writes instead */
