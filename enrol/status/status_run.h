/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_run: status.h for one key or for all that the agent shows, also those without a profile; and the agent
 * told when something is new.
 *
 * Runs in: keystay-enroll, at each `keystay renew`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "enrol/base/problem.h"

struct ks_status_sum {
	size_t n_asked;   /* keys with a certificate */
	size_t n_failed;  /* of which nothing good could be had now */
	uint64_t next_ms; /* from now until the next run; a day at most */
};

/* name: as in ks_client_get(); NULL: all keys. told: called with each key's problem. 0, or problem: the agent cannot be
 * asked, or there is no such key. */
int ks_status_run(const char *state_folder, const char *name, bool force,
		  void (*told)(const struct ks_enrol_problem *problem, void *userdata), void *userdata,
		  struct ks_status_sum *ret_sum, struct ks_enrol_problem *problem) KS_WARN_UNUSED;
