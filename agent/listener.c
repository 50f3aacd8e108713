/* SPDX-License-Identifier: Apache-2.0 */
/* listener: see listener.h. Runs in: keystay-agent. */
#include "agent/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/peer.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

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

/* The folder of a private socket keeps others out; this holds even where somebody opened it. Root is no exception: a
 * user's keys speak for that user, and root has ways of its own to become one. */
static bool admits(const struct ks_listener *listener, int fd, const struct ks_peer *peer)
{
	const struct ks_settings *settings = listener->sessions->state->settings;
	const struct ks_settings_socket *socket = ks_settings_socket_of(settings, listener->name);
	gid_t groups[KS_PEER_GROUPS_MAX + 1];

	if (peer->uid == geteuid())
		return true;
	if (listener->where != KS_ON_SIGN)
		return settings->is_system && peer->uid == 0; /* whoever runs the machine */
	if (!socket)
		return false;
	groups[0] = peer->gid;
	size_t n = ks_peer_groups(fd, groups + 1, KS_PEER_GROUPS_MAX);
	return ks_settings_socket_admits(socket, peer->uid, groups, n + 1);
}

/* In words, since it is mostly somebody who should have said sudo, or should not have. */
static void turn_away(const struct ks_listener *listener, int fd, const struct ks_peer *peer)
{
	const char *who = peer->uid == 0 ? "root" : "this user";
	char text[384];

	if (listener->where != KS_ON_SIGN)
		(void)ks_text_print(text, sizeof(text),
				    "this keystay-agent takes orders of uid %u alone, and not of uid %u",
				    (unsigned)geteuid(), (unsigned)peer->uid);
	else
		(void)ks_text_print(
			text, sizeof(text),
			"keystay-agent of uid %u does not sign for uid %u here; become that user, or let %s in: "
			"users = %u in a [socket] section of its keystay.conf (man keystay.conf)",
			(unsigned)geteuid(), (unsigned)peer->uid, who, (unsigned)peer->uid);
	ks_session_say_goodbye(fd, KS_ERR_DENIED, text);
	ks_log_warning("socket \"%s\": a connection of uid %u, who is not admitted, was refused", listener->name,
		       (unsigned)peer->uid);
}

static void greet(struct ks_listener *listener, int fd)
{
	struct ks_peer peer;
	int error = ks_peer_get(fd, &peer);

	if (error < 0) {
		ks_session_say_goodbye(fd, error,
				       "keystay-agent answers nobody who has no user number here, as in a "
				       "container that maps users away");
		ks_log_warning("socket \"%s\": a connection of a user without a number here was refused",
			       listener->name);
	} else if (!admits(listener, fd, &peer)) {
		turn_away(listener, fd, &peer);
		error = KS_ERR_DENIED;
	}
	if (error < 0) {
		(void)close(fd);
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

/* --- the path ---------------------------------------------------------------------------------------------------- */

/* Times in a second that a path is looked at: whoever removes it again and again keeps us no busier than this. */
#define LOOKS_PER_SECOND 10

static int watch_path(struct ks_listener *listener);

/* Who connected to the socket that had the path before is still let in. */
static void let_in_the_last(struct ks_listener *listener, int fd)
{
	int connection;

	while ((connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		greet(listener, connection);
}

static void listen_again(struct ks_listener *listener)
{
	struct ks_binding_error problem;
	int fd = -1;
	int error = ks_binding_make_again(&listener->binding, &fd, &problem);

	if (error < 0) {
		if (!listener->path_is_lost)
			ks_log_error("socket \"%s\": %s; clients do not reach this agent there", listener->name,
				     problem.text);
		listener->path_is_lost = true;
		return;
	}
	int before = listener->fd;
	listener->source = sd_event_source_disable_unref(listener->source);
	let_in_the_last(listener, before);
	listener->fd = fd;
	(void)close(before);
	listener->resting = false;
	listener->path_is_lost = false;
	ks_log_warning("socket \"%s\": somebody removed %s; listening there again", listener->name,
		       listener->binding.path);
	error = sd_event_add_io(listener->event, &listener->source, fd, EPOLLIN, on_connection, listener);
	if (error < 0)
		ks_log_error("socket \"%s\": nobody can be let in any more: %s", listener->name, strerror(-error));
}

/* Only a path where nothing lies is taken again: what others put there is theirs, and said. */
static void look_at_path(struct ks_listener *listener)
{
	switch (ks_binding_look(&listener->binding)) {
	case KS_BINDING_OURS:
		listener->path_is_lost = false;
		return;
	case KS_BINDING_MISSING:
		listen_again(listener);
		return;
	case KS_BINDING_TAKEN:
	default:
		if (!listener->path_is_lost)
			ks_log_error(
				"socket \"%s\": somebody put something else at %s; clients that connect there do not "
				"reach this agent; find out who did that, and remove it",
				listener->name, listener->binding.path);
		listener->path_is_lost = true;
		return;
	}
}

static int on_folder_changed(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	(void)source;
	struct ks_listener *listener = userdata;
	const char *name = strrchr(listener->binding.path, '/') + 1;

	if (event->len > 0 && strcmp(event->name, name) != 0)
		return 0;
	look_at_path(listener);
	/* The folder itself has gone, and with it what was watched: there may be a new one now. */
	if (event->mask & (IN_IGNORED | IN_MOVE_SELF | IN_UNMOUNT))
		return watch_path(listener);
	return 0;
}

/* Of a folder that is gone nothing comes any more; that the next reload opens its sockets is said where it was lost. */
static int watch_path(struct ks_listener *listener)
{
	KS_AUTO_FREE char *folder = strdup(listener->binding.path);
	if (!folder)
		return KS_ERR_NO_MEMORY;
	char *slash = strrchr(folder, '/');
	slash[slash == folder ? 1 : 0] = '\0';
	listener->watch = sd_event_source_disable_unref(listener->watch);
	int r = sd_event_add_inotify(listener->event, &listener->watch, folder,
				     IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR,
				     on_folder_changed, listener);
	if (r < 0)
		ks_log_warning(
			"socket \"%s\": %s is not watched: %s; if somebody removes the socket, restart the agent",
			listener->name, folder, strerror(-r));
	else
		(void)sd_event_source_set_ratelimit(listener->watch, 1000000, LOOKS_PER_SECOND);
	return 0;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void init(struct ks_listener *listener, enum ks_message_where where, const char *name)
{
	*listener = (struct ks_listener){ .where = where, .fd = -1, .binding.lock_fd = -1 };
	(void)ks_text_print(listener->name, sizeof(listener->name), "%s", name);
}

int ks_listener_bind(struct ks_listener *listener, const char *path, enum ks_message_where where, const char *name,
		     struct ks_binding_error *ret_error)
{
	init(listener, where, name);
	return ks_binding_make(&listener->binding, path, 0600, true, &listener->fd, ret_error);
}

int ks_listener_bind_named(struct ks_listener *listener, const char *path, const char *name, bool for_others,
			   struct ks_binding_error *ret_error)
{
	init(listener, KS_ON_SIGN, name);
	return ks_binding_make(&listener->binding, path, for_others ? 0666 : 0600, false, &listener->fd, ret_error);
}

int ks_listener_adopt(struct ks_listener *listener, int fd, enum ks_message_where where, const char *name,
		      struct ks_binding_error *ret_error)
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
	return listener->binding.path ? watch_path(listener) : 0;
}

void ks_listener_deinit(struct ks_listener *listener)
{
	listener->watch = sd_event_source_disable_unref(listener->watch);
	listener->source = sd_event_source_disable_unref(listener->source);
	listener->wake_timer = sd_event_source_disable_unref(listener->wake_timer);
	ks_binding_deinit(&listener->binding);
	if (listener->fd >= 0)
		(void)close(listener->fd);
	listener->fd = -1;
}
