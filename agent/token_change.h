/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_change: what is changed on a token whose user is logged in: a key pair made, a certificate stored, either removed
 * (TOKEN_KEYGEN, TOKEN_STORE, TOKEN_REMOVE).
 *
 * Runs in: keystay-agent. The signing worker does it, so that an unlocked token needs no second PIN; a locked one is
 * unlocked as for a signature (agent/asking.h). What the worker says is believed only when its inventory shows it
 * (invariant I4). The answer leaves when the keyring knows, so that whoever asks next finds the key.
 *
 *	LOOKING --no token that can--> ended          (state_of_affairs in advance())
 *	   |  ^ news, a login, a dialog's answer
 *	   v  |
 *	WAITING  one deadline for all waits together
 *	   |
 *	AT_TOKEN --answer--> SHOWING --the new keyring--> RECORDED --> answered
 */
#pragma once

#include "agent/request.h"

/* Handler of all three. Answers now or later. */
void ks_token_change_begin(struct ks_request *request);
