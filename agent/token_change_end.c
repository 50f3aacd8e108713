/* SPDX-License-Identifier: Apache-2.0 */
/* token_change_end: how a change of a token ends; see token_change_private.h. Runs in: keystay-agent. */
#include <stdlib.h>

#include "agent/monitor.h"
#include "agent/token_change_private.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

static enum ks_audit_outcome outcome_of(int error)
{
	if (error == 0)
		return KS_AUDIT_DONE;
	return error == KS_ERR_CANCELLED || error == KS_ERR_CLOSED ? KS_AUDIT_CANCELLED : KS_AUDIT_FAILED;
}

static void tell(struct ks_token_change *change, enum ks_monitor_kind kind, const char *text)
{
	char program[64];
	struct ks_monitor_event event = ks_monitor_event_of(change->request, change->number, program);

	event.kind = kind;
	event.key = change->key;
	event.purpose = ks_token_change_purpose(change);
	event.outcome = kind == KS_MONITOR_ANSWERED ? outcome_of(change->error) : 0;
	event.text = text;
	ks_monitor_tell(change->request->state->monitor, &event);
}

void ks_token_change_tell_asked(struct ks_token_change *change)
{
	change->number = ks_monitor_number(change->request->state->monitor);
	tell(change, KS_MONITOR_ASKED, "");
}

void ks_token_change_tell_wait(struct ks_token_change *change, const char *what)
{
	if (change->waits_for == what)
		return;
	change->waits_for = what;
	tell(change, KS_MONITOR_WAITS, what);
}

/* Nothing is awaited any more, but for the record. */
static void let_go(struct ks_token_change *change)
{
	ks_state_wait_no_more(&change->waiter);
	change->timer = sd_event_source_disable_unref(change->timer);
	ks_asking_leave(&change->asker);
	ks_worker_call_cancel(change->call);
	change->call = NULL;
	if (change->entry)
		ks_unlock_release(change->entry);
	change->entry = NULL;
}

/* What was done stays done, whatever becomes of its record. done NULL: the client is gone. */
static int record(struct ks_token_change *change, ks_audit_done *done)
{
	const struct ks_request *request = change->request;
	char program[64];

	ks_peer_program(request->peer.pid, program, sizeof(program));
	const struct ks_audit_record what = {
		.outcome = outcome_of(change->error),
		.purpose = ks_token_change_purpose(change),
		.socket = request->socket,
		.program = program,
		.uid = request->peer.uid,
		.gid = request->peer.gid,
		.pid = request->peer.pid,
		.key = change->key,
		.spki_hash = change->has_hash ? change->spki_hash : NULL,
		.token = change->token,
		.pin_used = change->pin_used,
		.holds_anyway = change->error == 0,
		.error = change->error,
		.text = change->error < 0 ? change->text : "",
	};
	tell(change, KS_MONITOR_ANSWERED, change->error < 0 ? change->text : "");
	return ks_audit_write(request->state->audit, &what, done, change, done ? &change->audit : NULL);
}

static void answer(struct ks_token_change *change)
{
	struct ks_request *request = change->request;
	struct ks_bytes token = ks_bytes_text(change->token);
	struct ks_msg_token_keygen_reply keygen = { .token = token,
						    .object_id = ks_bytes(change->object_id, change->object_id_size),
						    .spki = ks_bytes(change->spki, change->spki_size) };
	struct ks_msg_token_store_reply store = { .token = token };
	struct ks_msg_token_remove_reply remove = { .n_removed = change->n_removed };

	request->drop = NULL;
	request->pending = NULL;
	if (change->error < 0)
		ks_request_fail(request, change->error, "%s", change->text);
	else if (change->type == KS_MSG_TOKEN_KEYGEN)
		ks_request_answer(request, KS_MSG_TOKEN_KEYGEN_REPLY, &keygen);
	else if (change->type == KS_MSG_TOKEN_STORE)
		ks_request_answer(request, KS_MSG_TOKEN_STORE_REPLY, &store);
	else
		ks_request_answer(request, KS_MSG_TOKEN_REMOVE_REPLY, &remove);
	free(change);
}

static void on_recorded(int error, const char *text, void *userdata)
{
	struct ks_token_change *change = userdata;

	change->audit = NULL;
	if (error < 0 && change->error == 0) {
		change->error = error;
		(void)ks_text_print(change->text, sizeof(change->text), "it was done, but %s", text);
	}
	answer(change);
}

static void end(struct ks_token_change *change, int error, const char *text)
{
	change->error = error;
	if (text != change->text)
		(void)ks_text_print(change->text, sizeof(change->text), "%s", text);
	let_go(change);
	change->state = KS_CHANGE_ENDING;
	int r = record(change, on_recorded);
	if (r < 0)
		on_recorded(r, "its record cannot be written: memory ran out", change);
}

void ks_token_change_fail(struct ks_token_change *change, int error, const char *text)
{
	ks_log_notice("%s of \"%s\" on token \"%s\" failed: %s [%s]", ks_token_change_purpose(change), change->key,
		      change->token, text, ks_error_word(error));
	end(change, error, text);
}

void ks_token_change_succeed(struct ks_token_change *change)
{
	ks_log_info("%s of \"%s\" on token \"%s\": done", ks_token_change_purpose(change), change->key, change->token);
	end(change, 0, "");
}

/* A key that is being made is made to its end, and is in the inventory then. */
void ks_token_change_abandon(struct ks_token_change *change)
{
	bool at_token = change->state == KS_CHANGE_AT_TOKEN;

	if (change->state == KS_CHANGE_ENDING) {
		ks_audit_forget(change->audit);
		free(change);
		return;
	}
	change->error = change->state == KS_CHANGE_SHOWING ? 0 : KS_ERR_CLOSED;
	(void)ks_text_print(change->text, sizeof(change->text), "the client went away before its answer%s",
			    at_token ? "; whether the token was changed is not known" : "");
	let_go(change);
	if (record(change, NULL) < 0)
		ks_log_error("an audit record is lost: memory ran out");
	free(change);
}
