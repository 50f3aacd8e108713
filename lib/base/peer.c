/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: see peer.h.
 *
 * Runs in: every program and plug-in.
 */
#include "lib/base/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define OVERFLOW_UID_DEFAULT 65534u

static size_t read_small(const char *path, char *out, size_t size)
{
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
	size_t used = n > 0 ? (size_t)n : 0;

	while (used > 0 && out[used - 1] == '\n')
		used--;
	out[used] = '\0';
	return used;
}

static uid_t overflow_uid(void)
{
	char text[32];
	uint64_t number;

	(void)read_small("/proc/sys/kernel/overflowuid", text, sizeof(text));
	return ks_text_number(text, UINT32_MAX, &number) == 0 ? (uid_t)number : OVERFLOW_UID_DEFAULT;
}

int ks_peer_get(int fd, struct ks_peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 || size != sizeof(credentials))
		return KS_ERR_SYSTEM;
	/* Stands for every user that has no number here, so for nobody in particular. */
	if (credentials.uid == (uid_t)-1 || (credentials.uid == overflow_uid() && credentials.uid != geteuid()))
		return KS_ERR_DENIED;
	*ret_peer = (struct ks_peer){ .uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid };
	return 0;
}

void ks_peer_program(pid_t pid, char *out, size_t size)
{
	char path[64];
	char name[64];

	(void)ks_text_print(path, sizeof(path), "/proc/%d/comm", (int)pid);
	size_t used = pid > 0 ? read_small(path, name, sizeof(name)) : 0;
	if (used == 0)
		(void)ks_text_print(out, size, "unknown");
	else
		ks_text_escape(ks_bytes(name, used), out, size);
}
