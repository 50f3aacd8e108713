/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request: one question of one client, from its frame to its one answer.
 *
 * Runs in: keystay-agent. What handlers (catalogue, control, signing) see of a client: who asks, what, and a way to
 * answer now or later. They know nothing of sockets; session.c is the one that owns requests and carries answers away.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/peer.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

struct ks_settings_socket;
struct ks_state;
struct ks_request;

struct ks_request_owner {
	/* Carries one frame to the client and ends the request. Called exactly once for each request that is not
	 * dropped. */
	void (*answer)(struct ks_request *request, uint8_t type, const void *message);
};

struct ks_request {
	const struct ks_request_owner *owner;
	struct ks_state *state;      /* borrowed: all that the agent knows */
	enum ks_message_where where; /* the kind of socket it came by */
	const char *socket;          /* its name in the configuration: "agent", "module" …; "control" */
	struct ks_peer peer;
	const gid_t *groups; /* borrowed: all groups of the peer, peer.gid first */
	size_t n_groups;
	char program[64]; /* a label: the peer's program when this request came, escaped; "" = unknown */
	uint32_t id;
	uint8_t type;
	struct ks_bytes body; /* borrowed until the answer or the drop */

	/* Set by a handler that answers later: the client is gone, let go of everything and do not answer. */
	void (*drop)(struct ks_request *request);
	void *pending; /* the handler's own */
};

/* Answers with a message of this type; fills in its version and id. */
void ks_request_answer(struct ks_request *request, uint8_t type, void *message);

/* Answers with an error. format NULL: the error's own sentence. Text of others must be escaped by the caller. */
void ks_request_fail(struct ks_request *request, int error, const char *format, ...) KS_PRINTF(3, 4);

/* The socket by which it came, as the configuration is now. NULL: that has lost it, or admits this peer no more: a
 * connection may be older than a reload. */
const struct ks_settings_socket *ks_request_socket(const struct ks_request *request);

/* "curl", a label for people: what a program says of itself (invariant I10). */
const char *ks_request_program(const struct ks_request *request);

/* "curl (pid 4711)", a label for people. */
void ks_request_describe(const struct ks_request *request, char *out, size_t size);
