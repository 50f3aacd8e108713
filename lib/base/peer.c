/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: see peer.h.
 *
 * Runs in: every program and plug-in. Must never let pid or program decide anything: by now the pid may be another's.
 */
#include "lib/base/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; younger than this C library's headers */
#endif

#define OVERFLOW_UID 65534u /* the kernel's, unless /proc says otherwise */
#define UID_NOBODY_SET ((uid_t)-1)

/* The first bytes of one of /proc's small files, without the newline at their end. Returns how many. */
static size_t read_line(const char *path, char *out, size_t size)
{
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t used;
	do {
		used = read(fd, out, size - 1);
	} while (used < 0 && errno == EINTR);
	if (used <= 0)
		return 0;
	if (out[used - 1] == '\n')
		used--;
	out[used] = '\0';
	return (size_t)used;
}

/* Read once: it is asked at each connection, and only root could change it. Threads that come first at once read the
 * same. */
static uid_t overflow_uid(void)
{
	static _Atomic uint64_t known = UINT64_MAX;
	uint64_t number = known;

	if (number == UINT64_MAX) {
		char text[32];
		if (read_line("/proc/sys/kernel/overflowuid", text, sizeof(text)) == 0 ||
		    ks_text_number(text, UINT32_MAX, &number) < 0)
			number = OVERFLOW_UID;
		known = number;
	}
	return (uid_t)number;
}

int ks_peer_get(int fd, struct ks_peer *ret_peer)
{
	struct ucred credentials = { .uid = UID_NOBODY_SET };
	socklen_t size = sizeof(credentials);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 || size != sizeof(credentials))
		return KS_ERR_SYSTEM;
	/* The overflow uid stands for every user who has no number here: it is nobody in particular. */
	if (credentials.uid == UID_NOBODY_SET || credentials.uid == overflow_uid())
		return KS_ERR_DENIED;
	*ret_peer = (struct ks_peer){ .uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid };
	return 0;
}

size_t ks_peer_groups(int fd, gid_t *groups, size_t max)
{
	socklen_t size = (socklen_t)(max * sizeof(*groups));

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		return 0; /* more than max: none of them counts */
	return size / sizeof(*groups);
}

void ks_peer_program(pid_t pid, char *out, size_t size)
{
	char path[64];
	char name[64];
	(void)ks_text_print(path, sizeof(path), "/proc/%d/comm", (int)pid);
	size_t used = pid > 0 ? read_line(path, name, sizeof(name)) : 0;
	if (used > 0)
		ks_text_escape(ks_bytes(name, used), out, size);
	else
		(void)ks_text_print(out, size, "unknown");
}

/* A process that has ended makes its descriptor readable. One that ended before the descriptor was asked for is given as
 * a descriptor of nobody, or as none. */
static bool lives(int pidfd)
{
	struct pollfd ended = { .fd = pidfd, .events = POLLIN };

	return poll(&ended, 1, 0) == 0;
}

/* The socket keeps hold of who connected, so the descriptor is of that process also when it is asked for late: none has
 * to be kept for each connection. The number is looked at twice: until the second look it cannot have become another's. */
void ks_peer_label(int fd, const struct ks_peer *peer, char *out, size_t size)
{
	KS_AUTO_CLOSE int pidfd = -1;
	socklen_t length = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) < 0) {
		pidfd = -1;
		ks_peer_program(errno == ENOPROTOOPT ? peer->pid : 0, out, size);
		return;
	}
	ks_peer_program(lives(pidfd) ? peer->pid : 0, out, size);
	if (!lives(pidfd))
		(void)ks_text_print(out, size, "unknown");
}
