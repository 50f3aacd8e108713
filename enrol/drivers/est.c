/* SPDX-License-Identifier: Apache-2.0 */
/*
 * est: Enrollment over Secure Transport (RFC 7030, with what RFC 8951 says of it).
 *
 * /cacerts, then /simpleenroll or, with a certificate to renew, /simplereenroll with that certificate in TLS, whose
 * handshake the agent signs. A server issues nothing but the certificate (section 4.2.3), so intermediates are taken from
 * /cacerts: what is self-signed there is an anchor, the rest may be either.
 *
 * Not here: /csrattrs, /serverkeygen, /fullcmc, and the proof of possession that binds a request to its connection (section
 * 3.5): its tls-unique exists neither in TLS 1.3 nor before the request is signed.
 *
 * Runs in: keystay-enroll. Keeps nothing.
 */
#include <string.h>

#include "enrol/base/bundle.h"
#include "enrol/base/http.h"
#include "enrol/drivers/driver.h"
#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/certificate.h"

/* RFC 7030 section 3.2.2. */
#define WELL_KNOWN "/.well-known/est"

/* What a pending state begins with; the request itself follows. */
enum pending { PENDING_ENROLL = 1, PENDING_REENROLL = 2 };

struct est {
	const struct ks_enrol_request *request;
	struct ks_enrol_problem *problem;
	char whose[300];      /* "EST server https://…", escaped */
	bool is_reenrollment; /* /simplereenroll */
	struct ks_bytes csr;  /* of the request, or of the pending state */
	struct ks_enrol_answer answer;
};

/* --- one operation ----------------------------------------------------------------------------------------------- */

/* Where it is done: the path of the RFC is added unless the profile has it. Given. */
static char *make_url(const struct ks_profile *profile, const char *operation)
{
	const char *base = profile->url;
	const char *label = profile->label;
	size_t size = strlen(base);

	while (size > 0 && base[size - 1] == '/')
		size--;
	const char *path = memmem(base, size, WELL_KNOWN, sizeof(WELL_KNOWN) - 1) ? "" : WELL_KNOWN;
	return ks_text_format("%.*s%s%s%s/%s", (int)size, base, path, label ? "/" : "", label ? label : "", operation);
}

static int call(const struct est *est, const char *operation, struct ks_http_request *request,
		struct ks_http_answer *ret_answer)
{
	KS_AUTO_FREE char *url = make_url(est->request->profile, operation);

	if (!url)
		return ks_enrol_problem_code(est->problem, KS_ERR_NO_MEMORY);
	request->profile = est->request->profile;
	request->url = url;
	request->accept = "application/pkcs7-mime";
	return ks_http_call(request, ret_answer, est->problem);
}

/* --- the CA's certificates --------------------------------------------------------------------------------------- */

/* Sorts what /cacerts gave: intermediates go to the certificates as well, for the chain. */
static int take_ca(struct est *est, struct ks_bytes der)
{
	struct ks_certificate *certificate;

	int r = ks_certificate_new(der, &certificate);
	if (r < 0)
		return 0; /* one that cannot be read can be no issuer */
	bool is_root = ks_certificate_is_self_signed(certificate);
	ks_certificate_unref(certificate);
	return is_root ? 0 : ks_bundle_read(der, est->whose, &est->answer.certificates, est->problem);
}

static int take_cas(struct est *est, const struct ks_http_answer *answer)
{
	struct ks_bytes rest, der;

	if (answer->status != 200)
		return ks_http_problem(est->problem, est->whose, answer);
	int r = ks_bundle_read(ks_buffer_bytes(&answer->body), est->whose, &est->answer.anchors, est->problem);
	rest = ks_buffer_bytes(&est->answer.anchors);
	while (r == 0 && ks_bundle_next(&rest, &der))
		r = take_ca(est, der);
	return r;
}

/* The server was verified, so its word counts (section 4.1.1). Its content type does not: servers send many. */
static int fetch_cas(struct est *est)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	struct ks_http_request request = { 0 };

	int r = call(est, "cacerts", &request, &answer);
	return r < 0 ? r : take_cas(est, &answer);
}

/* --- the request ------------------------------------------------------------------------------------------------- */

/* Which certificate is shown, if the server asks for one: the one that is renewed, else one that the key has already (of
 * its maker, say). */
static const struct ks_client_identity *find_identity(const struct est *est)
{
	const struct ks_enrol_request *request = est->request;

	if (est->is_reenrollment)
		return request->old;
	return !request->profile->user && request->key && request->key->chain.size > 0 ? request->key : NULL;
}

static int send_request(const struct est *est, struct ks_bytes body, bool with_password,
			struct ks_http_answer *ret_answer)
{
	/* Of no use (RFC 8951 section 3.1), but servers from before it look for it. */
	static const char *const headers[] = { "Content-Transfer-Encoding: base64", NULL };
	struct ks_http_request request = {
		.content_type = "application/pkcs10",
		.body = body,
		.headers = headers,
		.identity = find_identity(est),
	};

	if (with_password) {
		request.user = est->request->profile->user;
		request.password = est->request->secret;
	}
	return call(est, est->is_reenrollment ? "simplereenroll" : "simpleenroll", &request, ret_answer);
}

/* A renewal shows the certificate alone, as the password may be one for the first time only; then both, where the server
 * wants both. */
static int ask(const struct est *est, struct ks_http_answer *ret_answer)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	bool has_password = est->request->profile->user && est->request->secret;

	int r = ks_base64_put(&body, est->csr);
	if (r < 0)
		return ks_enrol_problem_code(est->problem, r);
	r = send_request(est, ks_buffer_bytes(&body), has_password && !est->is_reenrollment, ret_answer);
	if (r < 0 || ret_answer->status != 401 || !has_password || !est->is_reenrollment)
		return r;
	ks_http_answer_deinit(ret_answer);
	*ret_answer = (struct ks_http_answer){ 0 };
	return send_request(est, ks_buffer_bytes(&body), true, ret_answer);
}

/* --- the answer -------------------------------------------------------------------------------------------------- */

/* The very same request is to be sent again (section 4.2.3): a signature made anew would be another one. */
static int take_pending(struct est *est, const struct ks_http_answer *answer)
{
	struct ks_buffer *pending = &est->answer.pending;

	ks_buffer_put_u8(pending, est->is_reenrollment ? PENDING_REENROLL : PENDING_ENROLL);
	ks_buffer_put(pending, est->csr);
	int r = ks_buffer_error(pending);
	if (r < 0)
		return ks_enrol_problem_code(est->problem, r);
	ks_buffer_reset(&est->answer.certificates);
	ks_buffer_reset(&est->answer.anchors);
	est->answer.outcome = KS_ENROL_PENDING;
	est->answer.retry_after_s = answer->retry_after_s;
	return 0;
}

static int take_certificate(struct est *est, const struct ks_http_answer *answer)
{
	char whose[400], type[160];

	if (strcmp(answer->content_type, "application/pkcs7-mime") != 0) {
		ks_text_escape(ks_bytes_text(answer->content_type), type, sizeof(type));
		return ks_enrol_problem_set(est->problem, KS_ERR_MALFORMED,
					    "%s answered with %s%s%s and not with certificates; is its address right?",
					    est->whose, type[0] ? "\"" : "nothing that it names", type,
					    type[0] ? "\"" : "");
	}
	(void)ks_text_print(whose, sizeof(whose), "the answer of %s", est->whose);
	est->answer.outcome = KS_ENROL_ISSUED;
	return ks_bundle_read(ks_buffer_bytes(&answer->body), whose, &est->answer.certificates, est->problem);
}

static bool says(const struct ks_http_answer *answer, const char *words)
{
	size_t size = strlen(words);

	for (size_t i = 0; i + size <= answer->body.size; i++) {
		if (strncasecmp((const char *)answer->body.data + i, words, size) == 0)
			return true;
	}
	return false;
}

static int refuse(struct est *est, const struct ks_http_answer *answer)
{
	if (answer->status >= 400 && answer->status < 500 &&
	    (says(answer, "proof of possession") || says(answer, "tls-unique")))
		return ks_enrol_problem_final(
			est->problem, KS_ERR_UNSUPPORTED,
			"%s answered %u: it wants requests that are bound to their connection (tls-unique in the "
			"challengePassword, RFC 7030 section 3.5), which keystay does not do and TLS 1.3 does not have; "
			"its administrator can switch that off",
			est->whose, answer->status);
	return ks_http_problem(est->problem, est->whose, answer);
}

static int take_answer(struct est *est, const struct ks_http_answer *answer)
{
	switch (answer->status) {
	case 200:
		return take_certificate(est, answer);
	case 202:
		return take_pending(est, answer);
	default:
		return refuse(est, answer);
	}
}

/* --- a run ------------------------------------------------------------------------------------------------------- */

/* What an earlier run left, when it is for this key and can be done; else everything begins anew. */
static void take_up(struct est *est)
{
	const struct ks_enrol_request *request = est->request;
	struct ks_bytes pending = request->pending;

	est->csr = request->csr;
	est->is_reenrollment = request->old != NULL;
	if (pending.size < 2 || !request->key)
		return;
	struct ks_bytes csr = ks_bytes(pending.data + 1, pending.size - 1);
	struct ks_bytes spki = request->key->identity.spki;
	bool is_reenrollment = pending.data[0] == PENDING_REENROLL;
	if ((!is_reenrollment && pending.data[0] != PENDING_ENROLL) || (is_reenrollment && !request->old) ||
	    spki.size == 0 || !memmem(csr.data, csr.size, spki.data, spki.size))
		return;
	est->csr = csr;
	est->is_reenrollment = is_reenrollment;
}

static int check(const struct est *est)
{
	const struct ks_profile *profile = est->request->profile;

	if (strpbrk(profile->url, "?#"))
		return ks_enrol_problem_final(est->problem, KS_ERR_CONFIG,
					      "the url of profile \"%s\" has a ? or a #; an EST server has none",
					      profile->name);
	if (profile->user && !est->request->secret && !est->is_reenrollment)
		return ks_enrol_problem_final(est->problem, KS_ERR_CONFIG,
					      "profile \"%s\" has a user and no secret; give it secret-file or "
					      "secret-credential",
					      profile->name);
	return 0;
}

static int run_est(struct est *est)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };

	take_up(est);
	int r = check(est);
	if (r == 0)
		r = fetch_cas(est);
	if (r == 0)
		r = ask(est, &answer);
	return r == 0 ? take_answer(est, &answer) : r;
}

static int run(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
	       struct ks_enrol_problem *problem)
{
	struct est est = { .request = request, .problem = problem };
	char url[256];

	ks_text_escape(ks_bytes_text(request->profile->url), url, sizeof(url));
	(void)ks_text_print(est.whose, sizeof(est.whose), "EST server %s", url);
	int r = run_est(&est);
	if (r < 0) {
		ks_enrol_answer_deinit(&est.answer);
		return r;
	}
	*ret_answer = est.answer;
	return 0;
}

const struct ks_enrol_driver ks_enrol_est = { .protocol = "est", .run = run };
