/* SPDX-License-Identifier: Apache-2.0 */
/* Which identity fits what a server asks for, why not, and which of several comes first: the decision table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "client/best.h"
#include "lib/base/cleanup.h"

#define DAY ((uint64_t)86400)
#define NOW ((uint64_t)1800000000) /* 2027-01-15, of these tests alone */

/* --- keys, certificates, servers --------------------------------------------------------------------------------- */

enum key { P256, P384, RSA_2048, RSA_PSS_2048, ED25519, N_KEYS };
static const char *const key_types[N_KEYS] = { "P-256", "P-384", "RSA-2048", "RSA-PSS-2048", "Ed25519" };
static struct ks_bytes spkis[N_KEYS];

static EVP_PKEY *make_key(enum key key)
{
	if (key == P256 || key == P384)
		return EVP_EC_gen(key == P256 ? "P-256" : "P-384");
	if (key == ED25519)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (key == RSA_2048)
		return EVP_RSA_gen(2048);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *pkey = NULL;
	assert_true(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_generate(ctx, &pkey) == 1);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

static struct ks_bytes make_name(const char *common_name)
{
	X509_NAME *name = X509_NAME_new();
	unsigned char *der = NULL;

	assert_int_equal(
		X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0),
		1);
	int size = i2d_X509_NAME(name, &der);
	X509_NAME_free(name);
	return ks_bytes(der, (size_t)size);
}

/* Appends a certificate of subject by issuer; nobody looks at its signature here. */
static void put_certificate(struct ks_buffer *chain, const char *subject, const char *issuer)
{
	X509 *certificate = X509_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	unsigned char *der = NULL;

	assert_true(X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, key) == 1);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), 1000);
	(void)X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
					 (const unsigned char *)subject, -1, -1, 0);
	(void)X509_NAME_add_entry_by_txt(X509_get_issuer_name(certificate), "CN", MBSTRING_UTF8,
					 (const unsigned char *)issuer, -1, -1, 0);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	int size = i2d_X509(certificate, &der);
	assert_true(size > 0);
	struct ks_msg_certificate record = { .der = ks_bytes(der, (size_t)size) };
	ks_record_write(chain, KS_RECORD(certificate), &record);
	OPENSSL_free(der);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static struct ks_buffer chain; /* leaf <- Issuing <- Root, the root left out */
static struct ks_bytes root, issuing, other;

static int set_up(void **state)
{
	(void)state;
	for (int i = 0; i < N_KEYS; i++) {
		EVP_PKEY *key = make_key((enum key)i);
		unsigned char *der = NULL;
		assert_non_null(key);
		int size = i2d_PUBKEY(key, &der);
		assert_true(size > 0);
		spkis[i] = ks_bytes(der, (size_t)size);
		EVP_PKEY_free(key);
	}
	put_certificate(&chain, "leaf", "Issuing");
	put_certificate(&chain, "Issuing", "Root");
	root = make_name("Root");
	issuing = make_name("Issuing");
	other = make_name("Other");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < N_KEYS; i++)
		OPENSSL_free((void *)(uintptr_t)spkis[i].data);
	OPENSSL_free((void *)(uintptr_t)root.data);
	OPENSSL_free((void *)(uintptr_t)issuing.data);
	OPENSSL_free((void *)(uintptr_t)other.data);
	ks_buffer_deinit(&chain);
	return 0;
}

static struct ks_msg_identity good(enum key key)
{
	return (struct ks_msg_identity){
		.name = ks_bytes_text("alice"),
		.spki = spkis[key],
		.key_type = ks_bytes_text(key_types[key]),
		.state = KS_TOKEN_LOCKED, /* a PIN can be asked for */
		.n_certificates = 2,
		.not_before = NOW - 10 * DAY,
		.not_after = NOW + 90 * DAY,
		.client_auth = true,
	};
}

/* --- yes or no --------------------------------------------------------------------------------------------------- */

#define SCHEMES_MAX 4

static void test_best_table(void **state)
{
	static const struct {
		const char *what;
		enum key key;
		uint16_t version;
		uint16_t schemes[SCHEMES_MAX];
		enum ks_best_fault expected;
		uint16_t scheme; /* that it would sign with */
		const char *reason;
	} rows[] = {
		{ "nothing is known", RSA_2048, 0, { 0 }, KS_BEST_FITS, 0, "" },
		{ "P-256, TLS 1.3", P256, 0x0304, { 0x0804, 0x0403 }, KS_BEST_FITS, 0x0403, "" },
		{ "P-384, TLS 1.3", P384, 0x0304, { 0x0403, 0x0503 }, KS_BEST_FITS, 0x0503, "" },
		{ "P-384 where TLS 1.3 knows P-256 alone",
		  P384,
		  0x0304,
		  { 0x0403, 0x0804 },
		  KS_BEST_KEY_TYPE,
		  0,
		  "the server takes no signature of a P-384 key, only ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256" },
		{ "P-384 with SHA-256 in TLS 1.2", P384, 0x0303, { 0x0403 }, KS_BEST_FITS, 0x0403, "" },
		{ "RSA by PSS", RSA_2048, 0x0304, { 0x0401, 0x0805, 0x0804 }, KS_BEST_FITS, 0x0805, "" },
		{ "RSA by PKCS#1 in TLS 1.2", RSA_2048, 0x0303, { 0x0401, 0x0804 }, KS_BEST_FITS, 0x0401, "" },
		{ "RSA in TLS 1.3 without PSS",
		  RSA_2048,
		  0x0304,
		  { 0x0401, 0x0403 },
		  KS_BEST_PSS,
		  0,
		  "TLS 1.3 takes RSA-PSS signatures alone of RSA keys, and the server does not offer RSA-PSS" },
		{ "RSA where ECDSA alone is taken",
		  RSA_2048,
		  0x0304,
		  { 0x0403 },
		  KS_BEST_KEY_TYPE,
		  0,
		  "the server takes no signature of a RSA-2048 key, only ecdsa_secp256r1_sha256" },
		{ "an RSASSA-PSS certificate by rsae",
		  RSA_PSS_2048,
		  0x0304,
		  { 0x0804 },
		  KS_BEST_KEY_TYPE,
		  0,
		  "RSA-PSS-2048" },
		{ "an RSASSA-PSS certificate", RSA_PSS_2048, 0x0304, { 0x0804, 0x0809 }, KS_BEST_FITS, 0x0809, "" },
		{ "Ed25519", ED25519, 0x0304, { 0x0403, 0x0807 }, KS_BEST_FITS, 0x0807, "" },
		{ "Ed25519 that is not offered",
		  ED25519,
		  0x0303,
		  { 0x0403, 0x0201, 0x0601, 0x0804 },
		  KS_BEST_KEY_TYPE,
		  0,
		  "only ecdsa_secp256r1_sha256, 0x0201, rsa_pkcs1_sha512 and 1 more" },
		{ "SHA-1 is no scheme of ours", P256, 0x0303, { 0x0203 }, KS_BEST_KEY_TYPE, 0, "only 0x0203" },
		{ "schemes without a version", RSA_2048, 0, { 0x0401 }, KS_BEST_FITS, 0x0401, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ks_msg_identity identity = good(rows[i].key);
		struct ks_best_asked asked = { .schemes = rows[i].schemes,
					       .tls_version = rows[i].version,
					       .now_s = NOW };
		struct ks_best verdict;
		while (asked.n_schemes < SCHEMES_MAX && rows[i].schemes[asked.n_schemes] != 0)
			asked.n_schemes++;
		ks_best_judge(&identity, KS_BYTES_NONE, &asked, &verdict);
		if (verdict.fault != rows[i].expected ||
		    (verdict.scheme ? verdict.scheme->code : 0) != rows[i].scheme ||
		    !strstr(verdict.reason, rows[i].reason) ||
		    (verdict.fault == KS_BEST_FITS) != (verdict.reason[0] == '\0'))
			fail_msg("%s: %s, \"%s\"", rows[i].what, ks_best_word(verdict.fault), verdict.reason);
	}
}

static void expect(const struct ks_msg_identity *identity, enum ks_best_fault fault, const char *reason)
{
	const struct ks_best_asked asked = { .now_s = NOW };
	struct ks_best verdict;

	ks_best_judge(identity, KS_BYTES_NONE, &asked, &verdict);
	assert_string_equal(verdict.reason, reason);
	assert_int_equal(verdict.fault, fault);
}

/* The token was asked for RSASSA-PSS before, and could not. */
static void test_best_knows_a_token_without_pss(void **state)
{
	static const uint16_t both[] = { 0x0804, 0x0401 }, pss[] = { 0x0804 };
	struct ks_msg_identity identity = good(RSA_2048);
	struct ks_best_asked asked = { .schemes = both, .n_schemes = 2, .tls_version = 0x0303, .now_s = NOW };
	struct ks_best verdict;

	(void)state;
	identity.no_pss = true;
	ks_best_judge(&identity, KS_BYTES_NONE, &asked, &verdict);
	assert_int_equal(verdict.fault, KS_BEST_FITS); /* by PKCS #1 v1.5 */
	assert_int_equal(verdict.scheme->code, 0x0401);
	asked.tls_version = 0x0304;
	ks_best_judge(&identity, KS_BYTES_NONE, &asked, &verdict);
	assert_int_equal(verdict.fault, KS_BEST_PSS);
	assert_non_null(strstr(verdict.reason, "its token cannot make RSA-PSS signatures"));
	asked = (struct ks_best_asked){ .schemes = pss, .n_schemes = 1, .tls_version = 0x0303, .now_s = NOW };
	ks_best_judge(&identity, KS_BYTES_NONE, &asked, &verdict);
	assert_int_equal(verdict.fault, KS_BEST_PSS);
}

static void test_best_wants_a_certificate_that_is_valid_now_and_for_clients(void **state)
{
	struct ks_msg_identity identity = good(P256);

	(void)state;
	expect(&identity, KS_BEST_FITS, "");
	identity.not_after = NOW; /* the last second counts */
	expect(&identity, KS_BEST_FITS, "");
	identity.not_after = NOW - 1;
	expect(&identity, KS_BEST_EXPIRED, "its certificate expired on 2027-01-15");
	identity.revoked = true;
	expect(&identity, KS_BEST_REVOKED, "its certificate was revoked");
	identity = good(P256);
	identity.not_before = NOW + DAY;
	expect(&identity, KS_BEST_EARLY, "its certificate is not valid before 2027-01-16");
	identity.not_before = NOW + 300; /* clocks differ */
	expect(&identity, KS_BEST_FITS, "");
	identity.not_before = NOW;
	expect(&identity, KS_BEST_FITS, "");
	identity.unproven_refused = true;
	expect(&identity, KS_BEST_STATUS, "its CA does not say that its certificate is good, and revocation = require");
	identity.unproven_refused = false;
	identity.client_auth = false;
	expect(&identity, KS_BEST_PURPOSE, "its certificate is not for TLS clients (key usage and extended key usage)");
	identity = good(P256);
	identity.n_certificates = 0;
	expect(&identity, KS_BEST_NO_CERTIFICATE, "it has no certificate");
	identity = good(P256);
	identity.state = KS_TOKEN_ABSENT;
	expect(&identity, KS_BEST_TOKEN, "its token is not here");
	identity.state = KS_TOKEN_BLOCKED;
	expect(&identity, KS_BEST_TOKEN, "its token has blocked the PIN");
	identity = good(P256);
	identity.spki = ks_bytes_text("no key");
	expect(&identity, KS_BEST_KEY_TYPE, "its key is of a type unknown here (P-256)");
}

static void test_best_finds_a_named_ca_anywhere_in_the_chain(void **state)
{
	struct ks_msg_identity identity = good(P256);
	const struct ks_bytes any_but_ours[] = { other, other, other, other, other };
	const struct {
		struct ks_bytes names[2];
		size_t n;
		bool fits;
	} rows[] = {
		{ { KS_BYTES_NONE }, 0, true }, { { root }, 1, true },        { { issuing }, 1, true },
		{ { other }, 1, false },        { { other, root }, 2, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ks_best_asked asked = { .ca_names = rows[i].names, .n_ca_names = rows[i].n, .now_s = NOW };
		struct ks_best verdict;
		ks_best_judge(&identity, ks_buffer_bytes(&chain), &asked, &verdict);
		assert_int_equal(verdict.fault, rows[i].fits ? KS_BEST_FITS : KS_BEST_ISSUER);
	}
	const struct ks_best_asked asked = { .ca_names = any_but_ours, .n_ca_names = 5, .now_s = NOW };
	struct ks_best verdict;
	ks_best_judge(&identity, ks_buffer_bytes(&chain), &asked, &verdict);
	assert_string_equal(verdict.reason, "its chain ends at the CA \"Root\", but the server asks for \"Other\", "
					    "\"Other\", \"Other\" and 2 more");
}

/* --- which one first --------------------------------------------------------------------------------------------- */

static void sort(struct ks_msg_identity *identities, size_t n, const struct ks_best_asked *asked, char *ret_order)
{
	struct ks_best verdicts[8];

	assert_true(n <= 8);
	for (size_t i = 0; i < n; i++)
		ks_best_judge(&identities[i], KS_BYTES_NONE, asked, &verdicts[i]);
	qsort(verdicts, n, sizeof(verdicts[0]), ks_best_compare);
	for (size_t i = 0; i < n; i++)
		ret_order[i] = verdicts[i].name[0];
	ret_order[n] = '\0';
}

static void test_best_order(void **state)
{
	static const uint16_t ec_first[] = { 0x0403, 0x0807, 0x0804 }, rsa_first[] = { 0x0804, 0x0403 };
	struct ks_best_asked asked = { .schemes = ec_first, .n_schemes = 3, .tls_version = 0x0304, .now_s = NOW };
	struct ks_msg_identity list[] = { good(RSA_2048), good(ED25519), good(P256) };
	char order[9];

	(void)state;
	list[0].name = ks_bytes_text("rsa");
	list[1].name = ks_bytes_text("ed25519");
	list[2].name = ks_bytes_text("p256");
	sort(list, 3, &asked, order);
	assert_string_equal(order, "per"); /* as the server likes them */
	asked.schemes = rsa_first;
	asked.n_schemes = 2;
	sort(list, 3, &asked, order);
	assert_string_equal(order, "rpe"); /* and what does not fit comes last */
	asked.n_schemes = 0;
	sort(list, 3, &asked, order);
	assert_string_equal(order, "epr"); /* unknown: the types do not count, the names remain */
	list[0].rank = 0;
	list[1].rank = 7;
	list[2].rank = 1;
	sort(list, 3, &asked, order);
	assert_string_equal(order, "rpe"); /* as the person has them */
	list[0].not_after = NOW + 4 * DAY;
	sort(list, 3, &asked, order);
	assert_string_equal(order, "per"); /* but none that is about to expire, where there is another */
	list[0].not_after = NOW - 1;
	list[1].n_certificates = 0;
	sort(list, 3, &asked, order);
	assert_string_equal(order, "per");
	list[0].rank = list[1].rank = list[2].rank = 4;
	list[0] = list[1] = list[2];
	list[0].name = ks_bytes_text("b");
	list[1].name = ks_bytes_text("c");
	list[2].name = ks_bytes_text("a");
	list[1].not_before += 1;
	list[0].not_after += 1;
	sort(list, 3, &asked, order);
	assert_string_equal(order, "cba"); /* the newest, then the one that lasts longest */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_best_table),
		cmocka_unit_test(test_best_knows_a_token_without_pss),
		cmocka_unit_test(test_best_wants_a_certificate_that_is_valid_now_and_for_clients),
		cmocka_unit_test(test_best_finds_a_named_ca_anywhere_in_the_chain),
		cmocka_unit_test(test_best_order),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
