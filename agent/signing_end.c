/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_end: how a signing ends: a signature or a refusal, its line in the log, its record, its reply; see
 * signing_private.h.
 *
 * Runs in: keystay-agent. The record is written before the reply leaves (invariant I9).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/monitor.h"
#include "agent/signing_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/tls/verify_signature.h"

static void set_ending(struct ks_signing_job *signing)
{
	ks_state_wait_no_more(&signing->waiter);
	signing->state = KS_SIGNING_ENDING;
}

void ks_signing_let_go(struct ks_signing_job *signing)
{
	ks_state_wait_no_more(&signing->waiter);
	signing->timer = sd_event_source_disable_unref(signing->timer);
	signing->turn_timer = sd_event_source_disable_unref(signing->turn_timer);
	ks_asking_leave(&signing->asker);
	ks_consent_leave(&signing->consenter);
	ks_signing_proof_leave(&signing->proof);
	signing->told_of_touch = ks_notify_end(KS_STEAL(signing->notice)) || signing->told_of_touch;
	ks_signing_pin_leave(&signing->pin, signing->request->state, KS_STEAL(signing->call));
}

/* The server that it is for, as far as it is known: proven, or only named. */
static const char *server_of(const struct ks_signing_job *signing)
{
	return signing->server_name[0] && signing->proof.knowledge != KS_SERVER_PROVEN ? signing->server_name :
											 signing->proof.server;
}

/* --- the record -------------------------------------------------------------------------------------------------- */

static const char *purpose_of(const struct ks_signing_job *signing)
{
	if (signing->kind == KS_SIGNABLE_TLS13_CLIENT)
		return "tls13-client";
	if (signing->kind == KS_SIGNABLE_TLS12_CLIENT)
		return "tls12-client";
	if (signing->is_cmp)
		return "cmp";
	return signing->is_digest ? "digest" : signing->is_request ? "csr" : "unknown";
}

static enum ks_audit_outcome outcome_of(int error)
{
	if (error == 0)
		return KS_AUDIT_SIGNED;
	if (error == KS_ERR_CANCELLED || error == KS_ERR_CLOSED)
		return KS_AUDIT_CANCELLED;
	bool is_denied = (error <= KS_ERR_INPUT_UNKNOWN && error >= KS_ERR_INPUT_CMP) || error == KS_ERR_RULE ||
			 error == KS_ERR_RULE_UNPROVABLE || error == KS_ERR_UNKNOWN_KEY || error == KS_ERR_QUOTA ||
			 error == KS_ERR_EXPIRED || error == KS_ERR_REVOKED || error == KS_ERR_WRONG_SOCKET;
	return is_denied ? KS_AUDIT_DENIED : KS_AUDIT_FAILED;
}

static int write_record(struct ks_signing_job *signing, const char *key_name, int error, const char *text,
			ks_audit_done *done)
{
	const struct ks_request *request = signing->request;
	const struct ks_scheme *scheme = ks_scheme_find(signing->message.scheme);
	bool proven = signing->proof.knowledge == KS_SERVER_PROVEN;
	uint8_t input_hash[32];
	bool hashed = ks_sha256(signing->message.input, input_hash) == 0;

	const struct ks_audit_record record = {
		.outcome = outcome_of(error),
		.socket = request->socket,
		.program = ks_request_program(request),
		.uid = request->peer.uid,
		.gid = request->peer.gid,
		.pid = request->peer.pid,
		.key = key_name,
		.token = signing->token,
		.spki_hash = signing->message.spki_hash.size == 32 ? signing->message.spki_hash.data : NULL,
		.purpose = purpose_of(signing),
		.scheme = scheme ? scheme->name : "unknown",
		.server = server_of(signing),
		.server_proven = proven,
		.unverified = proven ? "" : signing->proof.why,
		.rule = signing->rule,
		.pin_used = signing->pin_used,
		.confirmed = signing->consented,
		.touched = signing->told_of_touch && signing->reply.signature_size > 0,
		.error = error,
		.text = text,
		.input_hash = hashed ? input_hash : NULL,
	};
	return ks_audit_write(request->state->audit, &record, done, signing, &signing->entry);
}

/* --- who watches ------------------------------------------------------------------------------------------------- */

static void tell(const struct ks_signing_job *signing, enum ks_monitor_kind kind, int error, const char *text)
{
	const struct ks_request *request = signing->request;
	char program[64];
	struct ks_monitor_event event = ks_monitor_event_of(request, signing->number, program);
	const struct ks_identity *identity =
		ks_keyring_by_hash(request->state->keyring, signing->message.spki_hash.data);

	event.kind = kind;
	event.key = identity ? identity->name : "";
	event.purpose = purpose_of(signing);
	event.server = server_of(signing);
	event.server_proven = signing->proof.knowledge == KS_SERVER_PROVEN;
	event.outcome = outcome_of(error);
	event.text = text;
	ks_monitor_tell(request->state->monitor, &event);
}

void ks_signing_tell_asked(struct ks_signing_job *signing)
{
	signing->number = ks_monitor_number(signing->request->state->monitor);
	tell(signing, KS_MONITOR_ASKED, 0, "");
}

void ks_signing_tell_wait(struct ks_signing_job *signing, const char *what)
{
	if (signing->waits_for == what)
		return;
	signing->waits_for = what;
	tell(signing, KS_MONITOR_WAITS, 0, what);
}

/* --- the reply --------------------------------------------------------------------------------------------------- */

static void answer_signature(struct ks_signing_job *signing)
{
	const struct ks_signing_proof *proof = &signing->proof;
	bool proven = proof->knowledge == KS_SERVER_PROVEN;
	struct ks_msg_sign_reply reply = { .signature =
						   ks_bytes(signing->reply.signature, signing->reply.signature_size),
					   .server = ks_bytes_text(proven ? proof->server : ""),
					   .unverified = ks_bytes_text(proven ? "" : proof->why) };

	struct ks_msg_sign_request_reply request_reply = { .signature = reply.signature };
	struct ks_msg_sign_cmp_reply cmp_reply = { .signature = reply.signature };
	struct ks_msg_sign_for_ca_reply for_ca_reply = { .signature = reply.signature };

	if (signing->is_request)
		ks_request_answer(signing->request, KS_MSG_SIGN_REQUEST_REPLY, &request_reply);
	else if (signing->is_cmp)
		ks_request_answer(signing->request, KS_MSG_SIGN_CMP_REPLY, &cmp_reply);
	else if (signing->is_for_ca)
		ks_request_answer(signing->request, KS_MSG_SIGN_FOR_CA_REPLY, &for_ca_reply);
	else
		ks_request_answer(signing->request, KS_MSG_SIGN_REPLY, &reply);
}

static void answer(struct ks_signing_job *signing)
{
	struct ks_request *request = signing->request;
	bool is_signed = signing->reply.error == 0;

	if (is_signed)
		ks_log_info("%s", signing->reply.text);
	tell(signing, KS_MONITOR_ANSWERED, signing->reply.error, is_signed ? "" : signing->reply.text);
	request->drop = NULL;
	request->pending = NULL;
	ks_tally_count(&request->state->tally, outcome_of(signing->reply.error), signing->reply.error);
	if (is_signed)
		answer_signature(signing);
	else
		ks_request_fail(request, signing->reply.error, "%s", signing->reply.text);
	free(signing);
}

static void fail_for_record(struct ks_signing_job *signing, int error, const char *text)
{
	if (signing->reply.error < 0)
		return; /* it is refused anyway */
	ks_log_error("not signed: its record could not be written: %s", text);
	signing->reply.error = error;
	(void)ks_text_print(signing->reply.text, sizeof(signing->reply.text),
			    "not signed, since its record could not be written: %s", text);
}

static void on_recorded(int error, const char *text, void *userdata)
{
	struct ks_signing_job *signing = userdata;

	signing->entry = NULL;
	if (error < 0)
		fail_for_record(signing, error, text);
	answer(signing);
}

static void end(struct ks_signing_job *signing, const char *key_name)
{
	set_ending(signing);
	int error = write_record(signing, key_name, signing->reply.error,
				 signing->reply.error < 0 ? signing->reply.text : signing->cmp, on_recorded);
	if (error == 0)
		return;
	fail_for_record(signing, error, ks_error_text(error));
	answer(signing);
}

void ks_signing_refuse(struct ks_signing_job *signing, const char *key_name, int error, const char *text)
{
	char who[96], name[257];

	/* Both may be of what is let go of here. */
	(void)ks_text_print(name, sizeof(name), "%s", key_name ? key_name : "");
	signing->reply.error = error;
	(void)ks_text_print(signing->reply.text, sizeof(signing->reply.text), "%s", text);
	ks_request_describe(signing->request, who, sizeof(who));
	ks_log_notice("not signed for %s%s%s%s: %s [%s]", who, name[0] ? " with \"" : "", name, name[0] ? "\"" : "",
		      signing->reply.text, ks_error_word(error));
	ks_signing_let_go(signing);
	end(signing, name);
}

static const char *kind_name(const struct ks_signing_job *signing, enum ks_signable_kind kind)
{
	static const char *const names[] = {
		[KS_SIGNABLE_TLS13_CLIENT] = "TLS 1.3 client authentication",
		[KS_SIGNABLE_TLS12_CLIENT] = "TLS 1.2 client authentication",
		[KS_SIGNABLE_DIGEST] = "a bare digest, which nobody can check",
		[KS_SIGNABLE_REQUEST] = "a certificate request",
	};
	return kind == KS_SIGNABLE_CMP ? signing->cmp : names[kind];
}

void ks_signing_release(struct ks_signing_job *signing, const struct ks_signing_finding *finding)
{
	bool proven = signing->proof.knowledge == KS_SERVER_PROVEN;
	const char *server = server_of(signing);
	char who[96];

	ks_request_describe(signing->request, who, sizeof(who));
	/* For the log, once the record is written. */
	(void)ks_text_print(signing->reply.text, sizeof(signing->reply.text), "signed for %s with \"%s\": %s, %s%s%s",
			    who, finding->identity->name, kind_name(signing, finding->signable.kind),
			    finding->signable.scheme->name,
			    server[0] == '\0' ? "" : (proven ? ", server " : ", claimed server "), server);
	if (ks_unlock_spent(finding->token.lock))
		(void)ks_state_lock(signing->request->state, &finding->token);
	signing->reply.error = 0;
	ks_signing_let_go(signing);
	end(signing, finding->identity->name);
}

void ks_signing_abandon(struct ks_signing_job *signing)
{
	const struct ks_identity *identity;

	ks_tally_count(&signing->request->state->tally, KS_AUDIT_CANCELLED, KS_ERR_CLOSED);
	if (signing->state == KS_SIGNING_ENDING) {
		tell(signing, KS_MONITOR_ANSWERED, KS_ERR_CLOSED, "the client went away before its answer");
		ks_audit_forget(signing->entry);
	} else {
		ks_signing_let_go(signing);
		tell(signing, KS_MONITOR_ANSWERED, KS_ERR_CLOSED, "the client went away before its answer");
		identity = ks_keyring_by_hash(signing->request->state->keyring, signing->message.spki_hash.data);
		if (write_record(signing, identity ? identity->name : "", KS_ERR_CLOSED,
				 "the client went away before its answer", on_recorded) == 0)
			ks_audit_forget(signing->entry);
	}
	free(signing);
}
