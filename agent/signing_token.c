/* SPDX-License-Identifier: Apache-2.0 */
/* signing_token: which of the tokens that have the key signs; see signing_private.h. Runs in: keystay-agent. */
#include "agent/login.h"
#include "agent/signing_private.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

enum ks_token_use ks_signing_use_of(const struct ks_signing_job *signing, const struct ks_token *token)
{
	struct ks_state *state = signing->request->state;
	enum ks_token_state lock = ks_state_of_token(token);

	if (ks_worker_state(token->worker) == KS_MODULE_FAILED || ks_worker_is_resting(token->worker))
		return KS_TOKEN_USE_NO;
	if (ks_worker_state(token->worker) != KS_MODULE_READY)
		return KS_TOKEN_USE_SOON; /* being started again; then it is known whether it must be unlocked anew */
	if (lock != KS_TOKEN_OPEN && lock != KS_TOKEN_UNLOCKED) {
		if (ks_login_is_under_way(state, token->lock) && !ks_asking_is_under_way(state, token->lock))
			return KS_TOKEN_USE_SOON;
		return ks_asking_is_possible(state, token, ks_signing_may_prompt(signing)) ? KS_TOKEN_USE_ASK :
											     KS_TOKEN_USE_NO;
	}
	if (lock == KS_TOKEN_OPEN || token->inventory->logged_in)
		return KS_TOKEN_USE_NOW;
	if (!token->lock->pin || signing->login_tried)
		return ks_login_is_under_way(state, token->lock) ? KS_TOKEN_USE_SOON : KS_TOKEN_USE_NO;
	return KS_TOKEN_USE_SOON;
}

/* --- several tokens with one key --------------------------------------------------------------------------------- */

static bool is_same_place(const struct ks_location *a, const struct ks_location *b)
{
	return a->module == b->module && a->token == b->token;
}

static bool has_failed(const struct ks_signing_job *signing, const struct ks_location *location)
{
	for (size_t i = 0; i < signing->n_failed; i++) {
		if (is_same_place(&signing->failed[i], location))
			return true;
	}
	return false;
}

void ks_signing_give_up_location(struct ks_signing_job *signing)
{
	if (signing->n_failed < KS_LOCATIONS_MAX && !has_failed(signing, &signing->location))
		signing->failed[signing->n_failed++] = signing->location;
}

bool ks_signing_has_another_token(const struct ks_signing_job *signing, const struct ks_identity *identity)
{
	for (size_t i = 0; i < identity->n_locations; i++) {
		const struct ks_location *location = &identity->locations[i];
		struct ks_token token;
		if (is_same_place(location, &signing->location) || has_failed(signing, location) ||
		    !ks_state_token_of(signing->request->state, location, &token))
			continue;
		if (ks_signing_use_of(signing, &token) >= KS_TOKEN_USE_SOON)
			return true;
	}
	return false;
}

/* --- the choice -------------------------------------------------------------------------------------------------- */

enum ks_token_use ks_signing_choose_token(const struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	enum ks_token_use best = KS_TOKEN_USE_NO, asked_use = KS_TOKEN_USE_NO;
	bool chosen = false, best_is_fresh = false;
	struct ks_signing_finding asked = *finding;

	for (size_t i = 0; i < finding->identity->n_locations; i++) {
		const struct ks_location *location = &finding->identity->locations[i];
		struct ks_token token;
		if (!ks_state_token_of(signing->request->state, location, &token))
			continue;
		bool fresh = !has_failed(signing, location) && !ks_worker_is_behind(token.worker);
		enum ks_token_use use = ks_signing_use_of(signing, &token);
		/* It has just logged in and told of its private key; the keyring that knows of it comes with the news. */
		if (use == KS_TOKEN_USE_NOW && location->key == KS_LOCATION_NO_KEY)
			use = KS_TOKEN_USE_SOON;
		if (ks_asking_is_for(&signing->asker, token.lock)) {
			asked_use = use;
			asked.location = *location;
			asked.token = token;
		}
		bool better = fresh && use > KS_TOKEN_USE_NO ? !best_is_fresh || use > best :
							       !best_is_fresh && use > best;
		if (chosen && !better)
			continue;
		chosen = true;
		best = use;
		best_is_fresh = fresh && use > KS_TOKEN_USE_NO;
		finding->location = *location;
		finding->token = token;
	}
	/* A PIN is for the token that its dialog named; only one that needs none is better. */
	if (asked_use == KS_TOKEN_USE_NO ||
	    (best == KS_TOKEN_USE_NOW && !ks_signing_pin_is_wanted(&finding->token, finding->location.key)))
		return best;
	finding->location = asked.location;
	finding->token = asked.token;
	return asked_use;
}

void ks_signing_warm_others(const struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	struct ks_state *state = signing->request->state;

	for (size_t i = 0; i < finding->identity->n_locations; i++) {
		struct ks_token token;
		if (!ks_state_token_of(state, &finding->identity->locations[i], &token) ||
		    token.lock == finding->token.lock || ks_worker_state(token.worker) != KS_MODULE_READY ||
		    ks_state_of_token(&token) != KS_TOKEN_UNLOCKED || token.inventory->logged_in || !token.lock->pin ||
		    token.lock->warmed == ks_worker_pid(token.worker) || ks_login_is_under_way(state, token.lock))
			continue;
		token.lock->warmed = ks_worker_pid(token.worker);
		int error = ks_login_again(state, &token);
		if (error < 0)
			ks_log_debug("token \"%s\": no login was sent: %s", token.inventory->label,
				     ks_error_text(error));
	}
}

int ks_signing_describe_token(const struct ks_signing_finding *finding, char text[KS_TEXT_MAX])
{
	char word[1100];
	const char *name = finding->identity->name;
	const struct ks_token *token = &finding->token;

	if (!token->worker) {
		(void)ks_text_print(text, KS_TEXT_MAX,
				    "the token of key \"%s\" is not there; plug it in, or see: keystay status", name);
		return KS_ERR_TOKEN_ABSENT;
	}
	ks_state_token_word(token, word, sizeof(word));
	if (ks_worker_state(token->worker) != KS_MODULE_READY) {
		(void)ks_text_print(text, KS_TEXT_MAX,
				    "token \"%s\" cannot be used: module \"%s\" is not running: %s; "
				    "see: keystay status",
				    token->inventory->label, ks_worker_name(token->worker),
				    ks_worker_note(token->worker));
		return KS_ERR_MODULE_FAILED;
	}
	if (ks_state_of_token(token) == KS_TOKEN_BLOCKED) {
		(void)ks_text_print(text, KS_TEXT_MAX,
				    "token \"%s\" has blocked its PIN after too many wrong ones; "
				    "unblock it with its SO PIN or PUK",
				    token->inventory->label);
		return KS_ERR_PIN_BLOCKED;
	}
	(void)ks_text_print(text, KS_TEXT_MAX, "token \"%s\" is locked; run: keystay unlock %s",
			    token->inventory->label, word);
	return KS_ERR_TOKEN_LOCKED;
}
