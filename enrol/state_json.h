/* SPDX-License-Identifier: Apache-2.0 */
/*
 * state_json: a struct ks_enrol_state as JSON and back; for state.c and its tests alone.
 *
 * Runs in: keystay-enroll. Pure.
 */
#pragma once

#include <jansson.h>

#include "enrol/state.h"

/* Given; NULL when memory runs out. */
json_t *ks_enrol_state_to_json(const struct ks_enrol_state *state);
/* Into a state that is new but for its spki. MALFORMED, also for the state of another key; NO_MEMORY. */
int ks_enrol_state_from_json(const json_t *object, struct ks_enrol_state *state) KS_WARN_UNUSED;
