/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: the warm sessions of one token, handed out to one thread each.
 *
 * Runs in: keystay-token. Two rules of PKCS#11 are kept here and nowhere else: a session in which an operation failed
 * is thrown away, since the operation may stay active for ever; and closing a token's last session logs it out, so the
 * last one is replaced before it is closed.
 * Thread-safe, but for init, deinit and the functions that say so.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdbool.h>

#include "pkcs11/module.h"

#define KS_SESSIONS_MAX 64u

struct ks_session {
	CK_SESSION_HANDLE handle;
	bool fresh; /* nothing was done in it yet */
};

struct ks_sessions {
	const struct ks_module *module; /* borrowed */
	CK_SLOT_ID slot;
	CK_TOKEN_INFO token; /* as it was when its objects were read */
	pthread_mutex_t mutex;
	pthread_cond_t returned;
	struct ks_session idle[KS_SESSIONS_MAX];
	unsigned n_idle;
	unsigned n_open;
	unsigned limit; /* at most so many at once: what we want, then what the token allows */
};

int ks_sessions_init(struct ks_sessions *sessions, const struct ks_module *module, CK_SLOT_ID slot,
		     const CK_TOKEN_INFO *token, unsigned limit) KS_WARN_UNUSED;

/* Closes nothing: see ks_sessions_close_all(). */
void ks_sessions_deinit(struct ks_sessions *sessions);

/* The same card, by all that a token says of itself and that does not change. */
bool ks_sessions_is_same_token(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b);

/* An idle session, else a new one, else waits for one to come back. Before the first session is opened, the token in
 * the slot must still be the same; CKR_TOKEN_NOT_PRESENT when it is another one. */
CK_RV ks_session_take(struct ks_sessions *sessions, struct ks_session *ret_session) KS_WARN_UNUSED;

/* All went well with it. */
void ks_session_give_back(struct ks_sessions *sessions, struct ks_session session);

/* Something failed in it. lost: the token says that it does not exist any more, which may mean another token. */
void ks_session_throw_away(struct ks_sessions *sessions, struct ks_session session, bool lost);

/* Closes idle sessions but the last one, so that the token has room for another one and stays logged in. */
void ks_sessions_close_idle(struct ks_sessions *sessions);

/* Closes the token's sessions, which also logs out. Nobody may have one. */
void ks_sessions_close_all(struct ks_sessions *sessions);

/* Whether the user is logged in, as the session says. */
CK_RV ks_session_is_logged_in(const struct ks_sessions *sessions, struct ks_session session, bool *ret_logged_in)
	KS_WARN_UNUSED;
