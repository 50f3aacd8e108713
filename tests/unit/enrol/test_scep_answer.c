/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/drivers/scep: what is believed of an answer, what it says to a person, and requests that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/drivers/scep_transaction.h"
#include "lib/tls/crypto.h"
#include "tests/unit/enrol/scep_scene.h"

/* --- whose answer it is ----------------------------------------------------------------------------------------------- */

static void test_scep_refuses_an_answer_of_another_signer(void **state)
{
	(void)state;
	scene.answer.signer = &other_ca;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "signed by somebody else");
	scep_scene_forget_run();
	scene.answer.signer_inside = true;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "signed by somebody else");
}

/* Its name and number say it is the CA. */
static void test_scep_refuses_an_answer_signed_with_another_key_under_the_cas_name(void **state)
{
	struct fake_party thief = { .key = other_ca.key, .certificate = X509_dup(ca.certificate) };

	(void)state;
	assert_int_equal(X509_set_pubkey(thief.certificate, thief.key), 1);
	assert_true(X509_sign(thief.certificate, thief.key, EVP_sha256()) > 0);
	scene.answer.signer = &thief;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "wrong signature");
	scep_scene_forget_run();
	scene.answer.signer_inside = true;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "wrong signature");
	X509_free(thief.certificate);
}

static void test_scep_refuses_a_changed_answer(void **state)
{
	(void)state;
	scene.flip = 700; /* of the signed attributes, or of what is encrypted */
	assert_int_not_equal(scep_scene_run(), 0);
	assert_int_equal(scene.got.certificates.size, 0);
}

static void test_scep_refuses_the_answer_to_another_request(void **state)
{
	(void)state;
	scene.answer.other_id = "0123456789abcdef0123456789abcdef";
	scep_scene_assert_refused(KS_ERR_DENIED, false, "transactionID");
}

static void test_scep_refuses_an_old_answer(void **state)
{
	(void)state;
	scene.answer.wrong_nonce = true;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "recipientNonce");
}

static void test_scep_refuses_an_answer_without_a_whole_nonce(void **state)
{
	(void)state;
	scene.answer.short_nonce = true;
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "recipientNonce");
	scep_scene_forget_run();
	scene.answer.short_nonce = false;
	scene.answer.no_nonce = true;
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "recipientNonce");
}

static void test_scep_refuses_an_answer_with_two_signers(void **state)
{
	(void)state;
	scene.answer.two_signers = true;
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "exactly one signer");
}

static void test_scep_refuses_what_is_no_cert_rep(void **state)
{
	(void)state;
	scene.answer.message_type = "19";
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "not CertRep");
	scep_scene_forget_run();
	scene.answer.message_type = NULL;
	scene.answer.status = "1";
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "pkiStatus");
	scep_scene_forget_run();
	scene.raw_answer = ks_bytes_text("<html>busy</html>");
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "no CMS SignedData");
}

static void test_scep_refuses_md5(void **state)
{
	(void)state;
	scene.answer.digest = EVP_md5();
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "MD5");
}

static void test_scep_takes_sha1_of_answers_alone(void **state)
{
	(void)state;
	scene.answer.digest = EVP_sha1();
	scep_scene_assert_issued();
	assert_int_equal(scene.request.digest, NID_sha256);
}

static void test_scep_says_what_http_said(void **state)
{
	(void)state;
	scene.status = 500;
	assert_int_not_equal(scep_scene_run(), 0);
	scep_scene_assert_said("500");
}

/* --- what is in it ------------------------------------------------------------------------------------------------------ */

static void test_scep_gives_all_certificates_of_an_answer(void **state)
{
	X509 *both[] = { other_ca.certificate, wrong_leaf, leaf };

	(void)state;
	scene.answer.certificates = both;
	scene.answer.n_certificates = 3;
	scep_scene_assert_issued();
	assert_true(scep_scene_has(&scene.got.certificates, leaf));
	assert_true(scep_scene_has(&scene.got.certificates, wrong_leaf));
	/* What an answer brings along vouches for nothing. */
	assert_false(scep_scene_has(&scene.got.anchors, other_ca.certificate));
}

static void test_scep_refuses_single_des_and_says_what_to_change(void **state)
{
	(void)state;
	scene.answer.cipher = EVP_des_cbc();
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "single DES");
	scep_scene_assert_said("must be set up to encrypt its answers with AES");
}

static void test_scep_reads_single_des_where_the_profile_says_so(void **state)
{
	(void)state;
	scene.profile.scep_legacy = true;
	scene.answer.cipher = EVP_des_cbc();
	scep_scene_assert_issued();
	assert_true(scep_scene_has(&scene.got.certificates, leaf));
	/* In a context of its own, and nowhere else. */
	assert_null(EVP_CIPHER_fetch(ks_crypto_get()->context, "DES-CBC", NULL));
}

static void test_scep_refuses_other_ciphers_by_name(void **state)
{
	(void)state;
	scene.profile.scep_legacy = true;
	scene.answer.cipher = EVP_rc2_cbc();
	scep_scene_assert_refused(KS_ERR_UNSUPPORTED, true, "encrypted with rc2-cbc");
}

static void test_scep_reads_aes_256_and_triple_des(void **state)
{
	(void)state;
	scene.answer.cipher = EVP_aes_256_cbc();
	scep_scene_assert_issued();
	scep_scene_forget_run();
	scene.answer.cipher = EVP_des_ede3_cbc();
	scep_scene_assert_issued();
}

static void test_scep_refuses_an_answer_for_another_key(void **state)
{
	(void)state;
	scene.answer.other_recipient = ca.certificate;
	scep_scene_assert_refused(KS_ERR_DENIED, false, "encrypted for another key");
}

static void test_scep_refuses_a_success_without_certificates(void **state)
{
	(void)state;
	scene.answer.empty_content = true;
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "has no certificate in it");
	scep_scene_forget_run();
	scene.answer.bare = true;
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "has no certificate in it");
	scep_scene_forget_run();
	scene.answer.bare = scene.answer.empty_content = false;
	scene.answer.n_certificates = 0;
	scep_scene_assert_refused(KS_ERR_NO_CERTIFICATE, false, "has no certificate in it");
	scep_scene_forget_run();
	scene.answer.garbage_content = true;
	scep_scene_assert_refused(KS_ERR_MALFORMED, false, "the answer of SCEP server");
}

/* --- refusals ----------------------------------------------------------------------------------------------------------- */

static void test_scep_says_each_fail_info_in_words(void **state)
{
	static const struct {
		const char *number, *name, *words;
		bool is_final;
	} known[] = {
		{ "0", "badAlg", "does not know an algorithm", true },
		{ "1", "badMessageCheck", "integrity", true },
		{ "2", "badRequest", "does not permit or support", true },
		{ "3", "badTime", "clock", false },
		{ "4", "badCertId", "knows no certificate or request", true },
		{ "9", "failInfo unknown", "does not say why", true },
		{ NULL, "failInfo unknown", "does not say why", true },
		{ "x", "failInfo unknown", "does not say why", true },
	};

	(void)state;
	scene.answer.status = "2";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		scene.answer.fail_info = known[i].number;
		scene.answer.bare = i % 2 == 0;
		scep_scene_assert_refused(KS_ERR_DENIED, known[i].is_final, known[i].words);
		scep_scene_assert_said(known[i].name);
		scep_scene_forget_run();
	}
}

static void test_scep_repeats_what_the_ca_says_escaped(void **state)
{
	(void)state;
	scene.answer.status = "2";
	scene.answer.fail_info = "2";
	scene.answer.fail_text = "wrong\x1b[31m password";
	scep_scene_assert_refused(KS_ERR_DENIED, true, "it says: \"wrong\\x1b[31m password\"");
}

/* --- waiting ------------------------------------------------------------------------------------------------------------- */

static void keep_pending(struct ks_buffer *kept)
{
	scene.answer.status = "3";
	if (scep_scene_run() != 0)
		fail_msg("%s", scene.problem.text);
	assert_int_equal(scene.got.outcome, KS_ENROL_PENDING);
	ks_buffer_reset(kept);
	ks_buffer_put(kept, ks_buffer_bytes(&scene.got.pending));
	assert_true(kept->size > 0);
	scep_scene_forget_run();
	scene.pending = ks_buffer_bytes(kept);
}

static void test_scep_polls_until_the_ca_has_decided(void **state)
{
	struct ks_buffer kept = { 0 };
	char id[128];
	unsigned char nonce[16];

	(void)state;
	keep_pending(&kept);
	(void)snprintf(id, sizeof(id), "%s", scene.request.id);
	EVP_PKEY *key = X509_get_pubkey(scene.request.signer);
	for (int i = 0; i < 2; i++) {
		memcpy(nonce, scene.request.nonce, sizeof(nonce));
		keep_pending(&kept);
		assert_int_equal(scene.request.type, 20);
		assert_string_equal(scene.request.id, id);
		assert_memory_not_equal(scene.request.nonce, nonce, sizeof(nonce));
		assert_int_equal(EVP_PKEY_eq(key, X509_get0_pubkey(scene.request.signer)), 1);
	}
	/* IssuerAndSubject */
	unsigned char *issuer = NULL;
	int issuer_size = i2d_X509_NAME(X509_get_subject_name(ca.certificate), &issuer);
	assert_int_equal(scene.request.content.data[0], 0x30);
	assert_int_equal(scene.request.content.size, 2 + issuer_size + name_size);
	assert_memory_equal(scene.request.content.data + 2, issuer, (size_t)issuer_size);
	assert_memory_equal(scene.request.content.data + 2 + issuer_size, name_der, (size_t)name_size);
	OPENSSL_free(issuer);
	scene.answer.status = "0";
	scep_scene_assert_issued();
	assert_true(scep_scene_has(&scene.got.certificates, leaf));
	EVP_PKEY_free(key);
	ks_buffer_deinit(&kept);
}

static void test_scep_polls_by_the_issuers_name_where_an_ra_answers(void **state)
{
	struct ks_buffer kept = { 0 };
	unsigned char *issuer = NULL;
	int issuer_size = i2d_X509_NAME(X509_get_subject_name(ca.certificate), &issuer);

	(void)state;
	scene.sent[1] = ra_encrypts.certificate;
	scene.n_sent = 2;
	scene.recipient = &ra_encrypts;
	keep_pending(&kept);
	keep_pending(&kept);
	assert_memory_equal(scene.request.content.data + 2, issuer, (size_t)issuer_size);
	OPENSSL_free(issuer);
	ks_buffer_deinit(&kept);
}

static void test_scep_ends_waiting_when_the_ca_refuses(void **state)
{
	struct ks_buffer kept = { 0 };

	(void)state;
	keep_pending(&kept);
	scene.answer.status = "2";
	scene.answer.fail_info = "2";
	scep_scene_assert_refused(KS_ERR_DENIED, true, "badRequest");
	ks_buffer_deinit(&kept);
}

/* A request with a challenge in it is not kept, and none is signed while one waits (order.c). */
static void test_scep_polls_without_a_request_and_gives_up_what_it_cannot_poll(void **state)
{
	struct ks_buffer kept = { 0 };

	(void)state;
	keep_pending(&kept);
	scene.no_csr = true;
	keep_pending(&kept);
	scene.pending.size--;
	scep_scene_assert_refused(KS_ERR_CHANGED, true, "It is given up");
	ks_buffer_deinit(&kept);
}

static void test_scep_begins_anew_at_another_server(void **state)
{
	static char url[] = "http://other.example/scep";
	struct ks_buffer kept = { 0 };

	(void)state;
	keep_pending(&kept);
	scene.profile.url = url;
	scene.answer.status = "0";
	scep_scene_assert_issued();
	assert_int_equal(scene.request.type, 19);
	ks_buffer_deinit(&kept);
}

static void test_scep_begins_anew_with_a_broken_state(void **state)
{
	struct ks_buffer kept = { 0 };

	(void)state;
	keep_pending(&kept);
	scene.answer.status = "0";
	for (size_t cut = 1; cut < kept.size; cut += 397) {
		scene.pending = ks_bytes(kept.data, kept.size - cut);
		scep_scene_assert_issued();
		assert_int_equal(scene.request.type, 19);
		scep_scene_forget_run();
	}
	ks_buffer_deinit(&kept);
}

static void test_scep_transaction_reads_no_key_of_another_certificate(void **state)
{
	struct ks_scep_transaction one = { 0 }, two = { 0 }, read = { 0 };
	struct ks_scep_pending pending = { .url = ks_bytes_text("http://a/") }, found;
	struct ks_buffer out = { .secret = true };

	(void)state;
	assert_int_equal(ks_scep_transaction_begin(KS_BYTES_NONE, &one), 0);
	assert_int_equal(ks_scep_transaction_begin(KS_BYTES_NONE, &two), 0);
	assert_int_equal(ks_scep_transaction_put(&one, &pending, &out), 0);
	assert_int_equal(ks_scep_transaction_read(ks_buffer_bytes(&out), &read, &found), 0);
	assert_string_equal(read.id, one.id);
	assert_int_equal(EVP_PKEY_eq(read.key, one.key), 1);
	ks_scep_transaction_deinit(&read);
	X509_free(one.certificate);
	one.certificate = X509_dup(two.certificate);
	ks_buffer_reset(&out);
	assert_int_equal(ks_scep_transaction_put(&one, &pending, &out), 0);
	assert_int_equal(ks_scep_transaction_read(ks_buffer_bytes(&out), &read, &found), KS_ERR_MALFORMED);
	ks_buffer_deinit(&out);
	ks_scep_transaction_deinit(&one);
	ks_scep_transaction_deinit(&two);
}

/* --- all -------------------------------------------------------------------------------------------------------- */

#define TEST(function) cmocka_unit_test_setup_teardown(function, scep_scene_begin, scep_scene_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_scep_refuses_an_answer_of_another_signer),
		TEST(test_scep_refuses_an_answer_signed_with_another_key_under_the_cas_name),
		TEST(test_scep_refuses_a_changed_answer),
		TEST(test_scep_refuses_the_answer_to_another_request),
		TEST(test_scep_refuses_an_old_answer),
		TEST(test_scep_refuses_an_answer_without_a_whole_nonce),
		TEST(test_scep_refuses_an_answer_with_two_signers),
		TEST(test_scep_refuses_what_is_no_cert_rep),
		TEST(test_scep_refuses_md5),
		TEST(test_scep_takes_sha1_of_answers_alone),
		TEST(test_scep_says_what_http_said),
		TEST(test_scep_gives_all_certificates_of_an_answer),
		TEST(test_scep_refuses_single_des_and_says_what_to_change),
		TEST(test_scep_reads_single_des_where_the_profile_says_so),
		TEST(test_scep_refuses_other_ciphers_by_name),
		TEST(test_scep_reads_aes_256_and_triple_des),
		TEST(test_scep_refuses_an_answer_for_another_key),
		TEST(test_scep_refuses_a_success_without_certificates),
		TEST(test_scep_says_each_fail_info_in_words),
		TEST(test_scep_repeats_what_the_ca_says_escaped),
		TEST(test_scep_polls_until_the_ca_has_decided),
		TEST(test_scep_polls_by_the_issuers_name_where_an_ra_answers),
		TEST(test_scep_ends_waiting_when_the_ca_refuses),
		TEST(test_scep_polls_without_a_request_and_gives_up_what_it_cannot_poll),
		TEST(test_scep_begins_anew_at_another_server),
		TEST(test_scep_begins_anew_with_a_broken_state),
		TEST(test_scep_transaction_reads_no_key_of_another_certificate),
	};

	return cmocka_run_group_tests(tests, scep_scene_make_all, scep_scene_free_all);
}
