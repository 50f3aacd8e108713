/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/tls/crypto.h: the configuration of the system is left alone. A program of its own, because OpenSSL reads
 * its configuration once in the life of a process.
 */
#include "lib/tls/crypto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "lib/tls/verify_signature.h"

/* With this, nothing could be fetched any more. */
static const char configuration[] = "openssl_conf = init\n"
				    "[init]\n"
				    "alg_section = algorithms\n"
				    "[algorithms]\n"
				    "default_properties = provider=keystay\n";

static void test_crypto_reads_no_configuration_file(void **state)
{
	uint8_t digest[32];

	(void)state;
	assert_int_equal(ks_sha256(ks_bytes("abc", 3), digest), 0);
	/* the rest of the process too */
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	assert_non_null(md);
	EVP_MD_free(md);
}

static void test_crypto_has_the_default_provider_and_no_other(void **state)
{
	const struct ks_crypto *crypto = ks_crypto_get();

	(void)state;
	assert_non_null(crypto);
	assert_int_equal(OSSL_PROVIDER_available(crypto->context, "default"), 1);
	assert_int_equal(OSSL_PROVIDER_available(crypto->context, "legacy"), 0);
	assert_int_equal(OSSL_PROVIDER_available(crypto->context, "keystay"), 0);
	assert_ptr_equal(crypto, ks_crypto_get());
	assert_null(crypto->hashes[KS_HASH_NONE]);
	assert_string_equal(EVP_MD_get0_name(crypto->hashes[KS_HASH_SHA384]), "SHA2-384");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crypto_reads_no_configuration_file),
		cmocka_unit_test(test_crypto_has_the_default_provider_and_no_other),
	};
	char path[] = "/tmp/keystay-test-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, configuration, strlen(configuration)) < 0 || setenv("OPENSSL_CONF", path, 1) < 0)
		return 1;
	(void)close(fd);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	return failed;
}
