/* SPDX-License-Identifier: Apache-2.0 */
/* signing_pin: see signing_pin.h. Runs in: keystay-agent. */
#include "agent/signing_pin.h"

#include <stdlib.h>

#include "agent/login.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"

static const struct ks_inventory_key *find_key(const struct ks_token *token, uint32_t key)
{
	for (size_t i = 0; i < token->inventory->n_keys; i++) {
		if (token->inventory->keys[i].number == key)
			return &token->inventory->keys[i];
	}
	return NULL;
}

bool ks_signing_pin_is_wanted(const struct ks_token *token, uint32_t key)
{
	const struct ks_inventory_key *found = find_key(token, key);

	return found && found->always_authenticate;
}

bool ks_signing_pin_may_be_wanted(const struct ks_token *token, uint32_t key)
{
	const struct ks_inventory_key *found = find_key(token, key);

	return !found || !found->private_seen || found->always_authenticate;
}

static bool take_turn(struct ks_signing_pin *pin, const struct ks_token *token)
{
	if (pin->turn == token->lock)
		return true;
	if (token->lock->context_busy)
		return false;
	pin->turn = token->lock;
	pin->turn->context_busy = true;
	ks_unlock_hold(pin->turn);
	return true;
}

/* Kept PINs are for tokens that show no sign of trouble. */
static bool may_use_kept(struct ks_state *state, const struct ks_token *token)
{
	char why[KS_TEXT_MAX];

	return token->lock->unlocked && token->lock->pin && ks_login_may_try(state, token, true, why) == 0;
}

enum ks_signing_pin_source ks_signing_pin_find(struct ks_signing_pin *pin, struct ks_state *state,
					       const struct ks_token *token, struct ks_asker *asker)
{
	struct ks_secret *typed = ks_asking_take_pin(asker, token->lock);
	if (typed) {
		ks_secret_free(pin->pin);
		pin->pin = typed;
		pin->by_dialog = true;
		pin->told_flags = asker->told_flags;
	}
	if (pin->turn && pin->turn != token->lock)
		ks_signing_pin_end(pin, state);
	if (!take_turn(pin, token))
		return KS_SIGNING_PIN_LATER;
	if (pin->pin)
		return KS_SIGNING_PIN_HERE;
	if (!may_use_kept(state, token))
		return KS_SIGNING_PIN_ASK;
	if (ks_secret_copy(token->lock->pin, &pin->pin) < 0)
		return KS_SIGNING_PIN_ASK;
	pin->by_dialog = false;
	return KS_SIGNING_PIN_HERE;
}

int ks_signing_pin_give(struct ks_signing_pin *pin, struct ks_state *state, const struct ks_token *token,
			struct ks_worker_sign *sign)
{
	if (!pin->pin)
		return 0;
	const struct ks_token_id id = ks_unlock_id(token->lock);
	int error = ks_tries_submitting(state->tries, &id);
	if (error < 0)
		return error;
	pin->submitted = true;
	pin->counted = false; /* of an earlier signature that a reload made worthless */
	sign->authenticate = true;
	sign->told = pin->by_dialog ? pin->told_flags & KS_PIN_TROUBLE : 0;
	sign->unattended = !pin->by_dialog;
	sign->pin = pin->pin;
	pin->pin = NULL;
	return 0;
}

void ks_signing_pin_count(struct ks_signing_pin *pin, struct ks_state *state, int error, bool given)
{
	if (!pin->submitted || pin->counted || !pin->turn)
		return;
	pin->counted = true;
	const struct ks_token_id id = ks_unlock_id(pin->turn);
	int r = 0;

	if (error == 0)
		r = ks_tries_succeeded(state->tries, &id);
	else if (!given)
		r = ks_tries_not_submitted(state->tries, &id);
	else
		ks_unlock_forget_pin(pin->turn);
	if (r < 0)
		ks_log_warning("the count of PINs in %s was not brought up to date: %s", ks_tries_file(state->tries),
			       ks_error_text(r));
}

void ks_signing_pin_end(struct ks_signing_pin *pin, struct ks_state *state)
{
	ks_secret_free(pin->pin);
	pin->pin = NULL;
	if (!pin->turn)
		return;
	pin->turn->context_busy = false;
	ks_unlock_release(pin->turn);
	pin->turn = NULL;
	ks_state_wake(state);
}

/* --- a client that leaves ---------------------------------------------------------------------------------------- */

/* A PIN that is on its way, and nobody who waits for the signature. */
struct orphan {
	struct ks_signing_pin pin;
	struct ks_state *state;
	struct ks_worker_call *call;
};

static void on_orphan(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	struct orphan *orphan = userdata;

	(void)text;
	(void)reply;
	ks_signing_pin_count(&orphan->pin, orphan->state, error, ks_worker_call_gave_pin(orphan->call));
	ks_signing_pin_end(&orphan->pin, orphan->state);
	free(orphan);
}

void ks_signing_pin_leave(struct ks_signing_pin *pin, struct ks_state *state, struct ks_worker_call *call)
{
	struct orphan *orphan = pin->submitted && ks_worker_call_gave_pin(call) ? calloc(1, sizeof(*orphan)) : NULL;

	if (orphan) {
		*orphan = (struct orphan){ .pin = *pin, .state = state, .call = call };
		ks_worker_call_hand_over(call, on_orphan, orphan);
		*pin = (struct ks_signing_pin){ 0 };
		return;
	}
	if (!ks_worker_call_gave_pin(call))
		ks_signing_pin_count(pin, state, KS_ERR_CANCELLED, false); /* it was never sent */
	ks_worker_call_cancel(call);
	ks_signing_pin_end(pin, state);
}
