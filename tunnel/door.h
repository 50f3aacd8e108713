/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door: where plain connections come in: a Unix socket, or a TCP port of the loopback interface, for this user alone.
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/error.h"

struct ks_door {
	int fd; /* -1 = closed */
	bool is_tcp;
	char path[108]; /* of a Unix socket of ours, removed at the end; "" else */
	dev_t device;   /* of that socket: what stands there at the end may be another's */
	ino_t inode;
	char name[160];          /* "unix:/run/…", "127.0.0.1:8443": as it is listened on */
	uint64_t refused_log_ms; /* when somebody else was last said to have tried, 0 = never */
};

/* what: "unix:PATH" or "127.0.0.1:PORT" or "[::1]:PORT"; port 0 takes a free one. The folder of PATH must be one in
 * which others cannot replace the socket. A socket that is ours and that nobody listens on is replaced, any other is
 * left. On failure why is one sentence. */
int ks_door_open(const char *what, struct ks_door *ret_door, char *why, size_t why_size) KS_WARN_UNUSED;

/* The next one who may come in, non-blocking and close-on-exec; DENIED (said in the log) for others, BUSY when nobody
 * is there, LIMIT when there are no descriptors left. */
int ks_door_accept(struct ks_door *door, int *ret_fd) KS_WARN_UNUSED;

void ks_door_close(struct ks_door *door);
