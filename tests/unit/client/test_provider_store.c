/* SPDX-License-Identifier: Apache-2.0 */
/* keystay: URIs in a real libcrypto: which objects they give, in which order, to whom, and what they cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/x509.h>

#include "tests/unit/client/provider_rig.h"
#include "tests/unit/client/software_token.h"

static struct software_token token;
static struct provider_rig rig;

static int start(void **state)
{
	(void)state;
	software_token_start(&token);
	provider_rig_start(&rig);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	provider_rig_stop(&rig);
	software_token_stop(&token);
	return 0;
}

static OSSL_STORE_CTX *open_store(const char *uri, int expected)
{
	ERR_clear_error();
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, rig.libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	assert_non_null(store);
	if (expected != 0)
		assert_int_equal(OSSL_STORE_expect(store, expected), 1);
	assert_false(OSSL_STORE_eof(store));
	return store;
}

static void close_store(OSSL_STORE_CTX *store)
{
	assert_int_equal(OSSL_STORE_close(store), 1);
	assert_int_equal(ERR_peek_error(), 0);
}

static void must_give_key(OSSL_STORE_CTX *store, const struct software_key *key)
{
	OSSL_STORE_INFO *info = OSSL_STORE_load(store);
	assert_non_null(info);
	assert_int_equal(OSSL_STORE_INFO_get_type(info), OSSL_STORE_INFO_PKEY);
	assert_int_equal(EVP_PKEY_eq(OSSL_STORE_INFO_get0_PKEY(info), key->pkey), 1);
	OSSL_STORE_INFO_free(info);
}

static void must_give_certificate(OSSL_STORE_CTX *store, const struct software_key *key)
{
	OSSL_STORE_INFO *info = OSSL_STORE_load(store);
	assert_non_null(info);
	assert_int_equal(OSSL_STORE_INFO_get_type(info), OSSL_STORE_INFO_CERT);
	assert_int_equal(X509_cmp(OSSL_STORE_INFO_get0_CERT(info), key->certificate), 0);
	OSSL_STORE_INFO_free(info);
}

static void must_have_ended(OSSL_STORE_CTX *store)
{
	assert_true(OSSL_STORE_eof(store));
	assert_null(OSSL_STORE_load(store));
	ERR_clear_error();
}

static void test_store_gives_key_leaf_and_chain_for_one_question(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		const struct software_key *key = &token.keys[i];
		unsigned before = atomic_load(&token.n_gets);
		char uri[64];
		(void)snprintf(uri, sizeof(uri), "keystay:%s", key->name);
		OSSL_STORE_CTX *store = open_store(uri, 0);
		must_give_key(store, key);
		must_give_certificate(store, key);
		assert_false(OSSL_STORE_eof(store));
		must_give_certificate(store, &token.keys[SOFTWARE_RSA]);
		must_have_ended(store);
		close_store(store);
		assert_int_equal(atomic_load(&token.n_gets), before + 1);
	}
}

static void test_store_gives_certificates_alone_to_who_expects_them(void **state)
{
	(void)state;
	OSSL_STORE_CTX *store = open_store("keystay:p256", OSSL_STORE_INFO_CERT);
	must_give_certificate(store, &token.keys[SOFTWARE_P256]);
	must_give_certificate(store, &token.keys[SOFTWARE_RSA]);
	must_have_ended(store);
	close_store(store);
}

static void test_store_gives_one_key_alone_to_who_expects_it(void **state)
{
	(void)state;
	OSSL_STORE_CTX *store = open_store("keystay:p256", OSSL_STORE_INFO_PKEY);
	must_give_key(store, &token.keys[SOFTWARE_P256]);
	must_have_ended(store);
	close_store(store);

	store = open_store("keystay:p256", OSSL_STORE_INFO_PUBKEY);
	OSSL_STORE_INFO *info = OSSL_STORE_load(store);
	assert_non_null(info);
	assert_int_equal(OSSL_STORE_INFO_get_type(info), OSSL_STORE_INFO_PUBKEY);
	OSSL_STORE_INFO_free(info);
	must_have_ended(store);
	close_store(store);
}

static void test_store_may_be_closed_at_any_point(void **state)
{
	(void)state;
	close_store(open_store("keystay:p256", 0));
	OSSL_STORE_CTX *store = open_store("keystay:p256", 0);
	must_give_key(store, &token.keys[SOFTWARE_P256]);
	must_give_certificate(store, &token.keys[SOFTWARE_P256]);
	close_store(store);
}

static void test_store_says_that_a_key_has_no_certificate(void **state)
{
	(void)state;
	char errors[4096];

	token.has_no_certificates = true;
	OSSL_STORE_CTX *store = open_store("keystay:p256", 0);
	must_give_key(store, &token.keys[SOFTWARE_P256]);
	assert_true(OSSL_STORE_eof(store));
	close_store(store);

	store = open_store("keystay:p256", OSSL_STORE_INFO_CERT);
	assert_null(OSSL_STORE_load(store));
	assert_true(OSSL_STORE_eof(store));
	provider_rig_errors(errors, sizeof(errors));
	assert_non_null(strstr(errors, "key \"p256\" has no certificate yet; see: keystay show p256"));
	close_store(store);
	token.has_no_certificates = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store_gives_key_leaf_and_chain_for_one_question),
		cmocka_unit_test(test_store_gives_certificates_alone_to_who_expects_them),
		cmocka_unit_test(test_store_gives_one_key_alone_to_who_expects_it),
		cmocka_unit_test(test_store_may_be_closed_at_any_point),
		cmocka_unit_test(test_store_says_that_a_key_has_no_certificate),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
