/* SPDX-License-Identifier: Apache-2.0 */
/* control: see control.h. Runs in: keystay-agent. */
#include "agent/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/login.h"
#include "agent/settled.h"
#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

/* --- status ------------------------------------------------------------------------------------------------------ */

static void write_modules(struct ks_state *state, struct ks_buffer *list)
{
	for (size_t i = 0; i < state->n_workers; i++) {
		const struct ks_worker *worker = state->workers[i];
		struct ks_msg_module_status record = {
			.name = ks_bytes_text(ks_worker_name(worker)),
			.path = ks_bytes_text(ks_worker_path(worker)),
			.state = ks_worker_state(worker),
			.pid = (uint32_t)ks_worker_pid(worker),
			.restarts = ks_worker_restarts(worker),
			.note = ks_bytes_text(ks_worker_note(worker)),
		};
		ks_record_write(list, KS_RECORD(module_status), &record);
	}
}

/* How many identities there are on this token. */
static uint32_t count_keys(struct ks_state *state, const struct ks_token *wanted)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ks_keyring_count(state->keyring); i++) {
		const struct ks_identity *identity = ks_keyring_at(state->keyring, i);
		for (size_t k = 0; k < identity->n_locations; k++) {
			const struct ks_location *location = &identity->locations[k];
			if (location->module < state->n_workers && state->workers[location->module] == wanted->worker &&
			    location->token == wanted->inventory->number)
				n++;
		}
	}
	return n;
}

static void write_tokens(struct ks_state *state, struct ks_buffer *list)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		char uri[1024];
		ks_state_token_uri(&token, uri, sizeof(uri));
		struct ks_msg_token_status record = {
			.module = ks_bytes_text(ks_worker_name(token.worker)),
			.label = ks_bytes_text(token.inventory->label),
			.manufacturer = ks_bytes_text(token.inventory->manufacturer),
			.model = ks_bytes_text(token.inventory->model),
			.serial = ks_bytes_text(token.inventory->serial),
			.uri = ks_bytes_text(uri),
			.state = ks_state_of_token(&token),
			.pin_flags = token.inventory->pin_flags,
			.n_keys = count_keys(state, &token),
			.unlocked_for_s = ks_unlock_left_s(token.lock),
			.signatures = token.lock->n_signatures,
		};
		ks_record_write(list, KS_RECORD(token_status), &record);
	}
}

static const char *configuration_text(const struct ks_state *state)
{
	return state->reload_problem[0] ? state->reload_problem : state->settings->summary;
}

static void escape_lines(const char *text, char *out, size_t size)
{
	char line[1024];
	(void)ks_text_print(line, sizeof(line), "%s", text);
	for (char *c = line; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	ks_text_escape(ks_bytes_text(line), out, size);
}

static void answer_status(struct ks_request *request)
{
	struct ks_state *state = request->state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer modules = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer tokens = { 0 };
	char configuration[1024];

	write_modules(state, &modules);
	write_tokens(state, &tokens);
	int error = ks_buffer_error(&modules) < 0 ? ks_buffer_error(&modules) : ks_buffer_error(&tokens);
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	escape_lines(configuration_text(state), configuration, sizeof(configuration));
	struct ks_msg_status_reply reply = {
		.agent_version = ks_bytes_text(KEYSTAY_VERSION),
		.pid = (uint32_t)getpid(),
		.started = state->started_s,
		.generation = state->generation,
		.n_identities = (uint32_t)ks_keyring_count(state->keyring),
		.n_connections = state->n_connections,
		.configuration = ks_bytes_text(configuration),
		.modules = ks_buffer_bytes(&modules),
		.tokens = ks_buffer_bytes(&tokens),
	};
	ks_request_answer(request, KS_MSG_STATUS_REPLY, &reply);
}

void ks_control_status(struct ks_request *request)
{
	ks_settled_then(request, answer_status);
}

/* --- unlock ------------------------------------------------------------------------------------------------------ */

struct unlocking {
	struct ks_waiter waiter; /* first; until the state is settled */
	struct ks_request *request;
	struct ks_secret *pin; /* until it is handed to the login */
	struct ks_msg_unlock message;
	struct ks_unlock_entry *entry;
	struct ks_token_login *login;
};

static void unlocking_free(struct unlocking *unlocking)
{
	ks_state_wait_no_more(&unlocking->waiter);
	ks_login_forget(unlocking->login);
	ks_secret_free(unlocking->pin);
	free(unlocking);
}

static void on_unlock_drop(struct ks_request *request)
{
	unlocking_free(request->pending);
}

static void fail_unlock(struct unlocking *unlocking, int error, const char *text)
{
	struct ks_request *request = unlocking->request;

	unlocking_free(unlocking);
	ks_request_fail(request, error, "%s", text);
}

static bool find_token_of(struct ks_state *state, const struct ks_unlock_entry *entry, struct ks_token *ret_token)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		if (token.lock == entry) {
			*ret_token = token;
			return true;
		}
	}
	return false;
}

static void answer_unlocked(struct unlocking *unlocking)
{
	struct ks_request *request = unlocking->request;
	struct ks_token token;
	char label[65] = "";
	struct ks_msg_unlock_reply reply = { .unlocked_for_s = ks_unlock_left_s(unlocking->entry) };

	if (find_token_of(request->state, unlocking->entry, &token)) {
		memcpy(label, token.inventory->label, sizeof(label));
		reply.n_keys = count_keys(request->state, &token);
	}
	reply.token = ks_bytes_text(label);
	unlocking_free(unlocking);
	ks_request_answer(request, KS_MSG_UNLOCK_REPLY, &reply);
}

/* The keyring of the logged-in token is built by the event loop; the answer counts its keys, so it waits for that. */
static void on_unlocked_news(struct ks_waiter *waiter)
{
	answer_unlocked((struct unlocking *)waiter);
}

static void on_login(int error, const char *text, void *userdata)
{
	struct unlocking *unlocking = userdata;

	unlocking->login = NULL;
	if (error < 0) {
		fail_unlock(unlocking, error, text[0] ? text : ks_error_text(error));
		return;
	}
	unlocking->waiter.changed = on_unlocked_news;
	ks_state_wait(unlocking->request->state, &unlocking->waiter);
}

/* What can be said without giving the PIN to the token. Returns false when the request was answered. */
static bool look_before_login(struct unlocking *unlocking, const struct ks_token *token)
{
	char text[512];
	const char *label = token->inventory->label;

	if (ks_state_of_token(token) == KS_TOKEN_OPEN) {
		(void)ks_text_print(text, sizeof(text), "token \"%s\" needs no PIN", label);
	} else if (ks_worker_state(token->worker) != KS_MODULE_READY) {
		(void)ks_text_print(text, sizeof(text),
				    "module \"%s\" of token \"%s\" is not running; see: keystay status",
				    ks_worker_name(token->worker), label);
	} else if (token->inventory->pin_flags & KS_PIN_IS_BLOCKED) {
		(void)ks_text_print(
			text, sizeof(text),
			"token \"%s\" has blocked its PIN after too many wrong ones; unblock it with its SO PIN "
			"or PUK",
			label);
		fail_unlock(unlocking, KS_ERR_PIN_BLOCKED, text);
		return false;
	} else if (ks_login_is_under_way(unlocking->request->state, token->lock)) {
		(void)ks_text_print(text, sizeof(text), "token \"%s\" is being unlocked already", label);
	} else if (ks_state_of_token(token) == KS_TOKEN_UNLOCKED && token->inventory->logged_in) {
		/* A token that is logged in does not look at a PIN, so this one would prove nothing. */
		answer_unlocked(unlocking);
		return false;
	} else {
		return true;
	}
	fail_unlock(unlocking, KS_ERR_BUSY, text);
	return false;
}

static void begin_login(struct unlocking *unlocking)
{
	struct ks_state *state = unlocking->request->state;
	struct ks_token token;
	char why[KS_TEXT_MAX];

	int error = ks_state_token_by_name(state, unlocking->message.token, &token, why, sizeof(why));
	if (error < 0) {
		fail_unlock(unlocking, error, why);
		return;
	}
	unlocking->entry = token.lock;
	if (!look_before_login(unlocking, &token))
		return;
	error = ks_login_start(state, &token, KS_STEAL(unlocking->pin), unlocking->message.final_try, on_login,
			       unlocking, &unlocking->login);
	if (error < 0)
		fail_unlock(unlocking, error, ks_error_text(error));
}

static void on_settled_news(struct ks_waiter *waiter)
{
	struct unlocking *unlocking = (struct unlocking *)waiter;

	if (!ks_state_is_settled(unlocking->request->state))
		return;
	ks_state_wait_no_more(waiter);
	begin_login(unlocking);
}

void ks_control_unlock(struct ks_request *request)
{
	struct unlocking *unlocking = calloc(1, sizeof(*unlocking));
	if (!unlocking) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	unlocking->request = request;
	request->pending = unlocking;
	request->drop = on_unlock_drop;
	int error = ks_message_read(KS_MSG_UNLOCK, request->body, &unlocking->message, sizeof(unlocking->message));
	if (error == 0)
		error = ks_secret_new(&unlocking->pin);
	/* The PIN leaves the connection's buffer at once. Casting const away is right here alone: the buffer is the
	 * session's own and this is the one place that may change it. */
	if (error == 0)
		error = ks_secret_take(unlocking->pin, (uint8_t *)(uintptr_t)unlocking->message.pin.data,
				       unlocking->message.pin.size);
	unlocking->message.pin = KS_BYTES_NONE;
	if (error < 0) {
		fail_unlock(unlocking, error, ks_error_text(error));
	} else if (ks_state_is_settled(request->state)) {
		begin_login(unlocking);
	} else {
		unlocking->waiter.changed = on_settled_news;
		ks_state_wait(request->state, &unlocking->waiter);
	}
}

/* --- lock -------------------------------------------------------------------------------------------------------- */

void ks_control_lock(struct ks_request *request)
{
	struct ks_state *state = request->state;
	struct ks_msg_lock lock;
	struct ks_msg_lock_reply reply = { 0 };
	struct ks_token token;
	char why[KS_TEXT_MAX];

	int error = ks_message_read(KS_MSG_LOCK, request->body, &lock, sizeof(lock));
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	if (lock.token.size > 0) {
		error = ks_state_token_by_name(state, lock.token, &token, why, sizeof(why));
		if (error < 0) {
			ks_request_fail(request, error, "%s", why);
			return;
		}
		reply.n_tokens = ks_state_lock(state, &token);
	} else {
		for (size_t i = 0; ks_state_token_at(state, i, &token); i++)
			reply.n_tokens += ks_state_lock(state, &token);
		/* Also those that are not in sight now: their worker is being started again. */
		for (size_t i = 0; i < state->unlock.n_entries; i++) {
			ks_login_revoke(state, state->unlock.entries[i]);
			reply.n_tokens += ks_unlock_close(state->unlock.entries[i]);
		}
	}
	ks_request_answer(request, KS_MSG_LOCK_REPLY, &reply);
}

/* --- reload ------------------------------------------------------------------------------------------------------ */

struct reloading {
	sd_event_source *source;
	struct ks_request *request;
};

static void on_reload_drop(struct ks_request *request)
{
	struct reloading *reloading = request->pending;

	sd_event_source_disable_unref(reloading->source);
	free(reloading);
}

static int on_reload(sd_event_source *source, void *userdata)
{
	(void)source;
	struct reloading *reloading = userdata;
	struct ks_request *request = reloading->request;
	struct ks_settings_error problem = { 0 };

	on_reload_drop(request);
	int error = ks_state_reload(request->state, &problem);
	if (error < 0) {
		ks_log_error("the configuration was not reloaded: %s", problem.text);
		char text[KS_TEXT_MAX];
		escape_lines(problem.text, text, sizeof(text));
		ks_request_fail(request, error, "the old configuration stays: %s", text);
		return 0;
	}
	struct ks_msg_reload_reply reply = { .configuration = ks_bytes_text(configuration_text(request->state)) };
	ks_request_answer(request, KS_MSG_RELOAD_REPLY, &reply);
	return 0;
}

/* From the event loop: a reload may free a worker, and this frame may have come while that worker was answering. */
void ks_control_reload(struct ks_request *request)
{
	struct reloading *reloading = calloc(1, sizeof(*reloading));
	if (!reloading) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
		return;
	}
	reloading->request = request;
	if (sd_event_add_defer(request->state->event, &reloading->source, on_reload, reloading) < 0) {
		free(reloading);
		ks_request_fail(request, KS_ERR_SYSTEM, NULL);
		return;
	}
	request->pending = reloading;
	request->drop = on_reload_drop;
}
