/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets: all sockets of the agent: the control socket, those that every client knows, those of the configuration.
 *
 * Runs in: keystay-agent. A reload opens and closes what the configuration has gained and lost; connections that are
 * open stay, and their requests are held against the socket's rules of that moment (agent/policy.c).
 */
#pragma once

#include <systemd/sd-event.h>

#include "agent/listener.h"
#include "agent/session.h"
#include "agent/settings.h"
#include "lib/base/error.h"

struct ks_sockets;

/* Takes what systemd hands over and binds the others. The reason of a failure is logged. */
int ks_sockets_open(const struct ks_settings *settings, struct ks_sockets **ret_sockets) KS_WARN_UNUSED;

/* Begins to accept. */
int ks_sockets_start(struct ks_sockets *sockets, sd_event *event, struct ks_sessions *sessions) KS_WARN_UNUSED;

/* After a reload. What cannot be opened is logged and left out. */
void ks_sockets_follow(struct ks_sockets *sockets, const struct ks_settings *settings);

/* A session has ended: accept again where that was stopped for want of descriptors. */
void ks_sockets_wake(struct ks_sockets *sockets);

/* Stops accepting; removes the sockets that are ours. NULL is nothing. */
void ks_sockets_close(struct ks_sockets *sockets);
