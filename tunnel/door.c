/* SPDX-License-Identifier: Apache-2.0 */
/* door: see door.h. Runs in: keystay-tunnel. */
#include "tunnel/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/text.h"
#include "tunnel/tcp_owner.h"

#define BACKLOG 128

/* --- a Unix socket ----------------------------------------------------------------------------------------------- */

/* Left over from a tunnel that was killed: ours, a socket, and nobody listens. */
static bool is_leftover(const struct sockaddr_un *address)
{
	struct stat info;
	KS_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd >= 0 && lstat(address->sun_path, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_uid == geteuid() &&
	       connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
}

static int bind_unix(int fd, const char *path, struct ks_door *door, char *why, size_t why_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path)) {
		(void)ks_text_print(why, why_size, "unix:%s is no absolute path of at most %zu bytes", path,
				    sizeof(address.sun_path) - 1);
		return KS_ERR_INVALID;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	mode_t mask = umask(0177);
	int r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (r < 0 && errno == EADDRINUSE && is_leftover(&address)) {
		(void)unlink(path);
		r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	}
	(void)umask(mask);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "cannot listen on unix:%s: %s", path, strerror(errno));
		return errno == EADDRINUSE ? KS_ERR_BUSY : KS_ERR_SYSTEM;
	}
	(void)ks_text_print(door->path, sizeof(door->path), "%s", path);
	(void)ks_text_print(door->name, sizeof(door->name), "unix:%s", path);
	return 0;
}

/* --- a port ------------------------------------------------------------------------------------------------------ */

static bool read_port(const char *what, struct sockaddr_storage *address, socklen_t *ret_size)
{
	static const char *const hosts[] = { "127.0.0.1:", "localhost:", "[::1]:" };
	uint64_t port;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		size_t size = strlen(hosts[i]);
		if (strncmp(what, hosts[i], size) != 0 || ks_text_number(what + size, 65535, &port) < 0)
			continue;
		if (i == 2) {
			struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
			*in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						      .sin6_addr = IN6ADDR_LOOPBACK_INIT,
						      .sin6_port = htons((uint16_t)port) };
			*ret_size = sizeof(*in6);
		} else {
			struct sockaddr_in *in = (struct sockaddr_in *)address;
			*in = (struct sockaddr_in){ .sin_family = AF_INET,
						    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
						    .sin_port = htons((uint16_t)port) };
			*ret_size = sizeof(*in);
		}
		return true;
	}
	return false;
}

static void name_port(struct ks_door *door)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);

	if (getsockname(door->fd, (struct sockaddr *)&address, &size) < 0)
		return;
	if (address.ss_family == AF_INET)
		(void)ks_text_print(door->name, sizeof(door->name), "127.0.0.1:%u",
				    ntohs(((struct sockaddr_in *)&address)->sin_port));
	else
		(void)ks_text_print(door->name, sizeof(door->name), "[::1]:%u",
				    ntohs(((struct sockaddr_in6 *)&address)->sin6_port));
}

static int open_port(const char *what, struct ks_door *door, char *why, size_t why_size)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size;
	int on = 1;

	if (!read_port(what, &address, &size)) {
		(void)ks_text_print(
			why, why_size,
			"\"%s\" is neither unix:PATH nor 127.0.0.1:PORT nor [::1]:PORT; other addresses are not "
			"listened on",
			what);
		return KS_ERR_INVALID;
	}
	door->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (door->fd < 0 || setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(door->fd, (struct sockaddr *)&address, size) < 0 || listen(door->fd, BACKLOG) < 0) {
		(void)ks_text_print(why, why_size, "cannot listen on %s: %s", what, strerror(errno));
		return errno == EADDRINUSE ? KS_ERR_BUSY : KS_ERR_SYSTEM;
	}
	door->is_tcp = true;
	name_port(door);
	return 0;
}

int ks_door_open(const char *what, struct ks_door *ret_door, char *why, size_t why_size)
{
	struct ks_door door = { .fd = -1 };
	int r;

	if (strncmp(what, "unix:", 5) == 0) {
		door.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = door.fd < 0 ? KS_ERR_SYSTEM : bind_unix(door.fd, what + 5, &door, why, why_size);
		if (r == 0 && listen(door.fd, BACKLOG) < 0)
			r = KS_ERR_SYSTEM;
	} else {
		r = open_port(what, &door, why, why_size);
	}
	if (r < 0) {
		ks_door_close(&door);
		return r;
	}
	*ret_door = door;
	return 0;
}

/* --- who comes in ------------------------------------------------------------------------------------------------ */

static bool may_come_in(const struct ks_door *door, int fd)
{
	struct ks_peer peer;
	uid_t uid;

	if (door->is_tcp) {
		if (ks_tcp_owner(fd, &uid) == 0 && uid == geteuid())
			return true;
		ks_log_warning("a connection to %s was refused: it is not of this user", door->name);
		return false;
	}
	if (ks_peer_get(fd, &peer) == 0 && peer.uid == geteuid())
		return true;
	ks_log_warning("a connection to %s was refused: it is of another user", door->name);
	return false;
}

int ks_door_accept(const struct ks_door *door, int *ret_fd)
{
	KS_AUTO_CLOSE int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS ? KS_ERR_LIMIT :
												   KS_ERR_BUSY;
	if (!may_come_in(door, fd))
		return KS_ERR_DENIED;
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

void ks_door_close(struct ks_door *door)
{
	if (door->fd >= 0)
		(void)close(door->fd);
	if (door->fd >= 0 && door->path[0])
		(void)unlink(door->path);
	door->fd = -1;
}
