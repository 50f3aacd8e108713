/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of enrol/scep: the driver against a CA that does right, and against one that does one thing wrong.
 *
 * The CA (scep_fake_ca.h) sits where enrol/http would be: ks_http_call() is wrapped by the linker, so there is no socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/provider.h>

#include "enrol/bundle.h"
#include "enrol/driver.h"
#include "enrol/http.h"
#include "enrol/scep_transaction.h"
#include "lib/base/text.h"
#include "lib/tls/crypto.h"
#include "tests/unit/enrol/scep_fake_ca.h"

#define CAPS "AES\nPOSTPKIOperation\nRenewal\nSHA-1\nSHA-256\n"

/* Made once: RSA keys take long. */
static struct fake_party ca, other_ca, ra_encrypts, ra_signs, holder;
static X509 *leaf, *wrong_leaf;
static unsigned char *csr, *name_der;
static int csr_size, name_size;

/* One run, and what the CA does in it. */
static struct scene {
	/* the server */
	const char *caps;
	X509 *sent[4]; /* by GetCACert */
	size_t n_sent;
	const struct fake_party *recipient;
	struct fake_answer answer;
	struct ks_bytes raw_answer, raw_ca; /* in place of a proper one */
	unsigned status;
	int flip; /* this byte of the answer, from its end */
	/* what came in */
	struct fake_request request;
	bool has_request;
	char *urls[4];
	char content_type[64];
	unsigned n_calls;
	/* the client */
	struct ks_profile profile;
	char fingerprint[100];
	struct ks_bytes pending;
	struct ks_bytes subject;
	struct ks_enrol_answer got;
	struct ks_enrol_problem problem;
} scene;

/* --- the server's end of HTTP --------------------------------------------------------------------------------------- */

static void unescape(const char *text, struct ks_buffer *out)
{
	for (; *text; text++) {
		if (*text != '%') {
			ks_buffer_put_u8(out, (uint8_t)*text);
			continue;
		}
		char digits[3] = { text[1], text[2], '\0' };
		ks_buffer_put_u8(out, (uint8_t)strtoul(digits, NULL, 16));
		text += 2;
	}
}

static void read_request(struct ks_bytes message)
{
	fake_request_deinit(&scene.request);
	scene.has_request = fake_request_read(message, scene.recipient, &scene.request);
	assert_true(scene.has_request);
}

static void answer_message(const struct ks_http_request *http, struct ks_buffer *out)
{
	const char *message = strstr(http->url, "&message=");
	struct ks_buffer text = { 0 };
	unsigned char *der = NULL;

	if (message) {
		unescape(message + strlen("&message="), &text);
		der = malloc(text.size);
		int size = EVP_DecodeBlock(der, text.data, (int)text.size);
		assert_true(size > 2);
		/* EVP_DecodeBlock counts the padding. */
		for (size_t i = text.size; i > 0 && text.data[i - 1] == '='; i--)
			size--;
		read_request(ks_bytes(der, (size_t)size));
	} else {
		read_request(http->body);
	}
	ks_buffer_deinit(&text);
	free(der);
	if (scene.raw_answer.data)
		ks_buffer_put(out, scene.raw_answer);
	else
		fake_answer_put(&scene.answer, &scene.request, out);
	if (scene.flip)
		out->data[out->size - (size_t)scene.flip] ^= 1;
}

int __wrap_ks_http_call(const struct ks_http_request *http, struct ks_http_answer *ret_answer,
			struct ks_enrol_problem *problem);
int __wrap_ks_http_call(const struct ks_http_request *http, struct ks_http_answer *ret_answer,
			struct ks_enrol_problem *problem)
{
	struct ks_http_answer answer = { .status = 200 };

	(void)problem;
	assert_true(scene.n_calls < 4);
	scene.urls[scene.n_calls++] = strdup(http->url);
	if (strstr(http->url, "operation=GetCACaps")) {
		ks_buffer_put(&answer.body, ks_bytes_text(scene.caps));
	} else if (strstr(http->url, "operation=GetCACert")) {
		if (scene.raw_ca.data)
			ks_buffer_put(&answer.body, scene.raw_ca);
		else
			fake_put_certificates(scene.sent, scene.n_sent, &answer.body);
	} else {
		assert_non_null(strstr(http->url, "operation=PKIOperation"));
		if (http->content_type)
			(void)snprintf(scene.content_type, sizeof(scene.content_type), "%s", http->content_type);
		answer_message(http, &answer.body);
		answer.status = scene.status;
	}
	*ret_answer = answer;
	return 0;
}

/* --- scenes --------------------------------------------------------------------------------------------------------- */

static int begin(void **state)
{
	static char name[] = "corp", origin[] = "/etc/k.conf:7", url[] = "http://ca.example/scep";
	unsigned char hash[32];

	(void)state;
	scene = (struct scene){
		.caps = CAPS,
		.sent = { ca.certificate },
		.n_sent = 1,
		.recipient = &ca,
		.status = 200,
		.answer = { .signer = &ca, .status = "0", .certificates = &leaf, .n_certificates = 1 },
		.subject = ks_bytes(name_der, (size_t)name_size),
	};
	assert_int_equal(X509_digest(ca.certificate, EVP_sha256(), hash, NULL), 1);
	ks_text_hex(ks_bytes(hash, sizeof(hash)), scene.fingerprint);
	scene.profile = (struct ks_profile){
		.name = name, .origin = origin, .url = url, .ca_fingerprint = scene.fingerprint, .timeout_ms = 1000
	};
	return 0;
}

static void forget_run(void)
{
	for (unsigned i = 0; i < scene.n_calls; i++)
		free(scene.urls[i]);
	scene.n_calls = 0;
	ks_enrol_answer_deinit(&scene.got);
	scene.got = (struct ks_enrol_answer){ 0 };
	scene.problem = (struct ks_enrol_problem){ 0 };
}

static int end(void **state)
{
	(void)state;
	forget_run();
	fake_request_deinit(&scene.request);
	return 0;
}

static int run(void)
{
	const struct ks_enrol_request request = {
		.profile = &scene.profile,
		.csr = ks_bytes(csr, (size_t)csr_size),
		.subject = scene.subject,
		.pending = scene.pending,
	};

	return ks_enrol_scep.run(&request, &scene.got, &scene.problem);
}

static void assert_said(const char *part)
{
	if (!strstr(scene.problem.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, scene.problem.text);
}

static void assert_refused(int code, bool is_final, const char *part)
{
	int r = run();

	assert_said(part);
	assert_int_equal(r, code);
	assert_int_equal(scene.problem.code, code);
	assert_int_equal(scene.problem.is_final, is_final);
	assert_int_equal(scene.got.certificates.size, 0);
}

static void assert_issued(void)
{
	if (run() != 0)
		fail_msg("%s", scene.problem.text);
	assert_int_equal(scene.got.outcome, KS_ENROL_ISSUED);
}

static bool has_certificate(const struct ks_buffer *all, X509 *wanted)
{
	struct ks_bytes rest = ks_buffer_bytes(all), one;
	unsigned char *der = NULL;
	int size = i2d_X509(wanted, &der);
	bool found = false;

	while (ks_bundle_next(&rest, &one))
		found = found || ks_bytes_equal(one, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	return found;
}

/* --- what is sent --------------------------------------------------------------------------------------------------- */

static void test_scep_enrols(void **state)
{
	(void)state;
	assert_issued();
	assert_true(has_certificate(&scene.got.certificates, leaf));
	assert_true(has_certificate(&scene.got.certificates, ca.certificate));
	assert_true(has_certificate(&scene.got.anchors, ca.certificate));
	assert_false(has_certificate(&scene.got.anchors, leaf));
	assert_string_equal(scene.urls[0], "http://ca.example/scep?operation=GetCACaps");
	assert_string_equal(scene.urls[1], "http://ca.example/scep?operation=GetCACert");
	assert_string_equal(scene.urls[2], "http://ca.example/scep?operation=PKIOperation");
	assert_string_equal(scene.content_type, "application/x-pki-message");
}

static void test_scep_message_is_as_rfc_8894_has_it(void **state)
{
	(void)state;
	assert_issued();
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
	assert_issued();
	(void)snprintf(id, sizeof(id), "%s", scene.request.id);
	memcpy(nonce, scene.request.nonce, sizeof(nonce));
	EVP_PKEY *key = X509_get_pubkey(scene.request.signer);
	forget_run();
	assert_issued();
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
	assert_issued();
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
	assert_issued();
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
	assert_issued();
	assert_string_equal(scene.content_type, "application/x-pki-message");
}

static void test_scep_refuses_a_ca_without_aes(void **state)
{
	(void)state;
	scene.caps = "POSTPKIOperation\nSHA-256\n";
	assert_refused(KS_ERR_UNSUPPORTED, true, "must be set up for AES");
	assert_int_equal(scene.n_calls, 1);
	forget_run();
	scene.profile.scep_legacy = true;
	assert_refused(KS_ERR_UNSUPPORTED, true, "must be set up for AES");
}

static void test_scep_takes_triple_des_only_where_the_profile_says_so(void **state)
{
	(void)state;
	scene.caps = "POSTPKIOperation\nSHA-256\nDES3\n";
	assert_refused(KS_ERR_UNSUPPORTED, true, "scep-legacy = yes");
	forget_run();
	scene.profile.scep_legacy = true;
	assert_issued();
	assert_int_equal(scene.request.cipher, NID_des_ede3_cbc);
	forget_run();
	scene.caps = CAPS "DES3\n";
	assert_issued();
	assert_int_equal(scene.request.cipher, NID_aes_128_cbc);
}

static void test_scep_refuses_a_ca_without_sha256(void **state)
{
	(void)state;
	scene.caps = "AES\nSHA-1\nPOSTPKIOperation";
	scene.profile.scep_legacy = true;
	assert_refused(KS_ERR_UNSUPPORTED, true, "does not offer SHA-256");
}

static void test_scep_refuses_a_server_that_says_nothing_known(void **state)
{
	(void)state;
	scene.caps = "<html>AES SHA-256</html> hello";
	assert_refused(KS_ERR_UNSUPPORTED, true, "names no capability");
	forget_run();
	scene.caps = "";
	assert_refused(KS_ERR_UNSUPPORTED, true, "names no capability");
}

/* --- who the CA is ---------------------------------------------------------------------------------------------------- */

static void test_scep_asks_nobody_over_plain_http_without_a_fingerprint(void **state)
{
	(void)state;
	scene.profile.ca_fingerprint = NULL;
	assert_refused(KS_ERR_CONFIG, true, "ca-fingerprint = ");
	assert_int_equal(scene.n_calls, 0);
}

static void test_scep_needs_no_fingerprint_over_https(void **state)
{
	static char url[] = "HTTPS://ca.example/scep";

	(void)state;
	scene.profile.url = url;
	scene.profile.ca_fingerprint = NULL;
	assert_issued();
}

static void test_scep_sends_nothing_to_a_ca_of_another_fingerprint(void **state)
{
	static char url[] = "https://ca.example/scep";

	(void)state;
	scene.fingerprint[5] = scene.fingerprint[5] == 'a' ? 'b' : 'a';
	assert_refused(KS_ERR_DENIED, true, "is not the CA that the profile names");
	assert_int_equal(scene.n_calls, 2);
	forget_run();
	scene.profile.url = url;
	assert_refused(KS_ERR_DENIED, true, "is not the CA that the profile names");
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
	assert_issued();
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
	assert_issued();
	assert_false(has_certificate(&scene.got.anchors, ra_signs.certificate));
	assert_true(has_certificate(&scene.got.anchors, ca.certificate));
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
	assert_refused(KS_ERR_DENIED, false, "signed by somebody else");
	forget_run();
	scene.answer.signer = &ca;
	assert_issued();
	assert_false(has_certificate(&scene.got.anchors, other_ca.certificate));
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
	assert_refused(is_final ? KS_ERR_UNSUPPORTED : KS_ERR_DENIED, is_final, part);
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
	assert_refused(KS_ERR_MALFORMED, false, "to GetCACert");
}

/* --- whose answer it is ----------------------------------------------------------------------------------------------- */

static void test_scep_refuses_an_answer_of_another_signer(void **state)
{
	(void)state;
	scene.answer.signer = &other_ca;
	assert_refused(KS_ERR_DENIED, false, "signed by somebody else");
	forget_run();
	scene.answer.signer_inside = true;
	assert_refused(KS_ERR_DENIED, false, "signed by somebody else");
}

/* Its name and number say it is the CA. */
static void test_scep_refuses_an_answer_signed_with_another_key_under_the_cas_name(void **state)
{
	struct fake_party thief = { .key = other_ca.key, .certificate = X509_dup(ca.certificate) };

	(void)state;
	assert_int_equal(X509_set_pubkey(thief.certificate, thief.key), 1);
	assert_true(X509_sign(thief.certificate, thief.key, EVP_sha256()) > 0);
	scene.answer.signer = &thief;
	assert_refused(KS_ERR_DENIED, false, "wrong signature");
	forget_run();
	scene.answer.signer_inside = true;
	assert_refused(KS_ERR_DENIED, false, "wrong signature");
	X509_free(thief.certificate);
}

static void test_scep_refuses_a_changed_answer(void **state)
{
	(void)state;
	scene.flip = 700; /* of the signed attributes, or of what is encrypted */
	assert_int_not_equal(run(), 0);
	assert_int_equal(scene.got.certificates.size, 0);
}

static void test_scep_refuses_the_answer_to_another_request(void **state)
{
	(void)state;
	scene.answer.other_id = "0123456789abcdef0123456789abcdef";
	assert_refused(KS_ERR_DENIED, false, "transactionID");
}

static void test_scep_refuses_an_old_answer(void **state)
{
	(void)state;
	scene.answer.wrong_nonce = true;
	assert_refused(KS_ERR_DENIED, false, "recipientNonce");
}

static void test_scep_refuses_an_answer_without_a_whole_nonce(void **state)
{
	(void)state;
	scene.answer.short_nonce = true;
	assert_refused(KS_ERR_MALFORMED, false, "recipientNonce");
	forget_run();
	scene.answer.short_nonce = false;
	scene.answer.no_nonce = true;
	assert_refused(KS_ERR_MALFORMED, false, "recipientNonce");
}

static void test_scep_refuses_an_answer_with_two_signers(void **state)
{
	(void)state;
	scene.answer.two_signers = true;
	assert_refused(KS_ERR_MALFORMED, false, "exactly one signer");
}

static void test_scep_refuses_what_is_no_cert_rep(void **state)
{
	(void)state;
	scene.answer.message_type = "19";
	assert_refused(KS_ERR_MALFORMED, false, "not CertRep");
	forget_run();
	scene.answer.message_type = NULL;
	scene.answer.status = "1";
	assert_refused(KS_ERR_MALFORMED, false, "pkiStatus");
	forget_run();
	scene.raw_answer = ks_bytes_text("<html>busy</html>");
	assert_refused(KS_ERR_MALFORMED, false, "no CMS SignedData");
}

static void test_scep_refuses_md5(void **state)
{
	(void)state;
	scene.answer.digest = EVP_md5();
	assert_refused(KS_ERR_UNSUPPORTED, true, "MD5");
}

static void test_scep_takes_sha1_of_answers_alone(void **state)
{
	(void)state;
	scene.answer.digest = EVP_sha1();
	assert_issued();
	assert_int_equal(scene.request.digest, NID_sha256);
}

static void test_scep_says_what_http_said(void **state)
{
	(void)state;
	scene.status = 500;
	assert_int_not_equal(run(), 0);
	assert_said("500");
}

/* --- what is in it ------------------------------------------------------------------------------------------------------ */

static void test_scep_gives_all_certificates_of_an_answer(void **state)
{
	X509 *both[] = { other_ca.certificate, wrong_leaf, leaf };

	(void)state;
	scene.answer.certificates = both;
	scene.answer.n_certificates = 3;
	assert_issued();
	assert_true(has_certificate(&scene.got.certificates, leaf));
	assert_true(has_certificate(&scene.got.certificates, wrong_leaf));
	/* What an answer brings along vouches for nothing. */
	assert_false(has_certificate(&scene.got.anchors, other_ca.certificate));
}

static void test_scep_refuses_single_des_and_says_what_to_change(void **state)
{
	(void)state;
	scene.answer.cipher = EVP_des_cbc();
	assert_refused(KS_ERR_UNSUPPORTED, true, "single DES");
	assert_said("must be set up to encrypt its answers with AES");
}

static void test_scep_reads_single_des_where_the_profile_says_so(void **state)
{
	(void)state;
	scene.profile.scep_legacy = true;
	scene.answer.cipher = EVP_des_cbc();
	assert_issued();
	assert_true(has_certificate(&scene.got.certificates, leaf));
	/* In a context of its own, and nowhere else. */
	assert_null(EVP_CIPHER_fetch(ks_crypto_get()->context, "DES-CBC", NULL));
}

static void test_scep_refuses_other_ciphers_by_name(void **state)
{
	(void)state;
	scene.profile.scep_legacy = true;
	scene.answer.cipher = EVP_rc2_cbc();
	assert_refused(KS_ERR_UNSUPPORTED, true, "encrypted with rc2-cbc");
}

static void test_scep_reads_aes_256_and_triple_des(void **state)
{
	(void)state;
	scene.answer.cipher = EVP_aes_256_cbc();
	assert_issued();
	forget_run();
	scene.answer.cipher = EVP_des_ede3_cbc();
	assert_issued();
}

static void test_scep_refuses_an_answer_for_another_key(void **state)
{
	(void)state;
	scene.answer.other_recipient = ca.certificate;
	assert_refused(KS_ERR_DENIED, false, "encrypted for another key");
}

static void test_scep_refuses_a_success_without_certificates(void **state)
{
	(void)state;
	scene.answer.empty_content = true;
	assert_refused(KS_ERR_MALFORMED, false, "has no certificate in it");
	forget_run();
	scene.answer.bare = true;
	assert_refused(KS_ERR_MALFORMED, false, "has no certificate in it");
	forget_run();
	scene.answer.bare = scene.answer.empty_content = false;
	scene.answer.n_certificates = 0;
	assert_refused(KS_ERR_NO_CERTIFICATE, false, "has no certificate in it");
	forget_run();
	scene.answer.garbage_content = true;
	assert_refused(KS_ERR_MALFORMED, false, "the answer of SCEP server");
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
		assert_refused(KS_ERR_DENIED, known[i].is_final, known[i].words);
		assert_said(known[i].name);
		forget_run();
	}
}

static void test_scep_repeats_what_the_ca_says_escaped(void **state)
{
	(void)state;
	scene.answer.status = "2";
	scene.answer.fail_info = "2";
	scene.answer.fail_text = "wrong\x1b[31m password";
	assert_refused(KS_ERR_DENIED, true, "it says: \"wrong\\x1b[31m password\"");
}

/* --- waiting ------------------------------------------------------------------------------------------------------------- */

static void keep_pending(struct ks_buffer *kept)
{
	scene.answer.status = "3";
	if (run() != 0)
		fail_msg("%s", scene.problem.text);
	assert_int_equal(scene.got.outcome, KS_ENROL_PENDING);
	ks_buffer_reset(kept);
	ks_buffer_put(kept, ks_buffer_bytes(&scene.got.pending));
	assert_true(kept->size > 0);
	forget_run();
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
	assert_issued();
	assert_true(has_certificate(&scene.got.certificates, leaf));
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
	assert_refused(KS_ERR_DENIED, true, "badRequest");
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
	assert_issued();
	assert_int_equal(scene.request.type, 19);
	ks_buffer_deinit(&kept);
}

static void test_scep_begins_anew_with_a_broken_state(void **state)
{
	struct ks_buffer kept = { 0 };

	(void)state;
	keep_pending(&kept);
	scene.answer.status = "0";
	for (size_t cut = 1; cut < kept.size; cut += 97) {
		scene.pending = ks_bytes(kept.data, kept.size - cut);
		assert_issued();
		assert_int_equal(scene.request.type, 19);
		forget_run();
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

/* --- all ------------------------------------------------------------------------------------------------------------------ */

static void make_csr(void)
{
	X509_REQ *request = X509_REQ_new();

	assert_int_equal(X509_REQ_set_subject_name(request, X509_get_subject_name(leaf)), 1);
	assert_int_equal(X509_REQ_set_pubkey(request, holder.key), 1);
	assert_true(X509_REQ_sign(request, holder.key, EVP_sha256()) > 0);
	csr_size = i2d_X509_REQ(request, &csr);
	name_size = i2d_X509_NAME(X509_get_subject_name(leaf), &name_der);
	X509_REQ_free(request);
}

static OSSL_PROVIDER *usual, *legacy;

static int make_all(void **state)
{
	const struct fake_certificate ca_wanted = { "Example CA", NULL, FAKE_CA, "RSA", 2048, 30 };
	const struct fake_certificate other_wanted = { "Other CA", NULL, FAKE_CA, "RSA", 2048, 30 };
	const struct fake_certificate ra1 = { "RA 1", &ca, FAKE_RA_ENCRYPTS, "RSA", 2048, 30 };
	const struct fake_certificate ra2 = { "RA 2", &ca, FAKE_RA_SIGNS, "RSA", 2048, 30 };
	const struct fake_certificate client = { "alice", &ca, FAKE_CLIENT, "EC", 0, 20 };

	(void)state;
	/* For the CA's side, in the default context alone: its answers in DES. */
	usual = OSSL_PROVIDER_load(NULL, "default");
	legacy = OSSL_PROVIDER_load(NULL, "legacy");
	assert_non_null(legacy);
	fake_party_make(&ca_wanted, &ca);
	fake_party_make(&other_wanted, &other_ca);
	fake_party_make(&ra1, &ra_encrypts);
	fake_party_make(&ra2, &ra_signs);
	fake_party_make(&client, &holder);
	leaf = holder.certificate;
	wrong_leaf = fake_certificate_make(&client, other_ca.key);
	make_csr();
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	X509_free(wrong_leaf);
	OPENSSL_free(csr);
	OPENSSL_free(name_der);
	fake_party_deinit(&ca);
	fake_party_deinit(&other_ca);
	fake_party_deinit(&ra_encrypts);
	fake_party_deinit(&ra_signs);
	fake_party_deinit(&holder);
	(void)OSSL_PROVIDER_unload(legacy);
	(void)OSSL_PROVIDER_unload(usual);
	return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

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
		TEST(test_scep_begins_anew_at_another_server),
		TEST(test_scep_begins_anew_with_a_broken_state),
		TEST(test_scep_transaction_reads_no_key_of_another_certificate),
	};

	return cmocka_run_group_tests(tests, make_all, free_all);
}
