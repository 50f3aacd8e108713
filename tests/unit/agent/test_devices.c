/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of agent/devices.h, with devices of umockdev, whose library must be preloaded (core.cmake does).
 *
 * Two calls of libsystemd are looked at here before the C library gets them: socket(2), to forbid netlink, and
 * setsockopt(2). Events of umockdev lack the hash of their tags, so that the kernel's filter, which goes by it, would
 * drop them all; without that filter libsystemd compares the tags themselves.
 */
#include "agent/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <umockdev.h>

#include "lib/base/clock.h"
#include "lib/protocol/limits.h"

#define PUBLIC __attribute__((visibility("default")))

/* Longer than the timer of devices.c would take. */
#define QUIET_US ((KS_DEVICES_QUIET_MS + 100) * 1000ull)

/* How long a test waits for what must come, and what the events of one that never ends are apart. */
#define PATIENCE_US 20000000ull
#define SHAKE_US 50000u

#define N_SHAKES_MAX 200u

typedef int socket_function(int domain, int type, int protocol);
typedef int setsockopt_function(int fd, int level, int name, const void *value, socklen_t size);

static bool netlink_is_forbidden;

PUBLIC int socket(int domain, int type, int protocol)
{
	if (netlink_is_forbidden && domain == AF_NETLINK) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return ((socket_function *)dlsym(RTLD_NEXT, "socket"))(domain, type, protocol);
}

PUBLIC int setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	if (level == SOL_SOCKET && name == SO_ATTACH_FILTER)
		return 0;
	return ((setsockopt_function *)dlsym(RTLD_NEXT, "setsockopt"))(fd, level, name, value, size);
}

struct fixture {
	UMockdevTestbed *testbed;
	gchar *token; /* is there before anybody watches */
	gchar *mouse;
	sd_event *event;
	struct ks_devices *devices;
	sd_event_source *shaker;
	unsigned n_shakes;
	unsigned n_told;
};

static void on_changed(void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->n_told++;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->testbed = umockdev_testbed_new();
	fixture->token = umockdev_testbed_add_device(fixture->testbed, "usb", "token", NULL, "idVendor", "1050", NULL,
						     "DEVTYPE", "usb_device", "TAGS", ":uaccess:keystay:", NULL);
	fixture->mouse = umockdev_testbed_add_device(fixture->testbed, "usb", "mouse", NULL, "idVendor", "046d", NULL,
						     "DEVTYPE", "usb_device", "TAGS", ":seat:", NULL);
	assert_true(sd_event_new(&fixture->event) >= 0);
	assert_int_equal(ks_devices_watch(fixture->event, on_changed, fixture, &fixture->devices), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	netlink_is_forbidden = false;
	ks_devices_free(fixture->devices);
	sd_event_source_disable_unref(fixture->shaker);
	sd_event_unref(fixture->event);
	g_free(fixture->token);
	g_free(fixture->mouse);
	g_object_unref(fixture->testbed);
	free(fixture);
	return 0;
}

static void tell(struct fixture *fixture, const gchar *device, const char *action)
{
	umockdev_testbed_uevent(fixture->testbed, device, action);
}

/* Turns the loop until it was told something. */
static void wait_until_told(struct fixture *fixture)
{
	unsigned before = fixture->n_told;

	while (fixture->n_told == before)
		assert_true(sd_event_run(fixture->event, PATIENCE_US) > 0);
}

/* Turns the loop until nothing has happened for longer than the timer takes. */
static void wait_until_quiet(struct fixture *fixture)
{
	int r;

	do
		r = sd_event_run(fixture->event, QUIET_US);
	while (r > 0);
	assert_int_equal(r, 0);
}

static void test_devices_tells_of_a_token_that_came(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, fixture->token, "add");
	wait_until_told(fixture);
}

static void test_devices_tells_of_a_token_that_went(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, fixture->token, "remove");
	wait_until_told(fixture);
}

static void test_devices_tells_the_events_of_one_plug_as_one(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 5; i++) {
		tell(fixture, fixture->token, "add");
		tell(fixture, fixture->token, "bind");
	}
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 1);
}

static void test_devices_tells_again_of_the_next_plug(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, fixture->token, "remove");
	wait_until_told(fixture);
	tell(fixture, fixture->token, "add");
	wait_until_told(fixture);
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 2);
}

static void test_devices_ignores_what_is_no_token(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, fixture->mouse, "add");
	tell(fixture, fixture->mouse, "remove");
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 0);
}

static void test_devices_ignores_a_token_that_is_merely_used(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, fixture->token, "change");
	tell(fixture, fixture->token, "unbind");
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 0);
}

static int on_shake(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct fixture *fixture = userdata;

	(void)usec;
	fixture->n_shakes++;
	assert_true(fixture->n_shakes < N_SHAKES_MAX);
	tell(fixture, fixture->token, fixture->n_shakes % 2 ? "add" : "remove");
	assert_true(sd_event_source_set_time_relative(source, SHAKE_US) >= 0);
	return 0;
}

static void test_devices_tells_of_a_loose_contact_before_it_rests(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start_ms = ks_clock_monotonic_ms();

	assert_true(sd_event_add_time_relative(fixture->event, &fixture->shaker, CLOCK_MONOTONIC, 0, 1, on_shake,
					       fixture) >= 0);
	assert_true(sd_event_source_set_enabled(fixture->shaker, SD_EVENT_ON) >= 0);
	wait_until_told(fixture);
	/* It was not quiet once, unless this machine is so slow that the shaking paused. */
	if (fixture->n_shakes > KS_DEVICES_LONGEST_MS * 1000 / SHAKE_US / 2)
		assert_true(ks_clock_monotonic_ms() - start_ms >= KS_DEVICES_LONGEST_MS);
}

static void test_devices_does_not_wake_up_by_itself(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(sd_event_run(fixture->event, QUIET_US), 0);
}

static void test_devices_can_be_freed_before_they_are_told(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, fixture->token, "add");
	assert_true(sd_event_run(fixture->event, PATIENCE_US) > 0);
	ks_devices_free(fixture->devices);
	fixture->devices = NULL;
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 0);
}

static void test_devices_do_without_netlink(void **state)
{
	struct fixture *fixture = *state;

	ks_devices_free(fixture->devices);
	fixture->devices = NULL;
	netlink_is_forbidden = true;
	assert_int_equal(ks_devices_watch(fixture->event, on_changed, fixture, &fixture->devices), 0);
	assert_non_null(fixture->devices);
	tell(fixture, fixture->token, "add");
	wait_until_quiet(fixture);
	assert_int_equal(fixture->n_told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_devices_tells_of_a_token_that_came, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_tells_of_a_token_that_went, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_tells_the_events_of_one_plug_as_one, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_tells_again_of_the_next_plug, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_ignores_what_is_no_token, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_ignores_a_token_that_is_merely_used, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_tells_of_a_loose_contact_before_it_rests, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_does_not_wake_up_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_can_be_freed_before_they_are_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_devices_do_without_netlink, setup, teardown),
	};

	/* It remembers its first answer, and that is "no" before there is a testbed. */
	UMockdevTestbed *testbed = umockdev_testbed_new();
	bool preloaded = umockdev_in_mock_environment();

	g_object_unref(testbed);
	if (!preloaded) {
		puts("SKIP: libumockdev-preload.so.0 is not preloaded");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
