/* SPDX-License-Identifier: Apache-2.0 */
/*
 * login: one PIN, once, to one token (invariant I6).
 *
 * Runs in: keystay-agent. At most one login per token is under way; whoever needs the same one waits for it. Each is
 * counted before it is sent and taken off the count when it was good (agent/tries.h). A PIN that was wrong is wiped
 * before anybody hears of it and never given again.
 */
#pragma once

#include "agent/state.h"

/* The outcome, told once. text is one sentence for a person, "" when error is 0. pin: with error 0, the PIN that was
 * good, borrowed for the time of the call (NULL for a kept one); a copy is for one context-specific login at most. */
typedef void ks_login_done(int error, const char *text, const struct ks_secret *pin, void *userdata);

struct ks_token_login;

struct ks_login_request {
	struct ks_secret *pin; /* taken, whatever the outcome; empty: it is typed at the reader */
	bool by_dialog;        /* a dialog of ours took it */
	uint32_t told_flags;   /* enum ks_pin_flag: what that dialog told the person of the token */
	bool unattended;       /* from a file: nobody was asked */
};

/* BUSY when a login to this token is under way. NEEDS_DIALOG, PIN_BLOCKED: not given to the token; why has KS_TEXT_MAX
 * bytes. */
int ks_login_start(struct ks_state *state, const struct ks_token *token, const struct ks_login_request *request,
		   ks_login_done *done, void *userdata, struct ks_token_login **ret_login, char *why) KS_WARN_UNUSED;

/* With the PIN that was kept, for a token that is unlocked here but logged out there (its worker was started again,
 * another program logged out). Waiters of the state are told when it has ended; on failure the token is locked. 0 also
 * when one is under way. */
int ks_login_again(struct ks_state *state, const struct ks_token *token) KS_WARN_UNUSED;

bool ks_login_is_under_way(const struct ks_state *state, const struct ks_unlock_entry *entry);

/* May a PIN be given to this token that no dialog took? 0, PIN_BLOCKED or NEEDS_DIALOG, with why of KS_TEXT_MAX bytes. */
int ks_login_may_try(struct ks_state *state, const struct ks_token *token, bool unattended, char *why) KS_WARN_UNUSED;

/* The token was locked: a login that is under way must not unlock it again. */
void ks_login_revoke(struct ks_state *state, const struct ks_unlock_entry *entry);

/* done will not be called; the login itself goes on. NULL is allowed. */
void ks_login_forget(struct ks_token_login *login);

/* Ends all, for ks_state_deinit(). */
void ks_login_free_all(struct ks_state *state);
