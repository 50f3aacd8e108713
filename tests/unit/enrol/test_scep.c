/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of SCEP: what is sent, to which servers, and whom it is encrypted for. What comes back: test_scep_answer.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/text.h"
#include "tests/unit/enrol/scep_scene.h"

/* --- what is sent --------------------------------------------------------------------------------------------------- */

static void test_scep_enrols(void **state)
{
	(void)state;
	scep_scene_assert_issued();
	assert_true(scep_scene_has(&scene.got.certificates, leaf));
	assert_true(scep_scene_has(&scene.got.certificates, ca.certificate));
	assert_true(scep_scene_has(&scene.got.anchors, ca.certificate));
	assert_false(scep_scene_has(&scene.got.anchors, leaf));
	assert_string_equal(scene.urls[0], "http://ca.example/scep?operation=GetCACaps");
	assert_string_equal(scene.urls[1], "http://ca.example/scep?operation=GetCACert");
	assert_string_equal(scene.urls[2], "http://ca.example/scep?operation=PKIOperation");
	assert_string_equal(scene.content_type, "application/x-pki-message");
}

static void test_scep_message_is_as_rfc_8894_has_it(void **state)
{
	(void)state;
	scep_scene_assert_issued();
	assert_int_equal(scene.request.type, 19);
	assert_int_equal(scene.request.nonce_size, 16);
	assert_int_equal(scene.request.digest, NID_sha256);
	assert_int_equal(scene.request.cipher, NID_aes_128_cbc);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&scene.request.content), ks_bytes(csr, (size_t)csr_size)));
	X509 *signer = scene.request.signer;
	EVP_PKEY *key = X509_get0_pubkey(signer);
	assert_int_equal(X509_verify(signer, key), 1);
	assert_int_equal(EVP_PKEY_get_bits(key), 2048);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(signer), X509_get_subject_name(leaf)), 0);
	assert_int_equal(X509_get_key_usage(signer), KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT);
	assert_true(X509_cmp_current_time(X509_get0_notBefore(signer)) < 0);
}

static void test_scep_two_requests_have_nothing_in_common(void **state)
{
	char id[128];
	unsigned char nonce[16];

	(void)state;
	scep_scene_assert_issued();
	(void)snprintf(id, sizeof(id), "%s", scene.request.id);
	memcpy(nonce, scene.request.nonce, sizeof(nonce));
	EVP_PKEY *key = X509_get_pubkey(scene.request.signer);
	scep_scene_forget_run();
	scep_scene_assert_issued();
	assert_string_not_equal(scene.request.id, id);
	assert_memory_not_equal(scene.request.nonce, nonce, sizeof(nonce));
	assert_int_not_equal(EVP_PKEY_eq(key, X509_get0_pubkey(scene.request.signer)), 1);
	EVP_PKEY_free(key);
}

static void test_scep_names_a_request_without_subject_by_its_transaction(void **state)
{
	char common_name[64];

	(void)state;
	scene.subject = ks_bytes("\x30\x00", 2);
	scep_scene_assert_issued();
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(scene.request.signer), NID_commonName, common_name,
					      sizeof(common_name)) > 0);
	assert_string_equal(common_name, scene.request.id);
}

static void test_scep_gets_where_the_server_takes_no_post(void **state)
{
	static char label[] = "Staff CA", url[] = "http://ca.example/mscep.dll?x=1";

	(void)state;
	scene.caps = "AES\r\nsha-256\r\n";
	scene.profile.label = label;
	scene.profile.url = url;
	scep_scene_assert_issued();
	assert_string_equal(scene.urls[0], "http://ca.example/mscep.dll?x=1&operation=GetCACaps&message=Staff%20CA");
	assert_string_equal(scene.urls[1], "http://ca.example/mscep.dll?x=1&operation=GetCACert&message=Staff%20CA");
	assert_string_equal(scene.content_type, "");
	assert_true(ks_bytes_equal(ks_buffer_bytes(&scene.request.content), ks_bytes(csr, (size_t)csr_size)));
}

/* --- what the CA can do ----------------------------------------------------------------------------------------------- */

static void test_scep_takes_the_standard_for_all_that_is_in_it(void **state)
{
	(void)state;
	scene.caps = "SCEPStandard";
	scep_scene_assert_issued();
	assert_string_equal(scene.content_type, "application/x-pki-message");
}

static void test_scep_refuses_a_ca_without_aes(void **state)
{
	(void)state;
	scene.caps = "POSTPKIOperation\nSHA-256\n";
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "must be set up for AES");
	assert_int_equal(scene.n_calls, 1);
	scep_scene_forget_run();
	scene.profile.scep_legacy = true;
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "must be set up for AES");
}

static void test_scep_takes_triple_des_only_where_the_profile_says_so(void **state)
{
	(void)state;
	scene.caps = "POSTPKIOperation\nSHA-256\nDES3\n";
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "scep-legacy = yes");
	scep_scene_forget_run();
	scene.profile.scep_legacy = true;
	scep_scene_assert_issued();
	assert_int_equal(scene.request.cipher, NID_des_ede3_cbc);
	scep_scene_forget_run();
	scene.caps = SCEP_SCENE_CAPS "DES3\n";
	scep_scene_assert_issued();
	assert_int_equal(scene.request.cipher, NID_aes_128_cbc);
}

static void test_scep_refuses_a_ca_without_sha256(void **state)
{
	(void)state;
	scene.caps = "AES\nSHA-1\nPOSTPKIOperation";
	scene.profile.scep_legacy = true;
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "does not offer SHA-256");
}

static void test_scep_refuses_a_server_that_says_nothing_known(void **state)
{
	(void)state;
	scene.caps = "<html>AES SHA-256</html> hello";
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "names no capability");
	scep_scene_forget_run();
	scene.caps = "";
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "names no capability");
}

/* --- who the CA is ---------------------------------------------------------------------------------------------------- */

static void test_scep_asks_nobody_over_plain_http_without_a_fingerprint(void **state)
{
	(void)state;
	scene.profile.ca_fingerprint = NULL;
	scep_scene_assert_refused(KS_ERR_CONFIG, true, "ca-fingerprint = ");
	assert_int_equal(scene.n_calls, 0);
}

static void test_scep_needs_no_fingerprint_over_https(void **state)
{
	static char url[] = "HTTPS://ca.example/scep";

	(void)state;
	scene.profile.url = url;
	scene.profile.ca_fingerprint = NULL;
	scep_scene_assert_issued();
}

static void test_scep_sends_nothing_to_a_ca_of_another_fingerprint(void **state)
{
	static char url[] = "https://ca.example/scep";

	(void)state;
	scene.fingerprint[5] = scene.fingerprint[5] == 'a' ? 'b' : 'a';
	scep_scene_assert_refused(KS_ERR_DENIED, true, "is not the CA that the profile names");
	assert_int_equal(scene.n_calls, 2);
	scep_scene_forget_run();
	scene.profile.url = url;
	scep_scene_assert_refused(KS_ERR_DENIED, true, "is not the CA that the profile names");
	assert_false(scene.has_request);
}

static void test_scep_reads_a_fingerprint_as_openssl_prints_it(void **state)
{
	char printed[100];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		if (i > 0 && i % 2 == 0)
			printed[n++] = ':';
		char digit = scene.fingerprint[i];
		printed[n++] = digit >= 'a' ? (char)(digit - 'a' + 'A') : digit;
	}
	printed[n] = '\0';
	memcpy(scene.fingerprint, printed, n + 1);
	scep_scene_assert_issued();
}

static void test_scep_encrypts_for_the_ra_and_takes_its_signature(void **state)
{
	(void)state;
	scene.sent[0] = ca.certificate;
	scene.sent[1] = ra_signs.certificate;
	scene.sent[2] = ra_encrypts.certificate;
	scene.n_sent = 3;
	scene.recipient = &ra_encrypts;
	scene.answer.signer = &ra_signs;
	scep_scene_assert_issued();
	assert_false(scep_scene_has(&scene.got.anchors, ra_signs.certificate));
	assert_true(scep_scene_has(&scene.got.anchors, ca.certificate));
}

static void test_scep_believes_no_ra_that_the_pinned_ca_has_not_issued(void **state)
{
	struct fake_party stranger;
	const struct fake_certificate wanted = { "RA", &other_ca, FAKE_RA_ENCRYPTS, "RSA", 2048, 30 };

	(void)state;
	fake_party_make(&wanted, &stranger);
	scene.sent[0] = stranger.certificate;
	scene.sent[1] = other_ca.certificate;
	scene.sent[2] = ca.certificate;
	scene.n_sent = 3;
	/* The request is encrypted for the pinned one, or the fake CA could not read it. */
	scene.answer.signer = &stranger;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "signed by somebody else");
	scep_scene_forget_run();
	scene.answer.signer = &ca;
	scep_scene_assert_issued();
	assert_false(scep_scene_has(&scene.got.anchors, other_ca.certificate));
	fake_party_deinit(&stranger);
}

static void check_unfit_ca(const struct fake_certificate *wanted, const char *part, bool is_final)
{
	static char url[] = "https://ca.example/scep";
	struct fake_party unfit;

	fake_party_make(wanted, &unfit);
	scene.profile.url = url;
	scene.profile.ca_fingerprint = NULL;
	scene.sent[0] = unfit.certificate;
	scep_scene_assert_refused(is_final ? KS_ERR_UNSUPPORTED : KS_ERR_DENIED, is_final, part);
	fake_party_deinit(&unfit);
}

static void test_scep_refuses_an_expired_ca(void **state)
{
	const struct fake_certificate wanted = { "Old CA", NULL, FAKE_CA, "RSA", 2048, -1 };

	(void)state;
	check_unfit_ca(&wanted, "expired or not yet valid", false);
}

static void test_scep_refuses_a_ca_without_an_rsa_key(void **state)
{
	const struct fake_certificate wanted = { "EC CA", NULL, FAKE_CA, "EC", 0, 30 };

	(void)state;
	check_unfit_ca(&wanted, "must be given an RSA certificate", true);
}

static void test_scep_refuses_a_ca_with_a_short_key(void **state)
{
	const struct fake_certificate wanted = { "Weak CA", NULL, FAKE_CA, "RSA", 1024, 30 };

	(void)state;
	check_unfit_ca(&wanted, "2048 bits or more", true);
}

static void test_scep_refuses_what_is_no_ca_certificate(void **state)
{
	(void)state;
	scene.raw_ca = ks_bytes_text("<html>It works!</html>");
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "to GetCACert");
}

/* --- all -------------------------------------------------------------------------------------------------------- */

#define TEST(function) cmocka_unit_test_setup_teardown(function, scep_scene_begin, scep_scene_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scep_enrols),
		TEST(test_scep_message_is_as_rfc_8894_has_it),
		TEST(test_scep_two_requests_have_nothing_in_common),
		TEST(test_scep_names_a_request_without_subject_by_its_transaction),
		TEST(test_scep_gets_where_the_server_takes_no_post),
		TEST(test_scep_takes_the_standard_for_all_that_is_in_it),
		TEST(test_scep_refuses_a_ca_without_aes),
		TEST(test_scep_takes_triple_des_only_where_the_profile_says_so),
		TEST(test_scep_refuses_a_ca_without_sha256),
		TEST(test_scep_refuses_a_server_that_says_nothing_known),
		TEST(test_scep_asks_nobody_over_plain_http_without_a_fingerprint),
		TEST(test_scep_needs_no_fingerprint_over_https),
		TEST(test_scep_sends_nothing_to_a_ca_of_another_fingerprint),
		TEST(test_scep_reads_a_fingerprint_as_openssl_prints_it),
		TEST(test_scep_encrypts_for_the_ra_and_takes_its_signature),
		TEST(test_scep_believes_no_ra_that_the_pinned_ca_has_not_issued),
		TEST(test_scep_refuses_an_expired_ca),
		TEST(test_scep_refuses_a_ca_without_an_rsa_key),
		TEST(test_scep_refuses_a_ca_with_a_short_key),
		TEST(test_scep_refuses_what_is_no_ca_certificate),
	};

	return cmocka_run_group_tests(tests, scep_scene_make_all, scep_scene_free_all);
}
