/* SPDX-License-Identifier: Apache-2.0 */
/* postgres: see postgres.h. Runs in: keystay-tunnel. */
#include "tunnel/postgres.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"

/* "Message Formats": SSLRequest and GSSENCRequest, each its own length and a code. */
static const uint8_t ssl_request[8] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f };
static const uint8_t gss_request[8] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30 };

/* A client asks for each once; more is no client. */
#define REQUESTS_MAX 4

static bool wait_for(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	return poll(&poll_fd, 1, ks_clock_left_ms(deadline_ms)) == 1;
}

/* Looks at the first eight bytes without taking them. */
static int peek(int fd, uint8_t bytes[8], uint64_t deadline_ms)
{
	while (wait_for(fd, POLLIN, deadline_ms)) {
		ssize_t n = recv(fd, bytes, 8, MSG_PEEK);
		if (n == 8)
			return 0;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return KS_ERR_CLOSED;
		struct pollfd hung_up = { .fd = fd, .events = POLLRDHUP };
		if (poll(&hung_up, 1, 10) == 1) /* else it came in pieces, of which poll() cannot wait for the next */
			return KS_ERR_CLOSED;
	}
	return KS_ERR_TIMEOUT;
}

int ks_postgres_decline_encryption(int plain)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_TUNNEL_CLIENT_MS;
	uint8_t bytes[8];

	for (int i = 0; i < REQUESTS_MAX; i++) {
		int r = peek(plain, bytes, deadline_ms);
		if (r < 0)
			return r;
		if (memcmp(bytes, ssl_request, 8) != 0 && memcmp(bytes, gss_request, 8) != 0)
			return 0;
		if (recv(plain, bytes, 8, 0) != 8 || send(plain, "N", 1, MSG_NOSIGNAL) != 1)
			return KS_ERR_CLOSED;
	}
	return KS_ERR_INVALID;
}

int ks_postgres_request_tls(int server, char *why, size_t why_size)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_TUNNEL_SERVER_MS;
	char answer = 0;

	/* One byte is taken and no more: what follows must be TLS, and nobody's text before it (CVE-2021-23222). */
	if (send(server, ssl_request, sizeof(ssl_request), MSG_NOSIGNAL) != (ssize_t)sizeof(ssl_request) ||
	    !wait_for(server, POLLIN, deadline_ms) || recv(server, &answer, 1, 0) != 1) {
		(void)ks_text_print(why, why_size, "the server does not answer as PostgreSQL does");
		return KS_ERR_CLOSED;
	}
	if (answer == 'S')
		return 0;
	(void)ks_text_print(why, why_size,
			    answer == 'N' ? "the PostgreSQL server does no TLS (ssl = off); nothing was sent" :
					    "the server does not answer as PostgreSQL does");
	return KS_ERR_UNSUPPORTED;
}

void ks_postgres_send_error(int plain, const char *why)
{
	uint8_t message[1280];
	char text[1024];

	(void)ks_text_print(text, sizeof(text), "keystay-tunnel: %s", why);
	/* Fields of a letter and a string, then a zero; 08001: the connection could not be made. */
	static const char head[] = "SFATAL\0VFATAL\0C08001\0M";
	size_t size = sizeof(head) - 1 + strlen(text) + 2;
	uint32_t length = (uint32_t)(4 + size);
	message[0] = 'E';
	for (int i = 0; i < 4; i++)
		message[1 + i] = (uint8_t)(length >> (24 - 8 * i));
	memcpy(message + 5, head, sizeof(head) - 1);
	memcpy(message + 5 + sizeof(head) - 1, text, strlen(text) + 1);
	message[5 + size - 1] = 0;
	(void)send(plain, message, 5 + size, MSG_NOSIGNAL);
}
