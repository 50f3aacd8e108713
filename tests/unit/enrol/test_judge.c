/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/judge: which of a CA's certificates is taken, and every one that is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "enrol/judge.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define NOW ((uint64_t)1800000000)
#define HOUR 3600

static char issued_by[] = "/tmp/keystay-test-judge-XXXXXX";
static struct ks_profile profile;

static EVP_PKEY *root_key, *ca_key, *key, *other_key, *foreign_key;
static X509 *root, *ca, *foreign;
static struct ks_buffer spki;

/* --- certificates ------------------------------------------------------------------------------------------------ */

struct made {
	EVP_PKEY *subject_key;
	const char *name;
	X509 *issuer; /* NULL: itself */
	EVP_PKEY *issuer_key;
	int64_t begin, end; /* from NOW on */
	const char *constraints, *usage, *extended;
};

static void extend(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = value ? X509V3_EXT_conf_nid(NULL, NULL, nid, value) : NULL;

	if (!value)
		return;
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *make(const struct made *made)
{
	static long serial = 1;
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();

	assert_non_null(certificate);
	assert_int_equal(
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)made->name, -1, -1, 0), 1);
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++), 1);
	assert_non_null(ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)NOW + made->begin));
	assert_non_null(ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)NOW + made->end));
	assert_int_equal(X509_set_subject_name(certificate, name), 1);
	assert_int_equal(X509_set_issuer_name(certificate, made->issuer ? X509_get_subject_name(made->issuer) : name),
			 1);
	assert_int_equal(X509_set_pubkey(certificate, made->subject_key), 1);
	extend(certificate, NID_basic_constraints, made->constraints);
	extend(certificate, NID_key_usage, made->usage);
	extend(certificate, NID_ext_key_usage, made->extended);
	assert_true(X509_sign(certificate, made->issuer_key, EVP_sha256()) > 0);
	X509_NAME_free(name);
	return certificate;
}

static const struct made good = {
	.name = "alice", .begin = -60, .end = 24 * HOUR, .usage = "digitalSignature", .extended = "clientAuth"
};

static X509 *make_leaf(struct made made)
{
	made.subject_key = made.subject_key ? made.subject_key : key;
	made.issuer = made.issuer ? made.issuer : ca;
	made.issuer_key = made.issuer_key ? made.issuer_key : ca_key;
	return make(&made);
}

static X509 *make_ca(EVP_PKEY *own, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	return make(&(struct made){ .subject_key = own,
				    .name = name,
				    .issuer = issuer,
				    .issuer_key = issuer_key,
				    .begin = -1000 * HOUR,
				    .end = 1000 * HOUR,
				    .constraints = "critical,CA:TRUE",
				    .usage = "keyCertSign" });
}

static void put(struct ks_buffer *buffer, X509 *certificate)
{
	unsigned char *der = NULL;
	int size = i2d_X509(certificate, &der);

	assert_true(size > 0);
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
}

static int make_all(void **state)
{
	unsigned char *der = NULL;

	(void)state;
	root_key = EVP_EC_gen("P-256");
	ca_key = EVP_EC_gen("P-256");
	key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	foreign_key = EVP_EC_gen("P-256");
	root = make_ca(root_key, "Root", NULL, root_key);
	ca = make_ca(ca_key, "CA", root, root_key);
	foreign = make_ca(foreign_key, "CA", NULL, foreign_key);
	int size = i2d_PUBKEY(key, &der);
	ks_buffer_put(&spki, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	int fd = mkstemp(issued_by);
	FILE *file = fdopen(fd, "w");
	assert_int_equal(PEM_write_X509(file, root), 1);
	return fclose(file);
}

static int free_all(void **state)
{
	(void)state;
	EVP_PKEY *const keys[] = { root_key, ca_key, key, other_key, foreign_key };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EVP_PKEY_free(keys[i]);
	X509_free(root);
	X509_free(ca);
	X509_free(foreign);
	ks_buffer_deinit(&spki);
	return unlink(issued_by);
}

/* --- one judgement ----------------------------------------------------------------------------------------------- */

static struct ks_buffer answer, anchors;
static struct ks_judge_case judged;
static struct ks_judgement judgement;
static struct ks_enrol_problem problem;

static int begin(void **state)
{
	static char name[] = "corp", origin[] = "/etc/keystay.conf:3", url[] = "https://ca.example/";

	(void)state;
	profile = (struct ks_profile){ .name = name, .origin = origin, .url = url, .issued_by = issued_by };
	judged = (struct ks_judge_case){ .profile = &profile, .now = NOW };
	problem = (struct ks_enrol_problem){ .code = 0 };
	judgement = (struct ks_judgement){ .not_before = 0 };
	ks_buffer_reset(&answer);
	ks_buffer_reset(&anchors);
	return 0;
}

static int end(void **state)
{
	(void)state;
	ks_judgement_deinit(&judgement);
	ks_buffer_deinit(&answer);
	ks_buffer_deinit(&anchors);
	return 0;
}

static void answer_with(X509 *certificate)
{
	put(&answer, certificate);
	X509_free(certificate);
}

static int judge(void)
{
	judged.spki = ks_buffer_bytes(&spki);
	judged.certificates = ks_buffer_bytes(&answer);
	judged.anchors = ks_buffer_bytes(&anchors);
	return ks_judge(&judged, &judgement, &problem);
}

static void expect_refused(const char *text)
{
	if (judge() >= 0)
		fail_msg("taken; expected: %s", text);
	if (!strstr(problem.text, text))
		print_error("%s\n", problem.text);
	assert_non_null(strstr(problem.text, text));
	assert_int_equal(judgement.chain.size, 0);
}

/* --- what is taken ----------------------------------------------------------------------------------------------- */

static void test_judge_chooses_by_key_and_orders_the_chain(void **state)
{
	(void)state;
	struct ks_buffer wanted = { 0 };
	struct made of_other = good;
	X509 *leaf = make_leaf(good);

	of_other.subject_key = other_key;
	put(&answer, root);
	answer_with(make_leaf(of_other));
	put(&answer, ca);
	put(&answer, leaf);
	assert_int_equal(judge(), 0);
	put(&wanted, leaf);
	put(&wanted, ca);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&judgement.chain), ks_buffer_bytes(&wanted)));
	assert_int_equal(judgement.not_before, NOW - 60);
	assert_int_equal(judgement.not_after, NOW + 24 * HOUR);
	assert_string_equal(judgement.subject, "CN=alice");
	ks_buffer_deinit(&wanted);
	X509_free(leaf);
}

static void test_judge_takes_the_newest_of_two(void **state)
{
	(void)state;
	struct made older = good;

	older.begin = -3600;
	answer_with(make_leaf(good));
	answer_with(make_leaf(older));
	put(&answer, ca);
	assert_int_equal(judge(), 0);
	assert_int_equal(judgement.not_before, NOW - 60);
}

static void test_judge_takes_one_without_usages(void **state)
{
	(void)state;
	struct made plain = good;

	plain.usage = plain.extended = NULL;
	answer_with(make_leaf(plain));
	put(&answer, ca);
	assert_int_equal(judge(), 0);
}

static void test_judge_takes_what_leads_to_an_anchor_of_the_protocol(void **state)
{
	(void)state;
	profile.issued_by = NULL;
	answer_with(make_leaf(good));
	put(&anchors, ca); /* no root: EST servers give what they have */
	assert_int_equal(judge(), 0);
}

static void test_judge_takes_on_trust_only_over_https_or_by_a_program(void **state)
{
	(void)state;
	static char plain[] = "http://ca.example/";

	profile.issued_by = NULL;
	answer_with(make_leaf(good));
	put(&answer, ca);
	assert_int_equal(judge(), 0);
	ks_judgement_deinit(&judgement);
	profile.url = NULL;
	assert_int_equal(judge(), 0);
	ks_judgement_deinit(&judgement);
	judgement = (struct ks_judgement){ .not_before = 0 };
	profile.url = plain;
	expect_refused("give profile \"corp\" issued-by (/etc/keystay.conf:3)");
}

static void test_judge_takes_one_that_begins_soon(void **state)
{
	(void)state;
	struct made early = good;

	early.begin = HOUR;
	answer_with(make_leaf(early));
	put(&answer, ca);
	assert_int_equal(judge(), 0);
	assert_int_equal(judgement.not_before, NOW + HOUR);
}

/* --- what is not ------------------------------------------------------------------------------------------------- */

static void test_judge_refuses_answers_that_are_none(void **state)
{
	(void)state;
	expect_refused("answered without a certificate");
	ks_buffer_put(&answer, ks_bytes("\x30\x03\x02\x01\x01", 5));
	expect_refused("no certificate that can be read");
	ks_buffer_reset(&answer);
	for (unsigned i = 0; i <= KS_ENROL_CERTIFICATES_MAX; i++)
		put(&answer, ca);
	expect_refused("more than 32 certificates");
}

static void test_judge_refuses_another_key(void **state)
{
	(void)state;
	struct made of_other = good;

	of_other.subject_key = other_key;
	answer_with(make_leaf(of_other));
	put(&answer, ca);
	expect_refused("certificate of another key (CN=alice)");
	assert_true(problem.is_final);
}

static void test_judge_refuses_another_ca(void **state)
{
	(void)state;
	struct made of_foreign = good;

	of_foreign.issuer = foreign;
	of_foreign.issuer_key = foreign_key;
	answer_with(make_leaf(of_foreign));
	put(&answer, foreign);
	put(&answer, ca);
	expect_refused("does not lead to a CA of issued-by");
	profile.issued_by = NULL;
	put(&anchors, root);
	expect_refused("does not lead to a CA of the CA certificates that the server gave");
}

static void test_judge_refuses_a_signature_that_is_not_the_issuers(void **state)
{
	(void)state;
	struct made forged = good;

	forged.issuer_key = foreign_key;
	answer_with(make_leaf(forged));
	put(&answer, ca);
	profile.issued_by = NULL;
	expect_refused("did not issue the new certificate");
	put(&anchors, root);
	expect_refused("does not lead to a CA");
}

static void test_judge_refuses_what_is_not_for_clients(void **state)
{
	(void)state;
	struct made wrong = good;

	wrong.extended = "serverAuth";
	answer_with(make_leaf(wrong));
	put(&answer, ca);
	expect_refused("lacks clientAuth");
	ks_buffer_reset(&answer);
	wrong = good;
	wrong.usage = "keyEncipherment";
	answer_with(make_leaf(wrong));
	put(&answer, ca);
	expect_refused("lacks digitalSignature");
	ks_buffer_reset(&answer);
	wrong = good;
	wrong.constraints = "CA:TRUE";
	answer_with(make_leaf(wrong));
	put(&answer, ca);
	expect_refused("is one of a CA");
}

static void test_judge_refuses_wrong_dates(void **state)
{
	(void)state;
	static const struct {
		int64_t begin, end;
		const char *text;
	} wrong[] = {
		{ -HOUR, 0, "has expired already" },
		{ -2 * HOUR, -HOUR, "has expired already" },
		{ 25 * HOUR, 48 * HOUR, "holds only from" },
		{ HOUR, HOUR, "has expired already" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct made made = good;
		made.begin = wrong[i].begin;
		made.end = wrong[i].end;
		ks_buffer_reset(&answer);
		answer_with(make_leaf(made));
		put(&answer, ca);
		expect_refused(wrong[i].text);
		assert_false(problem.is_final);
	}
}

static void test_judge_refuses_one_that_ends_before_the_old(void **state)
{
	(void)state;
	answer_with(make_leaf(good));
	put(&answer, ca);
	judged.old_not_after = NOW + 24 * HOUR + 1;
	expect_refused("before the one that is there");
	assert_int_equal(problem.later, NOW + 1 + 60); /* one that is asked for then ends after it */
	judged.old_not_after = NOW + 24 * HOUR;
	assert_int_equal(judge(), 0);
}

static void test_judge_refuses_the_old_one_again(void **state)
{
	(void)state;
	struct ks_buffer old = { 0 };
	X509 *leaf = make_leaf(good);

	put(&answer, leaf);
	put(&answer, ca);
	put(&old, leaf);
	judged.old = ks_buffer_bytes(&old);
	expect_refused("the certificate that is there already");
	ks_buffer_deinit(&old);
	X509_free(leaf);
}

static void test_judge_refuses_an_issued_by_that_cannot_be_read(void **state)
{
	(void)state;
	static char nowhere[] = "/nonexistent/ca.pem", nothing[] = "/dev/null";

	answer_with(make_leaf(good));
	put(&answer, ca);
	profile.issued_by = nowhere;
	expect_refused("/etc/keystay.conf:3: issued-by of profile \"corp\" names /nonexistent/ca.pem");
	profile.issued_by = nothing;
	expect_refused("which cannot be used");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_judge_chooses_by_key_and_orders_the_chain),
		TEST(test_judge_takes_the_newest_of_two),
		TEST(test_judge_takes_one_without_usages),
		TEST(test_judge_takes_what_leads_to_an_anchor_of_the_protocol),
		TEST(test_judge_takes_on_trust_only_over_https_or_by_a_program),
		TEST(test_judge_takes_one_that_begins_soon),
		TEST(test_judge_refuses_answers_that_are_none),
		TEST(test_judge_refuses_another_key),
		TEST(test_judge_refuses_another_ca),
		TEST(test_judge_refuses_a_signature_that_is_not_the_issuers),
		TEST(test_judge_refuses_what_is_not_for_clients),
		TEST(test_judge_refuses_wrong_dates),
		TEST(test_judge_refuses_one_that_ends_before_the_old),
		TEST(test_judge_refuses_the_old_one_again),
		TEST(test_judge_refuses_an_issued_by_that_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, make_all, free_all);
}
