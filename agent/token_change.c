/* SPDX-License-Identifier: Apache-2.0 */
/* token_change: see token_change.h: the story. Runs in: keystay-agent. */
#include "agent/token_change.h"

#include <stdlib.h>
#include <string.h>

#include "agent/login.h"
#include "agent/scout.h"
#include "agent/token_change_private.h"
#include "lib/base/container.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* A worker's start and a login; with a person in it as a signature (agent/signing.c). */
#define WAIT_MS (KS_SETTLE_DEADLINE_MS + KS_WORKER_LOGIN_DEADLINE_MS)
#define WAIT_FOR_PERSON_MS 110000u
_Static_assert(WAIT_FOR_PERSON_MS + KS_WORKER_KEYGEN_DEADLINE_MS < KS_CLIENT_TOKEN_DEADLINE_MS,
	       "the client hears of it");

/* What the token is good for now. */
enum use { USE_NO, USE_ASK, USE_SOON, USE_NOW };

static void advance(struct ks_token_change *change);

static void set_state(struct ks_token_change *change, enum ks_token_change_state state)
{
	change->state = state;
	if (state != KS_CHANGE_WAITING && state != KS_CHANGE_SHOWING)
		ks_state_wait_no_more(&change->waiter);
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_token_change *change = userdata;

	change->timer = sd_event_source_disable_unref(change->timer);
	change->timed_out = true;
	if (change->state == KS_CHANGE_WAITING)
		advance(change);
	return 0;
}

static void wait_for_news(struct ks_token_change *change)
{
	bool may_prompt = change->wait_ms > 0;
	uint32_t limit = may_prompt ? WAIT_FOR_PERSON_MS : WAIT_MS;

	if (change->timed_out) {
		ks_token_change_fail(change, KS_ERR_TIMEOUT,
				     "the token did not get ready in time; see: keystay status");
		return;
	}
	set_state(change, KS_CHANGE_WAITING);
	ks_state_wait(change->request->state, &change->waiter);
	if (may_prompt && change->wait_ms < limit)
		limit = change->wait_ms;
	if (!change->timer && sd_event_add_time_relative(change->request->state->event, &change->timer, CLOCK_MONOTONIC,
							 limit * 1000ull, 0, on_timeout, change) < 0)
		ks_token_change_fail(change, KS_ERR_SYSTEM, "no timer could be set");
}

static void on_news(struct ks_waiter *waiter)
{
	struct ks_token_change *change = (struct ks_token_change *)waiter;

	if (change->state == KS_CHANGE_SHOWING)
		ks_token_change_succeed(change);
	else
		advance(change);
}

static void on_asking_failed(struct ks_asker *asker, int error, const char *text)
{
	struct ks_token_change *change = KS_CONTAINER(asker, struct ks_token_change, asker);

	change->pin_used = error == KS_ERR_PIN_WRONG || error == KS_ERR_PIN_BLOCKED;
	ks_token_change_fail(change, error, text);
}

/* --- which token ------------------------------------------------------------------------------------------------- */

static bool find_held(const struct ks_token_change *change, struct ks_token *ret_token)
{
	for (size_t i = 0; ks_state_token_at(change->request->state, i, ret_token); i++) {
		if (ret_token->lock == change->entry)
			return true;
	}
	return false;
}

/* Of the tokens that have the key an unlocked one, else the first, as in the list of keys (catalogue.c). How many have it. */
static size_t find_by_key(struct ks_token_change *change, struct ks_token *ret_token)
{
	struct ks_state *state = change->request->state;
	struct ks_identity *identity = ks_keyring_by_hash(state->keyring, change->spki_hash);
	struct ks_token token;
	bool is_open = false;
	size_t n = 0;

	for (size_t i = 0; identity && i < identity->n_locations; i++) {
		if (!ks_state_token_of(state, &identity->locations[i], &token))
			continue;
		enum ks_token_state here = ks_state_of_token(&token);
		if (n == 0 || (!is_open && (here == KS_TOKEN_UNLOCKED || here == KS_TOKEN_OPEN)))
			*ret_token = token;
		is_open = is_open || here == KS_TOKEN_UNLOCKED || here == KS_TOKEN_OPEN;
		n++;
	}
	if (identity)
		(void)ks_text_print(change->key, sizeof(change->key), "%s", identity->name);
	return n;
}

/* Nobody has said from which of them, and nothing brings a key back. */
static int refuse_pair(struct ks_token_change *change)
{
	char text[KS_TEXT_MAX];

	(void)ks_text_print(
		text, sizeof(text),
		"key \"%s\" is on more than one token that is plugged in; take out those that are to keep it, "
		"then run this again; nothing was removed",
		change->key);
	ks_token_change_fail(change, KS_ERR_AMBIGUOUS, text);
	return KS_ERR_AMBIGUOUS;
}

/* What is wanted may have come without a word. */
static bool look_again(struct ks_token_change *change)
{
	if (change->request->state->keyring_is_old && !change->timed_out)
		return true; /* a module has started again */
	if (!change->looked_again)
		ks_scout_send(change->request->state, KS_SCOUT_UNKNOWN_KEY,
			      change->type == KS_MSG_TOKEN_KEYGEN ? NULL : change->spki_hash);
	change->looked_again = true;
	return ks_scout_is_out(change->request->state) && !change->timed_out;
}

/* 0: *ret_token is it. 1: not yet. Else it has been answered. */
static int find_token(struct ks_token_change *change, struct ks_token *ret_token)
{
	struct ks_state *state = change->request->state;
	char why[KS_TEXT_MAX] = "no token here has this key; what there is: keystay list";
	int error = KS_ERR_UNKNOWN_KEY;
	size_t n = 0;

	if (change->entry) {
		if (find_held(change, ret_token))
			return 0;
		ks_token_change_fail(change, KS_ERR_TOKEN_ABSENT, "the token is not there any more; plug it in again");
		return KS_ERR_TOKEN_ABSENT;
	}
	if (!ks_state_is_settled(state))
		return 1;
	if (change->type == KS_MSG_TOKEN_KEYGEN)
		error = ks_state_token_by_name(state, change->message.keygen.token, ret_token, why, sizeof(why));
	else if ((n = find_by_key(change, ret_token)) > 0)
		error = 0;
	if (n > 1 && change->type == KS_MSG_TOKEN_REMOVE && change->message.remove.key)
		return refuse_pair(change);
	if ((error == KS_ERR_TOKEN_ABSENT || error == KS_ERR_UNKNOWN_KEY) && look_again(change))
		return 1;
	if (error < 0) {
		ks_token_change_fail(change, error, why);
		return error;
	}
	change->entry = ret_token->lock;
	ks_unlock_hold(change->entry);
	(void)ks_text_print(change->token, sizeof(change->token), "%s", ret_token->inventory->label);
	return 0;
}

/* --- is it unlocked? --------------------------------------------------------------------------------------------- */

static enum use use_of(const struct ks_token_change *change, const struct ks_token *token)
{
	struct ks_state *state = change->request->state;
	enum ks_token_state lock = ks_state_of_token(token);
	bool is_asked = ks_asking_is_under_way(state, token->lock);

	if (ks_worker_state(token->worker) == KS_MODULE_FAILED || ks_worker_is_resting(token->worker))
		return USE_NO;
	if (ks_worker_state(token->worker) != KS_MODULE_READY)
		return USE_SOON;
	if (lock == KS_TOKEN_OPEN || (lock == KS_TOKEN_UNLOCKED && token->inventory->logged_in))
		return USE_NOW;
	if (ks_login_is_under_way(state, token->lock) && !is_asked)
		return USE_SOON;
	if (lock == KS_TOKEN_UNLOCKED)
		return token->lock->pin && !change->login_tried ? USE_SOON : USE_NO;
	return ks_asking_is_possible(state, token, change->wait_ms > 0) ? USE_ASK : USE_NO;
}

static void refuse_token(struct ks_token_change *change, const struct ks_token *token)
{
	char text[KS_TEXT_MAX], word[1100];
	int error = KS_ERR_TOKEN_LOCKED;

	ks_state_token_word(token, word, sizeof(word));
	(void)ks_text_print(text, sizeof(text), "token \"%s\" is locked; run: keystay unlock %s",
			    token->inventory->label, word);
	if (ks_worker_state(token->worker) != KS_MODULE_READY) {
		error = KS_ERR_MODULE_FAILED;
		(void)ks_text_print(
			text, sizeof(text),
			"token \"%s\" cannot be used: module \"%s\" is not running: %s; see: keystay status",
			token->inventory->label, ks_worker_name(token->worker), ks_worker_note(token->worker));
	} else if (ks_state_of_token(token) == KS_TOKEN_BLOCKED) {
		error = KS_ERR_PIN_BLOCKED;
		(void)ks_text_print(
			text, sizeof(text),
			"token \"%s\" has blocked its PIN after too many wrong ones; run: keystay token pin "
			"unblock %s",
			token->inventory->label, word);
	}
	ks_worker_wake(token->worker);
	ks_token_change_fail(change, error, text);
}

static void ask_pin(struct ks_token_change *change, const struct ks_token *token)
{
	char who[96], work[320], why[KS_TEXT_MAX];
	struct ks_asking_reason reason = { .who = who, .key = "", .server = "", .work = work, .place = change->place };

	reason.may_prompt = change->wait_ms > 0;
	ks_request_describe(change->request, who, sizeof(who));
	ks_token_change_describe(change, work, sizeof(work));
	int error = ks_asking_join(change->request->state, token, &reason, &change->asker, why);
	if (error < 0) {
		ks_token_change_fail(change, error, why);
		return;
	}
	change->pin_used = true;
	ks_token_change_tell_wait(change, "PIN");
	wait_for_news(change);
}

static void log_in_again(struct ks_token_change *change, const struct ks_token *token)
{
	if (ks_worker_state(token->worker) != KS_MODULE_READY || !token->lock->unlocked ||
	    token->inventory->logged_in || !token->lock->pin || change->login_tried)
		return;
	change->login_tried = true;
	if (ks_login_again(change->request->state, token) < 0)
		ks_log_debug("token \"%s\": no login was sent", token->inventory->label);
}

/* --- at the token ------------------------------------------------------------------------------------------------ */

static void on_done(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	struct ks_token_change *change = userdata;
	char sentence[KS_TEXT_MAX];
	struct ks_token token;

	change->call = NULL;
	set_state(change, KS_CHANGE_LOOKING);
	bool is_there = find_held(change, &token);
	/* It died before it was asked, or somebody logged the token out behind our back and its PIN is kept. */
	bool again = error == KS_ERR_BUSY ||
		     (error == KS_ERR_TOKEN_LOCKED && is_there && token.lock->pin && !change->login_tried);
	if (is_there && error == KS_ERR_TOKEN_LOCKED)
		token.inventory->logged_in = false;
	if (again) {
		advance(change);
		return;
	}
	if (error == 0 && !is_there) {
		error = KS_ERR_TOKEN_ABSENT;
		text = "it was taken out meanwhile; whether it was changed is not known";
	}
	if (error == 0) {
		change->text[0] = '\0';
		error = ks_token_change_check(change, &token, reply);
		text = change->text;
	}
	if (error < 0) {
		bool names = strncmp(text, "token \"", 7) == 0 || strncmp(text, "key \"", 5) == 0;
		(void)ks_text_print(sentence, sizeof(sentence), "%s%s%s%s", names ? "" : "token \"",
				    names ? "" : change->token,
				    names ? "" : "\": ", text[0] ? text : ks_error_text(error));
		ks_token_change_fail(change, error, sentence);
		return;
	}
	if (token.lock->once && ks_unlock_close(token.lock)) /* unlock-for = 0 is for one thing of any kind */
		(void)ks_state_lock(change->request->state, &token);
	set_state(change, KS_CHANGE_SHOWING);
	ks_state_news(change->request->state);
	ks_state_wait(change->request->state, &change->waiter);
}

static void send_to_token(struct ks_token_change *change, const struct ks_token *token)
{
	set_state(change, KS_CHANGE_AT_TOKEN);
	change->timer = sd_event_source_disable_unref(change->timer);
	ks_asking_leave(&change->asker);
	change->text[0] = '\0';
	int error = ks_token_change_send(change, token, on_done);
	if (error < 0) {
		char text[KS_TEXT_MAX];
		(void)ks_text_print(text, sizeof(text), "%s", change->text[0] ? change->text : ks_error_text(error));
		ks_token_change_fail(change, error, text);
		return;
	}
	ks_token_change_tell_wait(change, "token");
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static void advance(struct ks_token_change *change)
{
	struct ks_token token;

	set_state(change, KS_CHANGE_LOOKING);
	int error = find_token(change, &token);
	if (error < 0)
		return;
	if (error > 0) {
		wait_for_news(change);
		return;
	}
	enum use use = use_of(change, &token);
	if (use == USE_NOW) {
		send_to_token(change, &token);
	} else if (use == USE_NO || change->timed_out) {
		refuse_token(change, &token);
	} else if (use == USE_ASK) {
		ask_pin(change, &token);
	} else {
		log_in_again(change, &token);
		wait_for_news(change);
	}
}

static void on_drop(struct ks_request *request)
{
	ks_token_change_abandon(request->pending);
}

void ks_token_change_begin(struct ks_request *request)
{
	struct ks_token_change *change = calloc(1, sizeof(*change));
	if (!change) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	change->request = request;
	change->type = request->type;
	change->waiter.changed = on_news;
	change->asker.failed = on_asking_failed;
	request->pending = change;
	request->drop = on_drop;
	int error = ks_token_change_read(change);
	ks_token_change_tell_asked(change);
	if (error < 0) {
		char text[KS_TEXT_MAX];
		(void)ks_text_print(text, sizeof(text), "%s", change->text[0] ? change->text : ks_error_text(error));
		ks_token_change_fail(change, error, text);
		return;
	}
	advance(change);
}
