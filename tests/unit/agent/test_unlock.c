/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/unlock.h. */
#include "agent/unlock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
