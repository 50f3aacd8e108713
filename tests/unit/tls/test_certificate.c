/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/certificate.h. */
#include "lib/tls/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/certificate_text.h"
#include "tests/unit/tls/handshake.h"

KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)
KS_DEFINE_CLEANUP(X509 *, X509_free)

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* --- making certificates ----------------------------------------------------------------------------------------- */

static void sign(X509 *x509, const char *issuer_key)
{
	assert_true(X509_sign(x509, ks_handshake_key(issuer_key), EVP_sha256()) > 0);
}

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void add_raw_extension(X509 *x509, const char *oid, const char *der, size_t size)
{
	ASN1_OBJECT *type = OBJ_txt2obj(oid, 1);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	assert_int_equal(ASN1_OCTET_STRING_set(value, (const unsigned char *)der, (int)size), 1);
	X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, type, 0, value);
	assert_int_equal(X509_add_ext(x509, extension, -1), 1);
	X509_EXTENSION_free(extension);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(type);
}

static void name_it(X509 *x509, const char *field, int type, const char *value, int size)
{
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), field, type,
						    (const unsigned char *)value, size, -1, 0),
			 1);
}

static struct ks_certificate *certificate_of(X509 *x509)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_certificate *certificate = NULL;

	ks_handshake_put_certificate(&der, x509);
	assert_int_equal(ks_certificate_new(ks_buffer_bytes(&der), &certificate), 0);
	return certificate;
}

/* A certificate with this extension. */
static struct ks_certificate *with_extension(int nid, const char *value)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");

	add_extension(x509, x509, nid, value);
	sign(x509, "P-256");
	return certificate_of(x509);
}

static struct ks_certificate *with_raw_extension(const char *oid, const char *der, size_t size)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");

	add_raw_extension(x509, oid, der, size);
	sign(x509, "P-256");
	return certificate_of(x509);
}

static X509 *make_ca(const char *key, const char *name)
{
	X509 *ca = ks_handshake_certificate(key, name);

	add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
	add_extension(ca, ca, NID_subject_key_identifier, "hash");
	sign(ca, key);
	return ca;
}

static X509 *make_leaf(const char *key, X509 *ca, const char *ca_key)
{
	X509 *leaf = ks_handshake_certificate(key, "leaf");

	assert_int_equal(X509_set_issuer_name(leaf, X509_get_subject_name(ca)), 1);
	if (X509_get0_subject_key_id(ca))
		add_extension(leaf, ca, NID_authority_key_identifier, "keyid");
	sign(leaf, ca_key);
	return leaf;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

static void test_certificate_gives_back_its_der_and_key(void **state)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = certificate_of(x509);

	(void)state;
	ks_handshake_put_certificate(&der, x509);
	ks_handshake_put_spki(&spki, "P-256");
	assert_true(ks_bytes_equal(ks_certificate_der(certificate), ks_buffer_bytes(&der)));
	assert_true(ks_bytes_equal(ks_certificate_spki(certificate), ks_buffer_bytes(&spki)));
	assert_string_equal(ks_certificate_subject(certificate), "CN=alice");
	assert_string_equal(ks_certificate_issuer(certificate), "CN=alice");
	assert_string_equal(ks_certificate_common_name(certificate), "alice");
	assert_string_equal(ks_certificate_email(certificate), "");
	assert_string_equal(ks_certificate_upn(certificate), "");
	assert_string_equal(ks_certificate_template(certificate), "");
	assert_true(ks_certificate_not_after(certificate) - ks_certificate_not_before(certificate) == 3660);
}

static void test_certificate_lives_until_its_last_reference_goes(void **state)
{
	struct ks_certificate *first = with_extension(NID_ext_key_usage, "clientAuth");
	struct ks_certificate *second = ks_certificate_ref(first);

	(void)state;
	assert_ptr_equal(first, second);
	ks_certificate_unref(first);
	assert_string_equal(ks_certificate_common_name(second), "alice");
	ks_certificate_unref(second);
	ks_certificate_unref(NULL);
}

static void test_certificate_refuses_every_prefix_and_anything_behind_it(void **state)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_certificate *certificate = NULL;

	(void)state;
	ks_handshake_put_certificate(&der, x509);
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(ks_certificate_new(ks_bytes(der.data, size), &certificate), KS_ERR_MALFORMED);
	ks_buffer_put_u8(&der, 0);
	assert_int_equal(ks_certificate_new(ks_buffer_bytes(&der), &certificate), KS_ERR_MALFORMED);
	assert_null(certificate);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_refuses_one_that_is_too_large(void **state)
{
	static uint8_t der[KS_CERTIFICATE_MAX + 1];
	struct ks_certificate *certificate = NULL;

	(void)state;
	assert_int_equal(ks_certificate_new(ks_bytes(der, sizeof(der)), &certificate), KS_ERR_MALFORMED);
}

static void test_certificate_reads_every_key_type_and_keys_that_keystay_cannot_use(void **state)
{
	static const char *const types[] = { "RSA-2048", "RSA-PSS-2048", "P-384", "P-521", "Ed25519", "secp256k1" };

	(void)state;
	for (size_t i = 0; i < N(types); i++) {
		KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate(types[i], "alice");
		KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = certificate_of(x509);
		assert_true(ks_certificate_spki(certificate).size > 40);
		assert_true(ks_certificate_is_self_signed(certificate));
	}
}

/* --- words ------------------------------------------------------------------------------------------------------- */

static void test_certificate_writes_names_as_rfc_4514(void **state)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "Corp, Inc.");

	(void)state;
	name_it(x509, "O", MBSTRING_UTF8, "Größe + \"Ruhm\"", -1);
	name_it(x509, "CN", MBSTRING_UTF8, "Алиса", -1);
	sign(x509, "P-256");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = certificate_of(x509);
	assert_string_equal(ks_certificate_subject(certificate), "CN=Алиса,O=Größe \\+ \\\"Ruhm\\\",CN=Corp\\, Inc.");
	/* the most specific one */
	assert_string_equal(ks_certificate_common_name(certificate), "Алиса");
}

/* Puts a string of another type and other bytes into a certificate, which OpenSSL would not do. */
static void replace_name(struct ks_buffer *der, const char *placeholder, uint8_t tag, const char *value)
{
	size_t size = strlen(placeholder);
	uint8_t *found;
	int n = 0;

	for (; (found = memmem(der->data, der->size, placeholder, size)) != NULL; n++) {
		found[-2] = tag;
		memcpy(found, value, size);
	}
	assert_int_equal(n, 2); /* subject and issuer */
}

static const struct {
	uint8_t tag;
	const char *value;   /* 8 bytes */
	const char *subject; /* NULL: OpenSSL does not read such a certificate */
	const char *common_name;
} odd_names[] = {
	{ V_ASN1_UTF8STRING, "a\x1b[31mr\n", "CN=a\\1B[31mr\\0A", "a\\x1b[31mr\\x0a" },
	{ V_ASN1_UTF8STRING,
	  "a\x00"
	  "bcdefg",
	  "CN=a\\00bcdefg", "a\\x00bcdefg" },
	/* CSI as one character of C1 */
	{ V_ASN1_UTF8STRING,
	  "\xc2\x9b"
	  "31m123",
	  "CN=\\C2\\9B31m123", "\\xc2\\x9b31m123" },
	{ V_ASN1_UTF8STRING,
	  "\xff\xfe"
	  "123456",
	  NULL, NULL },
	/* RIGHT-TO-LEFT OVERRIDE */
	{ V_ASN1_BMPSTRING,
	  "\x00"
	  "a\x00\x07\x20\x2e\x00"
	  "b",
	  "CN=a\\07\\E2\\80\\AEb", "a\\x07\\xe2\\x80\\xaeb" },
	{ V_ASN1_BMPSTRING,
	  "\xd8\x00\xd8\x00\x00"
	  "a\x00"
	  "b",
	  NULL, NULL },
	{ V_ASN1_T61STRING,
	  "\x9b\xe4"
	  "123456",
	  "CN=\\C2\\9B\\C3\\A4123456", "\\xc2\\x9bä123456" },
	{ V_ASN1_PRINTABLESTRING,
	  "a\x7f\x08"
	  "bcdef",
	  "CN=a\\7F\\08bcdef", "a\\x7f\\x08bcdef" },
	{ V_ASN1_OCTET_STRING, "no text!", NULL, NULL },
	{ V_ASN1_BIT_STRING,
	  "\x00"
	  "a\x1b\nbcd",
	  "CN=#030800611B0A62636400", "" },
};

static void test_certificate_shows_no_control_characters(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(odd_names); i++) {
		KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "PPPPPPPP");
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
		KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = NULL;
		ks_handshake_put_certificate(&der, x509);
		replace_name(&der, "PPPPPPPP", odd_names[i].tag, odd_names[i].value);
		int r = ks_certificate_new(ks_buffer_bytes(&der), &certificate);
		assert_int_equal(r, odd_names[i].subject ? 0 : KS_ERR_MALFORMED);
		if (r < 0)
			continue;
		assert_string_equal(ks_certificate_subject(certificate), odd_names[i].subject);
		assert_string_equal(ks_certificate_issuer(certificate), odd_names[i].subject);
		assert_string_equal(ks_certificate_common_name(certificate), odd_names[i].common_name);
	}
}

static void test_certificate_cuts_names_that_are_too_long(void **state)
{
	/* so that the cut falls between two characters, and inside of one */
	static const char *const first_names[] = { "x", "a name of forty-four letters and not of more" };

	(void)state;
	for (size_t i = 0; i < N(first_names); i++) {
		KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "x");
		name_it(x509, "O", MBSTRING_UTF8, "ää", -1);
		for (int j = 0; j < 60; j++)
			name_it(x509, "OU", MBSTRING_UTF8, "ääääääääääääääääääää", -1);
		name_it(x509, "CN", MBSTRING_UTF8, first_names[i], -1);
		sign(x509, "P-256");
		KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = certificate_of(x509);
		const char *subject = ks_certificate_subject(certificate);
		size_t size = strlen(subject);
		assert_true(size <= KS_CERTIFICATE_TEXT_MAX && size >= KS_CERTIFICATE_TEXT_MAX - 3);
		assert_string_equal(subject + size - 3, "...");
		assert_true(ks_text_valid(ks_bytes_text(subject)));
		assert_non_null(strstr(subject, "OU=ää"));
	}
}

static void test_certificate_finds_email_and_upn(void **state)
{
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *certificate = with_extension(NID_subject_alt_name,
							    "DNS:a.example,otherName:1.3.6.1.5.2.2;UTF8:other,"
							    "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:alice@CORP.EXAMPLE,"
							    "email:alice@corp.example,email:second@corp.example");
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *other_type =
		with_extension(NID_subject_alt_name, "otherName:1.3.6.1.4.1.311.20.2.3;IA5:alice@corp.example");

	(void)state;
	assert_string_equal(ks_certificate_email(certificate), "alice@corp.example");
	assert_string_equal(ks_certificate_upn(certificate), "alice@CORP.EXAMPLE");
	assert_string_equal(ks_certificate_upn(other_type), "");
}

static void test_certificate_finds_the_template_by_name_or_oid(void **state)
{
	static const char name[] = "\x1e\x08\x00U\x00s\x00"
				   "e\x00r";
	static const char oid[] = "\x30\x0e\x06\x06\x2b\x06\x01\x04\x01\x2a\x02\x01\x64\x02\x01\x02";
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *by_name = with_raw_extension("1.3.6.1.4.1.311.20.2", name, sizeof(name) - 1);
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *by_oid = with_raw_extension("1.3.6.1.4.1.311.21.7", oid, sizeof(oid) - 1);
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *broken = with_raw_extension("1.3.6.1.4.1.311.21.7", "\x30\x03\x06\x09\x2b", 5);
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *empty = with_raw_extension("1.3.6.1.4.1.311.20.2", "", 0);

	(void)state;
	assert_string_equal(ks_certificate_template(by_name), "User");
	assert_string_equal(ks_certificate_template(by_oid), "1.3.6.1.4.1.42");
	assert_string_equal(ks_certificate_template(broken), "");
	assert_string_equal(ks_certificate_template(empty), "");
}

/* --- purposes ---------------------------------------------------------------------------------------------------- */

static void test_certificate_without_usages_allows_all_and_names_none(void **state)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = certificate_of(x509);

	(void)state;
	assert_true(ks_certificate_allows(certificate, "clientAuth"));
	assert_true(ks_certificate_allows(certificate, "1.2.3.4"));
	assert_false(ks_certificate_names_eku(certificate, "clientAuth"));
}

static void test_certificate_allows_the_usages_that_it_names(void **state)
{
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *certificate = with_extension(NID_ext_key_usage, "clientAuth,1.3.6.1.4.1.311.20.2.2");

	(void)state;
	assert_true(ks_certificate_allows(certificate, "clientAuth"));
	assert_true(ks_certificate_allows(certificate, "1.3.6.1.5.5.7.3.2"));
	assert_true(ks_certificate_names_eku(certificate, "1.3.6.1.4.1.311.20.2.2"));
	assert_false(ks_certificate_allows(certificate, "serverAuth"));
	assert_false(ks_certificate_allows(certificate, "1.2.3.4"));
	assert_false(ks_certificate_allows(certificate, "no such thing"));
	assert_false(ks_certificate_allows(certificate, ""));
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_with_any_usage_allows_all_but_names_one(void **state)
{
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *certificate = with_extension(NID_ext_key_usage, "anyExtendedKeyUsage");

	(void)state;
	assert_true(ks_certificate_allows(certificate, "clientAuth"));
	assert_false(ks_certificate_names_eku(certificate, "clientAuth"));
}

static void test_certificate_with_unreadable_usages_allows_none(void **state)
{
	KS_CLEANUP(ks_certificate_unrefp)
	struct ks_certificate *broken = with_raw_extension("2.5.29.37", "\x30\x03\x02\x01\x05", 5);
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");

	(void)state;
	assert_false(ks_certificate_allows(broken, "clientAuth"));
	add_extension(x509, x509, NID_ext_key_usage, "clientAuth");
	add_extension(x509, x509, NID_ext_key_usage, "clientAuth");
	sign(x509, "P-256");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *twice = certificate_of(x509);
	assert_false(ks_certificate_allows(twice, "clientAuth"));
}

/* --- chains ------------------------------------------------------------------------------------------------------ */

static void test_certificate_knows_who_issued_it(void **state)
{
	KS_CLEANUP(X509_freep) X509 *ca_x509 = make_ca("P-384", "CA");
	KS_CLEANUP(X509_freep) X509 *leaf_x509 = make_leaf("P-256", ca_x509, "P-384");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *ca = certificate_of(ca_x509);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = certificate_of(leaf_x509);

	(void)state;
	assert_true(ks_certificate_issued_by(leaf, ca));
	assert_true(ks_certificate_issued_by(ca, ca));
	assert_false(ks_certificate_issued_by(ca, leaf));
	assert_true(ks_certificate_is_ca(ca));
	assert_false(ks_certificate_is_ca(leaf));
	assert_true(ks_certificate_is_self_signed(ca));
	assert_false(ks_certificate_is_self_signed(leaf));
}

static void test_certificate_believes_no_issuer_of_the_same_name(void **state)
{
	KS_CLEANUP(X509_freep) X509 *ca_x509 = make_ca("P-384", "CA");
	KS_CLEANUP(X509_freep) X509 *twin_x509 = make_ca("P-521", "CA");
	KS_CLEANUP(X509_freep) X509 *plain_x509 = ks_handshake_certificate("P-521", "CA");
	KS_CLEANUP(X509_freep) X509 *leaf_x509 = make_leaf("P-256", ca_x509, "P-384");
	KS_CLEANUP(X509_freep) X509 *forged_x509 = make_leaf("P-256", plain_x509, "P-256");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *twin = certificate_of(twin_x509);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *plain = certificate_of(plain_x509);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = certificate_of(leaf_x509);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *forged = certificate_of(forged_x509);

	(void)state;
	assert_false(ks_certificate_issued_by(leaf, twin));    /* another key identifier */
	assert_false(ks_certificate_issued_by(leaf, plain));   /* another key */
	assert_false(ks_certificate_issued_by(forged, plain)); /* the right name, signed by itself */
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_that_calls_itself_its_issuer_must_be_signed_so(void **state)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", "alice");

	(void)state;
	sign(x509, "P-384");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *certificate = certificate_of(x509);
	assert_false(ks_certificate_is_self_signed(certificate));
}

static void test_certificate_may_not_be_issued_without_the_key_usage(void **state)
{
	KS_CLEANUP(X509_freep) X509 *ca_x509 = ks_handshake_certificate("P-384", "CA");
	add_extension(ca_x509, ca_x509, NID_key_usage, "critical,digitalSignature");
	sign(ca_x509, "P-384");
	KS_CLEANUP(X509_freep) X509 *leaf_x509 = make_leaf("P-256", ca_x509, "P-384");
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *ca = certificate_of(ca_x509);
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *leaf = certificate_of(leaf_x509);

	(void)state;
	assert_false(ks_certificate_issued_by(leaf, ca));
}

/* --- PEM --------------------------------------------------------------------------------------------------------- */

struct found {
	size_t n;
	struct ks_certificate *certificates[8];
	int answer;
};

static int take(struct ks_certificate *certificate, void *userdata)
{
	struct found *found = userdata;

	assert_true(found->n < N(found->certificates));
	found->certificates[found->n++] = certificate;
	return found->answer;
}

static void free_found(struct found *found)
{
	for (size_t i = 0; i < found->n; i++)
		ks_certificate_unref(found->certificates[i]);
}

static void put_pem(struct ks_buffer *out, const char *common_name)
{
	KS_CLEANUP(X509_freep) X509 *x509 = ks_handshake_certificate("P-256", common_name);
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;

	assert_int_equal(PEM_write_bio_X509(bio, x509), 1);
	long size = BIO_get_mem_data(bio, &data);
	ks_buffer_put(out, ks_bytes(data, (size_t)size));
	(void)BIO_free(bio);
}

static void put_text(struct ks_buffer *out, const char *text)
{
	ks_buffer_put(out, ks_bytes_text(text));
}

static const char other_block[] = "-----BEGIN KEYSTAY KEY-----\nMAMCAQU=\n-----END KEYSTAY KEY-----\n";

static void test_certificate_reads_each_of_a_pem_file_in_order(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	KS_CLEANUP(free_found) struct found found = { 0 };

	(void)state;
	put_text(&pem, "a line of text, as CAs write it\n");
	put_pem(&pem, "first");
	put_text(&pem, other_block);
	put_text(&pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAMCAQU=\n-----END ENCRYPTED PRIVATE KEY-----\n");
	put_pem(&pem, "second");
	put_text(&pem, "\n\nand some more\n");
	assert_int_equal(ks_certificate_read_pem(ks_buffer_bytes(&pem), take, &found), 2);
	assert_int_equal(found.n, 2);
	assert_string_equal(ks_certificate_common_name(found.certificates[0]), "first");
	assert_string_equal(ks_certificate_common_name(found.certificates[1]), "second");
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_finds_none_in_a_file_without(void **state)
{
	static const char *const texts[] = { "", "\n", "hello", other_block, "-----BEGIN" };

	(void)state;
	for (size_t i = 0; i < N(texts); i++) {
		struct found found = { 0 };
		assert_int_equal(ks_certificate_read_pem(ks_bytes_text(texts[i]), take, &found), 0);
		assert_int_equal(found.n, 0);
	}
	assert_int_equal(ks_certificate_read_pem(KS_BYTES_NONE, take, NULL), 0);
}

static void test_certificate_refuses_a_pem_file_that_is_broken(void **state)
{
	static const char *const texts[] = {
		"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n",
		"-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END PRIVATE KEY-----\n",
	};

	(void)state;
	for (size_t i = 0; i < N(texts); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
		KS_CLEANUP(free_found) struct found found = { 0 };
		put_pem(&pem, "first");
		put_text(&pem, texts[i]);
		assert_int_equal(ks_certificate_read_pem(ks_buffer_bytes(&pem), take, &found), KS_ERR_MALFORMED);
		assert_int_equal(found.n, 1);
	}
}

static void test_certificate_stops_reading_when_told(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	KS_CLEANUP(free_found) struct found found = { .answer = KS_ERR_LIMIT };

	(void)state;
	put_pem(&pem, "first");
	put_pem(&pem, "second");
	assert_int_equal(ks_certificate_read_pem(ks_buffer_bytes(&pem), take, &found), KS_ERR_LIMIT);
	assert_int_equal(found.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate_gives_back_its_der_and_key),
		cmocka_unit_test(test_certificate_lives_until_its_last_reference_goes),
		cmocka_unit_test(test_certificate_refuses_every_prefix_and_anything_behind_it),
		cmocka_unit_test(test_certificate_refuses_one_that_is_too_large),
		cmocka_unit_test(test_certificate_reads_every_key_type_and_keys_that_keystay_cannot_use),
		cmocka_unit_test(test_certificate_writes_names_as_rfc_4514),
		cmocka_unit_test(test_certificate_shows_no_control_characters),
		cmocka_unit_test(test_certificate_cuts_names_that_are_too_long),
		cmocka_unit_test(test_certificate_finds_email_and_upn),
		cmocka_unit_test(test_certificate_finds_the_template_by_name_or_oid),
		cmocka_unit_test(test_certificate_without_usages_allows_all_and_names_none),
		cmocka_unit_test(test_certificate_allows_the_usages_that_it_names),
		cmocka_unit_test(test_certificate_with_any_usage_allows_all_but_names_one),
		cmocka_unit_test(test_certificate_with_unreadable_usages_allows_none),
		cmocka_unit_test(test_certificate_knows_who_issued_it),
		cmocka_unit_test(test_certificate_believes_no_issuer_of_the_same_name),
		cmocka_unit_test(test_certificate_that_calls_itself_its_issuer_must_be_signed_so),
		cmocka_unit_test(test_certificate_may_not_be_issued_without_the_key_usage),
		cmocka_unit_test(test_certificate_reads_each_of_a_pem_file_in_order),
		cmocka_unit_test(test_certificate_finds_none_in_a_file_without),
		cmocka_unit_test(test_certificate_refuses_a_pem_file_that_is_broken),
		cmocka_unit_test(test_certificate_stops_reading_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
