/* SPDX-License-Identifier: Apache-2.0 */
/* When the end of a certificate is spoken of, and in what words. */
#include "lib/base/lifetime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#define MINUTE ((uint64_t)60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* Noon of 2026-06-15, UTC. */
#define NOW ((uint64_t)1781524800)

static void test_lifetime_is_soon_in_its_last_third(void **state)
{
	static const struct {
		uint64_t before, after;
		enum ks_validity validity;
	} cases[] = {
		{ NOW - 60 * DAY, NOW + 30 * DAY + 1, KS_VALIDITY_GOOD },
		{ NOW - 60 * DAY, NOW + 30 * DAY, KS_VALIDITY_SOON },
		{ NOW - 600 * DAY, NOW + 300 * DAY, KS_VALIDITY_SOON },
		{ NOW - 200, NOW + 101, KS_VALIDITY_GOOD },
		{ NOW - 200, NOW + 100, KS_VALIDITY_SOON },
		{ NOW - 200, NOW, KS_VALIDITY_SOON },
		{ NOW - 200, NOW - 1, KS_VALIDITY_EXPIRED },
		{ NOW + 1, NOW + DAY, KS_VALIDITY_EARLY },
		{ NOW, NOW + DAY, KS_VALIDITY_GOOD },
		{ NOW, NOW, KS_VALIDITY_SOON },
		{ NOW + 5, NOW + 3, KS_VALIDITY_EARLY },
		{ 0, UINT64_MAX, KS_VALIDITY_GOOD },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ks_lifetime_validity(cases[i].before, cases[i].after, NOW), cases[i].validity);
}

static void test_lifetime_days_are_whole_ones(void **state)
{
	(void)state;
	assert_int_equal(ks_lifetime_days_left(NOW + 6 * DAY, NOW), 6);
	assert_int_equal(ks_lifetime_days_left(NOW + 6 * DAY - 1, NOW), 5);
	assert_int_equal(ks_lifetime_days_left(NOW, NOW), 0);
	assert_int_equal(ks_lifetime_days_left(NOW - 1, NOW), -1);
	assert_int_equal(ks_lifetime_days_left(NOW - DAY, NOW), -1);
	assert_int_equal(ks_lifetime_days_left(NOW - DAY - 1, NOW), -2);
}

static void test_lifetime_has_plain_words(void **state)
{
	static const struct {
		uint64_t before, after;
		const char *words;
	} cases[] = {
		{ NOW - DAY, NOW + 300 * DAY, "" },
		{ NOW - 90 * DAY, NOW + 6 * DAY + HOUR, "expires in 6 days" },
		{ NOW - 90 * DAY, NOW + DAY, "expires in 1 day" },
		{ NOW - 90 * DAY, NOW + DAY - 1, "expires in 23 hours" },
		{ NOW - 90 * DAY, NOW + HOUR, "expires in 1 hour" },
		{ NOW - 90 * DAY, NOW + 12 * MINUTE, "expires in 12 minutes" },
		{ NOW - 90 * DAY, NOW + 59, "expires in less than a minute" },
		{ NOW - 90 * DAY, NOW - 1, "expired on 2026-06-15" },
		{ NOW + DAY, NOW + 2 * DAY, "is not valid before 2026-06-16" },
		{ UINT64_MAX, UINT64_MAX, "is not valid before 9999-12-31" },
	};
	char words[KS_LIFETIME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ks_lifetime_words(cases[i].before, cases[i].after, NOW, words);
		assert_string_equal(words, cases[i].words);
	}
}

/* --- when a person is told --------------------------------------------------------------------------------------- */

#define T KS_LIFETIME_THIRD
#define S KS_LIFETIME_SIXTH
#define W KS_LIFETIME_TWELFTH
#define D KS_LIFETIME_DAY
#define H KS_LIFETIME_HOUR

/* Walks through a life from threshold to threshold by a clock of its own: each comes once, in this order. */
static void walk(uint64_t life, const unsigned *steps, const uint64_t *left, size_t n)
{
	uint64_t now = NOW;
	unsigned told = 0;

	for (size_t i = 0; i < n; i++) {
		struct ks_lifetime_plan plan = ks_lifetime_plan(NOW, NOW + life, now);
		assert_int_equal(plan.passed, told);
		assert_int_equal(NOW + life - plan.next, left[i]);
		assert_int_equal(ks_lifetime_plan(NOW, NOW + life, plan.next - 1).passed, told);
		now = plan.next;
		told |= steps[i];
		assert_int_equal(ks_lifetime_plan(NOW, NOW + life, now).passed, told);
	}
	assert_true(ks_lifetime_plan(NOW, NOW + life, now).next == UINT64_MAX);
	assert_int_equal(ks_lifetime_plan(NOW, NOW + life, NOW + 2 * life).passed, told);
}

#define WALK(life, steps, left) walk(life, steps, left, sizeof(steps) / sizeof((steps)[0]))

static void test_lifetime_plan_of_90_days(void **state)
{
	static const unsigned steps[] = { T, S, W, D, H };
	static const uint64_t left[] = { 30 * DAY, 15 * DAY, 7 * DAY + 12 * HOUR, DAY, HOUR };

	(void)state;
	WALK(90 * DAY, steps, left);
}

static void test_lifetime_plan_of_a_week_has_a_day_between(void **state)
{
	static const unsigned steps[] = { T, S, D, W, H };
	static const uint64_t left[] = { 56 * HOUR, 28 * HOUR, DAY, 14 * HOUR, HOUR };

	(void)state;
	WALK(7 * DAY, steps, left);
}

static void test_lifetime_plan_of_a_day_has_no_day(void **state)
{
	static const unsigned steps[] = { T, S, W, H };
	static const uint64_t left[] = { 8 * HOUR, 4 * HOUR, 2 * HOUR, HOUR };

	(void)state;
	WALK(DAY, steps, left);
}

static void test_lifetime_plan_of_three_hours_says_the_hour_once(void **state)
{
	static const unsigned steps[] = { T, S, W };
	static const uint64_t left[] = { HOUR, 30 * MINUTE, 15 * MINUTE };

	(void)state;
	WALK(3 * HOUR, steps, left);
}

static void test_lifetime_plan_of_five_minutes_is_one_warning(void **state)
{
	static const unsigned steps[] = { T };
	static const uint64_t left[] = { 100 };

	(void)state;
	WALK(5 * MINUTE, steps, left);
}

static void test_lifetime_plan_of_no_life_is_empty(void **state)
{
	(void)state;
	assert_int_equal(ks_lifetime_plan(NOW, NOW, NOW - 1).passed, 0);
	assert_true(ks_lifetime_plan(NOW, NOW, NOW - 1).next == UINT64_MAX);
	assert_true(ks_lifetime_plan(NOW, NOW - 5, NOW).next == UINT64_MAX);
}

static int set_utc(void **state)
{
	(void)state;
	int r = setenv("TZ", "UTC", 1);
	tzset();
	return r;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lifetime_is_soon_in_its_last_third),
		cmocka_unit_test(test_lifetime_days_are_whole_ones),
		cmocka_unit_test(test_lifetime_has_plain_words),
		cmocka_unit_test(test_lifetime_plan_of_90_days),
		cmocka_unit_test(test_lifetime_plan_of_a_week_has_a_day_between),
		cmocka_unit_test(test_lifetime_plan_of_a_day_has_no_day),
		cmocka_unit_test(test_lifetime_plan_of_three_hours_says_the_hour_once),
		cmocka_unit_test(test_lifetime_plan_of_five_minutes_is_one_warning),
		cmocka_unit_test(test_lifetime_plan_of_no_life_is_empty),
	};

	return cmocka_run_group_tests(tests, set_utc, NULL);
}
