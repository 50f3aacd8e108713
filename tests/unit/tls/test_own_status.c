/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/tls/own_status.h and lib/tls/status_sources.h: whose word on one's own certificate counts, and for
 * how long. */
#include "lib/tls/own_status.h"

#include <string.h>

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/tls/ocsp_answer.h"
#include "lib/tls/status_sources.h"
#include "tests/unit/tls/proof_scene.h"

#define HOUR 3600

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)

static struct scene scene;
static struct server_ca_certificate responder;
static struct ks_buffer answer;
static struct ks_own_status status;
static char why[KS_OWN_STATUS_WHY_MAX];

static int setup(void **state)
{
	(void)state;
	scene_init(&scene);
	scene_make(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_deinit(&scene);
	server_ca_deinit(&responder);
	ks_buffer_deinit(&answer);
	return 0;
}

/* By the issuer itself, for the leaf. */
static struct server_ca_response good(void)
{
	return (struct server_ca_response){ .of = &scene.leaf,
					    .issuer = &scene.middle,
					    .status = V_OCSP_CERTSTATUS_GOOD,
					    .this_update = SCENE_NOW - HOUR,
					    .next_update = SCENE_NOW + HOUR };
}

static struct ks_certificate *read_certificate(const struct server_ca_certificate *from)
{
	struct ks_certificate *certificate = NULL;

	assert_int_equal(ks_certificate_new(ks_buffer_bytes(&from->der), &certificate), 0);
	return certificate;
}

/* What is in answer, as the leaf's; its issuer is said to be that. */
static int read_answer_at(const struct server_ca_certificate *issuer_made, int64_t now_s)
{
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = read_certificate(&scene.leaf);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *issuer = read_certificate(issuer_made);

	memset(&status, 0, sizeof(status));
	why[0] = '\0';
	int r = ks_own_status_read(ks_buffer_bytes(&answer), leaf, issuer, now_s, &status, why);
	assert_true(r == 0 ? why[0] == '\0' : why[0] != '\0' && status.word == 0);
	return r;
}

static int ask(const struct server_ca_response *response)
{
	ks_buffer_reset(&answer);
	server_ca_put_response(&answer, response);
	return read_answer_at(&scene.middle, SCENE_NOW);
}

static struct server_ca_plan responder_plan(void)
{
	struct server_ca_plan plan = scene.leaf_plan;

	plan.common_name = "OCSP responder";
	scene_set(&plan, "subjectAltName", NULL);
	scene_set(&plan, "extendedKeyUsage", "OCSPSigning");
	return plan;
}

/* By the responder, whose plan was changed by the caller. */
static int ask_delegated(const struct server_ca_plan *plan, const struct server_ca_certificate *by,
			 struct server_ca_response response)
{
	server_ca_deinit(&responder);
	server_ca_make(&responder, plan, by);
	response.signer = &responder;
	return ask(&response);
}

/* --- what it says ------------------------------------------------------------------------------------------------ */

static void test_own_status_says_good_revoked_and_unknown(void **state)
{
	struct server_ca_response response = good();

	(void)state;
	assert_int_equal(ask(&response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_GOOD);
	assert_true(status.fresh);
	assert_int_equal(status.said_s, SCENE_NOW - HOUR);
	assert_int_equal(status.until_s, SCENE_NOW + HOUR);
	response.by_key = response.sha256_id = response.without_signer = true;
	assert_int_equal(ask(&response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_GOOD);

	response.status = V_OCSP_CERTSTATUS_REVOKED;
	assert_int_equal(ask(&response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_REVOKED);
	assert_int_equal(status.reason, -1);
	assert_int_equal(status.revoked_s, 1);
	response.reason = CRL_REASON_SUPERSEDED;
	assert_int_equal(ask(&response), 0);
	assert_string_equal(ks_own_status_reason(status.reason), "it was superseded");

	response.status = V_OCSP_CERTSTATUS_UNKNOWN;
	assert_int_equal(ask(&response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_UNKNOWN);
}

static void test_own_status_has_words_for_every_reason(void **state)
{
	(void)state;
	for (int reason = -1; reason < 12; reason++)
		assert_non_null(ks_own_status_reason(reason));
	assert_string_equal(ks_own_status_reason(-1), "");
	assert_string_equal(ks_own_status_reason(KS_OWN_STATUS_ON_HOLD), "it is on hold");
	assert_string_equal(ks_own_status_reason(99), "");
}

/* --- when -------------------------------------------------------------------------------------------------------- */

static void test_own_status_is_fresh_between_its_updates(void **state)
{
	struct server_ca_response response = good();

	(void)state;
	response.next_update = SCENE_NOW - KS_OCSP_SKEW_S - 1;
	assert_int_equal(ask(&response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_GOOD);
	assert_false(status.fresh);
	response.next_update = SCENE_NOW - KS_OCSP_SKEW_S;
	assert_int_equal(ask(&response), 0);
	assert_true(status.fresh);
	/* Of the future: not even "revoked" is taken. */
	response.status = V_OCSP_CERTSTATUS_REVOKED;
	response.next_update = SCENE_NOW + 2 * SCENE_DAY;
	response.this_update = SCENE_NOW + KS_OCSP_SKEW_S + 1;
	assert_int_equal(ask(&response), KS_ERR_MALFORMED);
	response.this_update = SCENE_NOW + KS_OCSP_SKEW_S;
	assert_int_equal(ask(&response), 0);
	/* Its end before its beginning. */
	response.next_update = response.this_update - 1;
	assert_int_equal(ask(&response), KS_ERR_MALFORMED);
}

static void test_own_status_without_an_end_is_for_a_day(void **state)
{
	struct server_ca_response response = good();

	(void)state;
	response.next_update = 0;
	response.this_update = SCENE_NOW - SCENE_DAY - KS_OCSP_SKEW_S;
	assert_int_equal(ask(&response), 0);
	assert_true(status.fresh);
	assert_int_equal(status.until_s, response.this_update + SCENE_DAY);
	response.this_update--;
	assert_int_equal(ask(&response), 0);
	assert_false(status.fresh);
}

/* --- by whom ----------------------------------------------------------------------------------------------------- */

static void test_own_status_counts_of_the_issuer_alone(void **state)
{
	struct server_ca_response response = good();

	(void)state;
	response.signer = &scene.root;
	assert_int_equal(ask(&response), KS_ERR_DENIED);
	response.signer = &scene.leaf;
	assert_int_equal(ask(&response), KS_ERR_DENIED);
	response.signer = NULL;
	assert_int_equal(ask(&response), 0);
	/* The right answer, and the wrong certificate for its issuer. */
	assert_int_equal(read_answer_at(&scene.root, SCENE_NOW), KS_ERR_DENIED);
	/* A bit of the signature, which is the last thing in an answer without certificates. */
	response.without_signer = true;
	assert_int_equal(ask(&response), 0);
	answer.data[answer.size - 1] ^= 1;
	assert_int_equal(read_answer_at(&scene.middle, SCENE_NOW), KS_ERR_DENIED);
	response.hash = "SHA1";
	assert_int_equal(ask(&response), KS_ERR_DENIED);
}

static void test_own_status_counts_of_a_responder_of_the_issuer(void **state)
{
	struct server_ca_plan plan = responder_plan();

	(void)state;
	assert_int_equal(ask_delegated(&plan, &scene.middle, good()), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_GOOD);
	assert_true(status.fresh);
	assert_int_equal(ask_delegated(&plan, &scene.root, good()), KS_ERR_DENIED);
	assert_int_equal(ask_delegated(&plan, NULL, good()), KS_ERR_DENIED);
	scene_set(&plan, "extendedKeyUsage", "clientAuth");
	assert_int_equal(ask_delegated(&plan, &scene.middle, good()), KS_ERR_DENIED);
	scene_set(&plan, "extendedKeyUsage", NULL);
	assert_int_equal(ask_delegated(&plan, &scene.middle, good()), KS_ERR_DENIED);
}

/* A responder whose certificate is over cannot say "good" any more, but what it said of a revocation stays. The time at
 * which it said so is that of this computer: server_ca has no other. */
static void test_own_status_of_a_responder_that_is_over(void **state)
{
	struct server_ca_plan plan = responder_plan();
	struct server_ca_response response = good();

	(void)state;
	plan.from = 0;
	plan.until = SCENE_NOW - 1;
	assert_int_equal(ask_delegated(&plan, &scene.middle, response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_GOOD);
	assert_false(status.fresh);
	response.status = V_OCSP_CERTSTATUS_REVOKED;
	assert_int_equal(ask_delegated(&plan, &scene.middle, response), 0);
	assert_int_equal(status.word, KS_OWN_STATUS_REVOKED);
	assert_false(status.fresh);
	/* It was over before it said so. */
	plan.until = SCENE_DAY;
	assert_int_equal(ask_delegated(&plan, &scene.middle, response), KS_ERR_DENIED);
}

/* --- of what ----------------------------------------------------------------------------------------------------- */

static void test_own_status_is_of_this_certificate(void **state)
{
	struct server_ca_response response = good();

	(void)state;
	response.of = &scene.middle;
	assert_int_equal(ask(&response), KS_ERR_NOT_FOUND);
	response.of = &scene.leaf;
	response.with_critical_extension = true;
	assert_int_equal(ask(&response), KS_ERR_MALFORMED);
}

static void test_own_status_takes_no_error_and_no_nonsense(void **state)
{
	static const int errors[] = { OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, OCSP_RESPONSE_STATUS_INTERNALERROR,
				      OCSP_RESPONSE_STATUS_TRYLATER, OCSP_RESPONSE_STATUS_SIGREQUIRED,
				      OCSP_RESPONSE_STATUS_UNAUTHORIZED };
	struct server_ca_response response = good();

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		ks_buffer_reset(&answer);
		server_ca_put_error_response(&answer, errors[i]);
		assert_int_equal(read_answer_at(&scene.middle, SCENE_NOW), KS_ERR_UNSUPPORTED);
		assert_non_null(strstr(why, "the responder "));
	}
	ks_buffer_reset(&answer);
	assert_int_equal(read_answer_at(&scene.middle, SCENE_NOW), KS_ERR_MALFORMED);
	assert_int_equal(ask(&response), 0);
	ks_buffer_put_u8(&answer, 0);
	assert_int_equal(read_answer_at(&scene.middle, SCENE_NOW), KS_ERR_MALFORMED);
	answer.size -= 2;
	assert_int_equal(read_answer_at(&scene.middle, SCENE_NOW), KS_ERR_MALFORMED);
	/* Longer than any response. */
	while (answer.size <= KS_OCSP_ANSWER_MAX)
		ks_buffer_put_u8(&answer, 0);
	assert_int_equal(read_answer_at(&scene.middle, SCENE_NOW), KS_ERR_MALFORMED);
}

/* --- where to ask ------------------------------------------------------------------------------------------------ */

static void expect_sources(const char *access, const char *points, size_t n_responders, size_t n_lists)
{
	struct server_ca_plan plan = scene.leaf_plan;
	struct server_ca_certificate made = { 0 };
	struct ks_status_sources sources;

	scene_set(&plan, "subjectAltName", NULL);
	if (access)
		scene_set(&plan, "authorityInfoAccess", access);
	if (points)
		scene_set(&plan, "crlDistributionPoints", points);
	server_ca_make(&made, &plan, &scene.middle);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = read_certificate(&made);
	assert_int_equal(ks_status_sources_read(certificate, &sources), 0);
	if (sources.n_responders != n_responders || sources.n_lists != n_lists)
		fail_msg("%s; %s: %zu responders, %zu lists", access ? access : "-", points ? points : "-",
			 sources.n_responders, sources.n_lists);
	if (n_responders > 0)
		assert_string_equal(sources.responders[0], "http://ocsp.example/");
	if (n_lists > 0)
		assert_string_equal(sources.lists[0], "http://crl.example/1.crl");
	ks_status_sources_deinit(&sources);
	server_ca_deinit(&made);
}

static void test_status_sources_are_asked_by_http_alone(void **state)
{
	(void)state;
	expect_sources(NULL, NULL, 0, 0);
	expect_sources("OCSP;URI:http://ocsp.example/", "URI:http://crl.example/1.crl", 1, 1);
	expect_sources("caIssuers;URI:http://ca.example/1.cer,OCSP;URI:http://ocsp.example/,OCSP;URI:http://b.example/",
		       NULL, 2, 0);
	expect_sources("OCSP;URI:https://ocsp.example/,OCSP;URI:ldap://ocsp.example/,OCSP;email:a@b.example,"
		       "OCSP;URI:http://",
		       "URI:ldap://crl.example/cn=1,URI:http://crl.example/1.crl,URI:file:///etc/1.crl", 0, 1);
	expect_sources("OCSP;URI:http://ocsp.example/,OCSP;URI:http://2/,OCSP;URI:http://3/,OCSP;URI:http://4/,"
		       "OCSP;URI:http://5/,OCSP;URI:http://6/",
		       NULL, KS_STATUS_SOURCES_MAX, 0);
	expect_sources("OCSP;URI:http://ocsp example/", NULL, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_status_says_good_revoked_and_unknown),
		cmocka_unit_test(test_own_status_has_words_for_every_reason),
		cmocka_unit_test(test_own_status_is_fresh_between_its_updates),
		cmocka_unit_test(test_own_status_without_an_end_is_for_a_day),
		cmocka_unit_test(test_own_status_counts_of_the_issuer_alone),
		cmocka_unit_test(test_own_status_counts_of_a_responder_of_the_issuer),
		cmocka_unit_test(test_own_status_of_a_responder_that_is_over),
		cmocka_unit_test(test_own_status_is_of_this_certificate),
		cmocka_unit_test(test_own_status_takes_no_error_and_no_nonsense),
		cmocka_unit_test(test_status_sources_are_asked_by_http_alone),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
