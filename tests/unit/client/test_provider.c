/* SPDX-License-Identifier: Apache-2.0 */
/* keystay.so in a real libcrypto: loading keys, what they tell, what they refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/store.h>

#include "lib/protocol/reference.h"
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

static EVP_PKEY *must_read(const char *pem)
{
	EVP_PKEY *pkey = provider_rig_read(&rig, pem);
	if (!pkey)
		ERR_print_errors_fp(stderr);
	assert_non_null(pkey);
	return pkey;
}

static void assert_error(const char *words)
{
	char errors[4096];
	provider_rig_errors(errors, sizeof(errors));
	if (!strstr(errors, words))
		fail_msg("\"%s\" is not in: %s", words, errors);
}

/* --- loading ----------------------------------------------------------------------------------------------------- */

static void test_provider_reads_every_kind_of_reference_without_the_agent(void **state)
{
	(void)state;
	static const char *const types[] = { "RSA", "RSA-PSS", "EC", "EC", "EC", "ED25519" };
	unsigned before = atomic_load(&token.agent.n_connections);

	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		const struct software_key *key = &token.keys[i];
		EVP_PKEY *pkey = must_read(key->reference);
		assert_true(EVP_PKEY_is_a(pkey, types[i]));
		assert_int_equal(EVP_PKEY_get_base_id(pkey), EVP_PKEY_get_base_id(key->pkey));
		assert_int_equal(EVP_PKEY_get_bits(pkey), EVP_PKEY_get_bits(key->pkey));
		assert_int_equal(EVP_PKEY_get_security_bits(pkey), EVP_PKEY_get_security_bits(key->pkey));
		assert_int_equal(EVP_PKEY_get_size(pkey), EVP_PKEY_get_size(key->pkey));
		assert_int_equal(EVP_PKEY_can_sign(pkey), 1);
		assert_int_equal(EVP_PKEY_eq(pkey, key->pkey), 1);
		assert_int_equal(EVP_PKEY_eq(key->pkey, pkey), 1);
		assert_int_equal(X509_check_private_key(key->certificate, pkey), 1);
		/* What succeeds leaves no error in the queue: the next PEM_read_bio_PrivateKey() would stumble over it. */
		assert_int_equal(ERR_peek_error(), 0);
		EVP_PKEY_free(pkey);
	}
	assert_int_equal(atomic_load(&token.agent.n_connections), before);
}

static void test_provider_key_differs_from_every_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		EVP_PKEY *pkey = must_read(token.keys[i].reference);
		for (size_t j = 0; j < SOFTWARE_N_KINDS; j++) {
			EVP_PKEY *other = must_read(token.keys[j].reference);
			assert_true((EVP_PKEY_eq(pkey, other) == 1) == (i == j));
			assert_true((X509_check_private_key(token.keys[j].certificate, pkey) == 1) == (i == j));
			EVP_PKEY_free(other);
		}
		EVP_PKEY_free(pkey);
	}
	ERR_clear_error();
}

static char *join(const char *a, const char *b)
{
	char *both = malloc(strlen(a) + strlen(b) + 1);
	assert_non_null(both);
	(void)strcpy(both, a);
	(void)strcat(both, b);
	return both;
}

static void test_provider_reads_a_file_that_holds_certificate_and_key_in_any_order(void **state)
{
	(void)state;
	const struct software_key *key = &token.keys[SOFTWARE_P256];
	char *files[] = { join(key->certificate_pem, key->reference), join(key->reference, key->certificate_pem),
			  join("Subject: somebody\n\n", key->reference) };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		EVP_PKEY *pkey = must_read(files[i]);
		EVP_PKEY_free(pkey);
		BIO *bio = BIO_new_mem_buf(files[i], -1);
		X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		assert_true((certificate != NULL) == (i < 2));
		X509_free(certificate);
		BIO_free(bio);
		free(files[i]);
	}
	ERR_clear_error();
}

static void test_provider_leaves_software_keys_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		BIO *bio = BIO_new(BIO_s_mem());
		assert_int_equal(PEM_write_bio_PrivateKey(bio, token.keys[i].pkey, NULL, NULL, 0, NULL, NULL), 1);
		EVP_PKEY *pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, rig.libctx, NULL);
		assert_non_null(pkey);
		assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(pkey)), "default");
		EVP_PKEY_free(pkey);
		BIO_free(bio);
	}
	EVP_PKEY *made = EVP_PKEY_Q_keygen(rig.libctx, NULL, "EC", "P-256");
	assert_non_null(made);
	EVP_PKEY_free(made);
}

static void test_provider_opens_keys_by_uri(void **state)
{
	(void)state;
	static const int expectations[] = { 0, OSSL_STORE_INFO_PKEY };

	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		char uri[64];
		(void)snprintf(uri, sizeof(uri), "keystay:%s", token.keys[i].name);
		for (size_t j = 0; j < 2; j++) {
			EVP_PKEY *pkey = provider_rig_open(&rig, uri, expectations[j]);
			assert_non_null(pkey);
			assert_int_equal(X509_check_private_key(token.keys[i].certificate, pkey), 1);
			EVP_PKEY_free(pkey);
		}
	}
}

static void test_provider_opens_a_reference_file_as_a_store(void **state)
{
	(void)state;
	char path[] = "/tmp/keystay-test-reference-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	const char *pem = token.keys[SOFTWARE_RSA].reference;
	assert_int_equal(write(fd, pem, strlen(pem)), strlen(pem));
	(void)close(fd);
	EVP_PKEY *pkey = provider_rig_open(&rig, path, OSSL_STORE_INFO_PKEY);
	(void)unlink(path);
	assert_non_null(pkey);
	assert_int_equal(EVP_PKEY_eq(pkey, token.keys[SOFTWARE_RSA].pkey), 1);
	EVP_PKEY_free(pkey);
}

static void test_provider_hands_on_why_a_uri_names_no_key(void **state)
{
	(void)state;
	assert_null(provider_rig_open(&rig, "keystay:nobody", OSSL_STORE_INFO_PKEY));
	assert_error("no key is called \"nobody\"; see: keystay list");
	assert_null(provider_rig_open(&rig, "keystay:pkcs11:object=a%20b", OSSL_STORE_INFO_PKEY));
	assert_error("no key is called \"pkcs11:object=a%20b\"");
	assert_null(provider_rig_open(&rig, "keystay:p256", OSSL_STORE_INFO_CRL));
	assert_error("give keys and certificates, nothing else");
}

/* A key that is there for its public half must not make a program believe that it can sign. */
static void test_provider_gives_a_public_key_to_who_wants_one(void **state)
{
	(void)state;
	const struct software_key *key = &token.keys[SOFTWARE_P256];
	EVP_PKEY *pkey = provider_rig_open(&rig, "keystay:p256", OSSL_STORE_INFO_PUBKEY);
	assert_non_null(pkey);
	assert_int_equal(EVP_PKEY_eq(pkey, key->pkey), 1);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_not_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", rig.libctx, NULL, pkey, NULL), 1);
	assert_error("public key");
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
}

static void test_provider_reads_a_reference_as_a_public_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		BIO *bio = BIO_new_mem_buf(token.keys[i].reference, -1);
		EVP_PKEY *pkey = PEM_read_bio_PUBKEY_ex(bio, NULL, NULL, NULL, rig.libctx, NULL);
		assert_non_null(pkey);
		assert_int_equal(EVP_PKEY_eq(pkey, token.keys[i].pkey), 1);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		const char *digest = i == SOFTWARE_ED25519 ? NULL : "SHA256";
		assert_int_not_equal(EVP_DigestSignInit_ex(ctx, NULL, digest, rig.libctx, NULL, pkey, NULL), 1);
		assert_error("this is a public key");
		EVP_MD_CTX_free(ctx);
		EVP_PKEY_free(pkey);
		BIO_free(bio);
	}
}

/* --- damaged references ------------------------------------------------------------------------------------------ */

static void test_provider_says_when_a_reference_is_damaged(void **state)
{
	(void)state;
	static const char *const blocks[] = {
		"-----BEGIN KEYSTAY KEY-----\n!!!!\n-----END KEYSTAY KEY-----\n",
		"-----BEGIN KEYSTAY KEY-----\nMAA=\n-----END KEYSTAY KEY-----\n",
		"-----BEGIN KEYSTAY KEY-----\nMAA=\n",
		"-----BEGIN KEYSTAY KEY-----\n-----END KEYSTAY KEY-----\n",
		"-----BEGIN KEYSTAY KEY-----\nMAA=\n-----END CERTIFICATE-----\n",
	};
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		assert_null(provider_rig_read(&rig, blocks[i]));
		assert_error("is damaged; write it again: keystay cert NAME -o FILE");
	}
}

static void test_provider_says_when_a_kind_of_key_is_unknown(void **state)
{
	(void)state;
	/* The reference of a P-256 key with another curve's name in it. */
	const struct software_key *key = &token.keys[SOFTWARE_P256];
	struct ks_buffer reference = { 0 };
	assert_int_equal(ks_reference_put(&reference, ks_bytes_text("x"), ks_buffer_bytes(&key->spki)), 0);
	static const uint8_t p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
	uint8_t *curve = memmem(reference.data, reference.size, p256, sizeof(p256));
	assert_non_null(curve);
	curve[7] = 9;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_true(PEM_write_bio(bio, KS_REFERENCE_LABEL, "", reference.data, (long)reference.size) > 0);
	assert_null(PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, rig.libctx, NULL));
	assert_error("a kind of key that this keystay does not know");
	BIO_free(bio);
	ks_buffer_deinit(&reference);
}

/* --- nothing private comes out ----------------------------------------------------------------------------------- */

static void test_provider_exports_the_public_half_only(void **state)
{
	(void)state;
	static const char *const private_names[] = { OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PKEY_PARAM_RSA_D,
						     OSSL_PKEY_PARAM_RSA_FACTOR1 };
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		EVP_PKEY *pkey = must_read(token.keys[i].reference);
		OSSL_PARAM *params = NULL;
		assert_int_equal(EVP_PKEY_todata(pkey, EVP_PKEY_PUBLIC_KEY, &params), 1);
		for (size_t j = 0; j < 3; j++)
			assert_null(OSSL_PARAM_locate(params, private_names[j]));
		EVP_PKEY *copy = NULL;
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, EVP_PKEY_get0_type_name(pkey), NULL);
		assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
		assert_int_equal(EVP_PKEY_fromdata(ctx, &copy, EVP_PKEY_PUBLIC_KEY, params), 1);
		assert_int_equal(EVP_PKEY_eq(copy, token.keys[i].pkey), 1);
		EVP_PKEY_free(copy);
		EVP_PKEY_CTX_free(ctx);
		OSSL_PARAM_free(params);

		params = NULL;
		assert_int_not_equal(EVP_PKEY_todata(pkey, EVP_PKEY_KEYPAIR, &params), 1);
		assert_null(params);
		EVP_PKEY_free(pkey);
	}
	ERR_clear_error();
}

static void test_provider_key_cannot_be_written_as_a_private_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < SOFTWARE_N_KINDS; i++) {
		EVP_PKEY *pkey = must_read(token.keys[i].reference);
		unsigned char *der = NULL;
		assert_true(i2d_PrivateKey(pkey, &der) <= 0);
		assert_null(der);
		BIO *bio = BIO_new(BIO_s_mem());
		assert_int_not_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
		assert_int_equal(BIO_ctrl_pending(bio), 0);
		BIO_free(bio);

		int size = i2d_PUBKEY(pkey, &der);
		assert_true(size > 0);
		assert_true(ks_bytes_equal(ks_bytes(der, (size_t)size), ks_buffer_bytes(&token.keys[i].spki)));
		OPENSSL_free(der);
		EVP_PKEY_free(pkey);
	}
	ERR_clear_error();
}

static void test_provider_key_can_be_copied_and_outlives_the_original(void **state)
{
	(void)state;
	EVP_PKEY *pkey = must_read(token.keys[SOFTWARE_P384].reference);
	EVP_PKEY *copy = EVP_PKEY_dup(pkey);
	assert_non_null(copy);
	EVP_PKEY_free(pkey);
	assert_int_equal(EVP_PKEY_eq(copy, token.keys[SOFTWARE_P384].pkey), 1);
	EVP_PKEY_free(copy);
}

/* --- telling about itself ---------------------------------------------------------------------------------------- */

static void test_provider_key_tells_its_public_parameters(void **state)
{
	(void)state;
	EVP_PKEY *rsa = must_read(token.keys[SOFTWARE_RSA].reference);
	BIGNUM *ours = NULL;
	BIGNUM *expected = NULL;
	assert_int_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_N, &ours), 1);
	assert_int_equal(EVP_PKEY_get_bn_param(token.keys[SOFTWARE_RSA].pkey, OSSL_PKEY_PARAM_RSA_N, &expected), 1);
	assert_int_equal(BN_cmp(ours, expected), 0);
	BN_free(ours);
	BN_free(expected);
	assert_int_not_equal(EVP_PKEY_get_bn_param(rsa, OSSL_PKEY_PARAM_RSA_D, &ours), 1);
	EVP_PKEY_free(rsa);

	EVP_PKEY *ec = must_read(token.keys[SOFTWARE_P521].reference);
	char group[32];
	size_t size;
	uint8_t point[140];
	assert_int_equal(EVP_PKEY_get_group_name(ec, group, sizeof(group), &size), 1);
	assert_string_equal(group, "secp521r1");
	assert_int_equal(EVP_PKEY_get_octet_string_param(ec, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size), 1);
	assert_int_equal(size, 133);
	EVP_PKEY_free(ec);

	char digest[32];
	EVP_PKEY *ed25519 = must_read(token.keys[SOFTWARE_ED25519].reference);
	assert_int_equal(EVP_PKEY_get_default_digest_name(ed25519, digest, sizeof(digest)), 2);
	assert_string_equal(digest, "UNDEF");
	EVP_PKEY_free(ed25519);
	ERR_clear_error();
}

static void test_provider_tells_its_version(void **state)
{
	(void)state;
	const char *version = NULL;
	int status = 0;
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, &version, 0),
				OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, &status), OSSL_PARAM_END };
	assert_int_equal(OSSL_PROVIDER_get_params(rig.keystay, params), 1);
	assert_string_equal(version, KEYSTAY_VERSION);
	assert_int_equal(status, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_provider_reads_every_kind_of_reference_without_the_agent),
		cmocka_unit_test(test_provider_key_differs_from_every_other),
		cmocka_unit_test(test_provider_reads_a_file_that_holds_certificate_and_key_in_any_order),
		cmocka_unit_test(test_provider_leaves_software_keys_alone),
		cmocka_unit_test(test_provider_opens_keys_by_uri),
		cmocka_unit_test(test_provider_opens_a_reference_file_as_a_store),
		cmocka_unit_test(test_provider_hands_on_why_a_uri_names_no_key),
		cmocka_unit_test(test_provider_gives_a_public_key_to_who_wants_one),
		cmocka_unit_test(test_provider_reads_a_reference_as_a_public_key),
		cmocka_unit_test(test_provider_says_when_a_reference_is_damaged),
		cmocka_unit_test(test_provider_says_when_a_kind_of_key_is_unknown),
		cmocka_unit_test(test_provider_exports_the_public_half_only),
		cmocka_unit_test(test_provider_key_cannot_be_written_as_a_private_key),
		cmocka_unit_test(test_provider_key_can_be_copied_and_outlives_the_original),
		cmocka_unit_test(test_provider_key_tells_its_public_parameters),
		cmocka_unit_test(test_provider_tells_its_version),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
