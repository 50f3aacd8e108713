/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: who is at the other end of a Unix socket.
 *
 * Decisions rest on uid and groups alone (invariant I10); pid and program are labels for people: a program is what it
 * says it is, and whoever was handed the connection speaks as the one who connected.
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

/* SO_PEERGROUPS: the supplementary groups that SO_PEERCRED leaves out. Returns how many; 0 when there are more than max:
 * who cannot tell them all has none. */
size_t ks_peer_groups(int fd, gid_t *groups, size_t max);

/* A label: the name of the program that connected over fd, escaped. As ks_peer_program(), but read only while a descriptor
 * of that very process (SO_PEERPIDFD, Linux 6.5) says that it lives, so that another process that was given its number
 * is never named in its place; else "unknown". Opens two descriptors for a moment. */
void ks_peer_label(int fd, const struct ks_peer *peer, char *out, size_t size);

/* The program's name from /proc/PID/comm, escaped; "unknown" when it cannot be read. */
void ks_peer_program(pid_t pid, char *out, size_t size);
