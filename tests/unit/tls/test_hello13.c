/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/tls/hello13.h, rule by rule: whole transcripts made by tests/hostile/transcript13_maker.c with one thing
 * wrong in a hello or in its extensions.
 */
#include "lib/tls/hello13.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/tls/read13.h"

static const struct ks_plan13 plain;
static const struct ks_plan13 retried = { .with_retry = true };
static const struct ks_plan13 retried_whole = { .with_first_hello = true };

/* --- ClientHello ------------------------------------------------------------------------------------------------- */

static void test_hello13_refuses_a_client_that_does_not_offer_tls13(void **state)
{
	(void)state;
	REFUSES("does not offer TLS 1.3", WITHOUT(CLIENT_HELLO, 43));
	REFUSES("does not offer TLS 1.3", WITH(CLIENT_HELLO, 43, TEXT("\x04\x03\x03\x7f\x1c")));
	refuses_patched(&plain, KS_PLAN13_CLIENT_HELLO, 0, AT_VERSION, TEXT("\x03\x04"), "says version 0x0304");
}

static void test_hello13_refuses_a_client_that_offers_compression(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer changed = { 0 };

	(void)state;
	write_plan(&plain, &bytes);
	assert_memory_equal(bytes.data + AT_COMPRESSIONS, "\x01\x00", 2);
	ks_buffer_put(&changed, ks_bytes(bytes.data, AT_COMPRESSIONS));
	ks_buffer_put(&changed, TEXT("\x02\x01"));
	ks_buffer_put(&changed, ks_bytes(bytes.data + AT_COMPRESSIONS + 1, bytes.size - AT_COMPRESSIONS - 1));
	size_t size = ((size_t)bytes.data[2] << 8 | bytes.data[3]) + 1;
	changed.data[2] = (uint8_t)(size >> 8);
	changed.data[3] = (uint8_t)size;
	refuses(ks_buffer_bytes(&changed), "which TLS 1.3 forbids");
}

static void test_hello13_refuses_a_pre_shared_key_that_is_not_last(void **state)
{
	static const char keys[] = "\x00\x0a\x00\x04tick\x00\x00\x00\x00\x00\x21\x20"
				   "a binder is a hash of 32 bytes..";

	(void)state;
	READS(WITH(CLIENT_HELLO, 41, TEXT(keys))); /* offered and not taken */
	REFUSES("is not its last extension", .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 41, false, TEXT(keys) },
							{ KS_PLAN13_IN_CLIENT_HELLO, 57, false, TEXT("more") } });
}

/* --- ServerHello ------------------------------------------------------------------------------------------------- */

static void test_hello13_refuses_resumed_sessions(void **state)
{
	static const char keys[] = "\x00\x0a\x00\x04tick\x00\x00\x00\x00\x00\x21\x20"
				   "a binder is a hash of 32 bytes..";

	(void)state;
	REFUSES("the session was resumed", .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 41, false, TEXT(keys) },
						      { KS_PLAN13_IN_SERVER_HELLO, 41, false, TEXT("\x00\x00") } });
	REFUSES("the session was resumed", .is_asked_later = true,
		.edits = { { KS_PLAN13_IN_CLIENT_HELLO, 41, false, TEXT(keys) },
			   { KS_PLAN13_IN_SERVER_HELLO, 41, false, TEXT("\x00\x00") } });
}

static void test_hello13_refuses_other_versions(void **state)
{
	(void)state;
	REFUSES("did not choose TLS 1.3", WITHOUT(SERVER_HELLO, 43));
	REFUSES("chose version 0x7f1c", WITH(SERVER_HELLO, 43, TEXT("\x7f\x1c")));
	REFUSES("chose version 0x0303", WITH(RETRY, 43, TEXT("\x03\x03")), .with_retry = true);
	refuses_patched(&plain, KS_PLAN13_SERVER_HELLO, 0, AT_VERSION, TEXT("\xfe\xfd"), "says version 0xfefd");
}

static void test_hello13_refuses_an_answer_to_another_hello(void **state)
{
	(void)state;
	refuses_patched(&plain, KS_PLAN13_SERVER_HELLO, 0, AT_SESSION_ID, TEXT("x"),
			"ServerHello does not repeat the client's legacy_session_id");
	refuses_patched(&retried, KS_PLAN13_SERVER_HELLO, 0, AT_SESSION_ID, TEXT("x"),
			"HelloRetryRequest does not repeat the client's legacy_session_id");
}

static void test_hello13_refuses_suites_unknown_or_not_offered(void **state)
{
	(void)state;
	REFUSES("0xc02b is not one of TLS 1.3", .suite = 0xc02b);
	REFUSES("0x1304, which the client did not offer", .suite = 0x1304);
	refuses_patched(&plain, KS_PLAN13_SERVER_HELLO, 0, AT_COMPRESSION, TEXT("\x01"), "chose to compress");
}

static void test_hello13_refuses_answers_nobody_asked_for(void **state)
{
	(void)state;
	REFUSES("the ServerHello has the extension 4711, which nobody", WITH(SERVER_HELLO, 4711, KS_BYTES_NONE));
	REFUSES("HelloRetryRequest has the extension 4711", WITH(RETRY, 4711, KS_BYTES_NONE), .with_retry = true);
	REFUSES("EncryptedExtensions has the extension 28", WITH(ENCRYPTED, 28, TEXT("\x40\x00")));
	REFUSES("Certificate has the extension 4711", WITH(SERVER_LEAF, 4711, KS_BYTES_NONE));
	REFUSES("Certificate has the extension 4711", WITH(SERVER_ISSUER, 4711, KS_BYTES_NONE), .n_issuers = 1);
	REFUSES("Certificate has the extension 4711", WITH(CLIENT_LEAF, 4711, KS_BYTES_NONE));
	READS(.edits = { { KS_PLAN13_IN_CLIENT_HELLO, 4711, false, TEXT("?") },
			 { KS_PLAN13_IN_ENCRYPTED, 4711, false, TEXT("!") } });
	READS(WITH(CLIENT_LEAF, 5, TEXT("\x01\x00\x00\x01x")));
}

static void test_hello13_refuses_extensions_out_of_place(void **state)
{
	(void)state;
	REFUSES("signature_algorithms must not be in the ServerHello",
		WITH(SERVER_HELLO, 13, TEXT("\x00\x02\x04\x03")));
	REFUSES("pre_shared_key must not be in the HelloRetryRequest", WITH(RETRY, 41, TEXT("\x00\x00")),
		.with_retry = true);
	REFUSES("key_share must not be in the EncryptedExtensions", WITH(ENCRYPTED, 51, TEXT("\x00\x1d\x00\x01x")));
	REFUSES("supported_groups must not be in the CertificateRequest", WITH(REQUEST, 10, TEXT("\x00\x02\x00\x1d")));
	REFUSES("server_name must not be in the Certificate", WITH(SERVER_LEAF, 0, KS_BYTES_NONE));
	REFUSES("ec_point_formats must not be in the EncryptedExtensions", WITH(ENCRYPTED, 11, TEXT("\x01\x00")));
}

static void test_hello13_reads_known_extensions_to_their_ends(void **state)
{
	static const struct {
		enum ks_plan13_place place;
		uint16_t type;
		const char *body;
		size_t size;
	} wrong[] = {
		{ KS_PLAN13_IN_CLIENT_HELLO, 44, "\x00\x00", 2 },
		{ KS_PLAN13_IN_CLIENT_HELLO, 42, "x", 1 },
		{ KS_PLAN13_IN_CLIENT_HELLO, 47, "\x00\x03\x00\x02x", 5 },
		{ KS_PLAN13_IN_CLIENT_HELLO, 51, "\x00\x05\x00\x1d\x00\x02x", 7 },
		{ KS_PLAN13_IN_CLIENT_HELLO, 34, "\x00\x01\x04", 3 },
		{ KS_PLAN13_IN_SERVER_HELLO, 51, "\x00\x1d\x00\x02x", 5 },
		{ KS_PLAN13_IN_SERVER_HELLO, 51, "\x00\x1d\x00\x00", 4 },
		{ KS_PLAN13_IN_SERVER_HELLO, 43, "\x03\x04\x00", 3 },
		{ KS_PLAN13_IN_ENCRYPTED, 0, "x", 1 },
		{ KS_PLAN13_IN_ENCRYPTED, 10, "\x00\x03\x00\x1d\x00", 5 },
		{ KS_PLAN13_IN_ENCRYPTED, 16, "\x00\x04\x02h2", 5 },
		{ KS_PLAN13_IN_REQUEST, 13, "\x00\x00", 2 },
		{ KS_PLAN13_IN_REQUEST, 13, "\x00\x03\x04\x03\x08", 5 },
		{ KS_PLAN13_IN_REQUEST, 47, "\x00\x00", 2 },
		{ KS_PLAN13_IN_REQUEST, 48, "\x00\x04\x03oid", 6 },
		{ KS_PLAN13_IN_SERVER_LEAF, 5, "\x02\x00\x00\x01x", 5 },
		{ KS_PLAN13_IN_SERVER_LEAF, 5, "\x01\x00\x00\x00", 4 },
		{ KS_PLAN13_IN_SERVER_LEAF, 5, "\x01\x00\x00\x01xy", 6 },
		{ KS_PLAN13_IN_SERVER_LEAF, 18, "\x00\x00", 2 },
		{ KS_PLAN13_IN_SERVER_LEAF, 18, "\x00\x03\x00\x02x", 5 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		REFUSES("has a wrong length inside",
			.edits = { { wrong[i].place, wrong[i].type, false, ks_bytes(wrong[i].body, wrong[i].size) } });
	REFUSES("EncryptedExtensions has the extension 4711 twice",
		.edits = { { KS_PLAN13_IN_CLIENT_HELLO, 4711, false, TEXT("?") },
			   { KS_PLAN13_IN_ENCRYPTED, 4711, false, TEXT("!") },
			   { KS_PLAN13_IN_ENCRYPTED, 4711, false, TEXT("!") } });
}

static void test_hello13_refuses_key_shares_that_do_not_meet(void **state)
{
	(void)state;
	REFUSES("has no key share", WITHOUT(SERVER_HELLO, 51));
	REFUSES("a group for which the client sent none", WITH(SERVER_HELLO, 51, TEXT("\x00\x17\x00\x05other")));
}

/* --- HelloRetryRequest ------------------------------------------------------------------------------------------- */

static void test_hello13_refuses_a_retry_in_the_wrong_place(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer bytes = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer twice = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer only = { 0 };

	(void)state;
	write_plan(&retried, &bytes);
	struct ks_bytes all = ks_buffer_bytes(&bytes);
	struct ks_bytes retry = ks_transcript13_maker_find(all, KS_PLAN13_SERVER_HELLO, 0);
	struct ks_bytes server = ks_transcript13_maker_find(all, KS_PLAN13_SERVER_HELLO, 1);
	/* a second one, where the ServerHello should be */
	ks_transcript13_maker_replace(all, server, retry, &twice);
	refuses(ks_buffer_bytes(&twice), "has a HelloRetryRequest where its ServerHello should be");
	/* a ServerHello after message_hash */
	ks_transcript13_maker_replace(all, retry, server, &only);
	refuses(ks_buffer_bytes(&only), "no HelloRetryRequest after its message_hash");
	/* no hello before it, hashed or whole */
	refuses(ks_bytes(retry.data, (size_t)(all.data + all.size - retry.data)),
		"has a ServerHello where the client's ClientHello should be");
	refuses_replaced(&retried, KS_PLAN13_SERVER_HELLO, 0, KS_BYTES_NONE,
			 "has a ClientHello where the server's ServerHello should be");
}

static void test_hello13_refuses_a_retry_that_asks_for_nothing(void **state)
{
	(void)state;
	REFUSES("asks for no change", .with_retry = true,
		.edits = { { KS_PLAN13_IN_RETRY, 51, true, KS_BYTES_NONE },
			   { KS_PLAN13_IN_RETRY, 44, true, KS_BYTES_NONE },
			   { KS_PLAN13_IN_CLIENT_HELLO, 44, true, KS_BYTES_NONE } });
	READS(.with_retry = true, .edits = { { KS_PLAN13_IN_RETRY, 51, true, KS_BYTES_NONE } });
	READS(.with_retry = true, .edits = { { KS_PLAN13_IN_RETRY, 44, true, KS_BYTES_NONE },
					     { KS_PLAN13_IN_CLIENT_HELLO, 44, true, KS_BYTES_NONE } });
}

static void test_hello13_refuses_a_cookie_of_somebody_else(void **state)
{
	(void)state;
	REFUSES("does not have the HelloRetryRequest's cookie", .with_retry = true,
		WITH(CLIENT_HELLO, 44, TEXT("\x00\x05other")));
	REFUSES("has the extension 44, which nobody asked for", .with_retry = true, WITHOUT(CLIENT_HELLO, 44));
	REFUSES("no HelloRetryRequest gave it one", WITH(CLIENT_HELLO, 44, TEXT("\x00\x05other")));
}

static void test_hello13_refuses_a_share_that_the_retry_did_not_ask_for(void **state)
{
	(void)state;
	REFUSES("does not have the key share", .with_retry = true, WITH(RETRY, 51, TEXT("\x00\x18")));
	REFUSES("does not have the key share", .with_retry = true,
		WITH(CLIENT_HELLO, 51, TEXT("\x00\x0a\x00\x17\x00\x01x\x00\x1d\x00\x01y")));
	REFUSES("announces early data", .with_retry = true, WITH(CLIENT_HELLO, 42, KS_BYTES_NONE));
}

static void test_hello13_refuses_another_suite_after_a_retry(void **state)
{
	(void)state;
	refuses_patched(&retried, KS_PLAN13_SERVER_HELLO, 1, AT_SUITE, TEXT("\x13\x03"),
			"another cipher suite than the HelloRetryRequest");
}

static void test_hello13_refuses_two_hellos_of_different_handshakes(void **state)
{
	static const char words[] = "are of different handshakes";

	(void)state;
	refuses_patched(&retried_whole, KS_PLAN13_CLIENT_HELLO, 0, AT_RANDOM, TEXT("x"), words);
	refuses_patched(&retried_whole, KS_PLAN13_CLIENT_HELLO, 0, AT_SESSION_ID, TEXT("x"), words);
	refuses_patched(&retried_whole, KS_PLAN13_CLIENT_HELLO, 0, AT_SUITES, TEXT("\x1a\x1a"), words);
	REFUSES(words, .with_first_hello = true,
		WITH(FIRST_HELLO, 0,
		     TEXT("\x00\x0f\x00\x00\x0c"
			  "evil.example")));
	REFUSES(words, .with_first_hello = true, WITHOUT(FIRST_HELLO, 0));
	REFUSES(words, .with_first_hello = true, WITH(FIRST_HELLO, 13, TEXT("\x00\x02\x04\x03")));
	REFUSES(words, .with_first_hello = true, WITH(FIRST_HELLO, 43, TEXT("\x02\x03\x04")));
	refuses_patched(&retried_whole, KS_PLAN13_CLIENT_HELLO, 0, AT_VERSION, TEXT("\x03\x02"), "says version 0x0302");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello13_refuses_a_client_that_does_not_offer_tls13),
		cmocka_unit_test(test_hello13_refuses_a_client_that_offers_compression),
		cmocka_unit_test(test_hello13_refuses_a_pre_shared_key_that_is_not_last),
		cmocka_unit_test(test_hello13_refuses_resumed_sessions),
		cmocka_unit_test(test_hello13_refuses_other_versions),
		cmocka_unit_test(test_hello13_refuses_an_answer_to_another_hello),
		cmocka_unit_test(test_hello13_refuses_suites_unknown_or_not_offered),
		cmocka_unit_test(test_hello13_refuses_answers_nobody_asked_for),
		cmocka_unit_test(test_hello13_refuses_extensions_out_of_place),
		cmocka_unit_test(test_hello13_reads_known_extensions_to_their_ends),
		cmocka_unit_test(test_hello13_refuses_key_shares_that_do_not_meet),
		cmocka_unit_test(test_hello13_refuses_a_retry_in_the_wrong_place),
		cmocka_unit_test(test_hello13_refuses_a_retry_that_asks_for_nothing),
		cmocka_unit_test(test_hello13_refuses_a_cookie_of_somebody_else),
		cmocka_unit_test(test_hello13_refuses_a_share_that_the_retry_did_not_ask_for),
		cmocka_unit_test(test_hello13_refuses_another_suite_after_a_retry),
		cmocka_unit_test(test_hello13_refuses_two_hellos_of_different_handshakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
