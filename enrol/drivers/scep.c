/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep: the Simple Certificate Enrolment Protocol (RFC 8894) as a driver.
 *
 * Runs in: keystay-enroll. Capabilities, CA certificates, one request, one answer. The request is the PKCS#10 that the
 * key on the token signed, with the challenge in it. A renewal is the same once more: RenewalReq would have to be signed
 * as CMS by the key of the old certificate, which is on the token and signs no CMS (I2).
 */
#include <string.h>
#include <strings.h>

#include "enrol/base/bundle.h"
#include "enrol/base/http.h"
#include "enrol/drivers/driver.h"
#include "enrol/drivers/scep_answer.h"
#include "enrol/drivers/scep_ca.h"
#include "enrol/drivers/scep_caps.h"
#include "enrol/drivers/scep_message.h"
#include "enrol/drivers/scep_transaction.h"
#include "enrol/drivers/scep_url.h"
#include "lib/base/der.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define MESSAGE_TYPE "application/x-pki-message"

/* One run of the driver. */
struct scep {
	const struct ks_enrol_request *request;
	char whose[512];
	struct ks_scep_caps caps;
	struct ks_scep_ca ca;
	struct ks_scep_transaction transaction;
	struct ks_scep_pending pending; /* borrows from the request */
	struct ks_enrol_problem *problem;
};

static void scep_deinit(struct scep *scep)
{
	ks_scep_ca_deinit(&scep->ca);
	ks_scep_transaction_deinit(&scep->transaction);
}

static int no_memory(struct scep *scep)
{
	return ks_enrol_problem_code(scep->problem, KS_ERR_NO_MEMORY);
}

/* --- exchanges --------------------------------------------------------------------------------------------------- */

static int call(struct scep *scep, const char *url, struct ks_bytes body, struct ks_http_answer *ret_answer)
{
	struct ks_http_request request = {
		.profile = scep->request->profile,
		.url = url,
		.may_be_plain = true,
		.content_type = body.size ? MESSAGE_TYPE : NULL,
		.body = body,
	};
	int r = ks_http_call(&request, ret_answer, scep->problem);

	if (r < 0 || ret_answer->status == 200)
		return r;
	r = ks_http_problem(scep->problem, scep->whose, ret_answer);
	ks_http_answer_deinit(ret_answer);
	return r;
}

static int get(struct scep *scep, const char *operation, struct ks_http_answer *ret_answer)
{
	const struct ks_profile *profile = scep->request->profile;
	KS_AUTO_FREE char *url = ks_scep_url(profile->url, operation, ks_bytes_text(profile->label));

	return url ? call(scep, url, KS_BYTES_NONE, ret_answer) : no_memory(scep);
}

static int get_capabilities(struct scep *scep)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	int r = get(scep, "GetCACaps", &answer);

	if (r < 0)
		return r;
	ks_scep_caps_read(ks_buffer_bytes(&answer.body), &scep->caps);
	return ks_scep_caps_check(&scep->caps, scep->request->profile->scep_legacy, scep->whose, scep->problem);
}

static int get_ca(struct scep *scep)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	int r = get(scep, "GetCACert", &answer);

	if (r < 0)
		return r;
	return ks_scep_ca_read(ks_buffer_bytes(&answer.body), scep->request->profile->ca_fingerprint, scep->whose,
			       &scep->ca, scep->problem);
}

static int send_message(struct scep *scep, struct ks_bytes message, struct ks_http_answer *ret_answer)
{
	const char *base = scep->request->profile->url;

	if (scep->caps.post) {
		KS_AUTO_FREE char *url = ks_scep_url(base, "PKIOperation", KS_BYTES_NONE);
		return url ? call(scep, url, message, ret_answer) : no_memory(scep);
	}
	KS_AUTO_FREE char *url = ks_scep_url_of_message(base, message);
	return url ? call(scep, url, KS_BYTES_NONE, ret_answer) : no_memory(scep);
}

/* --- the request ------------------------------------------------------------------------------------------------- */

/* One that waits at this server goes on; anything else is kept for nothing. */
static bool resume(struct scep *scep)
{
	struct ks_bytes kept = scep->request->pending;
	int r = kept.size ? ks_scep_transaction_read(kept, &scep->transaction, &scep->pending) : KS_ERR_NOT_FOUND;

	if (r < 0)
		return false;
	if (ks_bytes_equal(scep->pending.url, ks_bytes_text(scep->request->profile->url)))
		return true;
	ks_scep_transaction_deinit(&scep->transaction);
	scep->pending = (struct ks_scep_pending){ 0 };
	return false;
}

/* IssuerAndSubject, section 3.3.3. */
static int put_poll(const struct scep *scep, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer both = { 0 };

	ks_buffer_put(&both, scep->pending.issuer);
	ks_buffer_put(&both, scep->pending.subject);
	if (ks_buffer_error(&both) < 0)
		return ks_buffer_error(&both);
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&both));
	return ks_buffer_error(out);
}

static int put_message(struct scep *scep, bool is_poll, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer poll = { 0 };
	struct ks_scep_message message = {
		.type = KS_SCEP_PKCS_REQ,
		.content = scep->request->csr,
		.des3 = !scep->caps.aes,
	};
	int r = 0;

	if (!is_poll && message.content.size == 0)
		return ks_enrol_problem_final(
			scep->problem, KS_ERR_CHANGED,
			"the request that waits was made for another address than that of %s, or what was kept of it "
			"cannot be read. It is given up; the next try asks anew",
			scep->whose);
	if (is_poll) {
		r = put_poll(scep, &poll);
		message.type = KS_SCEP_CERT_POLL;
		message.content = ks_buffer_bytes(&poll);
	} else {
		r = ks_scep_transaction_begin(scep->request->subject, &scep->transaction);
	}
	if (r == 0)
		r = ks_scep_message_put(&message, &scep->ca, &scep->transaction, out);
	if (r < 0)
		return ks_enrol_problem_set(scep->problem, r, "the SCEP request could not be made: %s",
					    ks_error_text(r));
	return 0;
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

/* Some CAs send the leaf alone; those above it came with GetCACert. */
static int take_certificates(struct scep *scep, struct ks_scep_answer *found, struct ks_enrol_answer *answer)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer anchors = { 0 };
	int r = ks_scep_ca_put_anchors(&scep->ca, &anchors);

	if (r < 0)
		return no_memory(scep);
	if (anchors.size)
		r = ks_bundle_read(ks_buffer_bytes(&anchors), scep->whose, &found->certificates, scep->problem);
	if (r < 0)
		return r;
	answer->outcome = KS_ENROL_ISSUED;
	answer->certificates = found->certificates;
	answer->anchors = anchors;
	found->certificates = (struct ks_buffer){ 0 };
	anchors = (struct ks_buffer){ 0 };
	return 0;
}

static int keep_transaction(struct scep *scep, bool is_poll, struct ks_enrol_answer *answer)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer name = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer state = { .secret = true };
	int r = 0;

	if (!is_poll) {
		r = ks_scep_ca_put_name(&scep->ca, &name);
		scep->pending.url = ks_bytes_text(scep->request->profile->url);
		scep->pending.issuer = ks_buffer_bytes(&name);
		scep->pending.subject = scep->request->subject;
	}
	if (r == 0)
		r = ks_scep_transaction_put(&scep->transaction, &scep->pending, &state);
	if (r < 0)
		return no_memory(scep);
	answer->outcome = KS_ENROL_PENDING;
	answer->pending = state;
	state = (struct ks_buffer){ 0 };
	return 0;
}

static int take_answer(struct scep *scep, bool is_poll, struct ks_bytes body, struct ks_enrol_answer *answer)
{
	struct ks_scep_context context = {
		.ca = &scep->ca,
		.transaction = &scep->transaction,
		.legacy = scep->request->profile->scep_legacy,
		.whose = scep->whose,
	};
	KS_CLEANUP(ks_scep_answer_deinit) struct ks_scep_answer found = { 0 };
	int r = ks_scep_answer_read(body, &context, &found, scep->problem);

	if (r < 0)
		return r;
	switch (found.status) {
	case KS_SCEP_SUCCESS:
		return take_certificates(scep, &found, answer);
	case KS_SCEP_PENDING:
		return keep_transaction(scep, is_poll, answer);
	case KS_SCEP_FAILURE:
		break;
	}
	return ks_scep_answer_problem(&found, scep->whose, scep->problem);
}

/* --- the driver -------------------------------------------------------------------------------------------------- */

/* Whoever answers in the CA's place could give out a certificate of his own, and read the challenge. */
static int check_pin(struct scep *scep)
{
	const struct ks_profile *profile = scep->request->profile;

	if (profile->ca_fingerprint || strncasecmp(profile->url, "https:", 6) == 0)
		return 0;
	return ks_enrol_problem_final(
		scep->problem, KS_ERR_CONFIG,
		"profile \"%s\" (%s) asks a SCEP server over plain http, where anybody could answer in its place. Name the "
		"CA: ca-fingerprint = the SHA-256 fingerprint of its certificate, as its administrator says it; or use https",
		profile->name, profile->origin);
}

static int run(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
	       struct ks_enrol_problem *problem)
{
	KS_CLEANUP(scep_deinit) struct scep scep = { .request = request, .problem = problem };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer message = { 0 };
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer body = { 0 };
	KS_CLEANUP(ks_enrol_answer_deinit) struct ks_enrol_answer answer = { 0 };

	(void)ks_text_print(scep.whose, sizeof(scep.whose), "SCEP server %s", request->profile->url);
	int r = check_pin(&scep);
	if (r == 0)
		r = get_capabilities(&scep);
	if (r == 0)
		r = get_ca(&scep);
	bool is_poll = r == 0 && resume(&scep);
	if (r == 0)
		r = put_message(&scep, is_poll, &message);
	if (r == 0)
		r = send_message(&scep, ks_buffer_bytes(&message), &body);
	if (r == 0)
		r = take_answer(&scep, is_poll, ks_buffer_bytes(&body.body), &answer);
	if (r < 0)
		return r;
	*ret_answer = answer;
	answer = (struct ks_enrol_answer){ 0 };
	return 0;
}

const struct ks_enrol_driver ks_enrol_scep = {
	.protocol = "scep",
	.may_be_plain_http = true,
	.wants_challenge = true,
	.run = run,
};
