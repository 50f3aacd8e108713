/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_change: what is changed on a token whose user is logged in: a key pair made, a certificate stored, either removed
 * (TOKEN_KEYGEN, TOKEN_STORE, TOKEN_REMOVE).
 *
 * Runs in: keystay-agent. The signing worker does it, so that an unlocked token needs no second PIN; a locked one is
 * unlocked as for a signature (agent/asking.h). What the worker says is believed only when its inventory shows it
 * (invariant I4). The answer leaves when the keyring knows, so that whoever asks next finds the key.
 *
 *	LOOKING --no token that can--> ENDING          (advance(): find_token(), use_of())
 *	   |  ^ news, a login, a dialog's answer       (on_news())
 *	   v  |
 *	WAITING  one deadline for all waits together   (wait_for_news())
 *	   |
 *	AT_TOKEN --answer--> SHOWING --the new keyring--> ENDING --the record--> answered
 */
#pragma once

#include "agent/request.h"

/* Handler of all three. Answers now or later. */
void ks_token_change_begin(struct ks_request *request);
