/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve: see serve.h.
 *
 * Runs in: keystay-token. The main thread reads requests. It does logins, logouts and inventories itself, alone with the
 * module; signatures go to threads:
 *
 *	main thread:  read frame -> SIGN -------> queue -> thread: [read lock]  sign -> reply
 *	                         -> LOGIN ... --> [write lock]  do it, tell the inventory -> reply
 *	events.h:     a card comes or goes ---------------------------------------------> WORKER_EVENT
 *
 * A signature that takes a PIN of its own is made by the main thread as well: a PIN is given while nothing else happens.
 * Deadlines are the agent's affair: what hangs here is killed with the process.
 */
#include "pkcs11/serve.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"
#include "pkcs11/ckr.h"
#include "pkcs11/holder.h"
#include "pkcs11/report.h"
#include "pkcs11/serve_private.h"
#include "pkcs11/sign.h"
#include "pkcs11/user.h"

/* The agent sends as many signatures at once as we have sessions, at most KS_SESSIONS_MAX. */
#define JOBS_MAX (2 * KS_SESSIONS_MAX)

struct sign_job {
	struct ks_queue_job head;          /* first */
	struct ks_msg_worker_sign message; /* its input stands behind */
	uint8_t input[];
};

static struct ks_report_place report_place(struct ks_serve *serve)
{
	return (struct ks_report_place){ .wire = &serve->wire,
					 .digests = serve->digests,
					 .events = &serve->events.how };
}

struct ks_token *ks_serve_find_token(const struct ks_serve *serve, uint32_t number, struct ks_problem *problem)
{
	struct ks_token *token = ks_tokens_find(&serve->tokens, number);

	if (!token)
		(void)ks_problem_set(problem, KS_ERR_TOKEN_ABSENT, "the token is not there any more");
	return token;
}

int ks_serve_explain_failure(struct ks_serve *serve, uint32_t token, int r, struct ks_problem *problem)
{
	if (r != KS_ERR_TOKEN_FAILED && r != KS_ERR_TOKEN_ABSENT)
		return r;
	if (ks_readers_is_exclusive(serve->events.readers, token))
		ks_holder_explain(problem);
	else if (ks_readers_is_taken_out(serve->events.readers, token))
		return ks_problem_set(problem, KS_ERR_TOKEN_ABSENT, "the card was taken out");
	return r;
}

/* --- signing ----------------------------------------------------------------------------------------------------- */

/* CHANGED: the agent asks for an inventory, which finds out what is the matter. RENEW: it starts another process. */
static void tell(struct ks_serve *serve, enum ks_worker_event kind)
{
	const struct ks_msg_worker_event message = { KS_MESSAGE_HEAD(0), .kind = kind };

	/* Whoever waits for the signature hears of a broken channel. */
	(void)!ks_wire_send(&serve->wire, KS_MSG_WORKER_EVENT, &message);
}

struct sign_what {
	uint32_t key;
	uint32_t scheme;
	struct ks_bytes input;
	bool is_digest;
	struct ks_sign_pin *pin; /* or NULL */
};

static int sign(struct ks_serve *serve, struct ks_token *token, const struct sign_what *what,
		struct ks_buffer *signature, struct ks_problem *problem)
{
	struct ks_key *key = ks_keys_find(&token->keys, what->key);
	if (!key)
		return ks_problem_set(problem, KS_ERR_UNKNOWN_KEY, "%s does not have this key any more", token->whose);
	const struct ks_scheme *scheme = ks_scheme_find(what->scheme);
	if (!scheme)
		return ks_problem_set(problem, KS_ERR_INPUT_SCHEME,
				      "%s: signature scheme 0x%04x is unknown or too weak", token->whose, what->scheme);
	bool no_session = false;
	const struct ks_sign_request request = {
		.digests = serve->digests,
		.sessions = &token->sessions,
		.mechanisms = &token->mechanisms,
		.token_label = token->label,
		.login_required = ks_token_needs_login(token),
		.logged_in = token->logged_in,
		.key = key,
		.scheme = scheme,
		.input = what->input,
		.is_digest = what->is_digest,
		.pin = what->pin,
		.ret_no_session = &no_session,
	};
	int r = ks_serve_explain_failure(serve, token->number, ks_sign(&request, signature, problem), problem);
	if (ks_token_note_outcome(token, r))
		tell(serve, KS_WORKER_EVENT_RENEW);
	else if (no_session)
		tell(serve, KS_WORKER_EVENT_CHANGED);
	return r;
}

static int send_signature(struct ks_serve *serve, uint32_t id, const struct ks_buffer *signature)
{
	const struct ks_msg_worker_sign_reply reply = { KS_MESSAGE_HEAD(id), .signature = ks_buffer_bytes(signature) };

	return ks_wire_send(&serve->wire, KS_MSG_WORKER_SIGN_REPLY, &reply);
}

/* --- signing, in threads ----------------------------------------------------------------------------------------- */

static int sign_job(struct ks_serve *serve, const struct ks_msg_worker_sign *message, struct ks_buffer *signature,
		    struct ks_problem *problem)
{
	const struct sign_what what = {
		.key = message->key, .scheme = message->scheme, .input = message->input, .is_digest = message->is_digest
	};

	struct ks_token *token = ks_serve_find_token(serve, message->token, problem);
	return token ? sign(serve, token, &what, signature, problem) : KS_ERR_TOKEN_ABSENT;
}

static int answer_sign(struct ks_serve *serve, const struct sign_job *job)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer signature = { 0 };
	struct ks_problem problem = { 0 };

	(void)pthread_rwlock_rdlock(&serve->lock);
	int r = sign_job(serve, &job->message, &signature, &problem);
	(void)pthread_rwlock_unlock(&serve->lock);
	if (r < 0)
		return ks_wire_send_problem(&serve->wire, job->message.id, &problem);
	return send_signature(serve, job->message.id, &signature);
}

static void run_sign_job(struct ks_queue_job *head, void *userdata)
{
	KS_AUTO_FREE struct sign_job *job = (struct sign_job *)head;

	/* Nobody is left to read it, as the main thread will see for itself. */
	if (answer_sign(userdata, job) < 0)
		ks_log_debug("a signature could not be sent to the agent");
}

/* --- requests, in the main thread -------------------------------------------------------------------------------- */

/* A handler answers by itself and returns 0, or returns what it said in problem, or an error of the channel without
 * having said anything, which ends the process. */
static int take_sign(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	const struct ks_msg_worker_sign *request = message;
	KS_AUTO_FREE struct sign_job *job = malloc(sizeof(*job) + request->input.size);

	if (!job)
		return ks_problem_set(problem, KS_ERR_NO_MEMORY, "memory ran out");
	job->message = *request;
	if (request->input.size > 0)
		memcpy(job->input, request->input.data, request->input.size);
	job->message.input = ks_bytes(job->input, request->input.size);
	int r = ks_queue_put(serve->queue, &job->head);
	if (r < 0)
		return ks_problem_set(problem, r, "the signature cannot be queued: %s", ks_error_text(r));
	(void)KS_STEAL(job);
	return 0;
}

/* A PIN changes the token's flags, another card has other contents. */
int ks_serve_report_after(struct ks_serve *serve, struct ks_token *token, int r)
{
	const struct ks_report_place place = report_place(serve);

	int told = ks_report_token(&place, &serve->tokens, token);
	return told < 0 ? told : r;
}

/* Takes pin, which is wiped before anybody hears of the outcome. */
static int login(struct ks_serve *serve, const struct ks_msg_worker_login *message, struct ks_secret *pin,
		 struct ks_problem *problem)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *taken = pin;
	struct ks_token *token = ks_serve_find_token(serve, message->token, problem);
	bool submitted = false;

	if (!token)
		return KS_ERR_TOKEN_ABSENT;
	const struct ks_user_login user = { .pin = taken,
					    .digests = serve->digests,
					    .serial = message->serial,
					    .digest = message->digest,
					    .terms = { .told = message->told, .unattended = message->unattended } };
	int r = ks_user_login(token, &user, &submitted, problem);
	ks_secret_free(KS_STEAL(taken));
	r = ks_serve_explain_failure(serve, token->number, r, problem);
	problem->not_given = !submitted;
	/* Also when nothing was tried: what the token shows now is why. */
	return submitted || r < 0 ? ks_serve_report_after(serve, token, r) : r;
}

static int take_login(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	const struct ks_msg_worker_login *request = message;
	KS_CLEANUP(ks_secret_freep) struct ks_secret *pin = NULL;
	const struct ks_msg_worker_login_reply reply = { KS_MESSAGE_HEAD(request->id) };

	problem->not_given = true;
	int r = ks_wire_take_secret(&serve->wire, request->pin, &pin, problem);
	if (r < 0)
		return r;
	(void)pthread_rwlock_wrlock(&serve->lock);
	r = login(serve, request, KS_STEAL(pin), problem);
	(void)pthread_rwlock_unlock(&serve->lock);
	return r < 0 ? r : ks_wire_send(&serve->wire, KS_MSG_WORKER_LOGIN_REPLY, &reply);
}

/* The PIN is gone when this returns. */
static int sign_with_pin(struct ks_serve *serve, const struct ks_msg_worker_sign_with_pin *message,
			 struct ks_sign_pin *pin, struct ks_buffer *signature, struct ks_problem *problem)
{
	const struct ks_pin_terms terms = { .told = message->told, .unattended = message->unattended };
	const struct sign_what what = { .key = message->key,
					.scheme = message->scheme,
					.input = message->input,
					.is_digest = message->is_digest,
					.pin = pin };

	struct ks_token *token = ks_serve_find_token(serve, message->token, problem);
	if (!token)
		return KS_ERR_TOKEN_ABSENT;
	int r = ks_pin_check(token, terms, ks_secret_bytes(pin->secret).size, problem);
	if (r == 0)
		r = sign(serve, token, &what, signature, problem);
	if (pin->submitted && pin->rv != CKR_OK)
		r = ks_serve_explain_failure(serve, token->number, ks_pin_explain(token, pin->rv, problem), problem);
	problem->not_given = !pin->submitted;
	/* After a good signature nothing is told: it would cost an inventory each time. */
	return r < 0 ? ks_serve_report_after(serve, token, r) : r;
}

static int take_sign_with_pin(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	const struct ks_msg_worker_sign_with_pin *request = message;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer signature = { 0 };
	struct ks_sign_pin pin = { 0 };

	problem->not_given = true;
	int r = ks_wire_take_secret(&serve->wire, request->pin, &pin.secret, problem);
	if (r < 0)
		return r;
	(void)pthread_rwlock_wrlock(&serve->lock);
	r = sign_with_pin(serve, request, &pin, &signature, problem);
	(void)pthread_rwlock_unlock(&serve->lock);
	ks_secret_free(pin.secret);
	return r < 0 ? r : send_signature(serve, request->id, &signature);
}

static int logout(struct ks_serve *serve, uint32_t number, struct ks_problem *problem)
{
	struct ks_token *token = ks_tokens_find(&serve->tokens, number);

	if (!token)
		return 0; /* it has gone, and its login with it */
	int r = ks_user_logout(token, problem);
	ks_readers_reset(serve->events.readers, number);
	return ks_serve_report_after(serve, token, r);
}

static int take_logout(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	const struct ks_msg_worker_logout *request = message;
	const struct ks_msg_worker_logout_reply reply = { KS_MESSAGE_HEAD(request->id) };

	(void)pthread_rwlock_wrlock(&serve->lock);
	int r = logout(serve, request->token, problem);
	(void)pthread_rwlock_unlock(&serve->lock);
	return r < 0 ? r : ks_wire_send(&serve->wire, KS_MSG_WORKER_LOGOUT_REPLY, &reply);
}

static int take_rescan(struct ks_serve *serve, const void *message, struct ks_problem *problem)
{
	(void)problem;
	const struct ks_msg_worker_rescan *request = message;
	const struct ks_msg_worker_rescan_reply reply = { KS_MESSAGE_HEAD(request->id) };
	const struct ks_report_place place = report_place(serve);

	(void)pthread_rwlock_wrlock(&serve->lock);
	int r = request->all ? ks_report_all(&place, &serve->tokens) : ks_report_changes(&place, &serve->tokens);
	(void)pthread_rwlock_unlock(&serve->lock);
	return r < 0 ? r : ks_wire_send(&serve->wire, KS_MSG_WORKER_RESCAN_REPLY, &reply);
}

static const struct handler {
	uint8_t type;
	size_t size;
	int (*take)(struct ks_serve *serve, const void *message, struct ks_problem *problem);
} handlers[] = {
	{ KS_MSG_WORKER_SIGN, sizeof(struct ks_msg_worker_sign), take_sign },
	{ KS_MSG_WORKER_SIGN_WITH_PIN, sizeof(struct ks_msg_worker_sign_with_pin), take_sign_with_pin },
	{ KS_MSG_WORKER_LOGIN, sizeof(struct ks_msg_worker_login), take_login },
	{ KS_MSG_WORKER_LOGOUT, sizeof(struct ks_msg_worker_logout), take_logout },
	{ KS_MSG_WORKER_RESCAN, sizeof(struct ks_msg_worker_rescan), take_rescan },
	{ KS_MSG_WORKER_KEYGEN, sizeof(struct ks_msg_worker_keygen), ks_serve_take_keygen },
	{ KS_MSG_WORKER_STORE, sizeof(struct ks_msg_worker_store), ks_serve_take_store },
	{ KS_MSG_WORKER_REMOVE, sizeof(struct ks_msg_worker_remove), ks_serve_take_remove },
};

union request {
	struct ks_msg_worker_sign sign;
	struct ks_msg_worker_sign_with_pin sign_with_pin;
	struct ks_msg_worker_login login;
	struct ks_msg_worker_logout logout;
	struct ks_msg_worker_rescan rescan;
	struct ks_msg_worker_keygen keygen;
	struct ks_msg_worker_store store;
	struct ks_msg_worker_remove remove;
};

static int dispatch(struct ks_serve *serve, const struct ks_frame *frame, struct ks_problem *problem)
{
	union request request;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		if (handlers[i].type != frame->type)
			continue;
		int r = ks_message_read(frame->type, frame->body, &request, handlers[i].size);
		if (r < 0)
			return ks_problem_set(problem, r, "a request cannot be read: %s", ks_error_text(r));
		return handlers[i].take(serve, &request, problem);
	}
	return ks_problem_set(problem, KS_ERR_UNKNOWN_MESSAGE, "a message of type %u is not known here", frame->type);
}

/* Exactly one answer to each request. */
static int answer(struct ks_serve *serve, const struct ks_frame *frame)
{
	struct ks_problem problem = { 0 };
	uint32_t version, id;

	if (!ks_message_head(frame->body, &version, &id))
		return KS_ERR_MALFORMED;
	int r = dispatch(serve, frame, &problem);
	if (r < 0 && problem.error != 0)
		r = ks_wire_send_problem(&serve->wire, id, &problem);
	return r;
}

/* --- life -------------------------------------------------------------------------------------------------------- */

/* Waiting logins come before further signatures, or a busy client could put off a logout for ever. */
static int lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attributes;

	if (pthread_rwlockattr_init(&attributes) != 0)
		return KS_ERR_SYSTEM;
	(void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	int error = pthread_rwlock_init(lock, &attributes);
	(void)pthread_rwlockattr_destroy(&attributes);
	return error == 0 ? 0 : KS_ERR_SYSTEM;
}

/* What fails here ends the process, so nothing is undone. */
static int start(struct ks_serve *serve)
{
	const struct ks_serve_options *options = &serve->options;
	unsigned n_threads = serve->module.threads ? options->n_sessions : 1;

	int r = lock_init(&serve->lock);
	if (r == 0)
		r = ks_wire_init(&serve->wire, options->fd);
	if (r == 0)
		r = ks_digest_new(&serve->digests);
	if (r == 0)
		r = ks_places_init(&serve->places);
	if (r == 0)
		r = ks_queue_new(n_threads, JOBS_MAX, run_sign_job, serve, &serve->queue);
	if (r == 0)
		ks_tokens_init(&serve->tokens, &serve->module, options->n_sessions, options->slots, &serve->places);
	return r;
}

int ks_serve_new(const struct ks_module *module, const struct ks_serve_options *options, struct ks_serve **ret_serve)
{
	struct ks_serve *serve = calloc(1, sizeof(*serve));
	if (!serve)
		return KS_ERR_NO_MEMORY;
	serve->module = *module;
	serve->options = *options;
	int r = start(serve);
	if (r < 0) {
		free(serve);
		return r;
	}
	*ret_serve = serve;
	return 0;
}

int ks_serve_run(struct ks_serve *serve)
{
	struct ks_frame frame;
	const struct ks_report_place place = report_place(serve);

	(void)pthread_rwlock_wrlock(&serve->lock);
	/* Before the first look: what comes after it must not be missed. */
	ks_events_start(&serve->events, &serve->module, serve->options.slots, serve->options.slot_events, &serve->wire,
			&serve->places);
	int r = ks_report_all(&place, &serve->tokens);
	(void)pthread_rwlock_unlock(&serve->lock);
	while (r == 0) {
		r = ks_wire_read(&serve->wire, &frame);
		if (r == 0)
			r = answer(serve, &frame);
	}
	return r;
}

void ks_serve_quiesce(struct ks_serve *serve)
{
	ks_queue_stop(serve->queue);
	(void)pthread_rwlock_wrlock(&serve->lock);
	/* The end of the process is a logout, of which cards do not hear. */
	for (size_t i = 0; i < serve->tokens.n; i++) {
		if (serve->tokens.list[i]->present && serve->tokens.list[i]->logged_in)
			ks_readers_reset(serve->events.readers, serve->tokens.list[i]->number);
	}
}
