/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: how this worker learns that tokens come and go: from PC/SC (readers.h), else from the module (slot_events.h),
 * else not at all.
 *
 * Runs in: keystay-token. Whatever the way, the outcome is WORKER_EVENT, and the agent decides what is done about it.
 * Nothing is polled: while nothing happens no thread wakes up.
 */
#pragma once

#include <stdatomic.h>

#include "pkcs11/readers.h"
#include "pkcs11/slot_events.h"

struct ks_events {
	struct ks_readers *readers; /* NULL: not by PC/SC */
	struct ks_slot_events *slot_events;
	atomic_uint how; /* enum ks_token_events; others may change it at any time */
};

/* All is borrowed for ever. slot_events: may the module be asked to wait? May end the process: see slot_events.h. */
void ks_events_start(struct ks_events *events, const struct ks_module *module, const char *slots, bool slot_events,
		     struct ks_wire *wire, struct ks_places *places);
