/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of lib/tls/server_claim.h: handshakes that OpenSSL really makes give claims whose server signatures are good,
 * and each rule that keeps a handshake from being proven refuses one that breaks it alone.
 */
#include "lib/tls/server_claim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "lib/base/cleanup.h"
#include "lib/tls/verify_signature.h"
#include "tests/hostile/transcript13_maker.h"
#include "tests/hostile/transcript_maker.h"
#include "tests/unit/tls/handshake.h"

KS_DEFINE_CLEANUP(X509 *, X509_free)

#define TEXT(text) ks_bytes(text, sizeof(text) - 1)
#define SNI(length, name) TEXT("\x00" length "\x00" name)

struct asked {
	struct ks_signable signable;
	struct ks_spki spki;
	struct ks_bytes input;
	struct ks_bytes transcript;
};

static int read_claim(const struct asked *asked, struct ks_server_claim *ret_claim, char reason[256])
{
	return ks_server_claim_read(&asked->signable, asked->input, asked->transcript, &asked->spki, ret_claim, reason);
}

static void refuses(const struct asked *asked, const char *words)
{
	struct ks_server_claim claim = { .scheme = 0x4711 };
	char reason[256] = "";
	int r = read_claim(asked, &claim, reason);

	if (r == 0)
		fail_msg("it is a claim, instead of: %s", words);
	assert_int_equal(r, KS_ERR_RULE_UNPROVABLE);
	if (!strstr(reason, words))
		fail_msg("\"%s\" does not say \"%s\"", reason, words);
	/* One clause: it ends a sentence of somebody else's. */
	assert_true(strlen(reason) > 20 && reason[strlen(reason) - 1] != '.');
	assert_int_equal(claim.scheme, 0x4711);
	assert_null(claim.signed_input.data);
}

/* The leaf's key verifies the server's signature over what the claim says was signed. */
static void verify_claim(const struct ks_server_claim *claim)
{
	struct ks_bytes spki;
	struct ks_public_key *key;

	assert_true(claim->n_certificates >= 1 && claim->n_certificates <= KS_PROOF_CERTIFICATES_MAX);
	assert_int_equal(ks_spki_of_certificate(claim->certificates[0], &spki), 0);
	assert_int_equal(ks_public_key_new(spki, &key), 0);
	assert_int_equal(ks_public_key_verify(key, ks_scheme_find(claim->scheme), ks_buffer_bytes(&claim->signed_input),
					      claim->signature),
			 0);
	ks_public_key_free(key);
}

/* --- real handshakes --------------------------------------------------------------------------------------------- */

static struct asked ask(const struct ks_handshake *handshake, const struct ks_buffer *transcript)
{
	struct asked asked = { .input = ks_buffer_bytes(&handshake->input) };
	struct ks_signable_refusal refusal;

	if (transcript)
		asked.transcript = ks_buffer_bytes(transcript);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&handshake->spki), &asked.spki), 0);
	assert_int_equal(ks_signable_check(asked.input, handshake->scheme, &asked.spki, &asked.signable, &refusal), 0);
	return asked;
}

#define HANDSHAKE13(...) (&(struct ks_handshake_setup){ .version = TLS1_3_VERSION, __VA_ARGS__ })
#define HANDSHAKE12(...) (&(struct ks_handshake_setup){ .version = TLS1_2_VERSION, __VA_ARGS__ })

static void shake_hands(const struct ks_handshake_setup *setup, struct ks_handshake *ret_handshake)
{
	struct ks_handshake_setup whole = *setup;

	whole.client_key = "P-256";
	whole.server_key = setup->server_key ? setup->server_key : "P-256";
	whole.server_name = "Host.EXAMPLE";
	ks_handshake_run(&whole, ret_handshake);
}

static void proves(const struct ks_handshake_setup *setup)
{
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };
	bool is_tls13 = setup->version == TLS1_3_VERSION;

	shake_hands(setup, &handshake);
	/* In TLS 1.3 twice: as it was sent, and as it is hashed. */
	for (int i = 0; i < (is_tls13 ? 2 : 1); i++) {
		struct asked asked = ask(&handshake, i == 0 ? &handshake.messages : &handshake.hashed);
		KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
		char reason[256] = "";
		if (read_claim(&asked, &claim, reason) < 0)
			fail_msg("%s", reason);
		verify_claim(&claim);
		assert_string_equal(claim.server_name, "host.example");
		assert_int_equal(claim.is_tls13, is_tls13);
		assert_int_equal(claim.is_post_handshake, is_tls13 && (setup->asks_later || setup->asks_twice));
		assert_int_equal(claim.n_certificates, 1 + setup->n_server_issuers);
		assert_int_equal(claim.ocsp_response.size > 0, setup->with_staple);
		if (setup->with_staple)
			assert_memory_equal(claim.ocsp_response.data, "an OCSP response", 16);
	}
}

static void test_server_claim_of_real_tls13_handshakes(void **state)
{
	static const char *const keys[] = { "P-256", "P-384", "P-521", "RSA-2048", "RSA-PSS-2048", "Ed25519" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		proves(HANDSHAKE13(.server_key = keys[i]));
	proves(HANDSHAKE13(.suites13 = "TLS_AES_128_GCM_SHA256"));
	proves(HANDSHAKE13(.suites13 = "TLS_AES_256_GCM_SHA384", .with_staple = true, .with_alpn = true));
	proves(HANDSHAKE13(.n_server_issuers = 3, .with_ca_names = true, .with_chain = true));
}

static void test_server_claim_of_a_handshake_with_hello_retry_request(void **state)
{
	(void)state;
	proves(HANDSHAKE13(.groups = "P-521"));
	proves(HANDSHAKE13(.groups = "P-384", .suites13 = "TLS_CHACHA20_POLY1305_SHA256"));
}

static void test_server_claim_of_post_handshake_authentication(void **state)
{
	(void)state;
	proves(HANDSHAKE13(.asks_later = true));
	proves(HANDSHAKE13(.asks_later = true, .asks_twice = true));
	proves(HANDSHAKE13(.asks_later = true, .asks_always = true));
	proves(HANDSHAKE13(.asks_later = true, .groups = "P-384"));
}

static void test_server_claim_of_real_tls12_handshakes(void **state)
{
	static const char *const keys[] = { "P-256", "P-384", "RSA-2048", "RSA-PSS-2048", "Ed25519" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		proves(HANDSHAKE12(.server_key = keys[i]));
	proves(HANDSHAKE12(.server_key = "RSA-2048", .suites = "DHE-RSA-AES128-GCM-SHA256"));
	proves(HANDSHAKE12(.with_staple = true, .n_server_issuers = 2));
	proves(HANDSHAKE12(.only_version = true));
}

static void test_server_claim_of_a_renegotiation_that_the_server_answers(void **state)
{
	(void)state;
	proves(HANDSHAKE12(.asks_later = true));
}

static void test_server_claim_refuses_a_resumed_session(void **state)
{
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	shake_hands(HANDSHAKE13(.resumes = true, .asks_later = true), &handshake);
	struct asked asked = ask(&handshake, &handshake.messages);
	refuses(&asked, "the session was resumed");
}

static void test_server_claim_refuses_another_handshake_than_the_signed_one(void **state)
{
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake first = { 0 };
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake second = { 0 };

	(void)state;
	shake_hands(HANDSHAKE13(.suites13 = "TLS_AES_128_GCM_SHA256"), &first);
	shake_hands(HANDSHAKE13(.suites13 = "TLS_AES_256_GCM_SHA384"), &second);
	struct asked asked = ask(&first, &second.messages);
	refuses(&asked, "not the one that it wants signed");
	asked = ask(&second, &first.messages);
	refuses(&asked, "not the one that it wants signed");
	/* one bit of a random, which nothing else looks at */
	first.messages.data[10] ^= 1;
	asked = ask(&first, &first.messages);
	refuses(&asked, "not the one that it wants signed");
}

static void test_server_claim_says_what_to_do_without_a_transcript(void **state)
{
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };

	(void)state;
	shake_hands(HANDSHAKE13(.server_key = "P-256"), &handshake);
	struct asked asked = ask(&handshake, NULL);
	refuses(&asked, "start it by: keystay run");
}

static void test_server_claim_of_a_digest_is_none(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	struct asked asked = { .input = TEXT("0123456789abcdef0123456789abcdef") };
	struct ks_signable_refusal refusal;

	(void)state;
	ks_handshake_put_spki(&spki, "P-256");
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&spki), &asked.spki), 0);
	assert_int_equal(ks_signable_check_digest(asked.input, 0x0403, &asked.spki, &asked.signable, &refusal), 0);
	refuses(&asked, "a digest says nothing of what it is for");
}

/* --- handmade ones ----------------------------------------------------------------------------------------------- */

/* The key that is to sign, and its certificate. */
struct fixture {
	struct ks_buffer spki;
	struct ks_buffer certificate;
	struct ks_buffer other_certificate;
};

static struct fixture fixture;

static int set_up(void **state)
{
	KS_CLEANUP(X509_freep) X509 *certificate = ks_handshake_certificate("P-256", "client");
	KS_CLEANUP(X509_freep) X509 *other = ks_handshake_certificate("P-384", "somebody");

	(void)state;
	ks_handshake_put_spki(&fixture.spki, "P-256");
	ks_handshake_put_certificate(&fixture.certificate, certificate);
	ks_handshake_put_certificate(&fixture.other_certificate, other);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ks_buffer_deinit(&fixture.spki);
	ks_buffer_deinit(&fixture.certificate);
	ks_buffer_deinit(&fixture.other_certificate);
	return 0;
}

/* A TLS 1.3 signature over exactly this transcript, which has no whole first ClientHello. */
static struct asked ask13(struct ks_bytes transcript, enum ks_hash hash, uint16_t scheme, struct ks_buffer *input)
{
	struct asked asked = { .transcript = transcript };
	struct ks_signable_refusal refusal;
	uint8_t digest[64];
	const EVP_MD *md = hash == KS_HASH_SHA384 ? EVP_sha384() : EVP_sha256();

	assert_int_equal(EVP_Digest(transcript.data, transcript.size, digest, NULL, md, NULL), 1);
	for (int i = 0; i < 64; i++)
		ks_buffer_put_u8(input, ' ');
	ks_buffer_put(input, ks_bytes("TLS 1.3, client CertificateVerify", 34));
	ks_buffer_put(input, ks_bytes(digest, ks_hash_size(hash)));
	asked.input = ks_buffer_bytes(input);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&fixture.spki), &asked.spki), 0);
	assert_int_equal(ks_signable_check(asked.input, scheme, &asked.spki, &asked.signable, &refusal), 0);
	return asked;
}

/* words: of the refusal; NULL when it must be a claim. */
static void check13(const struct ks_plan13 *plan, enum ks_hash hash, const char *words, const char *server_name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer transcript = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_plan13 whole = *plan;

	if (!whole.client_certificate.data)
		whole.client_certificate = ks_buffer_bytes(&fixture.certificate);
	ks_transcript13_maker_write(&whole, &transcript);
	struct asked asked = ask13(ks_buffer_bytes(&transcript), hash, 0x0403, &input);
	if (words) {
		refuses(&asked, words);
		return;
	}
	KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
	char reason[256] = "";
	if (read_claim(&asked, &claim, reason) < 0)
		fail_msg("%s", reason);
	assert_string_equal(claim.server_name, server_name);
}

#define REFUSES13(words, ...) check13(&(struct ks_plan13){ __VA_ARGS__ }, KS_HASH_SHA256, words, NULL)
#define WITH_NAME(body) .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 0, false, body } }

/* As check13(), for TLS 1.2; change may patch the transcript. */
static void check12(const struct ks_transcript_plan *plan, void (*change)(struct ks_buffer *input), const char *words,
		    const char *server_name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_transcript_plan whole = *plan;
	struct ks_signable_refusal refusal = { "" };
	struct asked asked = { 0 };

	whole.client_certificate = ks_buffer_bytes(&fixture.certificate);
	ks_transcript_maker_write(&whole, &input);
	if (change)
		change(&input);
	asked.input = ks_buffer_bytes(&input);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&fixture.spki), &asked.spki), 0);
	/* All of these may be signed. */
	if (ks_signable_check(asked.input, 0x0403, &asked.spki, &asked.signable, &refusal) < 0)
		fail_msg("%s", refusal.text);
	if (words) {
		refuses(&asked, words);
		return;
	}
	KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
	char reason[256] = "";
	if (read_claim(&asked, &claim, reason) < 0)
		fail_msg("%s", reason);
	assert_string_equal(claim.server_name, server_name);
}

#define REFUSES12(words, ...) check12(&(struct ks_transcript_plan){ __VA_ARGS__ }, NULL, words, NULL)

static void test_server_claim_takes_both_handmade_handshakes(void **state)
{
	(void)state;
	check13(&(struct ks_plan13){ 0 }, KS_HASH_SHA256, NULL, "host.example");
	check13(&(struct ks_plan13){ .suite = 0x1302, .digest_size = 48 }, KS_HASH_SHA384, NULL, "host.example");
	check12(&(struct ks_transcript_plan){ 0 }, NULL, NULL, "host.example");
	check12(&(struct ks_transcript_plan){ .with_grease = true, .with_staple = true }, NULL, NULL, "host.example");
}

static void test_server_claim_holds_the_hash_to_the_suite(void **state)
{
	(void)state;
	/* The right bytes, hashed with the hash of another suite. */
	check13(&(struct ks_plan13){ 0 }, KS_HASH_SHA384, "not the one that it wants signed", NULL);
	check13(&(struct ks_plan13){ .suite = 0x1302, .digest_size = 48 }, KS_HASH_SHA256,
		"not the one that it wants signed", NULL);
}

static void test_server_claim_refuses_the_certificate_of_another_key(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct asked asked = { 0 };
	struct ks_transcript_plan plan = { .client_certificate = ks_buffer_bytes(&fixture.other_certificate) };
	struct ks_signable_refusal refusal;

	(void)state;
	REFUSES13("is of another key", .client_certificate = ks_buffer_bytes(&fixture.other_certificate));
	REFUSES13("is of another key", .client_certificate = TEXT("\x30\x03\x02\x01\x05"));
	/* In TLS 1.2 it may not even be signed; the claim looks all the same. */
	ks_transcript_maker_write(&plan, &input);
	asked.input = ks_buffer_bytes(&input);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&fixture.spki), &asked.spki), 0);
	assert_true(ks_signable_check(asked.input, 0x0403, &asked.spki, &asked.signable, &refusal) < 0);
	asked.signable.kind = KS_SIGNABLE_TLS12_CLIENT;
	refuses(&asked, "is of another key");
}

static void test_server_claim_refuses_a_scheme_that_the_server_did_not_ask_for(void **state)
{
	(void)state;
	REFUSES13("did not ask for the signature scheme ecdsa_secp256r1_sha256",
		  .edits = { { KS_PLAN13_IN_REQUEST, 13, false, TEXT("\x00\x02\x08\x04") } });
	/* What counts is the request that is answered. */
	REFUSES13("did not ask for the signature scheme", .is_asked_always = true,
		  .edits = { { KS_PLAN13_IN_LATER_REQUEST, 13, false, TEXT("\x00\x02\x08\x04") } });
}

static void test_server_claim_refuses_weak_unknown_and_unoffered_server_schemes(void **state)
{
	static const char weak[] = "\x03\x00\x1d\x01x\x02\x01\x00\x01s";      /* rsa_pkcs1_sha1 */
	static const char unknown[] = "\x03\x00\x1d\x01x\x08\x08\x00\x01s";   /* ed448 */
	static const char not_asked[] = "\x03\x00\x1d\x01x\x08\x06\x00\x01s"; /* rsa_pss_rsae_sha512 */

	(void)state;
	REFUSES13("0x0201, which is too weak or not known", .scheme = 0x0201);
	REFUSES13("0x0401, which is too weak or not known", .scheme = 0x0401); /* offered, but not for this */
	REFUSES13("0x0808, which is too weak or not known", .scheme = 0x0808);
	REFUSES13("rsa_pss_rsae_sha512, which the client did not offer", .scheme = 0x0806);
	REFUSES13("which the client did not offer",
		  .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 13, true, KS_BYTES_NONE } });
	REFUSES12("0x0201, which is too weak", .server_key_exchange = TEXT(weak));
	REFUSES12("0x0808, which is too weak or not known", .server_key_exchange = TEXT(unknown));
	REFUSES12("which the client did not offer", .server_key_exchange = TEXT(not_asked));
}

static void test_server_claim_refuses_an_oversized_signature(void **state)
{
	uint8_t exchange[5 + 4 + KS_SIGNATURE_MAX + 1] = {
		3, 0, 0x1d, 1, 'x', 8, 4, (KS_SIGNATURE_MAX + 1) >> 8, (KS_SIGNATURE_MAX + 1) & 0xff
	};

	(void)state;
	REFUSES13("signature has 1025 bytes", .signature = ks_bytes(exchange + 8, KS_SIGNATURE_MAX + 1));
	REFUSES12("signature has 1025 bytes", .server_key_exchange = ks_bytes(exchange, sizeof(exchange)));
}

/* --- which server ------------------------------------------------------------------------------------------------ */

static void test_server_claim_needs_a_server_name(void **state)
{
	(void)state;
	REFUSES13("did not say which server it wants", .edits = { { KS_PLAN13_IN_CLIENT_HELLO, 0, true, KS_BYTES_NONE },
								  { KS_PLAN13_IN_ENCRYPTED, 0, true, KS_BYTES_NONE } });
}

static void name_is(const char *name, const char *expected, const char *words)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	size_t size = strlen(name);

	ks_buffer_put_u16(&body, (uint16_t)(3 + size));
	ks_buffer_put_u8(&body, 0);
	ks_buffer_put_u16(&body, (uint16_t)size);
	ks_buffer_put(&body, ks_bytes_text(name));
	check13(&(struct ks_plan13){ WITH_NAME(ks_buffer_bytes(&body)) }, KS_HASH_SHA256, words, expected);
	check12(&(struct ks_transcript_plan){ .server_name = ks_buffer_bytes(&body) }, NULL, words, expected);
}

static void test_server_claim_takes_dns_names_in_lower_case(void **state)
{
	(void)state;
	name_is("WWW.Corp.EXAMPLE", "www.corp.example", NULL);
	name_is("localhost", "localhost", NULL);
	name_is("host.0example", "host.0example", NULL);
	name_is("_service.xn--bcher-kva.example", "_service.xn--bcher-kva.example", NULL);
	name_is("192-0-2-1.example", "192-0-2-1.example", NULL);
	name_is("4.3.2.1.in-addr.arpa", "4.3.2.1.in-addr.arpa", NULL);
}

static void test_server_claim_refuses_what_is_no_dns_name(void **state)
{
	static const char malformed[] = "not a well-formed DNS name";
	char label[65 + 8] = "";
	char name[260] = "";

	(void)state;
	name_is("www.corp.example.", NULL, "ends with a dot");
	name_is("192.0.2.1", NULL, "an address");
	name_is("host.0x7f", NULL, "an address");
	name_is("2130706433", NULL, "an address");
	name_is("::1", NULL, malformed);
	name_is("*.corp.example", NULL, malformed);
	name_is("b\xc3\xbc"
		"cher.example",
		NULL, malformed);
	name_is("host example", NULL, malformed);
	name_is("www..example", NULL, malformed);
	name_is(".example", NULL, malformed);
	name_is("-host.example", NULL, malformed);
	name_is("host-.example", NULL, malformed);
	name_is("host.-example", NULL, malformed);
	memset(label, 'a', 64);
	name_is(label, NULL, malformed);
	label[63] = '\0';
	name_is(label, label, NULL);
	for (size_t i = 0; i < 127; i++)
		memcpy(name + 2 * i, "a.", 2);
	name_is(name, NULL, "has 254 bytes");
	name[253] = '\0';
	name_is(name, name, NULL);
	REFUSES13(malformed, WITH_NAME(SNI("\x08\x00", "\x05"
						       "ho\0st")));
}

/* --- TLS 1.2 ----------------------------------------------------------------------------------------------------- */

static void test_server_claim_refuses_key_exchanges_without_a_server_signature(void **state)
{
	(void)state;
	REFUSES12("static RSA key exchange", .exchange = KS_PLAN_STATIC_RSA);
}

static void test_server_claim_needs_extended_master_secret(void **state)
{
	static const struct ks_transcript_plan client_alone = {
		.without_extended_master_secret = true,
		.client_extension = { (const uint8_t *)"\x00\x17\x00\x00", 4 },
	};

	(void)state;
	REFUSES12("without extended_master_secret", .without_extended_master_secret = true);
	check12(&client_alone, NULL, "without extended_master_secret", NULL);
}

static void test_server_claim_needs_renegotiation_info(void **state)
{
	static const struct ks_transcript_plan answers_the_suite = {
		.without_renegotiation_info = true, /* the maker's client always has the signalling suite */
		.server_extension = { (const uint8_t *)"\xff\x01\x00\x01\x00", 5 },
	};

	(void)state;
	REFUSES12("did not answer with renegotiation_info", .without_renegotiation_info = true);
	check12(&answers_the_suite, NULL, NULL, "host.example");
}

#define FIRST "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c"
#define OTHER "\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c"

static void test_server_claim_holds_renegotiation_info_to_one_connection(void **state)
{
	struct ks_transcript_plan plan = {
		.without_renegotiation_info = true,
		.client_extension = TEXT("\xff\x01\x00\x0d\x0c" FIRST),
		.server_extension = TEXT("\xff\x01\x00\x19\x18" FIRST OTHER),
	};

	(void)state;
	check12(&plan, NULL, NULL, "host.example");
	plan.server_extension = TEXT("\xff\x01\x00\x19\x18" OTHER FIRST);
	check12(&plan, NULL, "of different connections", NULL);
	plan.server_extension = TEXT("\xff\x01\x00\x01\x00");
	check12(&plan, NULL, "of different connections", NULL);
	plan.server_extension = TEXT("\xff\x01\x00\x0d\x0c" FIRST);
	check12(&plan, NULL, "of different connections", NULL);
	/* The client begins, the server goes on: the attack of 2009 seen from the other side. */
	plan.client_extension = TEXT("\xff\x01\x00\x01\x00");
	plan.server_extension = TEXT("\xff\x01\x00\x19\x18" FIRST OTHER);
	check12(&plan, NULL, "of different connections", NULL);
}

static uint8_t mark;

/* The last bytes of the ServerHello's random. */
static void mark_random(struct ks_buffer *input)
{
	struct ks_bytes hello = ks_transcript13_maker_find(ks_buffer_bytes(input), 2, 0);
	uint8_t *end = input->data + (hello.data - input->data) + 4 + 2 + 32;

	memcpy(end - 8, "DOWNGRD", 7);
	end[-1] = mark;
}

static void test_server_claim_refuses_downgrades(void **state)
{
	static const struct ks_transcript_plan offers_both = { .with_grease = true };
	static const struct ks_transcript_plan offers_tls12 = { 0 };

	(void)state;
	mark = 1;
	check12(&offers_both, mark_random, "older TLS version (downgrade mark)", NULL);
	check12(&offers_tls12, mark_random, NULL, "host.example"); /* the client can do no better */
	mark = 0;
	check12(&offers_both, mark_random, "older TLS version (downgrade mark)", NULL);
	check12(&offers_tls12, mark_random, "older TLS version (downgrade mark)", NULL);
	mark = 2;
	check12(&offers_both, mark_random, NULL, "host.example");
}

/* Body of a server's Certificate with n certificates. */
static void put_list(struct ks_buffer *out, size_t n)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };

	for (size_t i = 0; i < n; i++)
		ks_transcript_maker_put_vector(&list, 3, TEXT("\x30\x03\x02\x01\x05"));
	ks_transcript_maker_put_vector(out, 3, ks_buffer_bytes(&list));
}

static void test_server_claim_takes_ten_certificates_and_no_more(void **state)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer ten = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer eleven = { 0 };

	(void)state;
	put_list(&ten, KS_PROOF_CERTIFICATES_MAX);
	put_list(&eleven, KS_PROOF_CERTIFICATES_MAX + 1);
	check12(&(struct ks_transcript_plan){ .server_list = ks_buffer_bytes(&ten) }, NULL, NULL, "host.example");
	REFUSES12("shows more than 10 certificates", .server_list = ks_buffer_bytes(&eleven));
	REFUSES13("shows more than 10 certificates", .n_issuers = KS_PROOF_CERTIFICATES_MAX);
}

static void staple_is(struct ks_bytes status, struct ks_bytes expected)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
	struct ks_transcript_plan plan = {
		.client_certificate = ks_buffer_bytes(&fixture.certificate),
		.with_staple = true,
		.status = status,
	};
	struct ks_signable_refusal refusal;
	struct asked asked = { 0 };
	char reason[256];

	ks_transcript_maker_write(&plan, &input);
	asked.input = ks_buffer_bytes(&input);
	assert_int_equal(ks_spki_read(ks_buffer_bytes(&fixture.spki), &asked.spki), 0);
	assert_int_equal(ks_signable_check(asked.input, 0x0403, &asked.spki, &asked.signable, &refusal), 0);
	assert_int_equal(read_claim(&asked, &claim, reason), 0);
	assert_true(ks_bytes_equal(claim.ocsp_response, expected));
}

/* RFC 6066 section 8, RFC 6961 section 2.2 */
static void test_server_claim_gives_the_staple_of_the_leaf(void **state)
{
	(void)state;
	staple_is(TEXT("\x01\x00\x00\x03one"), TEXT("one"));
	staple_is(TEXT("\x02\x00\x00\x0c\x00\x00\x03one\x00\x00\x03two"), TEXT("one"));
	staple_is(TEXT("\x02\x00\x00\x09\x00\x00\x00\x00\x00\x03two"), KS_BYTES_NONE);
	staple_is(TEXT("\x02\x00\x00\x00"), KS_BYTES_NONE);
}

static void test_server_claim_gives_randoms_and_params_as_signed_input(void **state)
{
	KS_CLEANUP(ks_handshake_deinit) struct ks_handshake handshake = { 0 };
	KS_CLEANUP(ks_server_claim_deinit) struct ks_server_claim claim = { 0 };
	char reason[256];

	(void)state;
	shake_hands(HANDSHAKE12(.server_key = "P-256"), &handshake);
	struct asked asked = ask(&handshake, NULL);
	assert_int_equal(read_claim(&asked, &claim, reason), 0);
	struct ks_bytes client = ks_transcript13_maker_find(asked.input, 1, 0);
	struct ks_bytes server = ks_transcript13_maker_find(asked.input, 2, 0);
	struct ks_bytes exchange = ks_transcript13_maker_find(asked.input, 12, 0);
	assert_memory_equal(claim.signed_input.data, client.data + 6, 32);
	assert_memory_equal(claim.signed_input.data + 32, server.data + 6, 32);
	assert_int_equal(claim.signed_input.size, 64 + 4 + exchange.data[7]);
	assert_memory_equal(claim.signed_input.data + 64, exchange.data + 4, 4 + (size_t)exchange.data[7]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_claim_of_real_tls13_handshakes),
		cmocka_unit_test(test_server_claim_of_a_handshake_with_hello_retry_request),
		cmocka_unit_test(test_server_claim_of_post_handshake_authentication),
		cmocka_unit_test(test_server_claim_of_real_tls12_handshakes),
		cmocka_unit_test(test_server_claim_of_a_renegotiation_that_the_server_answers),
		cmocka_unit_test(test_server_claim_refuses_a_resumed_session),
		cmocka_unit_test(test_server_claim_refuses_another_handshake_than_the_signed_one),
		cmocka_unit_test(test_server_claim_says_what_to_do_without_a_transcript),
		cmocka_unit_test(test_server_claim_of_a_digest_is_none),
		cmocka_unit_test(test_server_claim_takes_both_handmade_handshakes),
		cmocka_unit_test(test_server_claim_holds_the_hash_to_the_suite),
		cmocka_unit_test(test_server_claim_refuses_the_certificate_of_another_key),
		cmocka_unit_test(test_server_claim_refuses_a_scheme_that_the_server_did_not_ask_for),
		cmocka_unit_test(test_server_claim_refuses_weak_unknown_and_unoffered_server_schemes),
		cmocka_unit_test(test_server_claim_refuses_an_oversized_signature),
		cmocka_unit_test(test_server_claim_needs_a_server_name),
		cmocka_unit_test(test_server_claim_takes_dns_names_in_lower_case),
		cmocka_unit_test(test_server_claim_refuses_what_is_no_dns_name),
		cmocka_unit_test(test_server_claim_refuses_key_exchanges_without_a_server_signature),
		cmocka_unit_test(test_server_claim_needs_extended_master_secret),
		cmocka_unit_test(test_server_claim_needs_renegotiation_info),
		cmocka_unit_test(test_server_claim_holds_renegotiation_info_to_one_connection),
		cmocka_unit_test(test_server_claim_refuses_downgrades),
		cmocka_unit_test(test_server_claim_takes_ten_certificates_and_no_more),
		cmocka_unit_test(test_server_claim_gives_the_staple_of_the_leaf),
		cmocka_unit_test(test_server_claim_gives_randoms_and_params_as_signed_input),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
