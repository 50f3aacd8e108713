/* SPDX-License-Identifier: Apache-2.0 */
/* provisioning: see provisioning.h: the story. Runs in: keystay-agent. */
#include "agent/provisioning.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/provisioning_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/uri.h"

#define STOP_DEADLINE_MS (KS_PROVISION_DRAIN_MS + 5000u) /* for a worker that a reload took away meanwhile */

#define SUSPENDED "one of its tokens is being provisioned; it starts again right after that"

static void set_state(struct ks_provisioning *job, enum ks_provisioning_state state)
{
	job->state = state;
	job->timer = sd_event_source_disable_unref(job->timer);
}

/* A reload may have freed it. */
static bool is_there(const struct ks_state *state, const struct ks_worker *worker)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		if (state->workers[i] == worker)
			return true;
	}
	return false;
}

static struct ks_worker *worker_of(const struct ks_state *state, const char *module)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		if (strcmp(ks_worker_name(state->workers[i]), module) == 0)
			return state->workers[i];
	}
	return NULL;
}

static void say(struct ks_provisioning *job, int error, const char *text)
{
	job->error = error;
	if (text != job->text)
		(void)ks_text_print(job->text, sizeof(job->text), "%s", text[0] ? text : ks_error_text(error));
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void resume(struct ks_provisioning *job)
{
	struct ks_worker *worker = KS_STEAL(job->stopped);

	if (worker && is_there(job->owner, worker))
		ks_worker_resume(worker);
}

/* Nothing was sent to the token, or all of that is over. */
static void fail(struct ks_provisioning *job, int error, const char *text)
{
	say(job, error, text);
	ks_state_wait_no_more(&job->waiter);
	resume(job);
	set_state(job, KS_PROVISIONING_ENDING);
	ks_provisioning_end(job);
}

/* --- the signing worker comes back -------------------------------------------------------------------------------- */

static void end_return(struct ks_provisioning *job)
{
	ks_state_wait_no_more(&job->waiter);
	set_state(job, KS_PROVISIONING_ENDING);
	ks_provisioning_end(job);
}

static void on_news(struct ks_waiter *waiter)
{
	struct ks_provisioning *job = (struct ks_provisioning *)waiter;
	const struct ks_worker *worker = worker_of(job->owner, job->chosen.module);
	enum ks_module_state state = worker ? ks_worker_state(worker) : KS_MODULE_FAILED;

	if (state == KS_MODULE_READY || state == KS_MODULE_FAILED)
		end_return(job);
}

static int on_return_end(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	end_return(userdata);
	return 0;
}

/* Whoever asks next finds the token as it is now. */
static void await_worker(struct ks_provisioning *job)
{
	set_state(job, KS_PROVISIONING_RETURNING);
	resume(job);
	if (sd_event_add_time_relative(job->owner->event, &job->timer, CLOCK_MONOTONIC, KS_SETTLE_DEADLINE_MS * 1000ull,
				       0, on_return_end, job) < 0) {
		end_return(job);
		return;
	}
	job->waiter.changed = on_news;
	ks_state_wait(job->owner, &job->waiter);
	ks_state_news(job->owner);
}

static void on_left(int error, void *userdata)
{
	struct ks_provisioning *job = userdata;

	(void)error;
	ks_worker_free(KS_STEAL(job->provisioner));
	await_worker(job);
}

/* The process that did it ends before the other one begins. */
static void leave(struct ks_provisioning *job)
{
	set_state(job, KS_PROVISIONING_LEAVING);
	if (ks_worker_suspend(job->provisioner, "it has done its work", on_left, job) < 0)
		await_worker(job); /* it is freed with the job: this may be its own callback */
}

/* --- at the token ------------------------------------------------------------------------------------------------ */

static void take_reply(struct ks_provisioning *job, struct ks_bytes body)
{
	struct ks_msg_worker_provision_reply reply;

	job->text[0] = '\0';
	if (ks_message_read(KS_MSG_WORKER_PROVISION_REPLY, body, &reply, sizeof(reply)) < 0)
		return; /* the token did it: what the worker says of it is of no more use than this */
	ks_text_escape(reply.text, job->text, sizeof(job->text));
	struct ks_reader reader = ks_reader(reply.slots);
	job->has_after = ks_slot_read(&reader, job->chosen.module, &job->after);
}

static void on_done(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	struct ks_provisioning *job = userdata;
	bool given = ks_worker_call_gave_pin(job->call);

	job->call = NULL;
	ks_provisioning_count_outcome(job, error, given);
	if (ks_provisioning_may_have_set_pin(job, error, given))
		ks_provisioning_forget_pins(job);
	if (error == 0) {
		take_reply(job, reply);
		job->error = 0;
	} else {
		say(job, error, text);
	}
	leave(job);
}

static void send_to_token(struct ks_provisioning *job)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer token = { 0 };
	struct ks_msg_worker_provision message = {
		.operation = job->message.operation,
		.by_slot = true,
		.slot = job->chosen.slot,
		.label = ks_bytes_text(job->label),
		.erase = ks_bytes_text(job->erase),
		.told = job->told,
		.so_pin = ks_secret_bytes(job->so_pin),
		.pin = ks_secret_bytes(job->pin),
		.new_pin = ks_secret_bytes(job->new_pin),
	};

	/* A PIN that is meant for one card never goes to another that is in its reader by now: by all that it is called, as
	 * there are tokens without a serial number, and some that all have the same. */
	if (job->chosen.initialised) {
		struct ks_uri uri = ks_slot_uri(&job->chosen);
		ks_uri_write(&token, &uri);
	}
	message.token = ks_buffer_bytes(&token);
	set_state(job, KS_PROVISIONING_AT_TOKEN);
	int error = ks_buffer_error(&token);
	if (error < 0) {
		fail(job, error, ks_error_text(error));
		return;
	}
	error = ks_provisioning_count(job);
	if (error < 0) {
		fail(job, error, job->text);
		return;
	}
	error = ks_worker_provision(job->provisioner, &message, on_done, job, &job->call);
	if (error < 0) {
		ks_provisioning_count_outcome(job, error, false);
		fail(job, error, "the process that was to do it has ended; nothing was tried, run this again");
		return;
	}
	ks_secret_free(KS_STEAL(job->so_pin));
	ks_secret_free(KS_STEAL(job->pin));
	ks_secret_free(KS_STEAL(job->new_pin));
	ks_provisioning_tell_wait(job, "token");
}

/* --- stopping the signing worker ---------------------------------------------------------------------------------- */

static int on_stop_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_provisioning *job = userdata;

	fail(job, KS_ERR_BUSY, "its module is still at work for others; nothing was tried, run this again");
	return 0;
}

static void on_stopped(int error, void *userdata)
{
	struct ks_provisioning *job = userdata;

	if (error < 0) {
		job->stopped = NULL;
		(void)on_stop_late(NULL, 0, job);
		return;
	}
	send_to_token(job);
}

static void stop_worker(struct ks_provisioning *job)
{
	struct ks_worker *worker = worker_of(job->owner, job->chosen.module);

	set_state(job, KS_PROVISIONING_STOPPING);
	if (!worker) {
		fail(job, KS_ERR_CHANGED, "the configuration has lost its module meanwhile; nothing was tried");
		return;
	}
	if (sd_event_add_time_relative(job->owner->event, &job->timer, CLOCK_MONOTONIC, STOP_DEADLINE_MS * 1000ull, 0,
				       on_stop_late, job) < 0) {
		fail(job, KS_ERR_SYSTEM, "no timer could be set");
		return;
	}
	int error = ks_worker_suspend(worker, SUSPENDED, on_stopped, job);
	if (error < 0) {
		fail(job, error, "another token of its module is being provisioned; nothing was tried, run this again");
		return;
	}
	job->stopped = worker;
}

/* --- a person's yes ---------------------------------------------------------------------------------------------- */

static void on_answer(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	struct ks_provisioning *job = userdata;

	ks_secret_free(pin);
	job->prompt = NULL;
	if (error < 0) {
		char sentence[KS_TEXT_MAX];
		(void)ks_text_print(sentence, sizeof(sentence), "%s; nothing was tried", text);
		fail(job, error, sentence);
		return;
	}
	stop_worker(job);
}

static void ask(struct ks_provisioning *job)
{
	char description[1024];
	const struct ks_settings *settings = job->owner->settings;
	const struct ks_prompt_question question = { .kind = KS_PROMPT_CONFIRM,
						     .pinentry = settings->pinentry,
						     .title = "keystay",
						     .description = description,
						     .problem = "",
						     .label = "",
						     .ok = "Try it",
						     .cancel = "Do not",
						     .timeout_ms = (uint32_t)settings->prompt_timeout_ms,
						     .place = job->place };

	set_state(job, KS_PROVISIONING_ASKING);
	ks_provisioning_describe_try(job, description, sizeof(description));
	job->told = job->chosen.pin_flags;
	int error = ks_prompt_start(job->owner->prompts, &question, on_answer, job, &job->prompt);
	if (error < 0)
		fail(job, error, ks_error_text(error));
	else
		ks_provisioning_tell_wait(job, "confirmation");
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static void answer_list(struct ks_provisioning *job)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_request *request = job->request;
	char problems[KS_TEXT_MAX];

	for (size_t i = 0; i < ks_slots_count(job->slots); i++)
		ks_slot_write(&list, ks_slots_at(job->slots, i));
	(void)ks_text_print(problems, sizeof(problems), "%s", ks_slots_problems(job->slots));
	ks_provisioning_free(job);
	request->drop = NULL;
	request->pending = NULL;
	struct ks_msg_provision_reply reply = { .text = ks_bytes_text(problems), .slots = ks_buffer_bytes(&list) };
	if (ks_buffer_error(&list) < 0)
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
	else
		ks_request_answer(request, KS_MSG_PROVISION_REPLY, &reply);
}

static void on_looked(void *userdata)
{
	struct ks_provisioning *job = userdata;

	if (job->message.operation == KS_PROVISION_LIST) {
		answer_list(job);
		return;
	}
	int error = ks_provisioning_choose(job);
	if (error < 0) {
		fail(job, error, job->text);
		return;
	}
	job->provisioner = ks_slots_take_worker(job->slots, job->chosen.module);
	ks_slots_free(KS_STEAL(job->slots));
	if (!job->provisioner) {
		fail(job, KS_ERR_MODULE_FAILED, "its module failed; nothing was tried; see: keystay status");
		return;
	}
	error = ks_provisioning_may_try(job);
	if (error == KS_ERR_NEEDS_DIALOG && job->message.wait_ms > 0)
		ask(job);
	else if (error < 0)
		fail(job, error, job->text);
	else
		stop_worker(job);
}

/* --- the start --------------------------------------------------------------------------------------------------- */

/* The client is gone: what is with the token goes on. */
static void on_drop(struct ks_request *request)
{
	struct ks_provisioning *job = request->pending;

	job->request = NULL;
	if (job->message.operation == KS_PROVISION_LIST) {
		ks_provisioning_free(job);
	} else if (job->state == KS_PROVISIONING_LOOKING || job->state == KS_PROVISIONING_ASKING ||
		   job->state == KS_PROVISIONING_STOPPING) {
		fail(job, KS_ERR_CANCELLED, "the client went away before anything was tried");
	} else if (job->state == KS_PROVISIONING_ENDING) {
		ks_audit_forget(job->audit);
		job->audit = NULL;
		ks_provisioning_free(job);
	}
}

static void wipe(struct ks_bytes secret)
{
	ks_secret_wipe((uint8_t *)(uintptr_t)secret.data, secret.size);
}

/* The PIN leaves the connection's buffer at once, as in unlocking.c. */
static int take_secret(struct ks_bytes from, struct ks_secret **ret_secret)
{
	int error = ks_secret_new(ret_secret);
	if (error == 0)
		return ks_secret_take(*ret_secret, (uint8_t *)(uintptr_t)from.data, from.size);
	wipe(from);
	return error;
}

static bool are_too_many(const struct ks_state *state)
{
	unsigned n = 0;

	for (const struct ks_provisioning *job = state->provisionings; job; job = job->next)
		n++;
	return n > KS_PROVISIONS_MAX;
}

static int read_message(struct ks_provisioning *job)
{
	struct ks_msg_provision *message = &job->message;

	int error = ks_message_read(KS_MSG_PROVISION, job->request->body, message, sizeof(*message));
	if (error < 0)
		return error;
	if (are_too_many(job->owner)) {
		wipe(message->so_pin);
		wipe(message->pin);
		wipe(message->new_pin);
		return KS_ERR_QUOTA;
	}
	int so_error = take_secret(message->so_pin, &job->so_pin);
	int pin_error = take_secret(message->pin, &job->pin);
	int new_error = take_secret(message->new_pin, &job->new_pin);
	message->so_pin = message->pin = message->new_pin = KS_BYTES_NONE;
	if (so_error < 0 || pin_error < 0 || new_error < 0)
		return KS_ERR_NO_MEMORY;
	if (message->operation < KS_PROVISION_LIST || message->operation > KS_PROVISION_SO_PIN_CHANGE)
		return KS_ERR_UNSUPPORTED;
	(void)ks_text_print(job->label, sizeof(job->label), "%.*s", (int)message->label.size,
			    message->label.size ? (const char *)message->label.data : "");
	(void)ks_text_print(job->erase, sizeof(job->erase), "%.*s", (int)message->erase.size,
			    message->erase.size ? (const char *)message->erase.data : "");
	ks_asking_place(message->tty, message->term, message->display, message->wayland_display, &job->place);
	return 0;
}

static void look(struct ks_provisioning *job)
{
	set_state(job, KS_PROVISIONING_LOOKING);
	int error = ks_slots_look(job->owner, job->message.module, on_looked, job, &job->slots);
	if (error == KS_ERR_NOT_FOUND)
		fail(job, error, "the configuration has no module of that name; see: keystay status");
	else if (error < 0)
		fail(job, error, ks_error_text(error));
}

static void on_quiet(struct ks_waiter *waiter)
{
	struct ks_provisioning *job = (struct ks_provisioning *)waiter;

	if (job->owner->logins)
		return;
	ks_state_wait_no_more(waiter);
	look(job);
}

static int on_quiet_late(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_provisioning *job = userdata;

	ks_state_wait_no_more(&job->waiter);
	look(job);
	return 0;
}

/* SoftHSM rewrites a token's file at each login: who reads it then sees half of it. */
static void look_when_quiet(struct ks_provisioning *job)
{
	if (!job->owner->logins ||
	    sd_event_add_time_relative(job->owner->event, &job->timer, CLOCK_MONOTONIC,
				       KS_WORKER_LOGIN_DEADLINE_MS * 1000ull, 0, on_quiet_late, job) < 0) {
		look(job);
		return;
	}
	job->waiter.changed = on_quiet;
	ks_state_wait(job->owner, &job->waiter);
}

void ks_provisioning_begin(struct ks_request *request)
{
	struct ks_state *state = request->state;
	struct ks_provisioning *job = calloc(1, sizeof(*job));
	if (!job) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	*job = (struct ks_provisioning){ .owner = state, .request = request, .next = state->provisionings };
	state->provisionings = job;
	job->uid = request->peer.uid;
	job->gid = request->peer.gid;
	job->pid = request->peer.pid;
	(void)ks_text_print(job->socket, sizeof(job->socket), "%s", request->socket);
	ks_peer_program(request->peer.pid, job->program, sizeof(job->program));
	request->pending = job;
	request->drop = on_drop;
	int error = read_message(job);
	if (error < 0) {
		ks_provisioning_tell_asked(job);
		fail(job, error, ks_error_text(error));
		return;
	}
	ks_provisioning_tell_asked(job);
	look_when_quiet(job);
}

void ks_provisioning_keep_resting(struct ks_state *state)
{
	for (struct ks_provisioning *job = state->provisionings; job; job = job->next) {
		struct ks_worker *worker = worker_of(state, job->chosen.module);
		bool has_module = job->state == KS_PROVISIONING_AT_TOKEN || job->state == KS_PROVISIONING_LEAVING;
		if (has_module && worker && worker != job->stopped &&
		    ks_worker_suspend(worker, SUSPENDED, NULL, NULL) == 0)
			job->stopped = worker;
	}
}

void ks_provisioning_free_all(struct ks_state *state)
{
	while (state->provisionings)
		ks_provisioning_free(state->provisionings);
}
