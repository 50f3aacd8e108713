/* SPDX-License-Identifier: Apache-2.0 */
/* prover: see prove.h and prover_private.h: the keystay-prove process. Runs in: keystay-agent. */
#include "agent/prove.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/environment.h"
#include "agent/prover_private.h"
#include "agent/reaper.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define CHANNEL_FD 3 /* of keystay-prove */
#define HASH_SIZE 32

/* keystay-prove ends a proof of its own after KS_PROOF_DEADLINE_MS and says so: a process that says nothing for so much
 * longer is stuck. */
#define SILENCE_MS 1000u

static void start(struct ks_prover *prover);

static void set_state(struct ks_prover *prover, enum ks_prover_state state)
{
	prover->timer = sd_event_source_disable_unref(prover->timer); /* each state has its own */
	prover->state = state;
}

/* --- the end of the process -------------------------------------------------------------------------------------- */

/* Nothing is to be lost in it, so it gets no time to end by itself. */
static void let_go(struct ks_prover *prover)
{
	prover->silence = sd_event_source_disable_unref(prover->silence);
	if (prover->has_channel)
		ks_channel_deinit(&prover->channel);
	prover->has_channel = false;
	if (prover->pid > 0)
		ks_reaper_take(prover->event, prover->pid, prover->pidfd, 0);
	prover->pid = 0;
	prover->pidfd = -1;
	set_state(prover, KS_PROVER_OFF);
}

static int on_rested(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_prover *prover = userdata;

	set_state(prover, KS_PROVER_OFF);
	if (prover->proofs)
		start(prover);
	return 0;
}

/* Longer each time, until one has lived for a while. */
static void rest(struct ks_prover *prover)
{
	uint64_t now = ks_clock_monotonic_ms();

	if (now - prover->started_ms > KS_WORKER_STABLE_MS)
		prover->backoff_ms = 0;
	prover->backoff_ms = prover->backoff_ms == 0 ? KS_WORKER_BACKOFF_FIRST_MS : prover->backoff_ms * 2;
	if (prover->backoff_ms > KS_WORKER_BACKOFF_LAST_MS)
		prover->backoff_ms = KS_WORKER_BACKOFF_LAST_MS;
	set_state(prover, KS_PROVER_RESTING);
	prover->rest_until_ms = now + prover->backoff_ms;
	if (sd_event_add_time_relative(prover->event, &prover->timer, CLOCK_MONOTONIC, prover->backoff_ms * 1000, 0,
				       on_rested, prover) < 0)
		set_state(prover, KS_PROVER_OFF);
}

/* What was with it is lost; what waits for its turn waits for the next process, unless that is too far away. */
static void die(struct ks_prover *prover, const char *why)
{
	ks_log_error("keystay-prove, which verifies servers, %s; it is started again when it is needed", why);
	let_go(prover);
	rest(prover);
	for (struct ks_proof *proof = prover->proofs; proof; proof = proof->next) {
		if (proof->why)
			continue;
		if (proof->id != 0)
			ks_proof_end_soon(proof, "keystay-prove, which verifies servers, did not live to answer");
		else if (ks_prover_why_not(prover))
			ks_proof_end_soon(proof, ks_prover_why_not(prover));
	}
}

const char *ks_prover_why_not(const struct ks_prover *prover)
{
	if (prover->state == KS_PROVER_RESTING &&
	    prover->rest_until_ms > ks_clock_monotonic_ms() + KS_PROOF_FIRST_DEADLINE_MS)
		return "keystay-prove, which verifies servers, ends again and again; the agent's log says more";
	return NULL;
}

static int on_silence(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	die(userdata, "does not answer");
	return 0;
}

void ks_prover_expect_word(struct ks_prover *prover)
{
	if (prover->state != KS_PROVER_READY || prover->silence)
		return;
	if (sd_event_add_time_relative(prover->event, &prover->silence, CLOCK_MONOTONIC, SILENCE_MS * 1000ull, 0,
				       on_silence, prover) < 0)
		die(prover, "cannot be watched");
}

/* --- what it says ------------------------------------------------------------------------------------------------ */

static bool is_sound(const struct ks_msg_prove_reply *reply)
{
	return reply->proven == (reply->spki_hash.size == HASH_SIZE) && (reply->proven || reply->spki_hash.size == 0) &&
	       reply->proven == (reply->reason.size == 0);
}

static int take_word(struct ks_prover *prover, const struct ks_msg_prove_reply *reply)
{
	if (prover->state != KS_PROVER_STARTING || reply->proven)
		return KS_ERR_MALFORMED;
	set_state(prover, KS_PROVER_READY);
	ks_prover_send_waiting(prover);
	return 0;
}

static int take_reply(struct ks_prover *prover, const struct ks_msg_prove_reply *reply)
{
	struct ks_proof_result result = { .proven = reply->proven };
	struct ks_proof *proof = prover->proofs;

	if (prover->state != KS_PROVER_READY || reply->id > prover->last_id || !is_sound(reply))
		return KS_ERR_MALFORMED;
	while (proof && (proof->id != reply->id || proof->why))
		proof = proof->next;
	if (!proof)
		return 0; /* it was cancelled, or has ended */
	if (reply->proven)
		memcpy(result.spki_hash, reply->spki_hash.data, HASH_SIZE);
	else
		ks_text_escape(reply->reason, result.reason, sizeof(result.reason));
	ks_proof_remember(proof, &result);
	ks_proof_finish(proof, &result);
	return 0;
}

static int on_frame(struct ks_channel *channel, const struct ks_frame *frame, void *userdata)
{
	(void)channel;
	struct ks_prover *prover = userdata;
	struct ks_msg_prove_reply reply;

	if (frame->type != KS_MSG_PROVE_REPLY)
		return KS_ERR_UNKNOWN_MESSAGE;
	int r = ks_message_read(frame->type, frame->body, &reply, sizeof(reply));
	if (r < 0)
		return r;
	prover->silence = sd_event_source_disable_unref(prover->silence);
	return reply.id == 0 ? take_word(prover, &reply) : take_reply(prover, &reply);
}

static void on_moved(struct ks_channel *channel, void *userdata)
{
	(void)channel;
	ks_prover_send_waiting(userdata);
}

/* What was sent already waits again, under the numbers that its files have now. */
static void begin_anew(struct ks_prover *prover)
{
	for (struct ks_proof *proof = prover->proofs; proof; proof = proof->next) {
		if (proof->why)
			continue;
		proof->id = 0;
		if (!ks_proof_has_anchors(proof))
			ks_proof_end_soon(proof, "its server-ca has just been taken out of the configuration");
		else /* whose process has to start first, once more */
			(void)sd_event_source_set_time_relative(proof->deadline, KS_PROOF_FIRST_DEADLINE_MS * 1000ull);
	}
}

static void on_closed(struct ks_channel *channel, int error, void *userdata)
{
	(void)channel;
	struct ks_prover *prover = userdata;

	if (error == KS_ERR_CANCELLED) { /* by ourselves: another process is wanted */
		let_go(prover);
		begin_anew(prover);
		ks_prover_wake(prover);
		return;
	}
	die(prover, error == KS_ERR_CLOSED ? "ended" : "sent nonsense");
}

static const struct ks_channel_events channel_events = { .frame = on_frame, .moved = on_moved, .closed = on_closed };

/* --- what it is asked -------------------------------------------------------------------------------------------- */

/* What this one's socket, and then its process, has under way already. */
static size_t load_of(const struct ks_proof *proof, struct ks_proof *const *sent, size_t n_sent)
{
	size_t load = 0;

	for (size_t i = 0; i < n_sent; i++) {
		load += sent[i]->share.socket == proof->share.socket ? KS_PROOFS_AT_ONCE + 1 : 0;
		load += sent[i]->share.pid == proof->share.pid;
	}
	return load;
}

/* NULL: nothing waits, or it has to wait longer. One frame at a time, so that its buffer stays small. */
static struct ks_proof *next_to_send(const struct ks_prover *prover)
{
	struct ks_proof *sent[KS_PROOFS_AT_ONCE], *next = NULL;
	size_t n_sent = 0, least = SIZE_MAX;

	if (prover->state != KS_PROVER_READY || ks_channel_is_sending(&prover->channel) || prover->channel.error < 0)
		return NULL;
	for (struct ks_proof *proof = prover->proofs; proof; proof = proof->next) {
		if (proof->id == 0)
			continue;
		sent[n_sent++] = proof;
		if (n_sent == KS_PROOFS_AT_ONCE)
			return NULL;
	}
	for (struct ks_proof *proof = prover->proofs; proof && least > 0; proof = proof->next) {
		size_t load = proof->id == 0 && !proof->why ? load_of(proof, sent, n_sent) : SIZE_MAX;
		if (load >= least)
			continue;
		least = load;
		next = proof;
	}
	return next;
}

void ks_prover_send_waiting(struct ks_prover *prover)
{
	struct ks_proof *proof;

	while ((proof = next_to_send(prover)) != NULL) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer anchors = { 0 };
		/* An id never comes again in one process. */
		if (prover->last_id == UINT32_MAX) {
			ks_channel_break(&prover->channel, KS_ERR_CANCELLED);
			return;
		}
		if (ks_proof_make_message(proof, prover->last_id + 1, &anchors) < 0) {
			ks_proof_end_soon(proof, "memory ran out");
			continue;
		}
		proof->id = ++prover->last_id;
		ks_channel_send(&prover->channel, KS_MSG_PROVE, &proof->message);
	}
}

/* --- the start of the process ------------------------------------------------------------------------------------ */

static int spawn(struct ks_prover *prover, int channel_fd)
{
	char name[] = "keystay-prove", again[] = "--again", no_configuration[] = "OPENSSL_CONF=/dev/null";
	char *nothing[] = { NULL }, *extra[] = { no_configuration, NULL };
	KS_AUTO_FREE char **environment = ks_environment_make(nothing, extra);
	KS_AUTO_FREE char **argv = calloc(prover->n_files + 4, sizeof(*argv));
	size_t n = 0;

	if (!environment || !argv)
		return KS_ERR_NO_MEMORY;
	argv[n++] = name;
	if (prover->started_before)
		argv[n++] = again;
	for (size_t i = 0; i < prover->n_files; i++)
		argv[n++] = prover->files[i];
	const struct ks_process_fd fds[] = { { STDERR_FILENO, STDERR_FILENO }, { channel_fd, CHANNEL_FD } };
	const struct ks_process_spec spec = {
		.path = prover->program, .argv = argv, .envp = environment, .fds = fds, .n_fds = 2
	};
	int r = ks_process_spawn(&spec, &prover->pid, &prover->pidfd);
	if (r < 0) {
		prover->pid = 0;
		prover->pidfd = -1;
	}
	return r;
}

static int on_start_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	die(userdata, "did not start in time");
	return 0;
}

static int launch(struct ks_prover *prover)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return KS_ERR_SYSTEM;
	KS_AUTO_CLOSE int ours = pair[0];
	KS_AUTO_CLOSE int theirs = pair[1];
	int r = ks_channel_init(&prover->channel, prover->event, ours, &channel_events, prover);
	if (r < 0)
		return r;
	(void)KS_STEAL_FD(ours);
	prover->has_channel = true;
	if (sd_event_add_time_relative(prover->event, &prover->timer, CLOCK_MONOTONIC,
				       KS_PROOF_FIRST_DEADLINE_MS * 1000ull, 0, on_start_deadline, prover) < 0)
		return KS_ERR_SYSTEM;
	return spawn(prover, theirs);
}

static void start(struct ks_prover *prover)
{
	prover->started_ms = ks_clock_monotonic_ms();
	prover->last_id = 0;
	set_state(prover, KS_PROVER_STARTING);
	int r = launch(prover);
	if (r < 0) {
		char why[KS_TEXT_MAX];
		(void)ks_text_print(why, sizeof(why), "cannot be started as %s: %s", prover->program, ks_error_text(r));
		die(prover, why);
		return;
	}
	prover->started_before = true;
}

void ks_prover_wake(struct ks_prover *prover)
{
	if (prover->state == KS_PROVER_OFF)
		start(prover);
}

/* --- the configuration ------------------------------------------------------------------------------------------- */

static void free_files(char **files, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(files[i]);
	free(files);
}

int ks_prover_follow(struct ks_prover *prover, const char *const *anchor_files, size_t n_anchor_files)
{
	if (n_anchor_files > KS_ANCHOR_FILES_MAX)
		return KS_ERR_LIMIT;
	char **files = calloc(n_anchor_files + 1, sizeof(*files));
	if (!files)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < n_anchor_files; i++) {
		files[i] = strdup(anchor_files[i]);
		if (!files[i]) {
			free_files(files, i);
			return KS_ERR_NO_MEMORY;
		}
	}
	ks_proof_memory_forget(&prover->memory);
	free_files(prover->files, prover->n_files);
	prover->files = files;
	prover->n_files = n_anchor_files;
	prover->backoff_ms = 0; /* whoever changed something may have mended it */
	bool was_there = prover->state == KS_PROVER_STARTING || prover->state == KS_PROVER_READY;
	if (prover->has_channel && prover->channel.busy) { /* a handler of its own is running */
		ks_channel_break(&prover->channel, KS_ERR_CANCELLED);
		return 0;
	}
	let_go(prover);
	begin_anew(prover);
	if (was_there || prover->proofs || n_anchor_files > 0)
		ks_prover_wake(prover);
	return 0;
}

int ks_prover_new(sd_event *event, const char *program, struct ks_prover **ret_prover)
{
	struct ks_prover *prover = calloc(1, sizeof(*prover));

	if (!prover)
		return KS_ERR_NO_MEMORY;
	prover->event = sd_event_ref(event);
	prover->program = program;
	prover->pidfd = -1;
	*ret_prover = prover;
	return 0;
}

void ks_prover_free(struct ks_prover *prover)
{
	if (!prover)
		return;
	let_go(prover);
	while (prover->proofs)
		ks_proof_cancel(prover->proofs);
	ks_proof_memory_forget(&prover->memory);
	free_files(prover->files, prover->n_files);
	sd_event_unref(prover->event);
	free(prover);
}
