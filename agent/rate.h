/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rate: how often a key or a socket was used lately, for `max-rate`.
 *
 * Runs in: keystay-agent. Counts by what it is named, not by what it points to: a reload or a token that comes back
 * resets nothing; the end of the agent does. A window is cut into KS_RATE_SLOTS parts and one more counts, so there are
 * never more uses in any such time than the rule says; a use may be forgotten up to a sixteenth of the time too late.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

#define KS_RATE_SLOTS 16u

struct ks_rate {
	struct ks_rate_counter *counters; /* owned */
	size_t n;
};

void ks_rate_deinit(struct ks_rate *rate);

/* May what is called name ("key:…", "socket:…") be used once more, when it may be so number times in window_ms? */
bool ks_rate_has_room(const struct ks_rate *rate, const char *name, uint32_t number, uint64_t window_ms,
		      uint64_t now_ms);

/* Counts one use. now_ms never goes back (the boot clock). NO_MEMORY or LIMIT: it was not counted. */
int ks_rate_count(struct ks_rate *rate, const char *name, uint64_t window_ms, uint64_t now_ms) KS_WARN_UNUSED;
