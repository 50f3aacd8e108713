/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/base/bundle: every form in which CAs send certificates, and none that they do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include "enrol/base/bundle.h"
#include "lib/base/base64.h"
#include "lib/protocol/limits.h"

#define WHOSE "the answer of X"

static EVP_PKEY *key;

/* --- what is made ------------------------------------------------------------------------------------------------ */

static X509 *make_certificate(int serial)
{
	X509 *certificate = X509_new();

	assert_non_null(certificate);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 60));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	return certificate;
}

/* The DER of certificates with the serials 1 to n, and PKCS#7 of them. */
static void make(int n, struct ks_buffer *der, struct ks_buffer *pkcs7_der)
{
	PKCS7 *pkcs7 = PKCS7_new();
	unsigned char *out = NULL;

	assert_non_null(pkcs7);
	assert_int_equal(PKCS7_set_type(pkcs7, NID_pkcs7_signed), 1);
	assert_int_equal(PKCS7_content_new(pkcs7, NID_pkcs7_data), 1);
	for (int i = 1; i <= n; i++) {
		X509 *certificate = make_certificate(i);
		assert_int_equal(PKCS7_add_certificate(pkcs7, certificate), 1);
		int size = i2d_X509(certificate, &out);
		ks_buffer_put(der, ks_bytes(out, (size_t)size));
		OPENSSL_free(out);
		out = NULL;
		X509_free(certificate);
	}
	int size = i2d_PKCS7(pkcs7, &out);
	assert_true(size > 0);
	if (pkcs7_der)
		ks_buffer_put(pkcs7_der, ks_bytes(out, (size_t)size));
	OPENSSL_free(out);
	PKCS7_free(pkcs7);
}

static void put_pem(struct ks_buffer *out, const char *label, struct ks_bytes der)
{
	ks_buffer_printf(out, "-----BEGIN %s-----\n", label);
	assert_int_equal(ks_base64_put(out, der), 0);
	ks_buffer_printf(out, "-----END %s-----\n", label);
}

/* base64 of bytes in lines of width characters, each with this end. */
static void put_lines(struct ks_buffer *out, struct ks_bytes bytes, size_t width, const char *line_end)
{
	struct ks_buffer one = { 0 };
	size_t n = 0;

	assert_int_equal(ks_base64_put(&one, bytes), 0);
	for (size_t i = 0; i < one.size; i++) {
		if (one.data[i] == '\n')
			continue;
		ks_buffer_put_u8(out, one.data[i]);
		if (++n % width == 0)
			ks_buffer_printf(out, "%s", line_end);
	}
	ks_buffer_deinit(&one);
}

/* Reads input, which must give what der has. */
static void assert_reads(struct ks_bytes input, struct ks_bytes der)
{
	struct ks_enrol_problem problem = { 0 };
	struct ks_buffer certificates = { 0 };

	if (ks_bundle_read(input, WHOSE, &certificates, &problem) < 0)
		fail_msg("%s", problem.text);
	assert_int_equal(certificates.size, der.size);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&certificates), der));
	ks_buffer_deinit(&certificates);
}

static void assert_refuses(struct ks_bytes input, int code, const char *said)
{
	struct ks_enrol_problem problem = { 0 };
	struct ks_buffer certificates = { 0 };

	ks_buffer_put_u8(&certificates, 0x05);
	ks_buffer_put_u8(&certificates, 0x00);
	assert_int_equal(ks_bundle_read(input, WHOSE, &certificates, &problem), code);
	assert_int_equal(problem.code, code);
	assert_string_equal(problem.text, said);
	assert_int_equal(certificates.size, 2);
	ks_buffer_deinit(&certificates);
}

/* --- bundles ----------------------------------------------------------------------------------------------------- */

static void test_bundle_reads_every_form(void **state)
{
	struct ks_buffer der = { 0 }, pkcs7 = { 0 }, text = { 0 };

	(void)state;
	make(3, &der, &pkcs7);
	struct ks_bytes certificates = ks_buffer_bytes(&der), wrapped = ks_buffer_bytes(&pkcs7);
	assert_reads(certificates, certificates);
	assert_reads(wrapped, certificates);

	static const struct {
		size_t width;
		const char *line_end;
	} lines[] = { { 64, "\n" }, { 76, "\r\n" }, { 1, " " }, { 1 << 20, "" }, { 7, "\r\n\t" } };
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		ks_buffer_printf(&text, "\r\n ");
		put_lines(&text, wrapped, lines[i].width, lines[i].line_end);
		ks_buffer_printf(&text, "\n\n");
		assert_reads(ks_buffer_bytes(&text), certificates);
		ks_buffer_reset(&text);
	}
	put_lines(&text, certificates, 64, "\n");
	assert_reads(ks_buffer_bytes(&text), certificates);
	ks_buffer_reset(&text);

	static const char *const labels[] = { "PKCS7", "CMS", "CERTIFICATE" };
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		ks_buffer_printf(&text, "0 s:CN = alice\nsome words\n");
		put_pem(&text, "X509 CRL", ks_bytes_text("not looked at"));
		put_pem(&text, labels[i], wrapped);
		assert_reads(ks_buffer_bytes(&text), certificates);
		ks_buffer_reset(&text);
	}
	struct ks_bytes rest = certificates, one;
	while (ks_bundle_next(&rest, &one))
		put_pem(&text, "CERTIFICATE", one);
	assert_reads(ks_buffer_bytes(&text), certificates);
	ks_buffer_deinit(&text);
	ks_buffer_deinit(&pkcs7);
	ks_buffer_deinit(&der);
}

/* Java's libraries write the outermost lengths so. */
static void test_bundle_reads_indefinite_lengths(void **state)
{
	struct ks_buffer der = { 0 }, pkcs7 = { 0 }, ber = { 0 };

	(void)state;
	make(2, &der, &pkcs7);
	assert_int_equal(pkcs7.data[1], 0x82);
	ks_buffer_put(&ber, ks_bytes("\x30\x80", 2));
	ks_buffer_put(&ber, ks_bytes(pkcs7.data + 4, pkcs7.size - 4));
	ks_buffer_put(&ber, ks_bytes("\0\0", 2));
	assert_reads(ks_buffer_bytes(&ber), ks_buffer_bytes(&der));
	ks_buffer_deinit(&ber);
	ks_buffer_deinit(&pkcs7);
	ks_buffer_deinit(&der);
}

static void test_bundle_keeps_each_certificate_once(void **state)
{
	struct ks_buffer der = { 0 }, twice = { 0 }, certificates = { 0 };
	struct ks_enrol_problem problem;

	(void)state;
	make(2, &der, NULL);
	ks_buffer_put(&twice, ks_buffer_bytes(&der));
	ks_buffer_put(&twice, ks_buffer_bytes(&der));
	assert_reads(ks_buffer_bytes(&twice), ks_buffer_bytes(&der));
	assert_int_equal(ks_bundle_read(ks_buffer_bytes(&der), WHOSE, &certificates, &problem), 0);
	assert_int_equal(ks_bundle_read(ks_buffer_bytes(&der), WHOSE, &certificates, &problem), 0);
	assert_int_equal(certificates.size, der.size);
	ks_buffer_deinit(&certificates);
	ks_buffer_deinit(&twice);
	ks_buffer_deinit(&der);
}

static void test_bundle_refuses_what_is_none(void **state)
{
	static const char *const cases[] = { "<html>no</html>",
					     "{\"a\": 1}",
					     "Zm9vYmFy",
					     "\x30\x82\x01\x00 short",
					     "-----BEGIN CERTIFICATE-----\nMIIB",
					     "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n" };
	struct ks_buffer der = { 0 }, pkcs7 = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refuses(ks_bytes_text(cases[i]), KS_ERR_MALFORMED,
			       WHOSE " is none that certificates come in (PKCS#7, PEM, DER)");
	assert_refuses(KS_BYTES_NONE, KS_ERR_NO_CERTIFICATE, WHOSE " has no certificate in it");
	make(2, &der, &pkcs7);
	ks_buffer_put_u8(&pkcs7, 0);
	assert_refuses(ks_buffer_bytes(&pkcs7), KS_ERR_MALFORMED,
		       WHOSE " is none that certificates come in (PKCS#7, PEM, DER)");
	assert_refuses(ks_bytes(der.data, der.size - 1), KS_ERR_MALFORMED,
		       WHOSE " is none that certificates come in (PKCS#7, PEM, DER)");
	ks_buffer_reset(&pkcs7);
	ks_buffer_reset(&der);
	make(0, &der, &pkcs7);
	assert_refuses(ks_buffer_bytes(&pkcs7), KS_ERR_NO_CERTIFICATE, WHOSE " has no certificate in it");
	assert_refuses(ks_bytes_text("-----BEGIN X-----\nZm9v\n-----END X-----\n"), KS_ERR_NO_CERTIFICATE,
		       WHOSE " has no certificate in it");
	ks_buffer_deinit(&pkcs7);
	ks_buffer_deinit(&der);
}

static void test_bundle_has_limits(void **state)
{
	struct ks_buffer der = { 0 }, pkcs7 = { 0 };

	(void)state;
	make((int)KS_ENROL_CERTIFICATES_MAX, &der, &pkcs7);
	assert_reads(ks_buffer_bytes(&pkcs7), ks_buffer_bytes(&der));
	ks_buffer_reset(&pkcs7);
	ks_buffer_reset(&der);
	make((int)KS_ENROL_CERTIFICATES_MAX + 1, &der, &pkcs7);
	assert_refuses(ks_buffer_bytes(&pkcs7), KS_ERR_LIMIT, WHOSE " has more than 32 certificates");
	assert_refuses(ks_buffer_bytes(&der), KS_ERR_LIMIT, WHOSE " has more than 32 certificates");
	ks_buffer_deinit(&pkcs7);
	ks_buffer_deinit(&der);
}

static int begin(void **state)
{
	(void)state;
	key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	return key ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bundle_reads_every_form),
		cmocka_unit_test(test_bundle_reads_indefinite_lengths),
		cmocka_unit_test(test_bundle_keeps_each_certificate_once),
		cmocka_unit_test(test_bundle_refuses_what_is_none),
		cmocka_unit_test(test_bundle_has_limits),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
