/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay.so is loaded, used and unloaded again and again, in several library contexts at once: nothing is left.
 *
 * Run once as it is and once by valgrind, which counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dirent.h>

#include <openssl/err.h>

#include "tests/unit/client/provider_rig.h"
#include "tests/unit/client/software_token.h"

#define N_TIMES 12

static struct software_token token;

static unsigned count_open_files(void)
{
	unsigned n = 0;
	DIR *folder = opendir("/proc/self/fd");

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

static int start(void **state)
{
	(void)state;
	software_token_start(&token);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	software_token_stop(&token);
	return 0;
}

/* A signature that succeeds, one that is refused, one in the middle of which the context goes. */
static void use(struct provider_rig *rig, enum software_key_kind kind)
{
	uint8_t input[130];
	uint8_t signature[512];
	size_t size = sizeof(signature);
	const char *digest = kind == SOFTWARE_ED25519 ? NULL : "SHA256";
	EVP_PKEY *pkey = provider_rig_read(rig, token.keys[kind].reference);

	assert_non_null(pkey);
	memset(input, ' ', sizeof(input));
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, rig->libctx, NULL, pkey, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &size, input, sizeof(input)), 1);
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, rig->libctx, NULL, pkey, NULL), 1);
	size = sizeof(signature);
	assert_int_not_equal(EVP_DigestSign(ctx, signature, &size, input, 5), 1);
	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, rig->libctx, NULL, pkey, NULL), 1);
	assert_int_equal(EVP_DigestSignUpdate(ctx, input, sizeof(input)), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	ERR_clear_error();
}

static void test_provider_leaves_nothing_behind_when_unloaded(void **state)
{
	(void)state;

	for (unsigned i = 0; i < N_TIMES; i++) {
		struct provider_rig one;
		struct provider_rig other;
		provider_rig_start(&one);
		provider_rig_start(&other);
		use(&one, (enum software_key_kind)(i % SOFTWARE_N_KINDS));
		EVP_PKEY *opened = provider_rig_open(&other, "keystay:p256", 0);
		assert_non_null(opened);
		EVP_PKEY_free(opened);
		assert_null(provider_rig_open(&other, "keystay:nobody", 0));
		assert_null(provider_rig_read(&one, "-----BEGIN KEYSTAY KEY-----\n!\n"));
		ERR_clear_error();
		provider_rig_stop(&one);
		use(&other, (enum software_key_kind)(i % SOFTWARE_N_KINDS));
		provider_rig_stop(&other);
	}
}

/* A key may outlive the program's own hold on the provider: OpenSSL keeps the module loaded meanwhile. */
static void test_provider_key_outlives_the_unloading(void **state)
{
	(void)state;
	struct provider_rig rig;

	provider_rig_start(&rig);
	EVP_PKEY *pkey = provider_rig_read(&rig, token.keys[SOFTWARE_P256].reference);
	assert_non_null(pkey);
	assert_int_equal(OSSL_PROVIDER_unload(rig.keystay), 1);
	assert_int_equal(EVP_PKEY_eq(pkey, token.keys[SOFTWARE_P256].pkey), 1);
	EVP_PKEY_free(pkey);
	assert_int_equal(OSSL_PROVIDER_unload(rig.standard), 1);
	OSSL_LIB_CTX_free(rig.libctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_provider_leaves_nothing_behind_when_unloaded),
		cmocka_unit_test(test_provider_key_outlives_the_unloading),
	};
	unsigned before = count_open_files();
	int n_failed = cmocka_run_group_tests(tests, start, stop);
	/* Here, where the agent's thread has ended and its side of the connections is closed. */
	if (count_open_files() != before) {
		(void)fprintf(stderr, "descriptors were left open\n");
		return 1;
	}
	return n_failed;
}
