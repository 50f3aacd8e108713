/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/protocol/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"

#define MAGIC "keystay key 1"

static uint8_t point[65] = { 0x04, 1, 2, 3 };
static struct ks_buffer key; /* a P-256 key */

static int make_key(void **state)
{
	(void)state;
	return ks_spki_put_ec(&key, KS_CURVE_P256, ks_bytes(point, sizeof(point)));
}

static int free_key(void **state)
{
	(void)state;
	ks_buffer_deinit(&key);
	return 0;
}

/* A reference of these parts, whatever they are; behind comes inside the sequence. */
static int read_parts(const char *magic, struct ks_bytes name, struct ks_bytes spki, const char *behind)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_reference reference;
	ks_der_put(&parts, KS_DER_UTF8_STRING, ks_bytes_text(magic));
	ks_der_put(&parts, KS_DER_UTF8_STRING, name);
	ks_buffer_put(&parts, spki);
	ks_buffer_put(&parts, ks_bytes_text(behind));
	ks_der_put(&der, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	assert_int_equal(ks_buffer_error(&der), 0);
	return ks_reference_read(ks_buffer_bytes(&der), &reference);
}

static void test_reference_written_is_reference_read(void **state)
{
	(void)state;
	static const char *const names[] = { "", "alice", "M\xc3\xbcller (9a)" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
		struct ks_reference reference;
		assert_int_equal(ks_reference_put(&der, ks_bytes_text(names[i]), ks_buffer_bytes(&key)), 0);
		assert_int_equal(ks_reference_read(ks_buffer_bytes(&der), &reference), 0);
		assert_true(ks_bytes_equal(reference.name, ks_bytes_text(names[i])));
		assert_int_equal(reference.spki.curve, KS_CURVE_P256);
		assert_true(ks_bytes_equal(reference.spki.der, ks_buffer_bytes(&key)));
		assert_true(ks_bytes_equal(reference.spki.point, ks_bytes(point, sizeof(point))));
	}
}

static void test_reference_is_the_der_of_its_definition(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	static const uint8_t start[] = "\x30\x71\x0c\x0d" MAGIC "\x0c\x05"
				       "alice"
				       "\x30\x59";
	assert_int_equal(ks_reference_put(&der, ks_bytes_text("alice"), ks_buffer_bytes(&key)), 0);
	assert_true(der.size > sizeof(start));
	assert_memory_equal(der.data, start, sizeof(start) - 1);
}

static void test_reference_wants_its_magic(void **state)
{
	(void)state;
	struct ks_bytes name = ks_bytes_text("alice");
	assert_int_equal(read_parts(MAGIC, name, ks_buffer_bytes(&key), ""), 0);
	assert_int_equal(read_parts("keystay key 2", name, ks_buffer_bytes(&key), ""), KS_ERR_REFERENCE);
	assert_int_equal(read_parts("keystay key 1 ", name, ks_buffer_bytes(&key), ""), KS_ERR_REFERENCE);
	assert_int_equal(read_parts("", name, ks_buffer_bytes(&key), ""), KS_ERR_REFERENCE);
}

static void test_reference_name_is_short_text(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	char name[257];
	memset(name, 'a', sizeof(name));
	assert_int_equal(read_parts(MAGIC, ks_bytes(name, 256), ks_buffer_bytes(&key), ""), 0);
	assert_int_equal(read_parts(MAGIC, ks_bytes(name, 257), ks_buffer_bytes(&key), ""), KS_ERR_REFERENCE);
	assert_int_equal(read_parts(MAGIC, ks_bytes_text("\x1b[2J"), ks_buffer_bytes(&key), ""), KS_ERR_REFERENCE);
	assert_int_equal(read_parts(MAGIC, ks_bytes_text("\xff"), ks_buffer_bytes(&key), ""), KS_ERR_REFERENCE);
	assert_int_equal(ks_reference_put(&der, ks_bytes(name, 256), ks_buffer_bytes(&key)), 0);
	size_t size = der.size;
	assert_int_equal(ks_reference_put(&der, ks_bytes(name, 257), ks_buffer_bytes(&key)), KS_ERR_INVALID);
	assert_int_equal(ks_reference_put(&der, ks_bytes_text("\n"), ks_buffer_bytes(&key)), KS_ERR_INVALID);
	assert_int_equal(der.size, size);
}

static void test_reference_tells_unknown_keys_from_broken_ones(void **state)
{
	(void)state;
	struct ks_bytes name = ks_bytes_text("alice");
	/* SubjectPublicKeyInfo with OID 1.3.101.113 (Ed448) */
	static const uint8_t unknown[] = "\x30\x0b\x30\x05\x06\x03\x2b\x65\x71\x03\x02\x00\x01";
	struct ks_bytes ed448 = ks_bytes(unknown, sizeof(unknown) - 1);
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	assert_int_equal(read_parts(MAGIC, name, ed448, ""), KS_ERR_UNSUPPORTED);
	assert_int_equal(read_parts(MAGIC, name, ks_bytes("\x30\x00", 2), ""), KS_ERR_REFERENCE);
	assert_int_equal(read_parts(MAGIC, name, KS_BYTES_NONE, ""), KS_ERR_REFERENCE);
	assert_int_equal(ks_reference_put(&der, name, ed448), KS_ERR_UNSUPPORTED);
	assert_int_equal(ks_reference_put(&der, name, ks_bytes("\x30\x00", 2)), KS_ERR_MALFORMED);
	assert_int_equal(der.size, 0);
}

static void test_reference_refuses_every_cut_and_every_byte_behind(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_reference reference;
	assert_int_equal(ks_reference_put(&der, ks_bytes_text("alice"), ks_buffer_bytes(&key)), 0);
	for (size_t size = 0; size < der.size; size++)
		assert_int_equal(ks_reference_read(ks_bytes(der.data, size), &reference), KS_ERR_REFERENCE);
	ks_buffer_put_u8(&der, 0);
	assert_int_equal(ks_reference_read(ks_buffer_bytes(&der), &reference), KS_ERR_REFERENCE);
	assert_int_equal(read_parts(MAGIC, ks_bytes_text("alice"), ks_buffer_bytes(&key), "\x05"), KS_ERR_REFERENCE);
}

static void test_reference_above_its_limit_is_refused_unread(void **state)
{
	(void)state;
	static uint8_t large[KS_REFERENCE_MAX];
	assert_int_equal(read_parts(MAGIC, ks_bytes(large, sizeof(large)), ks_buffer_bytes(&key), ""),
			 KS_ERR_REFERENCE);
}

static void test_reference_of_a_foreign_provider_is_refused(void **state)
{
	(void)state;
	/* The body of "PKCS#11 PROVIDER URI": SEQUENCE { VisibleString, UTF8String }. */
	static const uint8_t foreign[] = "\x30\x24\x1a\x1a"
					 "PKCS#11 Provider URI v1.0 \x0c\x06"
					 "pkcs11";
	struct ks_reference reference;
	assert_int_equal(ks_reference_read(ks_bytes(foreign, sizeof(foreign) - 1), &reference), KS_ERR_REFERENCE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_written_is_reference_read),
		cmocka_unit_test(test_reference_is_the_der_of_its_definition),
		cmocka_unit_test(test_reference_wants_its_magic),
		cmocka_unit_test(test_reference_name_is_short_text),
		cmocka_unit_test(test_reference_tells_unknown_keys_from_broken_ones),
		cmocka_unit_test(test_reference_refuses_every_cut_and_every_byte_behind),
		cmocka_unit_test(test_reference_above_its_limit_is_refused_unread),
		cmocka_unit_test(test_reference_of_a_foreign_provider_is_refused),
	};
	return cmocka_run_group_tests(tests, make_key, free_key);
}
