/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitor: what is asked and answered, as it happens, for `keystay monitor`: a ring of the last events, and the requests
 * MONITOR that wait for the next one.
 *
 * Runs in: keystay-agent. Costs nothing until somebody watches. Not a record: what nobody watched is not kept, what a
 * slow watcher missed is counted. Records are agent/audit.h's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "agent/request.h"
#include "lib/base/error.h"
#include "lib/protocol/message.h"

/* All borrowed for the time of the call; texts may be anything: they are escaped and cut. NULL reads as "". */
struct ks_monitor_event {
	enum ks_monitor_kind kind;
	uint64_t request; /* the same for all events of one request: ks_monitor_number() */
	const char *socket, *program;
	uid_t uid;
	pid_t pid;
	const char *key, *purpose, *server;
	bool server_proven;
	enum ks_audit_outcome outcome; /* ANSWERED */
	const char *
		text; /* WAITS: for what: "PIN", "confirmation", "token", "touch"; ANSWERED: the sentence of an error */
};

struct ks_monitor;

int ks_monitor_new(sd_event *event, struct ks_monitor **ret_monitor) KS_WARN_UNUSED;
void ks_monitor_free(struct ks_monitor *monitor);

/* For one more request. */
uint64_t ks_monitor_number(struct ks_monitor *monitor);

void ks_monitor_tell(struct ks_monitor *monitor, const struct ks_monitor_event *event);

/* What all events of one request have in common; the rest is the caller's to fill in. program has room for the name. */
struct ks_monitor_event ks_monitor_event_of(const struct ks_request *request, uint64_t number, char program[64]);

/* The message MONITOR. */
void ks_monitor_begin(struct ks_request *request);

/* The agent stops: whoever watches is told so, and nobody waits any more. */
void ks_monitor_stop(struct ks_monitor *monitor);
