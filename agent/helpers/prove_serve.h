/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_serve: hands each PROVE of the agent to a child of its own and its answer back.
 *
 * Runs in: keystay-prove, inside its sandbox. Reads frames and their ids and nothing else of what clients sent. Children
 * are forked ahead, so that nobody waits for that, and each does one proof. One that takes too long is killed.
 *
 *	 NONE --fork--> READY --PROVE--> BUSY --answer, end, deadline: killed--> NONE
 */
#pragma once

#include "agent/helpers/prove_anchors.h"
#include "lib/base/sandbox.h"

/* Until the agent closes the channel: CLOSED. child_filter: what the children enter. */
int ks_prove_serve(int channel, const struct ks_prove_anchors *anchors, const struct ks_sandbox_filter *child_filter)
	KS_WARN_UNUSED;
