/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/protocol/scheme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct ks_spki rsa_2048 = { .algorithm = KS_KEY_RSA, .bits = 2048 };
static const struct ks_spki rsa_pss_2048 = { .algorithm = KS_KEY_RSA_PSS, .bits = 2048 };
static const struct ks_spki ed25519 = { .algorithm = KS_KEY_ED25519, .bits = 256 };
static const struct ks_spki p256 = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P256, .bits = 256 };
static const struct ks_spki p384 = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P384, .bits = 384 };
static const struct ks_spki p521 = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P521, .bits = 521 };

/* Keys that may make each scheme in TLS 1.2 and in TLS 1.3: one letter each, R(SA) S (RSASSA-PSS) 2(56) 3(84) 5(21)
 * E(d25519). RFC 8446 section 4.2.3, RFC 5246 section 7.4.1.4.1, RFC 8422 section 5.1.3. */
static const struct {
	uint32_t code;
	const char *name, *tls12, *tls13;
	enum ks_hash hash;
} expected[] = {
	{ 0x0403, "ecdsa_secp256r1_sha256", "235", "2", KS_HASH_SHA256 },
	{ 0x0503, "ecdsa_secp384r1_sha384", "235", "3", KS_HASH_SHA384 },
	{ 0x0603, "ecdsa_secp521r1_sha512", "235", "5", KS_HASH_SHA512 },
	{ 0x0401, "rsa_pkcs1_sha256", "R", "", KS_HASH_SHA256 },
	{ 0x0501, "rsa_pkcs1_sha384", "R", "", KS_HASH_SHA384 },
	{ 0x0601, "rsa_pkcs1_sha512", "R", "", KS_HASH_SHA512 },
	{ 0x0804, "rsa_pss_rsae_sha256", "R", "R", KS_HASH_SHA256 },
	{ 0x0805, "rsa_pss_rsae_sha384", "R", "R", KS_HASH_SHA384 },
	{ 0x0806, "rsa_pss_rsae_sha512", "R", "R", KS_HASH_SHA512 },
	{ 0x0809, "rsa_pss_pss_sha256", "S", "S", KS_HASH_SHA256 },
	{ 0x080a, "rsa_pss_pss_sha384", "S", "S", KS_HASH_SHA384 },
	{ 0x080b, "rsa_pss_pss_sha512", "S", "S", KS_HASH_SHA512 },
	{ 0x0807, "ed25519", "E", "E", KS_HASH_NONE },
};

#define N_EXPECTED (sizeof(expected) / sizeof(expected[0]))

static const struct {
	char letter;
	const struct ks_spki *spki;
} keys[] = { { 'R', &rsa_2048 }, { 'S', &rsa_pss_2048 }, { '2', &p256 },
	     { '3', &p384 },     { '5', &p521 },         { 'E', &ed25519 } };

static void test_scheme_table_is_exactly_this(void **state)
{
	(void)state;
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	assert_int_equal(n, N_EXPECTED);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(schemes[i].code, expected[i].code);
		assert_string_equal(schemes[i].name, expected[i].name);
		assert_int_equal(schemes[i].hash, expected[i].hash);
		assert_int_equal(schemes[i].tls13, expected[i].tls13[0] != '\0');
		assert_ptr_equal(ks_scheme_find(expected[i].code), &schemes[i]);
	}
}

static void test_scheme_find_knows_nothing_else(void **state)
{
	(void)state;
	size_t n_found = 0;
	for (uint32_t code = 0; code <= 0x1ffff; code++)
		n_found += ks_scheme_find(code) != NULL;
	assert_int_equal(n_found, N_EXPECTED);
	assert_null(ks_scheme_find(0x0201)); /* rsa_pkcs1_sha1 */
	assert_null(ks_scheme_find(0x0203)); /* ecdsa_sha1 */
	assert_null(ks_scheme_find(0x0301)); /* rsa with SHA-224 */
	assert_null(ks_scheme_find(0x0101)); /* rsa with MD5 */
	assert_null(ks_scheme_find(0x0402)); /* dsa */
	assert_null(ks_scheme_find(0x0808)); /* ed448 */
	assert_null(ks_scheme_find(0x81a));  /* ecdsa_brainpoolP256r1tls13_sha256 */
	assert_null(ks_scheme_find(0x10403));
}

static void test_scheme_fits_the_keys_of_its_standard_and_no_others(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_EXPECTED; i++) {
		const struct ks_scheme *scheme = ks_scheme_find(expected[i].code);
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			assert_int_equal(ks_scheme_fits(scheme, keys[k].spki, false),
					 strchr(expected[i].tls12, keys[k].letter) != NULL);
			assert_int_equal(ks_scheme_fits(scheme, keys[k].spki, true),
					 strchr(expected[i].tls13, keys[k].letter) != NULL);
		}
	}
}

static bool pss_fits(uint32_t code, unsigned bits)
{
	struct ks_spki spki = { .algorithm = KS_KEY_RSA, .bits = bits };
	return ks_scheme_fits(ks_scheme_find(code), &spki, true);
}

static void test_scheme_pss_needs_room_for_hash_and_salt(void **state)
{
	(void)state;
	/* emLen >= 2 * hLen + 2: 66, 98 and 130 bytes of bits - 1. */
	assert_true(pss_fits(0x0804, 65 * 8 + 2));
	assert_false(pss_fits(0x0804, 65 * 8 + 1));
	assert_true(pss_fits(0x0805, 97 * 8 + 2));
	assert_false(pss_fits(0x0805, 97 * 8 + 1));
	assert_true(pss_fits(0x0806, 129 * 8 + 2));
	assert_false(pss_fits(0x0806, 129 * 8 + 1));
	assert_false(pss_fits(0x0806, 1024));
	assert_false(pss_fits(0x0804, 0));
}

static uint32_t code_for(enum ks_key_algorithm algorithm, enum ks_signing signing, enum ks_hash hash)
{
	const struct ks_scheme *scheme = ks_scheme_for(algorithm, signing, hash);
	return scheme ? scheme->code : 0;
}

static void test_scheme_for_a_library_that_thinks_in_hash_and_padding(void **state)
{
	(void)state;
	assert_int_equal(code_for(KS_KEY_RSA, KS_SIGNING_RSA_PKCS1, KS_HASH_SHA384), 0x0501);
	assert_int_equal(code_for(KS_KEY_RSA, KS_SIGNING_RSA_PSS, KS_HASH_SHA256), 0x0804);
	assert_int_equal(code_for(KS_KEY_RSA_PSS, KS_SIGNING_RSA_PSS, KS_HASH_SHA512), 0x080b);
	assert_int_equal(code_for(KS_KEY_EC, KS_SIGNING_ECDSA, KS_HASH_SHA256), 0x0403);
	assert_int_equal(code_for(KS_KEY_EC, KS_SIGNING_RSA_PKCS1, KS_HASH_SHA256),
			 0x0403); /* padding has no meaning */
	assert_int_equal(code_for(KS_KEY_ED25519, KS_SIGNING_EDDSA, KS_HASH_NONE), 0x0807);
	assert_int_equal(code_for(KS_KEY_RSA_PSS, KS_SIGNING_RSA_PKCS1, KS_HASH_SHA256), 0);
	assert_int_equal(code_for(KS_KEY_RSA, KS_SIGNING_ECDSA, KS_HASH_SHA256), 0);
	assert_int_equal(code_for(KS_KEY_RSA, KS_SIGNING_RSA_PSS, KS_HASH_NONE), 0);
	assert_int_equal(code_for(KS_KEY_EC, KS_SIGNING_ECDSA, KS_HASH_NONE), 0);
	assert_int_equal(code_for(KS_KEY_ED25519, KS_SIGNING_EDDSA, KS_HASH_SHA512), 0);
}

static void test_hash_has_size_and_name(void **state)
{
	(void)state;
	assert_int_equal(ks_hash_size(KS_HASH_NONE), 0);
	assert_int_equal(ks_hash_size(KS_HASH_SHA256), 32);
	assert_int_equal(ks_hash_size(KS_HASH_SHA384), 48);
	assert_int_equal(ks_hash_size(KS_HASH_SHA512), 64);
	assert_null(ks_hash_name(KS_HASH_NONE));
	assert_string_equal(ks_hash_name(KS_HASH_SHA256), "SHA256");
	assert_string_equal(ks_hash_name(KS_HASH_SHA384), "SHA384");
	assert_string_equal(ks_hash_name(KS_HASH_SHA512), "SHA512");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scheme_table_is_exactly_this),
		cmocka_unit_test(test_scheme_find_knows_nothing_else),
		cmocka_unit_test(test_scheme_fits_the_keys_of_its_standard_and_no_others),
		cmocka_unit_test(test_scheme_pss_needs_room_for_hash_and_salt),
		cmocka_unit_test(test_scheme_for_a_library_that_thinks_in_hash_and_padding),
		cmocka_unit_test(test_hash_has_size_and_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
