/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmp_transfer: the way of a CMP message to the server and of its answer back (RFC 6712); see cmp_session.h.
 *
 * Runs in: keystay-enroll. By base/http alone: OpenSSL's own HTTP client knows neither our limits nor how we verify TLS.
 * An exchange that an earlier run began is gone on with by its answers of then: OpenSSL's client makes its request once
 * more, which is not sent, and gets the answer of then, with the nonce of then; it polls, and gets that answer as well;
 * from there on messages go to the server.
 */
#include <openssl/err.h>

#include "enrol/drivers/cmp_session.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"

#define CONTENT_TYPE "application/pkixcmp"
#define N_REPLAYED 2u

/* OpenSSL's error queue gets a reason in any case; the words are in problem. */
static OSSL_CMP_MSG *fail(struct ks_cmp_session *session)
{
	session->failed_here = true;
	ERR_raise(ERR_LIB_CMP, CMP_R_TRANSFER_ERROR);
	return NULL;
}

static OSSL_CMP_MSG *read_message(struct ks_bytes der)
{
	const unsigned char *at = der.data;
	OSSL_CMP_MSG *message = d2i_OSSL_CMP_MSG(NULL, &at, (long)der.size);

	if (message && at == der.data + der.size)
		return message;
	OSSL_CMP_MSG_free(message);
	return NULL;
}

/* --- answers of an earlier run ------------------------------------------------------------------------------------ */

static OSSL_CMP_MSG *replay(struct ks_cmp_session *session, OSSL_CMP_CTX *cmp)
{
	struct ks_bytes der = session->n_replayed == 0 ? session->pending.waiting : session->pending.poll;
	OSSL_CMP_MSG *answer = read_message(der);
	const ASN1_OCTET_STRING *nonce = answer ? OSSL_CMP_HDR_get0_recipNonce(OSSL_CMP_MSG_get0_header(answer)) : NULL;

	if (++session->n_replayed == N_REPLAYED)
		session->keys.is_rehearsal = false;
	if (nonce && OSSL_CMP_CTX_set1_senderNonce(cmp, nonce) == 1)
		return answer;
	OSSL_CMP_MSG_free(answer);
	(void)ks_enrol_problem_code(session->problem, KS_ERR_NO_MEMORY); /* cmp_pending.c has read it */
	return fail(session);
}

/* --- the server --------------------------------------------------------------------------------------------------- */

/* For cmp_pending.c: the first answer, and the last one to a poll. */
static void keep(struct ks_cmp_session *session, int type, struct ks_bytes der)
{
	struct ks_buffer *kept = type == KS_CMP_POLLREP ? &session->poll : &session->waiting;

	if (type != KS_CMP_POLLREP && session->waiting.size > 0)
		return;
	ks_buffer_reset(kept);
	ks_buffer_put(kept, der);
}

static OSSL_CMP_MSG *take_answer(struct ks_cmp_session *session, const struct ks_http_answer *answer)
{
	struct ks_bytes der = ks_buffer_bytes(&answer->body);
	char whose[512];

	(void)snprintf(whose, sizeof(whose), "the CMP server %s", session->request->profile->url);
	/* RFC 6712 section 3.3 lets a server say what is wrong in CMP with a status that is no success. */
	if (strcmp(answer->content_type, CONTENT_TYPE) != 0) {
		if (answer->status != 200)
			(void)ks_http_problem(session->problem, whose, answer);
		else
			(void)ks_enrol_problem_set(session->problem, KS_ERR_UNSUPPORTED,
						   "%s answered with \"%s\" in place of %s; is this the address of its "
						   "CMP service?",
						   whose, answer->content_type, CONTENT_TYPE);
		return fail(session);
	}
	OSSL_CMP_MSG *message = read_message(der);
	if (!message) {
		(void)ks_enrol_problem_set(session->problem, KS_ERR_MALFORMED,
					   "%s answered with what is no message of CMP", whose);
		return fail(session);
	}
	session->had_error = OSSL_CMP_MSG_get_bodytype(message) == KS_CMP_ERROR;
	if (session->had_error)
		ks_cmp_words_unprotected(der, session->said, sizeof(session->said));
	keep(session, OSSL_CMP_MSG_get_bodytype(message), der);
	return message;
}

static OSSL_CMP_MSG *call(struct ks_cmp_session *session, struct ks_bytes message)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	/* Each message has a connection of its own. Servers that tie an exchange to a connection (OpenSSL's) are to know. */
	static const char *const headers[] = { "Connection: close", NULL };
	const struct ks_http_request request = {
		.profile = session->request->profile,
		.url = session->request->profile->url,
		.may_be_plain = true,
		.content_type = CONTENT_TYPE,
		.accept = CONTENT_TYPE,
		.body = message,
		.headers = headers,
	};

	if (++session->n_exchanges > KS_CMP_EXCHANGES_MAX) {
		(void)ks_enrol_problem_set(session->problem, KS_ERR_LIMIT,
					   "the CMP server %s wants more than %u messages for one certificate",
					   session->request->profile->url, KS_CMP_EXCHANGES_MAX);
		return fail(session);
	}
	if (ks_http_call(&request, &answer, session->problem) < 0)
		return fail(session);
	return take_answer(session, &answer);
}

OSSL_CMP_MSG *ks_cmp_transfer(OSSL_CMP_CTX *cmp, const OSSL_CMP_MSG *message)
{
	struct ks_cmp_session *session = OSSL_CMP_CTX_get_transfer_cb_arg(cmp);
	unsigned char *der = NULL;

	if (session->keys.is_rehearsal || (session->n_replayed > 0 && session->n_replayed < N_REPLAYED))
		return replay(session, cmp);
	int size = i2d_OSSL_CMP_MSG(message, &der);
	if (size <= 0) {
		(void)ks_enrol_problem_code(session->problem, KS_ERR_NO_MEMORY);
		return fail(session);
	}
	OSSL_CMP_MSG *answer = call(session, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return answer;
}
