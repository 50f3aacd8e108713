/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rekey: the second key of a renewal with `rekey = yes`, and the end of keys that have been replaced.
 *
 * Runs in: keystay-enroll. The new key is made on the same token, of the same type and with the same label, so that a
 * [key] section that knows the label fits both. Its CKA_ID stands in the state before it is made: whatever is killed
 * when, the next run finds the key and goes on with it. A key that was replaced stays, with its certificate, until that
 * has expired: programs that hold it go on working.
 */
#pragma once

#include "client/client.h"
#include "enrol/base/problem.h"
#include "enrol/base/profile.h"
#include "enrol/state.h"

/* The second key beside old: found, or made. Saves state. ret_new: given. */
int ks_rekey_ensure(const struct ks_profiles *profiles, struct ks_enrol_state *state,
		    const struct ks_client_identity *old, struct ks_client_identity **ret_new,
		    struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Removes a second key that nobody wants any more, and only forgets one for which somebody has another use: a certificate
 * that came by another way, a state of its own. Saves state. */
int ks_rekey_abandon(const char *folder, struct ks_enrol_state *state, struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Removes those of state->previous whose time has come, from token and folder: whose certificates have all expired, and
 * that nobody enrolled again. What cannot be removed now stays for the next run, with the reason in note. Changes state; the
 * caller saves it when *ret_changed. */
void ks_rekey_remove_previous(const char *folder, struct ks_enrol_state *state, uint64_t now, bool *ret_changed,
			      struct ks_enrol_problem *note);
