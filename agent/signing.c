/* SPDX-License-Identifier: Apache-2.0 */
/* signing: see signing.h. Runs in: keystay-agent. */
#include "agent/signing.h"

#include <stdlib.h>
#include <string.h>

#include "agent/login.h"
#include "agent/scout.h"
#include "agent/signing_private.h"
#include "lib/base/clock.h"
#include "lib/base/container.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* A worker's start and a login. */
#define WAIT_MS (KS_SETTLE_DEADLINE_MS + KS_WORKER_LOGIN_DEADLINE_MS)

/* With a person in it: dialogs before ours, a second one after a wrong PIN. Less than KS_CLIENT_DEADLINE_MS. */
#define WAIT_FOR_PERSON_MS 110000u
_Static_assert(WAIT_FOR_PERSON_MS < KS_CLIENT_DEADLINE_MS, "the client hears of it");

/* It was there when the signature was sent. */
#define TAKEN_OUT "the card with this key was taken out; plug it in again"

#define SIGNING_OF(pointer, member) KS_CONTAINER(pointer, struct ks_signing_job, member)

enum next_step {
	STEP_ENDED, /* already answered */
	STEP_WAIT,  /* for news or a person */
	STEP_PROVE, /* for the proof of the server */
	STEP_SIGN,
};

static void advance(struct ks_signing_job *signing);
static void conclude(struct ks_signing_job *signing);

static void set_state(struct ks_signing_job *signing, enum ks_signing_state state)
{
	signing->state = state;
	if (state != KS_SIGNING_WAITING)
		ks_state_wait_no_more(&signing->waiter);
}

static void on_drop(struct ks_request *request)
{
	ks_signing_abandon(request->pending);
}

const struct ks_settings_socket *ks_signing_socket(const struct ks_signing_job *signing)
{
	return ks_rules_socket(signing->request);
}

bool ks_signing_may_prompt(const struct ks_signing_job *signing)
{
	const struct ks_settings_socket *socket = ks_signing_socket(signing);

	return socket && socket->prompt && signing->message.wait_ms > 0;
}

static struct ks_identity *identity_of(const struct ks_signing_job *signing)
{
	return ks_keyring_by_hash(signing->request->state->keyring, signing->message.spki_hash.data);
}

static enum next_step refuse(struct ks_signing_job *signing, const struct ks_identity *identity, int error,
			     const char *text)
{
	ks_signing_refuse(signing, identity ? identity->name : NULL, error, text);
	return STEP_ENDED;
}

/* --- looking: which key ------------------------------------------------------------------------------------------ */

/* What is wanted may have come without a word: somebody goes and looks, once for a request. Is it worth waiting? */
static bool look_again(struct ks_signing_job *signing)
{
	struct ks_state *state = signing->request->state;

	/* A module has started again, and what is known of its tokens goes by the numbers of the process before. */
	if (state->keyring_is_old && !signing->timed_out)
		return true;
	if (!signing->looked_again) {
		signing->looked_again = true;
		ks_scout_send(state, KS_SCOUT_UNKNOWN_KEY, signing->message.spki_hash.data);
	}
	return ks_scout_is_out(state) && !signing->timed_out &&
	       ks_clock_monotonic_ms() - signing->begun_ms < KS_SCOUT_DEADLINE_MS;
}

/* What the socket does not have is as unknown as what nobody has. */
static enum next_step look_at_identity(struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	const struct ks_settings_socket *socket = ks_signing_socket(signing);
	struct ks_identity *identity = identity_of(signing);

	if (identity && socket && ks_settings_socket_has(socket, identity->name)) {
		finding->identity = identity;
		return STEP_SIGN;
	}
	if (!ks_state_is_settled(signing->request->state) || look_again(signing))
		return STEP_WAIT;
	return refuse(signing, NULL, KS_ERR_UNKNOWN_KEY,
		      "no token here has this key; is its card plugged in? what there is: keystay list");
}

/* --- looking: what and for whom ---------------------------------------------------------------------------------- */

/* Invariant I2: what is it? Before any rule, any PIN, any token. */
static enum next_step look_at_input(struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	struct ks_identity *identity = finding->identity;
	struct ks_signable_refusal refusal;
	char text[KS_TEXT_MAX];

	int error = ks_signing_understand(signing, &identity->spki, &finding->signable, &refusal);
	if (error == 0 && signing->is_cmp)
		error = ks_signing_look_at_cmp(signing, &finding->signable, &refusal);
	/* Of digests the rules speak first: what is wrong with one that is not allowed anyway helps nobody. */
	if (signing->is_digest)
		finding->signable.kind = KS_SIGNABLE_DIGEST;
	if (error < 0 &&
	    !(signing->is_digest && !ks_policy_allows_digest(identity->rules, ks_signing_socket(signing)))) {
		(void)ks_text_print(text, sizeof(text), "key \"%s\" signs only %s: %s", identity->name,
				    ks_signing_what_it_signs(signing), refusal.text);
		return refuse(signing, identity, error, text);
	}
	signing->kind = finding->signable.kind;
	(void)ks_text_print(signing->server_name, sizeof(signing->server_name), "%s", finding->signable.server_name);
	return STEP_SIGN;
}

static void begin_proof(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	ks_signing_proof_begin(&signing->proof, signing->request->state, finding->identity, ks_signing_socket(signing),
			       &finding->signable, signing->message.input, signing->message.transcript);
}

static void ask_policy(struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	struct ks_policy_question *question = &finding->question;
	struct ks_policy_answer *answer = &finding->answer;
	const struct ks_signing_proof *proof = &signing->proof;

	question->server = ks_signing_proof_tell(proof);
	question->consented = false;
	ks_policy_decide(question, answer);
	if (answer->verdict != KS_VERDICT_ASK)
		return;
	/* A reload may take away what the dialog said: then the yes was to something else. */
	bool is_given = (signing->consented && (!signing->asked_proven || proof->knowledge == KS_SERVER_PROVEN)) ||
			(answer->confirm == KS_CONFIRM_FIRST_USE && proof->knowledge == KS_SERVER_PROVEN &&
			 ks_consent_is_given(signing->request->state, finding->identity->spki_hash,
					     signing->request->socket, proof->server));
	question->consented = is_given;
	if (is_given)
		ks_policy_decide(question, answer);
}

/* Invariant I11: do the rules allow it, now? */
static enum next_step look_at_rules(struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	struct ks_state *state = signing->request->state;

	if (ks_signing_refuse_certificate(signing, finding))
		return STEP_ENDED;
	ks_signing_proof_look_again(&signing->proof, state, finding->identity, ks_signing_socket(signing));
	ks_rules_now(signing->request, finding->identity, &finding->signable, &finding->question);
	if (signing->counted)
		finding->question.key_is_spent = finding->question.socket_is_spent = false;
	ask_policy(signing, finding);
	if (finding->answer.verdict == KS_VERDICT_PROVE) {
		if (!signing->proof.proof)
			begin_proof(signing, finding);
		if (signing->proof.proof)
			return STEP_PROVE;
		ask_policy(signing, finding);
	}
	(void)ks_text_print(signing->rule, sizeof(signing->rule), "%s", finding->answer.rule);
	if (finding->answer.verdict == KS_VERDICT_DENY)
		return refuse(signing, finding->identity, finding->answer.error, finding->answer.text);
	return STEP_SIGN;
}

/* --- looking: persons -------------------------------------------------------------------------------------------- */

/* A socket with a name of its own may have been forwarded: the terminal and the display of the far side are not ours. */
static void place_dialog(const struct ks_signing_job *signing, struct ks_prompt_place *ret_place)
{
	const struct ks_settings_socket *socket = ks_signing_socket(signing);

	if (socket && socket->has_person)
		ks_asking_place(signing->message.tty, signing->message.term, signing->message.display,
				signing->message.wayland_display, ret_place);
}

static struct ks_asking_reason reason_of(const struct ks_signing_job *signing, const struct ks_signing_finding *finding,
					 char who[96])
{
	struct ks_asking_reason reason = { .who = who,
					   .key = finding->identity->name,
					   .server = signing->proof.knowledge == KS_SERVER_PROVEN ?
							     signing->proof.server :
							     signing->server_name,
					   .may_prompt = ks_signing_may_prompt(signing) };

	ks_request_describe(signing->request, who, 96);
	ks_identity_warning(finding->identity, reason.warning);
	place_dialog(signing, &reason.place);
	return reason;
}

/* A rule wants a person's yes. */
static enum next_step ask_consent(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	struct ks_state *state = signing->request->state;
	const struct ks_signing_proof *proof = &signing->proof;
	bool proven = proof->knowledge == KS_SERVER_PROVEN;
	char why[KS_TEXT_MAX];
	struct ks_consent_question question = {
		.level = finding->answer.confirm,
		.program = ks_request_program(signing->request),
		.pid = signing->request->peer.pid,
		.uid = signing->request->peer.uid,
		.socket = signing->request->socket,
		.key = finding->identity->name,
		.token = finding->token.inventory->label,
		.spki_hash = finding->identity->spki_hash,
		.server = proven ? proof->server : signing->server_name,
		.server_proven = proven,
		.unverified = proven ? "" : proof->why,
		.is_request = ks_signing_is_for_a_certificate(signing),
		.is_cmp = signing->is_cmp,
		.purpose = ks_signing_purpose_words(signing),
		.may_prompt = ks_signing_may_prompt(signing),
		.timeout_ms = (uint32_t)state->settings->prompt_timeout_ms,
	};

	if (signing->asked_proven != proven)
		ks_consent_leave(&signing->consenter); /* its dialog says what is true no more */
	signing->asked_proven = proven;
	signing->consented = false;
	ks_identity_warning(finding->identity, question.warning);
	place_dialog(signing, &question.place);
	int error = ks_consent_ask(state, &question, &signing->consenter, why);
	if (error == 0)
		ks_signing_tell_wait(signing, "confirmation");
	return error == 0 ? STEP_WAIT : refuse(signing, finding->identity, error, why);
}

/* The token's PIN is asked for, of whom it may be. */
static enum next_step ask_pin(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	char why[KS_TEXT_MAX], who[96];
	const struct ks_asking_reason reason = reason_of(signing, finding, who);

	signing->pin_asked = true;
	signing->asker.wants_pin = ks_signing_pin_may_be_wanted(&finding->token, finding->location.key);
	int error = ks_asking_join(signing->request->state, &finding->token, &reason, &signing->asker, why);
	if (error == 0)
		ks_signing_tell_wait(signing, "PIN");
	return error == 0 ? STEP_WAIT : refuse(signing, finding->identity, error, why);
}

/* A key that asks for its PIN each time (CKA_ALWAYS_AUTHENTICATE): where is it? */
static enum next_step look_at_pin(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
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
		ks_signing_tell_wait(signing, "PIN");
	return error == 0 ? STEP_WAIT : refuse(signing, finding->identity, error, why);
}

/* --- looking: which token ---------------------------------------------------------------------------------------- */

/* A kept PIN makes the token usable again without a question to the user. */
static void log_in_again(struct ks_signing_job *signing, const struct ks_token *token)
{
	if (ks_worker_state(token->worker) != KS_MODULE_READY || token->inventory->logged_in || !token->lock->pin ||
	    signing->login_tried)
		return;
	signing->login_tried = true;
	int error = ks_login_again(signing->request->state, token);
	if (error < 0)
		ks_log_debug("token \"%s\": no login was sent: %s", token->inventory->label, ks_error_text(error));
}

/* The kept PIN was given and taken, and still nobody is logged in: it is not given again at each request, a person
 * decides. */
static void lock_in_vain(struct ks_signing_job *signing, const struct ks_token *token)
{
	if (signing->login_tried && ks_worker_state(token->worker) == KS_MODULE_READY && !token->inventory->logged_in)
		(void)ks_state_lock(signing->request->state, token);
}

static enum next_step refuse_token(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	char text[KS_TEXT_MAX];
	int error = ks_signing_describe_token(finding, text);

	return refuse(signing, finding->identity, error, text);
}

/* None can be used: is one worth waiting for? */
static enum next_step do_without_token(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	bool missed = !finding->token.worker || ks_state_of_token(&finding->token) == KS_TOKEN_BLOCKED;

	if (missed && look_again(signing))
		return STEP_WAIT; /* it may be back, or its PIN unblocked, without a word */
	if (finding->token.worker) {
		ks_worker_wake(finding->token.worker);
		lock_in_vain(signing, &finding->token);
	}
	return refuse_token(signing, finding);
}

static enum next_step look_at_tokens(struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	enum ks_token_use use = ks_signing_choose_token(signing, finding);

	if (use == KS_TOKEN_USE_NO || (use != KS_TOKEN_USE_NOW && signing->timed_out))
		return do_without_token(signing, finding);
	(void)ks_text_print(signing->token, sizeof(signing->token), "%s", finding->token.inventory->label);
	if (finding->answer.verdict == KS_VERDICT_ASK)
		return ask_consent(signing, finding);
	if (use == KS_TOKEN_USE_NOW) {
		ks_signing_warm_others(signing, finding);
		return look_at_pin(signing, finding);
	}
	if (use == KS_TOKEN_USE_ASK)
		return ask_pin(signing, finding);
	log_in_again(signing, &finding->token);
	ks_signing_tell_wait(signing, "token");
	return STEP_WAIT;
}

/* All but the token. */
static enum next_step look(struct ks_signing_job *signing, struct ks_signing_finding *finding)
{
	enum next_step step = look_at_identity(signing, finding);

	if (step == STEP_SIGN)
		step = look_at_input(signing, finding);
	return step == STEP_SIGN ? look_at_rules(signing, finding) : step;
}

/* --- waiting ----------------------------------------------------------------------------------------------------- */

static void on_news(struct ks_waiter *waiter)
{
	advance((struct ks_signing_job *)waiter);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_signing_job *signing = userdata;

	signing->timer = sd_event_source_disable_unref(signing->timer);
	signing->timed_out = true;
	if (signing->state == KS_SIGNING_WAITING)
		advance(signing);
	else if (signing->state == KS_SIGNING_AT_TOKEN || signing->state == KS_SIGNING_PROVING)
		(void)refuse(signing, identity_of(signing), KS_ERR_TIMEOUT,
			     "no signature was made within the deadline of this socket; see: keystay status");
	return 0;
}

static int arm(struct ks_signing_job *signing, uint64_t timeout_ms)
{
	return sd_event_add_time_relative(signing->request->state->event, &signing->timer, CLOCK_MONOTONIC,
					  timeout_ms * 1000, 0, on_timeout, signing) < 0 ?
		       KS_ERR_SYSTEM :
		       0;
}

static void on_asking_failed(struct ks_asker *asker, int error, const char *text)
{
	struct ks_signing_job *signing = SIGNING_OF(asker, asker);

	set_state(signing, KS_SIGNING_LOOKING);
	signing->pin_used = error == KS_ERR_PIN_WRONG || error == KS_ERR_PIN_BLOCKED;
	(void)refuse(signing, identity_of(signing), error, text);
}

static void on_consent(struct ks_consenter *consenter, int error, const char *text)
{
	struct ks_signing_job *signing = SIGNING_OF(consenter, consenter);

	set_state(signing, KS_SIGNING_LOOKING);
	if (error < 0) {
		(void)refuse(signing, identity_of(signing), error, text);
		return;
	}
	signing->consented = true;
	advance(signing);
}

/* How long this client waits for all together. */
static uint32_t patience_ms(const struct ks_signing_job *signing)
{
	bool may_prompt = ks_signing_may_prompt(signing);
	uint32_t limit = may_prompt ? WAIT_FOR_PERSON_MS : WAIT_MS;

	return may_prompt && signing->message.wait_ms < limit ? signing->message.wait_ms : limit;
}

static void wait_for_news(struct ks_signing_job *signing)
{
	if (signing->timed_out) { /* only an unsettled state or a person who does not answer leads here twice */
		(void)refuse(signing, identity_of(signing), KS_ERR_TIMEOUT,
			     "the tokens did not get ready in time; see: keystay status");
		return;
	}
	set_state(signing, KS_SIGNING_WAITING);
	ks_state_wait(signing->request->state, &signing->waiter);
	if (!signing->timer && arm(signing, patience_ms(signing)) < 0)
		(void)refuse(signing, NULL, KS_ERR_SYSTEM, "no timer could be set");
}

static void on_proof(struct ks_signing_proof *proof)
{
	struct ks_signing_job *signing = SIGNING_OF(proof, proof);

	if (signing->state != KS_SIGNING_PROVING)
		return; /* it ran beside the token: looked at when that is done */
	if (signing->reply.signature_size > 0)
		conclude(signing);
	else
		advance(signing);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

/* The signature is good and stands in the reply; everything else is looked at once more (invariant I11). */
static void conclude(struct ks_signing_job *signing)
{
	struct ks_signing_finding finding = { 0 };

	if (signing->proof.proof) {
		set_state(signing, KS_SIGNING_PROVING);
		return;
	}
	set_state(signing, KS_SIGNING_LOOKING);
	enum next_step step = look(signing, &finding);
	if (step == STEP_ENDED)
		return;
	/* A reload asks for more than what was looked at before: this signature is not for it. */
	if (step != STEP_SIGN || finding.answer.verdict == KS_VERDICT_ASK) {
		signing->reply.signature_size = 0;
		advance(signing);
		return;
	}
	finding.location = signing->location;
	if (!ks_state_token_of(signing->request->state, &signing->location, &finding.token) ||
	    ks_signing_use_of(signing, &finding.token) != KS_TOKEN_USE_NOW)
		(void)refuse_token(signing, &finding);
	else
		ks_signing_release(signing, &finding);
}

/* --- at the token ------------------------------------------------------------------------------------------------ */

static void refuse_outcome(struct ks_signing_job *signing, const struct ks_signing_finding *finding, int error,
			   const char *text)
{
	char sentence[KS_TEXT_MAX];

	/* Somebody logged the token out behind our back, and there is no PIN to log in again. */
	if (error == KS_ERR_TOKEN_LOCKED) {
		finding->token.inventory->logged_in = false;
		lock_in_vain(signing, &finding->token);
		ks_state_news(signing->request->state);
		(void)refuse_token(signing, finding);
		return;
	}
	/* A worker names key and token itself; what others say of it does not. */
	if (strncmp(text, "key \"", 5) == 0 || strncmp(text, "token \"", 7) == 0)
		(void)ks_text_print(sentence, sizeof(sentence), "%s", text);
	else
		(void)ks_text_print(sentence, sizeof(sentence), "key \"%s\" on token \"%s\": %s",
				    finding->identity->name, finding->token.inventory->label,
				    text[0] ? text : ks_error_text(error));
	(void)refuse(signing, finding->identity, error, sentence);
}

/* Invariant I5. 0, or WRONG_SIGNATURE. */
static int take_signature(struct ks_signing_job *signing, const struct ks_signing_finding *finding,
			  struct ks_bytes body)
{
	struct ks_msg_worker_sign_reply reply;

	int error = ks_message_read(KS_MSG_WORKER_SIGN_REPLY, body, &reply, sizeof(reply));
	if (error == 0)
		error = (signing->is_digest ? ks_public_key_verify_digest : ks_public_key_verify)(
			finding->identity->public_key, finding->signable.scheme, signing->message.input,
			reply.signature);
	if (error == 0) {
		memcpy(signing->reply.signature, reply.signature.data, reply.signature.size);
		signing->reply.signature_size = reply.signature.size;
		return 0;
	}
	/* Another card in the same slot, or a module that lies: either way what we know of it is not true any more. */
	ks_log_error("module \"%s\" returned a signature that does not verify with the public key of \"%s\"",
		     ks_worker_name(finding->token.worker), finding->identity->name);
	if (ks_worker_rescan(finding->token.worker, true) < 0)
		ks_log_debug("no rescan was sent");
	return KS_ERR_WRONG_SIGNATURE;
}

/* A queued signature whose worker died was never with the module and may try again; so may, once, one whose token was
 * logged out behind our back while its PIN is kept; and any where another token has the key. */
static bool may_try_again(struct ks_signing_job *signing, const struct ks_signing_finding *finding, int error)
{
	if (signing->pin.submitted)
		return false; /* invariant I6: whatever became of it */
	if (error == KS_ERR_BUSY)
		return true;
	if (error == KS_ERR_TOKEN_LOCKED && finding->token.lock && finding->token.lock->pin && !signing->login_tried)
		return true;
	if (error == KS_ERR_MECHANISM || !ks_signing_has_another_token(signing, finding->identity))
		return false;
	ks_signing_give_up_location(signing);
	ks_log_warning("key \"%s\": token \"%s\" did not sign (%s); another token that has the key is asked",
		       finding->identity->name, signing->token, ks_error_word(error));
	return true;
}

static void leave_token(struct ks_signing_job *signing)
{
	signing->turn_timer = sd_event_source_disable_unref(signing->turn_timer);
	signing->told_of_touch = ks_notify_end(signing->notice) || signing->told_of_touch;
	signing->notice = NULL;
	set_state(signing, KS_SIGNING_LOOKING);
}

/* The token is gone meanwhile. */
static void do_without_it(struct ks_signing_job *signing, const struct ks_signing_finding *finding, int error)
{
	if (may_try_again(signing, finding, error < 0 ? error : KS_ERR_TOKEN_ABSENT))
		advance(signing);
	else if (error == KS_ERR_TOKEN_ABSENT)
		(void)refuse(signing, finding->identity, error, TAKEN_OUT);
	else
		(void)refuse_token(signing, finding);
}

static void on_signed(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	struct ks_signing_job *signing = userdata;
	struct ks_signing_finding finding = { 0 };
	bool gave_pin = ks_worker_call_gave_pin(signing->call);

	signing->call = NULL;
	leave_token(signing);
	ks_signing_pin_count(&signing->pin, signing->request->state, error, gave_pin);
	if (error == KS_ERR_TOKEN_ABSENT && !identity_of(signing)) {
		(void)refuse(signing, NULL, error, TAKEN_OUT);
		return;
	}
	/* Much may have happened meanwhile: a lock, a reload, a removal. */
	enum next_step step = look_at_identity(signing, &finding);
	if (step == STEP_WAIT) {
		advance(signing); /* a reload is under way: wait for its end, then sign anew */
		return;
	}
	if (step == STEP_ENDED || look_at_input(signing, &finding) == STEP_ENDED)
		return;
	if (!ks_state_token_of(signing->request->state, &signing->location, &finding.token)) {
		do_without_it(signing, &finding, error);
		return;
	}
	/* It may be back already: then not as what it was. An unlock meanwhile must give it the PIN. */
	if (error == KS_ERR_TOKEN_ABSENT)
		finding.token.inventory->logged_in = false;
	if (error == 0)
		error = take_signature(signing, &finding, reply);
	if (finding.signable.scheme->signing == KS_SIGNING_RSA_PSS && (error == 0 || error == KS_ERR_MECHANISM))
		ks_no_pss_note(&signing->request->state->no_pss, finding.identity->spki_hash, error < 0);
	if (error == 0) {
		conclude(signing);
	} else if (may_try_again(signing, &finding, error)) {
		if (error == KS_ERR_TOKEN_LOCKED)
			finding.token.inventory->logged_in = false;
		advance(signing);
	} else {
		refuse_outcome(signing, &finding, error, text);
	}
}

/* Another token has the key as well, and this one takes long. */
static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_signing_job *signing = userdata;
	const struct ks_identity *identity = identity_of(signing);

	signing->turn_timer = sd_event_source_disable_unref(signing->turn_timer);
	if (!identity || !ks_signing_has_another_token(signing, identity))
		return 0;
	ks_log_warning("key \"%s\": token \"%s\" takes long; another token that has the key is asked", identity->name,
		       signing->token);
	ks_worker_call_cancel(signing->call);
	signing->call = NULL;
	leave_token(signing);
	ks_signing_give_up_location(signing);
	advance(signing);
	return 0;
}

/* Half of the time that is left is for this token, the rest for the others. Without a timer it has all of it. */
static void share_time(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	const struct ks_settings_socket *socket = ks_signing_socket(signing);
	uint64_t deadline_ms = socket && socket->deadline_ms ? socket->deadline_ms : KS_WORKER_SIGN_DEADLINE_MS;
	uint64_t spent_ms = ks_clock_monotonic_ms() - signing->begun_ms;
	uint64_t left_ms = deadline_ms > spent_ms ? deadline_ms - spent_ms : 0;

	if (signing->pin.pin || !ks_signing_has_another_token(signing, finding->identity))
		return;
	if (sd_event_add_time_relative(signing->request->state->event, &signing->turn_timer, CLOCK_MONOTONIC,
				       left_ms * 1000 / 2, 0, on_turn, signing) < 0)
		ks_log_debug("no timer for the next token");
}

static void begin_notice(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	bool proven = signing->proof.knowledge == KS_SERVER_PROVEN;
	const struct ks_notify_reason reason = { .program = ks_request_program(signing->request),
						 .pid = signing->request->peer.pid,
						 .key = finding->identity->name,
						 .server = proven ? signing->proof.server : signing->server_name,
						 .server_proven = proven };

	signing->notice = ks_notify_begin(signing->request->state, finding->token.inventory, &reason);
}

static void send_to_token(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	struct ks_worker_sign sign = { .token = finding->location.token,
				       .key = finding->location.key,
				       .scheme = signing->message.scheme,
				       .input = signing->message.input,
				       .is_digest = signing->is_digest,
				       .owner = (uint64_t)signing->request->peer.pid };

	signing->location = finding->location;
	set_state(signing, KS_SIGNING_AT_TOKEN);
	share_time(signing, finding);
	int error = ks_signing_pin_give(&signing->pin, signing->request->state, &finding->token, &sign);
	signing->pin_used = signing->pin_asked ||
			    sign.authenticate; /* what was asked for was given, or we were not here */
	if (error == 0)
		error = ks_worker_sign(finding->token.worker, &sign, on_signed, signing, &signing->call);
	if (error == KS_ERR_QUOTA) {
		(void)refuse(signing, finding->identity, error, "too many signatures are waiting for this token");
	} else if (error < 0) {
		(void)refuse(signing, finding->identity, error, ks_error_text(error));
	} else {
		begin_notice(signing, finding);
		/* No rule wants to know it first, so it is proven while the token signs: for the record and the client. */
		if (signing->proof.knowledge == KS_SERVER_NOT_LOOKED_AT && !signing->proof.proof &&
		    !ks_signing_is_for_a_certificate(signing))
			begin_proof(signing, finding);
	}
}

/* Once for a request, before the token is asked: what fails after that was used all the same. */
static enum next_step count_use(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	if (signing->counted)
		return STEP_SIGN;
	int error = ks_rules_count(&finding->question, signing->request->state, finding->identity);
	signing->counted = error == 0;
	return error == 0 ?
		       STEP_SIGN :
		       refuse(signing, finding->identity, error, "the uses of this key cannot be counted any more");
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static void advance(struct ks_signing_job *signing)
{
	struct ks_signing_finding finding = { 0 };
	enum next_step step;

	set_state(signing, KS_SIGNING_LOOKING);
	step = look(signing, &finding);
	if (step == STEP_SIGN)
		step = look_at_tokens(signing, &finding);
	if (step == STEP_SIGN)
		step = count_use(signing, &finding);
	if (step == STEP_WAIT)
		wait_for_news(signing);
	else if (step == STEP_PROVE)
		set_state(signing, KS_SIGNING_PROVING);
	else if (step == STEP_SIGN)
		send_to_token(signing, &finding);
}

/* What cannot be read is no request for a signature: it is answered, and no record is made of it. */
static int begin(struct ks_signing_job *signing)
{
	int error = ks_signing_read_message(signing);
	if (error == 0 && signing->message.spki_hash.size != 32)
		error = KS_ERR_MALFORMED;
	if (error == 0 && signing->message.input.size + signing->message.transcript.size > KS_SIGN_INPUT_MAX)
		error = KS_ERR_TOO_LARGE;
	const struct ks_settings_socket *socket = ks_signing_socket(signing);
	if (error == 0 && socket && socket->deadline_ms)
		error = arm(signing, socket->deadline_ms);
	return error;
}

void ks_signing_begin(struct ks_request *request)
{
	struct ks_signing_job *signing = calloc(1, sizeof(*signing));
	if (!signing) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	signing->request = request;
	signing->waiter.changed = on_news;
	signing->asker.failed = on_asking_failed;
	signing->consenter.answered = on_consent;
	signing->proof.done = on_proof;
	signing->proof.share = ks_signing_proof_share(request);
	signing->begun_ms = ks_clock_monotonic_ms();
	int error = begin(signing);
	if (error < 0) {
		ks_log_notice("a request for a signature was not read: %s", ks_error_text(error));
		free(signing);
		ks_request_fail(request, error, NULL);
		return;
	}
	request->pending = signing;
	request->drop = on_drop;
	ks_signing_tell_asked(signing);
	advance(signing);
}
