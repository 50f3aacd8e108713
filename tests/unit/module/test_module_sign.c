/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_sign: every mechanism with every key: what goes to the agent, what comes back to the program.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/rsa.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/protocol/scheme.h"
#include "tests/unit/module/module_rig.h"

struct test {
	struct module_rig rig;
	CK_SESSION_HANDLE session;
};

static int begin(void **state)
{
	static struct test test;

	module_rig_start(&test.rig);
	test.session = module_rig_open(&test.rig);
	*state = &test;
	return 0;
}

static int end(void **state)
{
	struct test *test = *state;

	module_rig_stop(&test->rig);
	return 0;
}

static const struct hash_row {
	enum ks_hash hash;
	CK_MECHANISM_TYPE type, ecdsa, pkcs1, pss;
	CK_RSA_PKCS_MGF_TYPE mgf;
} hashes[] = {
	{ KS_HASH_SHA256, CKM_SHA256, CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKG_MGF1_SHA256 },
	{ KS_HASH_SHA384, CKM_SHA384, CKM_ECDSA_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKG_MGF1_SHA384 },
	{ KS_HASH_SHA512, CKM_SHA512, CKM_ECDSA_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKG_MGF1_SHA512 },
};

#define N_HASHES (sizeof(hashes) / sizeof(hashes[0]))

static CK_RV init(struct test *test, enum software_key_kind kind, CK_MECHANISM_TYPE type, void *parameter,
		  CK_ULONG size)
{
	CK_MECHANISM mechanism = { type, parameter, size };
	CK_OBJECT_HANDLE key =
		module_rig_find(&test->rig, test->session, CKO_PRIVATE_KEY, test->rig.token.keys[kind].name);

	assert_int_not_equal(key, CK_INVALID_HANDLE);
	return test->rig.calls->C_SignInit(test->session, &mechanism, key);
}

static CK_RV sign(struct test *test, struct ks_bytes input, uint8_t *signature, CK_ULONG *size)
{
	uint8_t copy[1024];

	memcpy(copy, input.data, input.size);
	return test->rig.calls->C_Sign(test->session, copy, input.size, signature, size);
}

/* As a program would: r || s back to DER, then OpenSSL. */
static bool verifies(const struct software_key *key, enum ks_hash hash, bool is_pss, bool is_digest,
		     struct ks_bytes input, struct ks_bytes signature)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pkey = NULL;

	if (EVP_PKEY_is_a(key->pkey, "EC")) {
		assert_int_equal(ks_der_put_ecdsa(&der, signature), 0);
		signature = ks_buffer_bytes(&der);
	}
	int r;
	if (is_digest) {
		pkey = EVP_PKEY_CTX_new(key->pkey, NULL);
		assert_int_equal(EVP_PKEY_verify_init(pkey), 1);
		assert_int_equal(EVP_PKEY_CTX_set_signature_md(pkey, EVP_get_digestbyname(ks_hash_name(hash))), 1);
	} else {
		assert_int_equal(EVP_DigestVerifyInit_ex(ctx, &pkey, ks_hash_name(hash), NULL, NULL, key->pkey, NULL),
				 1);
	}
	if (is_pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	if (is_digest) {
		r = EVP_PKEY_verify(pkey, signature.data, signature.size, input.data, input.size);
		EVP_PKEY_CTX_free(pkey);
	} else {
		r = EVP_DigestVerify(ctx, signature.data, signature.size, input.data, input.size);
	}
	EVP_MD_CTX_free(ctx);
	return r == 1;
}

/* --- the whole input --------------------------------------------------------------------------------------------- */

static void assert_signs(struct test *test, enum software_key_kind kind, CK_MECHANISM_TYPE type,
			 const struct hash_row *row, bool is_pss, size_t wanted_size)
{
	CK_RSA_PKCS_PSS_PARAMS pss = { row ? row->type : 0, row ? row->mgf : 0, row ? ks_hash_size(row->hash) : 0 };
	uint8_t signature[1024];
	CK_ULONG size = sizeof(signature);
	const struct software_key *key = &test->rig.token.keys[kind];

	assert_int_equal(init(test, kind, type, is_pss ? &pss : NULL, is_pss ? sizeof(pss) : 0), CKR_OK);
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_OK);
	assert_int_equal(size, wanted_size);
	assert_int_equal(test->rig.token.last_input_size, 130);
	assert_true(verifies(key, row ? row->hash : KS_HASH_NONE, is_pss, false, module_rig_input(),
			     ks_bytes(signature, size)));
}

static void test_mechanisms_that_hash_carry_the_whole_input(void **state)
{
	struct test *test = *state;

	for (size_t i = 0; i < N_HASHES; i++) {
		assert_signs(test, SOFTWARE_P256, hashes[i].ecdsa, &hashes[i], false, 64);
		assert_signs(test, SOFTWARE_P384, hashes[i].ecdsa, &hashes[i], false, 96);
		assert_signs(test, SOFTWARE_P521, hashes[i].ecdsa, &hashes[i], false, 132);
		assert_signs(test, SOFTWARE_RSA, hashes[i].pkcs1, &hashes[i], false, 256);
		assert_signs(test, SOFTWARE_RSA, hashes[i].pss, &hashes[i], true, 256);
		assert_signs(test, SOFTWARE_RSA_PSS, hashes[i].pss, &hashes[i], true, 256);
	}
	assert_signs(test, SOFTWARE_ED25519, CKM_EDDSA, NULL, false, 64);
	assert_int_equal(atomic_load(&test->rig.token.n_signatures), 19);
	assert_int_equal(atomic_load(&test->rig.n_digests), 0);
}

static void test_a_size_costs_no_signature(void **state)
{
	struct test *test = *state;
	uint8_t signature[64];
	CK_ULONG size = 0;

	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, module_rig_input(), NULL, &size), CKR_OK);
	assert_int_equal(size, 64);
	size = 63;
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(size, 64);
	assert_int_equal(atomic_load(&test->rig.token.n_signatures), 0);
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_OK);
	assert_int_equal(atomic_load(&test->rig.token.n_signatures), 1);
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_OPERATION_NOT_INITIALIZED);
}

static void test_parts_are_one_input(void **state)
{
	struct test *test = *state;
	CK_FUNCTION_LIST *calls = test->rig.calls;
	uint8_t input[130], signature[128];
	CK_ULONG size = 10;

	memcpy(input, module_rig_input().data, sizeof(input));
	assert_int_equal(calls->C_SignUpdate(test->session, input, 1), CKR_OPERATION_NOT_INITIALIZED);
	assert_int_equal(init(test, SOFTWARE_P384, CKM_ECDSA_SHA384, NULL, 0), CKR_OK);
	assert_int_equal(calls->C_SignUpdate(test->session, input, 100), CKR_OK);
	assert_int_equal(calls->C_SignUpdate(test->session, NULL, 0), CKR_OK);
	size = sizeof(signature);
	assert_int_equal(calls->C_Sign(test->session, input, 130, signature, &size), CKR_OPERATION_ACTIVE);
	assert_int_equal(calls->C_SignUpdate(test->session, input + 100, 30), CKR_OK);
	assert_int_equal(calls->C_SignFinal(test->session, NULL, &size), CKR_OK);
	assert_int_equal(size, 96);
	size = 10;
	assert_int_equal(calls->C_SignFinal(test->session, signature, &size), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(calls->C_SignFinal(test->session, signature, &size), CKR_OK);
	assert_true(verifies(&test->rig.token.keys[SOFTWARE_P384], KS_HASH_SHA384, false, false, module_rig_input(),
			     ks_bytes(signature, size)));
}

static void test_an_input_that_is_too_long_ends_the_operation(void **state)
{
	struct test *test = *state;
	CK_FUNCTION_LIST *calls = test->rig.calls;
	KS_AUTO_FREE uint8_t *input = calloc(1, KS_SIGN_INPUT_MAX + 1);
	uint8_t signature[64];
	CK_ULONG size = sizeof(signature);

	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(calls->C_SignUpdate(test->session, input, KS_SIGN_INPUT_MAX), CKR_OK);
	assert_int_equal(calls->C_SignUpdate(test->session, input, 1), CKR_DATA_LEN_RANGE);
	assert_int_equal(calls->C_SignFinal(test->session, signature, &size), CKR_OPERATION_NOT_INITIALIZED);
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(calls->C_Sign(test->session, input, KS_SIGN_INPUT_MAX + 1, signature, &size),
			 CKR_DATA_LEN_RANGE);
}

static void test_a_refusal_is_told_and_ends_the_operation(void **state)
{
	struct test *test = *state;
	uint8_t signature[64];
	CK_ULONG size = sizeof(signature);

	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, ks_bytes_text("test text"), signature, &size), CKR_DATA_INVALID);
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_OPERATION_NOT_INITIALIZED);
	test->rig.token.refuse_with = "token \"corp\" is locked";
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_USER_NOT_LOGGED_IN);
	test->rig.token.refuse_with = NULL;
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, module_rig_input(), signature, &size), CKR_OK);
}

static void test_mechanisms_keep_to_their_keys(void **state)
{
	struct test *test = *state;
	CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
	CK_FUNCTION_LIST *calls = test->rig.calls;
	CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };

	assert_int_equal(init(test, SOFTWARE_P256, CKM_SHA256_RSA_PKCS, NULL, 0), CKR_KEY_TYPE_INCONSISTENT);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_ECDSA, NULL, 0), CKR_KEY_TYPE_INCONSISTENT);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_EDDSA, NULL, 0), CKR_KEY_TYPE_INCONSISTENT);
	assert_int_equal(init(test, SOFTWARE_RSA_PSS, CKM_SHA256_RSA_PKCS, NULL, 0), CKR_KEY_TYPE_INCONSISTENT);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_X_509, NULL, 0), CKR_MECHANISM_INVALID);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_SHA1_RSA_PKCS, NULL, 0), CKR_MECHANISM_INVALID);
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA1, NULL, 0), CKR_MECHANISM_INVALID);
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, &pss, sizeof(pss)), CKR_MECHANISM_PARAM_INVALID);
	/* PSS as TLS has it, and no other. */
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_SHA256_RSA_PKCS_PSS, NULL, 0), CKR_MECHANISM_PARAM_INVALID);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_SHA256_RSA_PKCS_PSS, &pss, 8), CKR_MECHANISM_PARAM_INVALID);
	pss.sLen = 20;
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)),
			 CKR_MECHANISM_PARAM_INVALID);
	pss = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA256, CKG_MGF1_SHA1, 32 };
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)),
			 CKR_MECHANISM_PARAM_INVALID);
	pss = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA384, CKG_MGF1_SHA384, 48 };
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)),
			 CKR_MECHANISM_PARAM_INVALID);
	pss = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA_1, CKG_MGF1_SHA1, 20 };
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS_PSS, &pss, sizeof(pss)), CKR_MECHANISM_PARAM_INVALID);

	CK_OBJECT_HANDLE public = module_rig_find(&test->rig, test->session, CKO_PUBLIC_KEY, "p256");
	assert_int_equal(calls->C_SignInit(test->session, &mechanism, public), CKR_KEY_HANDLE_INVALID);
	assert_int_equal(calls->C_SignInit(test->session, &mechanism, 4711), CKR_KEY_HANDLE_INVALID);
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OPERATION_ACTIVE);
	/* 3.0: no mechanism ends it. */
	assert_int_equal(calls->C_SignInit(test->session, NULL, 0), CKR_OK);
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
	assert_int_equal(atomic_load(&test->rig.token.n_signatures), 0);
}

/* --- digests alone ----------------------------------------------------------------------------------------------- */

static void test_raw_mechanisms_are_refused_at_once_and_the_agent_hears_of_it(void **state)
{
	struct test *test = *state;
	CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA384, CKG_MGF1_SHA384, 48 };

	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA, NULL, 0), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS, NULL, 0), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS_PSS, &pss, sizeof(pss)), CKR_KEY_FUNCTION_NOT_PERMITTED);
	assert_int_equal(test->rig.last_digest_scheme, 0x0805);
	assert_int_equal(atomic_load(&test->rig.n_empty_digests), 3);
	assert_int_equal(atomic_load(&test->rig.n_digests), 0);
	/* The session is as it was. */
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA_SHA256, NULL, 0), CKR_OK);
}

/* The list that is known may be older than the configuration. */
static void test_a_permission_that_is_new_is_found_out(void **state)
{
	struct test *test = *state;
	uint8_t digest[32] = { 1 }, signature[64];
	CK_ULONG size = sizeof(signature);

	test->rig.digest = true; /* and the same generation */
	assert_int_equal(init(test, SOFTWARE_P256, CKM_ECDSA, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, ks_bytes(digest, 32), signature, &size), CKR_OK);
}

static void allow_digests(struct test *test)
{
	CK_ULONG n;

	module_rig_tell(&test->rig, false, true);
	assert_int_equal(test->rig.calls->C_GetSlotList(CK_TRUE, NULL, &n), CKR_OK);
}

static void test_ecdsa_takes_its_scheme_from_the_length(void **state)
{
	struct test *test = *state;
	static const struct {
		size_t size;
		uint16_t scheme;
		enum ks_hash hash;
	} good[] = { { 32, 0x0403, KS_HASH_SHA256 }, { 48, 0x0503, KS_HASH_SHA384 }, { 64, 0x0603, KS_HASH_SHA512 } };
	static const size_t bad[] = { 1, 20, 28, 31, 33, 47, 49, 63, 65, 130 };
	uint8_t digest[256], signature[132];
	CK_ULONG size;

	memset(digest, 7, sizeof(digest));
	allow_digests(test);
	for (size_t i = 0; i < 3; i++) {
		size = sizeof(signature);
		assert_int_equal(init(test, SOFTWARE_P521, CKM_ECDSA, NULL, 0), CKR_OK);
		assert_int_equal(sign(test, ks_bytes(digest, good[i].size), signature, &size), CKR_OK);
		assert_int_equal(test->rig.last_digest_scheme, good[i].scheme);
		assert_true(verifies(&test->rig.token.keys[SOFTWARE_P521], good[i].hash, false, true,
				     ks_bytes(digest, good[i].size), ks_bytes(signature, size)));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size = sizeof(signature);
		assert_int_equal(init(test, SOFTWARE_P521, CKM_ECDSA, NULL, 0), CKR_OK);
		assert_int_equal(sign(test, ks_bytes(digest, bad[i]), signature, &size), CKR_DATA_LEN_RANGE);
	}
	assert_int_equal(atomic_load(&test->rig.n_digests), 3);
	assert_int_equal(atomic_load(&test->rig.n_empty_digests), 0);
}

static void test_pss_takes_its_scheme_from_the_parameters(void **state)
{
	struct test *test = *state;
	uint8_t digest[64], signature[256];

	memset(digest, 9, sizeof(digest));
	allow_digests(test);
	for (size_t i = 0; i < N_HASHES; i++) {
		size_t length = ks_hash_size(hashes[i].hash);
		CK_RSA_PKCS_PSS_PARAMS pss = { hashes[i].type, hashes[i].mgf, length };
		CK_ULONG size = sizeof(signature);
		assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS_PSS, &pss, sizeof(pss)), CKR_OK);
		assert_int_equal(sign(test, ks_bytes(digest, length), signature, &size), CKR_OK);
		assert_int_equal(test->rig.last_digest_scheme, 0x0804 + i);
		assert_true(verifies(&test->rig.token.keys[SOFTWARE_RSA], hashes[i].hash, true, true,
				     ks_bytes(digest, length), ks_bytes(signature, size)));
		assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS_PSS, &pss, sizeof(pss)), CKR_OK);
		assert_int_equal(sign(test, ks_bytes(digest, length - 1), signature, &size), CKR_DATA_LEN_RANGE);
	}
}

static void test_a_digest_info_is_taken_apart(void **state)
{
	static const uint8_t prefix[] = { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
					  0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 };
	struct test *test = *state;
	uint8_t info[sizeof(prefix) + 48], signature[256];
	CK_ULONG size = sizeof(signature);

	memset(info, 3, sizeof(info));
	memcpy(info, prefix, sizeof(prefix));
	allow_digests(test);
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, ks_bytes(info, sizeof(info)), signature, &size), CKR_OK);
	assert_int_equal(test->rig.last_digest_scheme, 0x0501);
	assert_true(verifies(&test->rig.token.keys[SOFTWARE_RSA], KS_HASH_SHA384, false, true,
			     ks_bytes(info + sizeof(prefix), 48), ks_bytes(signature, size)));
	/* A digest without its DigestInfo, as CKM_RSA_PKCS would sign for MD5 and SHA-1 together. */
	assert_int_equal(init(test, SOFTWARE_RSA, CKM_RSA_PKCS, NULL, 0), CKR_OK);
	assert_int_equal(sign(test, ks_bytes(info, 36), signature, &size), CKR_DATA_INVALID);
	assert_int_equal(atomic_load(&test->rig.n_digests), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_mechanisms_that_hash_carry_the_whole_input),
		TEST(test_a_size_costs_no_signature),
		TEST(test_parts_are_one_input),
		TEST(test_an_input_that_is_too_long_ends_the_operation),
		TEST(test_a_refusal_is_told_and_ends_the_operation),
		TEST(test_mechanisms_keep_to_their_keys),
		TEST(test_raw_mechanisms_are_refused_at_once_and_the_agent_hears_of_it),
		TEST(test_a_permission_that_is_new_is_found_out),
		TEST(test_ecdsa_takes_its_scheme_from_the_length),
		TEST(test_pss_takes_its_scheme_from_the_parameters),
		TEST(test_a_digest_info_is_taken_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
