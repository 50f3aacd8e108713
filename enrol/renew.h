/* SPDX-License-Identifier: Apache-2.0 */
/*
 * renew: one run over all keys that are looked after, or over one; and such runs for ever (`keystay renew --watch`).
 *
 * Runs in: keystay-enroll. What goes wrong with one key stops none of the others.
 */
#pragma once

#include <stdint.h>

#include "enrol/enrol.h"
#include "enrol/options.h"

/* What a run came to. */
struct ks_renew_sum {
	unsigned n_done, n_waiting, n_failed;
	bool is_watch;       /* what has been said is not said again */
	bool for_token;      /* something waits for one */
	uint64_t next;       /* the earliest time at which something is to be done; UINT64_MAX = nothing is known */
	uint64_t generation; /* of the agent's list, before the run */
};

/* One run. Negative: it could not begin (no agent), with problem. */
int ks_renew_run(const struct ks_enroll_options *options, struct ks_renew_sum *ret_sum,
		 struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Runs whenever something is due, a token was unlocked or the agent's list changed; until a signal ends it. Nobody is
 * asked for anything. */
enum ks_enroll_exit ks_renew_watch(const struct ks_enroll_options *options);
