/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/schedule: when a certificate is due, and how long is waited after a failure or for a CA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "enrol/schedule.h"
#include "lib/protocol/limits.h"

#define DAY ((uint64_t)86400)
#define NOW ((uint64_t)1800000000)

static void test_due_is_a_third_before_the_end_and_up_to_a_twentieth_earlier(void **state)
{
	(void)state;
	uint64_t life = 90 * DAY;
	uint64_t latest = NOW + life - life / 3;

	assert_int_equal(ks_schedule_due(NOW, NOW + life, 0), latest);
	for (uint64_t random = 1; random != 0 && random < UINT64_MAX / 7; random *= 7) {
		uint64_t due = ks_schedule_due(NOW, NOW + life, random);
		assert_true(due <= latest && due > latest - life / 20);
	}
}

static void test_due_of_a_life_of_seconds_lies_within_it(void **state)
{
	(void)state;
	for (uint64_t life = 0; life < 400; life++) {
		uint64_t due = ks_schedule_due(NOW, NOW + life, 0x123456789abcdef);
		assert_true(due >= NOW && due <= NOW + life);
	}
	/* A certificate that ends before it begins is due at once. */
	assert_true(ks_schedule_due(NOW, NOW - 5, 77) <= NOW);
}

static void test_random_is_of_the_certificate(void **state)
{
	(void)state;
	struct ks_bytes one = ks_bytes_text("one"), other = ks_bytes_text("other");

	assert_int_equal(ks_schedule_random(one), ks_schedule_random(one));
	assert_int_not_equal(ks_schedule_random(one), ks_schedule_random(other));
}

static void test_retries_double_to_an_hour_and_are_spread(void **state)
{
	(void)state;
	assert_int_equal(ks_schedule_retry_s(1, NOW, 0, 0), 60);
	assert_int_equal(ks_schedule_retry_s(2, NOW, 0, 0), 120);
	assert_int_equal(ks_schedule_retry_s(5, NOW, 0, 0), 960);
	assert_int_equal(ks_schedule_retry_s(7, NOW, 0, 0), 3600);
	assert_int_equal(ks_schedule_retry_s(UINT32_MAX, NOW, 0, 0), 3600);
	for (uint64_t random = 0; random < 200; random++) {
		uint64_t wait = ks_schedule_retry_s(3, NOW, 0, random);
		assert_in_range(wait, 120, 240);
	}
}

static void test_retries_come_ten_times_before_the_end(void **state)
{
	(void)state;
	assert_int_equal(ks_schedule_retry_s(9, NOW, NOW + 300, 0), 30);
	assert_int_equal(ks_schedule_retry_s(1, NOW, NOW + 20, 0), 2);
	assert_int_equal(ks_schedule_retry_s(1, NOW, NOW + 1, 1), 1);
	/* It has ended: nothing is in a hurry any more. */
	assert_int_equal(ks_schedule_retry_s(9, NOW, NOW, 0), 3600);
	assert_int_equal(ks_schedule_retry_s(1, NOW, NOW - DAY, 0), 60);
	assert_int_equal(ks_schedule_longest_s(NOW, NOW + 300), 30);
	assert_int_equal(ks_schedule_longest_s(NOW, 0), 3600);
}

static void test_polls_are_as_the_ca_says_within_bounds(void **state)
{
	(void)state;
	assert_int_equal(ks_schedule_poll_s(1, 5, NOW, 0), 5);
	assert_int_equal(ks_schedule_poll_s(1, 0, NOW, 0), 60);
	assert_int_equal(ks_schedule_poll_s(1, 3600, NOW, 0), 3600);
	assert_int_equal(ks_schedule_poll_s(1, UINT32_MAX, NOW, 0), DAY);
	/* A certificate that is to be renewed does not wait until it has expired. */
	assert_int_equal(ks_schedule_poll_s(1, 3600, NOW, NOW + 600), 60);
}

static void test_polls_without_end_become_rare(void **state)
{
	(void)state;
	assert_int_equal(ks_schedule_poll_s(KS_ENROL_POLLS_QUICK, 1, NOW, 0), 1);
	assert_int_equal(ks_schedule_poll_s(KS_ENROL_POLLS_QUICK + 1, 1, NOW, 0), 60);
	assert_int_equal(ks_schedule_poll_s(KS_ENROL_POLLS_MINUTE + 1, 1, NOW, 0), 3600);
	assert_int_equal(ks_schedule_poll_s(KS_ENROL_POLLS_MINUTE + 1, 1, NOW, NOW + 60), 3600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_due_is_a_third_before_the_end_and_up_to_a_twentieth_earlier),
		cmocka_unit_test(test_due_of_a_life_of_seconds_lies_within_it),
		cmocka_unit_test(test_random_is_of_the_certificate),
		cmocka_unit_test(test_retries_double_to_an_hour_and_are_spread),
		cmocka_unit_test(test_retries_come_ten_times_before_the_end),
		cmocka_unit_test(test_polls_are_as_the_ca_says_within_bounds),
		cmocka_unit_test(test_polls_without_end_become_rare),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
