/* SPDX-License-Identifier: Apache-2.0 */
/* unlocking: see unlocking.h. Runs in: keystay-agent. */
#include "agent/unlocking.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/asking.h"
#include "agent/login.h"
#include "agent/monitor.h"
#include "agent/scout.h"
#include "agent/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/container.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

struct unlocking {
	struct ks_waiter waiter; /* first; until the state is settled, a look for new tokens over, the keyring made */
	struct ks_request *request;
	struct ks_secret *pin; /* until it is handed to the login; NULL when the agent is to ask */
	struct ks_msg_unlock message;
	struct ks_unlock_entry *entry; /* held, once the token is known */
	struct ks_token_login *login;
	struct ks_asker asker;
	bool looked; /* for a token that nobody knew */
	bool waited; /* long enough for the token's module to start */
	sd_event_source *timer;

	uint64_t number; /* for agent/monitor.h */
	bool pin_used;
	bool over; /* the outcome is known, and its record written */
	struct ks_audit_entry *audit;
	int error; /* of the answer */
	char text[KS_TEXT_MAX];
};

/* Nothing is awaited any more, but for the record. */
static void rest(struct unlocking *unlocking)
{
	ks_state_wait_no_more(&unlocking->waiter);
	unlocking->timer = sd_event_source_disable_unref(unlocking->timer);
	ks_asking_leave(&unlocking->asker);
	ks_login_forget(KS_STEAL(unlocking->login));
}

static void unlocking_free(struct unlocking *unlocking)
{
	rest(unlocking);
	ks_audit_forget(unlocking->audit);
	ks_secret_free(unlocking->pin);
	if (unlocking->entry)
		ks_unlock_release(unlocking->entry);
	free(unlocking);
}

static bool find_token(struct unlocking *unlocking, struct ks_token *ret_token)
{
	for (size_t i = 0; ks_state_token_at(unlocking->request->state, i, ret_token); i++) {
		if (ret_token->lock == unlocking->entry)
			return true;
	}
	return false;
}

/* --- the answer, and its record ---------------------------------------------------------------------------------- */

static enum ks_audit_outcome outcome_of(int error)
{
	if (error == 0)
		return KS_AUDIT_DONE;
	return error == KS_ERR_CANCELLED ? KS_AUDIT_CANCELLED : KS_AUDIT_FAILED;
}

static void tell_monitor(struct unlocking *unlocking, enum ks_monitor_kind kind, const char *text)
{
	char program[64];
	struct ks_monitor_event event = ks_monitor_event_of(unlocking->request, unlocking->number, program);

	event.kind = kind;
	event.purpose = "unlock";
	event.outcome = kind == KS_MONITOR_ANSWERED ? outcome_of(unlocking->error) : 0;
	event.text = text;
	ks_monitor_tell(unlocking->request->state->monitor, &event);
}

/* done NULL: the client is gone. */
static int record(struct unlocking *unlocking, ks_audit_done *done)
{
	const struct ks_request *request = unlocking->request;
	char program[64], name[65];
	struct ks_token token;

	ks_peer_program(request->peer.pid, program, sizeof(program));
	ks_text_escape(unlocking->message.token, name, sizeof(name));
	const struct ks_audit_record what = {
		.outcome = outcome_of(unlocking->error),
		.purpose = "unlock",
		.socket = request->socket,
		.program = program,
		.uid = request->peer.uid,
		.gid = request->peer.gid,
		.pid = request->peer.pid,
		.token = unlocking->entry && find_token(unlocking, &token) ? token.inventory->label : name,
		.pin_used = unlocking->pin_used,
		.error = unlocking->error,
		.text = unlocking->text,
	};
	tell_monitor(unlocking, KS_MONITOR_ANSWERED, unlocking->text);
	unlocking->over = true;
	return ks_audit_write(request->state->audit, &what, done, unlocking, done ? &unlocking->audit : NULL);
}

static void on_drop(struct ks_request *request)
{
	struct unlocking *unlocking = request->pending;

	if (!unlocking->over) {
		unlocking->error = KS_ERR_CANCELLED;
		(void)ks_text_print(unlocking->text, sizeof(unlocking->text), "the client went away");
		if (record(unlocking, NULL) < 0)
			ks_log_error("an audit record is lost: memory ran out");
	}
	unlocking_free(unlocking);
}

static void respond(struct unlocking *unlocking)
{
	struct ks_request *request = unlocking->request;
	struct ks_token token;
	char label[65] = "", text[KS_TEXT_MAX];
	int error = unlocking->error;
	struct ks_msg_unlock_reply reply = { 0 };

	(void)ks_text_print(text, sizeof(text), "%s", unlocking->text);
	if (unlocking->entry)
		reply.unlocked_for_s = ks_unlock_left_s(unlocking->entry);
	if (unlocking->entry && find_token(unlocking, &token)) {
		memcpy(label, token.inventory->label, sizeof(label));
		reply.n_keys = ks_state_count_keys(request->state, &token);
	}
	reply.token = ks_bytes_text(label);
	unlocking_free(unlocking);
	if (error < 0)
		ks_request_fail(request, error, "%s", text);
	else
		ks_request_answer(request, KS_MSG_UNLOCK_REPLY, &reply);
}

/* What must be recorded and is not, must not hold: the token is locked again. */
static void on_recorded(int error, const char *text, void *userdata)
{
	struct unlocking *unlocking = userdata;
	struct ks_token token;

	unlocking->audit = NULL;
	if (error < 0 && unlocking->error == 0) {
		unlocking->error = error;
		(void)ks_text_print(unlocking->text, sizeof(unlocking->text), "%s", text);
		if (find_token(unlocking, &token))
			(void)ks_state_lock(unlocking->request->state, &token);
	}
	respond(unlocking);
}

static void end(struct unlocking *unlocking, int error, const char *text)
{
	unlocking->error = error;
	(void)ks_text_print(unlocking->text, sizeof(unlocking->text), "%s", text);
	rest(unlocking);
	int r = record(unlocking, on_recorded);
	if (r < 0)
		on_recorded(r, "the audit record cannot be written: memory ran out", unlocking);
}

static void fail(struct unlocking *unlocking, int error, const char *text)
{
	end(unlocking, error, text);
}

static void answer(struct unlocking *unlocking)
{
	end(unlocking, 0, "");
}

/* The keyring of the logged-in token is built by the event loop; the answer counts its keys, so it waits for that. */
static void on_unlocked_news(struct ks_waiter *waiter)
{
	answer((struct unlocking *)waiter);
}

static void on_login(int error, const char *text, const struct ks_secret *pin, void *userdata)
{
	(void)pin;
	struct unlocking *unlocking = userdata;

	unlocking->login = NULL;
	if (error < 0) {
		fail(unlocking, error, text[0] ? text : ks_error_text(error));
		return;
	}
	unlocking->entry->held = false;
	unlocking->entry->cool_until_ms = 0;
	unlocking->waiter.changed = on_unlocked_news;
	ks_state_wait(unlocking->request->state, &unlocking->waiter);
}

/* --- the agent asks ---------------------------------------------------------------------------------------------- */

static void on_asking_failed(struct ks_asker *asker, int error, const char *text)
{
	fail(KS_CONTAINER(asker, struct unlocking, asker), error, text);
}

/* The dialog's answer has become a login, and the login news. */
static void on_asking_news(struct ks_waiter *waiter)
{
	struct unlocking *unlocking = (struct unlocking *)waiter;

	if (!unlocking->asker.asking && unlocking->entry->unlocked)
		answer(unlocking);
	else if (!unlocking->asker.asking)
		fail(unlocking, KS_ERR_TOKEN_LOCKED, "the token was locked meanwhile");
}

static int on_patience_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	fail(userdata, KS_ERR_TIMEOUT, "the PIN was not given in time");
	return 0;
}

static void ask(struct unlocking *unlocking, const struct ks_token *token)
{
	const struct ks_msg_unlock *message = &unlocking->message;
	struct ks_state *state = unlocking->request->state;
	char who[96], why[KS_TEXT_MAX];
	struct ks_asking_reason reason = { .who = who, .key = "", .server = "", .may_prompt = message->wait_ms > 0 };

	reason.insists = true;
	ks_request_describe(unlocking->request, who, sizeof(who));
	ks_asking_place(message->tty, message->term, message->display, message->wayland_display, &reason.place);
	int error = ks_asking_join(state, token, &reason, &unlocking->asker, why);
	if (error < 0) {
		fail(unlocking, error, why);
		return;
	}
	unlocking->pin_used = true;
	tell_monitor(unlocking, KS_MONITOR_WAITS, "PIN");
	unlocking->waiter.changed = on_asking_news;
	ks_state_wait(state, &unlocking->waiter);
	if (message->wait_ms != KS_WAIT_DEFAULT &&
	    sd_event_add_time_relative(state->event, &unlocking->timer, CLOCK_MONOTONIC, message->wait_ms * 1000ull, 0,
				       on_patience_end, unlocking) < 0)
		fail(unlocking, KS_ERR_SYSTEM, "no timer could be set");
}

/* --- which token ------------------------------------------------------------------------------------------------- */

/* What can be said without giving the PIN to the token. Returns false when the request was answered. */
static bool look_before_login(struct unlocking *unlocking, const struct ks_token *token)
{
	struct ks_state *state = unlocking->request->state;
	char text[512];
	const char *label = token->inventory->label;

	if (ks_state_of_token(token) == KS_TOKEN_OPEN) {
		(void)ks_text_print(text, sizeof(text), "token \"%s\" needs no PIN", label);
	} else if (ks_worker_state(token->worker) != KS_MODULE_READY) {
		(void)ks_text_print(text, sizeof(text),
				    "module \"%s\" of token \"%s\" is not running; see: keystay status",
				    ks_worker_name(token->worker), label);
	} else if (ks_login_is_under_way(state, token->lock) &&
		   !(unlocking->message.ask && ks_asking_is_under_way(state, token->lock))) {
		(void)ks_text_print(text, sizeof(text), "token \"%s\" is being unlocked already", label);
	} else if (ks_state_of_token(token) == KS_TOKEN_UNLOCKED && token->inventory->logged_in) {
		/* A token that is logged in does not look at a PIN, so this one would prove nothing. */
		answer(unlocking);
		return false;
	} else {
		return true;
	}
	fail(unlocking, KS_ERR_BUSY, text);
	return false;
}

static void on_look_news(struct ks_waiter *waiter);

static int on_look_end(sd_event_source *source, uint64_t usec, void *userdata);

/* A token that nobody knows may have come without a word. Returns false when there is nothing to wait for. */
static bool look_again(struct unlocking *unlocking)
{
	struct ks_state *state = unlocking->request->state;

	if (unlocking->looked)
		return false;
	unlocking->looked = true;
	ks_scout_send(state, KS_SCOUT_UNKNOWN_KEY, NULL);
	if (!ks_scout_is_out(state) ||
	    sd_event_add_time_relative(state->event, &unlocking->timer, CLOCK_MONOTONIC, KS_SCOUT_DEADLINE_MS * 1000ull,
				       0, on_look_end, unlocking) < 0)
		return false;
	unlocking->waiter.changed = on_look_news;
	ks_state_wait(state, &unlocking->waiter);
	return true;
}

static void begin(struct unlocking *unlocking);

static void on_module_news(struct ks_waiter *waiter)
{
	ks_state_wait_no_more(waiter);
	begin((struct unlocking *)waiter);
}

static int on_module_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct unlocking *unlocking = userdata;

	unlocking->waited = true;
	on_module_news(&unlocking->waiter);
	return 0;
}

/* A module that is being started again is there in a moment. Returns false when there is nothing to wait for. */
static bool await_module(struct unlocking *unlocking, const struct ks_token *token)
{
	struct ks_state *state = unlocking->request->state;
	enum ks_module_state module = ks_worker_state(token->worker);
	bool comes = (module == KS_MODULE_STARTING || module == KS_MODULE_WAITING) &&
		     !ks_worker_is_resting(token->worker) && !unlocking->waited;

	if (comes && !unlocking->timer)
		comes = sd_event_add_time_relative(state->event, &unlocking->timer, CLOCK_MONOTONIC,
						   KS_SETTLE_DEADLINE_MS * 1000ull, 0, on_module_late, unlocking) >= 0;
	if (!comes) {
		unlocking->timer = sd_event_source_disable_unref(unlocking->timer);
		return false;
	}
	unlocking->waiter.changed = on_module_news;
	ks_state_wait(state, &unlocking->waiter);
	return true;
}

static void begin(struct unlocking *unlocking)
{
	struct ks_state *state = unlocking->request->state;
	struct ks_token token;
	char why[KS_TEXT_MAX];

	int error = ks_state_token_by_name(state, unlocking->message.token, &token, why, sizeof(why));
	if (error == KS_ERR_TOKEN_ABSENT && look_again(unlocking))
		return;
	if (error < 0) {
		fail(unlocking, error, why);
		return;
	}
	if (await_module(unlocking, &token))
		return;
	unlocking->entry = token.lock;
	ks_unlock_hold(unlocking->entry);
	if (!look_before_login(unlocking, &token))
		return;
	if (unlocking->message.ask) {
		ask(unlocking, &token);
		return;
	}
	unlocking->pin_used = true;
	const struct ks_login_request request = { .pin = KS_STEAL(unlocking->pin) };
	error = ks_login_start(state, &token, &request, on_login, unlocking, &unlocking->login, why);
	if (error < 0)
		fail(unlocking, error, why[0] ? why : ks_error_text(error));
}

static void end_look(struct unlocking *unlocking)
{
	unlocking->timer = sd_event_source_disable_unref(unlocking->timer);
	ks_state_wait_no_more(&unlocking->waiter);
	begin(unlocking);
}

static int on_look_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	end_look(userdata);
	return 0;
}

static void on_look_news(struct ks_waiter *waiter)
{
	struct unlocking *unlocking = (struct unlocking *)waiter;

	if (!ks_scout_is_out(unlocking->request->state))
		end_look(unlocking);
}

static void on_settled_news(struct ks_waiter *waiter)
{
	struct unlocking *unlocking = (struct unlocking *)waiter;

	if (!ks_state_is_settled(unlocking->request->state))
		return;
	ks_state_wait_no_more(waiter);
	begin(unlocking);
}

/* --- the start --------------------------------------------------------------------------------------------------- */

/* The PIN leaves the connection's buffer at once. Casting const away is right here alone: the buffer is the session's
 * own and this is the one place that may change it. */
static int take_pin(struct unlocking *unlocking)
{
	struct ks_bytes pin = unlocking->message.pin;

	unlocking->message.pin = KS_BYTES_NONE;
	int error = ks_secret_new(&unlocking->pin);
	if (error == 0)
		return ks_secret_take(unlocking->pin, (uint8_t *)(uintptr_t)pin.data, pin.size);
	ks_secret_wipe((uint8_t *)(uintptr_t)pin.data, pin.size);
	return error;
}

void ks_unlocking_begin(struct ks_request *request)
{
	struct unlocking *unlocking = calloc(1, sizeof(*unlocking));
	if (!unlocking) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	unlocking->request = request;
	unlocking->asker.failed = on_asking_failed;
	unlocking->number = ks_monitor_number(request->state->monitor);
	request->pending = unlocking;
	request->drop = on_drop;
	tell_monitor(unlocking, KS_MONITOR_ASKED, "");
	int error = ks_message_read(KS_MSG_UNLOCK, request->body, &unlocking->message, sizeof(unlocking->message));
	if (error == 0)
		error = take_pin(unlocking);
	if (error < 0) {
		fail(unlocking, error, ks_error_text(error));
	} else if (ks_state_is_settled(request->state)) {
		begin(unlocking);
	} else {
		unlocking->waiter.changed = on_settled_news;
		ks_state_wait(request->state, &unlocking->waiter);
	}
}
