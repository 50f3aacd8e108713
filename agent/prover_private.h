/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prover_private: what prove.c (the proofs) and prover.c (the process) share; for these two alone.
 *
 * Runs in: keystay-agent.
 *
 *	 OFF --wake()--> STARTING --its word--> READY
 *	  ^                 |                     |
 *	  |                 | death, deadline,    | death, silence, nonsense
 *	  |                 v nonsense            v
 *	  +---pause over-- RESTING <--------------+        (with proofs that wait: STARTING at once)
 *
 * set_state() in prover.c is the only place that moves along these arrows; follow() and free() go to OFF from anywhere.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/channel.h"
#include "agent/proof_memory.h"
#include "agent/prove.h"
#include "lib/protocol/message.h"

enum ks_prover_state { KS_PROVER_OFF, KS_PROVER_STARTING, KS_PROVER_READY, KS_PROVER_RESTING };

struct ks_prover {
	sd_event *event;
	const char *program;
	char **files; /* of anchors */
	size_t n_files;
	struct ks_proof *proofs; /* the first is the oldest */
	uint32_t last_id;
	struct ks_proof_memory memory; /* of what was proven lately */

	enum ks_prover_state state;
	bool started_before;
	pid_t pid;
	int pidfd;
	bool has_channel;
	struct ks_channel channel;
	uint64_t started_ms, backoff_ms, rest_until_ms;
	sd_event_source *timer;   /* of STARTING and RESTING */
	sd_event_source *silence; /* it has missed a deadline: a word is to come soon */
};

struct ks_proof {
	struct ks_proof *next;
	struct ks_prover *prover;
	struct ks_proof_share share;
	char *files[KS_PROOF_ANCHORS_MAX];
	size_t n_files;
	struct ks_buffer chain, rest;
	struct ks_msg_prove message; /* its bytes stand in chain and rest; anchors only while it is being sent */
	uint8_t digest[KS_PROOF_DIGEST_SIZE]; /* for the memory */
	struct ks_bytes leaf;                 /* stands in chain */
	uint32_t id;                          /* under which it was sent; 0: WAITING */
	const char *why;                      /* it ends with this as soon as the loop comes to it; static, NULL = no */
	sd_event_source *deadline;
	ks_proof_done *done;
	void *userdata;
};

/* --- prove.c ----------------------------------------------------------------------------------------------------- */

/* The proof is gone, and done() was called. */
void ks_proof_finish(struct ks_proof *proof, const struct ks_proof_result *result);

/* keystay-prove has said so: it holds for a while. */
void ks_proof_remember(const struct ks_proof *proof, const struct ks_proof_result *result);

/* It ends as not proven; not before the loop is left to itself. why: borrowed for ever. */
void ks_proof_end_soon(struct ks_proof *proof, const char *why);

bool ks_proof_has_anchors(const struct ks_proof *proof);

/* proof->message under that id. Its anchors stand in the given buffer. */
int ks_proof_make_message(struct ks_proof *proof, uint32_t id, struct ks_buffer *anchors) KS_WARN_UNUSED;

/* --- prover.c ---------------------------------------------------------------------------------------------------- */

/* Starts the process unless there is one, or it rests. */
void ks_prover_wake(struct ks_prover *prover);

/* Why a proof need not wait at all; NULL when it may. Borrowed for ever. */
const char *ks_prover_why_not(const struct ks_prover *prover);

/* What waits and can be sent is sent. */
void ks_prover_send_waiting(struct ks_prover *prover);

/* A deadline has passed without an answer: it is ended unless it says something soon. */
void ks_prover_expect_word(struct ks_prover *prover);
