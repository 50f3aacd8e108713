/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: who is at the other end of a Unix socket.
 *
 * Decisions rest on the uid alone (invariant I10); pid and program are labels for people.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/error.h"

struct ks_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid; /* of the moment of connect(2) or listen(2); 0 when unknown */
};

/* SO_PEERCRED. The overflow uid of a user namespace (65534 by /proc/sys/kernel/overflowuid) gives DENIED. */
int ks_peer_get(int fd, struct ks_peer *ret_peer) KS_WARN_UNUSED;

/* SO_PEERGROUPS: the supplementary groups that SO_PEERCRED leaves out, at most max of them. Returns how many. */
size_t ks_peer_groups(int fd, gid_t *groups, size_t max);

/* The program's name from /proc/PID/comm, escaped; "unknown" when it cannot be read. */
void ks_peer_program(pid_t pid, char *out, size_t size);
