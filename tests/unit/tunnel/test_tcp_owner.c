/* SPDX-License-Identifier: Apache-2.0 */
/* Whose is the other end of a loopback connection: the owner's while it is open, nobody's once it is closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tunnel/tcp_owner.h"

struct pair {
	int listener, client, accepted;
};

static struct pair connect_pair(int family)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
	socklen_t size = family == AF_INET ? sizeof(in) : sizeof(in6);
	struct pair pair = { .listener = socket(family, SOCK_STREAM, 0), .client = socket(family, SOCK_STREAM, 0) };

	assert_int_equal(bind(pair.listener, address, size), 0);
	assert_int_equal(listen(pair.listener, 1), 0);
	assert_int_equal(getsockname(pair.listener, address, &size), 0);
	assert_int_equal(connect(pair.client, address, size), 0);
	pair.accepted = accept(pair.listener, NULL, NULL);
	assert_true(pair.accepted >= 0);
	return pair;
}

static void close_pair(struct pair *pair)
{
	(void)close(pair->listener);
	(void)close(pair->accepted);
	if (pair->client >= 0)
		(void)close(pair->client);
}

static const int families[] = { AF_INET, AF_INET6 };

static void test_tcp_owner_is_the_user_of_the_other_end(void **state)
{
	uid_t uid = (uid_t)-1;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair pair = connect_pair(families[i]);
		assert_int_equal(ks_tcp_owner(pair.accepted, &uid), 0);
		assert_int_equal(uid, geteuid());
		/* Half-closed, it is still held by its owner. */
		assert_int_equal(shutdown(pair.client, SHUT_WR), 0);
		assert_int_equal(ks_tcp_owner(pair.accepted, &uid), 0);
		assert_int_equal(uid, geteuid());
		close_pair(&pair);
	}
}

/* Not root's, although the kernel says 0 of such a socket. */
static void test_tcp_owner_of_a_closed_end_is_nobody(void **state)
{
	uid_t uid;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct pair pair = connect_pair(families[i]);
		assert_int_equal(send(pair.client, "x", 1, 0), 1);
		(void)close(pair.client);
		pair.client = -1;
		assert_int_equal(ks_tcp_owner(pair.accepted, &uid), KS_ERR_NOT_FOUND);
		close_pair(&pair);
	}
}

static void test_tcp_owner_of_a_reset_connection_is_nobody(void **state)
{
	const struct linger linger = { .l_onoff = 1 };
	uid_t uid;

	(void)state;
	struct pair pair = connect_pair(AF_INET);
	assert_int_equal(setsockopt(pair.client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	(void)close(pair.client);
	pair.client = -1;
	assert_int_equal(ks_tcp_owner(pair.accepted, &uid), KS_ERR_NOT_FOUND);
	close_pair(&pair);
}

static void test_tcp_owner_of_another_user_is_that_user(void **state)
{
	int sockets[2];
	uid_t uid = 0;
	struct pair pair = { .listener = socket(AF_INET, SOCK_STREAM, 0), .client = -1 };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP: another user cannot be played without root\n");
		(void)close(pair.listener);
		skip();
	}
	assert_int_equal(bind(pair.listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(pair.listener, 1), 0);
	assert_int_equal(getsockname(pair.listener, (struct sockaddr *)&in, &size), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	pid_t child = fork();
	if (child == 0) {
		char byte;
		int fd = setuid(4242) == 0 ? socket(AF_INET, SOCK_STREAM, 0) : -1;
		(void)close(sockets[0]);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
			(void)!read(sockets[1], &byte, 1); /* until the test is over */
		_exit(0);
	}
	(void)close(sockets[1]);
	pair.accepted = accept(pair.listener, NULL, NULL);
	assert_int_equal(ks_tcp_owner(pair.accepted, &uid), 0);
	assert_int_equal(uid, 4242);
	(void)close(sockets[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close_pair(&pair);
}

static void test_tcp_owner_refuses_other_sockets(void **state)
{
	int sockets[2];
	uid_t uid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(ks_tcp_owner(sockets[0], &uid), KS_ERR_INVALID);
	(void)close(sockets[0]);
	(void)close(sockets[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp_owner_is_the_user_of_the_other_end),
		cmocka_unit_test(test_tcp_owner_of_a_closed_end_is_nobody),
		cmocka_unit_test(test_tcp_owner_of_a_reset_connection_is_nobody),
		cmocka_unit_test(test_tcp_owner_of_another_user_is_that_user),
		cmocka_unit_test(test_tcp_owner_refuses_other_sockets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
