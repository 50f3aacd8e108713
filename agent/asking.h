/* SPDX-License-Identifier: Apache-2.0 */
/*
 * asking: somebody needs a token unlocked, or a PIN for one signature: where that PIN comes from.
 *
 * Runs in: keystay-agent. Brings together those who need the same token (they share one answer), the sources of a PIN
 * (a file that the configuration names, the reader's own keys, a dialog) and the one submission that each decision of a
 * person is good for (login.h, invariant I6). Who waits is told of failures alone: success is news of the state, and
 * they look again (invariant I11).
 *
 *	ks_asking_join() --PIN file--------------> LOGIN --good--> news of the state; the asking ends
 *	      |                                      |  wrong, and somebody still waits
 *	      +--dialog allowed--> DIALOG --answer-->+--------> DIALOG, which says so (at most KS_ASKING_DIALOGS)
 *	      |                      |  no, time over, cannot be shown: failed() for all, then a cool-down
 *	      +--reader's own keys-> LOGIN, with a dialog that says so
 *
 * The last one who waits and goes away closes the dialog.
 */
#pragma once

#include "agent/prompt.h"
#include "agent/request.h"
#include "agent/state.h"

struct ks_asking;

/* Why somebody asks, in words for the dialog; all borrowed for the time of the call. */
struct ks_asking_reason {
	const char *who;    /* "curl (pid 4711)" */
	const char *key;    /* the key's name, or "" */
	const char *server; /* the server that the handshake names, or "" */
	const char *work;   /* what it wants instead of signing in: "wants to make the key \"alice\"", or NULL */
	char warning[KS_LIFETIME_TEXT_MAX]; /* of the key's certificate: ks_identity_warning() */
	bool may_prompt;                    /* a dialog is allowed */
	bool insists;                       /* a person has just asked for it: no cool-down */
	struct ks_prompt_place place;
};

/* What a client says of where its person is (the fields of SIGN and UNLOCK). */
void ks_asking_place(struct ks_bytes tty, struct ks_bytes term, struct ks_bytes display,
		     struct ks_bytes wayland_display, struct ks_prompt_place *ret_place);

/* Who waits; embedded in what waits. */
struct ks_asker {
	struct ks_asker *next, *previous;
	struct ks_asking *asking; /* NULL = does not wait */
	/* It will not be: error and one sentence. The asker waits no more. */
	void (*failed)(struct ks_asker *asker, int error, const char *text);
	/* Wants the PIN that has just unlocked the token, for its own context-specific login: one decision of a person
	 * then serves both. Given to one asker at most; owned by the asker. */
	bool wants_pin;
	struct ks_secret *pin;
	struct ks_unlock_entry *pin_of; /* the token that pin was typed for; held */
	uint32_t told_flags;            /* what the dialog that took pin told of the token (enum ks_pin_flag) */
};

/* Is it this token that the asker waits for, or has a PIN of? */
bool ks_asking_is_for(const struct ks_asker *asker, const struct ks_unlock_entry *entry);

/* The PIN that was typed for this token, given; one of another token is wiped. NULL: there is none. */
struct ks_secret *ks_asking_take_pin(struct ks_asker *asker, const struct ks_unlock_entry *entry) KS_WARN_UNUSED;

/* The token's PIN is needed. 0: it is being asked for, the asker waits. Else nothing is asked: TOKEN_LOCKED, CANCELLED
 * (a person said no a moment ago), PIN_BLOCKED, QUOTA …, with a sentence in why (KS_TEXT_MAX bytes). Who waits for it
 * already may call this again. failed() is never called before this returns. */
int ks_asking_join(struct ks_state *state, const struct ks_token *token, const struct ks_asking_reason *reason,
		   struct ks_asker *asker, char *why) KS_WARN_UNUSED;

/* A PIN for one signature with a key that asks each time, while the token is unlocked. Comes to asker->pin, empty when
 * it is to be typed at the reader; the asker is told by a news of the state. */
int ks_asking_join_for_signature(struct ks_state *state, const struct ks_token *token,
				 const struct ks_asking_reason *reason, struct ks_asker *asker, char *why)
	KS_WARN_UNUSED;

/* Waits no more; a PIN it holds is wiped. */
void ks_asking_leave(struct ks_asker *asker);

/* Could ks_asking_join() ask for this token? Then a locked token is as good as one that soon can sign. */
bool ks_asking_is_possible(struct ks_state *state, const struct ks_token *token, bool may_prompt);

/* Is it being asked for? */
bool ks_asking_is_under_way(const struct ks_state *state, const struct ks_unlock_entry *entry);

/* The token was locked: what is being asked for it is not wanted any more. */
void ks_asking_revoke(struct ks_state *state, const struct ks_unlock_entry *entry);

/* Ends all, for ks_state_deinit(). */
void ks_asking_free_all(struct ks_state *state);
