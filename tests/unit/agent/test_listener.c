/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/listener.h: who may have a socket's name, and what happens when descriptors are short. */
#include "agent/listener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/text.h"

struct fixture {
	char folder[64];
	char path[128];
	char lock_path[160];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	(void)ks_text_print(fixture->folder, sizeof(fixture->folder), "/tmp/keystay-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	(void)ks_text_print(fixture->path, sizeof(fixture->path), "%s/agent.sock", fixture->folder);
	(void)ks_text_print(fixture->lock_path, sizeof(fixture->lock_path), "%s.lock", fixture->path);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	(void)unlink(fixture->path);
	(void)unlink(fixture->lock_path);
	(void)rmdir(fixture->folder);
	free(fixture);
	return 0;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A socket of somebody who knows nothing of our lock. */
static int make_foreign(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void test_listener_binds_for_its_owner_alone_and_cleans_up(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;
	struct stat status;

	assert_int_equal(ks_listener_bind(&listener, fixture->path, KS_ON_SIGN, "agent", &problem), 0);
	assert_int_equal(stat(fixture->path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	ks_listener_deinit(&listener);
	assert_false(exists(fixture->path));
}

static void test_listener_refuses_a_second_agent_and_names_its_pid(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener first, second;
	struct ks_binding_error problem;
	char pid[32];

	assert_int_equal(ks_listener_bind(&first, fixture->path, KS_ON_SIGN, "agent", &problem), 0);
	assert_int_equal(ks_listener_bind(&second, fixture->path, KS_ON_SIGN, "agent", &problem), KS_ERR_BUSY);
	(void)ks_text_print(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_non_null(strstr(problem.text, pid));
	assert_true(exists(fixture->path)); /* the first one's is still there */
	ks_listener_deinit(&first);
}

static void test_listener_takes_over_a_stale_socket(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;

	(void)close(make_foreign(fixture->path));
	assert_true(exists(fixture->path));
	assert_int_equal(ks_listener_bind(&listener, fixture->path, KS_ON_SIGN, "agent", &problem), 0);
	ks_listener_deinit(&listener);
}

static void test_listener_never_steals_a_live_socket(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;
	int foreign = make_foreign(fixture->path);

	assert_int_equal(ks_listener_bind(&listener, fixture->path, KS_ON_SIGN, "agent", &problem), KS_ERR_BUSY);
	assert_non_null(strstr(problem.text, "already listens"));
	assert_true(exists(fixture->path));
	(void)close(foreign);
}

static void test_listener_leaves_a_file_that_is_no_socket_alone(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;
	FILE *file = fopen(fixture->path, "w");

	assert_non_null(file);
	(void)fclose(file);
	assert_int_equal(ks_listener_bind(&listener, fixture->path, KS_ON_SIGN, "agent", &problem), KS_ERR_BUSY);
	assert_non_null(strstr(problem.text, "in the way"));
	assert_true(exists(fixture->path));
}

static void test_listener_does_not_remove_a_socket_that_replaced_its_own(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;

	assert_int_equal(ks_listener_bind(&listener, fixture->path, KS_ON_SIGN, "agent", &problem), 0);
	assert_int_equal(unlink(fixture->path), 0);
	int foreign = make_foreign(fixture->path);
	ks_listener_deinit(&listener);
	assert_true(exists(fixture->path));
	(void)close(foreign);
}

static void test_listener_refuses_a_folder_that_is_open_to_others(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;

	assert_int_equal(chmod(fixture->folder, 0777), 0);
	assert_true(ks_listener_bind(&listener, fixture->path, KS_ON_SIGN, "agent", &problem) < 0);
	assert_non_null(strstr(problem.text, "0700"));
	assert_false(exists(fixture->path));
}

static void test_listener_refuses_a_path_that_is_too_long(void **state)
{
	struct ks_listener listener;
	struct ks_binding_error problem;
	char path[256];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ks_listener_bind(&listener, path, KS_ON_SIGN, "agent", &problem), KS_ERR_INVALID);
	assert_non_null(strstr(problem.text, "too long"));
}

static void test_listener_adopts_only_listening_stream_sockets(void **state)
{
	const struct fixture *fixture = *state;
	struct ks_listener listener;
	struct ks_binding_error problem;
	int datagram = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int good = make_foreign(fixture->path);

	assert_int_equal(ks_listener_adopt(&listener, datagram, KS_ON_SIGN, "agent", &problem), KS_ERR_INVALID);
	assert_int_equal(ks_listener_adopt(&listener, good, KS_ON_SIGN, "agent", &problem), 0);
	ks_listener_deinit(&listener);
	assert_true(exists(fixture->path)); /* systemd's, not ours to remove */
	(void)close(datagram);
}

/* --- when descriptors are short ---------------------------------------------------------------------------------- */

struct rest {
	struct ks_state state;
	struct ks_sessions sessions;
	struct ks_listener listener;
	sd_event *event;
	sd_event_source *timer; /* as workers have: the event loop's own descriptors are there before it gets tight */
	struct rlimit limit;    /* as it was */
};

static void on_gone(void *userdata)
{
	(void)userdata;
}

static int on_never(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	(void)userdata;
	return 0;
}

static struct ks_settings no_settings; /* without a socket that admits others */

static void rest_begin(struct rest *rest, const char *path)
{
	struct ks_binding_error problem;

	memset(rest, 0, sizeof(*rest));
	assert_true(sd_event_new(&rest->event) >= 0);
	rest->state.event = rest->event;
	rest->state.settings = &no_settings;
	assert_true(sd_event_add_time_relative(rest->event, &rest->timer, CLOCK_MONOTONIC, 3600ull * 1000000, 0,
					       on_never, NULL) >= 0);
	ks_sessions_init(&rest->sessions, &rest->state, 100, on_gone, NULL);
	assert_int_equal(ks_listener_bind(&rest->listener, path, KS_ON_SIGN, "agent", &problem), 0);
	assert_int_equal(ks_listener_start(&rest->listener, rest->event, &rest->sessions), 0);
	/* sd-event lets go of the watched folder's descriptor at its first turn. */
	assert_int_equal(sd_event_run(rest->event, 0), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &rest->limit), 0);
}

static void rest_end(struct rest *rest)
{
	ks_listener_deinit(&rest->listener);
	ks_sessions_deinit(&rest->sessions);
	sd_event_source_disable_unref(rest->timer);
	sd_event_unref(rest->event);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Not one descriptor more than there are; holes below the highest are not looked for, for there are none. */
static void allow_no_descriptor(struct rest *rest)
{
	struct rlimit limit = rest->limit;
	int free_fd = dup(STDERR_FILENO);

	assert_true(free_fd >= 0);
	(void)close(free_fd);
	limit.rlim_cur = (rlim_t)free_fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Runs the loop until there are n sessions; returns in how many turns, or fails after ten seconds. */
static unsigned run_until_sessions(struct rest *rest, size_t n)
{
	unsigned turns = 0;

	for (time_t end = time(NULL) + 10; rest->sessions.n != n; turns++) {
		assert_true(time(NULL) < end);
		assert_true(sd_event_run(rest->event, 10000000) >= 0);
	}
	return turns;
}

static void test_listener_rests_without_descriptors_and_wakes_by_itself(void **state)
{
	const struct fixture *fixture = *state;
	struct rest rest;

	rest_begin(&rest, fixture->path);
	int client = connect_to(fixture->path);
	allow_no_descriptor(&rest);
	assert_int_equal(sd_event_run(rest.event, 10000000), 1);
	assert_true(rest.listener.resting);
	assert_int_equal(rest.sessions.n, 0);
	/* Whoever waits in the backlog wakes nobody meanwhile. */
	assert_int_equal(sd_event_run(rest.event, 0), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rest.limit), 0);
	/* No session ends, so that only the timer can end the rest. One turn for it, one to accept. */
	assert_true(run_until_sessions(&rest, 1) <= 3);
	assert_false(rest.listener.resting);
	(void)close(client);
	rest_end(&rest);
}

static void test_listener_is_woken_from_its_rest_by_a_session_that_ends(void **state)
{
	const struct fixture *fixture = *state;
	struct rest rest;

	rest_begin(&rest, fixture->path);
	int client = connect_to(fixture->path);
	allow_no_descriptor(&rest);
	assert_int_equal(sd_event_run(rest.event, 10000000), 1);
	assert_true(rest.listener.resting);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rest.limit), 0);
	ks_listener_wake(&rest.listener);
	assert_false(rest.listener.resting);
	assert_null(rest.listener.wake_timer);
	assert_int_equal(run_until_sessions(&rest, 1), 1);
	(void)close(client);
	rest_end(&rest);
}

static void test_listener_closes_an_idle_connection_before_it_rests(void **state)
{
	const struct fixture *fixture = *state;
	struct rest rest;
	char byte;

	rest_begin(&rest, fixture->path);
	int idle = connect_to(fixture->path);
	(void)run_until_sessions(&rest, 1);
	int client = connect_to(fixture->path);
	allow_no_descriptor(&rest);
	assert_int_equal(sd_event_run(rest.event, 10000000), 1);
	assert_false(rest.listener.resting);
	assert_int_equal(rest.sessions.n, 1);
	assert_int_equal(recv(idle, &byte, 1, MSG_DONTWAIT), 0); /* closed */
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &rest.limit), 0);
	(void)close(idle);
	(void)close(client);
	rest_end(&rest);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_listener_binds_for_its_owner_alone_and_cleans_up),
		CASE(test_listener_refuses_a_second_agent_and_names_its_pid),
		CASE(test_listener_takes_over_a_stale_socket),
		CASE(test_listener_never_steals_a_live_socket),
		CASE(test_listener_leaves_a_file_that_is_no_socket_alone),
		CASE(test_listener_does_not_remove_a_socket_that_replaced_its_own),
		CASE(test_listener_refuses_a_folder_that_is_open_to_others),
		CASE(test_listener_refuses_a_path_that_is_too_long),
		CASE(test_listener_adopts_only_listening_stream_sockets),
		CASE(test_listener_rests_without_descriptors_and_wakes_by_itself),
		CASE(test_listener_is_woken_from_its_rest_by_a_session_that_ends),
		CASE(test_listener_closes_an_idle_connection_before_it_rests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
