/* SPDX-License-Identifier: Apache-2.0 */
/* login: see login.h. Runs in: keystay-agent. */
#include "agent/login.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

struct ks_token_login {
	struct ks_token_login *next;
	struct ks_state *state;
	struct ks_unlock_entry *entry;
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
	free(login);
}

static int accept_login(struct ks_token_login *login)
{
	const struct ks_settings *settings = login->state->settings;

	if (login->revoked)
		return KS_ERR_TOKEN_LOCKED;
	if (login->again)
		return login->entry->unlocked ? 0 : KS_ERR_TOKEN_LOCKED; /* locked meanwhile: it stays so */
	/* unlock-for = 0 means one signature, and an always-authenticate key asks again anyway: nothing to keep. */
	struct ks_secret *keep = settings->keep_pin && settings->unlock_for_ms > 0 ? KS_STEAL(login->pin) : NULL;
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
	login_free(login);
	ks_state_news(state);
	if (done)
		done(error, error == 0 ? "" : text, done_userdata);
}

static int start(struct ks_state *state, const struct ks_token *token, const struct ks_secret *pin,
		 struct ks_worker_login *request, struct ks_token_login **ret_login)
{
	struct ks_token_login *login = calloc(1, sizeof(*login));
	if (!login)
		return KS_ERR_NO_MEMORY;
	*login = (struct ks_token_login){ .state = state, .entry = token->lock, .next = state->logins };
	state->logins = login;
	request->token = token->inventory->number;
	request->serial = token->inventory->serial;
	request->pin = pin;
	int error = ks_worker_login(token->worker, request, on_login, login, &login->call);
	if (error < 0) {
		login_free(login);
		return error;
	}
	*ret_login = login;
	return 0;
}

int ks_login_start(struct ks_state *state, const struct ks_token *token, struct ks_secret *pin, bool final_try,
		   ks_login_done *done, void *userdata, struct ks_token_login **ret_login)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *taken = pin;
	if (ks_login_is_under_way(state, token->lock))
		return KS_ERR_BUSY;
	struct ks_worker_login request = { .final_try = final_try };
	struct ks_token_login *login;
	int error = start(state, token, taken, &request, &login);
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
	if (ks_login_is_under_way(state, token->lock))
		return 0;
	struct ks_worker_login request = { .unattended = true };
	struct ks_token_login *login;
	int error = start(state, token, token->lock->pin, &request, &login);
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
