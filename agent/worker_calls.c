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

#include "agent/worker_private.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

static void call_free(struct ks_worker_call *call)
{
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
	call->deadline_ms = ks_clock_monotonic_ms() + call->deadline_after_ms;
	append(&worker->sent, call);
	worker->n_sent++;
	arm(worker);
}

/* In turns between owners: the first in the queue whose owner was not served last, else simply the first. */
static struct ks_worker_call *choose(const struct ks_worker *worker)
{
	for (struct ks_worker_call *call = worker->queued; call; call = call->next) {
		if (call->owner != worker->last_owner)
			return call;
	}
	return worker->queued;
}

/* A login may take longer than a signature may: one that waits behind it inside the worker would run out of time and
 * have the worker killed in the middle of C_Login. */
static bool is_all_signatures(const struct ks_worker *worker)
{
	for (const struct ks_worker_call *call = worker->sent; call; call = call->next) {
		if (call->reply_type != KS_MSG_WORKER_SIGN_REPLY)
			return false;
	}
	return true;
}

void ks_worker_send_queued(struct ks_worker *worker)
{
	while (worker->state == KS_MODULE_READY && worker->has_channel && worker->queued &&
	       worker->n_sent < worker->sessions && is_all_signatures(worker) &&
	       !ks_channel_is_sending(&worker->channel)) {
		struct ks_worker_call *call = choose(worker);
		(void)take_out(&worker->queued, call);
		worker->n_queued--;
		worker->last_owner = call->owner;
		mark_sent(worker, call);
		ks_channel_send(&worker->channel, KS_MSG_WORKER_SIGN, &call->sign);
	}
}

static struct ks_worker_call *call_new(struct ks_worker *worker, uint8_t reply_type, uint32_t deadline_ms,
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

int ks_worker_sign(struct ks_worker *worker, uint32_t token, uint32_t key, uint32_t scheme, struct ks_bytes input,
		   uint64_t owner, ks_worker_done *done, void *userdata, struct ks_worker_call **ret_call)
{
	if (worker->n_queued >= KS_SIGNATURES_QUEUED)
		return KS_ERR_QUOTA;
	struct ks_worker_call *call =
		call_new(worker, KS_MSG_WORKER_SIGN_REPLY, KS_WORKER_SIGN_DEADLINE_MS, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	call->input = malloc(input.size ? input.size : 1);
	if (!call->input) {
		call_free(call);
		return KS_ERR_NO_MEMORY;
	}
	memcpy(call->input, input.data, input.size);
	call->owner = owner;
	call->sign = (struct ks_msg_worker_sign){ KS_MESSAGE_HEAD(call->id), .token = token, .key = key,
						  .scheme = scheme, .input = ks_bytes(call->input, input.size) };
	append(&worker->queued, call);
	worker->n_queued++;
	*ret_call = call;
	ks_worker_send_queued(worker);
	return 0;
}

/* For all that is not a signature: not queued, so the worker must be there. */
static int call_now(struct ks_worker *worker, uint8_t type, void *message, struct ks_worker_call *call,
		    struct ks_worker_call **ret_call)
{
	struct ks_msg_worker_rescan *head = message; /* every message starts so */
	head->version = KS_PROTOCOL_VERSION;
	head->id = call->id;
	mark_sent(worker, call);
	if (ret_call)
		*ret_call = call;
	ks_channel_send(&worker->channel, type, message);
	return 0;
}

static bool can_ask(const struct ks_worker *worker)
{
	return worker->state == KS_MODULE_READY && worker->has_channel;
}

int ks_worker_login(struct ks_worker *worker, const struct ks_worker_login *login, ks_worker_done *done, void *userdata,
		    struct ks_worker_call **ret_call)
{
	if (!can_ask(worker))
		return KS_ERR_BUSY;
	struct ks_worker_call *call =
		call_new(worker, KS_MSG_WORKER_LOGIN_REPLY, KS_WORKER_LOGIN_DEADLINE_MS, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	struct ks_msg_worker_login message = { .token = login->token,
					       .final_try = login->final_try,
					       .unattended = login->unattended,
					       .serial = ks_bytes_text(login->serial),
					       .pin = ks_secret_bytes(login->pin) };
	return call_now(worker, KS_MSG_WORKER_LOGIN, &message, call, ret_call);
}

int ks_worker_logout(struct ks_worker *worker, uint32_t token, ks_worker_done *done, void *userdata,
		     struct ks_worker_call **ret_call)
{
	if (!can_ask(worker))
		return KS_ERR_BUSY;
	struct ks_worker_call *call =
		call_new(worker, KS_MSG_WORKER_LOGOUT_REPLY, KS_WORKER_LOGIN_DEADLINE_MS, done, userdata);
	if (!call)
		return KS_ERR_NO_MEMORY;
	struct ks_msg_worker_logout message = { .token = token };
	return call_now(worker, KS_MSG_WORKER_LOGOUT, &message, call, ret_call);
}

static void nobody_waits(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	(void)error;
	(void)text;
	(void)reply;
	(void)userdata;
}

int ks_worker_rescan(struct ks_worker *worker)
{
	if (!can_ask(worker))
		return KS_ERR_BUSY;
	struct ks_worker_call *call =
		call_new(worker, KS_MSG_WORKER_RESCAN_REPLY, KS_WORKER_START_DEADLINE_MS, nobody_waits, NULL);
	if (!call)
		return KS_ERR_NO_MEMORY;
	struct ks_msg_worker_rescan message = { 0 };
	return call_now(worker, KS_MSG_WORKER_RESCAN, &message, call, NULL);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* Only what a token may have to say. A worker cannot pretend success, nor use the words that we have for ourselves: BUSY
 * and MODULE_FAILED say what happened to a call here. */
static int read_code(uint32_t code)
{
	static const int said_by_tokens[] = { KS_ERR_TOKEN_LOCKED,  KS_ERR_TOKEN_ABSENT, KS_ERR_PIN_WRONG,
					      KS_ERR_PIN_BLOCKED,   KS_ERR_PIN_LENGTH,   KS_ERR_PIN_EXPIRED,
					      KS_ERR_PIN_FINAL_TRY, KS_ERR_MECHANISM,    KS_ERR_CANCELLED };

	for (size_t i = 0; i < sizeof(said_by_tokens) / sizeof(said_by_tokens[0]); i++) {
		if (code == (uint32_t)-said_by_tokens[i])
			return said_by_tokens[i];
	}
	return KS_ERR_TOKEN_FAILED;
}

int ks_worker_take_reply(struct ks_worker *worker, const struct ks_frame *frame)
{
	uint32_t version, id;
	if (!ks_message_head(frame->body, &version, &id))
		return KS_ERR_MALFORMED;
	struct ks_worker_call *call = worker->sent;
	while (call && call->id != id)
		call = call->next;
	if (!call || (frame->type != call->reply_type && frame->type != KS_MSG_ERROR))
		return KS_ERR_MALFORMED; /* an answer to nothing, or of the wrong kind */

	int error = 0;
	char text[KS_TEXT_MAX] = "";
	if (frame->type == KS_MSG_ERROR) {
		struct ks_msg_error message;
		int result = ks_message_read(frame->type, frame->body, &message, sizeof(message));
		if (result < 0)
			return result;
		error = read_code(message.code);
		ks_text_escape(message.text, text, sizeof(text));
	}
	(void)take_out(&worker->sent, call);
	worker->n_sent--;
	if (call->state != CALL_CANCELLED)
		call->done(error, text, error == 0 ? frame->body : KS_BYTES_NONE, call->userdata);
	call_free(call);
	ks_worker_send_queued(worker);
	return 0;
}

void ks_worker_run_failed(struct ks_worker *worker)
{
	worker->defer = sd_event_source_disable_unref(worker->defer);
	while (worker->failed) {
		struct ks_worker_call *call = worker->failed;
		worker->failed = call->next;
		int error = call->state == CALL_QUEUED ? KS_ERR_BUSY : KS_ERR_MODULE_FAILED;
		if (call->state != CALL_CANCELLED)
			call->done(error, worker->failed_text, KS_BYTES_NONE, call->userdata);
		call_free(call);
	}
}

static int on_defer(sd_event_source *source, void *userdata)
{
	(void)source;
	ks_worker_run_failed(userdata);
	return 0;
}

void ks_worker_fail_calls(struct ks_worker *worker, const char *why)
{
	struct ks_worker_call *call;

	(void)ks_text_print(worker->failed_text, sizeof(worker->failed_text), "module \"%s\": %s", worker->name, why);
	while ((call = worker->sent)) {
		worker->sent = call->next;
		append(&worker->failed, call);
	}
	while ((call = worker->queued)) {
		worker->queued = call->next;
		append(&worker->failed, call);
	}
	worker->n_sent = 0;
	worker->n_queued = 0;
	if (!worker->failed || worker->defer)
		return;
	/* Whoever waits may start new calls or drop others at once, which must not happen inside what we are doing. */
	if (sd_event_add_defer(worker->event, &worker->defer, on_defer, worker) < 0)
		ks_worker_run_failed(worker);
}

void ks_worker_call_cancel(struct ks_worker_call *call)
{
	if (!call)
		return;
	struct ks_worker *worker = call->worker;
	if (take_out(&worker->queued, call)) {
		worker->n_queued--;
		call_free(call);
	} else {
		call->state = CALL_CANCELLED; /* sent or failed: freed when its answer or its turn comes */
	}
}
