/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/tls/server_ocsp.h, seen from a whole proof. */
#include "tests/unit/tls/proof_scene.h"

#include <stdio.h>
#include <string.h>

#include <openssl/ocsp.h>

#include "lib/base/cleanup.h"

static struct scene scene;

static int setup(void **state)
{
	(void)state;
	scene_init(&scene);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_deinit(&scene);
	return 0;
}

#define HOUR 3600

/* A responder of its own, to whom the issuing authority gave a certificate. */
static struct server_ca_certificate responder;

static struct server_ca_plan responder_plan(void)
{
	struct server_ca_plan plan = scene.leaf_plan;

	plan.common_name = "OCSP responder";
	scene_set(&plan, "subjectAltName", NULL);
	scene_set(&plan, "extendedKeyUsage", "OCSPSigning");
	return plan;
}

/* A good response of the issuer itself. */
static struct server_ca_response good(void)
{
	return (struct server_ca_response){ .of = &scene.leaf,
					    .issuer = &scene.middle,
					    .status = V_OCSP_CERTSTATUS_GOOD,
					    .this_update = SCENE_NOW - HOUR,
					    .next_update = SCENE_NOW + HOUR };
}

static void staple(const struct server_ca_response *response)
{
	ks_buffer_reset(&scene.staple);
	server_ca_put_response(&scene.staple, response);
	scene.claim.ocsp_response = ks_buffer_bytes(&scene.staple);
}

/* By the responder, whose plan was changed by the caller. */
static struct server_ca_response delegated(const struct server_ca_plan *plan, const struct server_ca_certificate *by)
{
	struct server_ca_response response = good();

	server_ca_deinit(&responder);
	server_ca_make(&responder, plan, by);
	response.signer = &responder;
	return response;
}

static int forget_responder(void **state)
{
	server_ca_deinit(&responder);
	return teardown(state);
}

static void test_ocsp_good_response_of_the_issuer_is_taken(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	staple(&response);
	scene_expect_proven(&scene);
	response.by_key = response.sha256_id = response.without_signer = true;
	staple(&response);
	scene_expect_proven(&scene);
}

/* OpenSSL reads a SEQUENCE that says it is primitive, and verifies what it would have written itself. */
static void test_ocsp_refuses_what_is_not_der(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.without_signer = true; /* what is in a certificate that nobody needs does not matter */
	staple(&response);
	scene_expect_proven(&scene);
	for (size_t i = 0; i < scene.staple.size; i++) {
		if (scene.staple.data[i] != 0x30)
			continue;
		scene.staple.data[i] ^= 0x20;
		assert_true(scene_prove(&scene) < 0);
		scene.staple.data[i] ^= 0x20;
	}
	scene_expect_proven(&scene);
}

static void test_ocsp_revoked_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.status = V_OCSP_CERTSTATUS_REVOKED;
	staple(&response);
	scene_expect_refused(&scene, "its certificate is revoked");
}

static void test_ocsp_unknown_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.status = V_OCSP_CERTSTATUS_UNKNOWN;
	staple(&response);
	scene_expect_refused(&scene, "does not know its certificate");
}

static void test_ocsp_expired_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.next_update = SCENE_NOW - HOUR / 2;
	staple(&response);
	scene_expect_refused(&scene, "the OCSP response that it stapled has expired");
}

static void test_ocsp_of_the_future_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.this_update = SCENE_NOW + HOUR / 2;
	staple(&response);
	scene_expect_refused(&scene, "the OCSP response that it stapled is of the future");
}

static void test_ocsp_clocks_may_differ_by_minutes(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.this_update = SCENE_NOW + 200;
	staple(&response);
	scene_expect_proven(&scene);
	response.this_update = SCENE_NOW - HOUR;
	response.next_update = SCENE_NOW - 200;
	staple(&response);
	scene_expect_proven(&scene);
}

static void test_ocsp_without_a_next_update_is_good_for_a_day(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.next_update = 0;
	staple(&response);
	scene_expect_proven(&scene);
	scene.now = SCENE_NOW + 2 * SCENE_DAY;
	scene_expect_refused(&scene, "has expired");
}

static void test_ocsp_of_another_certificate_is_refused(void **state)
{
	(void)state;
	struct server_ca_certificate other;

	scene_make(&scene);
	struct server_ca_response response = good();
	server_ca_make(&other, &scene.leaf_plan, &scene.middle);
	response.of = &other;
	staple(&response);
	scene_expect_refused(&scene, "the OCSP response that it stapled is for another certificate");
	server_ca_deinit(&other);
}

static void test_ocsp_of_another_issuer_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.issuer = &scene.root;
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
	response.signer = &scene.middle;
	staple(&response);
	scene_expect_refused(&scene, "is for another certificate");
}

static void test_ocsp_with_a_changed_signature_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.without_signer = true; /* so that its last byte is of the signature */
	staple(&response);
	scene.staple.data[scene.staple.size - 1] ^= 1;
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_signed_over_sha1_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.hash = "SHA1";
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_that_is_an_error_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	server_ca_put_error_response(&scene.staple, OCSP_RESPONSE_STATUS_TRYLATER);
	scene.claim.ocsp_response = ks_buffer_bytes(&scene.staple);
	scene_expect_refused(&scene, "the OCSP response that it stapled is an error and no answer");
}

static void test_ocsp_that_is_none_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	scene.claim.ocsp_response = ks_bytes_text("certainly none");
	scene_expect_refused(&scene, "the OCSP response that it stapled is not well-formed");
	staple(&response);
	scene.claim.ocsp_response.size--;
	scene_expect_refused(&scene, "the OCSP response that it stapled is not well-formed");
	ks_buffer_put_u8(&scene.staple, 0);
	scene.claim.ocsp_response = ks_buffer_bytes(&scene.staple);
	scene_expect_refused(&scene, "the OCSP response that it stapled is not well-formed");
}

static void test_ocsp_with_an_unknown_critical_extension_is_refused(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.with_critical_extension = true;
	staple(&response);
	scene_expect_refused(&scene, "has a critical extension that is not understood");
}

static void test_ocsp_of_a_delegated_responder_is_taken(void **state)
{
	(void)state;
	scene_make(&scene);
	const struct server_ca_plan plan = responder_plan();
	struct server_ca_response response = delegated(&plan, &scene.middle);
	staple(&response);
	scene_expect_proven(&scene);
	response.by_key = true;
	staple(&response);
	scene_expect_proven(&scene);
	response.without_signer = true;
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_responder_must_be_meant_for_it(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_plan plan = responder_plan();
	scene_set(&plan, "extendedKeyUsage", "serverAuth");
	struct server_ca_response response = delegated(&plan, &scene.middle);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
	scene_set(&plan, "extendedKeyUsage", NULL);
	response = delegated(&plan, &scene.middle);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_responder_must_be_of_the_same_issuer(void **state)
{
	(void)state;
	scene_make(&scene);
	const struct server_ca_plan plan = responder_plan();
	struct server_ca_response response = delegated(&plan, &scene.root);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
	response = delegated(&plan, NULL);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_responder_of_a_false_issuer_of_the_same_name_is_refused(void **state)
{
	struct server_ca_certificate false_issuer;

	(void)state;
	scene_make(&scene);
	server_ca_make(&false_issuer, &scene.middle_plan, NULL);
	const struct server_ca_plan plan = responder_plan();
	struct server_ca_response response = delegated(&plan, &false_issuer);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
	server_ca_deinit(&false_issuer);
}

static void test_ocsp_responder_must_be_valid_now(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_plan plan = responder_plan();
	plan.until = SCENE_NOW - SCENE_DAY;
	struct server_ca_response response = delegated(&plan, &scene.middle);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
	plan.until = SCENE_NOW + SCENE_DAY;
	plan.from = SCENE_NOW + HOUR;
	response = delegated(&plan, &scene.middle);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_responder_must_sign_by_its_key_usage(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_plan plan = responder_plan();
	scene_set(&plan, "keyUsage", "critical,keyEncipherment");
	struct server_ca_response response = delegated(&plan, &scene.middle);
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_leaf_does_not_vouch_for_itself(void **state)
{
	(void)state;
	scene_make(&scene);
	struct server_ca_response response = good();
	response.signer = &scene.leaf;
	staple(&response);
	scene_expect_refused(&scene, "is not signed by the authority of its certificate");
}

static void test_ocsp_is_checked_where_the_leaf_is_an_anchor(void **state)
{
	(void)state;
	scene_make(&scene);
	scene_trust(&scene, &scene.leaf);
	struct server_ca_response response = good();
	staple(&response);
	scene_expect_proven(&scene);
	response.status = V_OCSP_CERTSTATUS_REVOKED;
	staple(&response);
	scene_expect_refused(&scene, "its certificate is revoked");
	scene.claim.n_certificates = 1;
	scene_expect_refused(&scene, "cannot be checked: the authority of its certificate is not known");
}

static void test_ocsp_issuer_of_an_anchor_is_who_signed_it(void **state)
{
	struct server_ca_certificate false_issuer;

	(void)state;
	/* OpenSSL itself finds by that identifier that it is not the issuer, and leaves it out of the chain. */
	scene_set(&scene.leaf_plan, "authorityKeyIdentifier", "keyid:always");
	scene_make(&scene);
	server_ca_make(&false_issuer, &scene.middle_plan, NULL);
	scene_trust(&scene, &scene.leaf);
	scene.claim.certificates[1] = ks_buffer_bytes(&false_issuer.der);
	struct server_ca_response response = good();
	response.issuer = &false_issuer;
	staple(&response);
	scene_expect_refused(&scene, "cannot be checked: the authority of its certificate is not known");
	server_ca_deinit(&false_issuer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ocsp_good_response_of_the_issuer_is_taken, setup,
						forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_refuses_what_is_not_der, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_revoked_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_unknown_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_expired_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_of_the_future_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_clocks_may_differ_by_minutes, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_without_a_next_update_is_good_for_a_day, setup,
						forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_of_another_certificate_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_of_another_issuer_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_with_a_changed_signature_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_signed_over_sha1_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_that_is_an_error_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_that_is_none_is_refused, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_with_an_unknown_critical_extension_is_refused, setup,
						forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_of_a_delegated_responder_is_taken, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_responder_must_be_meant_for_it, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_responder_must_be_of_the_same_issuer, setup,
						forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_responder_of_a_false_issuer_of_the_same_name_is_refused,
						setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_responder_must_be_valid_now, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_responder_must_sign_by_its_key_usage, setup,
						forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_leaf_does_not_vouch_for_itself, setup, forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_is_checked_where_the_leaf_is_an_anchor, setup,
						forget_responder),
		cmocka_unit_test_setup_teardown(test_ocsp_issuer_of_an_anchor_is_who_signed_it, setup,
						forget_responder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
