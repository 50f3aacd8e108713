/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listener: a socket that clients connect to: bound by us or handed over by systemd.
 *
 * Runs in: keystay-agent. A path that we bound is watched: when another program of this user removes it, it is bound
 * again; what somebody else puts there is left alone and said (agent/binding.h).
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/binding.h"
#include "agent/session.h"
#include "lib/base/error.h"

struct ks_listener {
	enum ks_message_where where;
	char name[65]; /* of the socket in the configuration; "control" */
	int fd;
	struct ks_binding binding; /* of a socket that we bound; without a path when systemd did */
	sd_event_source *watch;    /* of its folder */
	bool path_is_lost;         /* somebody else has the path, which was said */
	sd_event *event;           /* borrowed */
	sd_event_source *source;
	sd_event_source *wake_timer;
	struct ks_sessions *sessions; /* borrowed */
	bool resting;                 /* no descriptor is left: no accept until a session ends */
};

/* Binds path, whose folder is made private (0700). BUSY when another agent has it. name is the socket's. */
int ks_listener_bind(struct ks_listener *listener, const char *path, enum ks_message_where where, const char *name,
		     struct ks_binding_error *ret_error) KS_WARN_UNUSED;

/* Binds the path that a [socket] names, in a folder that is there and that only root and we may change. for_others: any
 * user may connect, and the rules of the socket say who is answered. */
int ks_listener_bind_named(struct ks_listener *listener, const char *path, const char *name, bool for_others,
			   struct ks_binding_error *ret_error) KS_WARN_UNUSED;

/* Takes a listening socket from systemd. INVALID when it is none. */
int ks_listener_adopt(struct ks_listener *listener, int fd, enum ks_message_where where, const char *name,
		      struct ks_binding_error *ret_error) KS_WARN_UNUSED;

/* Begins to accept. */
int ks_listener_start(struct ks_listener *listener, sd_event *event, struct ks_sessions *sessions) KS_WARN_UNUSED;

/* A session has ended: accept again if that was stopped for want of descriptors. */
void ks_listener_wake(struct ks_listener *listener);

/* Stops accepting; removes the socket if it is still ours. */
void ks_listener_deinit(struct ks_listener *listener);
