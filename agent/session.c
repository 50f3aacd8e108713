/* SPDX-License-Identifier: Apache-2.0 */
/* session: see session.h. Runs in: keystay-agent. */
#include "agent/session.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/dispatch.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

/* --- the ring of all sessions ------------------------------------------------------------------------------------ */

void ks_sessions_init(struct ks_sessions *sessions, struct ks_state *state, size_t max, void (*gone)(void *userdata),
		      void *userdata)
{
	*sessions = (struct ks_sessions){ .state = state, .max = max, .gone = gone, .userdata = userdata };
	sessions->ring.next = sessions->ring.previous = &sessions->ring;
}

static void take_out(struct ks_session *session)
{
	session->previous->next = session->next;
	session->next->previous = session->previous;
}

static void put_last(struct ks_session *session)
{
	struct ks_session *ring = &session->owner->ring;

	session->previous = ring->previous;
	session->next = ring;
	ring->previous->next = session;
	ring->previous = session;
}

static void session_free(struct ks_session *session)
{
	struct ks_sessions *sessions = session->owner;

	if (session->asked && session->request.drop)
		session->request.drop(&session->request);
	sd_event_source_disable_unref(session->timer);
	ks_channel_deinit(&session->channel);
	take_out(session);
	free(session->groups);
	free(session);
	sessions->n--;
	sessions->state->n_connections = (unsigned)sessions->n;
}

void ks_sessions_deinit(struct ks_sessions *sessions)
{
	while (sessions->ring.next && sessions->ring.next != &sessions->ring)
		session_free(sessions->ring.next);
}

bool ks_sessions_are_busy(const struct ks_sessions *sessions)
{
	for (const struct ks_session *session = sessions->ring.next; session != &sessions->ring;
	     session = session->next) {
		if (session->asked || ks_channel_is_sending(&session->channel))
			return true;
	}
	return false;
}

/* --- quotas ------------------------------------------------------------------------------------------------------ */

static bool is_idle(const struct ks_session *session)
{
	return !session->asked && !ks_channel_is_sending(&session->channel);
}

struct usage {
	size_t of_process, of_uid;
	struct ks_session *idle_of_process, *idle_of_uid; /* longest idle */
};

static struct usage count(struct ks_sessions *sessions, const struct ks_peer *peer)
{
	struct usage usage = { 0 };

	for (struct ks_session *session = sessions->ring.next; session != &sessions->ring; session = session->next) {
		if (session->request.peer.uid != peer->uid)
			continue;
		usage.of_uid++;
		if (!usage.idle_of_uid && is_idle(session))
			usage.idle_of_uid = session;
		if (session->request.peer.pid != peer->pid)
			continue;
		usage.of_process++;
		if (!usage.idle_of_process && is_idle(session))
			usage.idle_of_process = session;
	}
	return usage;
}

bool ks_sessions_make_room(struct ks_sessions *sessions, const struct ks_peer *peer)
{
	struct usage usage = count(sessions, peer);
	struct ks_session *victim = usage.idle_of_process ? usage.idle_of_process : usage.idle_of_uid;

	if (!victim)
		return false;
	ks_log_debug("connections are short: closing an idle one of pid %d", (int)victim->request.peer.pid);
	session_free(victim);
	return true;
}

/* Below both quotas nothing is counted: the ring is walked only when it is long. */
static bool has_room(struct ks_sessions *sessions, const struct ks_peer *peer)
{
	if (sessions->n < KS_CONNECTIONS_PER_PROCESS && sessions->n < sessions->max)
		return true;
	struct usage usage = count(sessions, peer);
	if (usage.of_process >= KS_CONNECTIONS_PER_PROCESS) {
		if (!usage.idle_of_process)
			return false;
		session_free(usage.idle_of_process);
		return true;
	}
	if (usage.of_uid >= KS_CONNECTIONS_PER_UID || sessions->n >= sessions->max)
		return ks_sessions_make_room(sessions, peer);
	return true;
}

/* --- deadlines --------------------------------------------------------------------------------------------------- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_session *session = userdata;

	ks_log_info("pid %d %s; its connection is closed", (int)session->request.peer.pid,
		    session->timer_is_for_reply ? "does not take its answer" : "does not finish its message");
	ks_channel_break(&session->channel, KS_ERR_TIMEOUT);
	return 0;
}

static void watch(struct ks_session *session, bool for_reply, uint64_t timeout_ms)
{
	if (session->timer && session->timer_is_for_reply == for_reply)
		return; /* goes on: the deadline is of the whole frame, not of each byte */
	session->timer = sd_event_source_disable_unref(session->timer);
	session->timer_is_for_reply = for_reply;
	if (sd_event_add_time_relative(session->owner->state->event, &session->timer, CLOCK_MONOTONIC,
				       timeout_ms * 1000, 0, on_deadline, session) < 0)
		ks_channel_break(&session->channel, KS_ERR_SYSTEM);
}

static void on_moved(struct ks_channel *channel, void *userdata)
{
	struct ks_session *session = userdata;

	take_out(session);
	put_last(session);
	if (ks_channel_is_sending(channel))
		watch(session, true, KS_REPLY_DEADLINE_MS);
	else if (!session->asked && ks_channel_is_partial(channel))
		watch(session, false, KS_FRAME_DEADLINE_MS);
	else
		session->timer = sd_event_source_disable_unref(session->timer);
}

/* --- frames ------------------------------------------------------------------------------------------------------ */

static int on_frame(struct ks_channel *channel, const struct ks_frame *frame, void *userdata)
{
	struct ks_session *session = userdata;

	session->request.type = frame->type;
	session->request.body = frame->body;
	session->request.pending = NULL;
	session->request.drop = NULL;
	ks_peer_label(channel->fd, &session->request.peer, session->request.program, sizeof(session->request.program));
	session->asked = true;
	session->timer = sd_event_source_disable_unref(session->timer);
	ks_channel_pause(channel);
	ks_dispatch(&session->request);
	return 0;
}

/* Whoever does not take it at once goes without. */
void ks_session_say_goodbye(int fd, int error, const char *text)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };
	struct ks_msg_error message = { KS_MESSAGE_HEAD(0), .code = (uint32_t)-error, .text = ks_bytes_text(text) };

	ks_message_write(&frame, KS_MSG_ERROR, &message);
	if (ks_buffer_error(&frame) == 0 && send(fd, frame.data, frame.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		ks_log_debug("a client went without its last error");
}

static void on_closed(struct ks_channel *channel, int error, void *userdata)
{
	struct ks_session *session = userdata;
	struct ks_sessions *sessions = session->owner;

	if (error != KS_ERR_CLOSED)
		ks_log_info("connection of pid %d closed: %s", (int)session->request.peer.pid, ks_error_text(error));
	if (error == KS_ERR_MALFORMED || error == KS_ERR_TOO_LARGE)
		ks_session_say_goodbye(channel->fd, error, ks_error_text(error));
	session_free(session);
	sessions->gone(sessions->userdata);
}

static void on_answer(struct ks_request *request, uint8_t type, const void *message)
{
	struct ks_session *session = (struct ks_session *)((char *)request - offsetof(struct ks_session, request));

	session->asked = false;
	ks_channel_answer(&session->channel, type, message);
}

static const struct ks_channel_events channel_events = { .frame = on_frame, .moved = on_moved, .closed = on_closed };
static const struct ks_request_owner request_owner = { .answer = on_answer };

/* Those of the moment of connect(2), as the uid. */
static int keep_groups(struct ks_session *session, int fd)
{
	gid_t groups[KS_PEER_GROUPS_MAX + 1] = { session->request.peer.gid };
	size_t n = 1 + ks_peer_groups(fd, groups + 1, KS_PEER_GROUPS_MAX);

	session->groups = calloc(n, sizeof(*groups));
	if (!session->groups)
		return KS_ERR_NO_MEMORY;
	memcpy(session->groups, groups, n * sizeof(*groups));
	session->request.groups = session->groups;
	session->request.n_groups = n;
	return 0;
}

int ks_session_new(struct ks_sessions *sessions, int fd, enum ks_message_where where, const char *socket,
		   const struct ks_peer *peer)
{
	KS_AUTO_CLOSE int taken = fd;
	if (!has_room(sessions, peer))
		return KS_ERR_QUOTA;
	KS_AUTO_FREE struct ks_session *session = calloc(1, sizeof(*session));
	if (!session)
		return KS_ERR_NO_MEMORY;
	session->owner = sessions;
	(void)ks_text_print(session->socket, sizeof(session->socket), "%s", socket);
	session->request = (struct ks_request){ .owner = &request_owner,
						.state = sessions->state,
						.where = where,
						.socket = session->socket,
						.peer = *peer };
	int error = keep_groups(session, taken);
	if (error == 0)
		error = ks_channel_init(&session->channel, sessions->state->event, taken, &channel_events, session);
	if (error < 0) {
		free(session->groups);
		return error;
	}
	session->channel.in_turns = true;
	if (where == KS_ON_CONTROL)
		ks_channel_keep_secrets(&session->channel);
	(void)KS_STEAL_FD(taken);
	put_last(session);
	(void)KS_STEAL(session);
	sessions->n++;
	sessions->state->n_connections = (unsigned)sessions->n;
	return 0;
}
