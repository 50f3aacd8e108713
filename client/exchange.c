/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: see exchange.h.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never raises SIGPIPE, never leaves the host's descriptors 0 to 2
 * taken, never waits without a deadline, keeps nothing between calls.
 */
#include "client/exchange.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "client/error.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

/* --- connecting -------------------------------------------------------------------------------------------------- */

static int fill_address(const char *path, struct sockaddr_un *address, struct ks_client_error *ret_error)
{
	size_t size = strlen(path);

	if (size >= sizeof(address->sun_path))
		return ks_client_fail(
			ret_error, KS_ERR_INVALID,
			"the path of the agent's socket is longer than the %zu bytes that Linux allows: %s",
			sizeof(address->sun_path) - 1, path);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, size + 1);
	return 0;
}

/* A host that closed 0, 1 or 2 would get the socket there, and then print its messages into it. */
static int open_socket(int *ret_fd)
{
	KS_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (fd <= STDERR_FILENO) {
		int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		if (higher < 0)
			return -errno;
		(void)close(fd);
		fd = higher;
	}
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

/* A non-blocking connect(2) of a Unix socket cannot be waited for: with a full queue of the listener it just fails.
 * So this one blocks, as long as SO_SNDTIMEO lets it. */
static int connect_until(int fd, const struct sockaddr_un *address, uint64_t deadline_ms)
{
	for (;;) {
		int left = ks_clock_left_ms(deadline_ms);
		if (left == 0)
			return -ETIMEDOUT;
		struct timeval wait = { .tv_sec = left / 1000, .tv_usec = (left % 1000) * 1000 };
		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
			return -errno;
		if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EISCONN)
			return 0;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

static int fail_connect(int error_number, const char *path, struct ks_client_error *ret_error)
{
	switch (error_number) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		return ks_client_fail(
			ret_error, KS_ERR_NO_AGENT,
			"keystay-agent is not running (no listener at %s); start it: keystay-agent &   or: "
			"systemctl --user start keystay-agent.socket",
			path);
	case ETIMEDOUT:
		return ks_client_fail(
			ret_error, KS_ERR_TIMEOUT,
			"keystay-agent at %s does not accept connections, it may be stopped or overloaded; "
			"restart it: systemctl --user restart keystay-agent",
			path);
	default:
		return ks_client_fail_errno(ret_error, error_number, "connect to keystay-agent at", path);
	}
}

int ks_exchange_connect(const char *path, uint64_t deadline_ms, int *ret_fd, struct ks_client_error *ret_error)
{
	struct sockaddr_un address = { 0 };
	int r = fill_address(path, &address, ret_error);
	if (r < 0)
		return r;

	KS_AUTO_CLOSE int fd = -1;
	r = open_socket(&fd);
	if (r < 0)
		return ks_client_fail_errno(ret_error, -r, "make a socket for", path);
	r = connect_until(fd, &address, deadline_ms);
	if (r < 0)
		return fail_connect(-r, path, ret_error);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return ks_client_fail_errno(ret_error, errno, "set up the socket to", path);
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

/* Only to a terminal, and not from the background, where writing may stop the host (SIGTTOU, tostop). Nor into a dialog
 * that somebody has open there: pinentry on a terminal switches line input or echo off. */
static void show(const char *text)
{
	struct termios settings;

	if (tcgetattr(STDERR_FILENO, &settings) < 0 || (settings.c_lflag & (ICANON | ECHO)) != (ICANON | ECHO))
		return;
	pid_t foreground = tcgetpgrp(STDERR_FILENO);
	if (foreground >= 0 && foreground != getpgrp())
		return;
	char line[512];
	int size = snprintf(line, sizeof(line), "keystay: %s\n", text);
	if (size <= 0)
		return;
	if ((size_t)size >= sizeof(line)) {
		size = sizeof(line) - 1;
		line[size - 1] = '\n';
	}
	ssize_t written = write(STDERR_FILENO, line, (size_t)size);
	(void)written; /* a notice that cannot be shown changes nothing */
}

static int fail_timeout(struct ks_client_error *ret_error)
{
	return ks_client_fail(ret_error, KS_ERR_TIMEOUT,
			      "keystay-agent did not answer in time; see what it is doing: keystay status");
}

static int fail_closed(struct ks_client_error *ret_error)
{
	return ks_client_fail(ret_error, KS_ERR_CLOSED,
			      "keystay-agent closed the connection without an answer; it was stopped or restarted, "
			      "try again, and look at its log if that does not help");
}

static int fail_transfer(int error_number, struct ks_client_error *ret_error)
{
	if (error_number == EPIPE || error_number == ECONNRESET)
		return fail_closed(ret_error);
	return ks_client_fail_errno(ret_error, error_number, "talk to", "keystay-agent");
}

/* Waits for events; shows and takes away the notice when its time comes. */
static int wait_for(int fd, short events, uint64_t deadline_ms, struct ks_exchange_notice *notice,
		    struct ks_client_error *ret_error)
{
	for (;;) {
		int left = ks_clock_left_ms(deadline_ms);
		if (left == 0)
			return fail_timeout(ret_error);
		if (notice->text) {
			int left_to_notice = ks_clock_left_ms(notice->at_ms);
			if (left_to_notice == 0) {
				show(notice->text);
				notice->text = NULL;
			} else if (left_to_notice < left) {
				left = left_to_notice;
			}
		}
		struct pollfd poll_fd = { .fd = fd, .events = events };
		int n = poll(&poll_fd, 1, left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return fail_transfer(errno, ret_error);
	}
}

/* --- one frame each way ------------------------------------------------------------------------------------------ */

int ks_exchange_send(int fd, struct ks_bytes frame, uint64_t deadline_ms, struct ks_client_error *ret_error)
{
	struct ks_exchange_notice no_notice = { 0 };
	size_t sent = 0;

	while (sent < frame.size) {
		ssize_t n = send(fd, frame.data + sent, frame.size - sent, MSG_NOSIGNAL);
		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* An agent that has refused us may have left a reply that says why: read it before giving up. */
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN)
			return fail_transfer(errno, ret_error);
		int r = wait_for(fd, POLLOUT, deadline_ms, &no_notice, ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

/* One recv(2) of at most size bytes into buffer. */
static int receive_some(int fd, struct ks_buffer *buffer, size_t size, struct ks_client_error *ret_error)
{
	uint8_t *room = ks_buffer_reserve(buffer, size);
	if (!room)
		return ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
	ssize_t n = recv(fd, room, size, 0);
	if (n > 0) {
		ks_buffer_grow(buffer, (size_t)n);
		return 0;
	}
	if (n == 0)
		return fail_closed(ret_error);
	if (errno == EINTR || errno == EAGAIN)
		return 0;
	return fail_transfer(errno, ret_error);
}

int ks_exchange_receive(int fd, struct ks_buffer *buffer, uint64_t deadline_ms, struct ks_exchange_notice notice,
			struct ks_frame *ret_frame, struct ks_client_error *ret_error)
{
	ks_buffer_reset(buffer);
	for (;;) {
		enum ks_frame_state state;
		struct ks_frame frame;
		size_t whole;
		int r = ks_frame_read(ks_buffer_bytes(buffer), &state, &frame, &whole);
		if (r < 0)
			return ks_client_fail(ret_error, KS_ERR_MALFORMED,
					      "what answered is not keystay-agent: its reply has an impossible length");
		if (state == KS_FRAME_WHOLE) {
			*ret_frame = frame;
			return 0;
		}
		r = wait_for(fd, POLLIN, deadline_ms, &notice, ret_error);
		if (r < 0)
			return r;
		r = receive_some(fd, buffer, whole - buffer->size, ret_error);
		if (r < 0)
			return r;
	}
}
