/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/cipher_suite12.h against the table of OpenSSL, for every number there is. */
#include "lib/tls/cipher_suite12.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/ssl.h>

static enum ks_key_exchange expected_of(const SSL_CIPHER *cipher)
{
	int authentication = SSL_CIPHER_get_auth_nid(cipher);

	if (authentication != NID_auth_rsa && authentication != NID_auth_ecdsa && authentication != NID_auth_dss)
		return KS_KEY_EXCHANGE_NONE;
	switch (SSL_CIPHER_get_kx_nid(cipher)) {
	case NID_kx_rsa:
		return KS_KEY_EXCHANGE_RSA;
	case NID_kx_dhe:
		return KS_KEY_EXCHANGE_DHE;
	case NID_kx_ecdhe:
		return KS_KEY_EXCHANGE_ECDHE;
	default:
		return KS_KEY_EXCHANGE_NONE; /* TLS 1.3, PSK, SRP */
	}
}

static void test_cipher_suite12_agrees_with_openssl(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int n = 0;

	(void)state;
	assert_int_equal(SSL_CTX_set_cipher_list(context, "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), 1);
	STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
		uint16_t suite = SSL_CIPHER_get_protocol_id(cipher);
		if (ks_cipher_suite12_key_exchange(suite) != expected_of(cipher))
			fail_msg("%s (0x%04x): %d", SSL_CIPHER_get_name(cipher), suite,
				 ks_cipher_suite12_key_exchange(suite));
		n += expected_of(cipher) != KS_KEY_EXCHANGE_NONE;
	}
	assert_true(n > 60);
	SSL_CTX_free(context);
}

static void test_cipher_suite12_knows_no_suite_of_other_protocols(void **state)
{
	/* NULL, export, DES, anonymous, KRB5, PSK, SRP, signalling, TLS 1.3, GOST */
	static const uint16_t others[] = { 0x0000, 0x0003, 0x0006, 0x0008, 0x0009, 0x0014, 0x0017, 0x0018, 0x001e,
					   0x002c, 0x0034, 0x003a, 0x006c, 0x008c, 0x00a6, 0x00a8, 0x00bf, 0x00c5,
					   0x00ff, 0x1301, 0x1305, 0x5600, 0xc015, 0xc01d, 0xc033, 0xc046, 0xc05b,
					   0xc084, 0xc08e, 0xc0a4, 0xc0b4, 0xc102, 0xccab, 0xd001, 0xffff };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(ks_cipher_suite12_key_exchange(others[i]), KS_KEY_EXCHANGE_NONE);
	for (unsigned i = 0; i < 16; i++) /* GREASE */
		assert_int_equal(ks_cipher_suite12_key_exchange((uint16_t)(0x0a0a + 0x1010 * i)), KS_KEY_EXCHANGE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cipher_suite12_agrees_with_openssl),
		cmocka_unit_test(test_cipher_suite12_knows_no_suite_of_other_protocols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
