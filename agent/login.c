/* SPDX-License-Identifier: Apache-2.0 */
/* login: see login.h. Runs in: keystay-agent. */
#include "agent/login.h"

#include <stdlib.h>

#include "agent/tries.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

struct ks_token_login {
	struct ks_token_login *next;
	struct ks_state *state;
	struct ks_unlock_entry *entry; /* held */
	struct ks_worker_call *call;
	struct ks_secret *pin; /* kept when the outcome is good and the settings say so */
	bool revoked;          /* locked meanwhile: a good outcome comes too late */
	bool again;            /* with a kept PIN: until is not moved */
	ks_login_done *done;   /* NULL = nobody waits */
	void *userdata;
};

static void login_free(struct ks_token_login *login)
{
	struct ks_token_login **link = &login->state->logins;

	while (*link && *link != login)
		link = &(*link)->next;
	if (*link)
		*link = login->next;
	ks_secret_free(login->pin);
	ks_unlock_release(login->entry);
	free(login);
}

/* --- the count (invariant I6) ------------------------------------------------------------------------------------ */

/* Unless it is known that the token was not given the PIN, it counts as a wrong one, also when no answer ever came. */
static void count_outcome(struct ks_state *state, const struct ks_unlock_entry *entry, int error, bool given)
{
	const struct ks_token_id id = ks_unlock_id(entry);
	int r = 0;

	if (error == 0)
		r = ks_tries_succeeded(state->tries, &id);
	else if (!given)
		r = ks_tries_not_submitted(state->tries, &id);
	if (r < 0)
		ks_log_warning("the count of PINs in %s was not brought up to date: %s", ks_tries_file(state->tries),
			       ks_error_text(r));
}

int ks_login_may_try(struct ks_state *state, const struct ks_token *token, bool unattended, char *why)
{
	const struct ks_token_id id = ks_unlock_id(token->lock);
	unsigned count = ks_tries_count(state->tries, &id);
	uint32_t flags = token->inventory->pin_flags;
	const char *label = token->inventory->label;
	char word[1100];

	ks_state_token_word(token, word, sizeof(word));
	if (flags & KS_PIN_IS_BLOCKED) {
		(void)ks_text_print(
			why, KS_TEXT_MAX,
			"token \"%s\" has blocked its PIN after too many wrong ones; unblock it with its SO "
			"PIN or PUK",
			label);
		return KS_ERR_PIN_BLOCKED;
	}
	if (flags & KS_PIN_TROUBLE) {
		(void)ks_text_print(
			why, KS_TEXT_MAX,
			"token \"%s\": a wrong PIN was given since the last good one%s; only a dialog takes "
			"the next one, nothing was tried; run: keystay unlock --ask %s",
			label, flags & KS_PIN_FINAL_TRY ? ", and one more blocks it" : "", word);
		return KS_ERR_NEEDS_DIALOG;
	}
	if (count > (unattended ? KS_TRIES_UNATTENDED_MAX : KS_TRIES_PLAIN_MAX)) {
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "token \"%s\": %u PIN%s given without success; only a dialog takes the next one, "
				    "nothing was tried; run: keystay unlock --ask %s",
				    label, count, count == 1 ? " was" : "s were", word);
		return KS_ERR_NEEDS_DIALOG;
	}
	return 0;
}

/* --- the outcome ------------------------------------------------------------------------------------------------- */

static int accept_login(struct ks_token_login *login)
{
	const struct ks_settings *settings = login->state->settings;
	struct ks_secret *keep = NULL;

	if (login->revoked)
		return KS_ERR_TOKEN_LOCKED;
	if (login->again)
		return login->entry->unlocked ? 0 : KS_ERR_TOKEN_LOCKED; /* locked meanwhile: it stays so */
	/* unlock-for = 0 means one signature: nothing to keep. An empty PIN was typed at the reader. */
	if (settings->keep_pin && settings->unlock_for_ms > 0 && ks_secret_bytes(login->pin).size > 0) {
		int error = ks_secret_copy(login->pin, &keep);
		if (error < 0)
			return error;
	}
	return ks_unlock_open(login->entry, settings->unlock_for_ms, keep);
}

static void log_out_again(struct ks_token_login *login)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(login->state, i, &token); i++) {
		if (token.lock == login->entry)
			(void)ks_state_lock(login->state, &token);
	}
}

static void on_login(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	(void)reply;
	struct ks_token_login *login = userdata;
	struct ks_state *state = login->state;

	count_outcome(state, login->entry, error, ks_worker_call_gave_pin(login->call));
	if (error == 0) {
		error = accept_login(login);
		if (error < 0)
			text = login->revoked ? "it was locked meanwhile" : ks_error_text(error);
	}
	if (error == 0) {
		ks_log_info("token \"%s\" of module \"%s\" is unlocked", login->entry->label, login->entry->module);
	} else {
		ks_log_warning("token \"%s\" of module \"%s\" was not unlocked: %s", login->entry->label,
			       login->entry->module, text);
		/* Not known whether the token took it: the PIN is not given a second time, not even the kept one. */
		(void)ks_unlock_close(login->entry);
		log_out_again(login);
	}
	ks_login_done *done = login->done;
	void *done_userdata = login->userdata;
	KS_CLEANUP(ks_secret_freep) struct ks_secret *pin = error == 0 && !login->again ? KS_STEAL(login->pin) : NULL;
	login_free(login);
	ks_state_news(state);
	if (done)
		done(error, error == 0 ? "" : text, pin, done_userdata);
}

/* --- the start --------------------------------------------------------------------------------------------------- */

static int send_login(struct ks_state *state, const struct ks_token *token, struct ks_worker_login *request,
		      struct ks_token_login *login)
{
	const struct ks_token_id id = ks_unlock_id(token->lock);

	request->token = token->inventory->number;
	request->serial = token->inventory->serial;
	request->digest = token->inventory->digest;
	int error = ks_tries_submitting(state->tries, &id);
	if (error < 0) {
		ks_log_error("no PIN is given to token \"%s\": the count of PINs cannot be written to %s: %s",
			     token->inventory->label, ks_tries_file(state->tries), ks_error_text(error));
		return error;
	}
	error = ks_worker_login(token->worker, request, on_login, login, &login->call);
	if (error < 0)
		count_outcome(state, token->lock, error, false);
	return error;
}

static int start(struct ks_state *state, const struct ks_token *token, struct ks_worker_login *request,
		 struct ks_token_login **ret_login)
{
	struct ks_token_login *login = calloc(1, sizeof(*login));
	if (!login)
		return KS_ERR_NO_MEMORY;
	*login = (struct ks_token_login){ .state = state, .entry = token->lock, .next = state->logins };
	state->logins = login;
	ks_unlock_hold(login->entry);
	int error = send_login(state, token, request, login);
	if (error < 0) {
		login_free(login);
		return error;
	}
	*ret_login = login;
	return 0;
}

/* What can be said of a PIN without showing it to the token. */
static int check_length(const struct ks_token *token, const struct ks_secret *pin, char *why)
{
	const struct ks_inventory_token *inventory = token->inventory;
	size_t size = ks_secret_bytes(pin).size;

	if (size == 0 && (inventory->pin_flags & KS_PIN_PAD))
		return 0;
	if (size > 0 && size >= inventory->pin_min && (inventory->pin_max == 0 || size <= inventory->pin_max))
		return 0;
	if (inventory->pin_max > 0)
		(void)ks_text_print(
			why, KS_TEXT_MAX, "the PIN of token \"%s\" has %u to %u characters; this one was not tried",
			inventory->label, inventory->pin_min > 0 ? inventory->pin_min : 1, inventory->pin_max);
	else
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "the PIN of token \"%s\" has at least %u characters; this one was not tried",
				    inventory->label, inventory->pin_min > 0 ? inventory->pin_min : 1);
	return KS_ERR_PIN_LENGTH;
}

int ks_login_start(struct ks_state *state, const struct ks_token *token, const struct ks_login_request *request,
		   ks_login_done *done, void *userdata, struct ks_token_login **ret_login, char *why)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *taken = request->pin;
	struct ks_worker_login call = { .told = request->by_dialog ? request->told_flags & KS_PIN_TROUBLE : 0,
					.unattended = request->unattended,
					.pin = taken };
	struct ks_token_login *login;

	why[0] = '\0';
	if (ks_login_is_under_way(state, token->lock))
		return KS_ERR_BUSY;
	int error = check_length(token, taken, why);
	if (error == 0 && !request->by_dialog)
		error = ks_login_may_try(state, token, request->unattended, why);
	if (error == 0)
		error = start(state, token, &call, &login);
	if (error < 0)
		return error;
	login->pin = KS_STEAL(taken);
	login->done = done;
	login->userdata = userdata;
	*ret_login = login;
	return 0;
}

int ks_login_again(struct ks_state *state, const struct ks_token *token)
{
	char why[KS_TEXT_MAX];
	struct ks_worker_login request = { .unattended = true, .pin = token->lock->pin };
	struct ks_token_login *login;

	if (ks_login_is_under_way(state, token->lock))
		return 0;
	int error = ks_login_may_try(state, token, true, why);
	if (error == 0 && token->lock->has_twin) {
		(void)ks_text_print(
			why, sizeof(why),
			"token \"%s\": another one says the same of itself, so the kept PIN is not given to "
			"either; a person says which",
			token->inventory->label);
		error = KS_ERR_NEEDS_DIALOG;
	}
	if (error < 0) {
		/* Somebody gave wrong PINs meanwhile: a kept one is not worth a try. */
		ks_log_notice("%s", why);
		(void)ks_state_lock(state, token);
		return error;
	}
	error = start(state, token, &request, &login);
	if (error < 0)
		return error;
	login->again = true;
	return 0;
}

bool ks_login_is_under_way(const struct ks_state *state, const struct ks_unlock_entry *entry)
{
	for (const struct ks_token_login *login = state->logins; login; login = login->next) {
		if (login->entry == entry)
			return true;
	}
	return false;
}

void ks_login_revoke(struct ks_state *state, const struct ks_unlock_entry *entry)
{
	for (struct ks_token_login *login = state->logins; login; login = login->next)
		login->revoked = login->revoked || login->entry == entry;
}

void ks_login_forget(struct ks_token_login *login)
{
	if (login)
		login->done = NULL;
}

void ks_login_free_all(struct ks_state *state)
{
	while (state->logins) {
		ks_worker_call_cancel(state->logins->call);
		login_free(state->logins);
	}
}
