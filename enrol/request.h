/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request: the certificate request of a key: whom it is to name, and the agent's signature under it.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include "client/client.h"
#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "lib/base/buffer.h"
#include "lib/base/secret.h"

/* Whom: each of the two from the first that says anything. Borrowed; all may be NULL. */
struct ks_request_whom {
	const char *subject, *san; /* that a person typed */
	const struct ks_profile *profile;
	const struct ks_client_identity *old; /* whose certificate says the rest */
};

/* Appends a Name and GeneralNames, DER; names stays empty where nothing is said of any. An empty subject without names
 * is a problem: the CA would have to guess. */
int ks_request_names(const struct ks_request_whom *whom, struct ks_buffer *subject, struct ks_buffer *names,
		     struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Appends the CertificationRequest (RFC 2986) of key, signed by its token through the agent. challenge: the
 * challengePassword, or NULL; csr must be secret then. */
int ks_request_make(const struct ks_client_identity *key, const struct ks_profile *profile, struct ks_bytes subject,
		    struct ks_bytes names, const struct ks_secret *challenge, struct ks_buffer *csr,
		    struct ks_enrol_problem *problem) KS_WARN_UNUSED;
