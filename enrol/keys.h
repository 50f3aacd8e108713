/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys: whose certificates are looked after: every key that keystay.conf gives a profile, and every key with a state.
 *
 * Runs in: keystay-enroll. Left out are keys that a rekey has replaced or has just made: they belong to another one's
 * state.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "enrol/state.h"

struct ks_cared_key {
	char spki[KS_STATE_HASH_TEXT];
	char *name;           /* owned; as it is listed, else as it was called last */
	bool is_here;         /* the agent lists it; without that there are no dates */
	bool has_certificate; /* this and all below: of the agent's list */
	uint64_t not_before, not_after;
};

struct ks_cared_keys {
	struct ks_cared_key *keys; /* owned; sorted by name */
	size_t n;
	uint64_t generation; /* of the agent's list */
};

int ks_cared_keys_get(const struct ks_profiles *profiles, struct ks_cared_keys *ret_keys,
		      struct ks_enrol_problem *problem) KS_WARN_UNUSED;
/* Whose state is it to work at when this key is named? Its own; of the second key of a rekey that is under way, the
 * first one's. A problem for a key that has been replaced. spki: replaced where it is another one's. */
int ks_cared_keys_owner(const struct ks_profiles *profiles, char spki[KS_STATE_HASH_TEXT],
			struct ks_enrol_problem *problem) KS_WARN_UNUSED;

void ks_cared_keys_deinit(struct ks_cared_keys *keys);
