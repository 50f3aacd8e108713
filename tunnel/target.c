/* SPDX-License-Identifier: Apache-2.0 */
/* target: see target.h. Runs in: keystay-tunnel. */
#include "tunnel/target.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"

/* 0 or an errno. */
static int connect_address(int fd, const struct addrinfo *address)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	int error_number = 0;
	socklen_t size = sizeof(error_number);

	if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (poll(&poll_fd, 1, (int)KS_TUNNEL_CONNECT_MS) != 1)
		return ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) < 0 ? errno : error_number;
}

static int try_address(const struct addrinfo *address, int *ret_fd)
{
	KS_AUTO_CLOSE int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;
	int error_number = fd < 0 ? errno : connect_address(fd, address);

	if (error_number != 0)
		return error_number;
	/* What comes from a client goes on at once; a peer that went without a word is noticed some day. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

int ks_target_connect(const struct ks_target *target, int *ret_fd, char *why, size_t why_size)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int error_number = ENOENT;

	int r = getaddrinfo(target->host, target->port, &hints, &list);
	if (r != 0) {
		(void)ks_text_print(why, why_size, "the host is not found: %s", gai_strerror(r));
		return KS_ERR_NOT_FOUND;
	}
	for (const struct addrinfo *at = list; at && error_number != 0; at = at->ai_next)
		error_number = try_address(at, ret_fd);
	freeaddrinfo(list);
	if (error_number == 0)
		return 0;
	(void)ks_text_print(why, why_size, "it cannot be reached: %s", strerror(error_number));
	return KS_ERR_CLOSED;
}
