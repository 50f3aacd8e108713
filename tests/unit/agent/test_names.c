/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/names.h and of ks_keyring_by_name(): what identities are called, and how they are found by it. */
#include "agent/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "tests/unit/agent/ring.h"

#define AUTO_RING KS_CLEANUP(ring_deinit) struct ring

#define N_KEYS 12
static EVP_PKEY *keys[N_KEYS];

static int setup(void **state)
{
	(void)state;
	ks_log_init("test", KS_LOG_ERROR);
	for (size_t i = 0; i < N_KEYS; i++)
		keys[i] = test_key("P-256");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

#define TOKEN(...) (&(struct test_token){ __VA_ARGS__ })
#define OBJECT(...) (&(struct test_object){ __VA_ARGS__ })
#define CERTIFICATE(...) (&(struct test_certificate){ __VA_ARGS__ })

/* The first eight digits of a key's fingerprint. */
static const char *fingerprint(EVP_PKEY *key)
{
	static char digits[65];
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	uint8_t hash[32];
	test_spki(key, &spki);
	assert_int_equal(ks_sha256(ks_buffer_bytes(&spki), hash), 0);
	ks_text_hex(ks_bytes(hash, 32), digits);
	return digits;
}

/* --- names ------------------------------------------------------------------------------------------------------- */

static void test_names_are_simple_labels(void **state)
{
	(void)state;
	static const char *const good[] = {
		"alice",     "a",
		"9a",        "alice@corp.example",
		"web_1.2+3", "_x",
		"abcdef0",   "Zo\xc3\xab",
		"deadbeefx", "x123456789012345678901234567890123456789012345678901234567890123",
	};
	static const char *const bad[] = {
		"",
		"auto",
		"-a",
		".a",
		"a b",
		"a/b",
		"a;b",
		"a'b",
		"a$b",
		"a\\b",
		"a*",
		"a\nb",
		"pkcs11:a",
		"deadbeef",
		"0123456789ABCDEF",
		"\xe2\x80\xaexa",
		"a\xcc\x81",
		"\xce\xb1",
		"a\xc3\x97",
		"a\xff",
		"\xc3",
		"x1234567890123456789012345678901234567890123456789012345678901234",
	};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!ks_names_is_simple(good[i]))
			print_error("not taken: %s\n", good[i]);
		assert_true(ks_names_is_simple(good[i]));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (ks_names_is_simple(bad[i]))
			print_error("taken: %s\n", bad[i]);
		assert_false(ks_names_is_simple(bad[i]));
	}
}

static void test_name_is_the_label_when_it_is_unique(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "web", .id = "01"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 2, .label = "Mail", .id = "02"), keys[1]);
	ring_build(&ring, NULL);
	assert_string_equal(ring_names(&ring), "Mail web");
}

static void test_name_of_equal_labels_has_the_key_id(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "tls", .id = "01"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 2, .label = "tls", .id = "02030405060708"), keys[1]);
	ring_build(&ring, NULL);
	assert_string_equal(ring_names(&ring), "tls-01 tls-02030405");
}

/* What comes behind the base: from the certificate, in this order. */
static void test_name_comes_from_the_certificate_when_the_label_says_nothing(void **state)
{
	(void)state;
	static const struct {
		const char *upn, *email, *common_name, *label, *name;
	} cases[] = {
		{ "alice@corp.example", "a.smith@corp.example", "Smith, Alice", "key 1", "alice-9a" },
		{ NULL, "a.smith@corp.example", "Smith, Alice", "key 1", "a.smith-9a" },
		{ NULL, NULL, "Smith, Alice", "key 1", "smith-alice-9a" },
		{ NULL, NULL, "Zo\xc3\xab  M\xc3\xbcller (test)", "key 1", "zo\xc3\xab-m\xc3\xbcller-test-9a" },
		{ NULL, NULL, "\xe6\x97\xa5\xe6\x9c\xac", "Key No. 1", "key-no.-1-9a" },
		{ NULL, NULL, "$(reboot); rm -rf /", "key 1", "reboot-rm-rf-9a" },
		{ NULL, NULL, "--help", "key 1", "help-9a" },
		{ NULL, NULL, "..", "..", "corp-9a" },
		{ "@corp.example", NULL, "Alice", "key 1", "corp.example-9a" },
		{ NULL, NULL, "1234567890 1234567890 1234567890 1234567890 1234567890", "key 1",
		  "1234567890-1234567890-1234567890-1234567-9a" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_RING ring = { 0 };
		ring_token(&ring, 0, TOKEN(.number = 1));
		ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = cases[i].label, .id = "9a"), keys[0]);
		ring_certificate(&ring, 0, OBJECT(.token = 1, .id = "9a"),
				 CERTIFICATE(.common_name = cases[i].common_name, .key = keys[0], .upn = cases[i].upn,
					     .email = cases[i].email));
		ring_build(&ring, NULL);
		assert_string_equal(ring_names(&ring), cases[i].name);
	}
}

static void test_name_of_a_key_without_anything_has_its_fingerprint(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	char name[32];
	ring_token(&ring, 0, TOKEN(.number = 1, .label = ""));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1), keys[0]);
	ring_build(&ring, NULL);
	(void)snprintf(name, sizeof(name), "key-%.8s", fingerprint(keys[0]));
	assert_string_equal(ring_names(&ring), name);
}

/* Every PIV card calls its keys the same; two cards of one person do not even differ in the person's name. */
static void test_names_of_piv_cards_have_their_slots(void **state)
{
	(void)state;
	static const char *const labels[] = { "PIV AUTH key", "SIGN key", "KEY MAN key", "CARD AUTH key" };
	static const char *const ids[] = { "01", "02", "03", "04" };
	static const char *const people[] = { "Alice", "Bob" };
	AUTO_RING ring = { 0 };
	for (size_t card = 0; card < 2; card++) {
		ring_token(&ring, card, TOKEN(.number = 1, .label = people[card], .serial = people[card]));
		for (uint32_t i = 0; i < 4; i++) {
			EVP_PKEY *key = keys[card * 4 + i];
			ring_key(&ring, card, OBJECT(.token = 1, .number = i, .label = labels[i], .id = ids[i]), key);
			ring_certificate(&ring, card, OBJECT(.token = 1, .id = ids[i]),
					 CERTIFICATE(.common_name = people[card], .key = key));
		}
	}
	ring_build(&ring, NULL);
	assert_string_equal(ring_names(&ring), "alice-9a alice-9c alice-9d alice-9e bob-9a bob-9c bob-9d bob-9e");
}

static void test_names_that_are_still_equal_have_a_fingerprint(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	char first[64];
	char second[64];
	for (size_t card = 0; card < 2; card++) {
		ring_token(&ring, card, TOKEN(.number = 1));
		ring_key(&ring, card, OBJECT(.token = 1, .number = 1, .label = "PIV AUTH key", .id = "01"), keys[card]);
		ring_certificate(&ring, card, OBJECT(.token = 1, .id = "01"),
				 CERTIFICATE(.common_name = "Alice", .key = keys[card]));
	}
	ring_build(&ring, NULL);
	(void)snprintf(first, sizeof(first), "alice-9a-%.4s", fingerprint(keys[0]));
	(void)snprintf(second, sizeof(second), "alice-9a-%.4s", fingerprint(keys[1]));
	assert_ptr_equal(ring_find(&ring, first), ring_of(&ring, keys[0]));
	assert_ptr_equal(ring_find(&ring, second), ring_of(&ring, keys[1]));
}

/* A token may choose labels that look like what we make. */
static void test_names_are_unique_whatever_labels_say(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	char label[64];
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "x y", .id = "01"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 2, .label = "x-y-01", .id = "01"), keys[1]);
	(void)snprintf(label, sizeof(label), "x-y-01-%.4s", fingerprint(keys[0]));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 3, .label = label, .id = "01"), keys[2]);
	ring_build(&ring, "[key \"nobody\"]\nmatch = pkcs11:token=none\n");
	assert_int_equal(ks_keyring_count(ring.keyring), 3);
	assert_string_equal(ring_of(&ring, keys[1])->name, "x-y-01");
	assert_string_equal(ring_of(&ring, keys[2])->name, label);
	for (size_t i = 1; i < 3; i++)
		assert_string_not_equal(ks_keyring_at(ring.keyring, i)->name, ks_keyring_at(ring.keyring, i - 1)->name);
	assert_true(strlen(ring_of(&ring, keys[0])->name) > strlen(label));
}

/* --- names by configuration -------------------------------------------------------------------------------------- */

static void test_name_of_a_section_goes_to_the_newest_valid_certificate(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	static const struct {
		int from, until;
	} days[] = { { -30, 0 }, { -20, 0 }, { -10, -5 } };
	ring_token(&ring, 0, TOKEN(.number = 1));
	for (uint32_t i = 0; i < 4; i++) {
		ring_key(&ring, 0, OBJECT(.token = 1, .number = i, .label = "alice"), keys[i]);
		if (i < 3)
			ring_certificate(&ring, 0, OBJECT(.token = 1),
					 CERTIFICATE(.common_name = "x", .key = keys[i], .from_days = days[i].from,
						     .until_days = days[i].until));
	}
	ring_build(&ring, "[key \"alice\"]\nmatch = pkcs11:object=alice\n");
	assert_string_equal(ring_of(&ring, keys[1])->name, "alice");
	assert_string_equal(ring_of(&ring, keys[0])->name, "alice-2");
	assert_string_equal(ring_of(&ring, keys[2])->name, "alice-3");
	assert_string_equal(ring_of(&ring, keys[3])->name, "alice-4");
	for (size_t i = 0; i < 4; i++)
		assert_ptr_equal(ring_of(&ring, keys[i])->rules, &ring.settings->keys[0]);
}

static void test_name_of_a_section_is_taken_by_no_other_key(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "alice", .id = "01"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 2, .label = "bob", .id = "02"), keys[1]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 3, .label = "bob 2", .id = "03"), keys[2]);
	ring_build(&ring,
		   "[key \"alice\"]\nmatch = pkcs11:object=bob\n"
		   "[key \"absent\"]\nmatch = pkcs11:object=absent\n[key \"bob-2-03\"]\nmatch = pkcs11:object=none\n");
	assert_string_equal(ring_of(&ring, keys[1])->name, "alice");
	assert_string_equal(ring_of(&ring, keys[0])->name, "alice-01");
	/* The name of a key that is away is kept for it. */
	assert_true(strncmp(ring_of(&ring, keys[2])->name, "bob-2-03-", 9) == 0);
}

static void test_numbers_behind_names_pass_over_other_sections(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	for (uint32_t i = 0; i < 3; i++)
		ring_key(&ring, 0, OBJECT(.token = 1, .number = i, .label = "k"), keys[i]);
	ring_build(&ring, "[key \"k\"]\nmatch = pkcs11:object=k\n[key \"k-2\"]\nmatch = pkcs11:object=other\n");
	assert_string_equal(ring_names(&ring), "k k-3 k-4");
}

/* --- stable ------------------------------------------------------------------------------------------------------ */

/* Reports the same ten keys, the index-th permutation of them, with other numbers. */
static void report_permuted(struct ring *ring, uint32_t index)
{
	static const char *const labels[] = { "web", "tls", "tls", "PIV AUTH key", "PIV AUTH key",
					      "",    "a b", "a b", "corp",         "corp" };
	ring_token(ring, index % 2, TOKEN(.number = 5 + index, .serial = "1"));
	ring_token(ring, (index + 1) % 2, TOKEN(.number = 9 - index, .serial = "2"));
	for (uint32_t i = 0; i < 10; i++) {
		uint32_t k = (i * 7 + index * 3) % 10;
		size_t module = (k + index) % 2;
		uint32_t token = k % 2 == 0 ? 5 + index : 9 - index;
		ring_key(ring, module, OBJECT(.token = token, .number = i, .label = labels[k], .id = "01"), keys[k]);
		if (k % 3 == 0)
			ring_certificate(ring, module, OBJECT(.token = token, .id = "01"),
					 CERTIFICATE(.common_name = "Alice", .key = keys[k], .from_days = -1 - (int)k));
	}
	ring_build(ring, "[key \"corp\"]\nmatch = pkcs11:object=corp\n");
}

static void test_names_and_uris_do_not_depend_on_the_order(void **state)
{
	(void)state;
	AUTO_RING first = { 0 };
	report_permuted(&first, 0);
	assert_int_equal(ks_keyring_count(first.keyring), 10);
	for (uint32_t index = 1; index < 4; index++) {
		AUTO_RING other = { 0 };
		report_permuted(&other, index);
		for (size_t i = 0; i < 10; i++) {
			assert_string_equal(ring_of(&other, keys[i])->name, ring_of(&first, keys[i])->name);
			assert_string_equal(ring_of(&other, keys[i])->uri, ring_of(&first, keys[i])->uri);
		}
	}
}

/* --- URIs -------------------------------------------------------------------------------------------------------- */

static void test_uris_say_as_much_as_they_need(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1, .serial = "1"));
	ring_token(&ring, 0, TOKEN(.number = 2, .serial = "2"));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "web", .id = "01"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 2, .label = "tls", .id = "02"), keys[1]);
	ring_key(&ring, 0, OBJECT(.token = 2, .number = 2, .label = "tls", .id = "02"), keys[2]);
	ring_key(&ring, 0, OBJECT(.token = 2, .number = 3), keys[3]);
	ring_build(&ring, NULL);
	assert_string_equal(ring_of(&ring, keys[0])->uri, "pkcs11:token=corp;object=web;id=%01");
	assert_string_equal(ring_of(&ring, keys[1])->uri, "pkcs11:token=corp;serial=1;object=tls;id=%02");
	assert_string_equal(ring_of(&ring, keys[2])->uri, "pkcs11:token=corp;serial=2;object=tls;id=%02");
	assert_string_equal(ring_of(&ring, keys[3])->uri, "pkcs11:token=corp");
}

/* Two keys that a token calls the same in every way, and labels that are too long for a message. */
static void test_uris_are_unique_and_short_in_any_case(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	char label[257];
	char id[513];
	memset(label, ' ', 256);
	label[256] = '\0';
	memset(id, 'f', 512);
	id[512] = '\0';
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "same", .id = "01"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 2, .label = "same", .id = "01"), keys[1]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 3, .label = label, .id = id), keys[2]);
	ring_build(&ring, NULL);
	for (size_t i = 0; i < 3; i++) {
		char uri[128];
		struct ks_identity *identity = ring_of(&ring, keys[i]);
		(void)snprintf(uri, sizeof(uri), "pkcs11:token=corp;serial=0001;x-keystay-spki=%s",
			       fingerprint(keys[i]));
		assert_string_equal(identity->uri, uri);
		assert_ptr_equal(ring_find(&ring, identity->uri), identity);
	}
}

/* --- looking up -------------------------------------------------------------------------------------------------- */

static void make_three(struct ring *ring)
{
	ring_token(ring, 0, TOKEN(.number = 1, .label = "corp card"));
	ring_key(ring, 0, OBJECT(.token = 1, .number = 1, .label = "alice", .id = "01"), keys[0]);
	ring_certificate(ring, 0, OBJECT(.token = 1, .label = "alice's", .id = "11"),
			 CERTIFICATE(.common_name = "Alice", .key = keys[0]));
	ring_key(ring, 0, OBJECT(.token = 1, .number = 2, .label = "web", .id = "02"), keys[1]);
	ring_token(ring, 1, TOKEN(.number = 1, .label = "soft"));
	ring_key(ring, 1, OBJECT(.token = 1, .number = 2, .label = "nolabel id", .id = "03"), keys[2]);
	ring_build(ring, NULL);
}

static void test_lookup_takes_name_fingerprint_and_uri(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	make_three(&ring);
	struct ks_identity *alice = ring_of(&ring, keys[0]);
	char prefix[65];

	assert_string_equal(ring_names(&ring), "alice nolabel-id-03 web");
	assert_ptr_equal(ring_find(&ring, "alice"), alice);
	static const size_t sizes[] = { 8, 9, 13, 64 };
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(prefix, sizeof(prefix), "%.*s", (int)sizes[i], fingerprint(keys[0]));
		assert_ptr_equal(ring_find(&ring, prefix), alice);
		for (char *at = prefix; *at; at++)
			*at = (char)(*at >= 'a' && *at <= 'f' ? *at - 'a' + 'A' : *at);
		assert_ptr_equal(ring_find(&ring, prefix), alice);
	}
	static const char *const uris[] = {
		"pkcs11:object=alice",
		"PKCS11:object=alice",
		"pkcs11:token=corp%20card;id=%01",
		"pkcs11:object=alice;type=private",
		"pkcs11:object=alice%27s;type=cert",
		"pkcs11:id=%11",
		"pkcs11:object=alice;serial=0001;model=card;manufacturer=ACME",
	};
	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++)
		assert_ptr_equal(ring_find(&ring, uris[i]), alice);
	assert_ptr_equal(ring_find(&ring, alice->uri), alice);
	assert_ptr_equal(ring_find(&ring, "pkcs11:token=soft"), ring_of(&ring, keys[2]));
}

/* name, what is said. */
static void check_why(struct ring *ring, const char *name, int error, const char *why)
{
	struct ks_identity *identity = (struct ks_identity *)ring;
	char said[KS_TEXT_MAX];
	assert_int_equal(ks_keyring_by_name(ring->keyring, ks_bytes_text(name), &identity, said, sizeof(said)), error);
	assert_string_equal(said, why);
	assert_ptr_equal(identity, ring); /* outputs are written on success only */
}

static void test_lookup_says_what_there_is_instead(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	make_three(&ring);
	check_why(&ring, "alcie", KS_ERR_UNKNOWN_KEY,
		  "no key is called \"alcie\"; did you mean \"alice\"? keystay list shows all");
	check_why(&ring, "Alice", KS_ERR_UNKNOWN_KEY,
		  "no key is called \"Alice\"; did you mean \"alice\"? keystay list shows all");
	check_why(&ring, "nothing like it", KS_ERR_UNKNOWN_KEY,
		  "no key is called \"nothing like it\"; keystay list shows all");
	check_why(&ring, "\x1b[31m", KS_ERR_UNKNOWN_KEY, "no key is called \"\\x1b[31m\"; keystay list shows all");
	check_why(&ring, "0000000000", KS_ERR_UNKNOWN_KEY, "no key is called \"0000000000\"; keystay list shows all");
	check_why(&ring, "pkcs11:object=bob", KS_ERR_UNKNOWN_KEY,
		  "no key is called \"pkcs11:object=bob\"; keystay list shows all");
	check_why(&ring, "pkcs11:slot-id=1", KS_ERR_UNKNOWN_KEY,
		  "no key is called \"pkcs11:slot-id=1\"; keystay list shows all");
	check_why(&ring, "pkcs11:token=corp%20card", KS_ERR_AMBIGUOUS,
		  "the URI fits 2 keys; name one of: alice (pkcs11:token=corp%20card;object=alice;id=%01), web "
		  "(pkcs11:token=corp%20card;object=web;id=%02)");
}

static void test_lookup_does_not_show_a_pin(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	struct ks_identity *identity;
	char said[KS_TEXT_MAX];
	make_three(&ring);
	assert_int_equal(ks_keyring_by_name(ring.keyring, ks_bytes_text("pkcs11:object=alice?pin-value=4711"),
					    &identity, said, sizeof(said)),
			 KS_ERR_UNKNOWN_KEY);
	assert_null(strstr(said, "4711"));
	assert_non_null(strstr(said, "this PKCS#11 URI cannot be used: "));
}

static void test_lookup_without_keys_says_where_to_look(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_build(&ring, NULL);
	static const char text[] =
		"there is no key; is the card plugged in, and its module in keystay.conf? see: keystay status";
	check_why(&ring, "", KS_ERR_UNKNOWN_KEY, text);
	check_why(&ring, "alice", KS_ERR_UNKNOWN_KEY, text);
}

static void test_lookup_without_a_name_takes_the_only_one(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 1, .label = "bare"), keys[0]);
	ring_build(&ring, NULL);
	assert_ptr_equal(ring_find(&ring, ""), ring_of(&ring, keys[0]));
}

static void test_lookup_without_a_name_takes_the_only_usable_one(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	static const struct {
		const char *label;
		int from, until;
		const char *eku;
	} unusable[] = {
		{ "expired", -20, -10, NULL },
		{ "future", 10, 0, NULL },
		{ "server", -1, 0, "serverAuth" },
	};
	ring_token(&ring, 0, TOKEN(.number = 1));
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 100, .label = "bare"), keys[0]);
	ring_key(&ring, 0, OBJECT(.token = 1, .number = 101, .label = "good"), keys[1]);
	ring_certificate(&ring, 0, OBJECT(.token = 1), CERTIFICATE(.common_name = "x", .key = keys[1]));
	for (uint32_t i = 0; i < 3; i++) {
		ring_key(&ring, 0, OBJECT(.token = 1, .number = i, .label = unusable[i].label), keys[2 + i]);
		ring_certificate(&ring, 0, OBJECT(.token = 1),
				 CERTIFICATE(.common_name = "x", .key = keys[2 + i], .from_days = unusable[i].from,
					     .until_days = unusable[i].until, .eku = unusable[i].eku));
	}
	ring_build(&ring, "");
	assert_ptr_equal(ring_find(&ring, ""), ring_of(&ring, keys[1]));
	/* A second one, and it must be named; those that are of no use are not offered. */
	ring_file(&ring, CERTIFICATE(.common_name = "x", .key = keys[0]));
	ring_build(&ring, "");
	check_why(&ring, "", KS_ERR_AMBIGUOUS,
		  "there are 2 keys; name one of: bare (pkcs11:token=corp;object=bare), good "
		  "(pkcs11:token=corp;object=good)");
}

static void test_lookup_lists_eight_choices_and_counts_the_rest(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	for (uint32_t i = 0; i < N_KEYS; i++) {
		char label[8];
		(void)snprintf(label, sizeof(label), "k%02u", i);
		ring_key(&ring, 0, OBJECT(.token = 1, .number = i, .label = label), keys[i]);
	}
	ring_build(&ring, NULL);
	check_why(&ring, "", KS_ERR_AMBIGUOUS,
		  "there are 12 keys; name one of: k00 (pkcs11:token=corp;object=k00), "
		  "k01 (pkcs11:token=corp;object=k01), k02 (pkcs11:token=corp;object=k02), "
		  "k03 (pkcs11:token=corp;object=k03), k04 (pkcs11:token=corp;object=k04), "
		  "k05 (pkcs11:token=corp;object=k05), k06 (pkcs11:token=corp;object=k06), "
		  "k07 (pkcs11:token=corp;object=k07) and 4 more (keystay list shows all)");
}

/* Some callers only want to know whether; and a sentence is never cut inside a character. */
static void test_lookup_writes_only_as_much_as_there_is_room(void **state)
{
	(void)state;
	AUTO_RING ring = { 0 };
	ring_token(&ring, 0, TOKEN(.number = 1));
	for (uint32_t i = 0; i < 3; i++) {
		char label[16];
		(void)snprintf(label, sizeof(label), "Zo\xc3\xab%u", i);
		ring_key(&ring, 0, OBJECT(.token = 1, .number = i, .label = label), keys[i]);
	}
	ring_build(&ring, NULL);
	for (size_t size = 0; size < 400; size++) {
		KS_AUTO_FREE char *why = malloc(size ? size : 1);
		struct ks_identity *identity;
		assert_int_equal(ks_keyring_by_name(ring.keyring, KS_BYTES_NONE, &identity, why, size),
				 KS_ERR_AMBIGUOUS);
		if (size > 0)
			assert_true(strlen(why) < size && ks_text_valid(ks_bytes_text(why)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_simple_labels),
		cmocka_unit_test(test_name_is_the_label_when_it_is_unique),
		cmocka_unit_test(test_name_of_equal_labels_has_the_key_id),
		cmocka_unit_test(test_name_comes_from_the_certificate_when_the_label_says_nothing),
		cmocka_unit_test(test_name_of_a_key_without_anything_has_its_fingerprint),
		cmocka_unit_test(test_names_of_piv_cards_have_their_slots),
		cmocka_unit_test(test_names_that_are_still_equal_have_a_fingerprint),
		cmocka_unit_test(test_names_are_unique_whatever_labels_say),
		cmocka_unit_test(test_name_of_a_section_goes_to_the_newest_valid_certificate),
		cmocka_unit_test(test_name_of_a_section_is_taken_by_no_other_key),
		cmocka_unit_test(test_numbers_behind_names_pass_over_other_sections),
		cmocka_unit_test(test_names_and_uris_do_not_depend_on_the_order),
		cmocka_unit_test(test_uris_say_as_much_as_they_need),
		cmocka_unit_test(test_uris_are_unique_and_short_in_any_case),
		cmocka_unit_test(test_lookup_takes_name_fingerprint_and_uri),
		cmocka_unit_test(test_lookup_says_what_there_is_instead),
		cmocka_unit_test(test_lookup_does_not_show_a_pin),
		cmocka_unit_test(test_lookup_without_keys_says_where_to_look),
		cmocka_unit_test(test_lookup_without_a_name_takes_the_only_one),
		cmocka_unit_test(test_lookup_without_a_name_takes_the_only_usable_one),
		cmocka_unit_test(test_lookup_lists_eight_choices_and_counts_the_rest),
		cmocka_unit_test(test_lookup_writes_only_as_much_as_there_is_room),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
