/* SPDX-License-Identifier: Apache-2.0 */
/*
 * driver: what each protocol of enrolment is to the rest: a request in, certificates out, or "come again".
 *
 * Runs in: keystay-enroll. A driver talks to one server (or runs one program), keeps nothing on disk, and never decides
 * whether a certificate is good: enrol/judge.c does, for all of them alike (key, chain, purpose, dates). To add a protocol:
 * a file with its struct ks_enrol_driver, a row in drivers.c, a row in agent/settings_enrol.c, its part in keystay.conf(5).
 */
#pragma once

#include "client/client.h"
#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"

/* Everything is borrowed. */
struct ks_enrol_request {
	const struct ks_profile *profile;
	const struct ks_client_identity *key; /* for which a certificate is wanted */
	struct ks_bytes csr;                  /* CertificationRequest (RFC 2986), DER, signed by key */
	struct ks_bytes subject;              /* what stands in it: Name and GeneralNames, DER; names may be none */
	struct ks_bytes names;
	const struct ks_client_identity *old; /* whose certificate is renewed; NULL: a first enrolment. Another key than
					       * key when rekeying */
	const struct ks_secret *secret;       /* of the profile, or typed; NULL: none */
	struct ks_bytes pending;              /* what an earlier run answered with PENDING; none: begin anew */
};

enum ks_enrol_outcome {
	KS_ENROL_ISSUED,
	KS_ENROL_PENDING, /* the CA has not decided: come again */
};

struct ks_enrol_answer {
	enum ks_enrol_outcome outcome;
	struct ks_buffer certificates; /* ISSUED: certificates, DER, one behind the other, in any order, at most
					* KS_ENROL_CERTIFICATES_MAX; the one wanted and its intermediates are among them */
	struct ks_buffer anchors; /* ISSUED: CA certificates that the protocol itself vouches for (EST cacerts, SCEP
					* GetCACert, CMP's trusted), DER one behind the other, or none */
	struct ks_buffer pending; /* PENDING: what the driver needs to go on after a restart; opaque, no secret in
					* the clear but what may lie in the owner's state folder (SCEP's transient key may) */
	uint32_t retry_after_s;   /* PENDING: as the server said; 0 = it said nothing */
};

void ks_enrol_answer_deinit(struct ks_enrol_answer *answer);

struct ks_enrol_driver {
	const char *protocol;   /* the word of protocol = */
	bool may_be_plain_http; /* the protocol protects itself */
	bool wants_challenge;   /* the secret stands in the request as challengePassword */
	bool makes_no_request;  /* csr is none, but for cmp-p10cr: it builds what it needs (CMP) or the server keeps the
				 * request (renew) */
	bool needs_old;         /* can renew only (step-ca) */
	int (*run)(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
		   struct ks_enrol_problem *problem);
	/* Asks the CA to revoke old's certificate (CMP rr); NULL: the protocol has no such thing. reason: RFC 5280 section
	 * 5.3.1. */
	int (*revoke)(const struct ks_enrol_request *request, unsigned reason, struct ks_enrol_problem *problem);
};

/* NULL when there is none. */
const struct ks_enrol_driver *ks_enrol_driver_of(const char *protocol);

extern const struct ks_enrol_driver ks_enrol_est;    /* est.c */
extern const struct ks_enrol_driver ks_enrol_scep;   /* scep.c */
extern const struct ks_enrol_driver ks_enrol_cmp;    /* cmp.c */
extern const struct ks_enrol_driver ks_enrol_vault;  /* vault.c */
extern const struct ks_enrol_driver ks_enrol_stepca; /* stepca.c */
extern const struct ks_enrol_driver ks_enrol_exec;   /* exec.c */
