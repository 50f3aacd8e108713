/* SPDX-License-Identifier: Apache-2.0 */
/* New key pairs: only while the token is unlocked, and nothing half-made is left. Runs in: unit tests. */
#include "tests/unit/pkcs11/change_bench.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/protocol/spki.h"

/* Nothing of a new key is left, and the old one is as it was. */
static void assert_nothing_made(void)
{
	rig_script(&rig, NULL);
	assert_int_equal(rig_rescan(&worker), 0);
	assert_null(rig_find_key(&worker, MADE));
	assert_int_equal(worker.n_keys, 1);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
	rig_expect_none(&rig, CKA_LABEL, ks_bytes_text(MADE));
}

/* --- key pairs --------------------------------------------------------------------------------------------------- */

static void test_keygen_makes_each_kind_of_key(void **state)
{
	(void)state;
	static const struct {
		uint32_t type, bits, scheme;
		const char *name;
	} kinds[] = {
		{ KS_KEY_RSA, 2048, 0x0804, "RSA-2048" },     { KS_KEY_RSA, 3072, 0x0804, "RSA-3072" },
		{ KS_KEY_EC, 256, 0x0403, "P-256" },          { KS_KEY_EC, 384, 0x0503, "P-384" },
		{ KS_KEY_EC, 521, 0x0603, "P-521" },          { KS_KEY_ED25519, 0, 0x0807, "Ed25519" },
		{ KS_KEY_ED25519, 256, 0x0807, "Ed25519-2" },
	};

	change_start(NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ks_spki spki;
		char name[32];
		assert_int_equal(keygen(kinds[i].type, kinds[i].bits, kinds[i].name, KS_BYTES_NONE), 0);
		assert_int_equal(ks_spki_read(ks_bytes(made.spki, made.spki_size), &spki), 0);
		ks_spki_type_name(&spki, name, sizeof(name));
		assert_memory_equal(name, kinds[i].name, strlen(name));
		const struct rig_found_key *key = rig_key_by_label(&worker, kinds[i].name);
		assert_true(ks_bytes_equal(rig_spki(key), ks_bytes(made.spki, made.spki_size)));
		assert_true(ks_bytes_equal(rig_id(key), ks_bytes(made.id, made.id_size)));
		assert_true(key->private_seen);
		assert_false(key->decrypts);
		assert_int_equal(rig_sign(&worker, key, kinds[i].scheme), 0);
	}
	rig_stop(&worker);
}

/* SHA-1 of what stands in subjectPublicKey (RFC 5280 section 4.2.1.2): of a P-256 key its last 65 bytes. */
static void test_keygen_gives_the_habitual_id(void **state)
{
	(void)state;
	uint8_t expected[20];

	change_start(NULL);
	assert_int_equal(make_p256(), 0);
	(void)SHA1(made.spki + made.spki_size - 65, 65, expected);
	assert_int_equal(made.id_size, sizeof(expected));
	assert_memory_equal(made.id, expected, sizeof(expected));
	rig_stop(&worker);
}

static void test_keygen_gives_the_id_that_was_asked_for(void **state)
{
	(void)state;
	const uint8_t id[] = { 0x2a, 0x00, 0x17 };

	change_start(NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, MADE, ks_bytes(id, sizeof(id))), 0);
	assert_true(ks_bytes_equal(ks_bytes(made.id, made.id_size), ks_bytes(id, sizeof(id))));
	assert_int_equal(rig_count(&rig, "C_SetAttributeValue"), 0);
	rig_stop(&worker);
}

/* A random one, which is as good. */
static void test_keygen_keeps_an_id_that_cannot_be_changed(void **state)
{
	(void)state;
	uint8_t habitual[20];

	change_start("C_SetAttributeValue * rv 0x10\n");
	assert_int_equal(make_p256(), 0);
	(void)SHA1(made.spki + made.spki_size - 65, 65, habitual);
	assert_int_equal(made.id_size, sizeof(habitual));
	assert_memory_not_equal(made.id, habitual, sizeof(habitual));
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, MADE), 0x0403), 0);
	rig_stop(&worker);
	/* One half of two: it is put back. */
	change_start("C_SetAttributeValue 2 rv 0x10\n");
	assert_int_equal(keygen(KS_KEY_EC, 256, "another", KS_BYTES_NONE), 0);
	assert_int_equal(rig_count(&rig, "C_SetAttributeValue"), 3);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "another"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_keygen_wants_an_unlocked_token(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(make_p256(), KS_ERR_TOKEN_LOCKED);
	assert_string_equal(worker.error, "token \"corp\" is locked; run: keystay unlock corp");
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(make_p256(), 0);
	assert_int_equal(rig_logout(&worker, worker.tokens[0].number), 0);
	assert_int_equal(rig_remove(&worker, ks_bytes(made.id, made.id_size), ks_bytes(made.spki, made.spki_size),
				    RIG_KEYS, KS_BYTES_NONE),
			 KS_ERR_TOKEN_LOCKED);
	rig_stop(&worker);
}

/* Another program has logged out: what is written needs the user of this very session. */
static void test_keygen_looks_who_is_logged_in(void **state)
{
	(void)state;

	change_start("session-public\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_LOCKED);
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	rig_stop(&worker);
}

static void test_keygen_asks_a_tpm_for_what_it_can_use(void **state)
{
	(void)state;
	const struct rig_options options = { .path = RIG_SHIM };

	rig_script(&rig, "info-description TPM2.0\n");
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(keygen(KS_KEY_RSA, 2048, MADE, KS_BYTES_NONE), KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(worker.error, "choose a P-256 key"));
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	assert_int_equal(make_p256(), 0);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, MADE), 0x0403), 0);
	rig_stop(&worker);
}

/* The session that writes is none of those that sign, and is gone afterwards. */
static void test_keygen_leaves_the_token_unlocked(void **state)
{
	(void)state;

	change_start(NULL);
	assert_int_equal(make_p256(), 0);
	assert_true(worker.tokens[0].logged_in);
	assert_int_equal(rig_count(&rig, "C_Login"), 0);
	assert_int_equal(rig_count(&rig, "C_OpenSession"), 1);
	assert_int_equal(rig_count(&rig, "C_CloseSession"), 1);
	assert_int_equal(rig_sign(&worker, rig_key_by_label(&worker, "old"), 0x0403), 0);
	rig_stop(&worker);
}

static void test_keygen_makes_room_for_its_session(void **state)
{
	(void)state;

	/* As many as the worker has open: one. */
	change_start("sessions-limit 1\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "no further session is possible"));
	assert_true(worker.tokens[0].logged_in);
	rig_stop(&worker);
}

static void test_keygen_refuses_what_is_no_key(void **state)
{
	(void)state;
	static const uint32_t wrong[][2] = {
		{ KS_KEY_RSA, 1024 }, { KS_KEY_RSA, 0 },     { KS_KEY_RSA_PSS, 2048 },
		{ KS_KEY_EC, 255 },   { KS_KEY_EC, 0 },      { KS_KEY_ED25519, 448 },
		{ 0, 2048 },          { 0xffffffffu, 2048 },
	};

	change_start(NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(keygen(wrong[i][0], wrong[i][1], MADE, KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(keygen(KS_KEY_EC, 256, "", KS_BYTES_NONE), KS_ERR_INVALID);
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	rig_stop(&worker);
}

static void test_keygen_shares_a_label_where_the_id_is_said(void **state)
{
	(void)state;
	const uint8_t free_id[] = { 0xfe, 0xed };

	change_start(NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, "old", ks_bytes(free_id, sizeof(free_id))), 0);
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 1);
	rig_stop(&worker);
}

static void test_keygen_refuses_a_label_or_id_that_is_taken(void **state)
{
	(void)state;
	const uint8_t taken = 1;

	change_start(NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, "old", KS_BYTES_NONE), KS_ERR_BUSY);
	assert_string_equal(worker.error, "token \"corp\" has something with this label already; choose another one "
					  "for the new key; nothing was made");
	assert_int_equal(keygen(KS_KEY_EC, 256, MADE, ks_bytes(&taken, 1)), KS_ERR_BUSY);
	assert_string_equal(worker.error, "token \"corp\" has something with this object id already; choose another "
					  "one for the new key; nothing was made");
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 0);
	/* Also while the inventory does not know of it. */
	rig_script(&rig, "objects-without CKO_PUBLIC_KEY\nobjects-without CKO_CERTIFICATE\n"
			 "attributes-without CKA_EC_PARAMS\n");
	assert_int_equal(rig_rescan(&worker), 0);
	assert_int_equal(worker.n_keys, 0);
	rig_script(&rig, NULL);
	assert_int_equal(keygen(KS_KEY_EC, 256, "old", KS_BYTES_NONE), KS_ERR_BUSY);
	rig_stop(&worker);
}

static void test_keygen_leaves_nothing_of_a_key_that_it_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *script, *words;
	} cases[] = {
		{ "attributes-flip CKA_SENSITIVE\n", "made a key that is not sensitive; it was destroyed" },
		{ "attributes-without CKA_SENSITIVE\n", "made a key that is not sensitive" },
		{ "attributes-flip CKA_EXTRACTABLE\n", "made a key that can be extracted" },
		{ "attributes-flip CKA_NEVER_EXTRACTABLE\n", "made a key that can be extracted" },
		{ "attributes-without CKA_NEVER_EXTRACTABLE\n", "made a key that can be extracted" },
		{ "attributes-flip CKA_DECRYPT\n", "made a key that does more than sign" },
		{ "attributes-flip CKA_DERIVE\n", "made a key that does more than sign" },
		{ "attributes-flip CKA_SIGN\n", "made a key that does not sign" },
		{ "attributes-flip CKA_TOKEN\n", "made a key that it does not keep" },
		/* Made, but the answer is an error, and no handle comes with it. */
		{ "C_GenerateKeyPair * after-rv 0x30\n", "C_GenerateKeyPair failed: the device reports an error" },
		{ "C_GetAttributeValue * rv 0x30\n", "C_GetAttributeValue failed" },
		/* One half has the new id, the other one does not take it, and nothing takes the old one back. */
		{ "C_SetAttributeValue 2+ rv 0x30\n", "C_SetAttributeValue failed" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		change_start(cases[i].script);
		assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
		if (!strstr(worker.error, cases[i].words))
			fail_msg("\"%s\" is not in: %s", cases[i].words, worker.error);
		assert_int_equal(rig_count(&rig, "C_GenerateKeyPair"), 1);
		assert_null(strstr(worker.error, "could not be removed"));
		assert_nothing_made();
	}
}

static void test_keygen_says_what_it_could_not_undo(void **state)
{
	(void)state;

	change_start("attributes-flip CKA_SENSITIVE\nC_DestroyObject * rv 0x30\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "; what was made of the key could not be removed again"));
	rig_stop(&worker);
}

/* A module that answers with somebody else's handles: no new key, and the old one lives. */
static void test_keygen_never_destroys_what_was_there_before(void **state)
{
	(void)state;

	change_start("C_GenerateKeyPair * wrong\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "made no new key: it gave one that was there before"));
	assert_int_equal(rig_count(&rig, "C_DestroyObject"), 0);
	assert_nothing_made();
}

/* The public half is the new one; the handle of the private half is that of a key that must stay as it is. */
static void test_keygen_changes_no_key_that_was_there_before(void **state)
{
	(void)state;

	change_start("generated old-private-key\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_int_equal(rig_count(&rig, "C_SetAttributeValue"), 0);
	assert_nothing_made();
}

static void test_keygen_says_when_a_token_makes_no_keys(void **state)
{
	(void)state;
	static const char *const refusals[] = { "0x54", "0x70", "0x62", "0x140", "0x101", "0xe2", "0x13", "0xb5" };
	char script[128];

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		(void)snprintf(script, sizeof(script), "C_GenerateKeyPair * rv %s\n", refusals[i]);
		change_start(script);
		assert_int_equal(make_p256(), KS_ERR_UNSUPPORTED);
		assert_non_null(strstr(worker.error, "token \"corp\" does not make such a key: "));
		assert_null(strstr(worker.error, "run:")); /* whose program would do it is not known */
		rig_stop(&worker);
	}
	/* One that is known. */
	rig_script(&rig, "info-description OpenSC smartcard framework\ntoken-info manufacturer piv_II\n"
			 "C_GenerateKeyPair * rv 0x54\n");
	const struct rig_options options = { .path = RIG_SHIM };
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(make_p256(), KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(worker.error, "run: yubico-piv-tool -a generate"));
	assert_non_null(strstr(worker.error, "piv-tool -A M:9B:03 -G 9A:11"));
	rig_stop(&worker);
}

/* One that knows no such attribute is asked without what only says what the key is not for. */
static void test_keygen_asks_plainly_where_attributes_are_refused(void **state)
{
	(void)state;

	change_start("C_GenerateKeyPair 1 rv 0x12\n");
	/* SoftHSM's keys decrypt unless they are told not to. */
	assert_int_equal(keygen(KS_KEY_RSA, 2048, MADE, KS_BYTES_NONE), KS_ERR_TOKEN_FAILED);
	assert_non_null(strstr(worker.error, "does more than sign"));
	assert_int_equal(rig_count(&rig, "C_GenerateKeyPair 0x0"), 2);
	assert_nothing_made();
}

static void test_keygen_survives_a_session_that_is_lost(void **state)
{
	(void)state;

	change_start("C_GenerateKeyPair * after-rv 0xb3\n");
	assert_int_equal(make_p256(), KS_ERR_TOKEN_FAILED);
	assert_nothing_made();
	change_start("C_GenerateKeyPair * crash\n");
	const struct ks_msg_worker_keygen message = { KS_MESSAGE_HEAD(++worker.last_id),
						      .token = worker.tokens[0].number, .key_type = KS_KEY_EC,
						      .bits = 256, .label = ks_bytes_text(MADE) };
	struct ks_frame frame;
	rig_send(&worker, KS_MSG_WORKER_KEYGEN, &message);
	assert_false(rig_read(&worker, &frame));
	assert_int_not_equal(rig_wait(&worker), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keygen_makes_each_kind_of_key, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_gives_the_habitual_id, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_gives_the_id_that_was_asked_for, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_keeps_an_id_that_cannot_be_changed, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_wants_an_unlocked_token, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_looks_who_is_logged_in, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_asks_a_tpm_for_what_it_can_use, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_leaves_the_token_unlocked, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_makes_room_for_its_session, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_refuses_what_is_no_key, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_shares_a_label_where_the_id_is_said, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_refuses_a_label_or_id_that_is_taken, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_leaves_nothing_of_a_key_that_it_refuses, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_says_what_it_could_not_undo, change_setup, change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_never_destroys_what_was_there_before, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_changes_no_key_that_was_there_before, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_says_when_a_token_makes_no_keys, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_asks_plainly_where_attributes_are_refused, change_setup,
						change_teardown),
		cmocka_unit_test_setup_teardown(test_keygen_survives_a_session_that_is_lost, change_setup,
						change_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
