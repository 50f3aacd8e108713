/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_events: learns from the module itself that tokens come and go: C_WaitForSlotEvent (PKCS#11 2.40 section 5.5).
 *
 * Runs in: keystay-token, in a thread of its own, for modules that do not use PC/SC. Modules differ: many have no such
 * function, some return at once for ever, and some hold their only lock while they wait, so that nothing else can be
 * done. Which one this is, is found out before it matters.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "pkcs11/module.h"
#include "pkcs11/wire.h"

/* keystay-token's exit code for "start me again with --no-slot-events". */
#define KS_SLOT_EVENTS_EXIT 4

struct ks_slot_events;

/* Does the module tell? Then each event becomes WORKER_EVENT(CHANGED); *how becomes KS_EVENTS_NONE when it stops doing
 * so. Ends the process with KS_SLOT_EVENTS_EXIT when waiting blocks all other calls. All is borrowed for ever. slots:
 * see slot.h. ret_events is what the thread uses, until the process is gone, also when this returns false. */
bool ks_slot_events_start(const struct ks_module *module, const char *slots, struct ks_wire *wire, atomic_uint *how,
			  struct ks_slot_events **ret_events);
