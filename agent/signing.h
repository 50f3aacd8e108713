/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing: the life of one signature, told in one place.
 *
 * Runs in: keystay-agent.
 *
 *	SIGN -> LOOKING: identity by SPKI hash -> lib/tls understands the input -> policy -> a token that may be used
 *	          |  nothing settled yet, worker starting, login under way, token logged out while its PIN is kept
 *	          +--------> WAITING ---- news ----> LOOKING
 *	          |  key unknown, and a look for new tokens is due (agent/scout.c)
 *	          +--------> WAITING -> LOOKING
 *	          |  a rule looks at the server (agent/signing_proof.c)
 *	          +--------> PROVING -> LOOKING
 *	          |  a rule wants a person's yes (agent/consent.c)
 *	          +--------> WAITING -> LOOKING, or refused
 *	          |  token locked, or a key that asks for its PIN each time, and somebody may be asked (agent/asking.c)
 *	          +--------> WAITING -> LOOKING, or refused: cancelled, wrong, no answer
 *	          v
 *	        AT_TOKEN: the worker signs; beside it the server is proven, where no rule wanted it before
 *	          |  it fails or takes long, and another token has the key
 *	          +--------> LOOKING
 *	          v
 *	        verified with the public key (I5) -> PROVING, while that goes on -> LOOKING's questions once more (I11)
 *	          v
 *	        ENDING: the record is written (agent/audit.c) -> reply
 *
 * Every refusal ends in ENDING as well. signing.c is the story, signing_token.c chooses the token, signing_pin.c has the
 * PIN of keys that ask each time, signing_proof.c the server, signing_end.c log line, record and reply.
 *
 * set_state() in signing.c makes each of these moves. Every refusal is logged once with who asked and why.
 */
#pragma once

#include "agent/request.h"

/* Handler of KS_MSG_SIGN, KS_MSG_SIGN_DIGEST, KS_MSG_SIGN_REQUEST and KS_MSG_SIGN_CMP. Answers now or later. */
void ks_signing_begin(struct ks_request *request);
