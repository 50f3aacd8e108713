/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/rate.h: never more than it says in any time that long. */
#include "agent/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>

#include "lib/protocol/limits.h"

#define MINUTE 60000u

static void test_rate_never_allows_more_than_so_many_in_any_window(void **state)
{
	(void)state;
	struct ks_rate rate = { 0 };
	uint64_t made[4096];
	size_t n = 0;

	/* Somebody who tries each 37 ms, for four minutes. */
	for (uint64_t now = 1000000; now < 1000000 + 4 * MINUTE; now += 37) {
		if (!ks_rate_has_room(&rate, "key:a", 10, MINUTE, now))
			continue;
		assert_int_equal(ks_rate_count(&rate, "key:a", MINUTE, now), 0);
		made[n++] = now;
	}
	assert_true(n >= 30);
	for (size_t i = 10; i < n; i++)
		assert_true(made[i] - made[i - 10] >= MINUTE);
	ks_rate_deinit(&rate);
}

static void test_rate_forgets_after_a_long_time(void **state)
{
	(void)state;
	struct ks_rate rate = { 0 };

	assert_int_equal(ks_rate_count(&rate, "key:a", MINUTE, 5), 0);
	assert_false(ks_rate_has_room(&rate, "key:a", 1, MINUTE, 5));
	assert_true(ks_rate_has_room(&rate, "key:a", 1, MINUTE, 1000 * (uint64_t)MINUTE));
	assert_int_equal(ks_rate_count(&rate, "key:a", MINUTE, 1000 * (uint64_t)MINUTE), 0);
	assert_false(ks_rate_has_room(&rate, "key:a", 1, MINUTE, 1000 * (uint64_t)MINUTE + 1));
	ks_rate_deinit(&rate);
}

static void test_rate_counts_names_apart(void **state)
{
	(void)state;
	struct ks_rate rate = { 0 };

	assert_int_equal(ks_rate_count(&rate, "key:a", MINUTE, 5), 0);
	assert_true(ks_rate_has_room(&rate, "key:b", 1, MINUTE, 5));
	assert_true(ks_rate_has_room(&rate, "socket:a", 1, MINUTE, 5));
	/* A rule that was changed counts anew. */
	assert_true(ks_rate_has_room(&rate, "key:a", 1, 60 * MINUTE, 5));
	ks_rate_deinit(&rate);
}

static void test_rate_refuses_when_it_cannot_count(void **state)
{
	(void)state;
	struct ks_rate rate = { 0 };
	char name[32];

	for (unsigned i = 0; i < KS_RATE_COUNTERS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "key:%u", i);
		assert_int_equal(ks_rate_count(&rate, name, MINUTE, 5), 0);
	}
	assert_int_equal(ks_rate_count(&rate, "key:more", MINUTE, 5), KS_ERR_LIMIT);
	/* What nobody needs any more makes room. */
	assert_int_equal(ks_rate_count(&rate, "key:more", MINUTE, 5 * MINUTE), 0);
	ks_rate_deinit(&rate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_never_allows_more_than_so_many_in_any_window),
		cmocka_unit_test(test_rate_forgets_after_a_long_time),
		cmocka_unit_test(test_rate_counts_names_apart),
		cmocka_unit_test(test_rate_refuses_when_it_cannot_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
