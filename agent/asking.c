/* SPDX-License-Identifier: Apache-2.0 */
/* asking: see asking.h. What the dialogs say is in asking_words.c. Runs in: keystay-agent. */
#include "agent/asking.h"

#include <stdlib.h>

#include "agent/asking_words.h"
#include "agent/login.h"
#include "agent/pin_file.h"
#include "agent/tries.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* Dialogs in a row for one token; gpg-agent too gives up after three wrong PINs. */
#define KS_ASKING_DIALOGS 3u

struct ks_asking {
	struct ks_asking *next;
	struct ks_state *state;
	struct ks_unlock_entry *entry; /* held */
	bool for_signature;            /* of its one asker; nothing is unlocked */
	struct ks_asker askers;        /* head of a ring */
	size_t n_askers;
	struct ks_prompt *prompt;
	struct ks_token_login *login;
	unsigned n_dialogs;
	uint32_t told_flags;                  /* what the last dialog told of the token */
	bool at_reader;                       /* the PIN is typed there; the dialog only says so */
	bool consents;                        /* ... once the person has said yes to a dialog */
	struct ks_asking_words words;         /* of the first asker */
	struct ks_prompt_place place;         /* of the same */
	char problem[KS_PROMPT_PROBLEM_SIZE]; /* of the last answer */
};

/* --- who waits --------------------------------------------------------------------------------------------------- */

static void add_asker(struct ks_asking *asking, struct ks_asker *asker)
{
	asker->previous = asking->askers.previous;
	asker->next = &asking->askers;
	asker->previous->next = asker;
	asker->next->previous = asker;
	asker->asking = asking;
	asking->n_askers++;
}

static void unlink_asker(struct ks_asker *asker)
{
	if (!asker->next)
		return;
	asker->previous->next = asker->next;
	asker->next->previous = asker->previous;
	asker->next = asker->previous = NULL;
}

static void take_asker(struct ks_asker *asker)
{
	unlink_asker(asker);
	asker->asking->n_askers--;
	asker->asking = NULL;
}

static void asking_free(struct ks_asking *asking)
{
	struct ks_asking **link = &asking->state->askings;

	while (*link && *link != asking)
		link = &(*link)->next;
	if (*link)
		*link = asking->next;
	ks_prompt_cancel(asking->prompt);
	ks_login_forget(asking->login);
	ks_unlock_release(asking->entry);
	free(asking);
}

static struct ks_asking *find_asking(const struct ks_state *state, const struct ks_unlock_entry *entry)
{
	for (struct ks_asking *asking = state->askings; asking; asking = asking->next) {
		if (asking->entry == entry && !asking->for_signature)
			return asking;
	}
	return NULL;
}

bool ks_asking_is_under_way(const struct ks_state *state, const struct ks_unlock_entry *entry)
{
	return find_asking(state, entry);
}

/* Ends the asking first: who is told may ask anew at once, or leave while others are still to be told. */
static void fail_all(struct ks_asking *asking, int error, const char *text)
{
	struct ks_asker ring = asking->askers;
	char copy[KS_TEXT_MAX];

	(void)ks_text_print(copy, sizeof(copy), "%s", text);
	if (asking->n_askers == 0) {
		asking_free(asking);
		return;
	}
	ring.next->previous = &ring;
	ring.previous->next = &ring;
	for (struct ks_asker *asker = ring.next; asker != &ring; asker = asker->next)
		asker->asking = NULL;
	asking_free(asking);
	while (ring.next != &ring) {
		struct ks_asker *asker = ring.next;
		unlink_asker(asker);
		asker->failed(asker, error, copy);
	}
}

/* Those who wait look for themselves when they hear of news. */
static void end_well(struct ks_asking *asking)
{
	while (asking->askers.next != &asking->askers)
		take_asker(asking->askers.next);
	asking_free(asking);
}

static void put_pin(struct ks_asker *asker, struct ks_secret *pin, struct ks_unlock_entry *entry)
{
	ks_secret_free(asker->pin);
	asker->pin = pin;
	if (entry)
		ks_unlock_hold(entry);
	if (asker->pin_of)
		ks_unlock_release(asker->pin_of);
	asker->pin_of = entry;
}

bool ks_asking_is_for(const struct ks_asker *asker, const struct ks_unlock_entry *entry)
{
	return (asker->asking && asker->asking->entry == entry) || (asker->pin && asker->pin_of == entry);
}

struct ks_secret *ks_asking_take_pin(struct ks_asker *asker, const struct ks_unlock_entry *entry)
{
	struct ks_secret *pin = asker->pin_of == entry ? KS_STEAL(asker->pin) : NULL;

	put_pin(asker, NULL, NULL);
	return pin;
}

void ks_asking_leave(struct ks_asker *asker)
{
	struct ks_asking *asking = asker->asking;

	put_pin(asker, NULL, NULL);
	if (!asking) {
		unlink_asker(asker);
		return;
	}
	take_asker(asker);
	/* Nobody wants it any more. A login that was sent goes its way, and its answer still counts. */
	if (asking->n_askers == 0)
		asking_free(asking);
}

/* --- the token, after a wait ------------------------------------------------------------------------------------- */

static bool find_token(struct ks_asking *asking, struct ks_token *ret_token)
{
	for (size_t i = 0; ks_state_token_at(asking->state, i, ret_token); i++) {
		if (ret_token->lock == asking->entry)
			return true;
	}
	return false;
}

static void fail_absent(struct ks_asking *asking)
{
	char text[KS_TEXT_MAX];

	(void)ks_text_print(text, sizeof(text),
			    "token \"%s\" was taken out or is another one now; the PIN was not used; put it back and "
			    "try again",
			    asking->entry->label);
	fail_all(asking, KS_ERR_TOKEN_ABSENT, text);
}

/* --- the login --------------------------------------------------------------------------------------------------- */

static void show_dialog(struct ks_asking *asking);
static int start_prompt(struct ks_asking *asking, const struct ks_token *token);

static void give_pin(struct ks_asking *asking, const struct ks_secret *pin)
{
	struct ks_asker *asker = asking->askers.next;

	while (asker != &asking->askers && !asker->wants_pin)
		asker = asker->next;
	struct ks_secret *copy = NULL;
	if (asker == &asking->askers || !pin)
		return;
	if (ks_secret_copy(pin, &copy) < 0) {
		ks_log_warning("the PIN is asked for once more: locked memory ran out");
		return;
	}
	put_pin(asker, copy, asking->entry);
	asker->told_flags = asking->told_flags;
}

/* Worth another dialog: the person may know better now. */
static bool may_ask_again(const struct ks_asking *asking, int error)
{
	return (error == KS_ERR_PIN_WRONG || error == KS_ERR_PIN_LENGTH || error == KS_ERR_PIN_FINAL_TRY) &&
	       asking->n_dialogs > 0 && asking->n_dialogs < KS_ASKING_DIALOGS && asking->n_askers > 0 &&
	       !asking->at_reader;
}

static void after_login(struct ks_asking *asking, int error, const char *text)
{
	struct ks_token token;

	if (may_ask_again(asking, error) && find_token(asking, &token) &&
	    !(token.inventory->pin_flags & KS_PIN_IS_BLOCKED)) {
		(void)ks_text_print(asking->problem, sizeof(asking->problem), "%s", text);
		show_dialog(asking);
		return;
	}
	fail_all(asking, error, text);
}

static void on_login(int error, const char *text, const struct ks_secret *pin, void *userdata)
{
	struct ks_asking *asking = userdata;

	asking->login = NULL;
	if (error < 0) {
		after_login(asking, error, text[0] ? text : ks_error_text(error));
		return;
	}
	asking->entry->held = false;
	asking->entry->cool_until_ms = 0;
	give_pin(asking, pin);
	end_well(asking);
}

/* pin is taken. */
static void begin_login(struct ks_asking *asking, struct ks_secret *pin, bool unattended)
{
	struct ks_token token;
	char why[KS_TEXT_MAX];

	if (!find_token(asking, &token)) {
		ks_secret_free(pin);
		fail_absent(asking);
		return;
	}
	const struct ks_login_request request = {
		.pin = pin, .by_dialog = !unattended, .told_flags = asking->told_flags, .unattended = unattended
	};
	int error = ks_login_start(asking->state, &token, &request, on_login, asking, &asking->login, why);
	if (error < 0)
		after_login(asking, error, why[0] ? why : ks_error_text(error));
}

/* --- the dialog -------------------------------------------------------------------------------------------------- */

static void cool_down(struct ks_asking *asking)
{
	asking->entry->cool_until_ms = ks_clock_monotonic_ms() + KS_PROMPT_COOL_DOWN_MS;
}

static void fail_dialog(struct ks_asking *asking, int error, const char *text)
{
	char sentence[KS_TEXT_MAX];
	const char *label = asking->entry->label;

	if (error == KS_ERR_CANCELLED)
		(void)ks_text_print(sentence, sizeof(sentence), "the PIN of token \"%s\" was not given: cancelled",
				    label);
	else if (error == KS_ERR_TIMEOUT)
		(void)ks_text_print(
			sentence, sizeof(sentence),
			"the PIN of token \"%s\" was not given in time; try again, or run: keystay unlock %s", label,
			asking->words.word);
	else
		(void)ks_text_print(sentence, sizeof(sentence), "token \"%s\" is locked; run: keystay unlock %s (%s)",
				    label, asking->words.word, text);
	/* A person who has just said no, or is not there, is not asked again by a loop of curls. */
	if (error == KS_ERR_CANCELLED || error == KS_ERR_TIMEOUT)
		cool_down(asking);
	fail_all(asking, error == KS_ERR_NO_PROMPT ? KS_ERR_TOKEN_LOCKED : error, sentence);
}

static void hand_over(struct ks_asking *asking, struct ks_secret *pin)
{
	struct ks_asker *asker = asking->askers.next;

	put_pin(asker, pin, asking->entry);
	asker->told_flags = asking->told_flags;
	ks_state_wake(asking->state);
	end_well(asking);
}

static void on_answer(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	struct ks_asking *asking = userdata;

	asking->prompt = NULL;
	if (error < 0)
		fail_dialog(asking, error, text);
	else if (asking->for_signature)
		hand_over(asking, pin);
	else
		begin_login(asking, pin, false);
}

/* The dialog that only says "type it at the reader" is gone: by the person (they do not want to), or because it could
 * not be shown, which keeps nobody from typing. */
static void on_shown(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	struct ks_asking *asking = userdata;
	struct ks_token token;

	ks_secret_free(pin);
	asking->prompt = NULL;
	if (error != KS_ERR_CANCELLED) {
		if (error < 0)
			ks_log_notice("type the PIN of token \"%s\" at its reader (%s)", asking->entry->label, text);
		return;
	}
	/* C_Login waits inside the reader; only the end of its process ends that. */
	if (find_token(asking, &token))
		ks_worker_kill(token.worker, "the person cancelled the PIN at the reader");
	fail_dialog(asking, KS_ERR_CANCELLED, "");
}

/* told: what a dialog has told of the token; without trouble there is nothing to tell. */
static int log_in_at_reader(struct ks_asking *asking, const struct ks_token *token, uint32_t told, char *why)
{
	struct ks_secret *empty = NULL;

	int error = ks_secret_new(&empty);
	if (error < 0)
		return error;
	const struct ks_login_request request = { .pin = empty, .by_dialog = true, .told_flags = told };
	error = ks_login_start(asking->state, token, &request, on_login, asking, &asking->login, why);
	if (error == 0 && start_prompt(asking, token) < 0)
		ks_log_notice("type the PIN of token \"%s\" at its reader", token->inventory->label);
	return error;
}

/* Now the reader may wait for a PIN. */
static void on_consent(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	struct ks_asking *asking = userdata;
	struct ks_token token;
	struct ks_secret *empty = NULL;
	char why[KS_TEXT_MAX] = "";

	ks_secret_free(pin);
	asking->prompt = NULL;
	asking->consents = false;
	if (error == 0 && asking->for_signature)
		error = ks_secret_new(&empty);
	if (error < 0) {
		fail_dialog(asking, error, text);
	} else if (asking->for_signature) {
		hand_over(asking, empty); /* the signature itself is what the reader waits for */
	} else if (!find_token(asking, &token)) {
		fail_absent(asking);
	} else {
		error = log_in_at_reader(asking, &token, asking->told_flags, why);
		if (error < 0)
			fail_all(asking, error, why[0] ? why : ks_error_text(error));
	}
}

static int start_prompt(struct ks_asking *asking, const struct ks_token *token)
{
	struct ks_state *state = asking->state;
	const struct ks_token_id id = ks_unlock_id(token->lock);
	char description[KS_PROMPT_DESCRIPTION_SIZE];

	asking->told_flags = token->inventory->pin_flags;
	ks_asking_words_describe(&asking->words, token, ks_tries_count(state->tries, &id), asking->at_reader,
				 description, sizeof(description));
	const struct ks_prompt_question question = {
		.kind = !asking->at_reader ? KS_PROMPT_PIN :
			asking->consents   ? KS_PROMPT_CONFIRM :
					     KS_PROMPT_SHOW,
		.pinentry = state->settings->pinentry,
		.title = "keystay",
		.description = description,
		.problem = asking->problem,
		.label = "PIN",
		.ok = "",
		.cancel = "",
		.timeout_ms = (uint32_t)state->settings->prompt_timeout_ms,
		.place = asking->place,
	};
	return ks_prompt_start(state->prompts, &question,
			       !asking->at_reader ? on_answer :
			       asking->consents   ? on_consent :
						    on_shown,
			       asking, &asking->prompt);
}

static void show_dialog(struct ks_asking *asking)
{
	struct ks_token token;

	if (!find_token(asking, &token)) {
		fail_absent(asking);
		return;
	}
	asking->n_dialogs++;
	int error = start_prompt(asking, &token);
	if (error < 0)
		fail_dialog(asking, error, ks_error_text(error));
}

/* --- the start --------------------------------------------------------------------------------------------------- */

static const struct ks_settings_token *pin_source(struct ks_state *state, const struct ks_token *token)
{
	const struct ks_inventory_token *inventory = token->inventory;
	const struct ks_settings_token *settings = ks_settings_token_for(
		state->settings, inventory->label, inventory->manufacturer, inventory->model, inventory->serial);
	char why[KS_TEXT_MAX];

	if (!settings || (!settings->pin_file && !settings->pin_credential) || token->lock->held)
		return NULL;
	return ks_login_may_try(state, token, true, why) == 0 ? settings : NULL;
}

static bool is_cooling(const struct ks_unlock_entry *entry)
{
	return entry->cool_until_ms > ks_clock_monotonic_ms();
}

bool ks_asking_is_possible(struct ks_state *state, const struct ks_token *token, bool may_prompt)
{
	if (ks_worker_state(token->worker) != KS_MODULE_READY || (token->inventory->pin_flags & KS_PIN_IS_BLOCKED))
		return false;
	return ks_asking_is_under_way(state, token->lock) || pin_source(state, token) || may_prompt;
}

static int refuse(const struct ks_token *token, const struct ks_asking_reason *reason, char *why)
{
	char word[1100];

	ks_state_token_word(token, word, sizeof(word));
	if (token->inventory->pin_flags & KS_PIN_IS_BLOCKED) {
		(void)ks_text_print(
			why, KS_TEXT_MAX,
			"token \"%s\" has blocked its PIN after too many wrong ones; unblock it with its SO "
			"PIN or PUK",
			token->inventory->label);
		return KS_ERR_PIN_BLOCKED;
	}
	if (reason->may_prompt && !reason->insists && is_cooling(token->lock)) {
		(void)ks_text_print(why, KS_TEXT_MAX,
				    "token \"%s\" is locked, and its PIN dialog was closed a moment ago; run: keystay "
				    "unlock %s",
				    token->inventory->label, word);
		return KS_ERR_CANCELLED;
	}
	if (!reason->may_prompt) {
		(void)ks_text_print(why, KS_TEXT_MAX, "token \"%s\" is locked; run: keystay unlock %s",
				    token->inventory->label, word);
		return KS_ERR_TOKEN_LOCKED;
	}
	return 0;
}

static struct ks_asking *asking_new(struct ks_state *state, const struct ks_token *token,
				    const struct ks_asking_reason *reason)
{
	struct ks_asking *asking = calloc(1, sizeof(*asking));
	if (!asking)
		return NULL;
	asking->state = state;
	asking->entry = token->lock;
	asking->askers.next = asking->askers.previous = &asking->askers;
	asking->place = reason->place;
	asking->at_reader = token->inventory->pin_flags & KS_PIN_PAD;
	ks_asking_words_init(&asking->words, token, reason);
	ks_unlock_hold(asking->entry);
	asking->next = state->askings;
	state->askings = asking;
	return asking;
}

/* From the configuration. 0: a login has begun. */
static int log_in_from_file(struct ks_asking *asking, const struct ks_token *token,
			    const struct ks_settings_token *settings, char *why)
{
	struct ks_secret *pin = NULL;

	int error = ks_pin_file_read(settings, &pin, why, KS_TEXT_MAX);
	if (error < 0) {
		ks_log_error("%s", why);
		return error;
	}
	const struct ks_login_request request = { .pin = pin, .unattended = true };
	error = ks_login_start(asking->state, token, &request, on_login, asking, &asking->login, why);
	if (error < 0 && why[0] == '\0')
		(void)ks_text_print(why, KS_TEXT_MAX, "%s", ks_error_text(error));
	return error;
}

static int begin(struct ks_asking *asking, const struct ks_token *token, const struct ks_asking_reason *reason,
		 const struct ks_settings_token *source, char *why)
{
	if (source) {
		int error = log_in_from_file(asking, token, source, why);
		if (error == 0 || !reason->may_prompt || is_cooling(token->lock))
			return error;
	}
	/* At a reader with keys the login itself asks; one that may cost the last try begins with a yes. */
	asking->consents = asking->at_reader && ks_login_may_try(asking->state, token, false, why) < 0;
	why[0] = '\0';
	if (asking->at_reader && !asking->consents)
		return log_in_at_reader(asking, token, 0, why);
	asking->n_dialogs = 1;
	return start_prompt(asking, token);
}

int ks_asking_join(struct ks_state *state, const struct ks_token *token, const struct ks_asking_reason *reason,
		   struct ks_asker *asker, char *why)
{
	why[0] = '\0';
	if (asker->asking)
		return 0;
	struct ks_asking *asking = find_asking(state, token->lock);
	if (!asking) {
		const struct ks_settings_token *source = pin_source(state, token);
		int error = source ? 0 : refuse(token, reason, why);
		if (error < 0)
			return error;
		asking = asking_new(state, token, reason);
		error = asking ? begin(asking, token, reason, source, why) : KS_ERR_NO_MEMORY;
		if (error < 0) {
			if (asking)
				asking_free(asking);
			if (why[0] == '\0')
				(void)ks_text_print(why, KS_TEXT_MAX, "%s", ks_error_text(error));
			return error;
		}
	} else if (asking->n_askers >= KS_PROMPT_CLIENTS) {
		(void)ks_text_print(why, KS_TEXT_MAX, "too many programs wait for the PIN of token \"%s\"",
				    token->inventory->label);
		return KS_ERR_QUOTA;
	}
	add_asker(asking, asker);
	return 0;
}

int ks_asking_join_for_signature(struct ks_state *state, const struct ks_token *token,
				 const struct ks_asking_reason *reason, struct ks_asker *asker, char *why)
{
	why[0] = '\0';
	if (asker->asking)
		return 0;
	int error = refuse(token, reason, why);
	if (error == KS_ERR_TOKEN_LOCKED)
		(void)ks_text_print(
			why, KS_TEXT_MAX,
			"key \"%s\" on token \"%s\" wants its PIN at each signature, and no dialog may ask for "
			"it here; allow dialogs, or set keep-pin = yes (man keystay.conf)",
			reason->key, token->inventory->label);
	if (error < 0)
		return error;
	struct ks_asking *asking = asking_new(state, token, reason);
	if (!asking)
		return KS_ERR_NO_MEMORY;
	asking->for_signature = true;
	asking->words.for_signature = true;
	add_asker(asking, asker);
	/* Nobody types a PIN at a reader who does not know for whom. */
	asking->consents = asking->at_reader;
	error = start_prompt(asking, token);
	if (error < 0) {
		end_well(asking);
		(void)ks_text_print(why, KS_TEXT_MAX, "%s", ks_error_text(error));
	}
	return error;
}

/* --- ends -------------------------------------------------------------------------------------------------------- */

void ks_asking_revoke(struct ks_state *state, const struct ks_unlock_entry *entry)
{
	struct ks_asking *asking = state->askings;
	char text[KS_TEXT_MAX];

	while (asking) {
		struct ks_asking *next = asking->next;
		/* One whose login is under way hears of it from there. */
		if (asking->entry == entry && !asking->login) {
			(void)ks_text_print(text, sizeof(text), "token \"%s\" was locked or taken out meanwhile",
					    entry->label);
			fail_all(asking, KS_ERR_TOKEN_LOCKED, text);
			next = state->askings; /* who was told may have changed the list */
		}
		asking = next;
	}
}

void ks_asking_free_all(struct ks_state *state)
{
	while (state->askings)
		end_well(state->askings);
}
