/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker_calls: what is asked of a worker: queued, sent in turns, watched, answered or failed. See worker.h.
 *
 * Runs in: keystay-agent. At most `sessions` signatures are with the worker at once, so that each has a deadline of its
 * own that does not depend on how many wait; the others queue here, where a client that goes away can be taken out.
 * Logins, logouts and rescans go at once: the worker keeps them apart from signatures.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/unlock.h"
#include "agent/worker_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

void ks_worker_call_free(struct ks_worker_call *call)
{
	ks_secret_free(call->pin);
	free(call->input);
	free(call);
}

static void append(struct ks_worker_call **list, struct ks_worker_call *call)
{
	while (*list)
		list = &(*list)->next;
	call->next = NULL;
	*list = call;
}

static bool take_out(struct ks_worker_call **list, const struct ks_worker_call *call)
{
	for (; *list; list = &(*list)->next) {
		if (*list == call) {
			*list = call->next;
			return true;
		}
	}
	return false;
}

/* --- deadlines --------------------------------------------------------------------------------------------------- */

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata);

/* Arms the timer for the earliest deadline. It is left armed when an answer comes, and finds nothing to do when it
 * fires: re-arming at each signature would cost a system call each. */
static void arm(struct ks_worker *worker)
{
	uint64_t earliest = UINT64_MAX;
	for (const struct ks_worker_call *call = worker->sent; call; call = call->next) {
		if (call->deadline_ms < earliest)
			earliest = call->deadline_ms;
	}
	if (earliest == UINT64_MAX || (worker->deadline_armed_ms != 0 && worker->deadline_armed_ms <= earliest))
		return;
	int r;
	if (!worker->deadline_timer) {
		r = sd_event_add_time(worker->event, &worker->deadline_timer, CLOCK_MONOTONIC, earliest * 1000, 0,
				      on_deadline, worker);
	} else {
		r = sd_event_source_set_time(worker->deadline_timer, earliest * 1000);
		if (r >= 0)
			r = sd_event_source_set_enabled(worker->deadline_timer, SD_EVENT_ONESHOT);
	}
	worker->deadline_armed_ms = r < 0 ? 0 : earliest;
	if (r < 0)
		ks_log_error("module \"%s\": no timer can be set, its calls are not watched", worker->name);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_worker *worker = userdata;
	uint64_t now = ks_clock_monotonic_ms();

	worker->deadline_armed_ms = 0;
	for (const struct ks_worker_call *call = worker->sent; call; call = call->next) {
		if (call->deadline_ms <= now && call->gone) {
			ks_worker_kill_after_removal(worker);
			return 0;
		}
		if (call->deadline_ms <= now) {
			char why[96];
			(void)ks_text_print(why, sizeof(why), "it did not answer within %u s",
					    call->deadline_after_ms / 1000);
			ks_worker_kill(worker, why);
			return 0;
		}
	}
	arm(worker);
	return 0;
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void mark_sent(struct ks_worker *worker, struct ks_worker_call *call)
{
	call->state = CALL_SENT;
	call->gave_pin = call->with_pin || call->reply_type == KS_MSG_WORKER_LOGIN_REPLY;
	call->deadline_ms = ks_clock_monotonic_ms() + call->deadline_after_ms;
	append(&worker->sent, call);
	worker->n_sent++;
	arm(worker);
}

/* How long ago this owner was served; OWNERS_MAX: not lately. */
static size_t turn_of(const struct ks_worker *worker, uint64_t owner)
{
	size_t turn = 0;

	while (turn < OWNERS_MAX && worker->served[turn] != owner)
		turn++;
	return turn;
}

/* In turns between owners: the first in the queue of the owner that was served the longest ago. */
static struct ks_worker_call *choose(const struct ks_worker *worker)
{
	struct ks_worker_call *best = worker->queued;
	size_t best_turn = turn_of(worker, best->owner);

	for (struct ks_worker_call *call = best->next; call && best_turn < OWNERS_MAX; call = call->next) {
		size_t turn = turn_of(worker, call->owner);
		if (turn > best_turn) {
			best = call;
			best_turn = turn;
		}
	}
	return best;
}

static void note_turn(struct ks_worker *worker, uint64_t owner)
{
	size_t turn = turn_of(worker, owner);

	if (turn == OWNERS_MAX)
		turn = OWNERS_MAX - 1;
	memmove(&worker->served[1], &worker->served[0], turn * sizeof(worker->served[0]));
	worker->served[0] = owner;
}

/* A PIN may take longer than a signature may: one that waits behind it inside the worker would run out of time and have
 * the worker killed in the middle of C_Login. For the same reason one with a PIN of its own goes alone, and so does what
 * changes a token. */
static bool may_send(const struct ks_worker *worker, const struct ks_worker_call *chosen)
{
	if (chosen->with_pin || chosen->work_type != 0)
		return worker->n_sent == 0;
	for (const struct ks_worker_call *call = worker->sent; call; call = call->next) {
		if (call->reply_type != KS_MSG_WORKER_SIGN_REPLY || call->with_pin)
			return false;
	}
	return worker->n_sent < worker->sessions;
}

/* The PIN leaves us: whatever becomes of this call, it is not sent again. */
static void send_with_pin(struct ks_worker *worker, struct ks_worker_call *call)
{
	const struct ks_msg_worker_sign *sign = &call->sign;
	KS_CLEANUP(ks_secret_freep) struct ks_secret *pin = KS_STEAL(call->pin);
	struct ks_msg_worker_sign_with_pin message = {
		KS_MESSAGE_HEAD(call->id), .token = sign->token,        .key = sign->key,
		.scheme = sign->scheme,    .told = call->told,          .unattended = call->unattended,
		.input = sign->input,      .pin = ks_secret_bytes(pin), .is_digest = sign->is_digest
	};

	ks_channel_send(&worker->channel, KS_MSG_WORKER_SIGN_WITH_PIN, &message);
}

void ks_worker_send_queued(struct ks_worker *worker)
{
	while (worker->state == KS_MODULE_READY && worker->has_channel && worker->queued && !worker->suspended &&
	       !ks_channel_is_sending(&worker->channel)) {
		struct ks_worker_call *call = choose(worker);
		if (!may_send(worker, call))
			return;
		(void)take_out(&worker->queued, call);
		worker->n_queued--;
		note_turn(worker, call->owner);
		mark_sent(worker, call);
		if (call->with_pin)
			send_with_pin(worker, call);
		else if (call->work_type != 0)
			ks_channel_send(&worker->channel, call->work_type, &call->work);
		else
			ks_channel_send(&worker->channel, KS_MSG_WORKER_SIGN, &call->sign);
	}
}

struct ks_worker_call *ks_worker_call_new(struct ks_worker *worker, uint8_t reply_type, uint32_t deadline_ms,
					  ks_worker_done *done, void *userdata)
{
	struct ks_worker_call *call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	worker->next_id = worker->next_id == UINT32_MAX ? 1 : worker->next_id + 1; /* 0 = unasked */
	*call = (struct ks_worker_call){ .worker = worker,
					 .id = worker->next_id,
					 .reply_type = reply_type,
					 .deadline_after_ms = deadline_ms,
					 .done = done,
					 .userdata = userdata };
	return call;
}

static uint32_t sign_deadline_ms(const struct ks_worker *worker)
{
	return worker->deadline_ms > 0 ? worker->deadline_ms : KS_WORKER_SIGN_DEADLINE_MS;
}

/* An empty PIN is typed at the reader, by a person. */
static uint32_t login_deadline_ms(const struct ks_worker *worker, const struct ks_secret *pin)
{
	if (ks_secret_bytes(pin).size == 0)
		return KS_PIN_PAD_DEADLINE_MS;
	return worker->deadline_ms > 0 ? 2 * worker->deadline_ms : KS_WORKER_LOGIN_DEADLINE_MS;
}

int ks_worker_sign(struct ks_worker *worker, const struct ks_worker_sign *sign, ks_worker_done *done, void *userdata,
		   struct ks_worker_call **ret_call)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *pin = sign->pin;
	struct ks_bytes input = sign->input;

	if (worker->state == KS_MODULE_FAILED || worker->resting)
		return KS_ERR_MODULE_FAILED;
	if (worker->n_queued >= KS_SIGNATURES_QUEUED)
		return KS_ERR_QUOTA;
	uint32_t deadline_ms = sign->authenticate ? login_deadline_ms(worker, pin) : sign_deadline_ms(worker);
	struct ks_worker_call *call = ks_worker_call_new(worker, KS_MSG_WORKER_SIGN_REPLY, deadline_ms, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	call->input = malloc(input.size ? input.size : 1);
	if (!call->input) {
		ks_worker_call_free(call);
		return KS_ERR_NO_MEMORY;
	}
	memcpy(call->input, input.data, input.size);
	call->owner = sign->owner;
	call->token = sign->token;
	call->with_pin = sign->authenticate;
	call->told = sign->told;
	call->unattended = sign->unattended;
	call->pin = KS_STEAL(pin);
	call->sign = (struct ks_msg_worker_sign){ KS_MESSAGE_HEAD(call->id),
						  .token = sign->token,
						  .key = sign->key,
						  .scheme = sign->scheme,
						  .input = ks_bytes(call->input, input.size),
						  .is_digest = sign->is_digest };
	*ret_call = call;
	ks_worker_call_queue(call);
	return 0;
}

/* For all that is not a signature: not queued, so the worker must be there. */
static void call_now(struct ks_worker *worker, uint8_t type, void *message, struct ks_worker_call *call,
		     struct ks_worker_call **ret_call)
{
	struct ks_msg_worker_rescan *head = message; /* every message starts so */
	head->version = KS_PROTOCOL_VERSION;
	head->id = call->id;
	mark_sent(worker, call);
	if (ret_call)
		*ret_call = call;
	ks_channel_send(&worker->channel, type, message);
}

void ks_worker_call_queue(struct ks_worker_call *call)
{
	struct ks_worker *worker = call->worker;

	append(&worker->queued, call);
	worker->n_queued++;
	ks_worker_send_queued(worker);
}

void ks_worker_call_send(struct ks_worker_call *call, uint8_t type, void *message, struct ks_worker_call **ret_call)
{
	call_now(call->worker, type, message, call, ret_call);
}

static bool can_ask(const struct ks_worker *worker)
{
	return worker->state == KS_MODULE_READY && worker->has_channel && !worker->suspended;
}

int ks_worker_login(struct ks_worker *worker, const struct ks_worker_login *login, ks_worker_done *done, void *userdata,
		    struct ks_worker_call **ret_call)
{
	if (!can_ask(worker))
		return KS_ERR_BUSY;
	struct ks_worker_call *call = ks_worker_call_new(worker, KS_MSG_WORKER_LOGIN_REPLY,
							 login_deadline_ms(worker, login->pin), done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	call->token = login->token;
	struct ks_msg_worker_login message = { .token = login->token,
					       .told = login->told,
					       .unattended = login->unattended,
					       .serial = ks_bytes_text(login->serial),
					       .digest = ks_bytes(login->digest, KS_TOKEN_DIGEST_SIZE),
					       .pin = ks_secret_bytes(login->pin) };
	call_now(worker, KS_MSG_WORKER_LOGIN, &message, call, ret_call);
	return 0;
}

int ks_worker_logout(struct ks_worker *worker, uint32_t token, ks_worker_done *done, void *userdata,
		     struct ks_worker_call **ret_call)
{
	/* Also while it is drained for a suspension: what must be locked is. */
	if (worker->state != KS_MODULE_READY || !worker->has_channel)
		return KS_ERR_BUSY;
	struct ks_worker_call *call = ks_worker_call_new(
		worker, KS_MSG_WORKER_LOGOUT_REPLY,
		worker->deadline_ms > 0 ? 2 * worker->deadline_ms : KS_WORKER_LOGIN_DEADLINE_MS, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	call->token = token;
	struct ks_msg_worker_logout message = { .token = token };
	call_now(worker, KS_MSG_WORKER_LOGOUT, &message, call, ret_call);
	return 0;
}

/* --- rescans, and cards that are taken out ------------------------------------------------------------------------- */

static int send_rescan(struct ks_worker *worker);

static void on_rescanned(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	(void)error; /* one that failed is not better the second time; a process that died tells everything anew */
	(void)text;
	(void)reply;
	struct ks_worker *worker = userdata;

	worker->rescanning = false;
	if (worker->rescan_wanted && can_ask(worker))
		(void)send_rescan(worker);
}

static int send_rescan(struct ks_worker *worker)
{
	struct ks_worker_call *call = ks_worker_call_new(worker, KS_MSG_WORKER_RESCAN_REPLY, worker->rescan_deadline_ms,
							 on_rescanned, worker);
	if (!call)
		return KS_ERR_NO_MEMORY;
	/* One that follows a removal: a module that hangs in it is not waited for, nor held guilty. */
	call->gone = worker->rescan_deadline_ms == KS_WORKER_REMOVAL_DEADLINE_MS;
	struct ks_msg_worker_rescan message = { .all = worker->rescan_all };
	worker->rescan_wanted = worker->rescan_all = false;
	worker->rescanning = true;
	call_now(worker, KS_MSG_WORKER_RESCAN, &message, call, NULL);
	return 0;
}

/* A token is being changed, perhaps for minutes: who looks at it meanwhile would be held guilty of that. */
static bool is_at_work(const struct ks_worker *worker)
{
	return worker->sent && worker->sent->work_type != 0;
}

/* One that still starts has perhaps looked already: it is asked when it has told what it saw. */
static int ask_rescan(struct ks_worker *worker, bool all, uint32_t deadline_ms)
{
	worker->rescan_deadline_ms = deadline_ms;
	worker->rescan_all = worker->rescan_all || all;
	worker->rescan_wanted = true;
	return worker->rescanning || !can_ask(worker) || is_at_work(worker) ? 0 : send_rescan(worker);
}

int ks_worker_rescan(struct ks_worker *worker, bool all)
{
	return can_ask(worker) ? ask_rescan(worker, all, ks_worker_start_deadline_ms(worker)) : KS_ERR_BUSY;
}

void ks_worker_look_again(struct ks_worker *worker, bool all, uint32_t deadline_ms)
{
	if (worker->has_channel && ask_rescan(worker, all, deadline_ms) < 0)
		ks_log_debug("module \"%s\": no rescan was sent", worker->name);
}

void ks_worker_begin_calls(struct ks_worker *worker)
{
	if (worker->rescan_wanted && !worker->rescanning && send_rescan(worker) < 0)
		ks_log_debug("module \"%s\": no rescan was sent", worker->name);
	ks_worker_send_queued(worker);
}

void ks_worker_forget_rescan(struct ks_worker *worker)
{
	worker->rescanning = worker->rescan_wanted = worker->rescan_all = false;
}

static void put_off_failed(struct ks_worker *worker);

static void fail_queued_of(struct ks_worker *worker, uint32_t token)
{
	struct ks_worker_call **link = &worker->queued;

	while (*link) {
		struct ks_worker_call *call = *link;
		if (call->token != token) {
			link = &call->next;
			continue;
		}
		*link = call->next;
		worker->n_queued--;
		call->error = KS_ERR_TOKEN_ABSENT;
		append(&worker->failed, call);
	}
}

void ks_worker_token_gone(struct ks_worker *worker, uint32_t token)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + KS_WORKER_REMOVAL_DEADLINE_MS;

	/* While a process starts, what is known is its predecessor's, whose numbers mean other tokens. */
	if (token != 0 && worker->state == KS_MODULE_READY) {
		ks_inventory_drop(&worker->inventory, token);
		fail_queued_of(worker, token);
	}
	for (struct ks_worker_call *call = worker->sent; call; call = call->next) {
		if (token != 0 && call->token != token && call->reply_type != KS_MSG_WORKER_RESCAN_REPLY)
			continue;
		call->gone = true;
		if (call->deadline_ms > deadline_ms)
			call->deadline_ms = deadline_ms;
	}
	arm(worker);
	ks_worker_look_again(worker, false, KS_WORKER_REMOVAL_DEADLINE_MS);
	put_off_failed(worker);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* What can be said of a change beside that. The worker's own BUSY (a label that is taken) is not ours. */
static int read_code_of_work(uint32_t code)
{
	static const int said[] = { KS_ERR_UNSUPPORTED, KS_ERR_INVALID, KS_ERR_UNKNOWN_KEY, KS_ERR_AMBIGUOUS,
				    KS_ERR_DENIED };

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		if (code == (uint32_t)-said[i])
			return said[i];
	}
	return code == (uint32_t)-KS_ERR_BUSY ? KS_ERR_INVALID : KS_ERR_TOKEN_FAILED;
}

/* Only what a token may have to say. A worker cannot pretend success, nor use the words that we have for ourselves: BUSY
 * and MODULE_FAILED say what happened to a call here. */
static int read_code(uint32_t code)
{
	static const int said_by_tokens[] = { KS_ERR_TOKEN_LOCKED,  KS_ERR_TOKEN_ABSENT, KS_ERR_PIN_WRONG,
					      KS_ERR_PIN_BLOCKED,   KS_ERR_PIN_LENGTH,   KS_ERR_PIN_EXPIRED,
					      KS_ERR_PIN_FINAL_TRY, KS_ERR_MECHANISM,    KS_ERR_CANCELLED,
					      KS_ERR_CHANGED };

	for (size_t i = 0; i < sizeof(said_by_tokens) / sizeof(said_by_tokens[0]); i++) {
		if (code == (uint32_t)-said_by_tokens[i])
			return said_by_tokens[i];
	}
	return KS_ERR_TOKEN_FAILED;
}

/* A card that vanished makes modules fail in many words; but what became of a PIN stays what it is. */
static int outcome(const struct ks_worker_call *call, int error)
{
	static const int always[] = { 0,
				      KS_ERR_PIN_WRONG,
				      KS_ERR_PIN_BLOCKED,
				      KS_ERR_PIN_LENGTH,
				      KS_ERR_PIN_EXPIRED,
				      KS_ERR_PIN_FINAL_TRY,
				      KS_ERR_CHANGED };

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
		if (error == always[i])
			return error;
	}
	return call->gone ? KS_ERR_TOKEN_ABSENT : error;
}

bool ks_worker_is_idle(const struct ks_worker *worker)
{
	return worker->n_sent == 0 && worker->n_queued == 0;
}

/* Nothing is watched any more: an idle agent does not wake up for a deadline that nobody waits for. */
static void look_whether_idle(struct ks_worker *worker)
{
	if (!ks_worker_is_idle(worker))
		return;
	if (worker->deadline_armed_ms != 0)
		(void)sd_event_source_set_enabled(worker->deadline_timer, SD_EVENT_OFF);
	worker->deadline_armed_ms = 0;
	if (worker->state == KS_MODULE_READY && ks_worker_has_grown(worker))
		ks_worker_renew(worker);
	if (worker->watcher.idle)
		worker->watcher.idle(worker, worker->watcher.userdata);
}

static int read_error(const struct ks_frame *frame, struct ks_msg_error *ret_message)
{
	struct ks_msg_worker_not_given not_given;

	if (frame->type == KS_MSG_ERROR)
		return ks_message_read(frame->type, frame->body, ret_message, sizeof(*ret_message));
	int r = ks_message_read(frame->type, frame->body, &not_given, sizeof(not_given));
	*ret_message = (struct ks_msg_error){ .code = not_given.code, .text = not_given.text };
	return r;
}

int ks_worker_take_reply(struct ks_worker *worker, const struct ks_frame *frame)
{
	uint32_t version, id;
	if (!ks_message_head(frame->body, &version, &id))
		return KS_ERR_MALFORMED;
	struct ks_worker_call *call = worker->sent;
	while (call && call->id != id)
		call = call->next;
	bool not_given = frame->type == KS_MSG_WORKER_NOT_GIVEN;
	if (!call || (frame->type != call->reply_type && frame->type != KS_MSG_ERROR && !(not_given && call->gave_pin)))
		return KS_ERR_MALFORMED; /* an answer to nothing, or of the wrong kind */

	int error = 0;
	char text[KS_TEXT_MAX] = "";
	if (frame->type != call->reply_type) {
		struct ks_msg_error message;
		int result = read_error(frame, &message);
		if (result < 0)
			return result;
		call->gave_pin = call->gave_pin && !not_given;
		error = read_code(message.code);
		if (error == KS_ERR_TOKEN_FAILED && (call->work_type != 0 || worker->provisions))
			error = read_code_of_work(message.code);
		ks_text_escape(message.text, text, sizeof(text));
	}
	(void)take_out(&worker->sent, call);
	worker->n_sent--;
	error = outcome(call, error);
	/* One that works is not what it died of before; one that dies of each signature never gets here. */
	if (error == 0 && call->reply_type == KS_MSG_WORKER_SIGN_REPLY)
		worker->backoff_ms = 0;
	if (call->state != CALL_CANCELLED)
		call->done(error, text, error == 0 ? frame->body : KS_BYTES_NONE, call->userdata);
	ks_worker_call_free(call);
	if (worker->rescan_wanted && !worker->rescanning && can_ask(worker) && !is_at_work(worker))
		(void)send_rescan(worker);
	ks_worker_send_queued(worker);
	look_whether_idle(worker);
	ks_worker_suspend_look(worker);
	return 0;
}

void ks_worker_run_failed(struct ks_worker *worker)
{
	worker->defer = sd_event_source_disable_unref(worker->defer);
	while (worker->failed) {
		struct ks_worker_call *call = worker->failed;
		worker->failed = call->next;
		int error = call->error;
		if (call->state != CALL_CANCELLED)
			call->done(error, error == KS_ERR_TOKEN_ABSENT ? "the card was taken out" : worker->failed_text,
				   KS_BYTES_NONE, call->userdata);
		ks_worker_call_free(call);
	}
}

static int on_defer(sd_event_source *source, void *userdata)
{
	(void)source;
	ks_worker_run_failed(userdata);
	look_whether_idle(userdata);
	return 0;
}

/* Whoever waits may start new calls or drop others at once, which must not happen inside what we are doing. */
static void put_off_failed(struct ks_worker *worker)
{
	if (!worker->failed || worker->defer)
		return;
	if (sd_event_add_defer(worker->event, &worker->defer, on_defer, worker) < 0)
		ks_worker_run_failed(worker);
}

/* BUSY says that it was not done and may be asked again. What was to change a token may have been done. */
static int error_of_sent(const struct ks_worker_call *call, int error)
{
	if (call->gone)
		return KS_ERR_TOKEN_ABSENT;
	return error == KS_ERR_BUSY && call->work_type != 0 ? KS_ERR_MODULE_FAILED : error;
}

void ks_worker_fail_calls(struct ks_worker *worker, int error, const char *why)
{
	struct ks_worker_call *call;

	(void)ks_text_print(worker->failed_text, sizeof(worker->failed_text), "module \"%s\": %s", worker->name, why);
	while ((call = worker->sent)) {
		worker->sent = call->next;
		call->error = error_of_sent(call, error);
		append(&worker->failed, call);
	}
	while ((call = worker->queued)) {
		worker->queued = call->next;
		call->error = KS_ERR_BUSY;
		append(&worker->failed, call);
	}
	worker->n_sent = 0;
	worker->n_queued = 0;
	put_off_failed(worker);
	ks_worker_suspend_look(worker);
}

void ks_worker_call_cancel(struct ks_worker_call *call)
{
	if (!call)
		return;
	struct ks_worker *worker = call->worker;
	if (take_out(&worker->queued, call)) {
		worker->n_queued--;
		ks_worker_call_free(call);
	} else {
		call->state = CALL_CANCELLED; /* sent or failed: freed when its answer or its turn comes */
	}
}

bool ks_worker_is_behind(const struct ks_worker *worker)
{
	for (const struct ks_worker_call *call = worker->sent; call; call = call->next) {
		if (call->state == CALL_CANCELLED)
			return true;
	}
	return false;
}

bool ks_worker_call_gave_pin(const struct ks_worker_call *call)
{
	return call && call->gave_pin;
}

void ks_worker_call_hand_over(struct ks_worker_call *call, ks_worker_done *done, void *userdata)
{
	call->done = done;
	call->userdata = userdata;
}
