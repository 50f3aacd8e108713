/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: one frame to the agent and one frame back, over a Unix socket, never longer than until a deadline.
 *
 * Knows bytes and time, no messages. Deadlines are monotonic milliseconds (lib/base/clock.h) and are arguments, so that
 * tests need not wait for those of lib/protocol/limits.h. All functions are restarted after signals of the host.
 */
#pragma once

#include "client/client.h"
#include "lib/protocol/frame.h"

/* Connects to path; ret_fd (given) is non-blocking, close-on-exec and never 0, 1 or 2. NO_AGENT when nobody listens. */
int ks_exchange_connect(const char *path, uint64_t deadline_ms, int *ret_fd, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

int ks_exchange_send(int fd, struct ks_bytes frame, uint64_t deadline_ms, struct ks_client_error *ret_error)
	KS_WARN_UNUSED;

/* A line for who waits in front of a terminal; text NULL = none. */
struct ks_exchange_notice {
	const char *text;
	uint64_t at_ms; /* monotonic */
};

/* Reads exactly one frame into buffer (which is emptied first), no byte beyond it; ret_frame borrows from buffer. */
int ks_exchange_receive(int fd, struct ks_buffer *buffer, uint64_t deadline_ms, struct ks_exchange_notice notice,
			struct ks_frame *ret_frame, struct ks_client_error *ret_error) KS_WARN_UNUSED;
