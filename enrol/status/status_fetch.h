/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_fetch: asks one OCSP responder, or gets one revocation list, and verifies what comes.
 *
 * Runs in: keystay-enroll. By http alone, which protects nothing: what is given on was signed by the certificate's
 * CA, and is fresh or says "revoked".
 */
#pragma once

#include <stdint.h>

#include "enrol/base/problem.h"
#include "lib/base/buffer.h"
#include "lib/tls/certificate.h"
#include "lib/tls/own_status.h"

/* All borrowed. */
struct ks_status_question {
	const char *key; /* short name, for messages */
	const struct ks_certificate *leaf;
	const struct ks_certificate *issuer;
};

/* First with a nonce, by POST; where the responder does not like that, without one, by GET if the request is
 * small, else or then by POST. ret_response: DER. */
int ks_status_fetch_answer(const struct ks_status_question *question, const char *url, struct ks_buffer *ret_response,
			   struct ks_own_status *ret_status, struct ks_enrol_problem *problem) KS_WARN_UNUSED;

struct ks_status_list {
	struct ks_buffer der;
	int64_t said_s, until_s; /* thisUpdate, nextUpdate */
	bool is_named;           /* the certificate is on it */
};

/* DER, or PEM from servers that do not know better; ret_list has DER. */
int ks_status_fetch_list(const struct ks_status_question *question, const char *url, struct ks_status_list *ret_list,
			 struct ks_enrol_problem *problem) KS_WARN_UNUSED;
