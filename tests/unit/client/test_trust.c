/* SPDX-License-Identifier: Apache-2.0 */
/* Who listens on the control socket is looked at before anything is sent; on the sign socket it does not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/client.h"
#include "tests/unit/client/fake_agent.h"

#define OTHER_UID 12345u
#define OVERFLOW_UID 65534u

/* A listener of another uid. Its exit status is 0 when each connection brought nothing but its end. */
struct stranger {
	struct fake_agent place;
	pid_t pid;
};

static void listen_as_stranger(const struct stranger *stranger, int ready, unsigned n_connections)
{
	int listener = fake_agent_bind(stranger->place.path, 8);
	if (write(ready, "x", 1) != 1)
		_exit(2);
	for (unsigned i = 0; i < n_connections; i++) {
		char byte;
		int fd = accept(listener, NULL, NULL);
		if (fd < 0 || recv(fd, &byte, 1, 0) != 0)
			_exit(1);
		(void)close(fd);
	}
	_exit(0);
}

static void start_stranger(struct stranger *stranger, uid_t uid, unsigned n_connections)
{
	int ready[2];
	char byte;

	fake_agent_make_folder(&stranger->place);
	assert_int_equal(chown(stranger->place.folder, uid, (gid_t)-1), 0);
	assert_int_equal(pipe(ready), 0);
	stranger->pid = fork();
	assert_true(stranger->pid >= 0);
	if (stranger->pid == 0) {
		if (setresuid(uid, uid, uid) < 0)
			_exit(3);
		listen_as_stranger(stranger, ready[1], n_connections);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
}

static void end_stranger(struct stranger *stranger)
{
	int status;

	assert_int_equal(waitpid(stranger->pid, &status, 0), stranger->pid);
	assert_int_equal(status, 0);
	fake_agent_remove_folder(&stranger->place);
}

static void test_client_sends_nothing_to_a_control_listener_of_another_user(void **state)
{
	(void)state;
	struct stranger stranger;
	struct ks_client client;
	struct ks_client_error error;

	if (geteuid() != 0)
		skip(); /* only root can be somebody else */
	start_stranger(&stranger, OTHER_UID, 1);
	assert_int_equal(ks_client_open(KS_CLIENT_CONTROL, &client, &error), KS_ERR_UNTRUSTED_AGENT);
	assert_int_equal(error.code, KS_ERR_UNTRUSTED_AGENT);
	assert_non_null(strstr(error.text, "uid 12345"));
	assert_non_null(strstr(error.text, stranger.place.path));
	end_stranger(&stranger);
}

static void test_client_distrusts_the_overflow_uid(void **state)
{
	(void)state;
	struct stranger stranger;
	struct ks_client client;
	struct ks_client_error error;

	if (geteuid() != 0)
		skip(); /* only root can be somebody else */
	start_stranger(&stranger, OVERFLOW_UID, 1);
	assert_int_equal(ks_client_open(KS_CLIENT_CONTROL, &client, &error), KS_ERR_UNTRUSTED_AGENT);
	end_stranger(&stranger);
}

static void test_client_accepts_a_sign_listener_of_another_user(void **state)
{
	(void)state;
	struct stranger stranger;
	struct ks_client client;
	struct ks_client_error error;

	if (geteuid() != 0)
		skip(); /* only root can be somebody else */
	start_stranger(&stranger, OTHER_UID, 1);
	assert_int_equal(ks_client_open(KS_CLIENT_SIGN, &client, &error), 0);
	ks_client_close(&client);
	end_stranger(&stranger);
}

static void serve_nothing(struct fake_agent *agent, int fd)
{
	(void)agent;
	fake_agent_drain(fd);
}

static void test_client_accepts_roots_control_listener(void **state)
{
	(void)state;
	struct fake_agent agent;
	int status;

	if (geteuid() != 0)
		skip(); /* only root can listen as root */
	fake_agent_start(&agent, serve_nothing, NULL);
	assert_int_equal(chown(agent.folder, OTHER_UID, (gid_t)-1), 0);
	assert_int_equal(chown(agent.path, OTHER_UID, (gid_t)-1), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ks_client client;
		struct ks_client_error error;
		if (setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
			_exit(3);
		_exit(ks_client_open(KS_CLIENT_CONTROL, &client, &error) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fake_agent_stop(&agent);
}

static void test_client_says_when_the_socket_is_closed_to_this_user(void **state)
{
	(void)state;
	struct fake_agent agent;
	int status;

	if (geteuid() != 0)
		skip(); /* only root can become one who may not */
	fake_agent_start(&agent, serve_nothing, NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ks_client client;
		struct ks_client_error error;
		if (setresuid(OTHER_UID, OTHER_UID, OTHER_UID) < 0)
			_exit(3);
		int r = ks_client_open(KS_CLIENT_SIGN, &client, &error);
		_exit(r == KS_ERR_DENIED && strstr(error.text, "Permission denied") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fake_agent_stop(&agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_sends_nothing_to_a_control_listener_of_another_user),
		cmocka_unit_test(test_client_distrusts_the_overflow_uid),
		cmocka_unit_test(test_client_accepts_a_sign_listener_of_another_user),
		cmocka_unit_test(test_client_accepts_roots_control_listener),
		cmocka_unit_test(test_client_says_when_the_socket_is_closed_to_this_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
