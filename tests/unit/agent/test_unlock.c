/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/unlock.h. */
#include "agent/unlock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/protocol/limits.h"

static const uint8_t digest[KS_TOKEN_DIGEST_SIZE] = { 1 };
static const struct ks_token_id corp = { .module = "softhsm",
					 .manufacturer = "SoftHSM",
					 .model = "v2",
					 .serial = "0123",
					 .label = "corp",
					 .digest = digest };

struct fixture {
	sd_event *event;
	struct ks_unlock unlock;
	unsigned n_expired;
	bool unlocked_when_told;
};

static void on_expired(struct ks_unlock_entry *entry, void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->n_expired++;
	fixture->unlocked_when_told = entry->unlocked;
	(void)sd_event_exit(fixture->event, 0);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_true(sd_event_new(&fixture->event) >= 0);
	ks_unlock_init(&fixture->unlock, fixture->event, on_expired, fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ks_unlock_deinit(&fixture->unlock);
	sd_event_unref(fixture->event);
	free(fixture);
	return 0;
}

static struct ks_secret *make_pin(void)
{
	struct ks_secret *pin;
	uint8_t digits[] = "1234";

	assert_int_equal(ks_secret_new(&pin), 0);
	assert_int_equal(ks_secret_take(pin, digits, 4), 0);
	return pin;
}

static void test_unlock_starts_locked(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_non_null(entry);
	assert_false(entry->unlocked);
	assert_null(entry->pin);
	assert_int_equal(ks_unlock_left_s(entry), 0);
}

static void test_unlock_finds_the_same_token_again_and_no_other(void **state)
{
	struct fixture *fixture = *state;
	const struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);
	struct ks_token_id other = corp;

	assert_ptr_equal(ks_unlock_entry(&fixture->unlock, &corp), entry);
	other.serial = "0124";
	assert_ptr_not_equal(ks_unlock_entry(&fixture->unlock, &other), entry);
	other = corp;
	other.module = "opensc";
	assert_ptr_not_equal(ks_unlock_entry(&fixture->unlock, &other), entry);
	assert_int_equal(fixture->unlock.n_entries, 3);
}

static void test_unlock_close_forgets_the_pin(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, make_pin()), 0);
	assert_true(entry->unlocked);
	assert_non_null(entry->pin);
	assert_in_range(ks_unlock_left_s(entry), 59, 60);
	assert_true(ks_unlock_close(entry));
	assert_false(entry->unlocked);
	assert_null(entry->pin);
	assert_false(ks_unlock_close(entry));
}

static void test_unlock_ends_by_time_and_is_locked_before_anybody_hears_of_it(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 1, make_pin()), 0);
	assert_true(sd_event_loop(fixture->event) >= 0);
	assert_int_equal(fixture->n_expired, 1);
	assert_false(fixture->unlocked_when_told);
	assert_null(entry->pin);
}

static void test_unlock_for_zero_is_good_for_one_signature(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 0, NULL), 0);
	assert_true(entry->unlocked);
	assert_true(ks_unlock_spent(entry));
	assert_false(entry->unlocked);
	assert_int_equal(entry->n_signatures, 1);
}

static void test_unlock_with_time_survives_signatures(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, NULL), 0);
	assert_false(ks_unlock_spent(entry));
	assert_true(entry->unlocked);
}

static void test_unlock_again_replaces_pin_and_time(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, make_pin()), 0);
	assert_int_equal(ks_unlock_open(entry, 3600000, NULL), 0);
	assert_null(entry->pin);
	assert_true(ks_unlock_left_s(entry) > 60);
}

/* --- the same token again ---------------------------------------------------------------------------------------- */

static void test_unlock_tells_tokens_apart_by_every_part_of_their_id(void **state)
{
	struct fixture *fixture = *state;
	static const uint8_t other_digest[KS_TOKEN_DIGEST_SIZE] = { 2 };
	struct ks_token_id others[] = { corp, corp, corp, corp, corp, corp, corp };
	others[0].module = "x";
	others[1].manufacturer = "x";
	others[2].model = "x";
	others[3].serial = "x";
	others[4].label = "x";
	others[5].digest = other_digest; /* a card that was swapped for one of the same label */
	others[6].twin = 1;

	assert_int_equal(ks_unlock_open(ks_unlock_entry(&fixture->unlock, &corp), 60000, make_pin()), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		const struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &others[i]);
		assert_false(entry->unlocked);
		assert_null(entry->pin);
	}
	assert_int_equal(fixture->unlock.n_entries, 8);
}

static void test_unlock_id_finds_its_entry_again(void **state)
{
	struct fixture *fixture = *state;
	struct ks_token_id id = corp;
	id.twin = 3;
	const struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &id);
	const struct ks_token_id again = ks_unlock_id(entry);

	assert_ptr_equal(ks_unlock_entry(&fixture->unlock, &again), entry);
	assert_int_equal(fixture->unlock.n_entries, 1);
	assert_ptr_not_equal(again.digest, digest); /* a copy: the reporting worker may go */
}

/* --- narrower rules ---------------------------------------------------------------------------------------------- */

static void test_unlock_narrow_forgets_a_pin_that_may_not_be_kept(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, make_pin()), 0);
	ks_unlock_narrow(entry, 60000, true);
	assert_non_null(entry->pin);
	ks_unlock_narrow(entry, 60000, false);
	assert_null(entry->pin);
	assert_true(entry->unlocked);
}

static void test_unlock_narrow_ends_earlier_and_never_later(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, NULL), 0);
	ks_unlock_narrow(entry, 3600000, true);
	assert_in_range(ks_unlock_left_s(entry), 59, 60);
	ks_unlock_narrow(entry, 1, true);
	assert_true(ks_unlock_left_s(entry) <= 1);
	assert_true(sd_event_loop(fixture->event) >= 0);
	assert_int_equal(fixture->n_expired, 1);
	assert_false(entry->unlocked);
}

static void test_unlock_narrow_to_zero_leaves_one_signature(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, NULL), 0);
	ks_unlock_narrow(entry, 0, false);
	assert_true(entry->unlocked);
	assert_true(ks_unlock_spent(entry));
	assert_false(entry->unlocked);
}

static void test_unlock_narrow_opens_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	ks_unlock_narrow(entry, 60000, true);
	assert_false(entry->unlocked);
	assert_int_equal(ks_unlock_left_s(entry), 0);
	assert_int_equal(ks_unlock_open(entry, 0, NULL), 0);
	ks_unlock_narrow(entry, 60000, true);
	assert_true(ks_unlock_spent(entry)); /* still good for one */
}

static void test_unlock_forget_pin_leaves_the_token_open(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *entry = ks_unlock_entry(&fixture->unlock, &corp);

	assert_int_equal(ks_unlock_open(entry, 60000, make_pin()), 0);
	ks_unlock_forget_pin(entry);
	assert_null(entry->pin);
	assert_true(entry->unlocked);
}

/* --- more tokens than there can be ------------------------------------------------------------------------------- */

static struct ks_unlock_entry *entry_of(struct fixture *fixture, unsigned number)
{
	char serial[32];
	struct ks_token_id id = corp;

	(void)snprintf(serial, sizeof(serial), "made-up %u", number);
	id.serial = serial;
	return ks_unlock_entry(&fixture->unlock, &id);
}

/* One return to the event loop. */
static void run_once(struct fixture *fixture)
{
	assert_true(sd_event_run(fixture->event, 0) >= 0);
}

/* By its serial number: the address of one that is gone may be another's by now. */
static bool is_there(const struct fixture *fixture, unsigned number)
{
	char serial[32];

	(void)snprintf(serial, sizeof(serial), "made-up %u", number);
	for (size_t i = 0; i < fixture->unlock.n_entries; i++) {
		if (strcmp(fixture->unlock.entries[i]->serial, serial) == 0)
			return true;
	}
	return false;
}

enum { UNLOCKED, IN_USE, BY_A_PERSON, OLDEST, ASKED_FOR, OTHERS };

static void test_unlock_is_not_grown_by_tokens_that_a_module_makes_up(void **state)
{
	struct fixture *fixture = *state;
	struct ks_unlock_entry *unlocked = entry_of(fixture, UNLOCKED);
	struct ks_unlock_entry *in_use = entry_of(fixture, IN_USE);

	assert_int_equal(ks_unlock_open(unlocked, 3600000, make_pin()), 0);
	ks_unlock_hold(in_use);
	entry_of(fixture, BY_A_PERSON)->held = true;
	for (unsigned i = OLDEST; i < KS_UNLOCK_ENTRIES; i++)
		assert_non_null(entry_of(fixture, i));
	run_once(fixture);
	const struct ks_unlock_entry *asked_for = fixture->unlock.entries[ASKED_FOR];
	assert_ptr_equal(entry_of(fixture, ASKED_FOR), asked_for);

	/* The oldest that nobody needs makes way; the others stay where they are. */
	assert_non_null(entry_of(fixture, 100000));
	assert_int_equal(fixture->unlock.n_entries, KS_UNLOCK_ENTRIES);
	assert_false(is_there(fixture, OLDEST));
	assert_string_equal(fixture->unlock.entries[OLDEST]->serial, "made-up 100000");
	assert_ptr_equal(fixture->unlock.entries[ASKED_FOR], asked_for);

	for (unsigned i = 0; i < KS_UNLOCK_ENTRIES + 10; i++) {
		run_once(fixture);
		assert_non_null(entry_of(fixture, 200000 + i));
	}
	assert_int_equal(fixture->unlock.n_entries, KS_UNLOCK_ENTRIES);
	assert_true(is_there(fixture, UNLOCKED) && is_there(fixture, IN_USE) && is_there(fixture, BY_A_PERSON));
	assert_false(is_there(fixture, ASKED_FOR));
	ks_unlock_release(in_use);
	run_once(fixture);
	assert_non_null(entry_of(fixture, 300000));
	assert_false(is_there(fixture, IN_USE));
	assert_true(ks_unlock_close(unlocked));
}

/* A pointer that was just given stays good until the loop is returned to, and what a person locked goes last. */
static void test_unlock_gives_nothing_rather_than_what_may_be_in_use(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < KS_UNLOCK_ENTRIES; i++)
		assert_non_null(entry_of(fixture, i));
	assert_null(entry_of(fixture, KS_UNLOCK_ENTRIES));
	assert_int_equal(fixture->unlock.n_entries, KS_UNLOCK_ENTRIES);
	for (size_t i = 0; i < KS_UNLOCK_ENTRIES; i++)
		fixture->unlock.entries[i]->held = true;
	run_once(fixture);
	assert_non_null(entry_of(fixture, KS_UNLOCK_ENTRIES));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_unlock_starts_locked),
		CASE(test_unlock_finds_the_same_token_again_and_no_other),
		CASE(test_unlock_close_forgets_the_pin),
		CASE(test_unlock_ends_by_time_and_is_locked_before_anybody_hears_of_it),
		CASE(test_unlock_for_zero_is_good_for_one_signature),
		CASE(test_unlock_with_time_survives_signatures),
		CASE(test_unlock_again_replaces_pin_and_time),
		CASE(test_unlock_tells_tokens_apart_by_every_part_of_their_id),
		CASE(test_unlock_id_finds_its_entry_again),
		CASE(test_unlock_narrow_forgets_a_pin_that_may_not_be_kept),
		CASE(test_unlock_narrow_ends_earlier_and_never_later),
		CASE(test_unlock_narrow_to_zero_leaves_one_signature),
		CASE(test_unlock_narrow_opens_nothing),
		CASE(test_unlock_forget_pin_leaves_the_token_open),
		CASE(test_unlock_is_not_grown_by_tokens_that_a_module_makes_up),
		CASE(test_unlock_gives_nothing_rather_than_what_may_be_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
