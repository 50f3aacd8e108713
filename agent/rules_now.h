/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_now: the question to policy.c as it stands at this moment: who asks, by which socket, at what time, how often
 * lately.
 *
 * Runs in: keystay-agent. Brings what policy.c must not look at by itself: the clock, the counters, the request.
 */
#pragma once

#include "agent/keyring.h"
#include "agent/policy.h"
#include "agent/request.h"
#include "lib/base/error.h"

/* The socket by which it came, with its rules; NULL: it is not configured any more. */
const struct ks_settings_socket *ks_rules_socket(const struct ks_request *request);

/* Everything but what is known of the server and whether a person said yes. Borrows from all of them. */
void ks_rules_now(const struct ks_request *request, const struct ks_identity *identity,
		  const struct ks_signable *signable, struct ks_policy_question *ret_question);

/* One use of this key by this socket, where a max-rate wants to know. LIMIT, NO_MEMORY: it must not be used. */
int ks_rules_count(const struct ks_policy_question *question, struct ks_state *state,
		   const struct ks_identity *identity) KS_WARN_UNUSED;
