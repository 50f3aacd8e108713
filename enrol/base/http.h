/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http: one exchange with an enrolment server, by libcurl.
 *
 * Runs in: keystay-enroll. https verifies always; there is no switch against it. No redirect is followed: a server that
 * answers with one gets an error that names the other place. Every answer is bounded, every exchange ends.
 */
#pragma once

#include "client/client.h"
#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/secret.h"

struct ks_http_request {
	const struct ks_profile *profile; /* tls_ca, timeout_ms */
	const char *url;
	bool may_be_plain;        /* http:// is allowed */
	const char *content_type; /* of body; NULL: GET */
	const char *accept;       /* or NULL */
	struct ks_bytes body;
	const char *const *headers; /* "Name: value", NULL-terminated, or NULL; may hold secrets, never shown */
	const char *user;           /* HTTP basic with password, sent at once and over TLS alone; or NULL */
	const struct ks_secret *password;
	size_t answer_max;                         /* bytes of the answer's body; 0 = KS_ENROL_ANSWER_MAX */
	const struct ks_client_identity *identity; /* client certificate, signed for by the agent; or NULL */
};

struct ks_http_answer {
	unsigned status;        /* the last HTTP status: any; the caller judges it */
	char content_type[128]; /* without parameters, lower case; "" */
	uint32_t retry_after_s; /* Retry-After as seconds (RFC 9110 section 10.2.3, both forms), 0 = none */
	struct ks_buffer body;  /* at most answer_max */
};

/* 0 when there was an answer of whatever status. */
int ks_http_call(const struct ks_http_request *request, struct ks_http_answer *ret_answer,
		 struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_http_answer_deinit(struct ks_http_answer *answer);

/* A problem for a status that the caller cannot use: says the status, in words where they are known, and the beginning of
 * a textual body, escaped. whose: "EST server https://…". Final for 4xx but 408 and 429. */
int ks_http_problem(struct ks_enrol_problem *problem, const char *whose, const struct ks_http_answer *answer);
