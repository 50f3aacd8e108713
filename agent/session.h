/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one connection of one client: its frames, deadlines and its place in the quotas.
 *
 * Runs in: keystay-agent. One request at a time; the next frame is looked at when the answer is on its way.
 *
 *	IDLE --bytes--> READING --whole frame--> ASKED --answer--> IDLE
 *	  ^                | KS_FRAME_DEADLINE_MS      | answer not taken within KS_REPLY_DEADLINE_MS, or client gone
 *	  | taken          v                           v
 *	  +------------ closed <-----------------------+
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/channel.h"
#include "agent/request.h"
#include "agent/state.h"

struct ks_session {
	struct ks_session *next, *previous; /* in the ring of ks_sessions, longest idle first */
	struct ks_sessions *owner;
	struct ks_channel channel;
	struct ks_request request;
	gid_t *groups;          /* request.groups */
	char socket[65];        /* the name of the socket; a reload may take the listener away, not the session */
	bool asked;             /* a request is under way */
	sd_event_source *timer; /* READING, or an answer that is not taken */
	bool timer_is_for_reply;
};

/* All sessions, of all sockets. */
struct ks_sessions {
	struct ks_session ring; /* head */
	size_t n;
	size_t max;                   /* by descriptors */
	struct ks_state *state;       /* borrowed */
	void (*gone)(void *userdata); /* a session has ended: there is room again */
	void *userdata;
};

void ks_sessions_init(struct ks_sessions *sessions, struct ks_state *state, size_t max, void (*gone)(void *userdata),
		      void *userdata);

/* Closes all. */
void ks_sessions_deinit(struct ks_sessions *sessions);

/* Is any request under way? */
bool ks_sessions_are_busy(const struct ks_sessions *sessions);

/* Makes room by closing the longest idle connection of this process, else of any; false when none is idle. */
bool ks_sessions_make_room(struct ks_sessions *sessions, const struct ks_peer *peer);

/* Takes fd in any case. QUOTA when this peer has too many busy connections. */
int ks_session_new(struct ks_sessions *sessions, int fd, enum ks_message_where where, const char *socket,
		   const struct ks_peer *peer) KS_WARN_UNUSED;

/* The last thing that a connection hears: an error of id 0 (docs/protocol.md section 2). Does not close it. */
void ks_session_say_goodbye(int fd, int error, const char *text);
