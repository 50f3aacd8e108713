/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/desktop.h, with a fake logind on a bus of the test's own. */
#include "agent/desktop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/agent/system_bus.h"

#define PATIENCE_US 20000000ull

/* Longer than an answer of a bus on this machine takes that is on its way. */
#define QUIET_US 200000ull

#define TAKEN "inhibited sleep delay"

struct fixture {
	sd_event *event;
	struct system_bus bus;
	struct fake_logind logind;
	struct ks_desktop *desktop;
	bool ready_at_once; /* what happened() answers to SLEEP */
	enum ks_desktop_event told[16];
	unsigned n_told;
};

static void on_happened(enum ks_desktop_event what, void *userdata)
{
	struct fixture *fixture = userdata;

	assert_true(fixture->n_told < sizeof(fixture->told) / sizeof(fixture->told[0]));
	fixture->told[fixture->n_told++] = what;
	if (what == KS_DESKTOP_SLEEP && fixture->ready_at_once)
		ks_desktop_ready_to_sleep(fixture->desktop);
}

static void watch(struct fixture *fixture)
{
	assert_int_equal(ks_desktop_watch(fixture->event, on_happened, fixture, &fixture->desktop), 0);
	assert_non_null(fixture->desktop);
}

static int setup_bus(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_true(sd_event_new(&fixture->event) >= 0);
	system_bus_start(&fixture->bus);
	*state = fixture;
	return 0;
}

/* It watches, and logind knows that. */
static int setup(void **state)
{
	(void)setup_bus(state);
	struct fixture *fixture = *state;

	fake_logind_start(&fixture->logind, fixture->event);
	watch(fixture);
	fake_logind_wait(&fixture->logind, TAKEN, 1);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ks_desktop_free(fixture->desktop);
	fake_logind_stop(&fixture->logind);
	system_bus_stop(&fixture->bus);
	sd_event_unref(fixture->event);
	free(fixture);
	return 0;
}

static void wait_for(struct fixture *fixture, unsigned n_told)
{
	while (fixture->n_told < n_told)
		assert_true(sd_event_run(fixture->event, PATIENCE_US) > 0);
}

static void wait_until_quiet(struct fixture *fixture)
{
	int r;

	do
		r = sd_event_run(fixture->event, QUIET_US);
	while (r > 0);
	assert_int_equal(r, 0);
}

/* All that it was told until now, with what is in the next answer that must come. */
static void assert_told_only(struct fixture *fixture, enum ks_desktop_event what)
{
	wait_for(fixture, 1);
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 1);
	assert_int_equal(fixture->told[0], what);
}

static void test_desktop_tells_of_a_session_of_ours_that_is_locked(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "lock c1");
	assert_told_only(fixture, KS_DESKTOP_SCREEN_LOCKED);
}

static void test_desktop_tells_of_a_locker_that_only_says_it_has_locked(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "hint c1");
	assert_told_only(fixture, KS_DESKTOP_SCREEN_LOCKED);
}

static void test_desktop_tells_of_a_session_of_ours_that_turned_inactive(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "inactive c1");
	assert_told_only(fixture, KS_DESKTOP_INACTIVE);
}

static void test_desktop_ignores_sessions_of_others(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "lock c2");
	fake_logind_do(&fixture->logind, "hint c2");
	fake_logind_do(&fixture->logind, "inactive c2");
	fake_logind_do(&fixture->logind, "lock c1");
	assert_told_only(fixture, KS_DESKTOP_SCREEN_LOCKED);
}

static void test_desktop_ignores_that_a_session_came_back(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "unlock c1");
	fake_logind_do(&fixture->logind, "active c1");
	fake_logind_do(&fixture->logind, "lock c1");
	assert_told_only(fixture, KS_DESKTOP_SCREEN_LOCKED);
}

static void test_desktop_ignores_a_signal_that_is_not_from_logind(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "forge c1");
	fake_logind_do(&fixture->logind, "inactive c1");
	assert_told_only(fixture, KS_DESKTOP_INACTIVE);
}

static void test_desktop_holds_up_sleep_until_it_is_ready(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "sleep");
	wait_for(fixture, 1);
	assert_int_equal(fixture->told[0], KS_DESKTOP_SLEEP);
	fake_logind_do(&fixture->logind, "inhibitors");
	assert_int_equal(fake_logind_count(&fixture->logind, "inhibitors 1"), 1);
	assert_int_equal(fake_logind_count(&fixture->logind, "released"), 0);
	ks_desktop_ready_to_sleep(fixture->desktop);
	fake_logind_wait(&fixture->logind, "released", 1);
}

static void test_desktop_can_be_ready_to_sleep_at_once(void **state)
{
	struct fixture *fixture = *state;

	fixture->ready_at_once = true;
	fake_logind_do(&fixture->logind, "sleep");
	fake_logind_wait(&fixture->logind, "released", 1);
	assert_int_equal(fixture->n_told, 1);
}

static void test_desktop_holds_up_the_next_sleep_too(void **state)
{
	struct fixture *fixture = *state;

	fixture->ready_at_once = true;
	for (unsigned i = 1; i <= 3; i++) {
		fake_logind_do(&fixture->logind, "sleep");
		fake_logind_wait(&fixture->logind, "released", i);
		fake_logind_do(&fixture->logind, "wake");
		fake_logind_wait(&fixture->logind, TAKEN, i + 1);
	}
	assert_int_equal(fixture->n_told, 3);
	fake_logind_do(&fixture->logind, "inhibitors");
	assert_int_equal(fake_logind_count(&fixture->logind, "inhibitors 1"), 1);
}

static void test_desktop_keeps_its_lock_when_it_is_ready_unasked(void **state)
{
	struct fixture *fixture = *state;

	ks_desktop_ready_to_sleep(fixture->desktop);
	wait_until_quiet(fixture);
	assert_int_equal(fake_logind_count(&fixture->logind, "released"), 0);
}

static void test_desktop_keeps_its_lock_over_a_sleep_that_did_not_wait(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_do(&fixture->logind, "sleep");
	wait_for(fixture, 1);
	fake_logind_do(&fixture->logind, "wake");
	wait_until_quiet(fixture);
	ks_desktop_ready_to_sleep(fixture->desktop);
	wait_until_quiet(fixture);
	assert_int_equal(fake_logind_count(&fixture->logind, "released"), 0);
	assert_int_equal(fake_logind_count(&fixture->logind, TAKEN), 1);
}

static void test_desktop_gives_its_lock_back_when_freed(void **state)
{
	struct fixture *fixture = *state;

	ks_desktop_free(fixture->desktop);
	fixture->desktop = NULL;
	fake_logind_wait(&fixture->logind, "released", 1);
}

static void test_desktop_follows_a_logind_that_starts_later(void **state)
{
	struct fixture *fixture = *state;

	watch(fixture);
	wait_until_quiet(fixture);
	fake_logind_start(&fixture->logind, fixture->event);
	fake_logind_wait(&fixture->logind, TAKEN, 1);
	fake_logind_do(&fixture->logind, "lock c1");
	assert_told_only(fixture, KS_DESKTOP_SCREEN_LOCKED);
}

static void test_desktop_follows_a_logind_that_is_started_again(void **state)
{
	struct fixture *fixture = *state;

	fake_logind_stop(&fixture->logind);
	fake_logind_start(&fixture->logind, fixture->event);
	fake_logind_wait(&fixture->logind, TAKEN, 1);
	fake_logind_do(&fixture->logind, "lock c1");
	assert_told_only(fixture, KS_DESKTOP_SCREEN_LOCKED);
}

static void test_desktop_bears_the_loss_of_the_bus(void **state)
{
	struct fixture *fixture = *state;

	system_bus_stop(&fixture->bus);
	fake_logind_wait(&fixture->logind, "released", 1);
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 0);
	ks_desktop_ready_to_sleep(fixture->desktop);
}

static void test_desktop_does_without_a_bus(void **state)
{
	struct fixture *fixture = *state;

	system_bus_stop(&fixture->bus);
	watch(fixture);
	wait_until_quiet(fixture);
	ks_desktop_ready_to_sleep(fixture->desktop);
	assert_int_equal(fixture->n_told, 0);
}

static void test_desktop_does_not_wake_up_by_itself(void **state)
{
	struct fixture *fixture = *state;

	wait_until_quiet(fixture);
	assert_int_equal(sd_event_run(fixture->event, QUIET_US), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_desktop_##name, setup, teardown)
#define TEST_WITHOUT_LOGIND(name) cmocka_unit_test_setup_teardown(test_desktop_##name, setup_bus, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tells_of_a_session_of_ours_that_is_locked),
		TEST(tells_of_a_locker_that_only_says_it_has_locked),
		TEST(tells_of_a_session_of_ours_that_turned_inactive),
		TEST(ignores_sessions_of_others),
		TEST(ignores_that_a_session_came_back),
		TEST(ignores_a_signal_that_is_not_from_logind),
		TEST(holds_up_sleep_until_it_is_ready),
		TEST(can_be_ready_to_sleep_at_once),
		TEST(holds_up_the_next_sleep_too),
		TEST(keeps_its_lock_when_it_is_ready_unasked),
		TEST(keeps_its_lock_over_a_sleep_that_did_not_wait),
		TEST(gives_its_lock_back_when_freed),
		TEST(follows_a_logind_that_is_started_again),
		TEST(bears_the_loss_of_the_bus),
		TEST(does_not_wake_up_by_itself),
		TEST_WITHOUT_LOGIND(follows_a_logind_that_starts_later),
		TEST_WITHOUT_LOGIND(does_without_a_bus),
	};

	if (!system_bus_is_installed()) {
		puts("SKIP: dbus-daemon is not installed");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
