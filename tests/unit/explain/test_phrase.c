/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts and signature schemes in words: each has some, and none is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/x509_vfy.h>

#include "explain/phrase.h"
#include "lib/protocol/scheme.h"

static void test_phrase_of_an_alert(void **state)
{
	char text[256];

	(void)state;
	ks_phrase_alert(48, text, sizeof(text));
	assert_non_null(strstr(text, "(unknown_ca)"));
	assert_non_null(strstr(text, "intermediate certificate is missing"));
	ks_phrase_alert(116, text, sizeof(text));
	assert_string_equal(text, "it wants a certificate and got none (certificate_required)");
	ks_phrase_alert(255, text, sizeof(text));
	assert_string_equal(text, "by alert 255");
	for (int alert = 0; alert < 256; alert++) {
		ks_phrase_alert(alert, text, sizeof(text));
		assert_true(strlen(text) > 0 && strlen(text) < sizeof(text) - 1);
	}
}

static void test_phrase_of_a_scheme(void **state)
{
	static const struct {
		uint16_t code;
		bool is_tls13;
		const char *words;
	} rows[] = {
		{ 0x0403, true, "ECDSA with P-256 and SHA-256" },
		{ 0x0403, false, "ECDSA with SHA-256" },
		{ 0x0804, true, "RSA-PSS with SHA-256" },
		{ 0x080b, true, "RSA-PSS with SHA-512, for RSASSA-PSS certificates" },
		{ 0x0401, false, "RSA PKCS#1 with SHA-256" },
		{ 0x0401, true, "RSA PKCS#1 with SHA-256, in certificates only" },
		{ 0x0807, true, "Ed25519" },
		{ 0x0808, true, "ed448" },
		{ 0x0203, false, "ecdsa_sha1" },
		{ 0xfefe, true, "0xfefe" },
	};
	char words[96];
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ks_phrase_scheme(rows[i].code, rows[i].is_tls13, words, sizeof(words));
		assert_string_equal(words, rows[i].words);
	}
	for (size_t i = 0; i < n; i++) {
		ks_phrase_scheme(schemes[i].code, true, words, sizeof(words));
		assert_true(strlen(words) >= 7 && strncmp(words, "0x", 2) != 0);
	}
}

static void test_phrase_of_a_problem_says_what_to_do(void **state)
{
	char text[512];

	(void)state;
	ks_phrase_problem(X509_V_ERR_HOSTNAME_MISMATCH, "www.example.org", NULL, text, sizeof(text));
	assert_string_equal(text, "it is not for \"www.example.org\"; if the server is the right one, give the name in "
				  "its certificate: --server-name");
	ks_phrase_problem(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "x", NULL, text, sizeof(text));
	assert_non_null(strstr(text, "--ca FILE"));
	ks_phrase_problem(X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "x", "ca.pem", text, sizeof(text));
	assert_null(strstr(text, "--ca FILE"));
	ks_phrase_problem(X509_V_ERR_CERT_HAS_EXPIRED, "x", NULL, text, sizeof(text));
	assert_string_equal(text, "certificate has expired");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phrase_of_an_alert),
		cmocka_unit_test(test_phrase_of_a_scheme),
		cmocka_unit_test(test_phrase_of_a_problem_says_what_to_do),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
