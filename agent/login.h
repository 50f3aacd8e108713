/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login: one PIN, once, to one token (invariant I6).
 *
 * Runs in: keystay-agent. At most one login per token is under way; whoever needs the same one waits for it. A PIN that
 * was wrong is wiped before anybody hears of it and never given again.
 */
#pragma once

#include "agent/state.h"

/* The outcome, told once. text is one sentence for a person, "" when error is 0. */
typedef void ks_login_done(int error, const char *text, void *userdata);

struct ks_token_login;

/* pin is taken, whatever the outcome. BUSY when a login to this token is under way. */
int ks_login_start(struct ks_state *state, const struct ks_token *token, struct ks_secret *pin, bool final_try,
		   ks_login_done *done, void *userdata, struct ks_token_login **ret_login) KS_WARN_UNUSED;

/* With the PIN that was kept, for a token that is unlocked here but logged out there (its worker was started again,
 * another program logged out). Waiters of the state are told when it has ended; on failure the token is locked. 0 also
 * when one is under way. */
int ks_login_again(struct ks_state *state, const struct ks_token *token) KS_WARN_UNUSED;

bool ks_login_is_under_way(const struct ks_state *state, const struct ks_unlock_entry *entry);

/* The token was locked: a login that is under way must not unlock it again. */
void ks_login_revoke(struct ks_state *state, const struct ks_unlock_entry *entry);

/* done will not be called; the login itself goes on. NULL is allowed. */
void ks_login_forget(struct ks_token_login *login);

/* Ends all, for ks_state_deinit(). */
void ks_login_free_all(struct ks_state *state);
