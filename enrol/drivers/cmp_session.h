/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_session: what the files of the CMP driver share: the story (cmp.c), OpenSSL's context as a request wants it
 * (cmp_session.c), the way of each message (cmp_transfer.c), what survives a restart (cmp_pending.c), words
 * (cmp_words.c). Nobody else includes it.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include <openssl/cmp.h>

#include "enrol/base/http.h"
#include "enrol/drivers/agent_key.h"
#include "enrol/drivers/driver.h"

/* Numbers of bodies (RFC 4210 section 5.1.2) that OpenSSL keeps to itself; the others are OSSL_CMP_IR and so on. */
#define KS_CMP_RR 11
#define KS_CMP_ERROR 23
#define KS_CMP_POLLREP 26

/* What a driver that is told to come again gives away, and gets back: one exchange with the CA that is not over. */
struct ks_cmp_pending {
	uint32_t type;           /* OSSL_CMP_* of the request */
	uint8_t spki_hash[32];   /* for which key */
	struct ks_bytes waiting; /* the CA's answer to the request, DER: "waiting" */
	struct ks_bytes poll;    /* its last answer to a poll, DER */
};

struct ks_cmp_session {
	const struct ks_enrol_request *request;
	struct ks_enrol_problem *problem;
	int type; /* OSSL_CMP_* of the request */
	struct ks_agent_keys keys;
	OSSL_CMP_CTX *cmp;
	X509_STORE *anchors; /* of issued-by, for what is issued; OpenSSL's context has one more for messages */
	struct ks_cmp_pending pending;
	unsigned n_replayed;      /* answers that were taken from pending */
	unsigned n_exchanges;     /* with the server */
	struct ks_buffer waiting; /* the first answer of this exchange, and the last one to a poll */
	struct ks_buffer poll;
	bool had_error;   /* the last answer was an error and nothing else */
	bool failed_here; /* problem says why: the server could not be asked */
	char said[256];   /* by an answer that nobody protected, escaped: for a person, never to act on */
};

/* --- cmp_session.c ------------------------------------------------------------------------------------------------ */

/* session is zeroed but for request, problem and type. */
int ks_cmp_session_init(struct ks_cmp_session *session) KS_WARN_UNUSED;
void ks_cmp_session_deinit(struct ks_cmp_session *session);

/* The DER of a certificate of the agent's; X509_free(). */
X509 *ks_cmp_session_leaf(const struct ks_client_identity *identity);

/* --- cmp_transfer.c ----------------------------------------------------------------------------------------------- */

/* OSSL_CMP_transfer_cb_t; its argument is the session. */
OSSL_CMP_MSG *ks_cmp_transfer(OSSL_CMP_CTX *cmp, const OSSL_CMP_MSG *message);

/* --- cmp_pending.c ------------------------------------------------------------------------------------------------ */

int ks_cmp_pending_put(struct ks_buffer *out, const struct ks_cmp_pending *pending) KS_WARN_UNUSED;
/* Borrows from bytes. MALFORMED. */
int ks_cmp_pending_read(struct ks_bytes bytes, struct ks_cmp_pending *ret_pending) KS_WARN_UNUSED;

/* --- cmp_words.c -------------------------------------------------------------------------------------------------- */

/* Why OpenSSL's last call failed: what could not be sent, what the agent, the CA or OpenSSL says; what: "enrol". */
int ks_cmp_words_fail(struct ks_cmp_session *session, const char *what);

/* The texts of an ErrorMsgContent in an answer without protection, escaped; "" when it is something else. */
void ks_cmp_words_unprotected(struct ks_bytes answer, char *out, size_t size);
