/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/pss_key.h: RSASSA-PSS-params, element by element (RFC 4055 section 3.1). */
#include "lib/tls/pss_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"

static const uint8_t oid_pss[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a };
static const uint8_t oid_mgf1[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08 };
static const uint8_t oid_sha2[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };

enum { ABSENT = -1 };

/* The last byte of a SHA-2's OID (1: SHA-256, 2: SHA-384, 3: SHA-512, 4: SHA-224), or a number; ABSENT: none. */
struct parameters {
	int hash;
	int mask_hash;
	int salt_size;
	int trailer;
	bool without_null; /* in the algorithm of the hash */
};

static void put_hash(struct ks_buffer *out, int hash, bool without_null)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer oid = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };

	ks_buffer_put(&oid, ks_bytes(oid_sha2, sizeof(oid_sha2)));
	ks_buffer_put_u8(&oid, (uint8_t)hash);
	ks_der_put(&algorithm, KS_DER_OID, ks_buffer_bytes(&oid));
	if (!without_null)
		ks_der_put(&algorithm, KS_DER_NULL, KS_BYTES_NONE);
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&algorithm));
}

static void put_mask(struct ks_buffer *out, int hash)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };

	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(oid_mgf1, sizeof(oid_mgf1)));
	put_hash(&algorithm, hash, false);
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&algorithm));
}

static void put_number(struct ks_buffer *out, int number)
{
	uint8_t bytes[2] = { (uint8_t)(number >> 8), (uint8_t)number };

	ks_der_put_unsigned(out, ks_bytes(bytes, 2));
}

static void put_field(struct ks_buffer *fields, unsigned n, struct ks_buffer *contents)
{
	if (contents->size > 0)
		ks_der_put(fields, (uint8_t)(KS_DER_CONTEXT_0 + n), ks_buffer_bytes(contents));
	ks_buffer_reset(contents);
}

/* AlgorithmIdentifier and a key of nothing: only the parameters are looked at. */
static void put_spki(struct ks_buffer *out, const struct parameters *parameters)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer field = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer fields = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };

	if (parameters->hash != ABSENT)
		put_hash(&field, parameters->hash, parameters->without_null);
	put_field(&fields, 0, &field);
	if (parameters->mask_hash != ABSENT)
		put_mask(&field, parameters->mask_hash);
	put_field(&fields, 1, &field);
	if (parameters->salt_size != ABSENT)
		put_number(&field, parameters->salt_size);
	put_field(&fields, 2, &field);
	if (parameters->trailer != ABSENT)
		put_number(&field, parameters->trailer);
	put_field(&fields, 3, &field);
	ks_der_put(&algorithm, KS_DER_OID, ks_bytes(oid_pss, sizeof(oid_pss)));
	ks_der_put(&algorithm, KS_DER_SEQUENCE, ks_buffer_bytes(&fields));
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&algorithm));
	ks_der_put(&parts, KS_DER_BIT_STRING, ks_bytes("", 1));
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	assert_int_equal(ks_buffer_error(out), 0);
}

static bool allows(const struct parameters *parameters, uint32_t scheme)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };

	put_spki(&der, parameters);
	struct ks_spki spki = { .algorithm = KS_KEY_RSA_PSS, .der = ks_buffer_bytes(&der) };
	return ks_pss_key_allows(&spki, ks_scheme_find(scheme));
}

enum { PSS_SHA256 = 0x0809, PSS_SHA384 = 0x080a, PSS_SHA512 = 0x080b };

static void test_pss_key_allows_the_scheme_of_its_parameters_alone(void **state)
{
	static const uint32_t schemes[] = { PSS_SHA256, PSS_SHA384, PSS_SHA512 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		for (int hash = 1; hash <= 4; hash++) {
			struct parameters parameters = { hash, hash, 32, ABSENT, false };
			assert_int_equal(allows(&parameters, schemes[i]), hash == i + 1);
			parameters.without_null = true;
			assert_int_equal(allows(&parameters, schemes[i]), hash == i + 1);
		}
	}
}

static void test_pss_key_wants_hash_and_mask_alike(void **state)
{
	(void)state;
	assert_false(allows(&(struct parameters){ 1, 2, 32, ABSENT, false }, PSS_SHA256));
	assert_false(allows(&(struct parameters){ 2, 1, 32, ABSENT, false }, PSS_SHA256));
}

/* The defaults are SHA-1. */
static void test_pss_key_with_a_default_hash_allows_nothing(void **state)
{
	(void)state;
	for (uint32_t scheme = PSS_SHA256; scheme <= PSS_SHA512; scheme++) {
		assert_false(allows(&(struct parameters){ ABSENT, ABSENT, ABSENT, ABSENT, false }, scheme));
		assert_false(allows(&(struct parameters){ 1, ABSENT, 32, ABSENT, false }, scheme));
		assert_false(allows(&(struct parameters){ ABSENT, 1, 32, ABSENT, false }, scheme));
	}
}

static void test_pss_key_wants_no_more_salt_than_the_hash_has(void **state)
{
	(void)state;
	assert_true(allows(&(struct parameters){ 1, 1, ABSENT, ABSENT, false }, PSS_SHA256));
	assert_true(allows(&(struct parameters){ 1, 1, 0, ABSENT, false }, PSS_SHA256));
	assert_true(allows(&(struct parameters){ 1, 1, 32, ABSENT, false }, PSS_SHA256));
	assert_false(allows(&(struct parameters){ 1, 1, 33, ABSENT, false }, PSS_SHA256));
	assert_false(allows(&(struct parameters){ 1, 1, 256, ABSENT, false }, PSS_SHA256));
}

static void test_pss_key_knows_one_trailer(void **state)
{
	(void)state;
	assert_true(allows(&(struct parameters){ 1, 1, 32, 1, false }, PSS_SHA256));
	assert_false(allows(&(struct parameters){ 1, 1, 32, 2, false }, PSS_SHA256));
	assert_false(allows(&(struct parameters){ 1, 1, 32, 0, false }, PSS_SHA256));
}

static void test_pss_key_of_another_algorithm_is_not_restricted(void **state)
{
	struct ks_spki spki = { .algorithm = KS_KEY_EC };

	(void)state;
	assert_true(ks_pss_key_allows(&spki, ks_scheme_find(0x0403)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pss_key_allows_the_scheme_of_its_parameters_alone),
		cmocka_unit_test(test_pss_key_wants_hash_and_mask_alike),
		cmocka_unit_test(test_pss_key_with_a_default_hash_allows_nothing),
		cmocka_unit_test(test_pss_key_wants_no_more_salt_than_the_hash_has),
		cmocka_unit_test(test_pss_key_knows_one_trailer),
		cmocka_unit_test(test_pss_key_of_another_algorithm_is_not_restricted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
