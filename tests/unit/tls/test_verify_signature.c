/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/verify_signature.h: only signatures in exactly the form of TLS are good. */
#include "lib/tls/verify_signature.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "tests/unit/tls/handshake.h"

KS_DEFINE_CLEANUP(struct ks_public_key *, ks_public_key_free)
KS_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)
KS_DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)

static const char message[] = "what is to be signed";
#define MESSAGE ks_bytes(message, sizeof(message))

/* What a signer may do differently from TLS. */
struct manner {
	const char *hash; /* NULL: the scheme's */
	const char *mask_hash;
	int salt_size; /* RSA_PSS_SALTLEN_DIGEST when 0 */
	bool wrong_padding;
};

static size_t sign(EVP_PKEY *key, const struct ks_scheme *scheme, const struct manner *manner,
		   uint8_t signature[KS_SIGNATURE_MAX])
{
	KS_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *parameters;
	size_t size = KS_SIGNATURE_MAX;
	const char *hash = manner->hash ? manner->hash : ks_hash_name(scheme->hash);
	bool is_pss = (scheme->signing == KS_SIGNING_RSA_PSS) != manner->wrong_padding;

	assert_int_equal(EVP_DigestSignInit_ex(context, &parameters, hash, NULL, NULL, key, NULL), 1);
	if (EVP_PKEY_is_a(key, "RSA") && is_pss)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) > 0);
	if (is_pss && scheme->algorithm != KS_KEY_EC && scheme->algorithm != KS_KEY_ED25519) {
		int salt_size = manner->salt_size ? manner->salt_size : RSA_PSS_SALTLEN_DIGEST;
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, salt_size) > 0);
		if (manner->mask_hash)
			assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(parameters, manner->mask_hash, NULL) > 0);
	}
	assert_int_equal(EVP_DigestSign(context, signature, &size, (const unsigned char *)message, sizeof(message)), 1);
	return size;
}

static struct ks_public_key *public_key(const char *type)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	struct ks_public_key *key = NULL;

	ks_handshake_put_spki(&spki, type);
	assert_int_equal(ks_public_key_new(ks_buffer_bytes(&spki), &key), 0);
	return key;
}

/* Signs with this key in this manner; is it a good signature? */
static int verdict(const char *type, const struct ks_scheme *scheme, const struct manner *manner)
{
	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key(type);
	uint8_t signature[KS_SIGNATURE_MAX];
	size_t size = sign(ks_handshake_key(type), scheme, manner, signature);

	return ks_public_key_verify(key, scheme, MESSAGE, ks_bytes(signature, size));
}

static const char *type_for(const struct ks_scheme *scheme)
{
	switch (scheme->algorithm) {
	case KS_KEY_RSA:
		return "RSA-2048";
	case KS_KEY_RSA_PSS:
		return "RSA-PSS-2048";
	case KS_KEY_EC:
		return scheme->tls13_curve == KS_CURVE_P256 ? "P-256" :
		       scheme->tls13_curve == KS_CURVE_P384 ? "P-384" :
							      "P-521";
	case KS_KEY_ED25519:
		return "Ed25519";
	}
	return NULL;
}

static const struct manner as_tls = { 0 };

/* --- tests ------------------------------------------------------------------------------------------------------- */

static void test_verify_signature_accepts_every_scheme(void **state)
{
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(verdict(type_for(&schemes[i]), &schemes[i], &as_tls), 0);
	}
}

static void test_verify_signature_accepts_pss_pss_of_a_key_that_says_rsa(void **state)
{
	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key("RSA-2048");
	uint8_t signature[KS_SIGNATURE_MAX];
	const struct ks_scheme *scheme = ks_scheme_find(0x0809);
	size_t size = sign(ks_handshake_key("RSA-2048"), ks_scheme_find(0x0804), &as_tls, signature);

	(void)state;
	assert_int_equal(ks_public_key_verify(key, scheme, MESSAGE, ks_bytes(signature, size)), 0);
}

static void test_verify_signature_refuses_every_changed_bit(void **state)
{
	static const uint32_t codes[] = { 0x0403, 0x0804, 0x0401, 0x0807 };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const struct ks_scheme *scheme = ks_scheme_find(codes[i]);
		KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key(type_for(scheme));
		uint8_t signature[KS_SIGNATURE_MAX];
		size_t size = sign(ks_handshake_key(type_for(scheme)), scheme, &as_tls, signature);
		for (size_t at = 0; at < size; at++) {
			signature[at] ^= (uint8_t)(1u << (at % 8));
			assert_int_equal(ks_public_key_verify(key, scheme, MESSAGE, ks_bytes(signature, size)),
					 KS_ERR_WRONG_SIGNATURE);
			signature[at] ^= (uint8_t)(1u << (at % 8));
		}
		assert_int_equal(ks_public_key_verify(key, scheme, ks_bytes(message, sizeof(message) - 1),
						      ks_bytes(signature, size)),
				 KS_ERR_WRONG_SIGNATURE);
		assert_int_equal(ks_public_key_verify(key, scheme, MESSAGE, ks_bytes(signature, size)), 0);
	}
}

static void test_verify_signature_refuses_every_other_length(void **state)
{
	static const uint32_t codes[] = { 0x0403, 0x0804, 0x0401, 0x0807 };

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const struct ks_scheme *scheme = ks_scheme_find(codes[i]);
		KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key(type_for(scheme));
		uint8_t signature[KS_SIGNATURE_MAX] = { 0 };
		size_t good = sign(ks_handshake_key(type_for(scheme)), scheme, &as_tls, signature);
		for (size_t size = 0; size <= good + 4; size++) {
			int expected = size == good ? 0 : KS_ERR_WRONG_SIGNATURE;
			assert_int_equal(ks_public_key_verify(key, scheme, MESSAGE, ks_bytes(signature, size)),
					 expected);
		}
	}
}

static void test_verify_signature_wants_salt_and_mask_of_the_hash(void **state)
{
	static const struct manner manners[] = {
		{ .salt_size = 20 },       { .salt_size = RSA_PSS_SALTLEN_MAX },
		{ .mask_hash = "SHA1" },   { .mask_hash = "SHA512" },
		{ .hash = "SHA384" },      { .hash = "SHA1" },
		{ .wrong_padding = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
		assert_int_equal(verdict("RSA-2048", ks_scheme_find(0x0804), &manners[i]), KS_ERR_WRONG_SIGNATURE);
	assert_int_equal(verdict("RSA-2048", ks_scheme_find(0x0401), &(struct manner){ .wrong_padding = true }),
			 KS_ERR_WRONG_SIGNATURE);
}

static void test_verify_signature_refuses_another_hash_than_the_scheme_says(void **state)
{
	(void)state;
	assert_int_equal(verdict("P-256", ks_scheme_find(0x0403), &(struct manner){ .hash = "SHA384" }),
			 KS_ERR_WRONG_SIGNATURE);
	assert_int_equal(verdict("RSA-2048", ks_scheme_find(0x0401), &(struct manner){ .hash = "SHA512" }),
			 KS_ERR_WRONG_SIGNATURE);
}

/* TLS carries ECDSA signatures in DER; r || s as PKCS#11 gives it must have been converted. */
static void test_verify_signature_refuses_raw_ecdsa(void **state)
{
	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key("P-256");
	uint8_t signature[KS_SIGNATURE_MAX];
	uint8_t raw[64] = { 0 };
	size_t size = sign(ks_handshake_key("P-256"), ks_scheme_find(0x0403), &as_tls, signature);
	const unsigned char *next = signature;
	ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &next, (long)size);

	(void)state;
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(parsed), raw, 32), 32);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(parsed), raw + 32, 32), 32);
	ECDSA_SIG_free(parsed);
	assert_int_equal(ks_public_key_verify(key, ks_scheme_find(0x0403), MESSAGE, ks_bytes(raw, 64)),
			 KS_ERR_WRONG_SIGNATURE);
}

/* The hash is right and the signature is good, only the scheme is one of another kind of key. */
static void test_verify_signature_refuses_schemes_of_other_keys(void **state)
{
	static const struct {
		const char *type;
		uint32_t made;
		uint32_t claimed;
	} cases[] = {
		{ "RSA-2048", 0x0401, 0x0403 },     { "P-256", 0x0403, 0x0401 }, { "RSA-2048", 0x0804, 0x0401 },
		{ "P-256", 0x0403, 0x0804 },        { "P-256", 0x0403, 0x0807 }, { "Ed25519", 0x0807, 0x0403 },
		{ "RSA-PSS-2048", 0x0809, 0x0401 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key(cases[i].type);
		uint8_t signature[KS_SIGNATURE_MAX];
		const struct ks_scheme *made = ks_scheme_find(cases[i].made);
		size_t size = sign(ks_handshake_key(cases[i].type), made, &as_tls, signature);
		struct ks_bytes bytes = ks_bytes(signature, size);
		assert_int_equal(ks_public_key_verify(key, made, MESSAGE, bytes), 0);
		assert_int_equal(ks_public_key_verify(key, ks_scheme_find(cases[i].claimed), MESSAGE, bytes),
				 KS_ERR_WRONG_SIGNATURE);
	}
}

static void test_verify_signature_holds_pss_keys_to_their_parameters(void **state)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	KS_CLEANUP(EVP_PKEY_freep) EVP_PKEY *pair = NULL;
	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = NULL;
	uint8_t signature[KS_SIGNATURE_MAX];
	unsigned char *der = NULL;

	(void)state;
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_md(context, EVP_sha384()) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context, EVP_sha384()) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, 48) > 0);
	assert_int_equal(EVP_PKEY_generate(context, &pair), 1);
	int size = i2d_PUBKEY(pair, &der);
	assert_int_equal(ks_public_key_new(ks_bytes(der, (size_t)size), &key), 0);

	size_t signature_size = sign(pair, ks_scheme_find(0x080a), &as_tls, signature);
	struct ks_bytes made = ks_bytes(signature, signature_size);
	assert_int_equal(ks_public_key_verify(key, ks_scheme_find(0x080a), MESSAGE, made), 0);
	assert_int_equal(ks_public_key_verify(key, ks_scheme_find(0x0809), MESSAGE, made), KS_ERR_WRONG_SIGNATURE);
	OPENSSL_free(der);
	EVP_PKEY_CTX_free(context);
}

static void test_verify_signature_refuses_keys_that_are_none(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	struct ks_public_key *key = NULL;

	(void)state;
	assert_int_equal(ks_public_key_new(KS_BYTES_NONE, &key), KS_ERR_MALFORMED);
	ks_handshake_put_spki(&spki, "P-256");
	struct ks_bytes good = ks_buffer_bytes(&spki);
	assert_int_equal(ks_public_key_new(ks_bytes(good.data, good.size - 1), &key), KS_ERR_MALFORMED);
	spki.data[spki.size - 1] ^= 1; /* not on the curve any more */
	assert_int_equal(ks_public_key_new(good, &key), KS_ERR_MALFORMED);
	spki.data[spki.size - 1] ^= 1;
	ks_buffer_put_u8(&spki, 0);
	assert_int_equal(ks_public_key_new(ks_buffer_bytes(&spki), &key), KS_ERR_MALFORMED);
	assert_null(key);
}

static void test_verify_signature_leaves_the_error_queue_as_it_was(void **state)
{
	KS_CLEANUP(ks_public_key_freep) struct ks_public_key *key = public_key("P-256");
	struct ks_public_key *none = NULL;

	(void)state;
	ERR_clear_error();
	ERR_raise(ERR_LIB_USER, 4711);
	assert_int_equal(ks_public_key_verify(key, ks_scheme_find(0x0403), MESSAGE, MESSAGE), KS_ERR_WRONG_SIGNATURE);
	assert_int_equal(ks_public_key_new(MESSAGE, &none), KS_ERR_MALFORMED);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), 4711);
	assert_int_equal(ERR_get_error(), 0);
}

static void test_verify_signature_hashes_as_fips_180_says(void **state)
{
	uint8_t digest[32];
	char hex[65];

	(void)state;
	assert_int_equal(ks_sha256(ks_bytes("abc", 3), digest), 0);
	ks_text_hex(ks_bytes(digest, 32), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(ks_sha256(KS_BYTES_NONE, digest), 0);
	ks_text_hex(ks_bytes(digest, 32), hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verify_signature_accepts_every_scheme),
		cmocka_unit_test(test_verify_signature_accepts_pss_pss_of_a_key_that_says_rsa),
		cmocka_unit_test(test_verify_signature_refuses_every_changed_bit),
		cmocka_unit_test(test_verify_signature_refuses_every_other_length),
		cmocka_unit_test(test_verify_signature_wants_salt_and_mask_of_the_hash),
		cmocka_unit_test(test_verify_signature_refuses_another_hash_than_the_scheme_says),
		cmocka_unit_test(test_verify_signature_refuses_raw_ecdsa),
		cmocka_unit_test(test_verify_signature_refuses_schemes_of_other_keys),
		cmocka_unit_test(test_verify_signature_holds_pss_keys_to_their_parameters),
		cmocka_unit_test(test_verify_signature_refuses_keys_that_are_none),
		cmocka_unit_test(test_verify_signature_leaves_the_error_queue_as_it_was),
		cmocka_unit_test(test_verify_signature_hashes_as_fips_180_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
