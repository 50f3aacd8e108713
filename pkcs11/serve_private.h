/* SPDX-License-Identifier: Apache-2.0 */
/*
 * serve_private: what the files of serve share (serve.c: who does what; serve_changes.c: changes to a token).
 *
 * Runs in: keystay-token. For these files alone.
 */
#pragma once

#include <pthread.h>

#include "pkcs11/digest.h"
#include "pkcs11/events.h"
#include "pkcs11/places.h"
#include "pkcs11/problem.h"
#include "pkcs11/queue.h"
#include "pkcs11/serve.h"
#include "pkcs11/token.h"
#include "pkcs11/wire.h"

struct ks_serve {
	struct ks_module module; /* a copy: threads may outlive whoever loaded it */
	struct ks_serve_options options;
	struct ks_wire wire;
	struct ks_digest *digests;
	struct ks_places places;
	struct ks_events events;
	struct ks_tokens tokens;
	struct ks_queue *queue;
	pthread_rwlock_t lock; /* read: sign; write: everything that changes tokens */
};

/* NULL after saying that it has gone. */
struct ks_token *ks_serve_find_token(const struct ks_serve *serve, uint32_t number, struct ks_problem *problem);

/* A card that is taken out, or that another program has taken for itself, fails in all kinds of ways; the reader knows
 * better. Returns r, or the error that it is. */
int ks_serve_explain_failure(struct ks_serve *serve, uint32_t token, int r, struct ks_problem *problem);

/* Tells the token's news. r stays what it is unless the channel fails. */
int ks_serve_report_after(struct ks_serve *serve, struct ks_token *token, int r);

/* Handlers of serve.c's table, which see. They take the write lock: no session is in use meanwhile. */
int ks_serve_take_keygen(struct ks_serve *serve, const void *message, struct ks_problem *problem);
int ks_serve_take_store(struct ks_serve *serve, const void *message, struct ks_problem *problem);
int ks_serve_take_remove(struct ks_serve *serve, const void *message, struct ks_problem *problem);
