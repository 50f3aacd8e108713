/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/clock.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static uint64_t system_ms(clockid_t clock)
{
	struct timespec time;
	assert_int_equal(clock_gettime(clock, &time), 0);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void test_clock_monotonic_is_the_systems_in_milliseconds(void **state)
{
	(void)state;
	uint64_t before = system_ms(CLOCK_MONOTONIC);
	uint64_t now = ks_clock_monotonic_ms();
	uint64_t after = system_ms(CLOCK_MONOTONIC);
	assert_true(before <= now && now <= after);
}

static void test_clock_boot_is_the_one_that_counts_sleep(void **state)
{
	(void)state;
	uint64_t before = system_ms(CLOCK_BOOTTIME);
	uint64_t now = ks_clock_boot_ms();
	uint64_t after = system_ms(CLOCK_BOOTTIME);
	assert_true(before <= now && now <= after);
}

static void test_clock_wall_is_in_seconds(void **state)
{
	(void)state;
	uint64_t before = system_ms(CLOCK_REALTIME) / 1000;
	uint64_t now = ks_clock_wall_s();
	uint64_t after = system_ms(CLOCK_REALTIME) / 1000;
	assert_true(before <= now && now <= after);
}

static void test_clock_left_is_nothing_at_and_after_the_deadline(void **state)
{
	(void)state;
	assert_int_equal(ks_clock_left_ms(0), 0);
	assert_int_equal(ks_clock_left_ms(ks_clock_monotonic_ms()), 0);
	assert_int_equal(ks_clock_left_ms(ks_clock_monotonic_ms() - 1), 0);
}

static void test_clock_left_counts_down_to_the_deadline(void **state)
{
	(void)state;
	uint64_t deadline = ks_clock_monotonic_ms() + 3600000;
	int left = ks_clock_left_ms(deadline);
	int later = ks_clock_left_ms(deadline);
	assert_true(left > 0 && left <= 3600000);
	assert_true(later <= left);
}

static void test_clock_left_is_never_more_than_poll_takes(void **state)
{
	(void)state;
	assert_int_equal(ks_clock_left_ms(UINT64_MAX), INT_MAX);
	assert_int_equal(ks_clock_left_ms(ks_clock_monotonic_ms() + 3 * (uint64_t)INT_MAX), INT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_monotonic_is_the_systems_in_milliseconds),
		cmocka_unit_test(test_clock_boot_is_the_one_that_counts_sleep),
		cmocka_unit_test(test_clock_wall_is_in_seconds),
		cmocka_unit_test(test_clock_left_is_nothing_at_and_after_the_deadline),
		cmocka_unit_test(test_clock_left_counts_down_to_the_deadline),
		cmocka_unit_test(test_clock_left_is_never_more_than_poll_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
