/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove: has keystay-prove say whether a server is who the client asked for.
 *
 * Runs in: keystay-agent, which itself reads no certificate that a client sent. keystay-prove is started when it is
 * needed first and stays. It is not trusted to answer: a proof has a deadline, and when the process hangs, dies or sends
 * nonsense the proof ends as not proven, with the reason, and another process is started, not too often.
 *
 *	WAITING --its turn--> SENT --reply, deadline, death, cancel()--> ended
 *	   ^                   |
 *	   +--- follow() ------+
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "lib/base/error.h"
#include "lib/tls/server_claim.h"

struct ks_proof_result {
	bool proven;
	char reason[256];      /* why not: a clause, "its certificate expired on 2026-01-02"; "" when proven */
	uint8_t spki_hash[32]; /* SHA-256 of the leaf's SubjectPublicKeyInfo, when proven */
};

/* From the event loop, once, unless the proof was cancelled before. */
typedef void ks_proof_done(const struct ks_proof_result *result, void *userdata);

/* For whom, so that nobody uses up what is there for all. */
struct ks_proof_share {
	uint64_t socket; /* a number for its name */
	pid_t pid;
};

struct ks_prover;
struct ks_proof;

/* program: path of keystay-prove, borrowed for ever. Starts nothing yet. */
int ks_prover_new(sd_event *event, const char *program, struct ks_prover **ret_prover) KS_WARN_UNUSED;

/* Ends all proofs without calling anybody. NULL is allowed. */
void ks_prover_free(struct ks_prover *prover);

/* The PEM files that settings may name (server-ca); copied. After each good reload: they are read again, and so is the
 * system's store. Proofs under way begin anew; one whose file is no longer named ends as not proven. LIMIT for more than
 * KS_ANCHOR_FILES_MAX. With files keystay-prove is started at once, since rules will ask for it. */
int ks_prover_follow(struct ks_prover *prover, const char *const *anchor_files, size_t n_anchor_files) KS_WARN_UNUSED;

/* Is keystay-prove there, so that a proof takes no longer than it must? When it is not it is being started from now on. */
bool ks_prover_is_ready(struct ks_prover *prover);

/* anchor_files: at most KS_PROOF_ANCHORS_MAX of those of follow(), all must hold (a key's and a socket's server-ca);
 * n = 0: the system's store. claim is copied. QUOTA when KS_PROOFS_QUEUED of this process (or its socket's, or all) wait, INVALID for a file that follow()
 * did not name or a claim that is out of bounds. done is never called before this returns. */
int ks_proof_start(struct ks_prover *prover, struct ks_proof_share share, const struct ks_server_claim *claim,
		   const char *const *anchor_files, size_t n, ks_proof_done *done, void *userdata,
		   struct ks_proof **ret_proof) KS_WARN_UNUSED;

/* Was the same shown and proven within the last KS_PROOF_REMEMBERED_MS, and is this handshake signed by the same server?
 * Then there is nothing to wait for. */
bool ks_proof_recall(const struct ks_prover *prover, const struct ks_server_claim *claim,
		     const char *const *anchor_files, size_t n, struct ks_proof_result *ret_result);

/* done will not be called; a reply that still comes is dropped. NULL is allowed. */
void ks_proof_cancel(struct ks_proof *proof);
