/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slots: which slots modules have, and what is in them, also tokens that are not initialised.
 *
 * Runs in: keystay-agent. Asks a `keystay-token --provision` of each module, beside the worker that signs with it: it
 * only looks, so nobody is logged out for it. The processes stay until they are freed or taken: whoever provisions goes on
 * with the one that saw the token. They are hostile like every worker (invariant I4).
 */
#pragma once

#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/protocol/uri.h"

struct ks_slot {
	char module[65];
	uint64_t slot;
	char description[65];
	bool token_present, initialised, pin_set;
	char label[65], manufacturer[65], model[65], serial[65];
	uint32_t pin_flags; /* enum ks_pin_flag, with those of the SO PIN */
	uint32_t pin_min, pin_max;
};

struct ks_slots;

/* From the event loop, once: every module has answered or failed. */
typedef void ks_slots_done(void *userdata);

/* module: its name, "" = all. NOT_FOUND when the configuration has none of that name. */
int ks_slots_look(struct ks_state *state, struct ks_bytes module, ks_slots_done *done, void *userdata,
		  struct ks_slots **ret_slots) KS_WARN_UNUSED;

/* Ends the processes, without waiting for that. NULL is allowed. Not from a worker's callback. */
void ks_slots_free(struct ks_slots *slots);

size_t ks_slots_count(const struct ks_slots *slots);
const struct ks_slot *ks_slots_at(const struct ks_slots *slots, size_t index); /* borrowed */

/* Sentences about modules that could not be asked, or "". Borrowed. */
const char *ks_slots_problems(const struct ks_slots *slots);

/* The process that looked at this module, given: ks_worker_free(). NULL when it has ended. */
struct ks_worker *ks_slots_take_worker(struct ks_slots *slots, const char *module);

/* Takes one slot out of a message's list of slots; false when it is not well-formed. */
bool ks_slot_read(struct ks_reader *list, const char *module, struct ks_slot *ret_slot);
void ks_slot_write(struct ks_buffer *list, const struct ks_slot *slot);

/* All that the token in it is called. Borrows from slot. */
struct ks_uri ks_slot_uri(const struct ks_slot *slot);
