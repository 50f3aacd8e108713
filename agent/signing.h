/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing: the life of one signature, told in one place.
 *
 * Runs in: keystay-agent.
 *
 *	SIGN -> LOOKING: identity by SPKI hash -> lib/tls understands the input -> policy -> a token that may be used
 *	          |  nothing settled yet, worker starting, login under way
 *	          +--------> WAITING ---- news ----> LOOKING
 *	          |  key unknown, and a look for new tokens is due (agent/scout.c)
 *	          +--------> WAITING -> LOOKING
 *	          |  token unlocked, logged out, PIN kept
 *	          +--------> WAITING (agent/login.c) -> LOOKING
 *	          |  token locked, or a key that asks for its PIN each time, and somebody may be asked
 *	          +--------> WAITING (agent/asking.c) -> LOOKING, or refused: cancelled, wrong, no answer
 *	          v
 *	        AT_TOKEN: the worker signs -> LOOKING's questions once more (invariant I11)
 *	          v
 *	        verify with the public key (I5) -> reply
 *
 * set_state() in signing.c makes each of these moves. Every refusal is logged once with who asked and why.
 */
#pragma once

#include "agent/request.h"

/* Handler of KS_MSG_SIGN and KS_MSG_SIGN_DIGEST. Answers now or later. */
void ks_signing_begin(struct ks_request *request);
