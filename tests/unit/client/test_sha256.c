/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against FIPS 180-4's example and OpenSSL's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/sha.h>

#include "client/sha256.h"
#include "lib/base/text.h"

static void test_sha256_of_abc(void **state)
{
	(void)state;
	uint8_t digest[KS_SHA256_SIZE];
	char hex[2 * KS_SHA256_SIZE + 1];

	ks_client_sha256(ks_bytes_text("abc"), digest);
	ks_text_hex(ks_bytes(digest, sizeof(digest)), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Every length around the ends of blocks, where padding goes wrong. */
static void test_sha256_agrees_with_openssl_at_every_length(void **state)
{
	(void)state;
	uint8_t input[2100];
	uint8_t digest[KS_SHA256_SIZE];
	uint8_t expected[SHA256_DIGEST_LENGTH];

	for (size_t i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)(i * 131 + (i >> 8));
	for (size_t size = 0; size <= sizeof(input); size++) {
		ks_client_sha256(ks_bytes(input, size), digest);
		(void)SHA256(input, size, expected);
		assert_memory_equal(digest, expected, sizeof(digest));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256_of_abc),
		cmocka_unit_test(test_sha256_agrees_with_openssl_at_every_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
