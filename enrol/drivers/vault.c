/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault: see vault.h. One POST of a request, with a token that somebody else keeps fresh (Vault's own agent, a login
 * hook): this driver logs in nowhere.
 *
 * Runs in: keystay-enroll. Must never let the token into a message; it stands in wiped memory and in one header field.
 */
#include "enrol/drivers/vault.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/x509.h>

#include "enrol/base/http.h"
#include "enrol/drivers/json.h"
#include "lib/base/text.h"
#include "lib/protocol/pem.h"

#define HTTP_OK 200u
/* Vault Enterprise: a standby has not seen yet what this needs; "should be retried". */
#define HTTP_PRECONDITION_FAILED 412u
#define HTTP_FORBIDDEN 403u
#define HTTP_NOT_FOUND 404u

KS_DEFINE_CLEANUP(X509_NAME *, X509_NAME_free)

/* --- the request ----------------------------------------------------------------------------------------------------- */

/* The last commonName of a Name, as UTF-8 (OPENSSL_free()); NULL when it has none. */
static char *common_name_of(struct ks_bytes subject)
{
	const unsigned char *at = subject.data;
	KS_CLEANUP(X509_NAME_freep)
	X509_NAME *name = subject.size > 0 ? d2i_X509_NAME(NULL, &at, (long)subject.size) : NULL;
	unsigned char *text = NULL;
	int found = -1;

	if (!name)
		return NULL;
	for (int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1); i >= 0;
	     i = X509_NAME_get_index_by_NID(name, NID_commonName, i))
		found = i;
	if (found < 0 || ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, found))) < 0)
		return NULL;
	return (char *)text;
}

static int set_text(json_t *object, const char *name, const char *text)
{
	return !text || json_object_set_new(object, name, json_string(text)) == 0 ? 0 : KS_ERR_INVALID;
}

int ks_vault_put_request(struct ks_buffer *body, const struct ks_enrol_request *request)
{
	KS_CLEANUP(json_decrefp) json_t *object = json_object();
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };

	int r = ks_pem_put(&pem, "CERTIFICATE REQUEST", request->csr);
	KS_AUTO_FREE char *csr = r == 0 ? ks_buffer_steal_text(&pem) : NULL;
	if (!object || !csr)
		return KS_ERR_NO_MEMORY;
	char *common_name = common_name_of(request->subject);
	r = set_text(object, "csr", csr);
	if (r == 0)
		r = set_text(object, "common_name", common_name);
	if (r == 0)
		r = set_text(object, "ttl", request->profile->ttl);
	OPENSSL_free(common_name);
	return r < 0 ? r : ks_json_put(body, object);
}

/* --- the answer ------------------------------------------------------------------------------------------------------ */

static int put_all(const json_t *data, struct ks_enrol_answer *answer)
{
	int n = ks_json_put_certificates(json_object_get(data, "certificate"), &answer->certificates);
	if (n <= 0)
		return n < 0 ? n : KS_ERR_MALFORMED;
	/* An issuer without a chain of its own has no ca_chain; format=pem_bundle has the chain in certificate. */
	static const char *const members[] = { "issuing_ca", "ca_chain" };
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *member = json_object_get(data, members[i]);
		n = ks_json_put_certificates(member, &answer->certificates);
		if (n >= 0)
			n = ks_json_put_certificates(member, &answer->anchors);
		if (n < 0)
			return n;
	}
	return 0;
}

int ks_vault_read_answer(struct ks_bytes body, const char *whose, struct ks_enrol_answer *ret_answer,
			 struct ks_enrol_problem *problem)
{
	KS_CLEANUP(json_decrefp) json_t *object = NULL;
	KS_CLEANUP(ks_enrol_answer_deinit) struct ks_enrol_answer answer = { .outcome = KS_ENROL_ISSUED };

	int r = ks_json_read(body, &object);
	if (r < 0)
		return ks_enrol_problem_final(problem, r,
					      "%s answered with what is no JSON of Vault's API (%s); is url its "
					      "…/v1/pki/sign/ROLE?",
					      whose, ks_error_text(r));
	const json_t *data = json_object_get(object, "data");
	/* Response wrapping (X-Vault-Wrap-TTL, which a proxy may add) gives a token instead. */
	if (!json_is_object(data) && json_is_object(json_object_get(object, "wrap_info")))
		return ks_enrol_problem_final(problem, KS_ERR_UNSUPPORTED,
					      "%s wrapped its answer; keystay needs it as it is: have response "
					      "wrapping left out for this path",
					      whose);
	r = json_is_object(data) ? put_all(data, &answer) : KS_ERR_MALFORMED;
	if (r < 0)
		return ks_enrol_problem_final(problem, r,
					      "%s answered without a certificate that can be read (data.certificate, "
					      "data.issuing_ca, data.ca_chain; %s); is url its …/v1/pki/sign/ROLE?",
					      whose, ks_error_text(r));
	*ret_answer = answer;
	answer = (struct ks_enrol_answer){ 0 };
	return 0;
}

/* --- the exchange ---------------------------------------------------------------------------------------------------- */

/* Sets its own words where Vault said something. */
static int refused(const char *whose, const struct ks_http_answer *answer, struct ks_enrol_problem *problem)
{
	char errors[512];

	int r = ks_http_problem(problem, whose, answer);
	ks_json_print_member(ks_buffer_bytes(&answer->body), "errors", errors, sizeof(errors));
	const char *next = "";
	if (answer->status == HTTP_FORBIDDEN)
		next = ". Has the token expired, or may its policy not update this path?";
	else if (answer->status == HTTP_NOT_FOUND)
		next = ". Is the path in url right: v1, the mount, sign, the role?";
	if (errors[0] || next[0])
		(void)ks_text_print(problem->text, sizeof(problem->text), "%s answered %u: %s%s", whose, answer->status,
				    errors[0] ? errors : "nothing more", next);
	if (answer->status == HTTP_PRECONDITION_FAILED)
		problem->is_final = false;
	return r;
}

/* "X-Vault-Token: …"; what is no printable ASCII is in no token, and a line break would begin another field. */
static int put_token(struct ks_buffer *header, const struct ks_enrol_request *request, struct ks_enrol_problem *problem)
{
	struct ks_bytes token = request->secret ? ks_secret_bytes(request->secret) : KS_BYTES_NONE;

	if (token.size == 0)
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
					      "profile \"%s\" (%s) has no Vault token: name the file that holds it, "
					      "secret-file = /…, or a systemd credential, secret-credential = NAME",
					      request->profile->name, request->profile->origin);
	for (size_t i = 0; i < token.size; i++) {
		if (token.data[i] <= ' ' || token.data[i] > '~')
			return ks_enrol_problem_final(problem, KS_ERR_CONFIG,
						      "the first line of the secret of profile \"%s\" is no Vault "
						      "token: there are spaces or other characters in it",
						      request->profile->name);
	}
	header->secret = true;
	ks_buffer_put(header, ks_bytes_text("X-Vault-Token: "));
	ks_buffer_put(header, token);
	ks_buffer_put_u8(header, '\0');
	if (ks_buffer_error(header) < 0)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	return 0;
}

static int exchange(const struct ks_enrol_request *request, const char *const *headers, struct ks_http_answer *answer,
		    struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };

	int r = ks_vault_put_request(&body, request);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "the request for Vault cannot be written: %s",
					    ks_error_text(r));
	const struct ks_http_request http = {
		.profile = request->profile,
		.url = request->profile->url,
		.content_type = "application/json",
		.accept = "application/json",
		.body = ks_buffer_bytes(&body),
		.headers = headers,
	};
	return ks_http_call(&http, answer, problem);
}

static int run(const struct ks_enrol_request *request, struct ks_enrol_answer *ret_answer,
	       struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_http_answer_deinit) struct ks_http_answer answer = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer token = { 0 };
	KS_AUTO_FREE char *namespace = request->profile->namespace ?
					       ks_text_format("X-Vault-Namespace: %s", request->profile->namespace) :
					       NULL;
	char whose[300];

	(void)ks_text_print(whose, sizeof(whose), "Vault server %s", request->profile->url);
	int r = put_token(&token, request, problem);
	if (r < 0)
		return r;
	/* A proxy of Vault's may demand the field: no browser sends it. */
	const char *const headers[] = { (const char *)token.data, "X-Vault-Request: true", namespace, NULL };
	r = exchange(request, headers, &answer, problem);
	if (r < 0)
		return r;
	if (answer.status != HTTP_OK)
		return refused(whose, &answer, problem);
	return ks_vault_read_answer(ks_buffer_bytes(&answer.body), whose, ret_answer, problem);
}

const struct ks_enrol_driver ks_enrol_vault = {
	.protocol = "vault",
	.run = run,
};
