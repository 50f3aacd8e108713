/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of lib/tls/certificate_verify13.h. The wrong contexts and lengths of others are in tests/hostile. */
#include "lib/tls/certificate_verify13.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

/* RFC 8446 section 4.4.3 gives this example, for a server; this is its client's, with a hash of 32 times 0x01. */
static const char example[] = "2020202020202020202020202020202020202020202020202020202020202020"
			      "2020202020202020202020202020202020202020202020202020202020202020"
			      "544c5320312e332c20636c69656e74204365727469666963617465566572696679"
			      "00"
			      "0101010101010101010101010101010101010101010101010101010101010101";

struct input {
	uint8_t bytes[256];
	size_t size;
};

static struct input read_example(void)
{
	struct input input;

	assert_int_equal(ks_text_unhex(example, input.bytes, sizeof(input.bytes), &input.size), 0);
	return input;
}

/* From an exact allocation, so that a sanitizer sees a read of one byte too many. */
static int read_exact(const struct input *input, struct ks_certificate_verify13 *ret_verify,
		      struct ks_signable_refusal *ret_refusal)
{
	KS_AUTO_FREE uint8_t *exact = malloc(input->size ? input->size : 1);

	assert_non_null(exact);
	memcpy(exact, input->bytes, input->size);
	int r = ks_certificate_verify13_read(ks_bytes(exact, input->size), ret_verify, ret_refusal);
	ret_verify->transcript_digest.data = NULL; /* it is about to go */
	return r;
}

static void refuses(const struct input *input, int expected, const char *words)
{
	struct ks_certificate_verify13 verify = { .transcript_hash = KS_HASH_SHA512 };
	struct ks_signable_refusal refusal = { "" };

	int r = read_exact(input, &verify, &refusal);
	if (r != expected)
		fail_msg("%s instead of %s: %s", ks_error_word(r), ks_error_word(expected), refusal.text);
	if (!strstr(refusal.text, words))
		fail_msg("\"%s\" does not say \"%s\"", refusal.text, words);
	assert_int_equal(verify.transcript_hash, KS_HASH_SHA512);
}

static void test_certificate_verify13_reads_the_rfc_example(void **state)
{
	struct input input = read_example();
	struct ks_certificate_verify13 verify;
	struct ks_signable_refusal refusal;

	(void)state;
	assert_int_equal(input.size, KS_CERTIFICATE_VERIFY13_SHA256_SIZE);
	assert_int_equal(ks_certificate_verify13_read(ks_bytes(input.bytes, input.size), &verify, &refusal), 0);
	assert_int_equal(verify.transcript_hash, KS_HASH_SHA256);
	assert_ptr_equal(verify.transcript_digest.data, input.bytes + 98);
	assert_int_equal(verify.transcript_digest.size, 32);
}

static void test_certificate_verify13_reads_a_sha384_transcript(void **state)
{
	struct input input = read_example();
	struct ks_certificate_verify13 verify;
	struct ks_signable_refusal refusal;

	(void)state;
	memset(input.bytes + input.size, 0x20, 16);
	input.size += 16;
	assert_int_equal(read_exact(&input, &verify, &refusal), 0);
	assert_int_equal(verify.transcript_hash, KS_HASH_SHA384);
	assert_int_equal(verify.transcript_digest.size, 48);
}

static void test_certificate_verify13_takes_exactly_two_lengths(void **state)
{
	struct input input = read_example();
	struct ks_certificate_verify13 verify;
	struct ks_signable_refusal refusal;

	(void)state;
	memset(input.bytes + input.size, 0xaa, sizeof(input.bytes) - input.size);
	for (size_t size = 0; size <= sizeof(input.bytes); size++) {
		input.size = size;
		if (size == 130 || size == 146)
			assert_int_equal(read_exact(&input, &verify, &refusal), 0);
		else
			refuses(&input, KS_ERR_INPUT_LENGTH, "exactly 130 or 146");
	}
}

static void test_certificate_verify13_names_the_wrong_byte_of_the_padding(void **state)
{
	(void)state;
	for (size_t i = 0; i < 64; i++) {
		struct input input = read_example();
		char words[32];
		input.bytes[i] = 0x7e;
		(void)ks_text_print(words, sizeof(words), "byte %zu of", i + 1);
		refuses(&input, KS_ERR_INPUT_PADDING, words);
	}
}

static void test_certificate_verify13_refuses_every_change_of_context_or_separator(void **state)
{
	(void)state;
	for (size_t i = 64; i < 98; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct input input = read_example();
			input.bytes[i] ^= (uint8_t)(1u << bit);
			refuses(&input, KS_ERR_INPUT_CONTEXT, i == 97 ? "zero byte" : "does not say");
		}
	}
}

static void test_certificate_verify13_says_what_another_context_is_for(void **state)
{
	static const struct {
		const char *context;
		const char *words;
	} contexts[] = {
		{ "TLS 1.3, server CertificateVerify", "TLS server" },
		{ "Exported Authenticator", "exported authenticator" },
		{ "TLS, client delegated credentials", "delegated credential" },
		{ "TLS, server delegated credentials", "delegated credential" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		struct input input = read_example();
		size_t size = strlen(contexts[i].context);
		memcpy(input.bytes + 64, contexts[i].context, size + 1);
		input.size = 64 + size + 1 + 32;
		refuses(&input, KS_ERR_INPUT_CONTEXT, contexts[i].words);
	}
}

static void test_certificate_verify13_takes_any_hash(void **state)
{
	struct input input = read_example();
	struct ks_certificate_verify13 verify;
	struct ks_signable_refusal refusal;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		memset(input.bytes + 98, (int)byte, 32);
		assert_int_equal(read_exact(&input, &verify, &refusal), 0);
	}
}

static void test_certificate_verify13_resembles_what_has_most_of_the_padding(void **state)
{
	struct input input = read_example();

	(void)state;
	assert_true(ks_certificate_verify13_resembles(ks_bytes(input.bytes, input.size)));
	assert_true(ks_certificate_verify13_resembles(ks_bytes(input.bytes, 32)));
	assert_false(ks_certificate_verify13_resembles(ks_bytes(input.bytes, 31)));
	assert_false(ks_certificate_verify13_resembles(KS_BYTES_NONE));
	memset(input.bytes, 0x01, 32);
	assert_true(ks_certificate_verify13_resembles(ks_bytes(input.bytes, input.size)));
	input.bytes[32] = 0x01;
	assert_false(ks_certificate_verify13_resembles(ks_bytes(input.bytes, input.size)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_certificate_verify13_reads_the_rfc_example),
		cmocka_unit_test(test_certificate_verify13_reads_a_sha384_transcript),
		cmocka_unit_test(test_certificate_verify13_takes_exactly_two_lengths),
		cmocka_unit_test(test_certificate_verify13_names_the_wrong_byte_of_the_padding),
		cmocka_unit_test(test_certificate_verify13_refuses_every_change_of_context_or_separator),
		cmocka_unit_test(test_certificate_verify13_says_what_another_context_is_for),
		cmocka_unit_test(test_certificate_verify13_takes_any_hash),
		cmocka_unit_test(test_certificate_verify13_resembles_what_has_most_of_the_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
