/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two hops that do nothing: client -> first process -> second process and back, with as many bytes as a P-256
 * signature takes, over a fresh connection each time. The floor of any agent with an isolated worker.
 *
 * Runs in: keystay-bench and two children, which end when it does.
 */
#include "tests/bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

/* SIGN with a TLS 1.3 input, and its reply. */
#define REQUEST_SIZE 230u
#define REPLY_SIZE 100u
#define CONNECTIONS 128u

struct echo {
	struct sockaddr_un address;
	socklen_t address_size;
};

static int move_all(int fd, void *data, size_t size, bool out)
{
	size_t done = 0;

	while (done < size) {
		char *at = (char *)data + done;
		ssize_t n = out ? send(fd, at, size - done, MSG_NOSIGNAL) : recv(fd, at, size - done, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KS_ERR_CLOSED;
		done += (size_t)n;
	}
	return 0;
}

static void worker_run(int channel)
{
	char request[REQUEST_SIZE];

	while (move_all(channel, request, REQUEST_SIZE, false) == 0)
		if (move_all(channel, request, REPLY_SIZE, true) < 0)
			break;
	_exit(0);
}

/* One request of one connection at a time, as it comes: enough for a floor. */
static int serve_one(int fd, int channel)
{
	char data[REQUEST_SIZE];
	int r = move_all(fd, data, REQUEST_SIZE, false);

	if (!r)
		r = move_all(channel, data, REQUEST_SIZE, true);
	if (!r)
		r = move_all(channel, data, REPLY_SIZE, false);
	return r ? r : move_all(fd, data, REPLY_SIZE, true);
}

static void agent_run(int listener, int channel)
{
	struct pollfd polled[CONNECTIONS] = { { .fd = listener, .events = POLLIN } };
	nfds_t n = 1;

	while (poll(polled, n, -1) > 0) {
		if (polled[0].revents && n < CONNECTIONS) {
			int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				polled[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		}
		for (nfds_t i = n - 1; i > 0; i--) {
			if (polled[i].revents && serve_one(polled[i].fd, channel) < 0) {
				(void)close(polled[i].fd);
				polled[i] = polled[--n];
			}
		}
	}
	_exit(0);
}

static void *asker_prepare(void *userdata)
{
	struct echo *copy = malloc(sizeof(*copy));

	if (copy)
		*copy = *(const struct echo *)userdata;
	return copy;
}

static int asker_ask(void *prepared)
{
	const struct echo *echo = prepared;
	KS_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char data[REQUEST_SIZE] = { 0 };
	int r;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&echo->address, echo->address_size) < 0)
		return KS_ERR_SYSTEM;
	r = move_all(fd, data, REQUEST_SIZE, true);
	return r ? r : move_all(fd, data, REPLY_SIZE, false);
}

/* Starts run(a, b) in a child that dies with us. */
static int child_start(void (*run)(int a, int b), int a, int b)
{
	pid_t child = fork();

	if (child < 0)
		return KS_ERR_SYSTEM;
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(a, b);
	}
	return 0;
}

static void worker_start(int channel, int unused)
{
	(void)unused;
	worker_run(channel);
}

int bench_echo(unsigned n_clients, unsigned count)
{
	struct echo echo = { .address = { .sun_family = AF_UNIX }, .address_size = sizeof(sa_family_t) };
	struct bench_way way = { asker_prepare, asker_ask, &echo };
	KS_AUTO_CLOSE int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int pair[2], r;

	/* The kernel chooses an abstract name (unix(7), autobind). */
	if (listener < 0 || bind(listener, (const struct sockaddr *)&echo.address, echo.address_size) < 0 ||
	    listen(listener, 128) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return KS_ERR_SYSTEM;
	echo.address_size = sizeof(echo.address);
	if (getsockname(listener, (struct sockaddr *)&echo.address, &echo.address_size) < 0)
		return KS_ERR_SYSTEM;
	r = child_start(worker_start, pair[1], -1);
	if (!r)
		r = child_start(agent_run, listener, pair[0]);
	return r ? r : bench_run(&way, n_clients, count);
}
