/* SPDX-License-Identifier: Apache-2.0 */
/* control: see control.h. Runs in: keystay-agent. */
#include "agent/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/asking.h"
#include "agent/consent.h"
#include "agent/monitor.h"
#include "agent/scout.h"
#include "agent/standing.h"
#include "agent/state.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/lifetime.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

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
			.events = ks_worker_events(worker),
		};
		ks_record_write(list, KS_RECORD(module_status), &record);
	}
}

static void write_tokens(struct ks_state *state, struct ks_buffer *list)
{
	struct ks_token token;

	for (size_t i = 0; ks_state_token_at(state, i, &token); i++) {
		char uri[1024];
		const struct ks_token_id id = ks_unlock_id(token.lock);
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
			.n_keys = ks_state_count_keys(state, &token),
			.unlocked_for_s = ks_unlock_left_s(token.lock),
			.signatures = token.lock->n_signatures,
			.submissions = ks_tries_count(state->tries, &id),
		};
		ks_record_write(list, KS_RECORD(token_status), &record);
	}
}

/* The label of the first of its tokens that is there. */
static const char *token_of(struct ks_state *state, const struct ks_identity *identity)
{
	struct ks_token token;

	for (size_t i = 0; i < identity->n_locations; i++) {
		if (ks_state_token_of(state, &identity->locations[i], &token))
			return token.inventory->label;
	}
	return "";
}

/* Returns how many had no room. */
static uint32_t write_certificates(struct ks_state *state, bool good, size_t room, struct ks_buffer *list)
{
	uint64_t now_s = ks_clock_wall_s();
	uint32_t n_left_out = 0;

	for (size_t i = 0; i < ks_keyring_count(state->keyring); i++) {
		const struct ks_identity *identity = ks_keyring_at(state->keyring, i);
		const struct ks_certificate *leaf = identity->certificate;
		if (!leaf)
			continue;
		struct ks_msg_certificate_status record = {
			.key = ks_bytes_text(identity->name),
			.token = ks_bytes_text(token_of(state, identity)),
			.not_before = (uint64_t)ks_certificate_not_before(leaf),
			.not_after = (uint64_t)ks_certificate_not_after(leaf),
			.client_auth = ks_certificate_allows(leaf, "clientAuth"),
			.revocation = identity->revocation.state,
			.revocation_said = ks_standing_said(identity),
			.revocation_until = ks_standing_until(identity),
			.unproven_refused = ks_standing_is_unproven(identity),
		};
		bool is_good = ks_lifetime_validity(record.not_before, record.not_after, now_s) == KS_VALIDITY_GOOD &&
			       !identity->revoked && !record.unproven_refused;
		if (good != is_good)
			continue;
		if (list->size + record.key.size + record.token.size + 96 > room)
			n_left_out++;
		else
			ks_record_write(list, KS_RECORD(certificate_status), &record);
	}
	return n_left_out;
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

/* A path that is no text is left out: it must not cost the whole answer. */
static struct ks_bytes configuration_file(const struct ks_state *state)
{
	struct ks_bytes path = ks_bytes_text(state->configuration);

	return path.size <= 1024 && ks_text_valid(path) ? path : KS_BYTES_NONE;
}

/* Texts of our own are below 4 KiB together. */
static size_t room_for_certificates(size_t size_of_others)
{
	size_t used = size_of_others + 4096;
	size_t left = used < KS_FRAME_MAX ? KS_FRAME_MAX - used : 0;

	return left < KS_STATUS_CERTIFICATES_MAX ? left : KS_STATUS_CERTIFICATES_MAX;
}

static void answer_status(struct ks_request *request)
{
	struct ks_state *state = request->state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer modules = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer tokens = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer refusals = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer certificates = { 0 };
	struct ks_audit_counts audit;
	char configuration[1024];

	ks_audit_count(state->audit, &audit);
	write_modules(state, &modules);
	write_tokens(state, &tokens);
	ks_tally_write(&state->tally, &refusals);
	size_t room = room_for_certificates(modules.size + tokens.size + refusals.size);
	uint32_t n_left_out = write_certificates(state, false, room, &certificates);
	n_left_out += write_certificates(state, true, room, &certificates);
	if (ks_buffer_error(&modules) < 0 || ks_buffer_error(&tokens) < 0 || ks_buffer_error(&refusals) < 0 ||
	    ks_buffer_error(&certificates) < 0) {
		ks_request_fail(request, KS_ERR_NO_MEMORY, NULL);
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
		.configuration_file = configuration_file(state),
		.modules = ks_buffer_bytes(&modules),
		.tokens = ks_buffer_bytes(&tokens),
		.audit = audit.mode,
		.audit_written = audit.written,
		.audit_waiting = audit.waiting,
		.audit_lost = audit.lost,
		.audit_problem = ks_bytes_text(audit.problem),
		.reload_failed = state->reload_problem[0] != '\0',
		.n_signed = state->tally.n_signed,
		.n_denied = state->tally.n_denied,
		.n_failed = state->tally.n_failed,
		.n_cancelled = state->tally.n_cancelled,
		.refusals = ks_buffer_bytes(&refusals),
		.certificates = ks_buffer_bytes(&certificates),
		.n_certificates_left_out = n_left_out,
	};
	ks_request_answer(request, KS_MSG_STATUS_REPLY, &reply);
}

void ks_control_status(struct ks_request *request)
{
	for (size_t i = 0; i < request->state->n_workers; i++)
		ks_worker_wake(request->state->workers[i]);
	ks_scout_then(request, KS_SCOUT_LIST, answer_status);
}

/* --- lock -------------------------------------------------------------------------------------------------------- */

/* A lock that waits for its record. It is done in any case: that the record cannot be written does not undo it, but is
 * said. */
struct locking {
	struct ks_request *request;
	struct ks_audit_entry *audit;
	struct ks_msg_lock_reply reply;
};

static void on_lock_drop(struct ks_request *request)
{
	struct locking *locking = request->pending;

	ks_audit_forget(locking->audit);
	free(locking);
}

static void on_lock_recorded(int error, const char *text, void *userdata)
{
	struct locking *locking = userdata;
	struct ks_request *request = locking->request;
	struct ks_msg_lock_reply reply = locking->reply;

	free(locking);
	request->drop = NULL;
	if (error < 0)
		ks_request_fail(request, error, "locked, but %s", text);
	else
		ks_request_answer(request, KS_MSG_LOCK_REPLY, &reply);
}

static void record_lock(struct ks_request *request, const char *token, uint32_t n_tokens)
{
	struct ks_state *state = request->state;
	struct locking *locking = calloc(1, sizeof(*locking));
	struct ks_msg_lock_reply reply = { .n_tokens = n_tokens };
	char program[64];
	struct ks_monitor_event event = ks_monitor_event_of(request, ks_monitor_number(state->monitor), program);
	const struct ks_audit_record what = { .outcome = KS_AUDIT_DONE,
					      .purpose = "lock",
					      .socket = request->socket,
					      .program = program,
					      .uid = request->peer.uid,
					      .gid = request->peer.gid,
					      .pid = request->peer.pid,
					      .token = token,
					      .holds_anyway = true };

	event.purpose = what.purpose;
	event.kind = KS_MONITOR_ASKED;
	ks_monitor_tell(state->monitor, &event);
	event.kind = KS_MONITOR_ANSWERED;
	event.outcome = what.outcome;
	ks_monitor_tell(state->monitor, &event);
	if (locking)
		*locking = (struct locking){ .request = request, .reply = reply };
	if (locking && ks_audit_write(state->audit, &what, on_lock_recorded, locking, &locking->audit) == 0) {
		request->pending = locking;
		request->drop = on_lock_drop;
		return;
	}
	ks_log_error("an audit record is lost: memory ran out");
	free(locking);
	ks_request_answer(request, KS_MSG_LOCK_REPLY, &reply);
}

void ks_control_lock(struct ks_request *request)
{
	struct ks_state *state = request->state;
	struct ks_msg_lock lock;
	uint32_t n_tokens;
	struct ks_token token;
	char why[KS_TEXT_MAX], label[65] = "";

	int error = ks_message_read(KS_MSG_LOCK, request->body, &lock, sizeof(lock));
	if (error < 0) {
		ks_request_fail(request, error, NULL);
		return;
	}
	if (lock.token.size == 0) {
		n_tokens = ks_state_lock_all(state, true);
	} else {
		error = ks_state_token_by_name(state, lock.token, &token, why, sizeof(why));
		if (error < 0) {
			ks_request_fail(request, error, "%s", why);
			return;
		}
		memcpy(label, token.inventory->label, sizeof(label));
		n_tokens = ks_state_lock(state, &token);
		token.lock->held = true;
		ks_asking_revoke(state, token.lock);
		ks_consent_forget(state, false);
	}
	record_lock(request, label, n_tokens);
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
	ks_scout_send(request->state, KS_SCOUT_RELOAD, NULL);
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
