/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Good keys come from OpenSSL, which also says what is in them; bad ones are built by hand, one fault each.
 */
#include "lib/protocol/spki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "lib/protocol/limits.h"

/* --- keys of OpenSSL --------------------------------------------------------------------------------------------- */

static EVP_PKEY *rsa, *rsa_pss, *p256, *p384, *p521, *ed25519;

static EVP_PKEY *make_rsa_pss(void)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	assert_non_null(context);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048), 1);
	/* Restricted, so that the parameters are there: SHA-384, MGF1 with it, salt of 48. */
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_md(context, EVP_sha384()), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context, EVP_sha384()), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, 48), 1);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static int make_keys(void **state)
{
	(void)state;
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	rsa_pss = make_rsa_pss();
	p256 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	p384 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	p521 = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521");
	ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	return rsa && rsa_pss && p256 && p384 && p521 && ed25519 ? 0 : -1;
}

static int free_keys(void **state)
{
	(void)state;
	EVP_PKEY *keys[] = { rsa, rsa_pss, p256, p384, p521, ed25519 };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

/* The DER form in buffer; what is returned borrows from it. */
static struct ks_bytes spki_of(EVP_PKEY *key, struct ks_buffer *buffer)
{
	uint8_t *der = NULL;
	int size = i2d_PUBKEY(key, &der);
	assert_true(size > 0);
	ks_buffer_reset(buffer);
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	assert_int_equal(ks_buffer_error(buffer), 0);
	return ks_buffer_bytes(buffer);
}

static void assert_number(EVP_PKEY *key, const char *name, struct ks_bytes seen)
{
	BIGNUM *number = NULL;
	uint8_t bytes[1024];
	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &number), 1);
	int size = BN_bn2bin(number, bytes);
	BN_free(number);
	assert_true(ks_bytes_equal(seen, ks_bytes(bytes, (size_t)size)));
}

static void assert_rsa(EVP_PKEY *key, enum ks_key_algorithm algorithm, const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	struct ks_spki spki;
	char type[32];
	struct ks_bytes der = spki_of(key, &buffer);
	assert_int_equal(ks_spki_read(der, &spki), 0);
	assert_int_equal(spki.algorithm, algorithm);
	assert_int_equal(spki.curve, KS_CURVE_NONE);
	assert_int_equal(spki.bits, 2048);
	assert_true(ks_bytes_equal(spki.der, der));
	assert_number(key, OSSL_PKEY_PARAM_RSA_N, spki.modulus);
	assert_number(key, OSSL_PKEY_PARAM_RSA_E, spki.exponent);
	assert_int_equal(spki.point.size, 0);
	ks_spki_type_name(&spki, type, sizeof(type));
	assert_string_equal(type, name);
}

static void test_spki_reads_rsa_keys(void **state)
{
	(void)state;
	assert_rsa(rsa, KS_KEY_RSA, "RSA-2048");
}

static void test_spki_reads_rsassa_pss_keys_with_parameters(void **state)
{
	(void)state;
	assert_rsa(rsa_pss, KS_KEY_RSA_PSS, "RSA-PSS-2048");
}

static void assert_point(EVP_PKEY *key, enum ks_key_algorithm algorithm, enum ks_curve curve, unsigned bits,
			 const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer written = { 0 };
	struct ks_spki spki;
	uint8_t point[200];
	char type[32];
	size_t size = 0;
	struct ks_bytes der = spki_of(key, &buffer);
	assert_int_equal(ks_spki_read(der, &spki), 0);
	assert_int_equal(spki.algorithm, algorithm);
	assert_int_equal(spki.curve, curve);
	assert_int_equal(spki.bits, bits);
	assert_int_equal(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size), 1);
	assert_true(ks_bytes_equal(spki.point, ks_bytes(point, size)));
	assert_int_equal(spki.modulus.size + spki.exponent.size, 0);
	ks_spki_type_name(&spki, type, sizeof(type));
	assert_string_equal(type, name);

	if (algorithm == KS_KEY_EC)
		assert_int_equal(ks_spki_put_ec(&written, curve, spki.point), 0);
	else
		assert_int_equal(ks_spki_put_ed25519(&written, spki.point), 0);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&written), der));
}

static void test_spki_reads_and_writes_ec_keys(void **state)
{
	(void)state;
	assert_point(p256, KS_KEY_EC, KS_CURVE_P256, 256, "P-256");
	assert_point(p384, KS_KEY_EC, KS_CURVE_P384, 384, "P-384");
	assert_point(p521, KS_KEY_EC, KS_CURVE_P521, 521, "P-521");
}

static void test_spki_reads_and_writes_ed25519_keys(void **state)
{
	(void)state;
	assert_point(ed25519, KS_KEY_ED25519, KS_CURVE_NONE, 256, "Ed25519");
}

static void test_spki_writes_rsa_keys_as_openssl_does(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer written = { 0 };
	struct ks_spki spki;
	uint8_t padded[300] = { 0 };
	struct ks_bytes der = spki_of(rsa, &buffer);
	assert_int_equal(ks_spki_read(der, &spki), 0);
	/* As a token may give them: CKA_MODULUS with leading zeros. */
	memcpy(padded + sizeof(padded) - spki.modulus.size, spki.modulus.data, spki.modulus.size);
	assert_int_equal(ks_spki_put_rsa(&written, ks_bytes(padded, sizeof(padded)), spki.exponent), 0);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&written), der));
}

static void test_spki_refuses_every_cut_and_every_byte_behind(void **state)
{
	(void)state;
	EVP_PKEY *keys[] = { rsa, rsa_pss, p256, p384, p521, ed25519 };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
		struct ks_spki spki;
		struct ks_bytes der = spki_of(keys[i], &buffer);
		for (size_t size = 0; size < der.size; size++)
			assert_int_equal(ks_spki_read(ks_bytes(der.data, size), &spki), KS_ERR_MALFORMED);
		ks_buffer_put_u8(&buffer, 0);
		assert_int_equal(ks_spki_read(ks_buffer_bytes(&buffer), &spki), KS_ERR_MALFORMED);
	}
}

static void test_spki_knows_other_keys_as_unsupported(void **state)
{
	(void)state;
	static const struct {
		const char *type, *group;
	} others[] = { { "EC", "secp256k1" },
		       { "EC", "P-224" },
		       { "EC", "brainpoolP256r1" },
		       { "ED448", NULL },
		       { "X25519", NULL } };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
		struct ks_spki spki;
		EVP_PKEY *key = others[i].group ? EVP_PKEY_Q_keygen(NULL, NULL, others[i].type, others[i].group) :
						  EVP_PKEY_Q_keygen(NULL, NULL, others[i].type);
		assert_non_null(key);
		assert_int_equal(ks_spki_read(spki_of(key, &buffer), &spki), KS_ERR_UNSUPPORTED);
		EVP_PKEY_free(key);
	}
}

/* --- keys by hand ------------------------------------------------------------------------------------------------ */

#define OID_RSA "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_PSS "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_EC "\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_P256 "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_ED25519 "\x06\x03\x2b\x65\x70"
#define TEXT_BYTES(literal) ks_bytes(literal, sizeof(literal) - 1)

static int read_parts(struct ks_bytes algorithm, uint8_t unused_bits, struct ks_bytes key)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bits = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer inner = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer outer = { 0 };
	struct ks_spki spki;
	ks_buffer_put_u8(&bits, unused_bits);
	ks_buffer_put(&bits, key);
	ks_der_put(&inner, KS_DER_SEQUENCE, algorithm);
	ks_der_put(&inner, KS_DER_BIT_STRING, ks_buffer_bytes(&bits));
	ks_der_put(&outer, KS_DER_SEQUENCE, ks_buffer_bytes(&inner));
	assert_int_equal(ks_buffer_error(&outer), 0);
	return ks_spki_read(ks_buffer_bytes(&outer), &spki);
}

/* A key of OID and parameters with a modulus of that many bits, whose last byte is low, and an exponent. */
static int read_rsa_of(struct ks_bytes algorithm, unsigned bits, uint8_t low, struct ks_bytes exponent)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer numbers = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer key = { 0 };
	uint8_t modulus[2048] = { 0 };
	size_t size = (bits + 7) / 8;
	modulus[0] = (uint8_t)(1u << ((bits - 1) % 8));
	modulus[size - 1] |= low;
	ks_der_put_unsigned(&numbers, ks_bytes(modulus, size));
	ks_der_put_unsigned(&numbers, exponent);
	ks_der_put(&key, KS_DER_SEQUENCE, ks_buffer_bytes(&numbers));
	assert_int_equal(ks_buffer_error(&key), 0);
	return read_parts(algorithm, 0, ks_buffer_bytes(&key));
}

#define ALGORITHM_RSA TEXT_BYTES(OID_RSA "\x05\x00")
#define EXPONENT_F4 TEXT_BYTES("\x01\x00\x01")

static void test_spki_bounds_rsa_moduli(void **state)
{
	(void)state;
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, EXPONENT_F4), 0);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2049, 1, EXPONENT_F4), 0);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 8192, 1, EXPONENT_F4), 0);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2047, 1, EXPONENT_F4), KS_ERR_UNSUPPORTED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 1024, 1, EXPONENT_F4), KS_ERR_UNSUPPORTED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 8193, 1, EXPONENT_F4), KS_ERR_UNSUPPORTED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 0, EXPONENT_F4), KS_ERR_MALFORMED);
}

static void test_spki_bounds_rsa_exponents(void **state)
{
	(void)state;
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, TEXT_BYTES("\x03")), 0);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, TEXT_BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")), 0);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, TEXT_BYTES("\x01\0\0\0\0\0\0\0\x01")), KS_ERR_UNSUPPORTED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, TEXT_BYTES("\x01")), KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, TEXT_BYTES("\x02")), KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, TEXT_BYTES("\x01\x00\x00")), KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(ALGORITHM_RSA, 2048, 1, KS_BYTES_NONE), KS_ERR_MALFORMED);
}

static void test_spki_wants_null_parameters_of_rsa(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		struct ks_bytes algorithm;
	} bad[] = {
		{ "absent", { (const uint8_t *)OID_RSA, sizeof(OID_RSA) - 1 } },
		{ "null with contents", { (const uint8_t *)OID_RSA "\x05\x01\x00", sizeof(OID_RSA) + 2 } },
		{ "null twice", { (const uint8_t *)OID_RSA "\x05\x00\x05\x00", sizeof(OID_RSA) + 3 } },
		{ "sequence", { (const uint8_t *)OID_RSA "\x30\x00", sizeof(OID_RSA) + 1 } },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int r = read_rsa_of(bad[i].algorithm, 2048, 1, EXPONENT_F4);
		if (r != KS_ERR_MALFORMED)
			fail_msg("%s: %d", bad[i].name, r);
	}
}

static void test_spki_wants_two_numbers_in_an_rsa_key_and_nothing_else(void **state)
{
	(void)state;
	/* SEQUENCE of: nothing, one number, three, a negative one; and bytes behind it */
	assert_int_equal(read_parts(ALGORITHM_RSA, 0, TEXT_BYTES("\x30\x00")), KS_ERR_MALFORMED);
	assert_int_equal(read_parts(ALGORITHM_RSA, 0, TEXT_BYTES("\x30\x03\x02\x01\x03")), KS_ERR_MALFORMED);
	assert_int_equal(read_parts(ALGORITHM_RSA, 0, TEXT_BYTES("\x30\x09\x02\x01\x03\x02\x01\x03\x02\x01\x03")),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_parts(ALGORITHM_RSA, 0, TEXT_BYTES("\x30\x06\x02\x01\x83\x02\x01\x03")),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_parts(ALGORITHM_RSA, 0, TEXT_BYTES("\x30\x06\x02\x01\x03\x02\x01\x03\x00")),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_parts(ALGORITHM_RSA, 0, TEXT_BYTES("\x30\x06\x02\x01\x03\x02\x01\x03")),
			 KS_ERR_UNSUPPORTED); /* well-formed, two bits */
}

static void test_spki_pss_parameters_are_absent_or_well_formed(void **state)
{
	(void)state;
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS), 2048, 1, EXPONENT_F4), 0);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x00"), 2048, 1, EXPONENT_F4), 0);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x05\xa2\x03\x02\x01\x20"), 2048, 1, EXPONENT_F4), 0);
	/* NULL, an element twice, out of order, [4], without contents, with two, bytes behind */
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x05\x00"), 2048, 1, EXPONENT_F4), KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x0a\xa2\x03\x02\x01\x20\xa2\x03\x02\x01\x20"), 2048, 1,
				     EXPONENT_F4),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x0a\xa3\x03\x02\x01\x01\xa2\x03\x02\x01\x20"), 2048, 1,
				     EXPONENT_F4),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x05\xa4\x03\x02\x01\x20"), 2048, 1, EXPONENT_F4),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x02\xa2\x00"), 2048, 1, EXPONENT_F4), KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x06\xa2\x04\x05\x00\x05\x00"), 2048, 1, EXPONENT_F4),
			 KS_ERR_MALFORMED);
	assert_int_equal(read_rsa_of(TEXT_BYTES(OID_PSS "\x30\x00\x05\x00"), 2048, 1, EXPONENT_F4), KS_ERR_MALFORMED);
}

static int read_p256_point(uint8_t form, size_t size)
{
	uint8_t point[200] = { form };
	return read_parts(TEXT_BYTES(OID_EC OID_P256), 0, ks_bytes(point, size));
}

static void test_spki_wants_uncompressed_points_of_the_curves_length(void **state)
{
	(void)state;
	assert_int_equal(read_p256_point(0x04, 65), 0);
	assert_int_equal(read_p256_point(0x04, 64), KS_ERR_MALFORMED);
	assert_int_equal(read_p256_point(0x04, 66), KS_ERR_MALFORMED);
	assert_int_equal(read_p256_point(0x04, 97), KS_ERR_MALFORMED);
	assert_int_equal(read_p256_point(0x00, 65), KS_ERR_MALFORMED);
	assert_int_equal(read_p256_point(0x06, 65), KS_ERR_MALFORMED); /* hybrid */
	assert_int_equal(read_p256_point(0x00, 1), KS_ERR_MALFORMED);  /* infinity */
	assert_int_equal(read_p256_point(0x00, 0), KS_ERR_MALFORMED);
	assert_int_equal(read_p256_point(0x02, 33), KS_ERR_UNSUPPORTED);
	assert_int_equal(read_p256_point(0x03, 33), KS_ERR_UNSUPPORTED);
}

static void test_spki_wants_a_named_curve(void **state)
{
	(void)state;
	uint8_t point[65] = { 0x04 };
	struct ks_bytes key = ks_bytes(point, sizeof(point));
	assert_int_equal(read_parts(TEXT_BYTES(OID_EC), 0, key), KS_ERR_MALFORMED);
	assert_int_equal(read_parts(TEXT_BYTES(OID_EC "\x05\x00"), 0, key), KS_ERR_UNSUPPORTED); /* implicitCurve */
	assert_int_equal(read_parts(TEXT_BYTES(OID_EC "\x30\x00"), 0, key), KS_ERR_UNSUPPORTED); /* specifiedCurve */
	assert_int_equal(read_parts(TEXT_BYTES(OID_EC OID_P256 "\x05\x00"), 0, key), KS_ERR_MALFORMED);
}

static void test_spki_refuses_what_is_wrong_around_the_key(void **state)
{
	(void)state;
	uint8_t point[65] = { 0x04 };
	struct ks_bytes key = ks_bytes(point, sizeof(point));
	assert_int_equal(read_parts(TEXT_BYTES(OID_EC OID_P256), 1, key), KS_ERR_MALFORMED); /* unused bits */
	assert_int_equal(read_parts(TEXT_BYTES("\x0c\x00"), 0, key), KS_ERR_MALFORMED);      /* no OID */
	assert_int_equal(read_parts(KS_BYTES_NONE, 0, key), KS_ERR_MALFORMED);
	assert_int_equal(read_parts(TEXT_BYTES(OID_ED25519), 0, ks_bytes(point, 32)), 0);
	assert_int_equal(read_parts(TEXT_BYTES(OID_ED25519), 0, ks_bytes(point, 31)), KS_ERR_MALFORMED);
	assert_int_equal(read_parts(TEXT_BYTES(OID_ED25519), 0, ks_bytes(point, 33)), KS_ERR_MALFORMED);
	assert_int_equal(read_parts(TEXT_BYTES(OID_ED25519 "\x05\x00"), 0, ks_bytes(point, 32)), KS_ERR_MALFORMED);
}

static void test_spki_larger_than_the_wire_carries_is_refused(void **state)
{
	(void)state;
	/* Well-formed, but its PSS parameters are blown up. */
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer field = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer fields = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer algorithm = { 0 };
	uint8_t filling[KS_SPKI_MAX] = { 0 };
	ks_der_put(&field, KS_DER_OCTET_STRING, ks_bytes(filling, sizeof(filling)));
	ks_der_put(&fields, KS_DER_CONTEXT_0, ks_buffer_bytes(&field));
	ks_buffer_put(&algorithm, TEXT_BYTES(OID_PSS));
	ks_der_put(&algorithm, KS_DER_SEQUENCE, ks_buffer_bytes(&fields));
	assert_int_equal(read_rsa_of(ks_buffer_bytes(&algorithm), 2048, 1, EXPONENT_F4), KS_ERR_MALFORMED);
}

static void test_spki_is_written_only_as_it_would_be_read(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	uint8_t zeros[65] = { 0 };
	uint8_t modulus[256] = { [0] = 0x80 };
	assert_int_equal(ks_spki_put_ec(&out, KS_CURVE_P256, ks_bytes(zeros, 65)), KS_ERR_MALFORMED);
	assert_int_equal(ks_spki_put_ec(&out, KS_CURVE_NONE, ks_bytes(zeros, 65)), KS_ERR_MALFORMED);
	assert_int_equal(ks_spki_put_ed25519(&out, ks_bytes(zeros, 31)), KS_ERR_MALFORMED);
	assert_int_equal(ks_spki_put_rsa(&out, ks_bytes(modulus, 128), EXPONENT_F4), KS_ERR_UNSUPPORTED);
	assert_int_equal(ks_spki_put_rsa(&out, ks_bytes(modulus, 256), EXPONENT_F4), KS_ERR_MALFORMED);
	assert_int_equal(ks_spki_put_rsa(&out, KS_BYTES_NONE, KS_BYTES_NONE), KS_ERR_UNSUPPORTED);
	assert_int_equal(out.size, 0);
	assert_int_equal(ks_buffer_error(&out), 0);
}

/* --- comparing --------------------------------------------------------------------------------------------------- */

static void test_spki_same_key_is_blind_to_rsa_or_rsassa_pss(void **state)
{
	(void)state;
	struct ks_spki a = { .algorithm = KS_KEY_RSA, .modulus = ks_bytes("abc", 3), .exponent = ks_bytes("\x03", 1) };
	struct ks_spki b = a;
	assert_true(ks_spki_same_key(&a, &b));
	b.algorithm = KS_KEY_RSA_PSS;
	assert_true(ks_spki_same_key(&a, &b));
	b.modulus = ks_bytes("abd", 3);
	assert_false(ks_spki_same_key(&a, &b));
	b = a;
	b.exponent = ks_bytes("\x05", 1);
	assert_false(ks_spki_same_key(&a, &b));
}

static void test_spki_same_key_wants_kind_curve_and_point(void **state)
{
	(void)state;
	struct ks_spki a = { .algorithm = KS_KEY_EC, .curve = KS_CURVE_P256, .point = ks_bytes("\x04xy", 3) };
	struct ks_spki b = a;
	assert_true(ks_spki_same_key(&a, &b));
	b.curve = KS_CURVE_P384;
	assert_false(ks_spki_same_key(&a, &b));
	b = a;
	b.point = ks_bytes("\x04xz", 3);
	assert_false(ks_spki_same_key(&a, &b));
	b = a;
	b.algorithm = KS_KEY_ED25519;
	assert_false(ks_spki_same_key(&a, &b));
	/* Neither has a modulus, and that is no likeness. */
	b = (struct ks_spki){ .algorithm = KS_KEY_RSA };
	assert_false(ks_spki_same_key(&a, &b));
}

static void test_curve_comes_from_named_curve_parameters_only(void **state)
{
	(void)state;
	assert_int_equal(ks_curve_from_parameters(TEXT_BYTES(OID_P256)), KS_CURVE_P256);
	assert_int_equal(ks_curve_from_parameters(TEXT_BYTES("\x06\x05\x2b\x81\x04\x00\x22")), KS_CURVE_P384);
	assert_int_equal(ks_curve_from_parameters(TEXT_BYTES("\x06\x05\x2b\x81\x04\x00\x23")), KS_CURVE_P521);
	assert_int_equal(ks_curve_from_parameters(TEXT_BYTES("\x06\x05\x2b\x81\x04\x00\x0a")), KS_CURVE_NONE);
	assert_int_equal(ks_curve_from_parameters(TEXT_BYTES(OID_P256 "\x00")), KS_CURVE_NONE);
	assert_int_equal(ks_curve_from_parameters(TEXT_BYTES("\x13\x05P-256")), KS_CURVE_NONE);
	assert_int_equal(ks_curve_from_parameters(KS_BYTES_NONE), KS_CURVE_NONE);
	assert_int_equal(ks_curve_size(KS_CURVE_P256), 32);
	assert_int_equal(ks_curve_size(KS_CURVE_P384), 48);
	assert_int_equal(ks_curve_size(KS_CURVE_P521), 66);
	assert_int_equal(ks_curve_size(KS_CURVE_NONE), 0);
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

/* A self-signed certificate in buffer. version is that of X509_set_version(). */
static struct ks_bytes make_certificate(EVP_PKEY *key, const EVP_MD *hash, long version, struct ks_buffer *buffer)
{
	uint8_t *der = NULL;
	X509 *certificate = X509_new();
	assert_non_null(certificate);
	assert_int_equal(X509_set_version(certificate, version), 1);
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711), 1);
	X509_NAME *name = X509_get_subject_name(certificate);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"alice", -1, -1, 0), 1);
	assert_int_equal(X509_set_issuer_name(certificate, name), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600));
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, hash) > 0);
	int size = i2d_X509(certificate, &der);
	assert_true(size > 0);
	ks_buffer_reset(buffer);
	ks_buffer_put(buffer, ks_bytes(der, (size_t)size));
	OPENSSL_free(der);
	X509_free(certificate);
	return ks_buffer_bytes(buffer);
}

static void test_spki_is_found_in_certificates(void **state)
{
	(void)state;
	EVP_PKEY *keys[] = { rsa, rsa_pss, p256, p384, p521, ed25519 };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		for (long version = 0; version <= 2; version += 2) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer certificate = { 0 };
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer expected = { 0 };
			struct ks_bytes seen = KS_BYTES_NONE;
			const EVP_MD *hash = keys[i] == ed25519 ? NULL : EVP_sha384();
			struct ks_bytes der = make_certificate(keys[i], hash, version, &certificate);
			assert_int_equal(ks_spki_of_certificate(der, &seen), 0);
			assert_true(ks_bytes_equal(seen, spki_of(keys[i], &expected)));
		}
	}
}

static void test_spki_is_not_found_in_anything_else(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	struct ks_bytes seen = ks_bytes("left alone", 10);
	struct ks_bytes der = make_certificate(p256, EVP_sha256(), 2, &buffer);
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(ks_spki_of_certificate(ks_bytes(der.data, size), &seen), KS_ERR_MALFORMED);
	ks_buffer_put_u8(&buffer, 0);
	assert_int_equal(ks_spki_of_certificate(ks_buffer_bytes(&buffer), &seen), KS_ERR_MALFORMED);
	assert_int_equal(ks_spki_of_certificate(spki_of(p256, &buffer), &seen), KS_ERR_MALFORMED);
	/* SET where the subjectPublicKeyInfo belongs */
	assert_int_equal(
		ks_spki_of_certificate(TEXT_BYTES("\x30\x14\x30\x0d\x02\x01\x01\x30\x00\x30\x00\x30\x00\x30\x00\x31"
						  "\x00\x30\x00\x03\x01\x00"),
				       &seen),
		KS_ERR_MALFORMED);
	assert_int_equal(seen.size, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spki_reads_rsa_keys),
		cmocka_unit_test(test_spki_reads_rsassa_pss_keys_with_parameters),
		cmocka_unit_test(test_spki_reads_and_writes_ec_keys),
		cmocka_unit_test(test_spki_reads_and_writes_ed25519_keys),
		cmocka_unit_test(test_spki_writes_rsa_keys_as_openssl_does),
		cmocka_unit_test(test_spki_refuses_every_cut_and_every_byte_behind),
		cmocka_unit_test(test_spki_knows_other_keys_as_unsupported),
		cmocka_unit_test(test_spki_bounds_rsa_moduli),
		cmocka_unit_test(test_spki_bounds_rsa_exponents),
		cmocka_unit_test(test_spki_wants_null_parameters_of_rsa),
		cmocka_unit_test(test_spki_wants_two_numbers_in_an_rsa_key_and_nothing_else),
		cmocka_unit_test(test_spki_pss_parameters_are_absent_or_well_formed),
		cmocka_unit_test(test_spki_wants_uncompressed_points_of_the_curves_length),
		cmocka_unit_test(test_spki_wants_a_named_curve),
		cmocka_unit_test(test_spki_refuses_what_is_wrong_around_the_key),
		cmocka_unit_test(test_spki_larger_than_the_wire_carries_is_refused),
		cmocka_unit_test(test_spki_is_written_only_as_it_would_be_read),
		cmocka_unit_test(test_spki_same_key_is_blind_to_rsa_or_rsassa_pss),
		cmocka_unit_test(test_spki_same_key_wants_kind_curve_and_point),
		cmocka_unit_test(test_curve_comes_from_named_curve_parameters_only),
		cmocka_unit_test(test_spki_is_found_in_certificates),
		cmocka_unit_test(test_spki_is_not_found_in_anything_else),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
