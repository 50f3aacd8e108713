/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/peer.h"

#include <errno.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/base/child.h"

static void test_peer_of_a_socketpair_is_this_process(void **state)
{
	(void)state;
	int ends[2];
	struct ks_peer peer;
	if (geteuid() == 65534)
		skip(); /* nobody is denied to itself, too: it may be anybody */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(ks_peer_get(ends[0], &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_int_equal(peer.gid, getegid());
	assert_int_equal(peer.pid, getpid());
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* Listens on a name of the kernel's choice in the abstract space, so that tests may run at once. */
static int listen_somewhere(struct sockaddr_un *ret_address, socklen_t *ret_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(sa_family_t)) < 0 || listen(fd, 4) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	*ret_address = address;
	*ret_size = size;
	return fd;
}

/* As another user: connects and asks who listens; answers with the result and the listener's uid seen. */
struct caller {
	unsigned uid;
	struct sockaddr_un address;
	socklen_t size;
};

static int call(void *argument)
{
	const struct caller *caller = argument;
	struct ks_peer peer = { .uid = 12345 };
	if (child_become(caller->uid) < 0)
		return 1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&caller->address, caller->size) < 0)
		return 2;
	return ks_peer_get(fd, &peer) == 0 && peer.uid == 0 ? 0 : 3;
}

static int just_connect(void *argument)
{
	const struct caller *caller = argument;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&caller->address, caller->size) == 0 ? 0 : 1;
}

static int result_for_caller(unsigned uid, struct ks_peer *ret_peer)
{
	struct caller caller = { .uid = uid };
	int listener = listen_somewhere(&caller.address, &caller.size);
	assert_true(listener >= 0);
	/* The connection waits in the queue; its credentials are those of the moment of connect(2). */
	assert_int_equal(child_run(call, &caller), 0);
	int fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	int r = ks_peer_get(fd, ret_peer);
	(void)close(fd);
	(void)close(listener);
	return r;
}

static void test_peer_of_another_user_is_that_user(void **state)
{
	(void)state;
	struct ks_peer peer = { 0 };
	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	assert_int_equal(result_for_caller(12321, &peer), 0);
	assert_int_equal(peer.uid, 12321);
	assert_int_equal(peer.gid, 12321);
}

static void test_peer_denies_the_overflow_uid(void **state)
{
	(void)state;
	struct ks_peer peer = { .uid = 77 };
	if (geteuid() != 0)
		skip(); /* only root can become somebody else */
	assert_int_equal(result_for_caller(65534, &peer), KS_ERR_DENIED);
	assert_int_equal(peer.uid, 77);
}

static void test_peer_denies_a_socket_without_a_peer(void **state)
{
	(void)state;
	struct ks_peer peer = { .uid = 77 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(ks_peer_get(fd, &peer), KS_ERR_DENIED);
	assert_int_equal(peer.uid, 77);
	(void)close(fd);
}

static void test_peer_of_what_is_no_socket_is_an_error(void **state)
{
	(void)state;
	struct ks_peer peer = { .uid = 77 };
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(ks_peer_get(ends[0], &peer), KS_ERR_SYSTEM);
	assert_int_equal(ks_peer_get(-1, &peer), KS_ERR_SYSTEM);
	assert_int_equal(peer.uid, 77);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static int say_own_name(void *argument)
{
	char name[64];
	if (prctl(PR_SET_NAME, (const char *)argument, 0, 0, 0) < 0)
		return 1;
	ks_peer_program(getpid(), name, sizeof(name));
	return strcmp(name, "a\\x1b[2J\\x0ab\\\\") == 0 ? 0 : 2;
}

static void test_peer_program_is_escaped(void **state)
{
	(void)state;
	char hostile[] = "a\x1b[2J\nb\\";
	assert_int_equal(child_run(say_own_name, hostile), 0);
}

static int cut_own_name(void *argument)
{
	char name[6];
	if (prctl(PR_SET_NAME, (const char *)argument, 0, 0, 0) < 0)
		return 1;
	ks_peer_program(getpid(), name, sizeof(name));
	return strcmp(name, "ab...") == 0 ? 0 : 2;
}

static void test_peer_program_is_cut_to_its_room(void **state)
{
	(void)state;
	char long_name[] = "abcdefgh";
	assert_int_equal(child_run(cut_own_name, long_name), 0);
}

static void test_peer_program_that_cannot_be_read_is_unknown(void **state)
{
	(void)state;
	static const pid_t pids[] = { 0, -1, INT32_MAX };
	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		char name[64] = "x";
		ks_peer_program(pids[i], name, sizeof(name));
		assert_string_equal(name, "unknown");
	}
}

/* A connection whose connecting process has ended and been waited for: nobody has its number now, or somebody else. */
static int connection_of_the_dead(void)
{
	struct caller caller = { .uid = (unsigned)geteuid() };
	int listener = listen_somewhere(&caller.address, &caller.size);
	assert_true(listener >= 0);
	(void)child_run(just_connect, &caller);
	int fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	(void)close(listener);
	return fd;
}

static void test_peer_label_of_who_lives_is_its_program(void **state)
{
	(void)state;
	int ends[2];
	char own[64], name[64];
	const struct ks_peer peer = { .pid = getpid() };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ks_peer_program(getpid(), own, sizeof(own));
	ks_peer_label(ends[0], &peer, name, sizeof(name));
	assert_string_equal(name, own);
	assert_string_not_equal(name, "unknown");
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* B5: this process stands for one that was given the number of the dead. */
static void test_peer_label_never_names_another_process_of_the_same_number(void **state)
{
	(void)state;
	char name[64];
	const struct ks_peer peer = { .pid = getpid() };
	int fd = connection_of_the_dead();
	int pidfd = -1;
	socklen_t size = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &size) < 0 && errno == ENOPROTOOPT) {
		(void)close(fd);
		skip(); /* a kernel before 6.5 cannot tell */
	}
	if (pidfd >= 0)
		(void)close(pidfd);
	ks_peer_label(fd, &peer, name, sizeof(name));
	assert_string_equal(name, "unknown");
	(void)close(fd);
}

static void test_peer_label_of_what_is_no_connection_is_unknown(void **state)
{
	(void)state;
	char name[64] = "x";
	const struct ks_peer peer = { .pid = getpid() };
	ks_peer_label(-1, &peer, name, sizeof(name));
	assert_string_equal(name, "unknown");
}

static void test_peer_groups_of_who_has_too_many_are_none(void **state)
{
	(void)state;
	static const gid_t wanted[] = { 4001, 4002, 4003 };
	gid_t groups[4];
	int ends[2];
	if (geteuid() != 0)
		skip(); /* only root can join groups */
	gid_t before[64];
	int n_before = getgroups(64, before);
	assert_true(n_before >= 0);
	assert_int_equal(setgroups(3, wanted), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(setgroups((size_t)n_before, before), 0);
	assert_int_equal(ks_peer_groups(ends[0], groups, 4), 3);
	assert_memory_equal(groups, wanted, sizeof(wanted));
	assert_int_equal(ks_peer_groups(ends[0], groups, 2), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer_of_a_socketpair_is_this_process),
		cmocka_unit_test(test_peer_of_another_user_is_that_user),
		cmocka_unit_test(test_peer_denies_the_overflow_uid),
		cmocka_unit_test(test_peer_denies_a_socket_without_a_peer),
		cmocka_unit_test(test_peer_of_what_is_no_socket_is_an_error),
		cmocka_unit_test(test_peer_program_is_escaped),
		cmocka_unit_test(test_peer_program_is_cut_to_its_room),
		cmocka_unit_test(test_peer_program_that_cannot_be_read_is_unknown),
		cmocka_unit_test(test_peer_label_of_who_lives_is_its_program),
		cmocka_unit_test(test_peer_label_never_names_another_process_of_the_same_number),
		cmocka_unit_test(test_peer_label_of_what_is_no_connection_is_unknown),
		cmocka_unit_test(test_peer_groups_of_who_has_too_many_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
