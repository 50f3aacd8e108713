/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/tls/transcript12.h: what it reads from transcripts that GnuTLS, NSS, Java and OpenSSL really made (the
 * files real-*.bin of the fuzz corpus, see tests/fuzz/record_transcripts.py), and what it says about faults. That each
 * fault is refused at all is for test_hostile.c.
 */
#include "lib/tls/transcript12.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/scheme.h"
#include "lib/protocol/spki.h"
#include "lib/tls/cipher_suite12.h"
#include "tests/hostile/transcript_maker.h"

#define CORPUS "../../fuzz/corpus/transcript12"

/* Not a certificate, but a SEQUENCE, which is all that this reader asks for. */
static const uint8_t some_certificate[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };

static int read_exact(struct ks_bytes input, struct ks_transcript12 *ret_transcript,
		      struct ks_signable_refusal *ret_refusal)
{
	/* An exact allocation, so that a sanitizer sees a read of one byte too many. */
	uint8_t *exact = malloc(input.size ? input.size : 1);

	assert_non_null(exact);
	if (input.size > 0)
		memcpy(exact, input.data, input.size);
	int r = ks_transcript12_read(ks_bytes(exact, input.size), ret_transcript, ret_refusal);
	free(exact);
	return r;
}

static void refuses(struct ks_bytes input, int expected, const char *words)
{
	struct ks_transcript12 transcript = { .cipher_suite = 0x4711 };
	struct ks_signable_refusal refusal = { "" };

	int r = read_exact(input, &transcript, &refusal);
	if (r != expected)
		fail_msg("%s instead of %s: %s", ks_error_word(r), ks_error_word(expected), refusal.text);
	if (!strstr(refusal.text, words))
		fail_msg("\"%s\" does not say \"%s\"", refusal.text, words);
	assert_int_equal(transcript.cipher_suite, 0x4711);
}

static void make(const struct ks_transcript_plan *plan, struct ks_buffer *out)
{
	struct ks_transcript_plan whole = *plan;

	whole.client_certificate = ks_bytes(some_certificate, sizeof(some_certificate));
	ks_transcript_maker_write(&whole, out);
	assert_int_equal(ks_buffer_error(out), 0);
}

/* --- real transcripts -------------------------------------------------------------------------------------------- */

static void read_file(const char *name, struct ks_buffer *out)
{
	char path[512];

	(void)snprintf(path, sizeof(path), CORPUS "/%s", name);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	uint8_t *room = ks_buffer_reserve(out, 65536);
	assert_non_null(room);
	ks_buffer_grow(out, fread(room, 1, 65536, file));
	(void)fclose(file);
}

/* The client's key can make one of the schemes that the server asked for. */
static bool has_scheme_of_key(const struct ks_transcript12 *transcript, const struct ks_spki *spki)
{
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	for (size_t i = 0; i < n; i++) {
		if (ks_scheme_fits(&schemes[i], spki, false) && ks_transcript12_offers(transcript, schemes[i].code))
			return true;
	}
	return false;
}

static void read_real(const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_transcript12 transcript;
	struct ks_signable_refusal refusal;
	struct ks_bytes der;
	struct ks_spki spki;

	read_file(name, &input);
	int r = ks_transcript12_read(ks_buffer_bytes(&input), &transcript, &refusal);
	if (r < 0)
		fail_msg("%s: %s", name, refusal.text);
	assert_int_equal(ks_spki_of_certificate(transcript.client_certificate, &der), 0);
	assert_int_equal(ks_spki_read(der, &spki), 0);
	assert_true(has_scheme_of_key(&transcript, &spki));
	assert_int_equal(ks_spki_of_certificate(transcript.server_certificates.items[0], &der), 0);
	bool is_static = ks_cipher_suite12_key_exchange(transcript.cipher_suite) == KS_KEY_EXCHANGE_RSA;
	assert_int_equal(is_static, strstr(name, "static-rsa") != NULL);
	assert_true(strcmp(transcript.server_name, "localhost") == 0 || strcmp(transcript.server_name, "") == 0);
}

static void test_transcript12_reads_what_other_implementations_sign(void **state)
{
	DIR *folder = opendir(CORPUS);
	size_t n = 0;

	(void)state;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (strncmp(entry->d_name, "real-", 5) == 0) {
			read_real(entry->d_name);
			n++;
		}
	}
	(void)closedir(folder);
	assert_true(n >= 20);
}

/* --- what it reads ----------------------------------------------------------------------------------------------- */

static void test_transcript12_gives_name_suite_schemes_and_certificates(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_transcript12 transcript;
	struct ks_signable_refusal refusal;
	struct ks_transcript_plan plan = { .schemes = { (const uint8_t *)"\x04\x03\x08\x07", 4 }, .with_chain = true };

	(void)state;
	make(&plan, &input);
	assert_int_equal(ks_transcript12_read(ks_buffer_bytes(&input), &transcript, &refusal), 0);
	assert_string_equal(transcript.server_name, "host.example");
	assert_int_equal(transcript.cipher_suite, 0xc02b);
	assert_true(
		ks_bytes_equal(transcript.client_certificate, ks_bytes(some_certificate, sizeof(some_certificate))));
	assert_int_equal(transcript.server_certificates.items[0].data[0], 0x30);
	assert_true(ks_transcript12_offers(&transcript, 0x0403));
	assert_true(ks_transcript12_offers(&transcript, 0x0807));
	assert_false(ks_transcript12_offers(&transcript, 0x0308)); /* across two of them */
	assert_false(ks_transcript12_offers(&transcript, 0x0804));
}

/* A ClientHello that asks for this name, which is shown as expected. */
static void shows_name(const char *name, size_t size, const char *expected)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_transcript12 transcript;
	struct ks_signable_refusal refusal;

	ks_buffer_put_u16(&body, (uint16_t)(1 + 2 + size));
	ks_buffer_put_u8(&body, 0); /* host_name */
	ks_transcript_maker_put_vector(&body, 2, ks_bytes(name, size));
	struct ks_transcript_plan plan = { .server_name = ks_buffer_bytes(&body) };
	make(&plan, &input);
	assert_int_equal(ks_transcript12_read(ks_buffer_bytes(&input), &transcript, &refusal), 0);
	assert_string_equal(transcript.server_name, expected);
}

static void test_transcript12_shows_only_names_that_are_host_names(void **state)
{
	static const char *const good[] = { "a", "a.b", "_a-1.Xy", "192.0.2.1", "host.corp.example" };
	static const char *const bad[] = { "a.", ".a", "a..b", "a b", "a/b", "*.a", "[::1]", "\x1b[1m", "\xc3\xa4x" };
	char name[254];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		shows_name(good[i], strlen(good[i]), good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		shows_name(bad[i], strlen(bad[i]), "");
	shows_name("a\0b", 3, "");
	/* 253 bytes fit, 254 do not; a label has at most 63 */
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	shows_name(name, 254, "");
	name[253] = '\0';
	shows_name(name, 253, name);
	memset(name, 'x', 64);
	shows_name(name, 64, "");
	name[63] = '\0';
	shows_name(name, 63, name);
}

static void test_transcript12_reads_a_hello_of_a_hundred_extensions_and_no_more(void **state)
{
	/* 8 of the maker's own */
	for (unsigned n = 92; n <= 93; n++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extensions = { 0 };
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
		struct ks_transcript12 transcript;
		struct ks_signable_refusal refusal;
		(void)state;
		for (unsigned i = 0; i < n; i++) {
			ks_buffer_put_u16(&extensions, (uint16_t)(0x5000 + i));
			ks_buffer_put_u16(&extensions, 0);
		}
		struct ks_transcript_plan plan = { .client_extension = ks_buffer_bytes(&extensions) };
		make(&plan, &input);
		if (n == 92)
			assert_int_equal(read_exact(ks_buffer_bytes(&input), &transcript, &refusal), 0);
		else
			refuses(ks_buffer_bytes(&input), KS_ERR_INPUT_MESSAGE, "more than 100 extensions");
	}
}

/* --- what it says ------------------------------------------------------------------------------------------------ */

static void test_transcript12_names_the_message_that_is_missing_or_wrong(void **state)
{
	static const struct {
		struct ks_transcript_plan plan;
		int expected;
		const char *words;
	} faults[] = {
		{ { .client_version = 0x0302 }, KS_ERR_INPUT_VERSION, "the ClientHello says version 0x0302" },
		{ { .server_version = 0x0301 }, KS_ERR_INPUT_VERSION, "the ServerHello says version 0x0301" },
		{ { .chosen_suite = 0x1301 }, KS_ERR_INPUT_MESSAGE, "the cipher suite 0x1301 is not one of TLS 1.2" },
		{ { .offered_suite = 0xc02c }, KS_ERR_INPUT_MESSAGE, "0xc02b, which the client did not offer" },
		{ { .client_list = { (const uint8_t *)"\x00\x00\x00", 3 } },
		  KS_ERR_INPUT_MESSAGE,
		  "the client's Certificate is empty" },
		{ { .exchange = KS_PLAN_STATIC_RSA, .has_server_key_exchange = true },
		  KS_ERR_INPUT_ORDER,
		  "has a ServerKeyExchange where its CertificateRequest should be" },
		{ { .exchange = KS_PLAN_STATIC_RSA, .chosen_suite = 0xc02f },
		  KS_ERR_INPUT_MISSING,
		  "has no ServerKeyExchange where it should be, before its CertificateRequest" },
		{ { .server_extension = { (const uint8_t *)"\x00\x2b\x00\x02\x03\x04", 6 }, .with_grease = true },
		  KS_ERR_INPUT_VERSION,
		  "extension 43 of TLS 1.3" },
		{ { .client_extension = { (const uint8_t *)"\x00\x16\x00\x01\x00", 5 } },
		  KS_ERR_INPUT_TRUNCATED,
		  "encrypt_then_mac in the ClientHello" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
		make(&faults[i].plan, &input);
		refuses(ks_buffer_bytes(&input), faults[i].expected, faults[i].words);
	}
}

static void test_transcript12_refuses_every_prefix(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_transcript12 transcript;
	struct ks_signable_refusal refusal;
	struct ks_transcript_plan plan = { .with_staple = true, .with_ca_names = true };

	(void)state;
	make(&plan, &input);
	struct ks_bytes all = ks_buffer_bytes(&input);
	for (size_t size = 0; size < all.size; size++) {
		int r = read_exact(ks_bytes(all.data, size), &transcript, &refusal);
		if (r != KS_ERR_INPUT_TRUNCATED && r != KS_ERR_INPUT_MISSING)
			fail_msg("%zu of %zu bytes: %s", size, all.size, ks_error_word(r));
	}
	assert_int_equal(read_exact(all, &transcript, &refusal), 0);
}

/* Each extension body that is known is read to its last length: its body cut short, or longer, is refused. */
static void test_transcript12_reads_known_extensions_to_their_ends(void **state)
{
	static const struct {
		uint16_t type;
		const char *body;
		size_t size;
	} extensions[] = {
		{ 1, "\x02", 1 },
		{ 5, "\x01\x00\x06\x00\x04none\x00\x01x", 12 },
		{ 17, "\x00\x07\x01\x00\x04\x00\x00\x00\x00", 9 },
		{ 27, "\x02\x00\x02", 3 },
		{ 28, "\x40\x01", 2 },
		{ 41,
		  "\x00\x07\x00\x01i\x00\x00\x00\x00\x00\x21\x20"
		  "0123456789abcdef0123456789abcdef",
		  44 },
		{ 43, "\x04\x03\x04\x03\x03", 5 },
		{ 45, "\x01\x01", 2 },
		{ 50, "\x00\x02\x04\x03", 4 },
		{ 51, "\x00\x05\x00\x1d\x00\x01k", 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		for (int difference = -1; difference <= 1; difference++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer extension = { 0 };
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
			struct ks_transcript12 transcript;
			struct ks_signable_refusal refusal = { "" };
			uint8_t body[64] = { 0 };
			memcpy(body, extensions[i].body, extensions[i].size);
			size_t size = (size_t)((int)extensions[i].size + difference);
			ks_buffer_put_u16(&extension, extensions[i].type);
			ks_transcript_maker_put_vector(&extension, 2, ks_bytes(body, size));
			struct ks_transcript_plan plan = {
				.client_extension = ks_buffer_bytes(&extension),
			};
			make(&plan, &input);
			int r = read_exact(ks_buffer_bytes(&input), &transcript, &refusal);
			if (r != (difference == 0 ? 0 : KS_ERR_INPUT_TRUNCATED))
				fail_msg("extension %u with %d: %s", extensions[i].type, difference, refusal.text);
		}
	}
}

static void test_transcript12_resembles_only_sequences_of_messages(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
		bool resembles;
	} cases[] = {
		{ "\x01\x00\x00\x00", 4, true },
		{ "\x01\x02\x03", 3, false },
		{ "\x02\x00\x00\x00\x0b\x00\x00\x01\xaa", 9, true },
		{ "\x02\x00\x00\x00", 4, false },
		{ "\x02\x00\x00\x00\x0b\x00\x00\x02\xaa", 9, false },
		{ "\x02\x00\x00\x00\x63\x00\x00\x01\xaa", 9, false },
		{ "", 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ks_transcript12_resembles(ks_bytes(cases[i].bytes, cases[i].size)),
				 cases[i].resembles);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcript12_reads_what_other_implementations_sign),
		cmocka_unit_test(test_transcript12_gives_name_suite_schemes_and_certificates),
		cmocka_unit_test(test_transcript12_shows_only_names_that_are_host_names),
		cmocka_unit_test(test_transcript12_reads_a_hello_of_a_hundred_extensions_and_no_more),
		cmocka_unit_test(test_transcript12_names_the_message_that_is_missing_or_wrong),
		cmocka_unit_test(test_transcript12_refuses_every_prefix),
		cmocka_unit_test(test_transcript12_reads_known_extensions_to_their_ends),
		cmocka_unit_test(test_transcript12_resembles_only_sequences_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
