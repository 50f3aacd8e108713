/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/signable.h: what real clients sign is accepted, whatever kind of handshake they are in. */
#include "lib/tls/signable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/tls/verify_signature.h"
#include "tests/unit/tls/handshake.h"

static const struct ks_signable untouched = { .kind = (enum ks_signable_kind)99 };

static struct ks_spki read_spki(struct ks_bytes der)
{
	struct ks_spki spki;

	assert_int_equal(ks_spki_read(der, &spki), 0);
	return spki;
}

/* Runs the handshake; what its client signed must be signable with that key, and its signature must verify. */
static void accepts(const struct ks_handshake_setup *setup)
{
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };
	struct ks_signable signable = untouched;
	struct ks_signable_refusal refusal = { "" };
	struct ks_public_key *key = NULL;

	ks_handshake_run(setup, &handshake);
	struct ks_bytes input = ks_buffer_bytes(&handshake.input);
	struct ks_bytes signature = ks_buffer_bytes(&handshake.signature);
	struct ks_spki spki = read_spki(ks_buffer_bytes(&handshake.spki));
	int r = ks_signable_check(input, handshake.scheme, &spki, &signable, &refusal);
	if (r < 0)
		fail_msg("%s, suite 0x%04x, scheme 0x%04x: %s (%s)", setup->client_key, handshake.suite,
			 handshake.scheme, ks_error_word(r), refusal.text);
	assert_non_null(signable.scheme);
	assert_int_equal(signable.scheme->code, handshake.scheme);
	assert_int_equal(signable.kind,
			 setup->version == TLS1_3_VERSION ? KS_SIGNABLE_TLS13_CLIENT : KS_SIGNABLE_TLS12_CLIENT);
	bool shows_name = setup->server_name && setup->version == TLS1_2_VERSION;
	assert_string_equal(signable.server_name, shows_name ? setup->server_name : "");

	assert_int_equal(ks_public_key_new(spki.der, &key), 0);
	assert_int_equal(ks_public_key_verify(key, signable.scheme, input, signature), 0);
	ks_public_key_free(key);
}

static void accepts_each(const struct ks_handshake_setup *base, const char *const *client_keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct ks_handshake_setup setup = *base;
		setup.client_key = client_keys[i];
		accepts(&setup);
	}
}

static const char *const every_key[] = { "RSA-2048", "RSA-3072", "RSA-PSS-2048", "P-256", "P-384", "P-521", "Ed25519" };
static const char *const some_keys[] = { "RSA-2048", "P-256" };

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* --- TLS 1.2 ----------------------------------------------------------------------------------------------------- */

static void test_signable_accepts_tls12_of_every_key_type(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_2_VERSION,
					    .server_key = "P-256",
					    .server_name = "a.example" };

	(void)state;
	accepts_each(&setup, every_key, N(every_key));
	setup.only_version = true;
	accepts_each(&setup, every_key, N(every_key));
	setup.server_key = "RSA-2048";
	accepts_each(&setup, every_key, N(every_key));
}

static void test_signable_accepts_tls12_of_every_kind_of_suite(void **state)
{
	static const struct {
		const char *server_key;
		const char *suite;
	} suites[] = {
		{ "RSA-2048", "ECDHE-RSA-AES128-GCM-SHA256" },
		{ "RSA-2048", "ECDHE-RSA-AES256-GCM-SHA384" },
		{ "RSA-2048", "ECDHE-RSA-AES256-SHA384" },
		{ "RSA-2048", "ECDHE-RSA-AES128-SHA" },
		{ "RSA-2048", "ECDHE-RSA-CHACHA20-POLY1305" },
		{ "RSA-2048", "DHE-RSA-AES128-GCM-SHA256" },
		{ "RSA-2048", "DHE-RSA-AES256-GCM-SHA384" },
		{ "RSA-2048", "DHE-RSA-CHACHA20-POLY1305" },
		{ "RSA-2048", "AES128-GCM-SHA256" },
		{ "RSA-2048", "AES256-GCM-SHA384" },
		{ "RSA-2048", "AES128-SHA" },
		{ "RSA-2048", "AES256-CCM" },
		{ "P-256", "ECDHE-ECDSA-AES128-GCM-SHA256" },
		{ "P-256", "ECDHE-ECDSA-AES256-CCM8" },
		{ "P-384", "ECDHE-ECDSA-AES256-GCM-SHA384" },
		{ "P-521", "ECDHE-ECDSA-CAMELLIA128-SHA256" },
		{ "Ed25519", "ECDHE-ECDSA-ARIA256-GCM-SHA384" },
		{ "RSA-PSS-2048", "ECDHE-RSA-AES128-GCM-SHA256" },
	};

	(void)state;
	for (size_t i = 0; i < N(suites); i++) {
		struct ks_handshake_setup setup = {
			.version = TLS1_2_VERSION,
			.server_key = suites[i].server_key,
			.suites = suites[i].suite,
		};
		accepts_each(&setup, some_keys, N(some_keys));
	}
}

/* The curve binds the hash in TLS 1.3 only, and the suite's hash says nothing of the signature's. */
static void test_signable_accepts_any_hash_with_any_curve_in_tls12(void **state)
{
	static const char *const schemes[] = { "ECDSA+SHA256", "ECDSA+SHA384", "ECDSA+SHA512" };
	static const char *const keys[] = { "P-256", "P-384", "P-521" };
	struct ks_handshake_setup setup = {
		.version = TLS1_2_VERSION,
		.server_key = "RSA-2048",
		.suites = "ECDHE-RSA-AES256-GCM-SHA384",
		.only_version = true,
	};

	(void)state;
	for (size_t i = 0; i < N(schemes); i++) {
		setup.schemes = schemes[i];
		accepts_each(&setup, keys, N(keys));
	}
}

static void test_signable_accepts_every_rsa_scheme_in_tls12(void **state)
{
	static const char *const schemes[] = { "RSA+SHA256",          "RSA+SHA384",          "RSA+SHA512",
					       "rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512" };
	static const char *const pss_schemes[] = { "rsa_pss_pss_sha256", "rsa_pss_pss_sha384", "rsa_pss_pss_sha512" };
	struct ks_handshake_setup setup = {
		.version = TLS1_2_VERSION,
		.server_key = "RSA-2048",
		.client_key = "RSA-2048",
	};

	(void)state;
	for (size_t i = 0; i < N(schemes); i++) {
		setup.schemes = schemes[i];
		accepts(&setup);
	}
	setup.client_key = "RSA-PSS-2048";
	for (size_t i = 0; i < N(pss_schemes); i++) {
		setup.schemes = pss_schemes[i];
		accepts(&setup);
	}
}

static void test_signable_accepts_tls12_without_extended_master_secret(void **state)
{
	struct ks_handshake_setup setup = {
		.version = TLS1_2_VERSION,
		.server_key = "RSA-2048",
		.without_extended_master_secret = true,
	};

	(void)state;
	accepts_each(&setup, some_keys, N(some_keys));
	setup.suites = "AES128-GCM-SHA256";
	accepts_each(&setup, some_keys, N(some_keys));
}

static void test_signable_accepts_tls12_with_a_staple(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_2_VERSION, .server_key = "P-256", .with_staple = true };

	(void)state;
	accepts_each(&setup, some_keys, N(some_keys));
	setup.server_key = "RSA-2048";
	setup.suites = "AES128-GCM-SHA256"; /* CertificateStatus without ServerKeyExchange */
	accepts_each(&setup, some_keys, N(some_keys));
}

static void test_signable_accepts_tls12_with_everything_at_once(void **state)
{
	struct ks_handshake_setup setup = {
		.version = TLS1_2_VERSION,
		.server_key = "RSA-2048",
		.server_name = "everything-at-once.corp.example",
		.with_staple = true,
		.with_alpn = true,
		.with_ca_names = true,
		.with_chain = true,
	};

	(void)state;
	accepts_each(&setup, every_key, N(every_key));
	setup.without_tickets = true;
	accepts_each(&setup, every_key, N(every_key));
}

static void test_signable_accepts_a_renegotiated_handshake(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_2_VERSION, .server_key = "P-256", .asks_later = true };

	(void)state;
	accepts_each(&setup, some_keys, N(some_keys));
}

/* --- TLS 1.3 ----------------------------------------------------------------------------------------------------- */

static void test_signable_accepts_tls13_of_every_key_type_and_suite(void **state)
{
	static const char *const suites[] = { "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
					      "TLS_CHACHA20_POLY1305_SHA256" };
	struct ks_handshake_setup setup = {
		.version = TLS1_3_VERSION,
		.server_key = "P-256",
		.server_name = "a.example",
		.with_ca_names = true,
	};

	(void)state;
	for (size_t i = 0; i < N(suites); i++) {
		setup.suites13 = suites[i];
		accepts_each(&setup, every_key, N(every_key));
	}
}

static void test_signable_accepts_tls13_after_a_hello_retry(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_3_VERSION, .server_key = "P-256", .groups = "P-384" };

	(void)state;
	accepts_each(&setup, some_keys, N(some_keys));
}

static void test_signable_accepts_tls13_after_the_handshake(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_3_VERSION, .server_key = "P-256", .asks_later = true };

	(void)state;
	accepts_each(&setup, some_keys, N(some_keys));
}

/* --- what it tells ----------------------------------------------------------------------------------------------- */

static void test_signable_names_the_hash_of_the_suite_not_of_the_scheme(void **state)
{
	struct ks_handshake_setup setup = {
		.version = TLS1_3_VERSION,
		.client_key = "P-256",
		.server_key = "P-256",
		.suites13 = "TLS_AES_256_GCM_SHA384",
	};
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };
	struct ks_signable signable;
	struct ks_signable_refusal refusal;

	(void)state;
	ks_handshake_run(&setup, &handshake);
	struct ks_bytes input = ks_buffer_bytes(&handshake.input);
	struct ks_spki spki = read_spki(ks_buffer_bytes(&handshake.spki));
	assert_int_equal(ks_signable_check(input, handshake.scheme, &spki, &signable, &refusal), 0);
	assert_int_equal(signable.transcript_hash, KS_HASH_SHA384);
	assert_int_equal(signable.scheme->hash, KS_HASH_SHA256);
	assert_int_equal(signable.transcript_digest.size, 48);
	assert_ptr_equal(signable.transcript_digest.data, input.data + 98);
}

/* --- what it refuses whatever the reader says -------------------------------------------------------------------- */

static void refuses(struct ks_bytes input, uint32_t scheme, const char *key, int expected)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_signable signable = untouched;
	struct ks_signable_refusal refusal = { "" };

	ks_handshake_put_spki(&der, key);
	struct ks_spki spki = read_spki(ks_buffer_bytes(&der));
	int r = ks_signable_check(input, scheme, &spki, &signable, &refusal);
	if (r != expected)
		fail_msg("scheme 0x%04x, key %s: %s instead of %s", (unsigned)scheme, key,
			 r == 0 ? "accepted" : ks_error_word(r), ks_error_word(expected));
	assert_memory_equal(&signable, &untouched, sizeof(signable));
	assert_true(strlen(refusal.text) > 20);
}

static void test_signable_refuses_weak_and_unknown_schemes(void **state)
{
	static const uint32_t codes[] = { 0x0201, 0x0203, 0x0101, 0x0103, 0x0301, 0x0303,   0x0202,
					  0x0402, 0,      0x0808, 0x081a, 0xffff, 0x010403, 0x80000403 };
	struct ks_handshake_setup setup = { .version = TLS1_2_VERSION, .client_key = "P-256", .server_key = "P-256" };
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	ks_handshake_run(&setup, &handshake);
	for (size_t i = 0; i < N(codes); i++)
		refuses(ks_buffer_bytes(&handshake.input), codes[i], "P-256", KS_ERR_INPUT_SCHEME);
}

static void test_signable_refuses_a_scheme_that_does_not_fit_the_key(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_3_VERSION, .client_key = "P-256", .server_key = "P-256" };
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	ks_handshake_run(&setup, &handshake);
	struct ks_bytes input = ks_buffer_bytes(&handshake.input);
	refuses(input, 0x0804, "P-256", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0807, "P-256", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0403, "Ed25519", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0403, "RSA-2048", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0809, "RSA-2048", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0804, "RSA-PSS-2048", KS_ERR_INPUT_KEY_TYPE);
	/* in TLS 1.3 the code point names the curve */
	refuses(input, 0x0503, "P-256", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0403, "P-384", KS_ERR_INPUT_KEY_TYPE);
	refuses(input, 0x0403, "P-521", KS_ERR_INPUT_KEY_TYPE);
}

static void test_signable_refuses_pkcs1_in_tls13(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_3_VERSION,
					    .client_key = "RSA-2048",
					    .server_key = "P-256" };
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	ks_handshake_run(&setup, &handshake);
	for (uint32_t code = 0x0401; code <= 0x0601; code += 0x0100)
		refuses(ks_buffer_bytes(&handshake.input), code, "RSA-2048", KS_ERR_INPUT_SCHEME);
}

static void test_signable_refuses_a_transcript_of_another_key(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_2_VERSION, .client_key = "P-256", .server_key = "P-256" };
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	ks_handshake_run(&setup, &handshake);
	struct ks_bytes input = ks_buffer_bytes(&handshake.input);
	refuses(input, 0x0403, "P-384", KS_ERR_INPUT_CERTIFICATE);
	refuses(input, 0x0804, "RSA-2048", KS_ERR_INPUT_CERTIFICATE);
	refuses(input, 0x0807, "Ed25519", KS_ERR_INPUT_CERTIFICATE);
}

static void test_signable_refuses_a_scheme_that_the_server_did_not_ask_for(void **state)
{
	struct ks_handshake_setup setup = {
		.version = TLS1_2_VERSION,
		.client_key = "P-256",
		.server_key = "P-256",
		.schemes = "ECDSA+SHA256",
	};
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	ks_handshake_run(&setup, &handshake);
	refuses(ks_buffer_bytes(&handshake.input), 0x0503, "P-256", KS_ERR_INPUT_NOT_OFFERED);
}

/* A restricted RSASSA-PSS key: made for SHA-384 and nothing else. */
static void test_signable_refuses_what_the_parameters_of_a_pss_key_exclude(void **state)
{
	struct ks_handshake_setup setup = { .version = TLS1_3_VERSION, .client_key = "P-256", .server_key = "P-256" };
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
	EVP_PKEY *key = NULL;
	unsigned char *der = NULL;

	(void)state;
	ks_handshake_run(&setup, &handshake);
	struct ks_bytes input = ks_buffer_bytes(&handshake.input);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_md(context, EVP_sha384()) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context, EVP_sha384()) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, 48) > 0);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	int size = i2d_PUBKEY(key, &der);
	struct ks_spki spki = read_spki(ks_bytes(der, (size_t)size));

	assert_int_equal(ks_signable_check(input, 0x080a, &spki, &signable, &refusal), 0);
	assert_int_equal(ks_signable_check(input, 0x0809, &spki, &signable, &refusal), KS_ERR_INPUT_KEY_TYPE);
	assert_int_equal(ks_signable_check(input, 0x080b, &spki, &signable, &refusal), KS_ERR_INPUT_KEY_TYPE);
	assert_non_null(strstr(refusal.text, "restricted"));
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	EVP_PKEY_CTX_free(context);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signable_accepts_tls12_of_every_key_type),
		cmocka_unit_test(test_signable_accepts_tls12_of_every_kind_of_suite),
		cmocka_unit_test(test_signable_accepts_any_hash_with_any_curve_in_tls12),
		cmocka_unit_test(test_signable_accepts_every_rsa_scheme_in_tls12),
		cmocka_unit_test(test_signable_accepts_tls12_without_extended_master_secret),
		cmocka_unit_test(test_signable_accepts_tls12_with_a_staple),
		cmocka_unit_test(test_signable_accepts_tls12_with_everything_at_once),
		cmocka_unit_test(test_signable_accepts_a_renegotiated_handshake),
		cmocka_unit_test(test_signable_accepts_tls13_of_every_key_type_and_suite),
		cmocka_unit_test(test_signable_accepts_tls13_after_a_hello_retry),
		cmocka_unit_test(test_signable_accepts_tls13_after_the_handshake),
		cmocka_unit_test(test_signable_names_the_hash_of_the_suite_not_of_the_scheme),
		cmocka_unit_test(test_signable_refuses_weak_and_unknown_schemes),
		cmocka_unit_test(test_signable_refuses_a_scheme_that_does_not_fit_the_key),
		cmocka_unit_test(test_signable_refuses_pkcs1_in_tls13),
		cmocka_unit_test(test_signable_refuses_a_transcript_of_another_key),
		cmocka_unit_test(test_signable_refuses_a_scheme_that_the_server_did_not_ask_for),
		cmocka_unit_test(test_signable_refuses_what_the_parameters_of_a_pss_key_exclude),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
