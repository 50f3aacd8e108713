/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/inventory.h: what a worker says is taken when it can be true, left out when it is too much, and ends
 * the worker when it makes no sense. */
#include "agent/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"
#include "tests/unit/agent/reports.h"

#define AUTO_INVENTORY KS_CLEANUP(ks_inventory_deinit) struct ks_inventory

static EVP_PKEY *key;
static struct ks_buffer spki; /* of key */

static int setup_key(void **state)
{
	(void)state;
	ks_log_init("test", KS_LOG_ERROR); /* what is left out is logged */
	key = test_key("P-256");
	test_spki(key, &spki);
	return 0;
}

static int teardown_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	ks_buffer_deinit(&spki);
	return 0;
}

static struct ks_bytes good_spki(void)
{
	return ks_buffer_bytes(&spki);
}

/* The bytes of one message of a worker, given to the inventory as they are. */
static int take_bytes(struct ks_inventory *inventory, uint8_t type, const void *bytes, size_t size)
{
	bool complete = true;
	/* Not longer than it is, so that a sanitizer sees a read behind it. */
	KS_AUTO_FREE uint8_t *exact = malloc(size ? size : 1);
	if (size > 0)
		memcpy(exact, bytes, size);
	return ks_inventory_take(inventory, type, ks_bytes(exact, size), &complete);
}

/* --- what is taken ----------------------------------------------------------------------------------------------- */

static void test_inventory_keeps_what_a_worker_says(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	const struct test_certificate certificate = { .common_name = "alice", .key = key };

	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 7, .logged_in = true }), 0);
	assert_int_equal(
		report_spki(
			&inventory,
			&(struct test_object){
				.token = 7, .number = 3, .label = "alice", .id = "9a", .always_authenticate = true },
			good_spki()),
		0);
	assert_int_equal(report_certificate(&inventory, &(struct test_object){ .token = 7, .label = "c", .id = "9a" },
					    &certificate),
			 0);
	assert_int_equal(report_end(&inventory, true), 0);

	assert_int_equal(inventory.n_tokens, 1);
	assert_false(inventory.cut);
	const struct ks_inventory_token *token = ks_inventory_token(&inventory, 7);
	assert_ptr_equal(token, &inventory.tokens[0]);
	assert_string_equal(token->label, "corp");
	assert_string_equal(token->manufacturer, "ACME");
	assert_string_equal(token->model, "card");
	assert_string_equal(token->serial, "0001");
	assert_int_equal(token->pin_flags, KS_PIN_NEEDED | KS_PIN_SET);
	assert_int_equal(token->pin_min, 4);
	assert_int_equal(token->pin_max, 8);
	assert_true(token->logged_in);
	assert_int_equal(token->n_keys, 1);
	assert_int_equal(token->keys[0].number, 3);
	assert_string_equal(token->keys[0].label, "alice");
	assert_int_equal(token->keys[0].id_size, 1);
	assert_int_equal(token->keys[0].id[0], 0x9a);
	assert_true(token->keys[0].private_seen);
	assert_true(token->keys[0].always_authenticate);
	assert_int_equal(token->keys[0].spki.curve, KS_CURVE_P256);
	assert_true(ks_bytes_equal(token->keys[0].spki.der, good_spki()));
	assert_int_equal(token->n_certificates, 1);
	assert_string_equal(token->certificates[0].label, "c");
	assert_string_equal(ks_certificate_common_name(token->certificates[0].certificate), "alice");
	assert_null(ks_inventory_token(&inventory, 8));
}

static void test_inventory_changes_only_when_a_report_is_whole(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1, .label = "old" }), 0);
	assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 1, .number = 1 }, good_spki()), 0);
	assert_int_equal(inventory.n_tokens, 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1, .label = "new" }), 0);
	assert_int_equal(inventory.n_tokens, 1);
	assert_string_equal(inventory.tokens[0].label, "old");
	assert_int_equal(inventory.tokens[0].n_keys, 1);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_string_equal(inventory.tokens[0].label, "new");
	assert_int_equal(inventory.tokens[0].n_keys, 0);
}

static void test_inventory_of_all_forgets_tokens_that_were_not_named(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2 }), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2 }), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(inventory.n_tokens, 1);
	assert_null(ks_inventory_token(&inventory, 1));
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(inventory.n_tokens, 0);
}

static void test_inventory_of_one_token_leaves_the_others(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1, .label = "a" }), 0);
	assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 1, .number = 1 }, good_spki()), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2, .label = "b" }), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2, .label = "b", .logged_in = true }),
			 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 3, .label = "c" }), 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_int_equal(inventory.n_tokens, 3);
	assert_int_equal(ks_inventory_token(&inventory, 1)->n_keys, 1);
	assert_true(ks_inventory_token(&inventory, 2)->logged_in);
	assert_string_equal(ks_inventory_token(&inventory, 3)->label, "c");
}

static void test_inventory_starts_a_token_anew_when_it_is_named_again(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 1, .number = 1 }, good_spki()), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 1, .number = 1 }, good_spki()), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(inventory.n_tokens, 1);
	assert_int_equal(inventory.tokens[0].n_keys, 1);
}

/* --- what is left out -------------------------------------------------------------------------------------------- */

static void test_inventory_leaves_out_certificates_and_keys_that_cannot_be_read(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const struct test_certificate certificate = { .common_name = "alice", .key = key };
	const struct test_object object = { .token = 1, .number = 1 };

	test_certificate_der(&certificate, &der);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	assert_int_equal(report_der(&inventory, &object, KS_BYTES_NONE), 0);
	assert_int_equal(report_der(&inventory, &object, ks_bytes("\x30\x03\x02\x01\x00", 5)), 0);
	assert_int_equal(report_der(&inventory, &object, ks_bytes(der.data, der.size - 1)), 0);
	assert_int_equal(report_spki(&inventory, &object, KS_BYTES_NONE), 0);
	assert_int_equal(report_spki(&inventory, &object, ks_bytes(spki.data, spki.size - 1)), 0);
	assert_int_equal(report_spki(&inventory, &object, good_spki()), 0);
	assert_int_equal(report_der(&inventory, &object, ks_buffer_bytes(&der)), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(inventory.tokens[0].n_keys, 1);
	assert_int_equal(inventory.tokens[0].n_certificates, 1);
	assert_int_equal(inventory.tokens[0].n_unreadable, 5);
	assert_false(inventory.cut);
}

static void test_inventory_leaves_out_tokens_past_the_limit_with_their_keys(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	for (uint32_t i = 0; i < KS_TOKENS_PER_MODULE + 2; i++) {
		assert_int_equal(report_token(&inventory, &(struct test_token){ .number = i }), 0);
		assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = i, .number = 1 }, good_spki()),
				 0);
	}
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(inventory.n_tokens, KS_TOKENS_PER_MODULE);
	assert_true(inventory.cut);
	/* One by one does not get past it either. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1000 }), 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_int_equal(inventory.n_tokens, KS_TOKENS_PER_MODULE);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_false(inventory.cut);
}

static size_t count_objects(const struct ks_inventory *inventory)
{
	size_t n = 0;
	for (size_t i = 0; i < inventory->n_tokens; i++)
		n += inventory->tokens[i].n_keys + inventory->tokens[i].n_certificates;
	return n;
}

static void test_inventory_leaves_out_objects_past_the_limit(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	/* Half of them on a token that is named alone, the rest and more on another one later. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	for (uint32_t i = 0; i < KS_OBJECTS_PER_MODULE / 2; i++)
		assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 1, .number = i }, good_spki()),
				 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_false(inventory.cut);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2 }), 0);
	for (uint32_t i = 0; i < KS_OBJECTS_PER_MODULE; i++)
		assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 2, .number = i }, good_spki()),
				 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_int_equal(count_objects(&inventory), KS_OBJECTS_PER_MODULE);
	assert_true(inventory.cut);
	/* A token that is named again gives its room back. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2 }), 0);
	for (uint32_t i = 0; i < KS_OBJECTS_PER_MODULE / 2; i++)
		assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = 2, .number = i }, good_spki()),
				 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_int_equal(count_objects(&inventory), KS_OBJECTS_PER_MODULE);
}

static void test_inventory_leaves_out_bytes_past_the_limit(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	const struct test_certificate certificate = { .common_name = "alice", .key = key, .padding = 60000 };

	test_certificate_der(&certificate, &der);
	size_t n = KS_OBJECT_BYTES_PER_MODULE / der.size;
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	for (size_t i = 0; i < n + 3; i++)
		assert_int_equal(report_der(&inventory, &(struct test_object){ .token = 1 }, ks_buffer_bytes(&der)), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(inventory.tokens[0].n_certificates, n);
	assert_true(inventory.cut);
}

/* --- what ends the worker ---------------------------------------------------------------------------------------- */

static void test_inventory_refuses_objects_before_their_token(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	const struct test_certificate certificate = { .common_name = "alice", .key = key };
	const struct test_object object = { .token = 1, .number = 1 };

	assert_int_equal(report_spki(&inventory, &object, good_spki()), KS_ERR_MALFORMED);
	assert_int_equal(report_certificate(&inventory, &object, &certificate), KS_ERR_MALFORMED);
	/* Also after a report that named it: each report starts with its tokens. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(report_spki(&inventory, &object, good_spki()), KS_ERR_MALFORMED);
}

static void test_inventory_refuses_two_keys_of_one_number(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 1 }), 0);
	for (uint32_t i = 0; i < 5; i++)
		assert_int_equal(
			report_spki(&inventory, &(struct test_object){ .token = 1, .number = i % 4 }, good_spki()), 0);
	assert_int_equal(report_end(&inventory, true), KS_ERR_MALFORMED);
	assert_int_equal(inventory.n_tokens, 0);
}

static void test_inventory_takes_one_number_on_two_tokens(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	for (uint32_t i = 1; i <= 2; i++) {
		assert_int_equal(report_token(&inventory, &(struct test_token){ .number = i }), 0);
		assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = i, .number = 9 }, good_spki()),
				 0);
	}
	assert_int_equal(report_end(&inventory, true), 0);
}

static void test_inventory_refuses_what_is_no_message(void **state)
{
	(void)state;
	static const uint8_t types[] = { KS_MSG_WORKER_TOKEN, KS_MSG_WORKER_KEY, KS_MSG_WORKER_CERTIFICATE,
					 KS_MSG_WORKER_INVENTORY };
	static const uint8_t noise[64] = { 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	AUTO_INVENTORY inventory = { 0 };

	for (size_t i = 0; i < sizeof(types); i++) {
		for (size_t size = 0; size < sizeof(noise); size++) {
			if (types[i] == KS_MSG_WORKER_INVENTORY && size > 8)
				continue; /* a boolean, a number and what follows it */
			assert_int_equal(take_bytes(&inventory, types[i], noise, size), KS_ERR_MALFORMED);
		}
	}
	/* Another version of the protocol is no less fatal: agent and worker are installed together. */
	assert_int_equal(take_bytes(&inventory, KS_MSG_WORKER_INVENTORY, "\0\0\0\2\0\0\0\0\1\0\0\0\0", 13),
			 KS_ERR_MALFORMED);
}

static void test_inventory_refuses_labels_with_control_characters(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	/* version, id, token, then a label "a\nb". */
	static const uint8_t message[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 'a', '\n', 'b' };
	/* Three empty texts, three numbers, a boolean; the digest with its length. */
	uint8_t whole[sizeof(message) + 25 + 4 + 32] = { 0 };
	memcpy(whole, message, sizeof(message));
	whole[sizeof(message) + 25 + 3] = 32;
	assert_int_equal(take_bytes(&inventory, KS_MSG_WORKER_TOKEN, whole, sizeof(whole)), KS_ERR_MALFORMED);
	whole[sizeof(message) - 2] = 'n';
	assert_int_equal(take_bytes(&inventory, KS_MSG_WORKER_TOKEN, whole, sizeof(whole)), 0);
}

/* WORKER_TOKEN with texts that are empty and a digest of n bytes of 0xd1; its length says size. */
static int take_digest(struct ks_inventory *inventory, uint32_t size, size_t n)
{
	uint8_t message[9 + 3 + 16 + 12 + 1 + 4 + 64] = { 0 };
	const size_t head = 4 + 4 + 4 + 4 * 4 + 3 * 4 + 1;

	message[3] = 1;  /* version */
	message[11] = 1; /* token */
	message[head + 3] = (uint8_t)size;
	memset(message + head + 4, 0xd1, n);
	return take_bytes(inventory, KS_MSG_WORKER_TOKEN, message, head + 4 + n);
}

static void test_inventory_keeps_the_digest_and_refuses_one_of_another_size(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	uint8_t digest[32];

	assert_int_equal(take_digest(&inventory, 31, 31), KS_ERR_MALFORMED);
	assert_int_equal(take_digest(&inventory, 33, 33), KS_ERR_MALFORMED);
	assert_int_equal(take_digest(&inventory, 0, 0), KS_ERR_MALFORMED);
	assert_int_equal(take_digest(&inventory, 32, 31), KS_ERR_MALFORMED);
	assert_int_equal(take_digest(&inventory, 32, 32), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	memset(digest, 0xd1, sizeof(digest));
	assert_memory_equal(ks_inventory_token(&inventory, 1)->digest, digest, sizeof(digest));
}

static int end_with_events(struct ks_inventory *inventory, uint8_t events)
{
	const uint8_t message[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, events };
	return take_bytes(inventory, KS_MSG_WORKER_INVENTORY, message, sizeof(message));
}

static void test_inventory_keeps_how_a_worker_learns_of_tokens(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	assert_int_equal(inventory.events, KS_EVENTS_NONE);
	assert_int_equal(end_with_events(&inventory, KS_EVENTS_SLOTS), 0);
	assert_int_equal(inventory.events, KS_EVENTS_SLOTS);
	assert_int_equal(end_with_events(&inventory, KS_EVENTS_READERS), 0);
	assert_int_equal(inventory.events, KS_EVENTS_READERS);
	/* What no worker of ours says: better not relied on. */
	assert_int_equal(end_with_events(&inventory, KS_EVENTS_READERS + 1), 0);
	assert_int_equal(inventory.events, KS_EVENTS_NONE);
}

static void test_inventory_drop_forgets_one_token_and_leaves_the_others(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	static const char *const labels[] = { "a", "b", "c" };

	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(report_token(&inventory, &(struct test_token){ .number = i + 1, .label = labels[i] }),
				 0);
		assert_int_equal(
			report_spki(&inventory, &(struct test_object){ .token = i + 1, .number = 1 }, good_spki()), 0);
	}
	assert_int_equal(report_end(&inventory, true), 0);
	ks_inventory_drop(&inventory, 2);
	assert_int_equal(inventory.n_tokens, 2);
	assert_null(ks_inventory_token(&inventory, 2));
	assert_string_equal(ks_inventory_token(&inventory, 1)->label, "a");
	assert_string_equal(ks_inventory_token(&inventory, 3)->label, "c");
	assert_int_equal(ks_inventory_token(&inventory, 3)->n_keys, 1);
	ks_inventory_drop(&inventory, 2);
	assert_int_equal(inventory.n_tokens, 2);
	/* It comes back, and the others go. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2, .label = "b" }), 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_int_equal(inventory.n_tokens, 3);
	ks_inventory_drop(&inventory, 3);
	ks_inventory_drop(&inventory, 1);
	ks_inventory_drop(&inventory, 2);
	assert_int_equal(inventory.n_tokens, 0);
}

/* The one that is left must not inherit what the other was given (its unlock, its PIN). */
static void test_inventory_twins_keep_their_places(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(report_token(&inventory, &(struct test_token){ .number = i }), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 4, .serial = "0002" }), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(ks_inventory_token(&inventory, 1)->twin, 0);
	assert_int_equal(ks_inventory_token(&inventory, 2)->twin, 1);
	assert_int_equal(ks_inventory_token(&inventory, 3)->twin, 2);
	assert_int_equal(ks_inventory_token(&inventory, 4)->twin, 0);
	ks_inventory_drop(&inventory, 1);
	assert_int_equal(ks_inventory_token(&inventory, 2)->twin, 1);
	/* A report of all, without the first; the second is read anew. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 3 }), 0);
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 2, .logged_in = true }), 0);
	assert_int_equal(report_end(&inventory, true), 0);
	assert_int_equal(ks_inventory_token(&inventory, 2)->twin, 1);
	assert_int_equal(ks_inventory_token(&inventory, 3)->twin, 2);
	/* Who comes takes what is free. */
	assert_int_equal(report_token(&inventory, &(struct test_token){ .number = 9 }), 0);
	assert_int_equal(report_end(&inventory, false), 0);
	assert_int_equal(ks_inventory_token(&inventory, 9)->twin, 0);
	assert_int_equal(ks_inventory_token(&inventory, 2)->twin, 1);
}

/* The objects of a token that is gone count against no limit. */
static void test_inventory_drop_gives_room_back(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };

	for (uint32_t token = 1; token <= 2; token++) {
		assert_int_equal(report_token(&inventory, &(struct test_token){ .number = token }), 0);
		for (uint32_t i = 0; i < KS_OBJECTS_PER_MODULE; i++)
			assert_int_equal(report_spki(&inventory, &(struct test_object){ .token = token, .number = i },
						     good_spki()),
					 0);
		assert_int_equal(report_end(&inventory, false), 0);
		assert_false(inventory.cut);
		assert_int_equal(ks_inventory_token(&inventory, token)->n_keys, KS_OBJECTS_PER_MODULE);
		ks_inventory_drop(&inventory, token);
	}
}

static void test_inventory_refuses_other_messages(void **state)
{
	(void)state;
	AUTO_INVENTORY inventory = { 0 };
	for (unsigned type = 0; type < 256; type++) {
		if (type >= KS_MSG_WORKER_TOKEN && type <= KS_MSG_WORKER_INVENTORY)
			continue;
		assert_int_equal(take_bytes(&inventory, (uint8_t)type, "\0\0\0\1\0\0\0\0\0", 9), KS_ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inventory_keeps_what_a_worker_says),
		cmocka_unit_test(test_inventory_changes_only_when_a_report_is_whole),
		cmocka_unit_test(test_inventory_of_all_forgets_tokens_that_were_not_named),
		cmocka_unit_test(test_inventory_of_one_token_leaves_the_others),
		cmocka_unit_test(test_inventory_starts_a_token_anew_when_it_is_named_again),
		cmocka_unit_test(test_inventory_leaves_out_certificates_and_keys_that_cannot_be_read),
		cmocka_unit_test(test_inventory_leaves_out_tokens_past_the_limit_with_their_keys),
		cmocka_unit_test(test_inventory_leaves_out_objects_past_the_limit),
		cmocka_unit_test(test_inventory_leaves_out_bytes_past_the_limit),
		cmocka_unit_test(test_inventory_refuses_objects_before_their_token),
		cmocka_unit_test(test_inventory_refuses_two_keys_of_one_number),
		cmocka_unit_test(test_inventory_takes_one_number_on_two_tokens),
		cmocka_unit_test(test_inventory_refuses_what_is_no_message),
		cmocka_unit_test(test_inventory_refuses_labels_with_control_characters),
		cmocka_unit_test(test_inventory_keeps_the_digest_and_refuses_one_of_another_size),
		cmocka_unit_test(test_inventory_keeps_how_a_worker_learns_of_tokens),
		cmocka_unit_test(test_inventory_drop_forgets_one_token_and_leaves_the_others),
		cmocka_unit_test(test_inventory_twins_keep_their_places),
		cmocka_unit_test(test_inventory_drop_gives_room_back),
		cmocka_unit_test(test_inventory_refuses_other_messages),
	};
	return cmocka_run_group_tests(tests, setup_key, teardown_key);
}
