/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_parts: the readers inside keystay-pkcs11.so by themselves: DigestInfo, certificates, signatures; the
 * table of errors.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "client/module/ask.h"
#include "client/module/digest_info.h"
#include "client/module/padded.h"
#include "client/module/raw_signature.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/base/text.h"

/* --- DigestInfo -------------------------------------------------------------------------------------------------- */

#define SHA256_DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SHA256_OID "0609608648016503040201"

static size_t unhex(const char *text, uint8_t *out, size_t room)
{
	size_t size = 0;

	assert_int_equal(ks_text_unhex(text, out, room, &size), 0);
	return size;
}

static void test_a_digest_info_has_one_form(void **state)
{
	static const struct {
		const char *what, *hex;
	} hostile[] = {
		{ "nothing", "" },
		{ "a digest alone", SHA256_DIGEST },
		{ "no parameters", "302f300b" SHA256_OID "0420" SHA256_DIGEST },
		{ "parameters that are no NULL", "3033300f" SHA256_OID "05020000"
						 "0420" SHA256_DIGEST },
		{ "a long length", "308131300d" SHA256_OID "05000420" SHA256_DIGEST },
		{ "an indefinite length", "3080300d" SHA256_OID "05000420" SHA256_DIGEST "0000" },
		{ "a byte behind", "3031300d" SHA256_OID "05000420" SHA256_DIGEST "00" },
		{ "a byte behind, inside", "3032300d" SHA256_OID "05000420" SHA256_DIGEST "00" },
		{ "a byte too few", "3031300d" SHA256_OID "05000420"
				    "00112233445566778899aabbccddeeff00112233445566778899aabbccddee" },
		{ "a digest of another length", "3021300d" SHA256_OID "05000410"
						"00112233445566778899aabbccddeeff" },
		{ "the OID of SHA-384", "3031300d060960864801650304020205000420" SHA256_DIGEST },
		{ "the OID of SHA-224", "302d300d06096086480165030402040500041c"
					"00112233445566778899aabbccddeeff00112233445566778899aabb" },
		{ "the OID of SHA-512/256", "3031300d060960864801650304020605000420" SHA256_DIGEST },
		{ "the OID of SHA3-256", "3031300d060960864801650304020805000420" SHA256_DIGEST },
		{ "SHA-1", "3021300906052b0e03021a05000414"
			   "00112233445566778899aabbccddeeff00112233" },
		{ "MD5", "3020300c06082a864886f70d020505000410"
			 "00112233445566778899aabbccddeeff" },
		{ "a bit string", "3031300d" SHA256_OID "05000320" SHA256_DIGEST },
		{ "a constructed octet string", "3031300d" SHA256_OID "05002420" SHA256_DIGEST },
		{ "a set", "3131300d" SHA256_OID "05000420" SHA256_DIGEST },
	};
	static const struct {
		enum ks_hash hash;
		const char *prefix;
	} good[] = {
		{ KS_HASH_SHA256, "3031300d060960864801650304020105000420" },
		{ KS_HASH_SHA384, "3041300d060960864801650304020205000430" },
		{ KS_HASH_SHA512, "3051300d060960864801650304020305000440" },
	};
	uint8_t info[128];
	enum ks_hash hash;
	struct ks_bytes digest;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t size = unhex(good[i].prefix, info, sizeof(info)), length = ks_hash_size(good[i].hash);
		memset(info + size, 5, length);
		assert_int_equal(ks_digest_info_read(ks_bytes(info, size + length), &hash, &digest), 0);
		assert_int_equal(hash, good[i].hash);
		assert_ptr_equal(digest.data, info + size);
		assert_int_equal(digest.size, length);
		/* Every byte of the form matters. */
		for (size_t at = 0; at < size; at++) {
			info[at] ^= 1;
			assert_int_equal(ks_digest_info_read(ks_bytes(info, size + length), &hash, &digest),
					 KS_ERR_MALFORMED);
			info[at] ^= 1;
		}
	}
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		size_t size = unhex(hostile[i].hex, info, sizeof(info));
		if (ks_digest_info_read(ks_bytes(info, size), &hash, &digest) != KS_ERR_MALFORMED)
			fail_msg("accepted: %s", hostile[i].what);
	}
}

/* --- signatures -------------------------------------------------------------------------------------------------- */

static void test_ecdsa_becomes_two_halves(void **state)
{
	static const struct {
		const char *der, *raw;
	} rows[] = {
		{ "3006020101020102", "01 02" }, { "30080202008002020081", "80 81" }, /* a sign byte in front */
	};
	static const char *const bad[] = {
		"",
		"3006020101020102ff",
		"300602010102010200",
		"3003020101",
		"3006020181020102",
		"300702020001020102",
		"3006030101020102",
		"300606010102010c",
		"300602010102",
	};
	struct ks_spki spki = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P256 };
	uint8_t der[128], raw[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t size = unhex(rows[i].der, der, sizeof(der));
		memset(raw, 0xee, sizeof(raw));
		assert_int_equal(ks_raw_signature_make(&spki, ks_bytes(der, size), raw), 0);
		char text[8];
		(void)snprintf(text, sizeof(text), "%02x %02x", raw[31], raw[63]);
		assert_string_equal(text, rows[i].raw);
		for (size_t at = 0; at < 31; at++)
			assert_int_equal(raw[at] | raw[32 + at], 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t size = unhex(bad[i], der, sizeof(der));
		assert_int_equal(ks_raw_signature_make(&spki, ks_bytes(der, size), raw), KS_ERR_MALFORMED);
	}
	/* A number that is longer than the curve. */
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer numbers = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer whole = { 0 };
	uint8_t big[33] = { 1 };
	ks_der_put_unsigned(&numbers, ks_bytes(big, sizeof(big)));
	ks_der_put_unsigned(&numbers, ks_bytes(big, 1));
	ks_der_put(&whole, KS_DER_SEQUENCE, ks_buffer_bytes(&numbers));
	assert_int_equal(ks_raw_signature_make(&spki, ks_buffer_bytes(&whole), raw), KS_ERR_MALFORMED);
}

static void test_other_signatures_have_one_length(void **state)
{
	static const uint8_t modulus[256] = { 0x80 };
	struct ks_spki rsa = { .algorithm = KS_KEY_RSA, .modulus = { modulus, sizeof(modulus) } };
	struct ks_spki ed25519 = { .algorithm = KS_KEY_ED25519 };
	uint8_t out[256];

	(void)state;
	assert_int_equal(ks_raw_signature_make(&rsa, ks_bytes(modulus, 256), out), 0);
	assert_int_equal(ks_raw_signature_make(&rsa, ks_bytes(modulus, 255), out), KS_ERR_MALFORMED);
	assert_int_equal(ks_raw_signature_make(&ed25519, ks_bytes(modulus, 64), out), 0);
	assert_int_equal(ks_raw_signature_make(&ed25519, ks_bytes(modulus, 65), out), KS_ERR_MALFORMED);
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

struct made {
	uint8_t *der;
	size_t size;
};

/* names: "CN=…" and so on, in the order of the subject. */
static struct made make_certificate(const char *const *names, const char *not_after)
{
	struct made made = { 0 };
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *certificate = X509_new();
	X509_NAME *subject = X509_get_subject_name(certificate);

	for (; *names; names++) {
		const char *value = strchr(*names, '=') + 1;
		char field[8] = { 0 };
		memcpy(field, *names, (size_t)(value - *names) - 1);
		assert_int_equal(X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, (const unsigned char *)value,
							    -1, -1, 0),
				 1);
	}
	assert_int_equal(X509_set_version(certificate, X509_VERSION_3), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 300), 1);
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19991231235959Z"), 1);
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), not_after), 1);
	assert_int_equal(X509_set_pubkey(certificate, pkey), 1);
	assert_true(X509_sign(certificate, pkey, EVP_sha256()) > 0);
	int size = i2d_X509(certificate, &made.der);
	assert_true(size > 0);
	made.size = (size_t)size;
	X509_free(certificate);
	EVP_PKEY_free(pkey);
	return made;
}

static void test_a_certificate_is_read_as_far_as_its_key(void **state)
{
	static const char *const names[] = { "O=Example", "CN=ählice", NULL };
	struct made made = make_certificate(names, "20501231000000Z");
	struct ks_x509 certificate;
	struct ks_bytes spki;

	(void)state;
	assert_int_equal(ks_x509_read(ks_bytes(made.der, made.size), &certificate), 0);
	assert_int_equal(certificate.serial.size, 4);
	assert_memory_equal(certificate.serial.data, "\x02\x02\x01\x2c", 4);
	assert_memory_equal(certificate.not_before, "19991231", 8);
	assert_memory_equal(certificate.not_after, "20501231", 8); /* a GeneralizedTime */
	assert_int_equal(ks_spki_of_certificate(ks_bytes(made.der, made.size), &spki), 0);
	assert_true(ks_bytes_equal(certificate.spki, spki));
	KS_AUTO_FREE char *label = ks_x509_label(&certificate);
	assert_string_equal(label, "ählice");
	/* Cut anywhere it is none. */
	for (size_t size = 0; size < made.size; size++) {
		KS_AUTO_FREE uint8_t *copy = malloc(size + 1);
		memcpy(copy, made.der, size);
		assert_int_equal(ks_x509_read(ks_bytes(copy, size), &certificate), KS_ERR_MALFORMED);
	}
	OPENSSL_free(made.der);
}

static void test_an_issuer_is_called_by_the_last_name_it_has(void **state)
{
	static const struct {
		const char *names[5], *label;
	} rows[] = {
		{ { "CN=one", "CN=two", "O=Example" }, "two" },
		{ { "O=Example", "OU=Unit" }, "Unit" },
		{ { NULL }, "certificate" },
		{ { "CN=a\x01b", "O=Example" }, "Example" }, /* a control character is no name */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct made made = make_certificate(rows[i].names, "20401231000000Z");
		struct ks_x509 certificate;
		assert_int_equal(ks_x509_read(ks_bytes(made.der, made.size), &certificate), 0);
		KS_AUTO_FREE char *label = ks_x509_label(&certificate);
		assert_string_equal(label, rows[i].label);
		assert_memory_equal(certificate.not_after, "20401231", 8); /* a UTCTime */
		OPENSSL_free(made.der);
	}
}

/* --- errors and texts -------------------------------------------------------------------------------------------- */

static void test_no_error_is_success(void **state)
{
	static const int all[] = {
#define CODE(name, number, word, text) KS_ERR_##name,
		KS_ERROR_LIST(CODE)
#undef CODE
	};

	(void)state;
	assert_int_equal(ks_ask_rv(0), CKR_OK);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_not_equal(ks_ask_rv(all[i]), CKR_OK);
	assert_int_equal(ks_ask_rv(KS_ERR_NO_AGENT), CKR_DEVICE_REMOVED);
	assert_int_equal(ks_ask_rv(KS_ERR_TOKEN_LOCKED), CKR_USER_NOT_LOGGED_IN);
	assert_int_equal(ks_ask_rv(KS_ERR_CANCELLED), CKR_FUNCTION_CANCELED);
	assert_int_equal(ks_ask_rv(KS_ERR_RULE), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(ks_ask_rv(KS_ERR_INPUT_DIGEST), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(ks_ask_rv(KS_ERR_INPUT_UNKNOWN), CKR_DATA_INVALID);
	assert_int_equal(ks_ask_rv(-4711), CKR_FUNCTION_FAILED);
}

static void test_padded_texts_are_cut_between_characters(void **state)
{
	unsigned char out[6];

	(void)state;
	ks_padded(out, sizeof(out), "abc");
	assert_memory_equal(out, "abc   ", 6);
	ks_padded(out, sizeof(out), "abcdeä");
	assert_memory_equal(out, "abcde ", 6);
	ks_padded(out, sizeof(out), "abcdä");
	assert_memory_equal(out, "abcdä", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_digest_info_has_one_form),
		cmocka_unit_test(test_ecdsa_becomes_two_halves),
		cmocka_unit_test(test_other_signatures_have_one_length),
		cmocka_unit_test(test_a_certificate_is_read_as_far_as_its_key),
		cmocka_unit_test(test_an_issuer_is_called_by_the_last_name_it_has),
		cmocka_unit_test(test_no_error_is_success),
		cmocka_unit_test(test_padded_texts_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
