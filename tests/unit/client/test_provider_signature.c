/* SPDX-License-Identifier: Apache-2.0 */
/* keystay.so's signatures as EVP sees them: sizes, parameters, and everything that is no TLS handshake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "client/openssl/report.h"
#include "tests/unit/client/provider_rig.h"
#include "tests/unit/client/software_token.h"

static struct software_token token;
static struct provider_rig rig;
static EVP_PKEY *keys[SOFTWARE_N_KINDS];

static int start(void **state)
{
	(void)state;
	software_token_start(&token);
	provider_rig_start(&rig);
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		keys[i] = provider_rig_read(&rig, token.keys[i].reference);
		assert_non_null(keys[i]);
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++)
		EVP_PKEY_free(keys[i]);
	provider_rig_stop(&rig);
	software_token_stop(&token);
	return 0;
}

static void assert_error(const char *words)
{
	char errors[4096];
	provider_rig_errors(errors, sizeof(errors));
	if (!strstr(errors, words))
		fail_msg("\"%s\" is not in: %s", words, errors);
}

/* A TLS 1.3 input as libssl makes it. */
static void make_input(uint8_t input[130])
{
	static const char context[] = "TLS 1.3, client CertificateVerify"; /* its final NUL is the separator */

	memset(input, ' ', 64);
	memcpy(input + 64, context, sizeof(context));
	memset(input + 98, 0x5a, 32);
}

static EVP_MD_CTX *begin(enum software_key_kind kind, const char *digest, EVP_PKEY_CTX **pkey_ctx)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_non_null(ctx);
	assert_int_equal(EVP_DigestSignInit_ex(ctx, pkey_ctx, digest, rig.libctx, NULL, keys[kind], NULL), 1);
	return ctx;
}

static bool verifies(enum software_key_kind kind, const uint8_t *signature, size_t size, const uint8_t *input,
		     size_t length)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int r = EVP_DigestVerifyInit_ex(ctx, NULL, kind == SOFTWARE_ED25519 ? NULL : "SHA256", NULL, NULL,
					token.keys[kind].pkey, NULL);
	r = r == 1 ? EVP_DigestVerify(ctx, signature, size, input, length) : r;
	EVP_MD_CTX_free(ctx);
	return r == 1;
}

/* --- sizes ------------------------------------------------------------------------------------------------------- */

static void test_signature_size_is_known_without_the_agent(void **state)
{
	(void)state;
	static const size_t sizes[] = { 256, 256, 72, 104, 139, 64 };
	unsigned before = atomic_load(&token.agent.n_connections);

	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		EVP_MD_CTX *ctx = begin((enum software_key_kind)i, i == SOFTWARE_ED25519 ? NULL : "SHA256", NULL);
		size_t size = 0;
		assert_int_equal(EVP_DigestSign(ctx, NULL, &size, (const uint8_t *)"x", 1), 1);
		assert_int_equal(size, sizes[i]);
		EVP_MD_CTX_free(ctx);
	}
	assert_int_equal(atomic_load(&token.agent.n_connections), before);
}

static void test_signature_is_not_asked_for_without_room(void **state)
{
	(void)state;
	uint8_t input[130];
	uint8_t signature[100];
	size_t size = sizeof(signature);
	unsigned before = atomic_load(&token.agent.n_connections);
	EVP_MD_CTX *ctx = begin(SOFTWARE_RSA, "SHA256", NULL);

	make_input(input);
	assert_int_not_equal(EVP_DigestSign(ctx, signature, &size, input, sizeof(input)), 1);
	assert_error("100 bytes of room for a signature of up to 256");
	assert_int_equal(atomic_load(&token.agent.n_connections), before);
	EVP_MD_CTX_free(ctx);
}

/* --- whole and in pieces ----------------------------------------------------------------------------------------- */

static void test_signature_in_pieces_is_the_same_as_in_one(void **state)
{
	(void)state;
	uint8_t input[130];
	uint8_t signature[512];

	make_input(input);
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		enum software_key_kind kind = (enum software_key_kind)i;
		EVP_MD_CTX *ctx = begin(kind, kind == SOFTWARE_ED25519 ? NULL : "SHA256", NULL);
		size_t size = sizeof(signature);
		assert_int_equal(EVP_DigestSignUpdate(ctx, input, 1), 1);
		assert_int_equal(EVP_DigestSignUpdate(ctx, input + 1, 129), 1);
		assert_int_equal(EVP_DigestSignFinal(ctx, signature, &size), 1);
		assert_int_equal(token.last_input_size, 130);
		assert_true(kind == SOFTWARE_RSA_PSS || verifies(kind, signature, size, input, sizeof(input)));
		EVP_MD_CTX_free(ctx);
	}
}

static void test_signature_context_can_be_copied_in_the_middle(void **state)
{
	(void)state;
	uint8_t input[130];
	uint8_t signature[512];
	size_t size = sizeof(signature);

	make_input(input);
	EVP_MD_CTX *ctx = begin(SOFTWARE_P256, "SHA256", NULL);
	assert_int_equal(EVP_DigestSignUpdate(ctx, input, 100), 1);
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(EVP_DigestSignUpdate(copy, input + 100, 30), 1);
	assert_int_equal(EVP_DigestSignFinal(copy, signature, &size), 1);
	assert_true(verifies(SOFTWARE_P256, signature, size, input, sizeof(input)));
	EVP_MD_CTX_free(copy);
}

static void test_signature_input_has_an_end(void **state)
{
	(void)state;
	static const uint8_t much[100000];
	EVP_MD_CTX *ctx = begin(SOFTWARE_P256, "SHA256", NULL);

	assert_int_equal(EVP_DigestSignUpdate(ctx, much, sizeof(much)), 1);
	assert_int_not_equal(EVP_DigestSignUpdate(ctx, much, sizeof(much)), 1);
	assert_error("keystay signs only TLS handshakes; what this program wants signed is longer than any");
	EVP_MD_CTX_free(ctx);
}

/* --- no TLS handshake -------------------------------------------------------------------------------------------- */

static void test_signature_of_a_digest_is_refused_with_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(rig.libctx, keys[i], NULL);
		assert_int_not_equal(EVP_PKEY_sign_init(ctx), 1);
		assert_error("keystay signs only TLS handshakes; this program handed over a digest");
		EVP_PKEY_CTX_free(ctx);
	}
}

static void test_signature_of_a_request_gets_the_agents_refusal(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SOFTWARE_N_KINDS; i++) {
		X509_REQ *request = X509_REQ_new_ex(rig.libctx, NULL);
		assert_int_equal(X509_REQ_set_pubkey(request, keys[i]), 1);
		ERR_clear_error();
		assert_int_equal(X509_REQ_sign(request, keys[i], i == SOFTWARE_ED25519 ? NULL : EVP_sha256()), 0);
		assert_error(SOFTWARE_REFUSAL);
		X509_REQ_free(request);
	}
}

static void test_key_cannot_decrypt_or_derive(void **state)
{
	(void)state;
	EVP_PKEY_CTX *rsa = EVP_PKEY_CTX_new_from_pkey(rig.libctx, keys[SOFTWARE_RSA], NULL);
	EVP_PKEY_CTX *ec = EVP_PKEY_CTX_new_from_pkey(rig.libctx, keys[SOFTWARE_P256], NULL);
	uint8_t plain[256];
	uint8_t cipher[256] = { 1 };
	size_t size = sizeof(plain);

	assert_true(EVP_PKEY_decrypt_init(rsa) != 1 ||
		    EVP_PKEY_decrypt(rsa, plain, &size, cipher, sizeof(cipher)) != 1);
	assert_true(EVP_PKEY_derive_init(ec) != 1 ||
		    EVP_PKEY_derive_set_peer(ec, token.keys[SOFTWARE_P256].pkey) != 1 ||
		    EVP_PKEY_derive(ec, plain, &size) != 1);
	EVP_PKEY_CTX_free(rsa);
	EVP_PKEY_CTX_free(ec);
	ERR_clear_error();
}

/* --- parameters -------------------------------------------------------------------------------------------------- */

static void test_signature_refuses_digests_that_tls_must_not_use(void **state)
{
	(void)state;
	static const char *const weak[] = { "SHA1", "MD5", "SHA224", "MD5-SHA1", "SHA3-256" };

	for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		assert_int_not_equal(
			EVP_DigestSignInit_ex(ctx, NULL, weak[i], rig.libctx, NULL, keys[SOFTWARE_P256], NULL), 1);
		assert_error("keystay signs with SHA-256, SHA-384 and SHA-512");
		EVP_MD_CTX_free(ctx);
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_not_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", rig.libctx, NULL, keys[SOFTWARE_ED25519], NULL),
			     1);
	assert_error("an Ed25519 key signs without a digest");
	EVP_MD_CTX_free(ctx);
}

static void set_text(EVP_PKEY_CTX *ctx, const char *name, const char *value, bool good)
{
	char copy[64];
	(void)snprintf(copy, sizeof(copy), "%s", value);
	OSSL_PARAM params[] = { OSSL_PARAM_utf8_string(name, copy, 0), OSSL_PARAM_END };
	params[0].data_size = strlen(copy);
	if ((EVP_PKEY_CTX_set_params(ctx, params) == 1) != good)
		fail_msg("%s=%s: expected %s", name, value, good ? "yes" : "no");
}

static void set_number(EVP_PKEY_CTX *ctx, const char *name, int value, bool good)
{
	OSSL_PARAM params[] = { OSSL_PARAM_int(name, &value), OSSL_PARAM_END };
	if ((EVP_PKEY_CTX_set_params(ctx, params) == 1) != good)
		fail_msg("%s=%d: expected %s", name, value, good ? "yes" : "no");
}

static void test_signature_parameters_come_as_numbers_or_words(void **state)
{
	(void)state;
	EVP_PKEY_CTX *ctx;
	EVP_MD_CTX *md_ctx = begin(SOFTWARE_RSA, "SHA256", &ctx);

	set_number(ctx, "pad-mode", RSA_PKCS1_PADDING, true);
	set_number(ctx, "pad-mode", RSA_PKCS1_PSS_PADDING, true);
	set_text(ctx, "pad-mode", "pkcs1", true);
	set_text(ctx, "pad-mode", "pss", true);
	set_number(ctx, "saltlen", RSA_PSS_SALTLEN_DIGEST, true);
	set_number(ctx, "saltlen", 32, true);
	set_text(ctx, "saltlen", "digest", true);
	set_text(ctx, "saltlen", "32", true);
	set_text(ctx, "mgf1-digest", "SHA256", true);
	set_text(ctx, "mgf1-properties", "", true);
	set_text(ctx, "digest", "sha2-256", true);
	set_text(ctx, "properties", "provider=default", true);

	set_number(ctx, "pad-mode", RSA_NO_PADDING, false);
	assert_error("no TLS signature of this kind of key has the padding");
	set_number(ctx, "pad-mode", RSA_X931_PADDING, false);
	set_text(ctx, "pad-mode", "none", false);
	set_text(ctx, "pad-mode", "oaep", false);
	set_number(ctx, "saltlen", RSA_PSS_SALTLEN_AUTO, false);
	assert_error("a salt as long as the digest");
	set_text(ctx, "saltlen", "max", false);
	set_text(ctx, "digest", "SHA1", false);
	set_text(ctx, "mgf1-digest", "MD5", false);
	ERR_clear_error();
	set_text(ctx, "context-string", "x", false);
	assert_error("does not know the signature parameter \"context-string\"");
	EVP_MD_CTX_free(md_ctx);

	md_ctx = begin(SOFTWARE_RSA_PSS, "SHA256", &ctx);
	set_number(ctx, "pad-mode", RSA_PKCS1_PADDING, false);
	set_number(ctx, "pad-mode", RSA_PKCS1_PSS_PADDING, true);
	EVP_MD_CTX_free(md_ctx);
	md_ctx = begin(SOFTWARE_P256, "SHA256", &ctx);
	set_number(ctx, "pad-mode", RSA_PKCS1_PSS_PADDING, false);
	EVP_MD_CTX_free(md_ctx);
	ERR_clear_error();
}

/* What is set one by one and makes no scheme together is refused before anybody is asked. */
static void test_signature_refuses_what_is_no_scheme_together(void **state)
{
	(void)state;
	uint8_t input[130];
	uint8_t signature[512];
	unsigned before = atomic_load(&token.agent.n_connections);
	EVP_PKEY_CTX *ctx;

	make_input(input);
	size_t size = sizeof(signature);
	EVP_MD_CTX *md_ctx = begin(SOFTWARE_RSA, "SHA256", &ctx);
	set_number(ctx, "pad-mode", RSA_PKCS1_PSS_PADDING, true);
	set_number(ctx, "saltlen", 20, true);
	assert_int_not_equal(EVP_DigestSign(md_ctx, signature, &size, input, sizeof(input)), 1);
	assert_error("asked for a salt length of 20 bytes");
	EVP_MD_CTX_free(md_ctx);

	size = sizeof(signature);
	md_ctx = begin(SOFTWARE_RSA_PSS, "SHA256", &ctx);
	set_text(ctx, "mgf1-digest", "SHA512", true);
	assert_int_not_equal(EVP_DigestSign(md_ctx, signature, &size, input, sizeof(input)), 1);
	assert_error("another one in MGF1");
	EVP_MD_CTX_free(md_ctx);
	assert_int_equal(atomic_load(&token.agent.n_connections), before);
}

/* The same key in software says what is right. */
static void check_algorithm_id(enum software_key_kind kind, const char *digest, bool pss)
{
	unsigned char ours[256];
	unsigned char theirs[256];
	OSSL_PARAM ask_ours[] = { OSSL_PARAM_octet_string("algorithm-id", ours, sizeof(ours)), OSSL_PARAM_END };
	OSSL_PARAM ask_theirs[] = { OSSL_PARAM_octet_string("algorithm-id", theirs, sizeof(theirs)), OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx;
	EVP_PKEY_CTX *software_ctx;
	EVP_MD_CTX *md_ctx = begin(kind, digest, &ctx);
	EVP_MD_CTX *software = EVP_MD_CTX_new();

	assert_int_equal(
		EVP_DigestSignInit_ex(software, &software_ctx, digest, NULL, NULL, token.keys[kind].pkey, NULL), 1);
	if (pss) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(software_ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(software_ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_PKEY_CTX_get_params(ctx, ask_ours), 1);
	assert_int_equal(EVP_PKEY_CTX_get_params(software_ctx, ask_theirs), 1);
	if (ask_ours[0].return_size != ask_theirs[0].return_size || memcmp(ours, theirs, ask_ours[0].return_size) != 0)
		fail_msg("algorithm-id of %s with %s", token.keys[kind].name, digest ? digest : "no digest");
	EVP_MD_CTX_free(md_ctx);
	EVP_MD_CTX_free(software);
}

static void test_signature_algorithm_ids_are_those_of_software_keys(void **state)
{
	(void)state;
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };

	for (size_t i = 0; i < 3; i++) {
		check_algorithm_id(SOFTWARE_RSA, digests[i], false);
		check_algorithm_id(SOFTWARE_P256, digests[i], false);
		check_algorithm_id(SOFTWARE_P521, digests[i], false);
	}
	check_algorithm_id(SOFTWARE_ED25519, NULL, false);
}

/* Debian 12's OpenSSL does not tell the identifier of RSA-PSS, but reads it. */
static void test_signature_algorithm_id_of_pss_is_well_formed(void **state)
{
	(void)state;
	static const char *const digests[] = { "SHA256", "SHA384", "SHA512" };
	static const int nids[] = { NID_sha256, NID_sha384, NID_sha512 };
	static const long salts[] = { 32, 48, 64 };

	for (size_t i = 0; i < 3; i++) {
		unsigned char der[256];
		OSSL_PARAM ask[] = { OSSL_PARAM_octet_string("algorithm-id", der, sizeof(der)), OSSL_PARAM_END };
		EVP_PKEY_CTX *ctx;
		EVP_MD_CTX *md_ctx = begin(SOFTWARE_RSA_PSS, digests[i], &ctx);
		assert_int_equal(EVP_PKEY_CTX_get_params(ctx, ask), 1);
		const unsigned char *p = der;
		X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &p, (long)ask[0].return_size);
		assert_non_null(algorithm);
		const ASN1_OBJECT *oid;
		int type;
		const void *value;
		X509_ALGOR_get0(&oid, &type, &value, algorithm);
		assert_int_equal(OBJ_obj2nid(oid), NID_rsassaPss);
		RSA_PSS_PARAMS *pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
		assert_non_null(pss);
		assert_int_equal(OBJ_obj2nid(pss->hashAlgorithm->algorithm), nids[i]);
		assert_int_equal(OBJ_obj2nid(pss->maskGenAlgorithm->algorithm), NID_mgf1);
		assert_int_equal(ASN1_INTEGER_get(pss->saltLength), salts[i]);
		RSA_PSS_PARAMS_free(pss);
		X509_ALGOR_free(algorithm);
		EVP_MD_CTX_free(md_ctx);
	}
}

/* P3 of the pitfalls: too small a buffer fails, it is never called filled. */
static void test_signature_algorithm_id_is_filled_or_failed(void **state)
{
	(void)state;
	unsigned char few[4];
	OSSL_PARAM ask[] = { OSSL_PARAM_octet_string("algorithm-id", few, sizeof(few)), OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx;
	EVP_MD_CTX *md_ctx = begin(SOFTWARE_RSA, "SHA256", &ctx);

	assert_int_not_equal(EVP_PKEY_CTX_get_params(ctx, ask), 1);
	EVP_MD_CTX_free(md_ctx);
	ERR_clear_error();
}

static void test_signature_tells_its_parameters(void **state)
{
	(void)state;
	char word[32];
	int number = 0;
	EVP_PKEY_CTX *ctx;
	EVP_MD_CTX *md_ctx = begin(SOFTWARE_RSA, "SHA384", &ctx);

	assert_true(EVP_PKEY_CTX_get_rsa_padding(ctx, &number) > 0);
	assert_int_equal(number, RSA_PKCS1_PADDING);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
	assert_true(EVP_PKEY_CTX_get_rsa_padding(ctx, &number) > 0);
	assert_int_equal(number, RSA_PKCS1_PSS_PADDING);
	assert_true(EVP_PKEY_CTX_get_rsa_pss_saltlen(ctx, &number) > 0);
	assert_int_equal(number, 48);
	assert_int_equal(EVP_PKEY_CTX_get_rsa_mgf1_md_name(ctx, word, sizeof(word)), 1);
	assert_string_equal(word, "SHA384");
	EVP_MD_CTX_free(md_ctx);
}

/* --- sentences --------------------------------------------------------------------------------------------------- */

static void sign_and_be_refused(const char *sentence)
{
	uint8_t input[130];
	uint8_t signature[512];
	size_t size = sizeof(signature);
	EVP_MD_CTX *ctx = begin(SOFTWARE_P256, "SHA256", NULL);

	make_input(input);
	token.refuse_with = sentence;
	ERR_clear_error();
	assert_int_not_equal(EVP_DigestSign(ctx, signature, &size, input, sizeof(input)), 1);
	token.refuse_with = NULL;
	EVP_MD_CTX_free(ctx);
}

/* Runs last: it uses up the rows for sentences of this library context. */
static void test_report_keeps_every_sentence_even_when_its_rows_are_used_up(void **state)
{
	(void)state;
	char sentence[128];
	unsigned n_as_reason = 0;

	for (unsigned i = 0; i < KS_REPORT_SENTENCES + 20; i++) {
		(void)snprintf(sentence, sizeof(sentence), "sentence number %u; run: keystay unlock %u", i, i);
		for (int twice = 0; twice < 2; twice++) {
			sign_and_be_refused(sentence);
			const char *reason = ERR_reason_error_string(ERR_peek_error());
			assert_non_null(reason);
			n_as_reason += strcmp(reason, sentence) == 0;
			if (strcmp(reason, sentence) != 0)
				assert_string_equal(reason, ks_error_text(KS_ERR_TOKEN_LOCKED));
			assert_error(sentence);
		}
	}
	assert_true(n_as_reason >= 2 * (KS_REPORT_SENTENCES - 30));
	assert_true(n_as_reason <= 2 * KS_REPORT_SENTENCES);
}

/* curl gives OpenSSL 256 bytes; for a line that does not fit there would be nothing but numbers. */
static void test_report_cuts_a_long_sentence_and_attaches_it_whole(void **state)
{
	(void)state;
	char sentence[KS_REPORT_SENTENCE_MAX + 100], line[256];
	const char *data = NULL;
	int flags = 0;

	memset(sentence, 'w', sizeof(sentence) - 1);
	memcpy(sentence + sizeof(sentence) - 20, " the very end", 13);
	sentence[sizeof(sentence) - 1] = '\0';
	sign_and_be_refused(sentence);
	ERR_error_string_n(ERR_peek_error(), line, sizeof(line));
	assert_non_null(strstr(line, "keystay::wwww"));
	assert_non_null(strstr(line, "www..."));
	(void)ERR_peek_error_data(&data, &flags);
	assert_non_null(data);
	assert_non_null(strstr(data, " the very end"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signature_size_is_known_without_the_agent),
		cmocka_unit_test(test_signature_is_not_asked_for_without_room),
		cmocka_unit_test(test_signature_in_pieces_is_the_same_as_in_one),
		cmocka_unit_test(test_signature_context_can_be_copied_in_the_middle),
		cmocka_unit_test(test_signature_input_has_an_end),
		cmocka_unit_test(test_signature_of_a_digest_is_refused_with_words),
		cmocka_unit_test(test_signature_of_a_request_gets_the_agents_refusal),
		cmocka_unit_test(test_key_cannot_decrypt_or_derive),
		cmocka_unit_test(test_signature_refuses_digests_that_tls_must_not_use),
		cmocka_unit_test(test_signature_parameters_come_as_numbers_or_words),
		cmocka_unit_test(test_signature_refuses_what_is_no_scheme_together),
		cmocka_unit_test(test_signature_algorithm_ids_are_those_of_software_keys),
		cmocka_unit_test(test_signature_algorithm_id_of_pss_is_well_formed),
		cmocka_unit_test(test_signature_algorithm_id_is_filled_or_failed),
		cmocka_unit_test(test_signature_tells_its_parameters),
		cmocka_unit_test(test_report_cuts_a_long_sentence_and_attaches_it_whole),
		cmocka_unit_test(test_report_keeps_every_sentence_even_when_its_rows_are_used_up),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
