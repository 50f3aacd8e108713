/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own_status: what an OCSP response (RFC 6960) says of one of our own certificates.
 *
 * The response came over the network without protection, by keystay-enroll, and lay on a disk: nothing of it counts but
 * what the certificate's issuer, or a responder of its, has signed (ocsp_answer.h), and "good" only while it is fresh.
 * "Revoked" does not age: no CA takes that back, but for certificates on hold (RFC 5280 section 5.3.1).
 *
 * Runs in: keystay-agent, keystay-enroll. Pure: no clock, no file.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/tls/certificate.h"

enum ks_own_status_word {
	KS_OWN_STATUS_GOOD = 1,
	KS_OWN_STATUS_REVOKED,
	KS_OWN_STATUS_UNKNOWN, /* the responder does not know this certificate */
};

struct ks_own_status {
	enum ks_own_status_word word;
	bool fresh;        /* now is between this_update and until, within KS_OCSP_SKEW_S */
	int64_t said_s;    /* thisUpdate, seconds since 1970 */
	int64_t until_s;   /* nextUpdate; thisUpdate and a day where there is none */
	int64_t revoked_s; /* REVOKED: since when; 0 = not told */
	int reason;        /* REVOKED: CRLReason (RFC 5280 section 5.3.1), -1 = not told */
};

#define KS_OWN_STATUS_WHY_MAX 128

/* 0 when it is signed by whom it must be and speaks of leaf, fresh or not. Else MALFORMED, UNSUPPORTED (the
 * responder's error instead of an answer), DENIED (not signed by issuer or a responder of its), NOT_FOUND (of
 * another certificate), each with a clause in why: "it is not signed by …". Of several entries for leaf the worst
 * one counts. */
int ks_own_status_read(struct ks_bytes response, const struct ks_certificate *leaf, const struct ks_certificate *issuer,
		       int64_t now_s, struct ks_own_status *ret_status, char why[KS_OWN_STATUS_WHY_MAX]) KS_WARN_UNUSED;

/* "key compromise", "superseded" …; "" when none was told. Never NULL. */
const char *ks_own_status_reason(int reason);

/* CRLReason certificateHold: the one that a CA may take back. */
#define KS_OWN_STATUS_ON_HOLD 6
