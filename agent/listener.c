/* SPDX-License-Identifier: Apache-2.0 */
/* listener: see listener.h. Runs in: keystay-agent. */
#include "agent/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/peer.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* Connections that may wait while we are busy; the kernel caps it at net.core.somaxconn (4096). A full backlog makes
 * connect(2) wait, so nothing is lost. */
#define BACKLOG 4096

/* Accepted in one go before others get their turn. */
#define ACCEPTS_PER_TURN 32

#define REST_US 1000000ull

/* --- accepting --------------------------------------------------------------------------------------------------- */

static int on_wake(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	ks_listener_wake(userdata);
	return 0;
}

/* Until a session ends, but not longer than a second: it may be the system that is short, and no session of ours. */
static void rest(struct ks_listener *listener)
{
	listener->wake_timer = sd_event_source_disable_unref(listener->wake_timer);
	if (sd_event_add_time_relative(listener->event, &listener->wake_timer, CLOCK_MONOTONIC, REST_US, 0, on_wake,
				       listener) < 0)
		return;
	if (sd_event_source_set_enabled(listener->source, SD_EVENT_OFF) >= 0)
		listener->resting = true;
}

void ks_listener_wake(struct ks_listener *listener)
{
	listener->wake_timer = sd_event_source_disable_unref(listener->wake_timer);
	if (listener->resting && sd_event_source_set_enabled(listener->source, SD_EVENT_ON) >= 0)
		listener->resting = false;
}

/* The folder of a private socket keeps others out; this holds even where somebody opened it. Root is no exception: it
 * has ways of its own that say who it is. */
static bool admits(const struct ks_listener *listener, int fd, const struct ks_peer *peer)
{
	const struct ks_settings *settings = listener->sessions->state->settings;
	const struct ks_settings_socket *socket = ks_settings_socket_of(settings, listener->name);
	gid_t groups[KS_PEER_GROUPS_MAX + 1];

	if (peer->uid == geteuid())
		return true;
	if (listener->where != KS_ON_SIGN || !socket)
		return false;
	groups[0] = peer->gid;
	size_t n = ks_peer_groups(fd, groups + 1, KS_PEER_GROUPS_MAX);
	return ks_settings_socket_admits(socket, peer->uid, groups, n + 1);
}

static void greet(struct ks_listener *listener, int fd)
{
	struct ks_peer peer;
	int error = ks_peer_get(fd, &peer);

	if (error == 0 && !admits(listener, fd, &peer))
		error = KS_ERR_DENIED;
	if (error < 0) {
		(void)close(fd);
		ks_log_warning("socket \"%s\": a connection of another user was refused", listener->name);
		return;
	}
	error = ks_session_new(listener->sessions, fd, listener->where, listener->name, &peer);
	if (error < 0)
		ks_log_warning("a connection of pid %d was refused: %s", (int)peer.pid, ks_error_text(error));
}

/* No descriptor is left although there is a reserve: an idle connection makes room, else we wait until one ends. */
static bool find_descriptor(struct ks_listener *listener)
{
	const struct ks_peer anybody = { .uid = geteuid() };

	if (ks_sessions_make_room(listener->sessions, &anybody))
		return true;
	ks_log_warning("no descriptor is left; new connections wait until one ends");
	rest(listener);
	return false;
}

/* accept(2) wants a descriptor before it looks whether anybody is there: without this, the last client who was let in
 * would be closed for one that does not exist. */
static bool is_somebody_waiting(int fd)
{
	struct pollfd waiting = { .fd = fd, .events = POLLIN };

	return poll(&waiting, 1, 0) > 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	struct ks_listener *listener = userdata;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (connection >= 0) {
			greet(listener, connection);
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			if (!is_somebody_waiting(fd) || !find_descriptor(listener))
				return 0;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return 0;
		}
	}
	return 0;
}

/* --- binding ----------------------------------------------------------------------------------------------------- */

static int take_lock(const char *path, int *ret_fd, struct ks_listener_error *ret_error)
{
	KS_AUTO_FREE char *lock_path = ks_text_format("%s.lock", path);
	if (!lock_path)
		return KS_ERR_NO_MEMORY;
	KS_AUTO_CLOSE int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "%s cannot be opened: %s", lock_path,
				    strerror(errno));
		return ks_error_from_errno(errno);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		char pid[16] = "";
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "another keystay-agent%s%s%s already listens on %s", pid[0] ? " (pid " : "", pid,
				    pid[0] ? ")" : "", path);
		return KS_ERR_BUSY;
	}
	char pid[16];
	(void)ks_text_print(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
		ks_log_debug("%s: the pid was not written", lock_path);
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

static int make_address(const char *path, struct sockaddr_un *ret_address, struct ks_listener_error *ret_error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the socket path %s is too long (at most %zu bytes)", path,
				    sizeof(address.sun_path) - 1);
		return KS_ERR_INVALID;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret_address = address;
	return 0;
}

/* Called under the lock. A socket that answers belongs to somebody who does not know our lock: hands off. */
static int remove_stale(const char *path, const struct sockaddr_un *address, struct ks_listener_error *ret_error)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : ks_error_from_errno(errno);
	if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "%s is in the way and is not a socket of this user; remove it by hand", path);
		return KS_ERR_BUSY;
	}
	KS_AUTO_CLOSE int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return KS_ERR_SYSTEM;
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "another program already listens on %s",
				    path);
		return KS_ERR_BUSY;
	}
	ks_log_info("removing %s, which an agent that has ended left behind", path);
	return unlink(path) < 0 && errno != ENOENT ? ks_error_from_errno(errno) : 0;
}

static int bind_socket(struct ks_listener *listener, const char *path, const struct sockaddr_un *address, mode_t mode,
		       struct ks_listener_error *ret_error)
{
	KS_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return KS_ERR_SYSTEM;
	mode_t mask = umask(0777 & ~mode);
	int bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int bind_errno = errno;
	(void)umask(mask);
	struct stat status;
	if (bound < 0 || listen(fd, BACKLOG) < 0 || lstat(path, &status) < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "cannot listen on %s: %s", path,
				    strerror(bound < 0 ? bind_errno : errno));
		return KS_ERR_SYSTEM;
	}
	listener->path = strdup(path);
	if (!listener->path)
		return KS_ERR_NO_MEMORY;
	listener->device = status.st_dev;
	listener->inode = status.st_ino;
	listener->fd = KS_STEAL_FD(fd);
	return 0;
}

static int make_folder(const char *path, struct ks_listener_error *ret_error)
{
	KS_AUTO_FREE char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	if (!slash || slash == folder)
		return folder ? KS_ERR_INVALID : KS_ERR_NO_MEMORY;
	*slash = '\0';
	int error = ks_path_make_private_all(folder);
	if (error < 0)
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the folder %s cannot be used for sockets: %s; it must be yours alone (mode 0700)",
				    folder, ks_error_text(error));
	return error;
}

/* Of a path that the configuration names. Who could replace the socket there could be us for its clients. */
static int check_folder(const char *path, struct ks_listener_error *ret_error)
{
	KS_AUTO_FREE char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	struct stat status;

	if (!slash)
		return folder ? KS_ERR_INVALID : KS_ERR_NO_MEMORY;
	slash[slash == folder ? 1 : 0] = '\0';
	if (stat(folder, &status) < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the folder %s of a socket cannot be used: %s; make it first", folder,
				    strerror(errno));
		return ks_error_from_errno(errno);
	}
	bool is_ours = status.st_uid == 0 || status.st_uid == geteuid();
	if (!is_ours || ((status.st_mode & (S_IWGRP | S_IWOTH)) && !(status.st_mode & S_ISVTX))) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the folder %s of a socket belongs to somebody else or can be changed by others; "
				    "chown it to the agent's user and take write permission from group and others",
				    folder);
		return KS_ERR_UNTRUSTED_PATH;
	}
	return 0;
}

/* All but the folder. */
static int bind_path(struct ks_listener *listener, const char *path, mode_t mode, struct ks_listener_error *ret_error)
{
	struct sockaddr_un address;

	int error = make_address(path, &address, ret_error);
	if (error == 0)
		error = take_lock(path, &listener->lock_fd, ret_error);
	if (error == 0)
		error = remove_stale(path, &address, ret_error);
	if (error == 0)
		error = bind_socket(listener, path, &address, mode, ret_error);
	return error;
}

static int finish_bind(struct ks_listener *listener, const char *path, int error, struct ks_listener_error *ret_error)
{
	if (error == 0)
		return 0;
	if (ret_error->text[0] == '\0')
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "cannot listen on %s: %s", path,
				    ks_error_text(error));
	ks_listener_deinit(listener);
	return error;
}

static void init(struct ks_listener *listener, enum ks_message_where where, const char *name)
{
	*listener = (struct ks_listener){ .where = where, .fd = -1, .lock_fd = -1 };
	(void)ks_text_print(listener->name, sizeof(listener->name), "%s", name);
}

int ks_listener_bind(struct ks_listener *listener, const char *path, enum ks_message_where where, const char *name,
		     struct ks_listener_error *ret_error)
{
	struct sockaddr_un address;

	init(listener, where, name);
	ret_error->text[0] = '\0';
	int error = make_address(path, &address, ret_error);
	if (error == 0)
		error = make_folder(path, ret_error);
	if (error == 0)
		error = bind_path(listener, path, 0600, ret_error);
	return finish_bind(listener, path, error, ret_error);
}

int ks_listener_bind_named(struct ks_listener *listener, const char *path, const char *name, bool for_others,
			   struct ks_listener_error *ret_error)
{
	init(listener, KS_ON_SIGN, name);
	ret_error->text[0] = '\0';
	int error = check_folder(path, ret_error);
	if (error == 0)
		error = bind_path(listener, path, for_others ? 0666 : 0600, ret_error);
	return finish_bind(listener, path, error, ret_error);
}

int ks_listener_adopt(struct ks_listener *listener, int fd, enum ks_message_where where, const char *name,
		      struct ks_listener_error *ret_error)
{
	int listening = 0, type = 0;
	socklen_t size = sizeof(int);
	struct sockaddr_un address = { 0 };
	socklen_t address_size = sizeof(address);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM ||
	    getsockname(fd, (struct sockaddr *)&address, &address_size) < 0 || address.sun_family != AF_UNIX) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "descriptor %d from systemd is not a listening Unix stream socket", fd);
		return KS_ERR_INVALID;
	}
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return KS_ERR_SYSTEM;
	init(listener, where, name);
	listener->fd = fd;
	return 0;
}

int ks_listener_start(struct ks_listener *listener, sd_event *event, struct ks_sessions *sessions)
{
	listener->sessions = sessions;
	if (sd_event_add_io(event, &listener->source, listener->fd, EPOLLIN, on_connection, listener) < 0)
		return KS_ERR_SYSTEM;
	listener->event = event;
	return 0;
}

void ks_listener_deinit(struct ks_listener *listener)
{
	struct stat status;

	listener->source = sd_event_source_disable_unref(listener->source);
	listener->wake_timer = sd_event_source_disable_unref(listener->wake_timer);
	if (listener->path && lstat(listener->path, &status) == 0 && status.st_dev == listener->device &&
	    status.st_ino == listener->inode)
		(void)unlink(listener->path);
	free(listener->path);
	listener->path = NULL;
	if (listener->fd >= 0)
		(void)close(listener->fd);
	listener->fd = -1;
	if (listener->lock_fd >= 0)
		(void)close(listener->lock_fd);
	listener->lock_fd = -1;
}
