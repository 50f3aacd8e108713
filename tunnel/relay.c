/* SPDX-License-Identifier: Apache-2.0 */
/* relay: see relay.h. Runs in: keystay-tunnel. */
#include "tunnel/relay.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE ((size_t)16 << 10) /* a TLS record */

/* One direction: what was read and is not written yet. */
struct way {
	unsigned char bytes[PIECE];
	size_t from, to;
	bool ended;  /* nothing more comes in */
	bool closed; /* and that was passed on */
};

struct relay {
	int plain, tls;
	SSL *ssl;
	struct way out;  /* from plain to TLS */
	struct way in;   /* from TLS to plain */
	short tls_wants; /* what TLS waits for, for either direction */
	bool failed;
};

static bool is_empty(const struct way *way)
{
	return way->from == way->to;
}

/* What SSL_read() or SSL_write() returned: false when the connection is over. */
static bool look_at_tls(struct relay *relay, int result)
{
	switch (SSL_get_error(relay->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		relay->tls_wants |= POLLIN;
		return true;
	case SSL_ERROR_WANT_WRITE:
		relay->tls_wants |= POLLOUT;
		return true;
	case SSL_ERROR_ZERO_RETURN:
		relay->in.ended = true;
		return true;
	default:
		ERR_clear_error();
		relay->failed = true;
		return false;
	}
}

/* Each returns whether bytes moved. */
static bool read_plain(struct relay *relay)
{
	struct way *way = &relay->out;

	if (way->ended || !is_empty(way))
		return false;
	ssize_t n = recv(relay->plain, way->bytes, sizeof(way->bytes), 0);
	if (n < 0) {
		relay->failed = errno != EAGAIN && errno != EINTR;
		return false;
	}
	way->ended = n == 0;
	way->from = 0;
	way->to = (size_t)n;
	return true;
}

static bool write_tls(struct relay *relay)
{
	struct way *way = &relay->out;

	if (is_empty(way)) {
		if (!way->ended || way->closed)
			return false;
		way->closed = true;
		(void)SSL_shutdown(relay->ssl); /* close_notify; the other direction goes on */
		return true;
	}
	ERR_clear_error();
	int n = SSL_write(relay->ssl, way->bytes + way->from, (int)(way->to - way->from));
	if (n <= 0) {
		(void)look_at_tls(relay, n);
		return false;
	}
	way->from += (size_t)n;
	return true;
}

static bool read_tls(struct relay *relay)
{
	struct way *way = &relay->in;

	if (way->ended || !is_empty(way))
		return false;
	ERR_clear_error();
	int n = SSL_read(relay->ssl, way->bytes, sizeof(way->bytes));
	if (n <= 0) {
		(void)look_at_tls(relay, n);
		return way->ended;
	}
	way->from = 0;
	way->to = (size_t)n;
	return true;
}

static bool write_plain(struct relay *relay)
{
	struct way *way = &relay->in;

	if (is_empty(way)) {
		if (!way->ended || way->closed)
			return false;
		way->closed = true;
		(void)shutdown(relay->plain, SHUT_WR);
		return true;
	}
	ssize_t n = send(relay->plain, way->bytes + way->from, way->to - way->from, MSG_NOSIGNAL);
	if (n < 0) {
		relay->failed = errno != EAGAIN && errno != EINTR;
		return false;
	}
	way->from += (size_t)n;
	return true;
}

/* As long as anything moves. */
static void move(struct relay *relay)
{
	bool moved = true;

	while (moved && !relay->failed) {
		relay->tls_wants = 0;
		moved = write_tls(relay);
		moved = read_plain(relay) || moved;
		moved = write_plain(relay) || moved;
		moved = read_tls(relay) || moved;
	}
}

static bool is_over(const struct relay *relay)
{
	return relay->failed || (relay->out.closed && relay->in.closed);
}

void ks_relay_run(int plain, SSL *ssl, uint32_t idle_ms, int stop_fd)
{
	struct relay relay = { .plain = plain, .tls = SSL_get_fd(ssl), .ssl = ssl };
	int timeout = idle_ms > INT_MAX ? INT_MAX : (int)idle_ms;

	for (;;) {
		move(&relay);
		if (is_over(&relay))
			break;
		short plain_wants = 0;
		if (!relay.out.ended && is_empty(&relay.out))
			plain_wants |= POLLIN;
		if (!is_empty(&relay.in))
			plain_wants |= POLLOUT;
		struct pollfd fds[] = { { .fd = plain_wants ? plain : -1, .events = plain_wants },
					{ .fd = relay.tls, .events = relay.tls_wants },
					{ .fd = stop_fd, .events = POLLIN } };
		int n = poll(fds, 3, timeout);
		if (n == 0 || (n < 0 && errno != EINTR) || (n > 0 && fds[2].revents))
			break;
	}
	if (!relay.out.closed)
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
}
