/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of enrol/status/ocsp.h: what is sent to a responder, and which answer is to another request. */
#include "enrol/status/ocsp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "lib/base/cleanup.h"

static struct ks_certificate *issuer, *leaf;
static EVP_PKEY *key;

static struct ks_certificate *make(const char *name, long serial)
{
	X509 *x509 = X509_new();
	X509_NAME *subject = X509_NAME_new();
	struct ks_certificate *certificate = NULL;
	unsigned char *der = NULL;

	assert_int_equal(
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial), 1);
	assert_int_equal(X509_set_subject_name(x509, subject), 1);
	assert_int_equal(X509_set_issuer_name(x509, subject), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x509), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x509), 3600));
	assert_int_equal(X509_set_pubkey(x509, key), 1);
	assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
	int size = i2d_X509(x509, &der);
	assert_int_equal(ks_certificate_new(ks_bytes(der, (size_t)size), &certificate), 0);
	OPENSSL_free(der);
	X509_NAME_free(subject);
	X509_free(x509);
	return certificate;
}

static int setup(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	assert_non_null(key);
	issuer = make("ca", 1);
	leaf = make("leaf", 4711);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ks_certificate_unref(issuer);
	ks_certificate_unref(leaf);
	EVP_PKEY_free(key);
	return 0;
}

static OCSP_REQUEST *read_request(struct ks_bytes der)
{
	const unsigned char *next = der.data;
	OCSP_REQUEST *request = d2i_OCSP_REQUEST(NULL, &next, (long)der.size);

	assert_non_null(request);
	assert_ptr_equal(next, der.data + der.size);
	return request;
}

static void test_ocsp_asks_for_one_certificate_with_a_nonce_or_without(void **state)
{
	(void)state;
	for (int with_nonce = 0; with_nonce < 2; with_nonce++) {
		KS_CLEANUP(ks_ocsp_request_deinit) struct ks_ocsp_request request = { 0 };
		assert_int_equal(ks_ocsp_request_make(leaf, issuer, with_nonce, &request), 0);
		OCSP_REQUEST *read = read_request(ks_buffer_bytes(&request.der));
		assert_int_equal(OCSP_request_onereq_count(read), 1);
		assert_int_equal(OCSP_REQUEST_get_ext_by_NID(read, NID_id_pkix_OCSP_Nonce, -1) >= 0, with_nonce);
		ASN1_INTEGER *serial = NULL;
		OCSP_CERTID *id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(read, 0));
		assert_int_equal(OCSP_id_get0_info(NULL, NULL, NULL, &serial, id), 1);
		assert_int_equal(ASN1_INTEGER_get(serial), 4711);
		OCSP_REQUEST_free(read);
	}
}

/* "%2B" of "+", and nothing but what an URL may have. */
static size_t unescape(const char *text, char *out)
{
	size_t size = 0;

	for (; *text; text++) {
		assert_null(strchr("+/= ", *text));
		if (*text == '%') {
			const char digits[] = { text[1], text[2], '\0' };
			out[size++] = (char)strtol(digits, NULL, 16);
			text += 2;
		} else {
			out[size++] = *text;
		}
	}
	out[size] = '\0';
	return size;
}

static void test_ocsp_request_is_in_the_url_of_a_get(void **state)
{
	static const char *const urls[] = { "http://ocsp.example", "http://ocsp.example/", "http://ocsp.example/a" };
	static const char *const before[] = { "http://ocsp.example/", "http://ocsp.example/",
					      "http://ocsp.example/a/" };
	KS_CLEANUP(ks_ocsp_request_deinit) struct ks_ocsp_request request = { 0 };

	(void)state;
	assert_int_equal(ks_ocsp_request_make(leaf, issuer, false, &request), 0);
	for (size_t i = 0; i < 3; i++) {
		KS_AUTO_FREE char *url = NULL;
		char text[512];
		unsigned char der[512];
		assert_int_equal(ks_ocsp_request_url(&request, urls[i], &url), 0);
		assert_true(strlen(url) <= 255);
		assert_int_equal(strncmp(url, before[i], strlen(before[i])), 0);
		size_t size = unescape(url + strlen(before[i]), text);
		int n = EVP_DecodeBlock(der, (const unsigned char *)text, (int)size);
		assert_true(n >= (int)request.der.size);
		assert_memory_equal(der, request.der.data, request.der.size);
	}
	char far[300] = "http://";
	memset(far + 7, 'a', 200);
	KS_AUTO_FREE char *url = NULL;
	assert_int_equal(ks_ocsp_request_url(&request, far, &url), KS_ERR_TOO_LARGE);
	assert_null(url);
}

/* nonce_of: whose nonce the answer has; NULL: none. */
static enum ks_ocsp_nonce judge(const struct ks_ocsp_request *request, const struct ks_ocsp_request *nonce_of)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	unsigned char *der = NULL;

	if (nonce_of)
		assert_int_equal(OCSP_copy_nonce(basic, nonce_of->request), 1);
	/* Only ever signed ones can be written. */
	assert_int_equal(OCSP_basic_sign(basic, ks_certificate_x509(issuer), key, EVP_sha256(), NULL, 0), 1);
	OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	int size = i2d_OCSP_RESPONSE(response, &der);
	enum ks_ocsp_nonce nonce = ks_ocsp_request_nonce(request, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	return nonce;
}

static void test_ocsp_knows_the_answer_to_another_request(void **state)
{
	KS_CLEANUP(ks_ocsp_request_deinit) struct ks_ocsp_request ours = { 0 }, others = { 0 }, plain = { 0 };

	(void)state;
	assert_int_equal(ks_ocsp_request_make(leaf, issuer, true, &ours), 0);
	assert_int_equal(ks_ocsp_request_make(leaf, issuer, true, &others), 0);
	assert_int_equal(ks_ocsp_request_make(leaf, issuer, false, &plain), 0);
	assert_int_equal(judge(&ours, &ours), KS_OCSP_NONCE_OURS);
	assert_int_equal(judge(&ours, &others), KS_OCSP_NONCE_OTHER);
	assert_int_equal(judge(&ours, NULL), KS_OCSP_NONCE_NONE);
	assert_int_equal(judge(&plain, &others), KS_OCSP_NONCE_NONE);
	assert_int_equal(ks_ocsp_request_nonce(&ours, ks_bytes_text("no answer")), KS_OCSP_NONCE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ocsp_asks_for_one_certificate_with_a_nonce_or_without),
		cmocka_unit_test(test_ocsp_request_is_in_the_url_of_a_get),
		cmocka_unit_test(test_ocsp_knows_the_answer_to_another_request),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
