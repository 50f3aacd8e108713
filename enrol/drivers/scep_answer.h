/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_answer: the CertRep of a CA (RFC 8894 section 3.3): is it the CA's, is it for this request, what does it say.
 *
 * Runs in: keystay-enroll. The three steps are functions of their own for the fuzz target, which has no CA's key; who
 * wants an answer calls ks_scep_answer_read().
 */
#pragma once

#include <openssl/cms.h>

#include "enrol/base/problem.h"
#include "enrol/drivers/scep_ca.h"
#include "enrol/drivers/scep_transaction.h"

enum ks_scep_status { /* pkiStatus, section 3.2.1.3 */
		      KS_SCEP_SUCCESS = 0,
		      KS_SCEP_FAILURE = 2,
		      KS_SCEP_PENDING = 3,
};

/* An answer as it stands in its signed attributes. */
struct ks_scep_answer {
	CMS_ContentInfo *cms;         /* owned */
	ASN1_OCTET_STRING *enveloped; /* borrowed from cms; NULL: none */
	unsigned message_type;
	enum ks_scep_status status;
	unsigned fail_info;       /* section 3.2.1.4; anything above 4 is unknown */
	char fail_text[256];      /* failInfoText, escaped; "" */
	char transaction_id[129]; /* "" where it is longer */
	uint8_t nonce[KS_SCEP_NONCE_SIZE];
	struct ks_buffer certificates; /* SUCCESS: DER, one behind the other; by ks_scep_answer_open() */
};

struct ks_scep_context {
	const struct ks_scep_ca *ca;
	const struct ks_scep_transaction *transaction;
	bool legacy;       /* answers in single DES are taken */
	const char *whose; /* "SCEP server http://…", for problems */
};

/* All of the below: it is the CA's answer to this transaction's last message. status may still be FAILURE or PENDING. */
int ks_scep_answer_read(struct ks_bytes der, const struct ks_scep_context *context, struct ks_scep_answer *ret_answer,
			struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_scep_answer_deinit(struct ks_scep_answer *answer);

/* Takes it apart; nothing in it is to be believed yet. */
int ks_scep_answer_parse(struct ks_bytes der, const char *whose, struct ks_scep_answer *ret_answer,
			 struct ks_enrol_problem *problem) KS_WARN_UNUSED;
/* Was it signed by the CA or RA, and is it of this transaction and for its last message? */
int ks_scep_answer_verify(const struct ks_scep_answer *answer, const struct ks_scep_context *context,
			  struct ks_enrol_problem *problem) KS_WARN_UNUSED;
/* Decrypts the certificates of a SUCCESS. */
int ks_scep_answer_open(struct ks_scep_answer *answer, const struct ks_scep_context *context,
			struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* FAILURE in words: sets problem, final but for badTime. */
int ks_scep_answer_problem(const struct ks_scep_answer *answer, const char *whose, struct ks_enrol_problem *problem);
