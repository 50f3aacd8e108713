/* SPDX-License-Identifier: Apache-2.0 */
/* Who owns a key: references, and what happens to one that OpenSSL does not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/core_object.h>

#include "client/openssl/key.h"
#include "client/openssl/object.h"
#include "client/openssl/params.h"
#include "lib/base/buffer.h"

static struct ks_key *make_key(void)
{
	static const uint8_t point[32] = { 1 };
	struct ks_buffer spki = { 0 };
	struct ks_key *key = NULL;

	assert_int_equal(ks_spki_put_ed25519(&spki, ks_bytes(point, sizeof(point))), 0);
	assert_int_equal(ks_key_new(ks_buffer_bytes(&spki), ks_bytes_text("alice"), true, &key), 0);
	/* It has copied what it was given. */
	memset(spki.data, 0, spki.size);
	ks_buffer_deinit(&spki);
	return key;
}

static void test_key_keeps_what_it_was_given(void **state)
{
	(void)state;
	struct ks_key *key = make_key();

	assert_string_equal(key->name, "alice");
	assert_string_equal(ks_key_type(key), "ED25519");
	assert_int_equal(key->spki.point.size, 32);
	assert_int_equal(key->spki.point.data[0], 1);
	assert_null(ks_key_group(key));
	ks_key_unref(key);
	ks_key_unref(NULL);
	assert_null(ks_key_ref(NULL));
}

static void test_key_refuses_what_is_no_public_key(void **state)
{
	(void)state;
	struct ks_key *key = NULL;

	assert_int_equal(ks_key_new(ks_bytes_text("0\x03\x02\x01\x01"), KS_BYTES_NONE, true, &key), KS_ERR_MALFORMED);
	assert_null(key);
}

static int take(const OSSL_PARAM params[], void *argument)
{
	struct ks_key **taken = argument;
	const OSSL_PARAM *reference = ks_param_find(params, OSSL_OBJECT_PARAM_REFERENCE);
	const OSSL_PARAM *type = ks_param_find(params, OSSL_OBJECT_PARAM_TYPE);
	char name[16];
	int number = 0;

	assert_true(ks_param_get_int(type, &number));
	assert_int_equal(number, OSSL_OBJECT_PKEY);
	assert_true(ks_param_get_text(ks_param_find(params, OSSL_OBJECT_PARAM_DATA_TYPE), name, sizeof(name)));
	assert_string_equal(name, "ED25519");
	assert_int_equal(reference->data_size, sizeof(*taken));
	memcpy(taken, reference->data, sizeof(*taken));
	memset(reference->data, 0, sizeof(*taken));
	return 1;
}

static int leave(const OSSL_PARAM params[], void *argument)
{
	(void)params;
	(void)argument;
	return 0;
}

static void test_object_that_is_taken_belongs_to_the_taker(void **state)
{
	(void)state;
	struct ks_key *key = make_key();
	struct ks_key *taken = NULL;

	assert_int_equal(ks_object_give(key, take, &taken), 1);
	assert_ptr_equal(taken, key);
	assert_int_equal(atomic_load(&key->references), 1);
	ks_key_unref(taken);
}

static void test_object_that_is_not_taken_is_freed(void **state)
{
	(void)state;
	struct ks_key *key = ks_key_ref(make_key());

	assert_int_equal(atomic_load(&key->references), 2);
	assert_int_equal(ks_object_give(key, leave, NULL), 0);
	assert_int_equal(atomic_load(&key->references), 1);
	ks_key_unref(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_keeps_what_it_was_given),
		cmocka_unit_test(test_key_refuses_what_is_no_public_key),
		cmocka_unit_test(test_object_that_is_taken_belongs_to_the_taker),
		cmocka_unit_test(test_object_that_is_not_taken_is_freed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
