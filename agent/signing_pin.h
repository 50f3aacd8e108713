/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_pin: the PIN of a signature by a key that asks for it each time (CKA_ALWAYS_AUTHENTICATE, PKCS#11 2.40 section
 * 4.9; PIV's slot 9C).
 *
 * Runs in: keystay-agent. Part of signing.c's story, kept apart since few keys have it. The PIN is that which has just
 * unlocked the token for this very signature, else the kept one, else one that a person gives. One such signature per
 * token at a time, so that each has its own answer; each submission is counted (invariant I6), none is repeated.
 */
#pragma once

#include "agent/asking.h"
#include "agent/state.h"

struct ks_signing_pin {
	struct ks_unlock_entry *turn; /* held: it is our turn at this token */
	struct ks_secret *pin;
	bool by_dialog;
	uint32_t told_flags;
	bool submitted;
	bool counted; /* what became of that */
};

enum ks_signing_pin_source {
	KS_SIGNING_PIN_HERE,  /* ks_signing_pin_give() will give it */
	KS_SIGNING_PIN_LATER, /* another such signature has its turn; there will be news */
	KS_SIGNING_PIN_ASK,   /* a person has to be asked */
};

/* Does the key ask for its PIN at each signature? */
bool ks_signing_pin_is_wanted(const struct ks_token *token, uint32_t key);

/* May it turn out to ask, once a login has shown its private half? */
bool ks_signing_pin_may_be_wanted(const struct ks_token *token, uint32_t key);

/* asker->pin is taken when there is one. */
enum ks_signing_pin_source ks_signing_pin_find(struct ks_signing_pin *pin, struct ks_state *state,
					       const struct ks_token *token, struct ks_asker *asker);

/* Counts the submission and moves the PIN into sign; 0 and nothing of that for other keys. */
int ks_signing_pin_give(struct ks_signing_pin *pin, struct ks_state *state, const struct ks_token *token,
			struct ks_worker_sign *sign) KS_WARN_UNUSED;

/* The outcome of the signature; given: the token may have seen the PIN. One that was wrong is not kept any longer. */
void ks_signing_pin_count(struct ks_signing_pin *pin, struct ks_state *state, int error, bool given);

/* The client has gone, or was refused. A PIN that is on its way is counted when its outcome is known; else call (or NULL)
 * is cancelled. */
void ks_signing_pin_leave(struct ks_signing_pin *pin, struct ks_state *state, struct ks_worker_call *call);

/* The end of the signature, however it came: the next one's turn. */
void ks_signing_pin_end(struct ks_signing_pin *pin, struct ks_state *state);
