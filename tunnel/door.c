/* SPDX-License-Identifier: Apache-2.0 */
/* door: see door.h. Runs in: keystay-tunnel. */
#include "tunnel/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/text.h"
#include "tunnel/limits.h"
#include "tunnel/tcp_owner.h"

#define BACKLOG 512

/* Another tunnel holds the folder only while it looks and binds. */
#define LOCK_TRIES 100
#define LOCK_PAUSE_MS 20

/* --- a Unix socket ----------------------------------------------------------------------------------------------- */

/* Left over from a tunnel that was killed: ours, a socket, and nobody listens. Non-blocking: a listener whose backlog
 * is full lives too. */
static bool is_leftover(const struct sockaddr_un *address)
{
	struct stat info;
	KS_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd >= 0 && lstat(address->sun_path, &info) == 0 && S_ISSOCK(info.st_mode) && info.st_uid == geteuid() &&
	       connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
}

/* Who could replace the socket could be us for its clients. */
static bool is_safe_folder(int fd)
{
	struct stat info;

	if (fstat(fd, &info) < 0 || (info.st_uid != 0 && info.st_uid != geteuid()))
		return false;
	return (info.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (info.st_mode & S_ISVTX) != 0;
}

/* The folder is locked while one tunnel looks whether a socket is left over, replaces it and listens: two that start at
 * once would remove each other's. No lock file stays behind this way. */
static int lock_folder(const char *path, int *ret_fd, char *why, size_t why_size)
{
	KS_AUTO_FREE char *folder = ks_text_copy(ks_bytes_text(path));

	if (!folder)
		return KS_ERR_NO_MEMORY;
	char *slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	KS_AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		(void)ks_text_print(why, why_size, "cannot listen on unix:%s: %s: %s", path, folder, strerror(errno));
		return ks_error_from_errno(errno);
	}
	if (!is_safe_folder(fd)) {
		(void)ks_text_print(why, why_size,
				    "cannot listen on unix:%s: other users can change the folder %s; use one that is "
				    "yours alone, such as $XDG_RUNTIME_DIR",
				    path, folder);
		return KS_ERR_UNTRUSTED_PATH;
	}
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*ret_fd = KS_STEAL_FD(fd);
			return 0;
		}
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	(void)ks_text_print(why, why_size, "cannot listen on unix:%s: somebody keeps the folder %s locked", path,
			    folder);
	return KS_ERR_BUSY;
}

/* Mode 0600 from its first moment. */
static int bind_private(int fd, const struct sockaddr_un *address)
{
	mode_t mask = umask(0177);
	int r = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int error_number = errno;

	(void)umask(mask);
	errno = error_number;
	return r;
}

/* SYSTEM leaves errno. */
static int bind_or_replace(int fd, const struct sockaddr_un *address)
{
	if (bind_private(fd, address) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return KS_ERR_SYSTEM;
	if (!is_leftover(address))
		return KS_ERR_BUSY;
	(void)unlink(address->sun_path);
	return bind_private(fd, address) == 0 ? 0 : KS_ERR_SYSTEM;
}

static int listen_unix(const char *path, struct ks_door *door, char *why, size_t why_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	KS_AUTO_CLOSE int lock = -1;
	struct stat info;

	if (path[0] != '/' || strlen(path) >= sizeof(address.sun_path)) {
		(void)ks_text_print(why, why_size, "\"unix:%s\" has no absolute path of at most %zu bytes", path,
				    sizeof(address.sun_path) - 1);
		return KS_ERR_INVALID;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	int r = lock_folder(path, &lock, why, why_size);
	if (r < 0)
		return r;
	r = bind_or_replace(door->fd, &address);
	if (r == KS_ERR_BUSY)
		(void)ks_text_print(
			why, why_size,
			"cannot listen on unix:%s: another program listens there, or it is no socket of yours", path);
	else if (r < 0)
		(void)ks_text_print(why, why_size, "cannot listen on unix:%s: %s", path, strerror(errno));
	if (r < 0)
		return r;
	(void)ks_text_print(door->path, sizeof(door->path), "%s", path);
	if (listen(door->fd, BACKLOG) < 0 || lstat(path, &info) < 0) {
		(void)ks_text_print(why, why_size, "cannot listen on unix:%s: %s", path, strerror(errno));
		return KS_ERR_SYSTEM;
	}
	door->device = info.st_dev;
	door->inode = info.st_ino;
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

	(void)ks_text_print(why, why_size, "the system refuses a socket");
	if (strncmp(what, "unix:", 5) == 0) {
		door.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = door.fd < 0 ? KS_ERR_SYSTEM : listen_unix(what + 5, &door, why, why_size);
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

/* Others may try a port as often as they like: that is said once in a while. */
static void say_refused(struct ks_door *door, const char *who)
{
	uint64_t now_ms = ks_clock_monotonic_ms();

	if (door->refused_log_ms != 0 && now_ms - door->refused_log_ms < KS_TUNNEL_REFUSED_LOG_MS)
		return;
	door->refused_log_ms = now_ms;
	ks_log_warning("a connection to %s was refused: %s", door->name, who);
}

static bool may_come_in(struct ks_door *door, int fd)
{
	struct ks_peer peer = { 0 };
	uid_t uid = (uid_t)-1;

	int r = door->is_tcp ? ks_tcp_owner(fd, &uid) : ks_peer_get(fd, &peer);
	if (r == 0 && (door->is_tcp ? uid : peer.uid) == geteuid())
		return true;
	if (r == 0 || r == KS_ERR_DENIED)
		say_refused(door, "it is of another user");
	else if (r == KS_ERR_NOT_FOUND)
		say_refused(door, "it was closed before it was known whose it is");
	else
		say_refused(door, "the system does not say whose it is");
	return false;
}

int ks_door_accept(struct ks_door *door, int *ret_fd)
{
	KS_AUTO_CLOSE int fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int on = 1;

	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS ? KS_ERR_LIMIT :
												   KS_ERR_BUSY;
	if (!may_come_in(door, fd))
		return KS_ERR_DENIED;
	if (door->is_tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

void ks_door_close(struct ks_door *door)
{
	struct stat info;

	if (door->fd < 0)
		return;
	if (door->path[0] && lstat(door->path, &info) == 0 && info.st_dev == door->device && info.st_ino == door->inode)
		(void)unlink(door->path);
	(void)close(door->fd);
	door->fd = -1;
}
