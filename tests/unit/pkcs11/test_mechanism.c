/* SPDX-License-Identifier: Apache-2.0 */
/* Units of pkcs11/mechanism.c. Runs in: unit tests. */
#include "pkcs11/mechanism.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct ks_mechanisms listing(const CK_MECHANISM_TYPE *types, size_t n)
{
	struct ks_mechanisms mechanisms = { 0 };

	for (size_t i = 0; i < n; i++)
		ks_mechanisms_add(&mechanisms, types[i]);
	return mechanisms;
}

/* The mechanisms in the order in which they would be tried. */
static size_t order(const struct ks_mechanisms *mechanisms, uint32_t scheme, uint8_t known, CK_MECHANISM_TYPE out[8])
{
	uint8_t ways[KS_WAYS_MAX];
	const struct ks_scheme *row = ks_scheme_find(scheme);
	CK_RSA_PKCS_PSS_PARAMS pss;

	assert_non_null(row);
	size_t n = ks_mechanism_ways(mechanisms, row, known, ways);
	assert_true(n <= KS_WAYS_MAX);
	for (size_t i = 0; i < n; i++)
		out[i] = ks_mechanism_make(ways[i], row->hash, &pss).mechanism;
	return n;
}

static void test_mechanism_listed_ones_come_first(void **state)
{
	(void)state;
	const CK_MECHANISM_TYPE types[] = { CKM_SHA384_RSA_PKCS, CKM_RSA_X_509, CKM_ECDSA_SHA256 };
	struct ks_mechanisms mechanisms = listing(types, 3);
	CK_MECHANISM_TYPE tried[8];

	assert_int_equal(order(&mechanisms, 0x0501, KS_WAY_NONE, tried), 2);
	assert_int_equal(tried[0], CKM_SHA384_RSA_PKCS);
	assert_int_equal(tried[1], CKM_RSA_PKCS);
	/* The one with another hash is not meant. */
	assert_int_equal(order(&mechanisms, 0x0401, KS_WAY_NONE, tried), 2);
	assert_int_equal(tried[0], CKM_RSA_PKCS);
	assert_int_equal(order(&mechanisms, 0x0403, KS_WAY_NONE, tried), 2);
	assert_int_equal(tried[0], CKM_ECDSA_SHA256);
	assert_int_equal(tried[1], CKM_ECDSA);
}

static void test_mechanism_raw_rsa_comes_after_pss_that_is_not_listed(void **state)
{
	(void)state;
	const CK_MECHANISM_TYPE types[] = { CKM_RSA_X_509, CKM_RSA_PKCS };
	struct ks_mechanisms mechanisms = listing(types, 2);
	CK_MECHANISM_TYPE tried[8];

	assert_int_equal(order(&mechanisms, 0x0804, KS_WAY_NONE, tried), 3);
	assert_int_equal(tried[0], CKM_RSA_PKCS_PSS);
	assert_int_equal(tried[1], CKM_SHA256_RSA_PKCS_PSS);
	assert_int_equal(tried[2], CKM_RSA_X_509);
}

static void test_mechanism_what_worked_comes_first_and_once(void **state)
{
	(void)state;
	struct ks_mechanisms mechanisms = { 0 };
	uint8_t ways[KS_WAYS_MAX];
	CK_MECHANISM_TYPE tried[8];

	size_t n = ks_mechanism_ways(&mechanisms, ks_scheme_find(0x0804), KS_WAY_NONE, ways);
	assert_int_equal(n, 3);
	assert_int_equal(order(&mechanisms, 0x0804, ways[2], tried), 3);
	assert_int_equal(tried[0], CKM_RSA_X_509);
	assert_int_not_equal(tried[1], CKM_RSA_X_509);
	assert_int_not_equal(tried[2], CKM_RSA_X_509);
}

static void test_mechanism_is_never_raw_rsa_but_for_our_own_pss_encoding(void **state)
{
	(void)state;
	size_t n_schemes;
	const struct ks_scheme *schemes = ks_schemes(&n_schemes);
	const CK_MECHANISM_TYPE types[] = { CKM_RSA_X_509 };
	struct ks_mechanisms mechanisms = listing(types, 1);

	for (size_t i = 0; i < n_schemes; i++) {
		uint8_t ways[KS_WAYS_MAX];
		size_t n = ks_mechanism_ways(&mechanisms, &schemes[i], KS_WAY_NONE, ways);
		assert_true(n > 0);
		for (size_t w = 0; w < n; w++) {
			CK_RSA_PKCS_PSS_PARAMS pss;
			CK_MECHANISM mechanism = ks_mechanism_make(ways[w], schemes[i].hash, &pss);
			assert_int_not_equal(mechanism.mechanism, KS_NO_MECHANISM);
			if (mechanism.mechanism == CKM_RSA_X_509)
				assert_int_equal(ks_mechanism_way(ways[w])->operand, KS_OPERAND_PSS_ENCODING);
			if (mechanism.mechanism == CKM_RSA_PKCS)
				assert_int_equal(ks_mechanism_way(ways[w])->operand, KS_OPERAND_DIGEST_INFO);
		}
	}
}

static void test_mechanism_pss_has_the_parameters_of_tls13(void **state)
{
	(void)state;
	static const struct {
		uint32_t scheme;
		CK_MECHANISM_TYPE hash;
		CK_RSA_PKCS_MGF_TYPE mgf;
		CK_ULONG salt;
	} expected[] = {
		{ 0x0804, CKM_SHA256, CKG_MGF1_SHA256, 32 },
		{ 0x0805, CKM_SHA384, CKG_MGF1_SHA384, 48 },
		{ 0x080b, CKM_SHA512, CKG_MGF1_SHA512, 64 },
	};
	struct ks_mechanisms mechanisms = { 0 };

	for (size_t i = 0; i < 3; i++) {
		const struct ks_scheme *scheme = ks_scheme_find(expected[i].scheme);
		uint8_t ways[KS_WAYS_MAX];
		CK_RSA_PKCS_PSS_PARAMS pss;
		(void)ks_mechanism_ways(&mechanisms, scheme, KS_WAY_NONE, ways);
		CK_MECHANISM mechanism = ks_mechanism_make(ways[0], scheme->hash, &pss);
		assert_ptr_equal(mechanism.pParameter, &pss);
		assert_int_equal(mechanism.ulParameterLen, sizeof(pss));
		assert_int_equal(pss.hashAlg, expected[i].hash);
		assert_int_equal(pss.mgf, expected[i].mgf);
		assert_int_equal(pss.sLen, expected[i].salt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mechanism_listed_ones_come_first),
		cmocka_unit_test(test_mechanism_raw_rsa_comes_after_pss_that_is_not_listed),
		cmocka_unit_test(test_mechanism_what_worked_comes_first_and_once),
		cmocka_unit_test(test_mechanism_is_never_raw_rsa_but_for_our_own_pss_encoding),
		cmocka_unit_test(test_mechanism_pss_has_the_parameters_of_tls13),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
