/* SPDX-License-Identifier: Apache-2.0 */
/* Units of pkcs11/public_key.c, with OpenSSL as the oracle. Runs in: unit tests. */
#include "pkcs11/public_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "lib/base/cleanup.h"

#define BYTES(...) ((const uint8_t[]){ __VA_ARGS__ }), sizeof((const uint8_t[]){ __VA_ARGS__ })

static const uint8_t p256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };

static void assert_builds(const struct ks_public_attributes *attributes, EVP_PKEY *key)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer built = { 0 };
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key, &der);

	assert_int_equal(ks_public_key_build(attributes, &built), 0);
	assert_int_equal(built.size, size);
	assert_memory_equal(built.data, der, built.size);
	OPENSSL_free(der);
}

static int build(const struct ks_public_attributes *attributes)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer built = { 0 };
	int r = ks_public_key_build(attributes, &built);

	if (r < 0)
		assert_int_equal(built.size, 0);
	return r;
}

static size_t point_of(EVP_PKEY *key, uint8_t *point, size_t room)
{
	size_t size;

	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point, room, &size),
			 1);
	return size;
}

static void test_public_key_of_ec_takes_wrapped_and_bare_points(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t point[67] = { 0x04, 0x41 };
	assert_int_equal(point_of(key, point + 2, 65), 65);
	struct ks_public_attributes attributes = { .key_type = CKK_EC,
						   .parameters = ks_bytes(p256, sizeof(p256)),
						   .point = ks_bytes(point, 67) };

	assert_builds(&attributes, key);
	attributes.point = ks_bytes(point + 2, 65);
	assert_builds(&attributes, key);
	EVP_PKEY_free(key);
}

/* 04 3f …: a bare point whose x begins with 3f reads as an OCTET STRING of 63 bytes too. */
static void test_public_key_of_ec_is_not_fooled_by_a_point_that_looks_wrapped(void **state)
{
	(void)state;
	uint8_t point[65] = { 0x04, 0x3f };
	struct ks_public_attributes attributes = { .key_type = CKK_EC,
						   .parameters = ks_bytes(p256, sizeof(p256)),
						   .point = ks_bytes(point, sizeof(point)) };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer built = { 0 };
	struct ks_spki spki;

	assert_int_equal(ks_public_key_build(&attributes, &built), 0);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&built), &spki), 0);
	assert_true(ks_bytes_equal(spki.point, attributes.point));
}

static void test_public_key_of_ec_refuses_points_of_another_size(void **state)
{
	(void)state;
	uint8_t point[100] = { 0x04, 0x40 };
	struct ks_public_attributes attributes = { .key_type = CKK_EC, .parameters = ks_bytes(p256, sizeof(p256)) };

	assert_int_equal(build(&attributes), KS_ERR_NOT_FOUND); /* a private key shows none */
	for (size_t size = 1; size <= sizeof(point); size++) {
		attributes.point = ks_bytes(point, size);
		assert_int_equal(build(&attributes), size == 65 ? 0 : KS_ERR_MALFORMED);
	}
}

static void test_public_key_of_ed25519_takes_all_spellings(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	uint8_t point[34] = { 0x04, 0x20 };
	size_t size = 32;
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, point + 2, &size), 1);
	const struct {
		const uint8_t *parameters;
		size_t size;
	} spellings[] = {
		{ BYTES(0x06, 0x03, 0x2b, 0x65, 0x70) },
		{ BYTES(0x13, 0x0c, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9') },
		{ BYTES(0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01) },
	};
	static const CK_KEY_TYPE types[] = { CKK_EC_EDWARDS, CKK_EC };

	for (size_t i = 0; i < 3; i++) {
		for (size_t t = 0; t < 2; t++) {
			struct ks_public_attributes attributes = { .key_type = types[t],
								   .parameters = ks_bytes(spellings[i].parameters,
											  spellings[i].size),
								   .point = ks_bytes(point, 34) };
			assert_builds(&attributes, key);
			attributes.point = ks_bytes(point + 2, 32);
			assert_builds(&attributes, key);
		}
	}
	EVP_PKEY_free(key);
}

static void test_public_key_of_other_curves_and_types_is_unsupported(void **state)
{
	(void)state;
	uint8_t point[100] = { 0x04 };
	const struct ks_public_attributes others[] = {
		{ .key_type = CKK_EC,
		  .parameters = ks_bytes(BYTES(0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a)) },         /* secp256k1 */
		{ .key_type = CKK_EC, .parameters = ks_bytes(BYTES(0x30, 0x03, 0x02, 0x01, 0x01)) }, /* explicit */
		{ .key_type = CKK_EC },
		{ .key_type = CKK_EC_EDWARDS, .parameters = ks_bytes(BYTES(0x06, 0x03, 0x2b, 0x65, 0x71)) }, /* Ed448 */
		{ .key_type = CKK_DSA },
		{ .key_type = CK_UNAVAILABLE_INFORMATION },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct ks_public_attributes attributes = others[i];
		attributes.point = ks_bytes(point, 65);
		assert_int_equal(build(&attributes), KS_ERR_UNSUPPORTED);
	}
}

static void test_public_key_of_rsa_takes_padded_numbers(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_RSA_gen(2048);
	BIGNUM *modulus = NULL;
	uint8_t number[258] = { 0 };
	static const uint8_t exponent[] = { 0, 1, 0, 1 };

	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
	assert_int_equal(BN_bn2bin(modulus, number + 2), 256);
	struct ks_public_attributes attributes = { .key_type = CKK_RSA,
						   .modulus = ks_bytes(number, sizeof(number)),
						   .exponent = ks_bytes(exponent, sizeof(exponent)) };
	assert_builds(&attributes, key);
	attributes.exponent = KS_BYTES_NONE;
	assert_int_equal(build(&attributes), KS_ERR_NOT_FOUND);
	BN_free(modulus);
	EVP_PKEY_free(key);
}

static void test_public_key_info_counts_where_the_numbers_are_missing(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_PKEY *other = EVP_EC_gen("P-384");
	unsigned char *der = NULL, *other_der = NULL;
	int size = i2d_PUBKEY(key, &der);
	int other_size = i2d_PUBKEY(other, &other_der);
	struct ks_public_attributes attributes = { .key_type = CKK_EC,
						   .parameters = ks_bytes(p256, sizeof(p256)),
						   .info = ks_bytes(der, (size_t)size) };

	assert_builds(&attributes, key);
	attributes.info = ks_bytes(other_der, (size_t)other_size); /* of another curve than the key says */
	assert_int_equal(build(&attributes), KS_ERR_NOT_FOUND);
	attributes.info = ks_bytes("\x30\x00", 2);
	assert_int_equal(build(&attributes), KS_ERR_NOT_FOUND);
	OPENSSL_free(der);
	OPENSSL_free(other_der);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
}

static void test_public_key_of_an_rsassa_pss_certificate_becomes_plain_rsa(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer normal = { 0 };
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;
	unsigned char *der = NULL;
	struct ks_spki before, after;

	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	int size = i2d_PUBKEY(key, &der);
	assert_int_equal(ks_spki_read(ks_bytes(der, (size_t)size), &before), 0);
	assert_int_equal(before.algorithm, KS_KEY_RSA_PSS);
	assert_int_equal(ks_public_key_normalise(ks_bytes(der, (size_t)size), &normal), 0);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&normal), &after), 0);
	assert_int_equal(after.algorithm, KS_KEY_RSA);
	assert_true(ks_spki_same_key(&before, &after));
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_public_key_of_ec_takes_wrapped_and_bare_points),
		cmocka_unit_test(test_public_key_of_ec_is_not_fooled_by_a_point_that_looks_wrapped),
		cmocka_unit_test(test_public_key_of_ec_refuses_points_of_another_size),
		cmocka_unit_test(test_public_key_of_ed25519_takes_all_spellings),
		cmocka_unit_test(test_public_key_of_other_curves_and_types_is_unsupported),
		cmocka_unit_test(test_public_key_of_rsa_takes_padded_numbers),
		cmocka_unit_test(test_public_key_info_counts_where_the_numbers_are_missing),
		cmocka_unit_test(test_public_key_of_an_rsassa_pss_certificate_becomes_plain_rsa),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
