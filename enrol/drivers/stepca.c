/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stepca: see stepca.h. The old certificate, shown over mutual TLS, is all that step-ca wants for a new one of the same
 * names: POST /renew for the same key, POST /rekey with a request for another. Signed for by the agent, as any handshake.
 *
 * The first certificate takes a one-time token, which `step ca token` makes with the help of a person: that stays step's.
 *
 * Runs in: keystay-enroll.
 */
#include "enrol/drivers/stepca.h"

#include <string.h>

#include "enrol/base/http.h"
#include "enrol/drivers/json.h"
#include "lib/base/clock.h"
#include "lib/base/lifetime.h"
#include "lib/base/text.h"
#include "lib/protocol/pem.h"

#define HTTP_CREATED 201u
#define HTTP_UNAUTHORIZED 401u

static int put_all(const json_t *object, struct ks_enrol_answer *answer)
{
	static const char *const authorities[] = { "ca", "certChain" };

	int n = ks_json_put_certificates(json_object_get(object, "crt"), &answer->certificates);
	if (n <= 0)
		return n < 0 ? n : KS_ERR_MALFORMED;
	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++) {
		n = ks_json_put_certificates(json_object_get(object, authorities[i]), &answer->certificates);
		if (n < 0)
			return n;
	}
	/* certChain begins with the leaf; ca is who issued it. */
	n = ks_json_put_certificates(json_object_get(object, "ca"), &answer->anchors);
	return n < 0 ? n : 0;
}

int ks_stepca_read_answer(struct ks_bytes body, const char *whose, struct ks_enrol_answer *ret_answer,
			  struct ks_enrol_problem *problem)
{
	KS_CLEANUP(json_decrefp) json_t *object = NULL;
	KS_CLEANUP(ks_enrol_answer_deinit) struct ks_enrol_answer answer = { .outcome = KS_ENROL_ISSUED };

	int r = ks_json_read(body, &object);
	if (r == 0)
		r = put_all(object, &answer);
	if (r < 0)
		return ks_enrol_problem_final(problem, r,
					      "%s answered without a certificate that can be read (crt, ca, certChain; "
					      "%s); is url that of a step-ca?",
					      whose, ks_error_text(r));
	*ret_answer = answer;
	answer = (struct ks_enrol_answer){ 0 };
	return 0;
}

static int refused(const char *whose, const struct ks_http_answer *answer, struct ks_enrol_problem *problem)
{
	char message[512];

	int r = ks_http_problem(problem, whose, answer);
	ks_json_print_member(ks_buffer_bytes(&answer->body), "message", message, sizeof(message));
	if (message[0])
		(void)ks_text_print(problem->text, sizeof(problem->text), "%s answered %u: %s%s", whose, answer->status,
				    message,
				    answer->status == HTTP_UNAUTHORIZED ?
					    " Certificates that have expired, were revoked or come of a provisioner "
					    "that renews none need a new one from `step ca sign`" :
					    "");
	return r;
}

/* {"csr": PEM} */
static int put_rekey(struct ks_buffer *body, struct ks_bytes csr)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	KS_CLEANUP(json_decrefp) json_t *object = json_object();

	int r = ks_pem_put(&pem, "CERTIFICATE REQUEST", csr);
	KS_AUTO_FREE char *text = r == 0 ? ks_buffer_steal_text(&pem) : NULL;
	if (!object || !text || json_object_set_new(object, "csr", json_string(text)) < 0)
		return KS_ERR_NO_MEMORY;
	return ks_json_put(body, object);
}

/* The URL of the CA, with or without a slash at its end, and this path. */
static char *place_of(const struct ks_profile *profile, const char *path)
{
	size_t size = strlen(profile->url);

	while (size > 0 && profile->url[size - 1] == '/')
		size--;
	return ks_text_format("%.*s/%s", (int)size, profile->url, path);
}

/* How a person gets the certificate that is renewed from then on. */
static int needs_a_person(const struct ks_bytes name, const char *why, struct ks_enrol_problem *problem)
{
	char key[128];

	ks_text_escape(name, key, sizeof(key));
	return ks_enrol_problem_final(
		problem, KS_ERR_NO_CERTIFICATE,
		"step-ca renews a certificate that holds, and that of key \"%s\" %s. Get one with a one-time token: "
		"keystay csr %s --subject /CN=… -o req.pem; step ca sign req.pem crt.pem; keystay token import %s "
		"crt.pem. Or, where the CA has a SCEP provisioner, use a profile with protocol = scep",
		key, why, key, key);
}

/* Is there a certificate that step-ca can renew? One that has expired ends the handshake, without a word why; who asks may
 * leave it out as well. */
static int check_old(const struct ks_enrol_request *request, struct ks_enrol_problem *problem)
{
	const struct ks_msg_identity *shown = request->old ? &request->old->identity : &request->key->identity;
	uint64_t now = ks_clock_wall_s();
	char words[KS_LIFETIME_TEXT_MAX];

	if (shown->n_certificates > 0 && shown->not_after < now) {
		ks_lifetime_words(shown->not_before, shown->not_after, now, words);
		return needs_a_person(shown->name, words, problem);
	}
	return request->old ? 0 : needs_a_person(shown->name, "is not there yet", problem);
}

static int run(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
	       struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	char whose[300];

	int r = check_old(request, problem);
	if (r < 0)
		return r;
	bool is_rekey = !ks_bytes_equal(request->key->identity.spki_hash, request->old->identity.spki_hash);
	KS_AUTO_FREE char *place = place_of(request->profile, is_rekey ? "rekey" : "renew");
	if (!place || (is_rekey && put_rekey(&body, request->csr) < 0))
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	(void)ks_text_print(whose, sizeof(whose), "step-ca %s", place);
	const struct ks_http_request http = {
		.profile = request->profile,
		.url = place,
		.content_type = "application/json",
		.accept = "application/json",
		.body = ks_buffer_bytes(&body),
		.identity = request->old,
	};
	r = ks_http_call(&http, &answer, problem);
	if (r < 0)
		return r;
	if (answer.status != HTTP_CREATED)
		return refused(whose, &answer, problem);
	return ks_stepca_read_answer(ks_buffer_bytes(&answer.body), whose, ret_answer, problem);
}

const struct ks_enrol_driver ks_enrol_stepca = {
	.protocol = "step-ca",
	.needs_old = true,
	.run = run,
};
