/* SPDX-License-Identifier: Apache-2.0 */
/* Which token is in which reader (pkcs11/places.h). Runs in: unit tests. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "pkcs11/places.h"

#define LONG_NAME "A manufacturer with a very long name, Reader of the second gener" /* 64 bytes */

static void test_places_know_who_was_on_a_card(void **state)
{
	(void)state;
	struct ks_places places;
	uint32_t tokens[KS_TOKENS_PER_MODULE];

	assert_int_equal(ks_places_init(&places), 0);
	ks_places_put(&places, 1, "Reader 00");
	ks_places_put(&places, 2, "Reader 00"); /* OpenSC makes a token of each PIN */
	ks_places_put(&places, 3, "Reader 01");
	assert_int_equal(ks_places_remove(&places, "Reader 0", tokens), 0);
	assert_int_equal(ks_places_remove(&places, "Reader 000", tokens), 0);
	assert_int_equal(ks_places_remove(&places, "Reader 00", tokens), 2);
	assert_int_equal(tokens[0] + tokens[1], 3);
	assert_true(ks_places_is_gone(&places, 1));
	assert_false(ks_places_is_gone(&places, 3));
	/* Told once; in again, and it can go again. */
	assert_int_equal(ks_places_remove(&places, "Reader 00", tokens), 0);
	ks_places_put(&places, 1, "Reader 00");
	assert_false(ks_places_is_gone(&places, 1));
	assert_int_equal(ks_places_remove(&places, "Reader 00", tokens), 1);
}

static void test_places_follow_a_token_that_moves(void **state)
{
	(void)state;
	struct ks_places places;
	uint32_t tokens[KS_TOKENS_PER_MODULE];

	assert_int_equal(ks_places_init(&places), 0);
	ks_places_put(&places, 1, "Reader 00");
	ks_places_put(&places, 1, "Reader 01");
	assert_int_equal(places.n, 1);
	assert_true(ks_places_is_in(&places, 1, "Reader 01"));
	assert_false(ks_places_is_in(&places, 1, "Reader 00"));
	assert_int_equal(ks_places_remove(&places, "Reader 00", tokens), 0);
	ks_places_drop(&places, 1);
	ks_places_drop(&places, 4711);
	assert_false(ks_places_is_used(&places, NULL));
	assert_int_equal(ks_places_remove(&places, "Reader 01", tokens), 0);
}

/* CK_SLOT_INFO.slotDescription has 64 bytes. */
static void test_places_know_readers_by_what_fits_into_a_description(void **state)
{
	(void)state;
	struct ks_places places;
	uint32_t tokens[KS_TOKENS_PER_MODULE];

	assert_int_equal(ks_places_init(&places), 0);
	ks_places_put(&places, 1, LONG_NAME);
	ks_places_put(&places, 2, ""); /* a module that does not say */
	assert_true(ks_places_is_in(&places, 1, LONG_NAME "ation 00 00"));
	assert_false(ks_places_is_in(&places, 2, LONG_NAME));
	assert_true(ks_places_is_used(&places, NULL));
	assert_false(ks_places_is_used(&places, "Reader 00"));
	assert_int_equal(ks_places_remove(&places, LONG_NAME "ation 00 00", tokens), 1);
}

static void test_places_have_an_end(void **state)
{
	(void)state;
	struct ks_places places;
	uint32_t tokens[KS_TOKENS_PER_MODULE];

	assert_int_equal(ks_places_init(&places), 0);
	for (uint32_t i = 1; i <= KS_TOKENS_PER_MODULE + 1; i++)
		ks_places_put(&places, i, "Reader 00");
	assert_int_equal(places.n, KS_TOKENS_PER_MODULE);
	assert_int_equal(ks_places_remove(&places, "Reader 00", tokens), KS_TOKENS_PER_MODULE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_know_who_was_on_a_card),
		cmocka_unit_test(test_places_follow_a_token_that_moves),
		cmocka_unit_test(test_places_know_readers_by_what_fits_into_a_description),
		cmocka_unit_test(test_places_have_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
