/* SPDX-License-Identifier: Apache-2.0 */
/* status_fetch: see status_fetch.h. Runs in: keystay-enroll. */
#include "enrol/status/status_fetch.h"

#include <string.h>
#include <time.h>

#include "enrol/base/http.h"
#include "enrol/status/ocsp.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/pem_blocks.h"
#include "lib/tls/revocation.h"

/* Nobody waits for it but a timer; a responder that needs longer is as good as none. */
#define EXCHANGE_MS 15000u

/* Of an URL, as far as it is shown. */
#define SHOWN_MAX 256

KS_DEFINE_CLEANUP(struct ks_revocation *, ks_revocation_free)

static const struct ks_profile no_profile = { .timeout_ms = EXCHANGE_MS };

static void show(const char *url, char out[SHOWN_MAX])
{
	ks_text_escape(ks_bytes_text(url), out, SHOWN_MAX);
}

static void put_day(int64_t when_s, char out[24])
{
	time_t when = (time_t)when_s;
	struct tm parts;

	if (!gmtime_r(&when, &parts) || strftime(out, 24, "%Y-%m-%d %H:%M UTC", &parts) == 0)
		(void)ks_text_print(out, 24, "an unknown time");
}

/* --- OCSP -------------------------------------------------------------------------------------------------------- */

/* 0, or problem with the responder's URL in front of why. */
static int judge(const struct ks_status_question *question, const char *url, struct ks_bytes response,
		 struct ks_own_status *ret_status, struct ks_enrol_problem *problem)
{
	char why[KS_OWN_STATUS_WHY_MAX], shown[SHOWN_MAX], day[24];
	struct ks_own_status status;

	show(url, shown);
	int r = ks_own_status_read(response, question->leaf, question->issuer, (int64_t)ks_clock_wall_s(), &status,
				   why);
	if (r < 0)
		return ks_enrol_problem_set(problem, r,
					    "key \"%s\": the answer of the OCSP responder %s is no good: %s",
					    question->key, shown, why);
	if (!status.fresh && status.word != KS_OWN_STATUS_REVOKED) {
		put_day(status.until_s, day);
		return ks_enrol_problem_set(
			problem, KS_ERR_EXPIRED,
			"key \"%s\": the answer of the OCSP responder %s has expired on %s and counts for nothing; is "
			"this computer's clock right?",
			question->key, shown, day);
	}
	*ret_status = status;
	return 0;
}

/* One exchange. url is of the request as it is sent, responder what people know. */
static int exchange(const struct ks_status_question *question, const struct ks_ocsp_request *request,
		    const char *responder, const char *url, struct ks_buffer *ret_response,
		    struct ks_own_status *ret_status, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	char whose[SHOWN_MAX + 32], shown[SHOWN_MAX];
	bool is_post = url == responder;
	const struct ks_http_request http = { .profile = &no_profile,
					      .url = url,
					      .may_be_plain = true,
					      .content_type = is_post ? "application/ocsp-request" : NULL,
					      .accept = "application/ocsp-response",
					      .body = is_post ? ks_buffer_bytes(&request->der) : KS_BYTES_NONE,
					      .answer_max = KS_OCSP_ANSWER_MAX };

	int r = ks_http_call(&http, &answer, problem);
	if (r < 0)
		return r;
	show(responder, shown);
	(void)ks_text_print(whose, sizeof(whose), "OCSP responder %s", shown);
	if (answer.status != 200) {
		(void)ks_http_problem(problem, whose, &answer);
		return KS_ERR_UNSUPPORTED;
	}
	struct ks_bytes response = ks_buffer_bytes(&answer.body);
	r = judge(question, responder, response, ret_status, problem);
	if (r < 0)
		return r;
	if (request->has_nonce && ks_ocsp_request_nonce(request, response) == KS_OCSP_NONCE_OTHER)
		return ks_enrol_problem_set(problem, KS_ERR_DENIED,
					    "key \"%s\": the answer of the OCSP responder %s is to another request "
					    "(nonce)",
					    question->key, shown);
	ks_buffer_put(ret_response, response);
	return ks_buffer_error(ret_response);
}

/* Is it of use to ask the same responder in another way? Not when nobody answers there. */
static bool may_ask_otherwise(int error)
{
	return error == KS_ERR_UNSUPPORTED || error == KS_ERR_MALFORMED || error == KS_ERR_DENIED ||
	       error == KS_ERR_EXPIRED || error == KS_ERR_NOT_FOUND;
}

static int ask_plainly(const struct ks_status_question *question, const char *url, struct ks_buffer *ret_response,
		       struct ks_own_status *ret_status, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_ocsp_request_deinit) struct ks_ocsp_request request = { 0 };
	KS_AUTO_FREE char *get = NULL;

	int r = ks_ocsp_request_make(question->leaf, question->issuer, false, &request);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "no OCSP request could be made");
	r = ks_ocsp_request_url(&request, url, &get);
	if (r == 0)
		r = exchange(question, &request, url, get, ret_response, ret_status, problem);
	else if (r != KS_ERR_TOO_LARGE)
		return ks_enrol_problem_set(problem, r, "no OCSP request could be made");
	if (r == KS_ERR_TOO_LARGE || may_ask_otherwise(r)) {
		ks_buffer_reset(ret_response);
		r = exchange(question, &request, url, url, ret_response, ret_status, problem);
	}
	return r;
}

int ks_status_fetch_answer(const struct ks_status_question *question, const char *url, struct ks_buffer *ret_response,
			   struct ks_own_status *ret_status, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_ocsp_request_deinit) struct ks_ocsp_request request = { 0 };

	int r = ks_ocsp_request_make(question->leaf, question->issuer, true, &request);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "no OCSP request could be made");
	r = exchange(question, &request, url, url, ret_response, ret_status, problem);
	if (!may_ask_otherwise(r))
		return r;
	ks_buffer_reset(ret_response);
	return ask_plainly(question, url, ret_response, ret_status, problem);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

static int take_first(struct ks_bytes der, void *userdata)
{
	struct ks_buffer *out = userdata;

	if (out->size > 0)
		return 0;
	ks_buffer_put(out, der);
	return ks_buffer_error(out);
}

/* Appends DER, whatever it came as. */
static int put_der(struct ks_bytes body, struct ks_buffer *out)
{
	static const char begin[] = "-----BEGIN ";
	static const char *const labels[] = { "X509 CRL", NULL };

	ks_buffer_init(out, KS_REVOCATION_FILE_MAX);
	if (body.size > 0 && memmem(body.data, body.size, begin, sizeof(begin) - 1)) {
		int n = ks_pem_blocks_read(body, labels, take_first, out);
		return n < 0 ? n : n == 0 ? KS_ERR_MALFORMED : 0;
	}
	ks_buffer_put(out, body);
	return ks_buffer_error(out);
}

/* Why nothing can be had of this list; NULL when it is good. */
static const char *find_fault(const struct ks_status_question *question, const struct ks_revocation *list,
			      struct ks_status_list *found)
{
	int64_t now_s = (int64_t)ks_clock_wall_s(), when_s;

	if (ks_revocation_why_ignored(list))
		return ks_revocation_why_ignored(list);
	if (!ks_revocation_signed_by(list, question->issuer))
		return "it is not signed by the CA of the certificate";
	if (!ks_revocation_times(list, &found->said_s, &found->until_s))
		return "its dates make no sense";
	if (found->said_s > now_s + KS_PROOF_OCSP_SKEW_S)
		return "it is of the future; is this computer's clock right?";
	found->is_named = ks_revocation_names(list, question->leaf, &when_s);
	if (found->until_s < now_s && !found->is_named)
		return "it has expired";
	return NULL;
}

static int judge_list(const struct ks_status_question *question, const char *shown, struct ks_bytes body,
		      struct ks_status_list *found, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_revocation_freep) struct ks_revocation *list = NULL;

	int r = put_der(body, &found->der);
	if (r == 0)
		r = ks_revocation_new(ks_buffer_bytes(&found->der), &list);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "key \"%s\": %s is no revocation list that can be read",
					    question->key, shown);
	const char *fault = find_fault(question, list, found);
	return fault ? ks_enrol_problem_set(problem, KS_ERR_DENIED, "key \"%s\": the revocation list %s is no good: %s",
					    question->key, shown, fault) :
		       0;
}

int ks_status_fetch_list(const struct ks_status_question *question, const char *url, struct ks_status_list *ret_list,
			 struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	struct ks_status_list found = { 0 };
	char whose[SHOWN_MAX + 32], shown[SHOWN_MAX];
	const struct ks_http_request http = { .profile = &no_profile,
					      .url = url,
					      .may_be_plain = true,
					      .accept = "application/pkix-crl, */*",
					      .answer_max = KS_REVOCATION_FILE_MAX };

	int r = ks_http_call(&http, &answer, problem);
	if (r < 0)
		return r;
	show(url, shown);
	(void)ks_text_print(whose, sizeof(whose), "revocation list %s", shown);
	if (answer.status != 200) {
		(void)ks_http_problem(problem, whose, &answer);
		return KS_ERR_UNSUPPORTED;
	}
	r = judge_list(question, shown, ks_buffer_bytes(&answer.body), &found, problem);
	if (r < 0) {
		ks_buffer_deinit(&found.der);
		return r;
	}
	*ret_list = found;
	return 0;
}
