/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provisioning: a token is initialised, or one of its PINs set, changed, unblocked; and the list of slots (PROVISION).
 *
 * Runs in: keystay-agent. A warm session of the signing worker makes C_InitToken and the login of the SO fail, so that
 * worker is stopped first and started again afterwards, whatever becomes of the process between: a hang or crash of that
 * one costs its own request and nothing else. Who wants a signature meanwhile waits for the module as for one that
 * restarts. Each PIN is submitted once, and counted in agent/tries.h before it goes out (invariant I6): the user's as ever,
 * that of the SO (the PUK of a PIV card) by a count of its own. After two without success, or when the token warns, a
 * dialog of the agent's asks a person first.
 *
 *	LOOKING (slots.h) --LIST--> answered
 *	   |--a count or the token warns--> ASKING --yes--.
 *	   '------------------------------------------> STOPPING (worker_suspend.c) --> AT_TOKEN --> LEAVING --> RETURNING -->
 *	                                                                                     answered; recorded before
 *
 * AT_TOKEN goes on to its end when the client goes away: a token half initialised helps nobody.
 */
#pragma once

#include "agent/request.h"

/* Handler of KS_MSG_PROVISION. Answers now or later. */
void ks_provisioning_begin(struct ks_request *request);

/* Ends all, for ks_state_deinit(). */
void ks_provisioning_free_all(struct ks_state *state);

/* After a reload, before workers start: one that has taken the place of a worker that rests for a provisioning rests in
 * its place. */
void ks_provisioning_keep_resting(struct ks_state *state);
