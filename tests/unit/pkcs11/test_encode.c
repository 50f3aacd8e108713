/* SPDX-License-Identifier: Apache-2.0 */
/* Units of pkcs11/encode.c and pkcs11/digest.c, with OpenSSL as the oracle. Runs in: unit tests. */
#include "pkcs11/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>

static const enum ks_hash hashes[] = { KS_HASH_SHA256, KS_HASH_SHA384, KS_HASH_SHA512 };
static const char message[] = "a message";

static struct ks_digest *digests;

static int setup(void **state)
{
	(void)state;
	return ks_digest_new(&digests);
}

static int teardown(void **state)
{
	(void)state;
	ks_digest_free(digests);
	return 0;
}

static struct ks_bytes digest_of_message(enum ks_hash hash, uint8_t value[KS_DIGEST_MAX])
{
	const struct ks_bytes part = ks_bytes(message, sizeof(message));

	assert_int_equal(ks_digest_make(digests, hash, &part, 1, value), 0);
	return ks_bytes(value, ks_hash_size(hash));
}

/* What a token with raw RSA makes of an encoding. */
static size_t sign_raw(EVP_PKEY *key, struct ks_bytes encoding, uint8_t *signature, size_t size)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);

	assert_int_equal(EVP_PKEY_sign_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_sign(context, signature, &size, encoding.data, encoding.size), 1);
	EVP_PKEY_CTX_free(context);
	return size;
}

static bool verify_pss(EVP_PKEY *key, enum ks_hash hash, const uint8_t *signature, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *of_key = NULL;

	bool good = EVP_DigestVerifyInit_ex(context, &of_key, ks_hash_name(hash), NULL, NULL, key, NULL) == 1 &&
		    EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST) == 1 &&
		    EVP_DigestVerify(context, signature, size, (const uint8_t *)message, sizeof(message)) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* OpenSSL makes no key of 2049 bits, but uses one: n = p * q of 1024 and 1025 bits, each with its two top bits set. */
static EVP_PKEY *new_odd_sized_key(void)
{
	BN_CTX *scratch = BN_CTX_new();
	BIGNUM *p = BN_new(), *q = BN_new(), *n = BN_new(), *e = BN_new(), *d = NULL;
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(BN_set_word(e, 65537), 1);
	while (!d) {
		assert_int_equal(BN_generate_prime_ex2(p, 1024, 0, NULL, NULL, NULL, scratch), 1);
		assert_int_equal(BN_generate_prime_ex2(q, 1025, 0, NULL, NULL, NULL, scratch), 1);
		assert_int_equal(BN_mul(n, p, q, scratch), 1);
		assert_int_equal(BN_sub_word(p, 1) + BN_sub_word(q, 1), 2);
		assert_int_equal(BN_mul(p, p, q, scratch), 1);
		d = BN_mod_inverse(NULL, e, p, scratch);
	}
	assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_D, d), 1);
	OSSL_PARAM *numbers = OSSL_PARAM_BLD_to_param(builder);
	assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
	assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, numbers), 1);
	OSSL_PARAM_free(numbers);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(context);
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_free(e);
	BN_free(d);
	BN_CTX_free(scratch);
	return key;
}

/* 2049 bits: the encoding is a byte shorter than the modulus. 2047: the top bit of a byte is left over. */
static void test_encode_pss_is_what_openssl_verifies(void **state)
{
	(void)state;
	static const unsigned sizes[] = { 2048, 2049, 2047, 3072 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		EVP_PKEY *key = sizes[i] == 2049 ? new_odd_sized_key() : EVP_RSA_gen(sizes[i]);
		assert_int_equal(EVP_PKEY_get_bits(key), sizes[i]);
		for (size_t h = 0; h < 3; h++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer encoding = { 0 };
			uint8_t value[KS_DIGEST_MAX], signature[512];
			struct ks_bytes digest = digest_of_message(hashes[h], value);
			assert_int_equal(ks_encode_pss(digests, hashes[h], digest, sizes[i], &encoding), 0);
			assert_int_equal(encoding.size, (sizes[i] + 7) / 8);
			size_t size = sign_raw(key, ks_buffer_bytes(&encoding), signature, sizeof(signature));
			assert_true(verify_pss(key, hashes[h], signature, size));
			signature[size / 2] ^= 1;
			assert_false(verify_pss(key, hashes[h], signature, size));
		}
		EVP_PKEY_free(key);
	}
}

static void test_encode_pss_takes_a_new_salt_each_time(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer one = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer two = { 0 };
	uint8_t value[KS_DIGEST_MAX];
	struct ks_bytes digest = digest_of_message(KS_HASH_SHA256, value);

	assert_int_equal(ks_encode_pss(digests, KS_HASH_SHA256, digest, 2048, &one), 0);
	assert_int_equal(ks_encode_pss(digests, KS_HASH_SHA256, digest, 2048, &two), 0);
	assert_false(ks_bytes_equal(ks_buffer_bytes(&one), ks_buffer_bytes(&two)));
}

static void test_encode_refuses_what_is_no_digest_of_that_hash(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	uint8_t value[KS_DIGEST_MAX];
	struct ks_bytes digest = digest_of_message(KS_HASH_SHA256, value);

	assert_int_equal(ks_encode_pss(digests, KS_HASH_SHA384, digest, 2048, &out), KS_ERR_INVALID);
	assert_int_equal(ks_encode_pss(digests, KS_HASH_NONE, KS_BYTES_NONE, 2048, &out), KS_ERR_INVALID);
	assert_int_equal(ks_encode_digest_info(KS_HASH_SHA384, digest, &out), KS_ERR_INVALID);
	assert_int_equal(ks_encode_digest_info(KS_HASH_NONE, KS_BYTES_NONE, &out), KS_ERR_INVALID);
	assert_int_equal(out.size, 0);
}

static void test_encode_refuses_keys_that_are_too_short(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	uint8_t value[KS_DIGEST_MAX];
	struct ks_bytes digest = digest_of_message(KS_HASH_SHA512, value);

	assert_int_equal(ks_encode_pss(digests, KS_HASH_SHA512, digest, 1024, &out), KS_ERR_INVALID);
	assert_int_equal(ks_encode_pss(digests, KS_HASH_SHA512, digest, 0, &out), KS_ERR_INVALID);
	assert_int_equal(ks_encode_pss(digests, KS_HASH_SHA512, digest, 1u << 31, &out), KS_ERR_INVALID);
}

static void test_encode_digest_info_is_what_openssl_verifies(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_RSA_gen(2048);

	for (size_t h = 0; h < 3; h++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer info = { 0 };
		uint8_t value[KS_DIGEST_MAX], signature[256];
		size_t size = sizeof(signature);
		assert_int_equal(ks_encode_digest_info(hashes[h], digest_of_message(hashes[h], value), &info), 0);
		/* Without a hash of its own OpenSSL pads what it is given, as CKM_RSA_PKCS does. */
		EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
		assert_int_equal(EVP_PKEY_sign_init(context), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
		assert_int_equal(EVP_PKEY_sign(context, signature, &size, info.data, info.size), 1);
		EVP_PKEY_CTX_free(context);
		EVP_MD_CTX *verify = EVP_MD_CTX_new();
		assert_int_equal(EVP_DigestVerifyInit_ex(verify, NULL, ks_hash_name(hashes[h]), NULL, NULL, key, NULL),
				 1);
		assert_int_equal(EVP_DigestVerify(verify, signature, size, (const uint8_t *)message, sizeof(message)),
				 1);
		EVP_MD_CTX_free(verify);
	}
	EVP_PKEY_free(key);
}

static void test_digest_is_of_all_parts(void **state)
{
	(void)state;
	const struct ks_bytes parts[] = { ks_bytes("ab", 2), KS_BYTES_NONE, ks_bytes("c", 1) };
	uint8_t value[KS_DIGEST_MAX];
	static const uint8_t expected[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea }; /* SHA-256 of "abc" */

	assert_int_equal(ks_digest_make(digests, KS_HASH_SHA256, parts, 3, value), 0);
	assert_memory_equal(value, expected, sizeof(expected));
	assert_int_equal(ks_digest_make(digests, KS_HASH_NONE, parts, 3, value), KS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_encode_pss_is_what_openssl_verifies),
		cmocka_unit_test(test_encode_pss_takes_a_new_salt_each_time),
		cmocka_unit_test(test_encode_refuses_what_is_no_digest_of_that_hash),
		cmocka_unit_test(test_encode_refuses_keys_that_are_too_short),
		cmocka_unit_test(test_encode_digest_info_is_what_openssl_verifies),
		cmocka_unit_test(test_digest_is_of_all_parts),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
