/* SPDX-License-Identifier: Apache-2.0 */
/* signing: see signing.h. Runs in: keystay-agent. */
#include "agent/signing.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/asking.h"
#include "agent/login.h"
#include "agent/policy.h"
#include "agent/rules_now.h"
#include "agent/scout.h"
#include "agent/signing_pin.h"
#include "agent/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/container.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/signable.h"

/* A worker's start and a login. */
#define WAIT_MS (KS_SETTLE_DEADLINE_MS + KS_WORKER_LOGIN_DEADLINE_MS)

/* With a person in it: dialogs before ours, a second one after a wrong PIN. Less than KS_CLIENT_DEADLINE_MS. */
#define WAIT_FOR_PERSON_MS 110000u
_Static_assert(WAIT_FOR_PERSON_MS < KS_CLIENT_DEADLINE_MS, "the client hears of it");

/* It was there when the signature was sent. */
#define TAKEN_OUT "the card with this key was taken out; plug it in again"

enum signing_state {
	LOOKING, /* working, nothing is awaited */
	WAITING, /* for news of the state or an answer of a person; one deadline for all waits of one request together */
	AT_TOKEN, /* for the worker; deadline KS_WORKER_SIGN_DEADLINE_MS, kept by the worker */
};

struct signing {
	struct ks_waiter waiter; /* first, so that the waiter is the signing */
	struct ks_request *request;
	enum signing_state state;
	struct ks_msg_sign message; /* borrows from the request's body; of SIGN_DIGEST: input is the digest */
	bool is_digest;
	sd_event_source *timer; /* from the first WAITING on */
	uint64_t begun_ms;
	bool timed_out;
	bool looked_again; /* for a key that nobody knew */
	bool login_tried;  /* a kept PIN is used once for one request */
	struct ks_asker asker;
	struct ks_signing_pin pin; /* of a key that asks for it each time */
	struct ks_worker_call *call;
	struct ks_location location; /* of the call */
};

/* What LOOKING finds; nothing of it outlives a wait. */
struct finding {
	struct ks_identity *identity;
	struct ks_signable signable;
	struct ks_location location;
	struct ks_token token; /* its worker is NULL when no token is there */
};

enum next_step {
	STEP_REFUSED, /* already answered */
	STEP_WAIT,
	STEP_SIGN,
};

static void set_state(struct signing *signing, enum signing_state state)
{
	signing->state = state;
	if (state != WAITING)
		ks_state_wait_no_more(&signing->waiter);
}

static void signing_free(struct signing *signing)
{
	set_state(signing, LOOKING);
	signing->timer = sd_event_source_disable_unref(signing->timer);
	ks_asking_leave(&signing->asker);
	ks_signing_pin_leave(&signing->pin, signing->request->state, signing->call);
	free(signing);
}

static void on_drop(struct ks_request *request)
{
	signing_free(request->pending);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void refuse(struct signing *signing, const char *key_name, int error, const char *text)
{
	struct ks_request *request = signing->request;
	char who[96];

	ks_request_describe(request, who, sizeof(who));
	ks_log_notice("not signed for %s%s%s%s: %s [%s]", who, key_name ? " with \"" : "", key_name ? key_name : "",
		      key_name ? "\"" : "", text, ks_error_word(error));
	signing_free(signing);
	ks_request_fail(request, error, "%s", text);
}

static const char *kind_name(enum ks_signable_kind kind)
{
	static const char *const names[] = {
		[KS_SIGNABLE_TLS13_CLIENT] = "TLS 1.3 client authentication",
		[KS_SIGNABLE_TLS12_CLIENT] = "TLS 1.2 client authentication",
		[KS_SIGNABLE_DIGEST] = "a bare digest, which nobody can check",
	};
	return names[kind];
}

/* What the server may be is said by the input alone here; a proof of it is lib/tls/server_proof's, when it exists. */
static const char *why_unverified(const struct finding *finding)
{
	if (finding->signable.kind == KS_SIGNABLE_DIGEST)
		return "a digest says nothing of what it is for";
	return finding->signable.kind == KS_SIGNABLE_TLS13_CLIENT ?
		       "the TLS 1.3 input holds only a hash of the handshake" :
		       "the server named in the handshake was not checked";
}

static void release(struct signing *signing, const struct finding *finding, struct ks_bytes signature)
{
	struct ks_request *request = signing->request;
	struct ks_state *state = request->state;
	char who[96];

	ks_request_describe(request, who, sizeof(who));
	ks_log_info("signed for %s with \"%s\": %s, %s%s%s", who, finding->identity->name,
		    kind_name(finding->signable.kind), finding->signable.scheme->name,
		    finding->signable.server_name[0] ? ", claimed server " : "", finding->signable.server_name);
	if (ks_unlock_spent(finding->token.lock))
		(void)ks_state_lock(state, &finding->token);
	struct ks_msg_sign_reply reply = { .signature = signature,
					   .unverified = ks_bytes_text(why_unverified(finding)) };
	signing_free(signing);
	ks_request_answer(request, KS_MSG_SIGN_REPLY, &reply);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

/* What is wanted may have come without a word: somebody goes and looks, once for a request. Is it worth waiting? */
static bool look_again(struct signing *signing)
{
	struct ks_state *state = signing->request->state;

	if (!signing->looked_again) {
		signing->looked_again = true;
		ks_scout_send(state, KS_SCOUT_UNKNOWN_KEY, signing->message.spki_hash.data);
	}
	return ks_scout_is_out(state) && !signing->timed_out &&
	       ks_clock_monotonic_ms() - signing->begun_ms < KS_SCOUT_DEADLINE_MS;
}

static const struct ks_settings_socket *socket_of(const struct signing *signing)
{
	return ks_settings_socket_of(signing->request->state->settings, signing->request->socket);
}

static int look_at_identity(struct signing *signing, struct finding *finding)
{
	struct ks_state *state = signing->request->state;

	const struct ks_settings_socket *socket = socket_of(signing);
	struct ks_identity *identity = ks_keyring_by_hash(state->keyring, signing->message.spki_hash.data);

	/* What the socket does not have is as unknown as what nobody has. */
	if (identity && socket && ks_settings_socket_has(socket, identity->name)) {
		finding->identity = identity;
		return 0;
	}
	if (!ks_state_is_settled(state))
		return KS_ERR_BUSY;
	if (look_again(signing))
		return KS_ERR_BUSY;
	refuse(signing, NULL, KS_ERR_UNKNOWN_KEY,
	       "no token here has this key; is its card plugged in? what there is: keystay list");
	return KS_ERR_UNKNOWN_KEY;
}

/* Invariants I2 and I11: what is it, and do the rules allow it? Before any PIN, before any token. */
static int look_at_input(struct signing *signing, struct finding *finding)
{
	struct ks_identity *identity = finding->identity;
	const struct ks_msg_sign *message = &signing->message;
	struct ks_signable_refusal refusal;
	char text[KS_TEXT_MAX];

	int error = signing->is_digest ? ks_signable_check_digest(message->input, message->scheme, &identity->spki,
								  &finding->signable, &refusal) :
					 ks_signable_check(message->input, message->scheme, &identity->spki,
							   &finding->signable, &refusal);
	/* Of digests the rules speak first: what is wrong with one that is not allowed anyway helps nobody. */
	if (signing->is_digest)
		finding->signable.kind = KS_SIGNABLE_DIGEST;
	if (error < 0 && !(signing->is_digest && !ks_policy_allows_digest(identity->rules, socket_of(signing)))) {
		(void)ks_text_print(text, sizeof(text), "key \"%s\" signs only TLS client authentication%s: %s",
				    identity->name, signing->is_digest ? " and digests" : "", refusal.text);
		refuse(signing, identity->name, error, text);
		return error;
	}
	struct ks_policy_question question;
	struct ks_policy_answer answer;
	ks_rules_now(signing->request, identity, &finding->signable, &question);
	question.server.knowledge = KS_SERVER_UNPROVEN;
	question.server.why = why_unverified(finding);
	ks_policy_decide(&question, &answer);
	if (answer.verdict == KS_VERDICT_ASK) {
		answer.error = KS_ERR_RULE_UNPROVABLE;
		(void)ks_text_print(answer.text, sizeof(answer.text), "key \"%s\": a person has to be asked first (%s)",
				    identity->name, answer.rule);
	}
	if (answer.error < 0)
		refuse(signing, identity->name, answer.error, answer.text);
	return answer.error;
}

static void refuse_token(struct signing *signing, const struct finding *finding)
{
	char text[KS_TEXT_MAX], word[1100];
	const char *name = finding->identity->name;
	const struct ks_token *token = &finding->token;

	if (!token->worker) {
		(void)ks_text_print(text, sizeof(text),
				    "the token of key \"%s\" is not there; plug it in, or see: "
				    "keystay status",
				    name);
		refuse(signing, name, KS_ERR_TOKEN_ABSENT, text);
		return;
	}
	ks_state_token_word(token, word, sizeof(word));
	if (ks_worker_state(token->worker) != KS_MODULE_READY) {
		(void)ks_text_print(text, sizeof(text),
				    "token \"%s\" cannot be used: module \"%s\" is not running: %s; "
				    "see: keystay status",
				    token->inventory->label, ks_worker_name(token->worker),
				    ks_worker_note(token->worker));
		refuse(signing, name, KS_ERR_MODULE_FAILED, text);
	} else if (ks_state_of_token(token) == KS_TOKEN_BLOCKED) {
		(void)ks_text_print(text, sizeof(text),
				    "token \"%s\" has blocked its PIN after too many wrong ones; "
				    "unblock it with its SO PIN or PUK",
				    token->inventory->label);
		refuse(signing, name, KS_ERR_PIN_BLOCKED, text);
	} else {
		(void)ks_text_print(text, sizeof(text), "token \"%s\" is locked; run: keystay unlock %s",
				    token->inventory->label, word);
		refuse(signing, name, KS_ERR_TOKEN_LOCKED, text);
	}
}

enum token_use { TOKEN_USE_NO, TOKEN_USE_ASK, TOKEN_USE_SOON, TOKEN_USE_NOW };

/* May a person be asked for this client: do the socket, the client's own words and its patience allow it? */
static bool may_prompt(const struct signing *signing)
{
	const struct ks_settings_socket *socket = socket_of(signing);

	return socket && socket->prompt && signing->message.wait_ms > 0;
}

/* May this token sign now, soon (its worker starts, a login is under way or can be made), once its PIN was asked for, or
 * not? */
static enum token_use use_of(struct signing *signing, const struct ks_token *token)
{
	struct ks_state *state = signing->request->state;
	enum ks_token_state lock = ks_state_of_token(token);

	if (ks_worker_state(token->worker) == KS_MODULE_FAILED || ks_worker_is_resting(token->worker))
		return TOKEN_USE_NO;
	if (ks_worker_state(token->worker) != KS_MODULE_READY)
		return TOKEN_USE_SOON; /* being started again; then it is known whether it must be unlocked anew */
	if (lock != KS_TOKEN_OPEN && lock != KS_TOKEN_UNLOCKED) {
		if (ks_login_is_under_way(state, token->lock) && !ks_asking_is_under_way(state, token->lock))
			return TOKEN_USE_SOON;
		return ks_asking_is_possible(state, token, may_prompt(signing)) ? TOKEN_USE_ASK : TOKEN_USE_NO;
	}
	if (lock == KS_TOKEN_OPEN || token->inventory->logged_in)
		return TOKEN_USE_NOW;
	if (!token->lock->pin || signing->login_tried)
		return ks_login_is_under_way(state, token->lock) ? TOKEN_USE_SOON : TOKEN_USE_NO;
	return TOKEN_USE_SOON;
}

/* A kept PIN makes the token usable again without a question to the user. */
static void log_in_again(struct signing *signing, const struct ks_token *token)
{
	if (ks_worker_state(token->worker) != KS_MODULE_READY || token->inventory->logged_in || !token->lock->pin ||
	    signing->login_tried)
		return;
	signing->login_tried = true;
	int error = ks_login_again(signing->request->state, token);
	if (error < 0)
		ks_log_debug("token \"%s\": no login was sent: %s", token->inventory->label, ks_error_text(error));
}

static struct ks_asking_reason reason_of(const struct signing *signing, const struct finding *finding, char who[96])
{
	struct ks_asking_reason reason = { .who = who,
					   .key = finding->identity->name,
					   .server = finding->signable.server_name,
					   .may_prompt = may_prompt(signing) };

	ks_request_describe(signing->request, who, 96);
	ks_asking_place(signing->message.tty, signing->message.term, signing->message.display,
			signing->message.wayland_display, &reason.place);
	return reason;
}

/* The token's PIN is asked for, of whom it may be. */
static enum next_step ask(struct signing *signing, const struct finding *finding)
{
	char why[KS_TEXT_MAX], who[96];
	const struct ks_asking_reason reason = reason_of(signing, finding, who);

	signing->asker.wants_pin = ks_signing_pin_may_be_wanted(&finding->token, finding->location.key);
	int error = ks_asking_join(signing->request->state, &finding->token, &reason, &signing->asker, why);
	if (error == 0)
		return STEP_WAIT;
	refuse(signing, finding->identity->name, error, why);
	return STEP_REFUSED;
}

/* One public key may be on several tokens: the first that can sign now is taken, else one that soon can, else one whose
 * PIN can be asked for. */
static enum token_use choose_token(struct signing *signing, struct finding *finding)
{
	enum token_use best = TOKEN_USE_NO, asked_use = TOKEN_USE_NO;
	bool chosen = false;
	struct finding asked = *finding;

	for (size_t i = 0; i < finding->identity->n_locations; i++) {
		struct ks_token token;
		if (!ks_state_token_of(signing->request->state, &finding->identity->locations[i], &token))
			continue;
		enum token_use use = use_of(signing, &token);
		/* It has just logged in and told of its private key; the keyring that knows of it comes with the news. */
		if (use == TOKEN_USE_NOW && finding->identity->locations[i].key == KS_LOCATION_NO_KEY)
			use = TOKEN_USE_SOON;
		if (ks_asking_is_for(&signing->asker, token.lock)) {
			asked_use = use;
			asked.location = finding->identity->locations[i];
			asked.token = token;
		}
		if (chosen && use <= best)
			continue;
		chosen = true;
		best = use;
		finding->location = finding->identity->locations[i];
		finding->token = token;
	}
	/* A PIN is for the token that its dialog named; only one that needs none is better. */
	if (asked_use == TOKEN_USE_NO ||
	    (best == TOKEN_USE_NOW && !ks_signing_pin_is_wanted(&finding->token, finding->location.key)))
		return best;
	*finding = asked;
	return asked_use;
}

/* The kept PIN was given and taken, and still nobody is logged in: it is not given again at each request, a person
 * decides. */
static void lock_in_vain(struct signing *signing, const struct ks_token *token)
{
	if (signing->login_tried && ks_worker_state(token->worker) == KS_MODULE_READY && !token->inventory->logged_in)
		(void)ks_state_lock(signing->request->state, token);
}

static enum next_step look_at_tokens(struct signing *signing, struct finding *finding)
{
	enum token_use use = choose_token(signing, finding);

	if (use == TOKEN_USE_NOW)
		return STEP_SIGN;
	if (use == TOKEN_USE_SOON && !signing->timed_out) {
		log_in_again(signing, &finding->token);
		return STEP_WAIT;
	}
	if (use == TOKEN_USE_ASK && !signing->timed_out)
		return ask(signing, finding);
	bool missed = !finding->token.worker || ks_state_of_token(&finding->token) == KS_TOKEN_BLOCKED;
	if (missed && look_again(signing))
		return STEP_WAIT; /* it may be back, or its PIN unblocked, without a word */
	if (finding->token.worker) {
		ks_worker_wake(finding->token.worker);
		lock_in_vain(signing, &finding->token);
	}
	refuse_token(signing, finding);
	return STEP_REFUSED;
}

static enum next_step look(struct signing *signing, struct finding *finding)
{
	int error = look_at_identity(signing, finding);

	if (error == KS_ERR_BUSY)
		return STEP_WAIT;
	if (error < 0 || look_at_input(signing, finding) < 0)
		return STEP_REFUSED;
	return look_at_tokens(signing, finding);
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

static void advance(struct signing *signing);

static void on_news(struct ks_waiter *waiter)
{
	advance((struct signing *)waiter);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct signing *signing = userdata;

	signing->timer = sd_event_source_disable_unref(signing->timer);
	signing->timed_out = true;
	if (signing->state == WAITING)
		advance(signing);
	return 0;
}

static void on_asking_failed(struct ks_asker *asker, int error, const char *text)
{
	struct signing *signing = KS_CONTAINER(asker, struct signing, asker);
	const struct ks_identity *identity =
		ks_keyring_by_hash(signing->request->state->keyring, signing->message.spki_hash.data);

	set_state(signing, LOOKING);
	refuse(signing, identity ? identity->name : NULL, error, text);
}

/* How long this client waits for all together. */
static uint32_t patience_ms(const struct signing *signing)
{
	uint32_t limit = may_prompt(signing) ? WAIT_FOR_PERSON_MS : WAIT_MS;

	return may_prompt(signing) && signing->message.wait_ms < limit ? signing->message.wait_ms : limit;
}

static void wait_for_news(struct signing *signing)
{
	struct ks_state *state = signing->request->state;

	if (signing->timed_out) { /* only an unsettled state or a person who does not answer leads here twice */
		refuse(signing, NULL, KS_ERR_TIMEOUT, "the tokens did not get ready in time; see: keystay status");
		return;
	}
	set_state(signing, WAITING);
	ks_state_wait(state, &signing->waiter);
	if (!signing->timer && sd_event_add_time_relative(state->event, &signing->timer, CLOCK_MONOTONIC,
							  patience_ms(signing) * 1000ull, 0, on_timeout, signing) < 0)
		refuse(signing, NULL, KS_ERR_SYSTEM, "no timer could be set");
}

/* --- at the token ------------------------------------------------------------------------------------------------ */

static void refuse_outcome(struct signing *signing, const struct finding *finding, int error, const char *text)
{
	char sentence[KS_TEXT_MAX];

	/* Somebody logged the token out behind our back, and there is no PIN to log in again. */
	if (error == KS_ERR_TOKEN_LOCKED) {
		finding->token.inventory->logged_in = false;
		lock_in_vain(signing, &finding->token);
		ks_state_news(signing->request->state);
		refuse_token(signing, finding);
		return;
	}
	/* A worker names key and token itself; what others say of it does not. */
	if (strncmp(text, "key \"", 5) == 0 || strncmp(text, "token \"", 7) == 0)
		(void)ks_text_print(sentence, sizeof(sentence), "%s", text);
	else
		(void)ks_text_print(sentence, sizeof(sentence), "key \"%s\" on token \"%s\": %s",
				    finding->identity->name, finding->token.inventory->label,
				    text[0] ? text : ks_error_text(error));
	refuse(signing, finding->identity->name, error, sentence);
}

static void check_and_release(struct signing *signing, const struct finding *finding, struct ks_bytes body)
{
	struct ks_msg_worker_sign_reply reply;

	int error = ks_message_read(KS_MSG_WORKER_SIGN_REPLY, body, &reply, sizeof(reply));
	if (error == 0)
		error = (signing->is_digest ? ks_public_key_verify_digest : ks_public_key_verify)(
			finding->identity->public_key, finding->signable.scheme, signing->message.input,
			reply.signature);
	if (error == 0) {
		release(signing, finding, reply.signature);
		return;
	}
	/* Another card in the same slot, or a module that lies: either way what we know of it is not true any more. */
	ks_log_error("module \"%s\" returned a signature that does not verify with the public key of \"%s\"",
		     ks_worker_name(finding->token.worker), finding->identity->name);
	if (ks_worker_rescan(finding->token.worker, true) < 0)
		ks_log_debug("no rescan was sent");
	refuse_outcome(signing, finding, KS_ERR_WRONG_SIGNATURE, "");
}

/* A queued signature whose worker died was never with the module and may try again; so may, once, one whose token was
 * logged out behind our back while its PIN is kept. */
static bool may_try_again(const struct signing *signing, const struct finding *finding, int error)
{
	if (signing->pin.submitted)
		return false; /* invariant I6: whatever became of it */
	return error == KS_ERR_BUSY ||
	       (error == KS_ERR_TOKEN_LOCKED && finding->token.lock->pin && !signing->login_tried);
}

static void on_signed(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	struct signing *signing = userdata;
	struct finding finding = { 0 };

	bool gave_pin = ks_worker_call_gave_pin(signing->call);

	signing->call = NULL;
	set_state(signing, LOOKING);
	ks_signing_pin_count(&signing->pin, signing->request->state, error, gave_pin);
	if (error == KS_ERR_TOKEN_ABSENT &&
	    !ks_keyring_by_hash(signing->request->state->keyring, signing->message.spki_hash.data)) {
		refuse(signing, NULL, error, TAKEN_OUT);
		return;
	}
	/* Much may have happened meanwhile: a lock, a reload, a removal. */
	int found = look_at_identity(signing, &finding);
	if (found == KS_ERR_BUSY) {
		advance(signing); /* a reload is under way: wait for its end, then sign anew */
		return;
	}
	if (found < 0 || look_at_input(signing, &finding) < 0)
		return;
	if (!ks_state_token_of(signing->request->state, &signing->location, &finding.token)) {
		if (error == KS_ERR_TOKEN_ABSENT)
			refuse(signing, finding.identity->name, error, TAKEN_OUT);
		else
			refuse_token(signing, &finding);
		return;
	}
	/* It may be back already: then not as what it was. An unlock meanwhile must give it the PIN. */
	if (error == KS_ERR_TOKEN_ABSENT)
		finding.token.inventory->logged_in = false;
	if (error < 0 && may_try_again(signing, &finding, error)) {
		if (error == KS_ERR_TOKEN_LOCKED)
			finding.token.inventory->logged_in = false;
		advance(signing);
	} else if (error < 0) {
		refuse_outcome(signing, &finding, error, text);
	} else if (use_of(signing, &finding.token) != TOKEN_USE_NOW) {
		refuse_token(signing, &finding);
	} else {
		check_and_release(signing, &finding, reply);
	}
}

/* A key that asks for its PIN each time (CKA_ALWAYS_AUTHENTICATE): where is it? */
static enum next_step look_at_pin(struct signing *signing, const struct finding *finding)
{
	struct ks_state *state = signing->request->state;
	char why[KS_TEXT_MAX], who[96];

	if (!ks_signing_pin_is_wanted(&finding->token, finding->location.key)) {
		ks_asking_leave(&signing->asker); /* a PIN that was kept for it is not needed */
		return STEP_SIGN;
	}
	enum ks_signing_pin_source source = ks_signing_pin_find(&signing->pin, state, &finding->token, &signing->asker);
	if (source == KS_SIGNING_PIN_HERE)
		return STEP_SIGN;
	if (source == KS_SIGNING_PIN_LATER)
		return STEP_WAIT;
	const struct ks_asking_reason reason = reason_of(signing, finding, who);
	int error = ks_asking_join_for_signature(state, &finding->token, &reason, &signing->asker, why);
	if (error == 0)
		return STEP_WAIT;
	refuse(signing, finding->identity->name, error, why);
	return STEP_REFUSED;
}

static void send_to_token(struct signing *signing, const struct finding *finding)
{
	struct ks_worker_sign sign = { .token = finding->location.token,
				       .key = finding->location.key,
				       .scheme = signing->message.scheme,
				       .input = signing->message.input,
				       .is_digest = signing->is_digest,
				       .owner = (uint64_t)signing->request->peer.pid };

	signing->location = finding->location;
	set_state(signing, AT_TOKEN);
	int error = ks_signing_pin_give(&signing->pin, signing->request->state, &finding->token, &sign);
	if (error == 0)
		error = ks_worker_sign(finding->token.worker, &sign, on_signed, signing, &signing->call);
	if (error == KS_ERR_QUOTA)
		refuse(signing, finding->identity->name, error, "too many signatures are waiting for this token");
	else if (error < 0)
		refuse(signing, finding->identity->name, error, ks_error_text(error));
}

static void advance(struct signing *signing)
{
	struct finding finding = { 0 };
	enum next_step step;

	set_state(signing, LOOKING);
	step = look(signing, &finding);
	if (step == STEP_SIGN)
		step = look_at_pin(signing, &finding);
	if (step == STEP_WAIT)
		wait_for_news(signing);
	else if (step == STEP_SIGN)
		send_to_token(signing, &finding);
}

static int read_message(struct signing *signing)
{
	const struct ks_request *request = signing->request;
	struct ks_msg_sign_digest digest;

	if (request->type != KS_MSG_SIGN_DIGEST)
		return ks_message_read(KS_MSG_SIGN, request->body, &signing->message, sizeof(signing->message));
	int error = ks_message_read(KS_MSG_SIGN_DIGEST, request->body, &digest, sizeof(digest));
	if (error < 0)
		return error;
	signing->is_digest = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = digest.spki_hash,
						 .scheme = digest.scheme,
						 .input = digest.digest,
						 .wait_ms = digest.wait_ms,
						 .program = digest.program,
						 .tty = digest.tty,
						 .term = digest.term,
						 .display = digest.display,
						 .wayland_display = digest.wayland_display };
	return 0;
}

void ks_signing_begin(struct ks_request *request)
{
	struct signing *signing = calloc(1, sizeof(*signing));
	if (!signing) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	signing->request = request;
	signing->waiter.changed = on_news;
	signing->asker.failed = on_asking_failed;
	signing->begun_ms = ks_clock_monotonic_ms();
	request->pending = signing;
	request->drop = on_drop;
	int error = read_message(signing);
	if (error == 0 && signing->message.spki_hash.size != 32)
		error = KS_ERR_MALFORMED;
	if (error == 0 && signing->message.input.size + signing->message.transcript.size > KS_SIGN_INPUT_MAX)
		error = KS_ERR_TOO_LARGE;
	if (error < 0)
		refuse(signing, NULL, error, ks_error_text(error));
	else
		advance(signing);
}
