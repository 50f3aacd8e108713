/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: frames in and out of the descriptor that the agent gave us, blocking.
 *
 * Runs in: keystay-token. One thread reads; any thread writes, whole frames at a time. What was read is wiped, since
 * PINs pass here.
 */
#pragma once

#include <pthread.h>

#include "lib/base/buffer.h"
#include "lib/base/secret.h"
#include "lib/protocol/frame.h"
#include "pkcs11/problem.h"

struct ks_wire {
	int fd; /* borrowed */
	struct ks_buffer in;
	size_t held;           /* bytes of in that the last frame occupies */
	const uint8_t *locked; /* the memory of in that was locked last */
	size_t locked_size;
	pthread_mutex_t writing;
};

int ks_wire_init(struct ks_wire *wire, int fd) KS_WARN_UNUSED;
void ks_wire_deinit(struct ks_wire *wire);

/* Waits for the next frame. Its body stands in our buffer until the next call, and is wiped then. CLOSED when the agent
 * has gone, MALFORMED or TOO_LARGE when it sends what is no frame. */
int ks_wire_read(struct ks_wire *wire, struct ks_frame *ret_frame) KS_WARN_UNUSED;

/* bytes, which stand in the frame that was read last, as memory that may be written to: to wipe a PIN on the spot. */
uint8_t *ks_wire_own(struct ks_wire *wire, struct ks_bytes bytes);

/* Takes a PIN out of the frame that was read last, where nothing of it stays. ret_secret is given. */
int ks_wire_take_secret(struct ks_wire *wire, struct ks_bytes bytes, struct ks_secret **ret_secret,
			struct ks_problem *problem) KS_WARN_UNUSED;

/* Writes the frames in buffer and empties it. */
int ks_wire_write(struct ks_wire *wire, struct ks_buffer *buffer) KS_WARN_UNUSED;

/* Writes one message. */
int ks_wire_send(struct ks_wire *wire, uint8_t type, const void *message) KS_WARN_UNUSED;

/* Answers request id with the problem. */
int ks_wire_send_problem(struct ks_wire *wire, uint32_t id, const struct ks_problem *problem) KS_WARN_UNUSED;
