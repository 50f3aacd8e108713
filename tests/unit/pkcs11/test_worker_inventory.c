/* SPDX-License-Identifier: Apache-2.0 */
/* What keystay-token tells of tokens, keys and certificates. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct rig_key keys[] = {
	{ .label = "rsa2048", .id = 1, .parts = RIG_ALL },
	{ .label = "p256", .id = 2, .parts = RIG_ALL },
	{ .label = "p384", .id = 3, .parts = RIG_PUBLIC | RIG_PRIVATE },
	{ .label = "p521", .id = 4, .parts = RIG_PUBLIC | RIG_PRIVATE },
	{ .label = "ed25519", .id = 5, .parts = RIG_ALL },
};
static const char *const types[] = { "RSA2048", "P-256", "P-384", "P-521", "ED25519" };

#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		keys[i].key = rig_new_key(types[i]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		EVP_PKEY_free(keys[i].key);
	return 0;
}

/* A rig for each test: what is on the token is what it is about. */
struct place {
	struct rig rig;
	struct rig_worker worker;
};

static void open_place(struct place *place, void (*fill)(struct rig_writer *, void *), void *userdata,
		       const char *script)
{
	const struct rig_options options = { .path = RIG_SHIM };

	rig_init(&place->rig);
	rig_write(&place->rig, fill, userdata);
	rig_script(&place->rig, script);
	rig_start_ready(&place->rig, &options, &place->worker);
}

static void close_place(struct place *place)
{
	rig_stop(&place->worker);
	rig_deinit(&place->rig);
}

static void log_in(struct place *place)
{
	assert_int_equal(rig_login(&place->worker, place->worker.tokens[0].number, RIG_PIN, NULL), 0);
}

static void assert_key_is(const struct rig_found_key *found, const struct rig_key *key)
{
	unsigned char *der = NULL;
	int size = i2d_PUBKEY(key->key, &der);

	assert_int_equal(found->spki_size, size);
	assert_memory_equal(found->spki, der, found->spki_size);
	OPENSSL_free(der);
}

/* --- tokens ------------------------------------------------------------------------------------------------------ */

static void fill_all(struct rig_writer *writer, void *userdata)
{
	(void)userdata;
	rig_write_token(writer, "corp");
	for (size_t i = 0; i < N_KEYS; i++)
		rig_write_key(writer, &keys[i]);
}

static void fill_nothing(struct rig_writer *writer, void *userdata)
{
	(void)writer;
	(void)userdata;
}

static void fill_two(struct rig_writer *writer, void *userdata)
{
	(void)userdata;
	rig_write_token(writer, "corp");
	rig_write_key(writer, &keys[1]);
	rig_write_token(writer, "corp");
	rig_write_key(writer, &keys[2]);
}

static void test_inventory_of_no_token_is_empty_and_whole(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_nothing, NULL, NULL);
	assert_int_equal(place.worker.n_tokens, 0);
	assert_true(place.worker.all);
	close_place(&place);
}

static void test_inventory_tells_what_the_token_says_of_itself(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, NULL);
	const struct rig_token *token = &place.worker.tokens[0];
	assert_int_equal(place.worker.n_tokens, 1);
	assert_string_equal(token->label, "corp");
	assert_string_equal(token->manufacturer, "SoftHSM project");
	assert_string_equal(token->model, "SoftHSM v2");
	assert_int_equal(strlen(token->serial), 16);
	assert_int_equal(token->pin_flags, KS_PIN_NEEDED | KS_PIN_SET);
	assert_int_equal(token->pin_min, 4);
	assert_int_equal(token->pin_max, 255);
	assert_false(token->logged_in);
	close_place(&place);
}

static void test_inventory_tells_the_flags_of_the_pin(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL,
		   "flags-add COUNT_LOW\nflags-add FINAL_TRY\nflags-add LOCKED\n"
		   "flags-add TO_BE_CHANGED\nflags-add PIN_PAD\nflags-remove LOGIN_REQUIRED\n"
		   "token-info pin-min 0\ntoken-info pin-max 0xffffffffffffffff\n");
	assert_int_equal(place.worker.tokens[0].pin_flags, KS_PIN_SET | KS_PIN_COUNT_LOW | KS_PIN_FINAL_TRY |
								   KS_PIN_IS_BLOCKED | KS_PIN_TO_BE_CHANGED |
								   KS_PIN_PAD);
	assert_int_equal(place.worker.tokens[0].pin_min, 0);
	assert_int_equal(place.worker.tokens[0].pin_max, 0);
	close_place(&place);
}

static void test_inventory_escapes_labels_that_are_no_text(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL,
		   "token-info label \xff\x01"
		   "corp\n");
	assert_string_equal(place.worker.tokens[0].label, "\\xff\\x01corp");
	close_place(&place);
}

static void test_inventory_keeps_tokens_apart_that_have_one_label(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_two, NULL, NULL);
	assert_int_equal(place.worker.n_tokens, 2);
	assert_string_equal(place.worker.tokens[0].label, place.worker.tokens[1].label);
	assert_int_not_equal(place.worker.tokens[0].number, place.worker.tokens[1].number);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(rig_login(&place.worker, place.worker.tokens[i].number, RIG_PIN, NULL), 0);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "p256"), 0x0403), 0);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "p384"), 0x0503), 0);
	/* News of one token leave the other as it was. */
	uint32_t first = place.worker.tokens[0].number;
	assert_int_equal(rig_logout(&place.worker, first), 0);
	assert_false(place.worker.all);
	assert_false(place.worker.tokens[0].logged_in);
	assert_true(place.worker.tokens[1].logged_in);
	assert_int_equal(place.worker.n_keys, 2);
	close_place(&place);
}

static void test_inventory_leaves_out_keystays_own_tokens(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, "token-info model keystay\n");
	assert_int_equal(place.worker.n_tokens, 0);
	close_place(&place);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static void test_inventory_shows_public_halves_before_the_login_and_private_ones_after_it(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, NULL);
	assert_int_equal(place.worker.n_keys, N_KEYS);
	assert_int_equal(place.worker.n_certificates, 3);
	for (size_t i = 0; i < N_KEYS; i++) {
		assert_key_is(rig_key_by_label(&place.worker, keys[i].label), &keys[i]);
		assert_false(rig_key_by_label(&place.worker, keys[i].label)->private_seen);
	}
	uint32_t number = rig_key_by_label(&place.worker, "p384")->number;
	log_in(&place);
	assert_true(place.worker.tokens[0].logged_in);
	assert_int_equal(place.worker.n_keys, N_KEYS); /* each once */
	for (size_t i = 0; i < N_KEYS; i++) {
		assert_key_is(rig_key_by_label(&place.worker, keys[i].label), &keys[i]);
		assert_true(rig_key_by_label(&place.worker, keys[i].label)->private_seen);
	}
	assert_int_equal(rig_key_by_label(&place.worker, "p384")->number, number);
	close_place(&place);
}

static void test_inventory_takes_a_bare_point_as_well(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, "points-raw\n");
	assert_int_equal(place.worker.n_keys, N_KEYS);
	for (size_t i = 0; i < N_KEYS; i++)
		assert_key_is(rig_key_by_label(&place.worker, keys[i].label), &keys[i]);
	close_place(&place);
}

static void test_inventory_takes_the_public_half_from_the_certificate(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, "objects-without CKO_PUBLIC_KEY\nattributes-without CKA_MODULUS\n");
	assert_int_equal(place.worker.n_keys, 0);
	log_in(&place);
	assert_int_equal(place.worker.n_keys, 3); /* those with a certificate */
	assert_key_is(rig_key_by_label(&place.worker, "rsa2048"), &keys[0]);
	assert_key_is(rig_key_by_label(&place.worker, "p256"), &keys[1]);
	assert_key_is(rig_key_by_label(&place.worker, "ed25519"), &keys[4]);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "rsa2048"), 0x0804), 0);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "p256"), 0x0403), 0);
	close_place(&place);
}

static void test_inventory_puts_halves_without_an_id_together_by_their_label(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, "attributes-without CKA_ID\n");
	log_in(&place);
	assert_int_equal(place.worker.n_keys, N_KEYS);
	for (size_t i = 0; i < N_KEYS; i++)
		assert_true(rig_key_by_label(&place.worker, keys[i].label)->private_seen);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "p521"), 0x0603), 0);
	close_place(&place);
}

static void fill_same_id(struct rig_writer *writer, void *userdata)
{
	struct rig_key key = keys[1];
	(void)userdata;

	rig_write_token(writer, "corp");
	/* Two keys of one curve with one CKA_ID, of which the token does not say which half belongs to which. */
	key.parts = RIG_PUBLIC | RIG_PRIVATE;
	rig_write_key(writer, &key);
	key.key = EVP_EC_gen("P-256");
	key.label = "other";
	rig_write_key(writer, &key);
	/* A public half whose private half has another CKA_ID is a key of its own. */
	key.key = keys[2].key;
	key.label = "public-only";
	key.id = 9;
	key.parts = RIG_PUBLIC;
	rig_write_key(writer, &key);
	/* One that is there to decrypt is of no use for TLS. */
	key.key = keys[0].key;
	key.label = "decrypts";
	key.id = 10;
	key.parts = RIG_PUBLIC | RIG_PRIVATE;
	key.no_sign = true;
	rig_write_key(writer, &key);
}

static void test_inventory_does_not_mix_up_keys_with_one_id(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_same_id, NULL, NULL);
	log_in(&place);
	assert_int_equal(place.worker.n_keys, 3);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "p256"), 0x0403), 0);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "other"), 0x0403), 0);
	assert_false(rig_key_by_label(&place.worker, "public-only")->private_seen);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "public-only"), 0x0503),
			 KS_ERR_UNKNOWN_KEY);
	close_place(&place);
}

/* --- many -------------------------------------------------------------------------------------------------------- */

static void fill_certificates(struct rig_writer *writer, void *userdata)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	(void)userdata;

	rig_put_certificate(&der, keys[1].key, "one of many");
	rig_write_token(writer, "archive");
	for (unsigned i = 0; i < 500; i++) {
		char label[32];
		uint8_t id[2] = { (uint8_t)(i >> 8), (uint8_t)i };
		(void)snprintf(label, sizeof(label), "certificate %u", i);
		rig_write_certificate(writer, ks_bytes(id, sizeof(id)), label, ks_buffer_bytes(&der));
	}
}

static void test_inventory_tells_five_hundred_certificates(void **state)
{
	(void)state;
	struct place place;
	bool seen[500] = { false };

	open_place(&place, fill_certificates, NULL, NULL);
	assert_int_equal(place.worker.n_certificates, 500);
	for (size_t i = 0; i < 500; i++) {
		unsigned n = 500;
		assert_int_equal(sscanf(place.worker.certificates[i].label, "certificate %u", &n), 1);
		assert_true(n < 500);
		assert_false(seen[n]);
		seen[n] = true;
		assert_int_equal(place.worker.certificates[i].id[1], n & 0xff);
	}
	close_place(&place);
}

static void fill_200(struct rig_writer *writer, void *userdata)
{
	(void)userdata;
	rig_write_token(writer, "many");
	for (unsigned i = 0; i < 200; i++) {
		char label[32];
		(void)snprintf(label, sizeof(label), "key %u", i);
		const struct rig_key key = { .key = EVP_EC_gen("P-256"),
					     .label = label,
					     .id = (uint8_t)(i + 1),
					     .parts = RIG_PUBLIC | RIG_PRIVATE };
		rig_write_key(writer, &key);
		EVP_PKEY_free(key.key);
	}
}

/* A signature costs the same with 200 keys as with one: nothing is searched for, no attribute is read. */
static void test_signing_needs_no_search_among_two_hundred_keys(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_200, NULL, NULL);
	log_in(&place);
	assert_int_equal(place.worker.n_keys, 200);
	(void)unlink(place.rig.counts);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(rig_sign(&place.worker, &place.worker.keys[i], 0x0403), 0);
	assert_int_equal(rig_count(&place.rig, "C_Sign"), 200);
	assert_int_equal(rig_count(&place.rig, "C_SignInit"), 200);
	assert_int_equal(rig_count(&place.rig, "C_FindObjectsInit"), 0);
	assert_int_equal(rig_count(&place.rig, "C_GetAttributeValue"), 0);
	assert_int_equal(rig_count(&place.rig, "C_GetTokenInfo"), 0);
	assert_int_equal(rig_count(&place.rig, "C_OpenSession"), 0);
	close_place(&place);
}

static void test_inventory_reads_each_object_in_two_calls(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_200, NULL, NULL);
	assert_int_equal(rig_count(&place.rig, "C_GetAttributeValue"), 400);
	assert_int_equal(rig_count(&place.rig, "C_FindObjectsInit"), 3);
	assert_true(rig_count(&place.rig, "C_FindObjects") <= 10);
	close_place(&place);
}

static void test_rescan_keeps_the_numbers_of_tokens_and_keys(void **state)
{
	(void)state;
	struct place place;

	open_place(&place, fill_all, NULL, NULL);
	log_in(&place);
	uint32_t token = place.worker.tokens[0].number;
	uint32_t key = rig_key_by_label(&place.worker, "p256")->number;
	assert_int_equal(rig_rescan(&place.worker), 0);
	assert_true(place.worker.all);
	assert_true(place.worker.tokens[0].logged_in);
	assert_int_equal(place.worker.tokens[0].number, token);
	assert_int_equal(rig_key_by_label(&place.worker, "p256")->number, key);
	assert_int_equal(rig_sign(&place.worker, rig_key_by_label(&place.worker, "p256"), 0x0403), 0);
	close_place(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inventory_of_no_token_is_empty_and_whole),
		cmocka_unit_test(test_inventory_tells_what_the_token_says_of_itself),
		cmocka_unit_test(test_inventory_tells_the_flags_of_the_pin),
		cmocka_unit_test(test_inventory_escapes_labels_that_are_no_text),
		cmocka_unit_test(test_inventory_keeps_tokens_apart_that_have_one_label),
		cmocka_unit_test(test_inventory_leaves_out_keystays_own_tokens),
		cmocka_unit_test(test_inventory_shows_public_halves_before_the_login_and_private_ones_after_it),
		cmocka_unit_test(test_inventory_takes_a_bare_point_as_well),
		cmocka_unit_test(test_inventory_takes_the_public_half_from_the_certificate),
		cmocka_unit_test(test_inventory_puts_halves_without_an_id_together_by_their_label),
		cmocka_unit_test(test_inventory_does_not_mix_up_keys_with_one_id),
		cmocka_unit_test(test_inventory_tells_five_hundred_certificates),
		cmocka_unit_test(test_signing_needs_no_search_among_two_hundred_keys),
		cmocka_unit_test(test_inventory_reads_each_object_in_two_calls),
		cmocka_unit_test(test_rescan_keeps_the_numbers_of_tokens_and_keys),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
