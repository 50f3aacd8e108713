/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/keyring.h: what is an identity, where its key is, which certificate and which section it has. */
#include "agent/keyring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "tests/unit/agent/ring.h"

#define AUTO_RING KS_CLEANUP(ring_deinit) struct ring

static EVP_PKEY *a, *b, *ca; /* P-256 */
static EVP_PKEY *rsa, *pss;

static int setup(void **state)
{
	(void)state;
	ks_log_init("test", KS_LOG_ERROR);
	a = test_key("P-256");
	b = test_key("P-256");
	ca = test_key("P-256");
	rsa = test_key("RSA");
	pss = test_key("RSA-PSS");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY *const keys[] = { a, b, ca, rsa, pss };
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

#define TOKEN(...) (&(struct test_token){ __VA_ARGS__ })
#define OBJECT(...) (&(struct test_object){ __VA_ARGS__ })
#define CERTIFICATE(...) (&(struct test_certificate){ __VA_ARGS__ })

/* --- what is an identity ----------------------------------------------------------------------------------------- */

static void test_keyring_is_empty_without_keys(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 0);
	assert_null(ks_keyring_at(ring.keyring, 0));
	assert_null(ring_of(&ring, a));
}

static void test_keyring_shows_a_key_without_certificate(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 1, TOKEN(.number = 5));
	ring_key(&ring, 1, OBJECT(.token = 5, .number = 9, .label = "alice", .id = "01", .always_authenticate = true),
		 a);
	ring_build(&ring, NULL);

	assert_int_equal(ks_keyring_count(ring.keyring), 1);
	struct ks_identity *identity = ks_keyring_at(ring.keyring, 0);
	assert_ptr_equal(ring_of(&ring, a), identity);
	assert_string_equal(identity->name, "alice");
	assert_string_equal(identity->label, "alice");
	assert_string_equal(identity->module, "m1");
	assert_string_equal(identity->uri, "pkcs11:token=corp;object=alice;id=%01");
	assert_string_equal(identity->key_type, "P-256");
	assert_non_null(identity->public_key);
	assert_null(identity->certificate);
	assert_null(identity->rules);
	assert_true(identity->always_authenticate);
	assert_int_equal(identity->n_locations, 1);
	assert_int_equal(identity->locations[0].module, 1);
	assert_int_equal(identity->locations[0].token, 5);
	assert_int_equal(identity->locations[0].key, 9);
	assert_string_equal(identity->locations[0].token_label, "corp");
	assert_string_equal(identity->locations[0].token_serial, "0001");
	ks_keyring_chain(ring.keyring, identity);
	assert_int_equal(identity->n_chain, 0);
}

static void test_keyring_survives_what_it_was_built_from(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "alice", .id = "01"), a);
	ring_certificate(&ring, 0, OBJECT(.token = 1, .label = "alice", .id = "01"),
			 CERTIFICATE(.common_name = "alice", .issuer = "sub", .key = a, .issuer_key = b));
	ring_file(&ring, CERTIFICATE(.common_name = "sub", .issuer = "ca", .key = b, .issuer_key = ca, .ca = true));
	ring_build(&ring, NULL);
	ks_inventory_deinit(&ring.inventories[0]);
	ks_certificate_unref(ring.overlay[0]);
	ring.n_overlay = 0;

	struct ks_identity *identity = ring_of(&ring, a);
	assert_non_null(identity);
	assert_string_equal(ks_certificate_common_name(identity->certificate), "alice");
	ks_keyring_chain(ring.keyring, identity);
	assert_int_equal(identity->n_chain, 2);
	assert_string_equal(ks_certificate_common_name(identity->chain[1]), "sub");
	assert_ptr_equal(ring_find(&ring, "pkcs11:object=alice"), identity);
}

/* private half seen, logged in, PIN needed: is it an identity? */
static void test_keyring_counts_hidden_keys_until_a_login_shows_that_there_are_none(void **state)
{
	(void)state;
	static const struct {
		bool hidden, logged_in, needs_no_pin;
		size_t n;
	} cases[] = {
		{ false, false, false, 1 }, { false, true, false, 1 }, { false, false, true, 1 },
		{ true, false, false, 1 },  { true, true, false, 0 },  { true, false, true, 0 },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_RING ring = { 0 };
		ring_token(&ring, 0,
			   TOKEN(.number = 1, .logged_in = cases[i].logged_in, .needs_no_pin = cases[i].needs_no_pin));
		ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .hidden = cases[i].hidden), a);
		ring_build(&ring, NULL);
		assert_int_equal(ks_keyring_count(ring.keyring), cases[i].n);
	}
}

static void test_keyring_counts_certificates_without_key_until_a_login(void **state)
{
	(void)state;
	for (int logged_in = 0; logged_in < 2; logged_in++) {
		AUTO_RING ring = { 0 };
		ring_token(&ring, 0, TOKEN(.number = 4, .logged_in = logged_in));
		ring_certificate(&ring, 0, OBJECT(.token = 4, .label = "card", .id = "9a"),
				 CERTIFICATE(.common_name = "alice", .key = a));
		ring_build(&ring, NULL);
		assert_int_equal(ks_keyring_count(ring.keyring), logged_in ? 0 : 1);
		if (logged_in)
			continue;
		struct ks_identity *identity = ks_keyring_at(ring.keyring, 0);
		assert_int_equal(identity->n_locations, 1);
		assert_int_equal(identity->locations[0].token, 4);
		assert_int_equal(identity->locations[0].key, KS_LOCATION_NO_KEY);
		assert_string_equal(identity->label, "card");
		assert_string_equal(identity->uri, "pkcs11:token=corp;object=card;id=%9A");
		assert_non_null(identity->certificate);
	}
}

static void test_keyring_counts_ca_certificates_only_beside_their_key(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_certificate(&ring, 0, OBJECT(.token = 1), CERTIFICATE(.common_name = "ca", .key = ca, .ca = true));
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 0);
	ring_token(&ring, 1, TOKEN(.number = 1));
	ring_key(&ring, 1, OBJECT(.token = 1, .number = 1, .hidden = true), ca);
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 1);
}

static void test_keyring_has_no_identity_of_files_alone(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_file(&ring, CERTIFICATE(.common_name = "alice", .key = a));
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 0);
}

static void test_keyring_leaves_out_keys_of_unknown_kind_without_losing_their_certificates(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	EVP_PKEY *odd = EVP_EC_gen("secp256k1");
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1), a);
	ring_certificate(&ring, 0, OBJECT(.token = 1),
			 CERTIFICATE(.common_name = "alice", .issuer = "odd", .key = a, .issuer_key = odd));
	ring_certificate(&ring, 0, OBJECT(.token = 1),
			 CERTIFICATE(.common_name = "odd", .issuer = "ca", .key = odd, .issuer_key = ca, .ca = true));
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 1);
	ks_keyring_chain(ring.keyring, ks_keyring_at(ring.keyring, 0));
	assert_int_equal(ks_keyring_at(ring.keyring, 0)->n_chain, 2);
	EVP_PKEY_free(odd);
}

/* --- two forms of RSA -------------------------------------------------------------------------------------------- */

static void test_keyring_says_rsassa_pss_when_the_certificate_does(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer token_form = { 0 };
	uint8_t hash[32];
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "p"), pss);
	ring_certificate(&ring, 0, OBJECT(.token = 1), CERTIFICATE(.common_name = "alice", .key = pss));
	ring_build(&ring, NULL);

	assert_int_equal(ks_keyring_count(ring.keyring), 1);
	struct ks_identity *identity = ring_of(&ring, pss);
	assert_non_null(identity);
	assert_string_equal(identity->key_type, "RSA-PSS-2048");
	assert_int_equal(identity->locations[0].key, 1);
	assert_non_null(identity->certificate);
	/* Who knows the key by what the token says finds it as well. */
	test_token_spki(pss, &token_form);
	assert_int_equal(ks_sha256(ks_buffer_bytes(&token_form), hash), 0);
	assert_memory_not_equal(hash, identity->spki_hash, 32);
	assert_ptr_equal(ks_keyring_by_hash(ring.keyring, hash), identity);
}

static void test_keyring_finds_an_rsa_key_by_its_pss_form(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1), pss);
	ring_build(&ring, NULL);
	struct ks_identity *identity = ks_keyring_at(ring.keyring, 0);
	assert_string_equal(identity->key_type, "RSA-2048");
	assert_ptr_equal(ring_of(&ring, pss), identity);
}

static void test_keyring_makes_two_identities_of_a_key_with_certificates_of_both_types(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	test_token_spki(pss, &der);
	const unsigned char *next = der.data;
	EVP_PKEY *plain = d2i_PUBKEY(NULL, &next, (long)der.size);
	assert_non_null(plain);
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "p"), pss);
	ring_certificate(&ring, 0, OBJECT(.token = 1),
			 CERTIFICATE(.common_name = "pss", .key = pss, .issuer = "ca", .issuer_key = ca));
	ring_certificate(&ring, 0, OBJECT(.token = 1),
			 CERTIFICATE(.common_name = "plain", .key = plain, .issuer = "ca", .issuer_key = ca));
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 2);
	assert_string_equal(ks_certificate_common_name(ring_of(&ring, pss)->certificate), "pss");
	assert_string_equal(ks_certificate_common_name(ring_of(&ring, plain)->certificate), "plain");
	EVP_PKEY_free(plain);
}

/* --- several tokens ---------------------------------------------------------------------------------------------- */

static void test_keyring_makes_one_identity_of_a_key_on_two_tokens(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 1, TOKEN(.number = 1, .serial = "B"));
	ring_key(&ring, 1, OBJECT(.token = 1, .number = 7, .label = "of m1"), a);
	ring_token(&ring, 0, TOKEN(.number = 1, .serial = "Z"));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 3, .label = "of m0", .hidden = true), a);
	ring_build(&ring, NULL);

	assert_int_equal(ks_keyring_count(ring.keyring), 1);
	struct ks_identity *identity = ks_keyring_at(ring.keyring, 0);
	assert_int_equal(identity->n_locations, 2);
	/* First where the private key is seen. */
	assert_string_equal(identity->label, "of m1");
	assert_int_equal(identity->locations[0].module, 1);
	assert_int_equal(identity->locations[0].key, 7);
	assert_int_equal(identity->locations[1].module, 0);
	assert_string_equal(identity->locations[1].token_serial, "Z");
}

/* Not by number: that is another one after a restart of the worker. */
static void test_keyring_orders_locations_by_module_first(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	for (uint32_t module = 0; module < 2; module++) {
		ring_token(&ring, module, TOKEN(.number = 1));
		ring_key(&ring, module, OBJECT(.token = 1, .number = 9 - module, .label = "k"), a);
	}
	ring_build(&ring, NULL);
	assert_string_equal(ring_of(&ring, a)->module, "m0");
	assert_int_equal(ring_of(&ring, a)->locations[0].key, 9);
}

static void test_keyring_keeps_eight_locations_at_most(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	for (uint32_t i = 0; i < 20; i++)
		ring_key(&ring, 0, OBJECT(.token = 1, .number = i), a);
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 1);
	assert_int_equal(ks_keyring_at(ring.keyring, 0)->n_locations, KS_LOCATIONS_MAX);
}

/* Invariant I4: everybody can make a certificate of a public key. */
static void test_keyring_gives_no_key_a_certificate_of_another_module(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "alice"), a);
	ring_certificate(
		&ring, 0, OBJECT(.token = 1),
		CERTIFICATE(.common_name = "good", .key = a, .from_days = -10, .issuer = "ca", .issuer_key = ca));
	ring_token(&ring, 1, TOKEN(.number = 1));
	ring_certificate(
		&ring, 1, OBJECT(.token = 1, .label = "alice"),
		CERTIFICATE(.common_name = "evil", .key = a, .from_days = -1, .issuer = "ca", .issuer_key = b));
	ring_build(&ring, NULL);
	assert_string_equal(ring_names(&ring), "alice");
	assert_string_equal(ks_certificate_common_name(ring_of(&ring, a)->certificate), "good");
	assert_int_equal(ring_of(&ring, a)->n_locations, 1);
}

/* --- which certificate ------------------------------------------------------------------------------------------- */

/* Days from now; the one whose name begins with "+" is to be taken. What is "self" is signed with the key itself. */
struct choice {
	const char *what;
	struct {
		const char *name;
		int from, until;
		bool file;
		const char *eku;
	} certificates[3];
};

static const struct choice choices[] = {
	{ "the newest",
	  { { "old", -20, 0, false, NULL }, { "+", -5, 0, false, NULL }, { "older", -30, 0, false, NULL } } },
	{ "a valid one before a newer one that is not yet valid",
	  { { "+", -20, 0, false, NULL }, { "future", 5, 0, false, NULL } } },
	{ "a valid one before a newer one that has expired",
	  { { "+", -20, 20, false, NULL }, { "expired", -10, -5, false, NULL } } },
	{ "the newest of expired ones", { { "+", -20, -10, false, NULL }, { "old", -30, -10, false, NULL } } },
	{ "a newer one from certs/", { { "token", -20, 0, false, NULL }, { "+", -10, 0, true, NULL } } },
	{ "a newer one from the token", { { "file", -20, 0, true, NULL }, { "+", -10, 0, false, NULL } } },
	{ "the one from certs/ when the token's has expired",
	  { { "token", -20, -10, false, NULL }, { "+", -30, 10, true, NULL } } },
	{ "one for clients before a newer one that is not",
	  { { "server", -5, 0, false, "serverAuth" }, { "+", -20, 0, false, "clientAuth" } } },
	{ "a valid one for servers before an expired one for clients",
	  { { "+", -5, 0, false, "serverAuth" }, { "client", -20, -10, false, "clientAuth" } } },
	{ "one of a CA before a newer one that its key signed itself",
	  { { "self", -5, 0, false, NULL }, { "+", -20, 0, true, NULL } } },
	{ "one that its key signed itself before an expired one of a CA",
	  { { "+self", -20, 0, false, NULL }, { "ca", -20, -10, true, NULL } } },
	{ "the one that lasts longer of equally new ones",
	  { { "short", -5, 10, false, NULL }, { "+", -5, 20, false, NULL } } },
};

static void test_keyring_chooses_the_best_certificate(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		AUTO_RING ring = { 0 };
		ring_token(&ring, 0, TOKEN(.number = 1));
		ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "k"), a);
		for (size_t k = 0; k < 3 && choices[i].certificates[k].name; k++) {
			bool self = strstr(choices[i].certificates[k].name, "self");
			const struct test_certificate certificate = {
				.common_name = choices[i].certificates[k].name,
				.issuer = self ? NULL : "ca",
				.key = a,
				.issuer_key = self ? NULL : ca,
				.from_days = choices[i].certificates[k].from,
				.until_days = choices[i].certificates[k].until,
				.eku = choices[i].certificates[k].eku,
			};
			if (choices[i].certificates[k].file)
				ring_file(&ring, &certificate);
			else
				ring_certificate(&ring, 0, OBJECT(.token = 1), &certificate);
		}
		ring_build(&ring, NULL);
		const char *chosen = ks_certificate_common_name(ring_of(&ring, a)->certificate);
		if (chosen[0] != '+')
			print_error("not chosen: %s\n", choices[i].what);
		assert_int_equal(chosen[0], '+');
	}
}

/* --- which section ----------------------------------------------------------------------------------------------- */

static void make_two_keys(struct ring *ring)
{
	ring_token(ring, 0, TOKEN(.number = 1, .label = "one"));
	ring_key(ring, 0, OBJECT(.token = 1, .number = 1, .label = "key-a", .id = "01"), a);
	ring_certificate(ring, 0, OBJECT(.token = 1, .label = "cert-a", .id = "02"),
			 CERTIFICATE(.common_name = "alice", .issuer = "Corp CA", .key = a, .issuer_key = ca,
				     .eku = "clientAuth,1.2.3.4", .template = "SmartcardLogon"));
	ring_token(ring, 1, TOKEN(.number = 1, .label = "two"));
	ring_key(ring, 1, OBJECT(.token = 1, .number = 1, .label = "key-b", .id = "03"), b);
}

/* A section of these lines; does it fit a, does it fit b? */
static void test_keyring_fits_sections_by_all_that_they_say(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	make_two_keys(&ring);
	ring_build(&ring, NULL);
	char spki_a[128];
	uint8_t hash[32];
	memcpy(hash, ring_of(&ring, a)->spki_hash, 32);
	(void)snprintf(spki_a, sizeof(spki_a), "spki = %02X%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3],
		       hash[4]);
	const struct {
		const char *lines;
		bool a, b;
	} cases[] = {
		{ "match = pkcs11:", true, true },
		{ "match = pkcs11:token=one", true, false },
		{ "match = pkcs11:token=two", false, true },
		{ "match = pkcs11:manufacturer=ACME;model=card;serial=0001", true, true },
		{ "match = pkcs11:serial=0002", false, false },
		{ "match = pkcs11:object=key-a", true, false },
		{ "match = pkcs11:object=key-a;type=private", true, false },
		{ "match = pkcs11:object=cert-a;type=cert", true, false },
		{ "match = pkcs11:id=%03", false, true },
		/* Both hold, but of two objects. */
		{ "match = pkcs11:object=key-a;id=%02", false, false },
		{ "module = m0", true, false },
		{ "module = m1", false, true },
		{ "module = m1\nmatch = pkcs11:object=key-a", false, false },
		{ spki_a, true, false },
		{ "spki = 0000000000", false, false },
		{ "issuer = CN=Corp CA", true, false },
		{ "issuer = *Corp*", true, false },
		{ "issuer = Corp", false, false },
		{ "eku = clientAuth", true, false },
		{ "eku = 1.2.3.4", true, false },
		{ "eku = 1.2.3.5", false, false },
		{ "template = SmartcardLogon", true, false },
		{ "template = User", false, false },
		{ "eku = clientAuth\ntemplate = User", false, false },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), "[key \"k\"]\n%s\n", cases[i].lines);
		ring_build(&ring, text);
		bool fits_a = ring_of(&ring, a)->rules == &ring.settings->keys[0];
		bool fits_b = ring_of(&ring, b)->rules == &ring.settings->keys[0];
		if (fits_a != cases[i].a || fits_b != cases[i].b)
			print_error("wrong: %s\n", cases[i].lines);
		assert_int_equal(fits_a, cases[i].a);
		assert_int_equal(fits_b, cases[i].b);
		assert_true(fits_a || !ring_of(&ring, a)->rules);
	}
}

static void test_keyring_takes_the_first_section_that_fits(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	make_two_keys(&ring);
	ring_build(&ring, "[key \"none\"]\nmatch = pkcs11:token=three\n[key \"first\"]\nmatch = pkcs11:token=one\n"
			  "[key \"second\"]\nmatch = pkcs11:\n");
	assert_string_equal(ring_of(&ring, a)->rules->name, "first");
	assert_string_equal(ring_of(&ring, b)->rules->name, "second");
}

static void test_keyring_gives_rules_of_enforce_to_keys_without_a_section(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	make_two_keys(&ring);
	ring_build_enforced(&ring, "[enforce]\nconfirm = always\n", "[key \"k\"]\nmatch = pkcs11:token=one\n");
	assert_ptr_equal(ring_of(&ring, a)->rules, &ring.settings->keys[0]);
	assert_ptr_equal(ring_of(&ring, b)->rules, ring.settings->others);
	assert_int_equal(ring_of(&ring, b)->rules->rules.confirm, KS_CONFIRM_ALWAYS);
}

/* OpenSC#1758 and its like: the wrong certificate is chosen. */
static void test_keyring_takes_the_certificate_that_the_section_asks_for(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "k"), a);
	ring_certificate(
		&ring, 0, OBJECT(.token = 1),
		CERTIFICATE(.common_name = "mail", .issuer = "Mail CA", .key = a, .issuer_key = ca, .from_days = -1));
	ring_certificate(
		&ring, 0, OBJECT(.token = 1),
		CERTIFICATE(.common_name = "corp", .issuer = "Corp CA", .key = a, .issuer_key = ca, .from_days = -9));
	ring_build(&ring, NULL);
	assert_string_equal(ks_certificate_common_name(ring_of(&ring, a)->certificate), "mail");
	ring_build(&ring, "[key \"k\"]\nissuer = *Corp*\n");
	assert_string_equal(ks_certificate_common_name(ring_of(&ring, a)->certificate), "corp");
}

/* --- chains ------------------------------------------------------------------------------------------------------ */

static void test_keyring_makes_chains_of_tokens_and_files(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	EVP_PKEY *sub = test_key("P-384");
	ring_token(&ring, 2, TOKEN(.number = 1, .logged_in = true));
	ring_key(&ring, 2, OBJECT(.token = 1, .number = 1), a);
	ring_certificate(&ring, 2, OBJECT(.token = 1),
			 CERTIFICATE(.common_name = "alice", .issuer = "sub", .key = a, .issuer_key = sub));
	ring_certificate(
		&ring, 2, OBJECT(.token = 1),
		CERTIFICATE(.common_name = "sub", .issuer = "middle", .key = sub, .issuer_key = b, .ca = true));
	ring_file(&ring, CERTIFICATE(.common_name = "middle", .issuer = "ca", .key = b, .issuer_key = ca, .ca = true));
	ring_file(&ring, CERTIFICATE(.common_name = "ca", .key = ca, .ca = true));
	ring_build(&ring, NULL);
	struct ks_identity *identity = ring_of(&ring, a);
	assert_false(identity->chain_known);
	for (int again = 0; again < 2; again++) {
		ks_keyring_chain(ring.keyring, identity);
		assert_true(identity->chain_known);
		assert_int_equal(identity->n_chain, 3);
		assert_ptr_equal(identity->chain[0], identity->certificate);
		assert_string_equal(ks_certificate_common_name(identity->chain[1]), "sub");
		assert_string_equal(ks_certificate_common_name(identity->chain[2]), "middle");
	}
	EVP_PKEY_free(sub);
}

/* --- public keys ------------------------------------------------------------------------------------------------- */

/* A point that is not on its curve is well-formed DER, and lib/protocol/spki.h does not compute. */
static void test_keyring_finds_no_key_that_openssl_refuses(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	uint8_t hash[32];
	test_spki(a, &der);
	der.data[der.size - 1] ^= 1;
	ring_token(&ring, 0, TOKEN(.number = 1));
	assert_int_equal(
		report_spki(&ring.inventories[0], OBJECT(.token = 1, .number = 1, .label = "k"), ks_buffer_bytes(&der)),
		0);
	ring_build(&ring, NULL);
	assert_int_equal(ks_keyring_count(ring.keyring), 1);
	assert_int_equal(ks_sha256(ks_buffer_bytes(&der), hash), 0);
	assert_null(ks_keyring_by_hash(ring.keyring, hash));
}

/* --- many -------------------------------------------------------------------------------------------------------- */

#define FEW 50
#define MANY 500

/* Processor time of the quickest of several builds. */
static uint64_t build_us(const struct ks_settings *settings, const struct ks_keyring_source *source)
{
	static const struct ks_overlay none;
	uint64_t best_us = UINT64_MAX;
	for (int i = 0; i < 9; i++) {
		struct ks_keyring *keyring = NULL;
		struct timespec from;
		struct timespec to;
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		assert_int_equal(ks_keyring_build(settings, source, 1, &none, &keyring), 0);
		(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		ks_keyring_free(keyring);
		uint64_t us = (uint64_t)(to.tv_sec - from.tv_sec) * 1000000 + (uint64_t)to.tv_nsec / 1000 -
			      (uint64_t)from.tv_nsec / 1000;
		best_us = us < best_us ? us : best_us;
	}
	return best_us;
}

/* Ten times as many take ten times as long, and a little more for sorting; a hundred times would be n squared. */
static void test_keyring_of_500_certificates_is_built_in_proportion(void **state)
{
	(void)state;
	AUTO_RING few = { 0 };
	AUTO_RING ring = { 0 };
	EVP_PKEY *keys[MANY];
	struct ring *const rings[] = { &few, &ring };
	for (size_t i = 0; i < 2; i++)
		ring_token(rings[i], 0, TOKEN(.number = 1));
	for (uint32_t i = 0; i < MANY; i++) {
		char label[16];
		char id[16];
		(void)snprintf(label, sizeof(label), "key-%u", i);
		(void)snprintf(id, sizeof(id), "%04x", i);
		keys[i] = test_key("P-256");
		for (size_t k = i < FEW ? 0 : 1; k < 2; k++) {
			ring_key(rings[k], 0, OBJECT(.token = 1, .number = i, .label = label, .id = id), keys[i]);
			ring_certificate(
				rings[k], 0, OBJECT(.token = 1, .label = label, .id = id),
				CERTIFICATE(.common_name = label, .issuer = "ca", .key = keys[i], .issuer_key = ca));
		}
	}
	for (size_t i = 0; i < 2; i++)
		ring_build(rings[i], "[key \"web\"]\nissuer = *nobody*\n[key \"all\"]\neku = clientAuth\n");
	for (uint32_t i = 0; i < MANY; i++) {
		struct ks_identity *identity = ring_of(&ring, keys[i]);
		assert_non_null(identity);
		assert_int_equal(identity->locations[0].key, i);
		assert_non_null(identity->certificate);
		EVP_PKEY_free(keys[i]);
	}
	const struct ks_keyring_source few_source = { .module = "m0", .inventory = &few.inventories[0] };
	const struct ks_keyring_source source = { .module = "m0", .inventory = &ring.inventories[0] };
	uint64_t few_us = build_us(few.settings, &few_source);
	uint64_t many_us = build_us(ring.settings, &source);
	print_message("a keyring of %d certificates: %llu us, of %d: %llu us\n", FEW, (unsigned long long)few_us, MANY,
		      (unsigned long long)many_us);
	assert_true(many_us < 40 * (few_us + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyring_is_empty_without_keys),
		cmocka_unit_test(test_keyring_shows_a_key_without_certificate),
		cmocka_unit_test(test_keyring_survives_what_it_was_built_from),
		cmocka_unit_test(test_keyring_counts_hidden_keys_until_a_login_shows_that_there_are_none),
		cmocka_unit_test(test_keyring_counts_certificates_without_key_until_a_login),
		cmocka_unit_test(test_keyring_counts_ca_certificates_only_beside_their_key),
		cmocka_unit_test(test_keyring_has_no_identity_of_files_alone),
		cmocka_unit_test(test_keyring_leaves_out_keys_of_unknown_kind_without_losing_their_certificates),
		cmocka_unit_test(test_keyring_says_rsassa_pss_when_the_certificate_does),
		cmocka_unit_test(test_keyring_finds_an_rsa_key_by_its_pss_form),
		cmocka_unit_test(test_keyring_makes_two_identities_of_a_key_with_certificates_of_both_types),
		cmocka_unit_test(test_keyring_makes_one_identity_of_a_key_on_two_tokens),
		cmocka_unit_test(test_keyring_orders_locations_by_module_first),
		cmocka_unit_test(test_keyring_keeps_eight_locations_at_most),
		cmocka_unit_test(test_keyring_gives_no_key_a_certificate_of_another_module),
		cmocka_unit_test(test_keyring_chooses_the_best_certificate),
		cmocka_unit_test(test_keyring_fits_sections_by_all_that_they_say),
		cmocka_unit_test(test_keyring_takes_the_first_section_that_fits),
		cmocka_unit_test(test_keyring_gives_rules_of_enforce_to_keys_without_a_section),
		cmocka_unit_test(test_keyring_takes_the_certificate_that_the_section_asks_for),
		cmocka_unit_test(test_keyring_makes_chains_of_tokens_and_files),
		cmocka_unit_test(test_keyring_finds_no_key_that_openssl_refuses),
		cmocka_unit_test(test_keyring_of_500_certificates_is_built_in_proportion),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
