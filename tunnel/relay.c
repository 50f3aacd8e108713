/* SPDX-License-Identifier: Apache-2.0 */
/* relay: see relay.h. Runs in: keystay-tunnel. */
#include "tunnel/relay.h"

#include <errno.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"

#define PIECE ((size_t)16 << 10) /* a TLS record */

/* Two sides that are never slow must not keep us from seeing that the tunnel ends. */
#define ROUNDS 64

/* One direction: what was read and is not written yet. */
struct way {
	unsigned char bytes[PIECE];
	size_t from, to;
	bool ended;  /* nothing more comes in */
	bool closed; /* and that was passed on, or nobody is left to hear it */
};

struct relay {
	int plain, tls;
	SSL *ssl;
	struct way out;   /* from plain to TLS */
	struct way in;    /* from TLS to plain */
	short tls_wants;  /* what TLS waits for, for either direction */
	bool over;        /* nothing can be carried any more; end says why */
	bool tls_is_dead; /* nothing may be sent over it any more (SSL_get_error(3)) */
	enum ks_relay_end end;
	char *why;
	size_t why_size;
};

static bool is_empty(const struct way *way)
{
	return way->from == way->to;
}

static void finish(struct relay *relay, enum ks_relay_end end)
{
	relay->over = true;
	relay->end = end;
}

/* --- TLS --------------------------------------------------------------------------------------------------------- */

static bool is_unexpected_end(unsigned long code)
{
	return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* Nothing can be read any more. */
static void fail_tls(struct relay *relay, int error, int error_number)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	relay->tls_is_dead = true;
	ERR_clear_error();
	if (error == SSL_ERROR_SSL && !is_unexpected_end(code)) {
		(void)ks_text_print(relay->why, relay->why_size, "%s", reason ? reason : "TLS failed");
		finish(relay, KS_RELAY_FAILED);
		return;
	}
	(void)ks_text_print(relay->why, relay->why_size, "%s",
			    error_number ? strerror(error_number) : "it ended without close_notify");
	finish(relay, KS_RELAY_CUT);
}

/* What SSL_read() returned. */
static void look_at_read(struct relay *relay, int result)
{
	int error_number = errno;
	int error = SSL_get_error(relay->ssl, result);

	if (error == SSL_ERROR_WANT_READ)
		relay->tls_wants |= POLLIN;
	else if (error == SSL_ERROR_WANT_WRITE)
		relay->tls_wants |= POLLOUT;
	else if (error == SSL_ERROR_ZERO_RETURN)
		relay->in.ended = true;
	else
		fail_tls(relay, error, error_number);
}

/* The server takes nothing more; what it has sent before is still there to be read, such as why it went. */
static void give_up_writing(struct relay *relay)
{
	relay->out.from = relay->out.to = 0;
	relay->out.ended = relay->out.closed = true;
	relay->tls_is_dead = true;
	ERR_clear_error();
}

static void look_at_write(struct relay *relay, int result)
{
	int error_number = errno;
	int error = SSL_get_error(relay->ssl, result);

	if (error == SSL_ERROR_WANT_READ)
		relay->tls_wants |= POLLIN;
	else if (error == SSL_ERROR_WANT_WRITE)
		relay->tls_wants |= POLLOUT;
	else if (error == SSL_ERROR_SYSCALL)
		give_up_writing(relay);
	else
		fail_tls(relay, error, error_number);
}

/* --- moving: each returns whether something did ------------------------------------------------------------------ */

static bool read_plain(struct relay *relay)
{
	struct way *way = &relay->out;

	if (way->ended || !is_empty(way))
		return false;
	ssize_t n = recv(relay->plain, way->bytes, sizeof(way->bytes), 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			finish(relay, KS_RELAY_DONE);
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

	ERR_clear_error();
	errno = 0;
	if (!is_empty(way)) {
		int n = SSL_write(relay->ssl, way->bytes + way->from, (int)(way->to - way->from));
		if (n <= 0) {
			look_at_write(relay, n);
			return false;
		}
		way->from += (size_t)n;
		return true;
	}
	if (!way->ended || way->closed)
		return false;
	int r = SSL_shutdown(relay->ssl);
	if (r < 0) {
		look_at_write(relay, r);
		return false;
	}
	way->closed = true;
	return true;
}

static bool read_tls(struct relay *relay)
{
	struct way *way = &relay->in;

	if (way->ended || !is_empty(way))
		return false;
	ERR_clear_error();
	errno = 0;
	int n = SSL_read(relay->ssl, way->bytes, sizeof(way->bytes));
	if (n <= 0) {
		look_at_read(relay, n);
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
		if (errno != EAGAIN && errno != EINTR)
			finish(relay, KS_RELAY_DONE);
		return false;
	}
	way->from += (size_t)n;
	return true;
}

/* As long as anything moves, but not for ever. False: nothing moves now. */
static bool move(struct relay *relay, bool *ret_moved)
{
	bool moved = true;

	*ret_moved = false;
	for (int i = 0; i < ROUNDS && moved && !relay->over; i++) {
		relay->tls_wants = 0;
		moved = write_tls(relay);
		moved = (!relay->over && read_plain(relay)) || moved;
		moved = (!relay->over && write_plain(relay)) || moved;
		moved = (!relay->over && read_tls(relay)) || moved;
		*ret_moved = *ret_moved || moved;
		if (relay->out.closed && relay->in.closed)
			finish(relay, KS_RELAY_DONE);
	}
	return moved && !relay->over;
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

struct times {
	const struct ks_relay_limits *limits;
	uint64_t moved_ms; /* when something last did */
	bool stopping;
	uint64_t stop_ms; /* then by when it is over */
};

static int time_left(const struct times *times)
{
	uint64_t idle_ms = times->stopping ? KS_TUNNEL_QUIET_MS : times->limits->idle_ms;
	int left = ks_clock_left_ms(times->moved_ms + idle_ms);
	int stop_left = times->stopping ? ks_clock_left_ms(times->stop_ms) : left;

	return stop_left < left ? stop_left : left;
}

static void begin_stopping(struct times *times)
{
	times->stopping = true;
	times->moved_ms = ks_clock_monotonic_ms();
	times->stop_ms = times->moved_ms + KS_TUNNEL_GRACE_MS;
}

static void wait_for_bytes(struct relay *relay, struct times *times, bool busy)
{
	short plain_wants = 0;

	if (!relay->out.ended && is_empty(&relay->out))
		plain_wants |= POLLIN;
	if (!is_empty(&relay->in))
		plain_wants |= POLLOUT;
	/* poll() tells of a hang-up although nothing is wanted: a client that has said its last word and is gone is of
	 * use when we wait for the server, and a busy loop when we wait for room. */
	bool may_be_gone = relay->out.closed && !relay->in.closed;
	struct pollfd fds[] = { { .fd = plain_wants || may_be_gone ? relay->plain : -1, .events = plain_wants },
				{ .fd = relay->tls_wants ? relay->tls : -1, .events = relay->tls_wants },
				{ .fd = times->stopping ? -1 : times->limits->stop_fd, .events = POLLIN } };
	int left = time_left(times);
	int n = poll(fds, 3, busy ? 0 : left);

	if (n < 0 && errno != EINTR)
		finish(relay, KS_RELAY_DONE);
	else if (n == 0 && !busy)
		finish(relay, times->stopping ? KS_RELAY_STOPPED : KS_RELAY_IDLE);
	else if (left == 0 && times->stopping)
		finish(relay, KS_RELAY_STOPPED);
	else if (n > 0 && fds[2].revents)
		begin_stopping(times);
	else if (n > 0 && plain_wants == 0 && fds[0].revents)
		finish(relay, KS_RELAY_DONE);
}

/* A stream that was cut off must not look complete. A Unix socket knows no other end than a good one. */
static void reset_at_close(int plain)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(plain, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

enum ks_relay_end ks_relay_run(int plain, SSL *ssl, const struct ks_relay_limits *limits, char *why, size_t why_size)
{
	struct relay relay = { .plain = plain, .tls = SSL_get_fd(ssl), .ssl = ssl, .why = why, .why_size = why_size };
	struct times times = { .limits = limits, .moved_ms = ks_clock_monotonic_ms() };

	while (!relay.over) {
		bool moved;
		bool busy = move(&relay, &moved);
		if (moved)
			times.moved_ms = ks_clock_monotonic_ms();
		if (!relay.over)
			wait_for_bytes(&relay, &times, busy);
	}
	if (!relay.tls_is_dead && !relay.out.closed)
		(void)SSL_shutdown(ssl);
	if (relay.end == KS_RELAY_CUT || relay.end == KS_RELAY_FAILED)
		reset_at_close(plain);
	ERR_clear_error();
	return relay.end;
}
