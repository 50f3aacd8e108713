/* SPDX-License-Identifier: Apache-2.0 */
/* events: see events.h. Runs in: keystay-token. */
#include "pkcs11/events.h"

#include "lib/protocol/message.h"

void ks_events_start(struct ks_events *events, const struct ks_module *module, const char *slots, bool slot_events,
		     struct ks_wire *wire, struct ks_places *places)
{
	atomic_init(&events->how, KS_EVENTS_NONE);
	if (ks_readers_start(wire, places, &events->readers))
		atomic_store(&events->how, KS_EVENTS_READERS);
	else if (slot_events)
		(void)ks_slot_events_start(module, slots, wire, &events->how, &events->slot_events);
}
