/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settled: a first client may come before the workers have told their tokens; it is answered when they have.
 *
 * Runs in: keystay-agent.
 */
#pragma once

#include "agent/request.h"

/* Calls answer at once, or when the state has settled, which it does within KS_SETTLE_DEADLINE_MS. */
void ks_settled_then(struct ks_request *request, void (*answer)(struct ks_request *request));
