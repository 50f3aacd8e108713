/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/protocol/csr.h and client/csr_text.h. OpenSSL is the oracle: it reads the names back, and holds the signature to be one. */
#include "lib/protocol/csr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "client/csr_text.h"
#include "lib/base/cleanup.h"

/* --- subjects ---------------------------------------------------------------------------------------------------- */

/* What OpenSSL makes of a Name, in the form of RFC 2253. */
static void check_name(const char *text, const char *expected)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_csr_problem problem = { "" };

	if (ks_csr_subject_put(&der, text, &problem) < 0)
		fail_msg("%s: %s", text, problem.text);
	const unsigned char *at = der.data;
	X509_NAME *name = d2i_X509_NAME(NULL, &at, (long)der.size);
	assert_non_null(name);
	assert_ptr_equal(at, der.data + der.size);
	BIO *out = BIO_new(BIO_s_mem());
	assert_true(X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0);
	char *shown;
	long size = BIO_get_mem_data(out, &shown);
	assert_int_equal(size, strlen(expected));
	assert_memory_equal(shown, expected, (size_t)size);
	BIO_free(out);
	X509_NAME_free(name);
}

static void test_csr_subject_reads_the_form_of_openssl(void **state)
{
	(void)state;
	check_name("/CN=alice", "CN=alice");
	check_name("/C=DE/ST=Bavaria/L=München/O=Example/OU=A/OU=B/CN=alice",
		   "CN=alice,OU=B,OU=A,O=Example,L=München,ST=Bavaria,C=DE");
	check_name("/O=A\\/B, \\+C\\\\/CN= a b ", "CN=\\ a b\\ ,O=A/B\\, \\+C\\\\");
	check_name("/CN=a+UID=b", "UID=b+CN=a");
	check_name("/UID=b+CN=a", "UID=b+CN=a");
	check_name("/DC=org/DC=example/emailAddress=a@b.example", "emailAddress=a@b.example,DC=example,DC=org");
	check_name("/2.5.4.3=alice/cn=b", "CN=b,CN=alice");
	check_name("/", "");
	check_name("", "");
}

static void test_csr_subject_reads_rfc4514(void **state)
{
	(void)state;
	check_name("CN=alice", "CN=alice");
	check_name("CN=alice,OU=B,OU=A,O=Example,C=DE", "CN=alice,OU=B,OU=A,O=Example,C=DE");
	check_name("CN=alice , O=Example, C=DE", "CN=alice,O=Example,C=DE");
	check_name("CN=Alice\\, the first+UID=a1,O=A/B", "CN=Alice\\, the first+UID=a1,O=A/B");
	check_name("CN=\\ \\C3\\84\\2b\\ ,O=\\#1", "CN=\\ Ä\\+\\ ,O=\\#1");
}

static void test_csr_subject_says_what_is_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "alice", "TYPE=value is expected (such as /O=Example/CN=alice) in place of \"alice\"" },
		{ "/CN", "in place of \"CN\"" },
		{ "/CN=", "there is no value for \"CN\"" },
		{ "CN=  ,O=a", "there is no value for \"CN\"" },
		{ "/XY=a", "there is an unknown type \"XY\"" },
		{ "/C=D", "two letters are needed for \"C\"" },
		{ "/C=DEU", "two letters are needed for \"C\"" },
		{ "/CN=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg",
		  "too much stands in \"CN\"" },
		{ "/serialNumber=a_b", "letters that are not allowed (PrintableString) stand in" },
		{ "/emailAddress=\xc3\xa4@b", "letters that are not ASCII stand in" },
		{ "/CN=\xc3", "what is no text (UTF-8) stands in" },
		{ "/CN=a\tb", "what is no text (UTF-8) stands in" },
		{ "/CN=a/", "nothing stands behind the last separator" },
		{ "CN=a+", "nothing stands behind the last separator" },
		{ "/CN=a\\", "nothing stands behind the last \\" },
		{ "CN=a;O=b", "one of \" ; < > stands without a \\ before it" },
		{ "CN=#0c01", "in hex digits, which is not read here" },
		{ "/1=a", "no OID: \"1\"" },
		{ "/1.40=a", "no OID" },
		{ "/3.1=a", "no OID" },
		{ "/1.02=a", "no OID" },
		{ "/1.2.=a", "no OID" },
		{ "/1.2.99999999999=a", "no OID" },
		{ "/CN=a+CN=b+CN=c+CN=d+CN=e+CN=f+CN=g+CN=h+CN=i", "there are too many parts" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
		struct ks_csr_problem problem = { "" };
		assert_int_equal(ks_csr_subject_put(&der, rows[i].text, &problem), KS_ERR_INVALID);
		if (!strstr(problem.text, rows[i].words))
			fail_msg("%s: %s", rows[i].text, problem.text);
	}
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static void test_csr_names_are_of_five_kinds(void **state)
{
	(void)state;
	static const char text[] = "dns:*.a.example,DNS:b-1.example,email:a@b.example,URI:spiffe://c/d,e,ip:192.0.2.1,"
				   "ip:2001:db8::1,upn:f@G.EXAMPLE";
	static const int kinds[] = { GEN_DNS, GEN_DNS, GEN_EMAIL, GEN_URI, GEN_IPADD, GEN_IPADD, GEN_OTHERNAME };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_csr_problem problem = { "" };

	assert_int_equal(ks_csr_names_put(&der, text, &problem), 0);
	const unsigned char *at = der.data;
	GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &at, (long)der.size);
	assert_non_null(names);
	assert_ptr_equal(at, der.data + der.size);
	assert_int_equal(sk_GENERAL_NAME_num(names), sizeof(kinds) / sizeof(kinds[0]));
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		assert_int_equal(sk_GENERAL_NAME_value(names, i)->type, kinds[i]);
	assert_string_equal(ASN1_STRING_get0_data(sk_GENERAL_NAME_value(names, 3)->d.ia5), "spiffe://c/d,e");
	assert_int_equal(ASN1_STRING_length(sk_GENERAL_NAME_value(names, 5)->d.ip), 16);
	assert_int_equal(OBJ_obj2nid(sk_GENERAL_NAME_value(names, 6)->d.otherName->type_id), NID_ms_upn);
	GENERAL_NAMES_free(names);
}

static void test_csr_names_say_what_is_wrong(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",           "a.example",    "dns:",       "dns:a..b",    "dns:.a",    "dns:a.",
		"dns:a b",    "dns:\xc3\xa4", "dns:*",      "email:alice", "email:@b",  "email:a@",
		"email:a @b", "uri:x",        "uri::x",     "uri:x:",      "uri:a:b c", "ip:1.2.3",
		"ip:::g",     "upn:alice",    "upn:\xc3@b", "dns:a,",      "dns:a,x:b", "dns:a,,dns:b",
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
		struct ks_csr_problem problem = { "" };
		if (ks_csr_names_put(&der, rows[i], &problem) != KS_ERR_INVALID || !strstr(problem.text, " is not "))
			fail_msg("%s: %s", rows[i], problem.text);
	}
}

/* --- whole requests ---------------------------------------------------------------------------------------------- */

struct key {
	EVP_PKEY *pkey;
	unsigned char *spki;
	int spki_size;
};

static void free_key(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	OPENSSL_free(key->spki);
}

static EVP_MD_CTX *signer_of(const struct key *key, const struct ks_scheme *scheme)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options;

	assert_int_equal(
		EVP_DigestSignInit_ex(context, &options, ks_hash_name(scheme->hash), NULL, NULL, key->pkey, NULL), 1);
	if (scheme->signing == KS_SIGNING_RSA_PSS) {
		assert_true(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) > 0);
	}
	return context;
}

/* The request as this key signs it, with everything in it; OpenSSL verifies it. */
static void check_request(const struct key *key, bool pss, enum ks_hash hash)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer subject = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer names = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer whole = { 0 };
	struct ks_csr_problem problem;
	struct ks_spki spki;
	uint8_t signature[1024];
	size_t size = sizeof(signature);

	assert_int_equal(ks_spki_read(ks_bytes(key->spki, (size_t)key->spki_size), &spki), 0);
	assert_int_equal(ks_csr_subject_put(&subject, "/CN=alice", &problem), 0);
	assert_int_equal(ks_csr_names_put(&names, "dns:a.example", &problem), 0);
	struct ks_csr csr = { .spki = spki.der,
			      .subject = ks_buffer_bytes(&subject),
			      .names = ks_buffer_bytes(&names),
			      .challenge = ks_bytes_text("secret") };
	assert_int_equal(ks_csr_put_info(&info, &csr), 0);
	const struct ks_scheme *scheme = ks_csr_scheme(&spki, pss, hash);
	assert_non_null(scheme);
	EVP_MD_CTX *context = signer_of(key, scheme);
	assert_int_equal(EVP_DigestSign(context, signature, &size, info.data, info.size), 1);
	EVP_MD_CTX_free(context);
	assert_int_equal(ks_csr_put(&whole, ks_buffer_bytes(&info), scheme, ks_bytes(signature, size)), 0);

	const unsigned char *at = whole.data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)whole.size);
	assert_non_null(request);
	assert_ptr_equal(at, whole.data + whole.size);
	assert_int_equal(X509_REQ_verify(request, key->pkey), 1);
	assert_int_equal(X509_REQ_get_attr_count(request), 2);
	assert_true(X509_REQ_get_attr_by_NID(request, NID_pkcs9_challengePassword, -1) >= 0);
	X509_REQ_free(request);
}

static void test_csr_is_what_openssl_verifies(void **state)
{
	(void)state;
	static const struct {
		const char *algorithm, *parameter;
	} rows[] = { { "RSA", NULL }, { "EC", "P-256" }, { "EC", "P-384" }, { "EC", "P-521" }, { "ED25519", NULL } };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		KS_CLEANUP(free_key) struct key key = { 0 };
		if (rows[i].parameter)
			key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, rows[i].algorithm, rows[i].parameter);
		else
			key.pkey = EVP_PKEY_Q_keygen(NULL, NULL, rows[i].algorithm, (size_t)2048);
		key.spki_size = i2d_PUBKEY(key.pkey, &key.spki);
		assert_true(key.spki_size > 0);
		check_request(&key, false, KS_HASH_NONE);
		for (enum ks_hash hash = KS_HASH_SHA256; i == 0 && hash <= KS_HASH_SHA512; hash++) {
			check_request(&key, false, hash);
			check_request(&key, true, hash);
		}
	}
}

static void test_csr_schemes_are_those_of_the_key(void **state)
{
	(void)state;
	const struct ks_spki ec = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P384 };
	const struct ks_spki pss = { .algorithm = KS_KEY_RSA_PSS };

	assert_int_equal(ks_csr_scheme(&ec, false, KS_HASH_NONE)->code, 0x0503);
	assert_null(ks_csr_scheme(&ec, true, KS_HASH_NONE));
	assert_null(ks_csr_scheme(&ec, false, KS_HASH_SHA384));
	assert_int_equal(ks_csr_scheme(&pss, false, KS_HASH_NONE)->code, 0x0809);
	assert_int_equal(ks_csr_scheme(&pss, true, KS_HASH_SHA384)->code, 0x080a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csr_subject_reads_the_form_of_openssl),
		cmocka_unit_test(test_csr_subject_reads_rfc4514),
		cmocka_unit_test(test_csr_subject_says_what_is_wrong),
		cmocka_unit_test(test_csr_names_are_of_five_kinds),
		cmocka_unit_test(test_csr_names_say_what_is_wrong),
		cmocka_unit_test(test_csr_is_what_openssl_verifies),
		cmocka_unit_test(test_csr_schemes_are_those_of_the_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
