/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of what CMP's driver does without a server: keys whose signatures the agent makes (agent_key.h), what survives a
 * restart, the words of errors that nobody protects. The exchanges are in the story enroll-by-cmp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>

#include "client/sha256.h"
#include "enrol/drivers/agent_key.h"
#include "enrol/drivers/cmp_session.h"
#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "tests/unit/tls/handshake.h"

#define IN(number) (uint8_t)(KS_DER_CONTEXT_0 + (number))

/* --- keys -------------------------------------------------------------------------------------------------------- */

static const char *const types[] = { "RSA-2048", "RSA-PSS-2048", "P-256", "P-384", "P-521", "Ed25519" };

static EVP_PKEY *get_key(struct ks_agent_keys *keys, const struct ks_buffer *spki)
{
	struct ks_enrol_problem problem = { 0 };
	uint8_t hash[KS_SHA256_SIZE];
	EVP_PKEY *key = NULL;

	ks_client_sha256(ks_buffer_bytes(spki), hash);
	const struct ks_client_identity identity = { .identity = { .name = ks_bytes_text("alice"),
								   .spki_hash = ks_bytes(hash, sizeof(hash)),
								   .spki = ks_buffer_bytes(spki) } };
	if (ks_agent_keys_get(keys, &identity, &key, &problem) < 0)
		fail_msg("%s", problem.text);
	return key;
}

/* A signature over some bytes; 0 when there was none. */
static size_t sign(struct ks_agent_keys *keys, EVP_PKEY *key, const char *hash)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t signature[1024];
	size_t size = sizeof(signature);

	if (EVP_DigestSignInit_ex(context, NULL, hash, keys->context, NULL, key, NULL) != 1 ||
	    EVP_DigestSign(context, signature, &size, (const unsigned char *)"part", 4) != 1)
		size = 0;
	EVP_MD_CTX_free(context);
	return size;
}

static void test_agent_key_is_the_public_key_it_was_made_of(void **state)
{
	(void)state;
	struct ks_enrol_problem problem = { 0 };
	KS_CLEANUP(ks_agent_keys_deinit) struct ks_agent_keys keys;

	assert_int_equal(ks_agent_keys_init(&keys, &problem), 0);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
		ks_handshake_put_spki(&spki, types[i]);
		const unsigned char *at = spki.data;
		EVP_PKEY *key = get_key(&keys, &spki);
		EVP_PKEY *public = d2i_PUBKEY_ex(NULL, &at, (long)spki.size, keys.context, NULL);
		X509_PUBKEY *written = NULL;
		unsigned char *der = NULL;
		assert_int_equal(EVP_PKEY_eq(public, key), 1);
		/* As CRMF writes it into a template. */
		assert_int_equal(X509_PUBKEY_set(&written, key), 1);
		assert_int_equal(i2d_X509_PUBKEY(written, &der), spki.size);
		assert_memory_equal(der, spki.data, spki.size);
		OPENSSL_free(der);
		X509_PUBKEY_free(written);
		EVP_PKEY_free(public);
		EVP_PKEY_free(key);
	}
}

static void test_agent_key_asks_the_agent_and_keeps_its_words(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	struct ks_enrol_problem problem = { 0 };
	KS_CLEANUP(ks_agent_keys_deinit) struct ks_agent_keys keys;

	assert_int_equal(ks_agent_keys_init(&keys, &problem), 0);
	ks_handshake_put_spki(&spki, "P-256");
	EVP_PKEY *key = get_key(&keys, &spki);
	assert_int_equal(sign(&keys, key, "SHA256"), 0);
	assert_int_equal(keys.error.code, KS_ERR_NO_AGENT);
	keys.error.code = 0;
	keys.is_rehearsal = true;
	assert_true(sign(&keys, key, "SHA256") > 0);
	keys.is_rehearsal = false;
	assert_int_equal(sign(&keys, key, "SHA256"), 0);
	assert_int_equal(keys.error.code, KS_ERR_NO_AGENT);
	EVP_PKEY_free(key);
	ERR_clear_error();
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static void put_tagged(struct ks_buffer *out, unsigned number, uint8_t tag, struct ks_bytes contents)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer inner = { 0 };

	ks_der_put(&inner, tag, contents);
	ks_der_put(out, IN(number), ks_buffer_bytes(&inner));
}

/* PKIMessage with a body of this number and these contents of its SEQUENCE. */
static void put_message(struct ks_buffer *out, unsigned number, struct ks_bytes contents, bool with_nonce,
			bool with_protection)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer header = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer parts = { 0 };
	static const uint8_t nonce[16] = { 7 };

	ks_der_put(&header, KS_DER_INTEGER, ks_bytes("\x02", 1));
	put_tagged(&header, 4, KS_DER_SEQUENCE, KS_BYTES_NONE);
	put_tagged(&header, 4, KS_DER_SEQUENCE, KS_BYTES_NONE);
	put_tagged(&header, 4, KS_DER_OCTET_STRING, ks_bytes(nonce, sizeof(nonce)));
	if (with_nonce)
		put_tagged(&header, 6, KS_DER_OCTET_STRING, ks_bytes(nonce, sizeof(nonce)));
	ks_der_put(&parts, KS_DER_SEQUENCE, ks_buffer_bytes(&header));
	put_tagged(&parts, number, KS_DER_SEQUENCE, contents);
	if (with_protection)
		put_tagged(&parts, 0, KS_DER_BIT_STRING, ks_bytes("\0x", 2));
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&parts));
	assert_int_equal(ks_buffer_error(out), 0);
}

static const uint8_t poll_answer[] = { 0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x3c };

static void test_cmp_pending_comes_back_as_it_was(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer first = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer poll = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	struct ks_cmp_pending back;

	put_message(&first, 26, ks_bytes(poll_answer, sizeof(poll_answer)), true, true);
	put_message(&poll, 26, ks_bytes(poll_answer, sizeof(poll_answer)), true, false);
	const struct ks_cmp_pending pending = { .type = OSSL_CMP_KUR,
						.spki_hash = { 1, 2, 3 },
						.waiting = ks_buffer_bytes(&first),
						.poll = ks_buffer_bytes(&poll) };
	assert_int_equal(ks_cmp_pending_put(&out, &pending), 0);
	struct ks_bytes whole = ks_buffer_bytes(&out);
	assert_int_equal(ks_cmp_pending_read(whole, &back), 0);
	assert_int_equal(back.type, OSSL_CMP_KUR);
	assert_memory_equal(back.spki_hash, pending.spki_hash, sizeof(back.spki_hash));
	assert_true(ks_bytes_equal(back.waiting, pending.waiting) && ks_bytes_equal(back.poll, pending.poll));
	for (size_t size = 0; size < whole.size; size++)
		assert_int_equal(ks_cmp_pending_read(ks_bytes(whole.data, size), &back), KS_ERR_MALFORMED);
	out.data[4] ^= 1;
	assert_int_equal(ks_cmp_pending_read(whole, &back), KS_ERR_MALFORMED);
}

static void test_cmp_pending_wants_messages_that_can_be_shown_again(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer good = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bare = { 0 };
	const struct ks_bytes text = ks_bytes_text("no message");

	put_message(&good, 26, ks_bytes(poll_answer, sizeof(poll_answer)), true, false);
	put_message(&bare, 26, ks_bytes(poll_answer, sizeof(poll_answer)), false, false);
	const struct ks_bytes pairs[][2] = { { ks_buffer_bytes(&good), ks_buffer_bytes(&bare) },
					     { ks_buffer_bytes(&bare), ks_buffer_bytes(&good) },
					     { ks_buffer_bytes(&good), text },
					     { text, ks_buffer_bytes(&good) },
					     { ks_buffer_bytes(&good), KS_BYTES_NONE } };
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
		const struct ks_cmp_pending pending = { .waiting = pairs[i][0], .poll = pairs[i][1] };
		struct ks_cmp_pending back;
		assert_int_equal(ks_cmp_pending_put(&out, &pending), 0);
		assert_int_equal(ks_cmp_pending_read(ks_buffer_bytes(&out), &back), KS_ERR_MALFORMED);
	}
}

/* --- words ------------------------------------------------------------------------------------------------------- */

/* ErrorMsgContent with a text in its status and one beside it. */
static void put_error(struct ks_buffer *out, const char *status_text, const char *detail, bool with_protection)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer status = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer content = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer texts = { 0 };

	ks_der_put(&status, KS_DER_INTEGER, ks_bytes("\x02", 1));
	if (status_text) {
		ks_der_put(&texts, KS_DER_UTF8_STRING, ks_bytes_text(status_text));
		ks_der_put(&status, KS_DER_SEQUENCE, ks_buffer_bytes(&texts));
		ks_buffer_reset(&texts);
	}
	ks_der_put(&content, KS_DER_SEQUENCE, ks_buffer_bytes(&status));
	if (detail) {
		ks_der_put(&texts, KS_DER_UTF8_STRING, ks_bytes_text(detail));
		ks_der_put(&content, KS_DER_SEQUENCE, ks_buffer_bytes(&texts));
	}
	put_message(out, KS_CMP_ERROR, ks_buffer_bytes(&content), true, with_protection);
}

static void test_cmp_words_of_errors_that_nobody_protects(void **state)
{
	(void)state;
	static const struct {
		const char *status, *detail;
		bool with_protection;
		const char *words;
	} cases[] = {
		{ "not today", NULL, false, "not today" },
		{ "not today", "ask\x1b[2J", false, "not today; ask\\x1b[2J" },
		{ NULL, "ask", false, "ask" },
		{ NULL, NULL, false, "no reason" },
		{ "not today", NULL, true, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer message = { 0 };
		char out[256] = "?";
		put_error(&message, cases[i].status, cases[i].detail, cases[i].with_protection);
		ks_cmp_words_unprotected(ks_buffer_bytes(&message), out, sizeof(out));
		assert_string_equal(out, cases[i].words);
		for (size_t size = 0; size < message.size; size++)
			ks_cmp_words_unprotected(ks_bytes(message.data, size), out, sizeof(out));
	}
}

static void test_cmp_words_are_cut_where_they_are_long(void **state)
{
	(void)state;
	char longest[1000], out[64];

	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	for (size_t size = 1; size < sizeof(out) * 2; size++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer message = { 0 };
		longest[size] = '\0';
		put_error(&message, longest, longest, false);
		ks_cmp_words_unprotected(ks_buffer_bytes(&message), out, sizeof(out));
		assert_true(strlen(out) < sizeof(out));
		assert_int_equal(out[0], 'a');
		longest[size] = 'a';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent_key_is_the_public_key_it_was_made_of),
		cmocka_unit_test(test_agent_key_asks_the_agent_and_keeps_its_words),
		cmocka_unit_test(test_cmp_pending_comes_back_as_it_was),
		cmocka_unit_test(test_cmp_pending_wants_messages_that_can_be_shown_again),
		cmocka_unit_test(test_cmp_words_of_errors_that_nobody_protects),
		cmocka_unit_test(test_cmp_words_are_cut_where_they_are_long),
	};

	(void)setenv("XDG_RUNTIME_DIR", "/nonexistent", 1);
	(void)unsetenv("KEYSTAY_SOCK");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
