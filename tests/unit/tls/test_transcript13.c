/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/tls/transcript13.h, rule by rule, with transcripts made by tests/hostile/transcript13_maker.c, and with
 * those that GnuTLS, NSS, Java and OpenSSL really made (real-*.bin of the fuzz corpus,
 * tests/fuzz/record_transcripts.py). The hellos are for test_hello13.c; handshakes whose signatures are checked are in
 * test_server_claim.c.
 */
#include "lib/tls/transcript13.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/tls/verify_signature.h"
#include "tests/unit/tls/read13.h"

#define CORPUS "../../fuzz/corpus/transcript13"

static const struct ks_plan13 plain;
static const struct ks_plan13 retried = { .with_retry = true };
static const struct ks_plan13 retried_whole = { .with_first_hello = true };
static const struct ks_plan13 later = { .is_asked_later = true };
static const struct ks_plan13 always = { .is_asked_always = true };

/* --- what it reads ----------------------------------------------------------------------------------------------- */

static void test_transcript13_gives_suite_certificates_staple_and_signature(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	struct ks_plan13 plan = { .n_issuers = 2, .server_certificate = TEXT("\x30\x03\x02\x01\x09") };
	struct ks_transcript13 transcript = reads_plan(&plan, &bytes);

	(void)state;
	assert_int_equal(transcript.cipher_suite, 0x1301);
	assert_int_equal(transcript.hash, KS_HASH_SHA256);
	assert_int_equal(transcript.server.list.n, 3);
	assert_true(ks_bytes_equal(transcript.server.list.items[0], plan.server_certificate));
	assert_int_equal(transcript.server.list.items[2].data[4], 8);
	assert_true(ks_bytes_equal(transcript.server.ocsp_response, TEXT("leaf")));
	assert_int_equal(transcript.server_verify.scheme, 0x0804);
	assert_true(ks_bytes_equal(transcript.server_verify.signature, TEXT("signature")));
	assert_true(ks_bytes_equal(transcript.client_certificate, SOME_CERTIFICATE));
	assert_false(transcript.is_post_handshake);
	assert_int_equal(transcript.first_client_hello.size, 0);
	assert_ptr_equal(transcript.up_to_server.data, bytes.data);
	assert_int_equal(transcript.up_to_server.data[transcript.up_to_server.size], KS_PLAN13_CERTIFICATE_VERIFY);
	assert_int_equal(transcript.up_to_client.size, bytes.size);
}

static void test_transcript13_reads_a_handshake_without_a_staple(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	struct ks_plan13 plan = { WITHOUT(SERVER_LEAF, 5), .n_issuers = 1 };

	(void)state;
	/* The issuer's is not the leaf's. */
	assert_int_equal(reads_plan(&plan, &bytes).server.ocsp_response.size, 0);
}

static void test_transcript13_reads_post_handshake_authentication(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer first = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer second = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer third = { 0 };
	struct ks_plan13 silent = { .is_asked_always = true, .says_nothing_first = true };

	(void)state;
	assert_true(reads_plan(&later, &first).is_post_handshake);
	assert_true(reads_plan(&always, &second).is_post_handshake);
	struct ks_transcript13 transcript = reads_plan(&silent, &third);
	assert_true(transcript.is_post_handshake);
	assert_true(ks_bytes_equal(transcript.request.context, TEXT("context")));
}

static void test_transcript13_reads_a_sha384_suite(void **state)
{
	(void)state;
	READS(.suite = 0x1302, .digest_size = 48);
	READS(.suite = 0x1302, .digest_size = 48, .with_retry = true);
	READS(.suite = 0x1303);
}

static void test_transcript13_tells_message_hash_from_a_whole_first_hello(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer hashed = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer whole = { 0 };
	struct ks_transcript13 transcript = reads_plan(&retried, &hashed);

	(void)state;
	assert_int_equal(transcript.first_client_hello.size, 0);
	assert_ptr_equal(transcript.up_to_client.data, hashed.data);
	transcript = reads_plan(&retried_whole, &whole);
	assert_ptr_equal(transcript.first_client_hello.data, whole.data);
	assert_ptr_equal(transcript.up_to_client.data, whole.data + transcript.first_client_hello.size);
	assert_ptr_equal(transcript.up_to_server.data, transcript.up_to_client.data);
	assert_int_equal(transcript.first_client_hello.size + transcript.up_to_client.size, whole.size);
}

/* RFC 8446 section 4.4.1, with the digests made by another road. */
static void test_transcript13_hash_puts_message_hash_for_a_whole_first_hello(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer hashed = { 0 };
	struct ks_transcript13 transcript = reads_plan(&retried_whole, &bytes);
	uint8_t first[32];
	uint8_t expected[32];
	uint8_t server[64];
	uint8_t client[64];

	(void)state;
	assert_int_equal(ks_sha256(transcript.first_client_hello, first), 0);
	ks_transcript13_maker_put_message(&hashed, KS_PLAN13_MESSAGE_HASH, ks_bytes(first, 32));
	size_t head = hashed.size;
	ks_buffer_put(&hashed, transcript.up_to_client);
	assert_int_equal(ks_transcript13_hash(&transcript, server, client), 0);
	assert_int_equal(ks_sha256(ks_buffer_bytes(&hashed), expected), 0);
	assert_memory_equal(client, expected, 32);
	assert_int_equal(ks_sha256(ks_bytes(hashed.data, head + transcript.up_to_server.size), expected), 0);
	assert_memory_equal(server, expected, 32);
}

/* --- lengths ----------------------------------------------------------------------------------------------------- */

/* Every message of the plan with each of its bytes left out once, and with one more at each place; its own length is
 * corrected. Whatever is left in the message must not fit. */
static void refuses_other_sizes(const struct ks_plan13 *plan, bool is_more)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	struct ks_signable_refusal refusal;
	struct ks_transcript13 transcript;

	write_plan(plan, &bytes);
	for (size_t at = 0; at < bytes.size;) {
		size_t size = (size_t)bytes.data[at + 2] << 8 | bytes.data[at + 3];
		for (size_t i = 0; i < size + is_more; i++) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer changed = { 0 };
			size_t place = at + 4 + i;
			size_t new_size = is_more ? size + 1 : size - 1;
			ks_buffer_put(&changed, ks_bytes(bytes.data, place));
			if (is_more)
				ks_buffer_put_u8(&changed, 0);
			size_t rest = is_more ? place : place + 1;
			ks_buffer_put(&changed, ks_bytes(bytes.data + rest, bytes.size - rest));
			changed.data[at + 2] = (uint8_t)(new_size >> 8);
			changed.data[at + 3] = (uint8_t)new_size;
			if (read_exact(ks_buffer_bytes(&changed), &transcript, &refusal) == 0)
				fail_msg("read with byte %zu of message %u %s", i, bytes.data[at],
					 is_more ? "doubled" : "left out");
		}
		at += 4 + size;
	}
}

static void test_transcript13_refuses_any_message_with_a_byte_more_or_less(void **state)
{
	static const struct ks_plan13 plans[] = {
		{ .n_issuers = 2 },
		{ .with_retry = true },
		{ .with_first_hello = true },
		{ .is_asked_always = true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		refuses_other_sizes(&plans[i], false);
		refuses_other_sizes(&plans[i], true);
	}
}

static void test_transcript13_refuses_any_beginning_of_a_transcript(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };

	(void)state;
	write_plan(&always, &bytes);
	struct ks_transcript13 transcript;
	struct ks_signable_refusal refusal;
	for (size_t size = 0; size < bytes.size; size++) {
		int r = read_exact(ks_bytes(bytes.data, size), &transcript, &refusal);
		struct ks_bytes verify =
			ks_transcript13_maker_find(ks_buffer_bytes(&bytes), KS_PLAN13_CERTIFICATE_VERIFY, 1);
		/* It has a whole one in it: up to the client's first Certificate. */
		if ((r == 0) != (size == (size_t)(verify.data - bytes.data)))
			fail_msg("%zu of %zu bytes: %d", size, bytes.size, r);
	}
}

static void test_transcript13_refuses_bytes_behind(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };

	(void)state;
	write_plan(&later, &bytes);
	ks_buffer_put_u8(&bytes, 0);
	refuses(ks_buffer_bytes(&bytes), "goes on for 1 bytes");
}

static void test_transcript13_refuses_wrong_lengths_by_name(void **state)
{
	(void)state;
	refuses_body(&plain, KS_PLAN13_FINISHED, 0, TEXT("31 bytes, as no hash of TLS has"), "Finished has 31 bytes");
	refuses_body(&later, KS_PLAN13_FINISHED, 1, TEXT("31 bytes, as no hash of TLS has"), "client's Finished has");
	refuses_body(&retried, KS_PLAN13_MESSAGE_HASH, 0, TEXT("short"), "message_hash has 5 bytes");
	refuses_body(&plain, KS_PLAN13_CERTIFICATE_VERIFY, 0, TEXT("\x08\x04\x00\x00"),
		     "CertificateVerify has a wrong");
	refuses_body(&plain, KS_PLAN13_CERTIFICATE_REQUEST, 0, TEXT("\x05"), "CertificateRequest has a wrong length");
	refuses(TEXT("\x01\x00\x00\x05\x03\x03"), "longer than the rest");
	/* The list ends before the extensions of its only certificate, and within them. */
	refuses_body(&plain, KS_PLAN13_CERTIFICATE, 0, TEXT("\x00\x00\x00\x08\x00\x00\x05\x30\x03\x02\x01\x07"),
		     "server's Certificate has a wrong length inside");
	refuses_body(&plain, KS_PLAN13_CERTIFICATE, 1,
		     TEXT("\x00\x00\x00\x0b\x00\x00\x05\x30\x03\x02\x01\x07\x00\x02\x00"),
		     "client's Certificate has a wrong length inside");
	refuses_body(&plain, KS_PLAN13_CERTIFICATE, 0,
		     TEXT("\x00\x00\x00\x0b\x00\x00\x05\x30\x03\x02\x01\x07\x00\x01\x00"),
		     "extensions of the Certificate have a wrong length");
}

/* --- the order --------------------------------------------------------------------------------------------------- */

static void test_transcript13_refuses_any_message_left_out(void **state)
{
	static const struct ks_plan13 plans[] = { { .with_retry = true }, { .is_asked_always = true } };
	struct ks_signable_refusal refusal;
	struct ks_transcript13 transcript;

	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
		write_plan(&plans[i], &bytes);
		for (size_t at = 0; at < bytes.size;) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer less = { 0 };
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer twice = { 0 };
			size_t size = 4 + ((size_t)bytes.data[at + 2] << 8 | bytes.data[at + 3]);
			struct ks_bytes message = ks_bytes(bytes.data + at, size);
			ks_transcript13_maker_replace(ks_buffer_bytes(&bytes), message, KS_BYTES_NONE, &less);
			if (read_exact(ks_buffer_bytes(&less), &transcript, &refusal) == 0)
				fail_msg("read without its message of type %u", message.data[0]);
			ks_transcript13_maker_replace(ks_buffer_bytes(&bytes), ks_bytes(message.data, 0), message,
						      &twice);
			if (read_exact(ks_buffer_bytes(&twice), &transcript, &refusal) == 0)
				fail_msg("read with two messages of type %u", message.data[0]);
			at += size;
		}
	}
}

static void test_transcript13_says_what_is_in_the_wrong_place(void **state)
{
	(void)state;
	refuses(KS_BYTES_NONE, "ends where the client's ClientHello should be");
	refuses_replaced(&plain, KS_PLAN13_CERTIFICATE, 0, KS_BYTES_NONE,
			 "has a CertificateVerify where the server's Certificate should be");
	refuses_replaced(&plain, KS_PLAN13_FINISHED, 0, TEXT("\x04\x00\x00\x00"), "has a NewSessionTicket where");
	refuses_replaced(&plain, KS_PLAN13_FINISHED, 0, TEXT("\x63\x00\x00\x00"), "an unknown message (type 99)");
	refuses_replaced(&plain, KS_PLAN13_CERTIFICATE, 1, TEXT("\x05\x00\x00\x00"), "has a EndOfEarlyData where");
	refuses_replaced(&later, KS_PLAN13_CERTIFICATE_REQUEST, 0, KS_BYTES_NONE,
			 "has a Certificate where the server's CertificateRequest should be");
}

static void test_transcript13_refuses_a_transcript_without_any_request(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };

	(void)state;
	write_plan(&plain, &bytes);
	struct ks_bytes request = ks_transcript13_maker_find(ks_buffer_bytes(&bytes), KS_PLAN13_CERTIFICATE_REQUEST, 0);
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer changed = { 0 };
	ks_transcript13_maker_replace(ks_buffer_bytes(&bytes), request, KS_BYTES_NONE, &changed);
	refuses(ks_buffer_bytes(&changed), "has a Certificate where the client's Finished should be");
}

static void test_transcript13_never_misreads_compressed_certificates(void **state)
{
	(void)state;
	refuses_replaced(&plain, KS_PLAN13_CERTIFICATE, 0, TEXT("\x19\x00\x00\x03\x00\x02\x00"),
			 "the server's certificate is compressed");
	refuses_replaced(&plain, KS_PLAN13_CERTIFICATE, 1, TEXT("\x19\x00\x00\x03\x00\x02\x00"),
			 "the client's certificate is compressed");
	refuses_replaced(&plain, KS_PLAN13_FINISHED, 0, TEXT("\x19\x00\x00\x03\x00\x02\x00"),
			 "has a CompressedCertificate where the server's Finished should be");
}

/* --- the other messages ------------------------------------------------------------------------------------------ */

static void test_transcript13_refuses_raw_public_keys(void **state)
{
	(void)state;
	REFUSES("the server shows something else than X.509",
		.edits = { { KS_PLAN13_IN_CLIENT_HELLO, 20, false, TEXT("\x01\x02") },
			   { KS_PLAN13_IN_ENCRYPTED, 20, false, TEXT("\x02") } });
	REFUSES("the client shows something else than X.509",
		.edits = { { KS_PLAN13_IN_CLIENT_HELLO, 19, false, TEXT("\x01\x02") },
			   { KS_PLAN13_IN_ENCRYPTED, 19, false, TEXT("\x02") } });
	READS(.edits = { { KS_PLAN13_IN_CLIENT_HELLO, 20, false, TEXT("\x02\x02\x00") },
			 { KS_PLAN13_IN_ENCRYPTED, 20, false, TEXT("\x00") } });
}

static void test_transcript13_refuses_early_data_without_a_session(void **state)
{
	(void)state;
	REFUSES("early data", .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 42, false, KS_BYTES_NONE },
					 { KS_PLAN13_IN_ENCRYPTED, 42, false, KS_BYTES_NONE } });
}

static void test_transcript13_refuses_delegated_credentials(void **state)
{
	(void)state;
	REFUSES("delegated credential", .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 34, false, TEXT("\x00\x02\x04\x03") },
						   { KS_PLAN13_IN_SERVER_LEAF, 34, false, TEXT("x") } });
}

static void test_transcript13_refuses_contexts_that_do_not_fit(void **state)
{
	static const char request[] = "\x01x\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03";
	static const char no_context[] = "\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03";

	(void)state;
	refuses_body(&plain, KS_PLAN13_CERTIFICATE_REQUEST, 0, TEXT(request), "in the handshake has a context");
	refuses_body(&later, KS_PLAN13_CERTIFICATE_REQUEST, 0, TEXT(no_context), "after the handshake has no context");
	refuses_body(&later, KS_PLAN13_CERTIFICATE_REQUEST, 0, TEXT(request),
		     "client's Certificate has another context");
	refuses_body(&plain, KS_PLAN13_CERTIFICATE, 0,
		     TEXT("\x01x\x00\x00\x0a\x00\x00\x05\x30\x03\x02\x01\x07\x00\x00"),
		     "server's Certificate has another context");
}

static void test_transcript13_refuses_a_request_without_schemes(void **state)
{
	(void)state;
	REFUSES("does not say which signatures", WITHOUT(REQUEST, 13));
	REFUSES("does not say which signatures", WITHOUT(LATER_REQUEST, 13), .is_asked_later = true);
}

static void test_transcript13_refuses_a_later_request_that_nobody_offered(void **state)
{
	(void)state;
	REFUSES("did not offer to be asked", WITHOUT(CLIENT_HELLO, 49), .is_asked_later = true);
	READS(WITHOUT(CLIENT_HELLO, 49));
}

static void test_transcript13_refuses_certificates_that_are_none_or_too_many(void **state)
{
	(void)state;
	refuses_body(&plain, KS_PLAN13_CERTIFICATE, 0, TEXT("\x00\x00\x00\x00"), "the server's Certificate is empty");
	refuses_body(&plain, KS_PLAN13_CERTIFICATE, 1, TEXT("\x00\x00\x00\x00"), "the client's Certificate is empty");
	REFUSES("an element that is not a certificate", .server_certificate = TEXT("\x30\x04\x02\x01\x07"));
	REFUSES("an element that is not a certificate", .client_certificate = TEXT("\x31\x03\x02\x01\x07"));
	READS(.n_issuers = KS_PROOF_CERTIFICATES_MAX - 1);
	REFUSES("the server shows more than 10 certificates", .n_issuers = KS_PROOF_CERTIFICATES_MAX);
}

/* --- real ones --------------------------------------------------------------------------------------------------- */

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

/* The server's signature is good over the hash as it was read here: nothing says it better that all was read right. */
static void verify_server(const char *name, const struct ks_transcript13 *transcript)
{
	uint8_t input[64 + 34 + 64] = { 0 };
	uint8_t client[64];
	struct ks_bytes spki;
	struct ks_public_key *key;

	memset(input, ' ', 64);
	memcpy(input + 64, "TLS 1.3, server CertificateVerify", 34);
	assert_int_equal(ks_transcript13_hash(transcript, input + 98, client), 0);
	assert_int_equal(ks_spki_of_certificate(transcript->server.list.items[0], &spki), 0);
	assert_int_equal(ks_public_key_new(spki, &key), 0);
	if (ks_public_key_verify(key, ks_scheme_find(transcript->server_verify.scheme),
				 ks_bytes(input, 98 + ks_hash_size(transcript->hash)),
				 transcript->server_verify.signature) < 0)
		fail_msg("%s: the server's signature does not fit", name);
	ks_public_key_free(key);
}

static void read_real(const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	struct ks_transcript13 transcript;
	struct ks_signable_refusal refusal;

	read_file(name, &bytes);
	int r = ks_transcript13_read(ks_buffer_bytes(&bytes), &transcript, &refusal);
	if (strstr(name, "resumed")) {
		assert_true(r < 0 && strstr(refusal.text, "the session was resumed"));
		return;
	}
	if (r < 0)
		fail_msg("%s: %s", name, refusal.text);
	verify_server(name, &transcript);
	assert_int_equal(transcript.is_post_handshake, strstr(name, "asked-later") != NULL);
	assert_int_equal(transcript.first_client_hello.size > 0, strstr(name, "retry") != NULL);
	assert_int_equal(transcript.hash == KS_HASH_SHA384, strstr(name, "sha256-suite") == NULL);
	assert_int_equal(transcript.server.ocsp_response.size > 0, strstr(name, "staple") != NULL);
}

static void test_transcript13_reads_what_other_implementations_sign(void **state)
{
	DIR *folder = opendir(CORPUS);
	size_t n = 0;

	(void)state;
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		if (strncmp(entry->d_name, "real-", 5) == 0) {
			read_real(entry->d_name);
			n++;
		} else if (strncmp(entry->d_name, "refused-", 8) == 0) {
			KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
			read_file(entry->d_name, &bytes);
			refuses(ks_buffer_bytes(&bytes), "");
		}
	}
	(void)closedir(folder);
	assert_true(n >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transcript13_gives_suite_certificates_staple_and_signature),
		cmocka_unit_test(test_transcript13_reads_a_handshake_without_a_staple),
		cmocka_unit_test(test_transcript13_reads_post_handshake_authentication),
		cmocka_unit_test(test_transcript13_reads_a_sha384_suite),
		cmocka_unit_test(test_transcript13_tells_message_hash_from_a_whole_first_hello),
		cmocka_unit_test(test_transcript13_hash_puts_message_hash_for_a_whole_first_hello),
		cmocka_unit_test(test_transcript13_refuses_any_message_with_a_byte_more_or_less),
		cmocka_unit_test(test_transcript13_refuses_any_beginning_of_a_transcript),
		cmocka_unit_test(test_transcript13_refuses_bytes_behind),
		cmocka_unit_test(test_transcript13_refuses_wrong_lengths_by_name),
		cmocka_unit_test(test_transcript13_refuses_any_message_left_out),
		cmocka_unit_test(test_transcript13_says_what_is_in_the_wrong_place),
		cmocka_unit_test(test_transcript13_refuses_a_transcript_without_any_request),
		cmocka_unit_test(test_transcript13_never_misreads_compressed_certificates),
		cmocka_unit_test(test_transcript13_refuses_raw_public_keys),
		cmocka_unit_test(test_transcript13_refuses_early_data_without_a_session),
		cmocka_unit_test(test_transcript13_refuses_delegated_credentials),
		cmocka_unit_test(test_transcript13_refuses_contexts_that_do_not_fit),
		cmocka_unit_test(test_transcript13_refuses_a_request_without_schemes),
		cmocka_unit_test(test_transcript13_refuses_a_later_request_that_nobody_offered),
		cmocka_unit_test(test_transcript13_refuses_certificates_that_are_none_or_too_many),
		cmocka_unit_test(test_transcript13_reads_what_other_implementations_sign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
