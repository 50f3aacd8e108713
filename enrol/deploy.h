/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy: a judged chain out of the state to where it is used: folder, agent, token, files that are kept fresh, hook.
 *
 * Runs in: keystay-enroll.
 */
#pragma once

#include "enrol/order.h"

struct ks_deploy_result {
	bool installed;                         /* the agent shows it */
	char name[257];                         /* that the key has now, escaped */
	uint64_t not_before, not_after, random; /* of its life here: from now on, when it begins earlier */
	uint64_t next;                          /* while it does not hold yet: when it does */
};

/* state.issued of order. 1: it does not hold yet, and stays in the state. An error with ret_result->installed: a
 * program was not told. Of a rekey the state moves to the new key, and the file of the old one's goes. */
int ks_deploy(struct ks_order *order, struct ks_deploy_result *ret_result, struct ks_enrol_problem *problem)
	KS_WARN_UNUSED;

/* The last part alone, after a kill: programs are told of state.installed. */
int ks_deploy_tell(struct ks_order *order, struct ks_enrol_problem *problem) KS_WARN_UNUSED;
