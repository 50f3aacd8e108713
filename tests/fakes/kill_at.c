/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kill_at: the program that it is preloaded into is killed (SIGKILL) just before its Nth call of one function:
 * $KEYSTAY_KILL_AT is "rename:3", of rename, fsync, connect, unlink or flock. What it starts is not counted.
 *
 * Runs in: whatever a story preloads it into.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void count(const char *function)
{
	static long n_left = -1;
	const char *where = getenv("KEYSTAY_KILL_AT");
	size_t size = strlen(function);

	if (!where || strncmp(where, function, size) != 0 || where[size] != ':')
		return;
	if (n_left < 0)
		n_left = strtol(where + size + 1, NULL, 10);
	if (--n_left == 0)
		(void)kill(getpid(), SIGKILL);
}

int rename(const char *from, const char *to)
{
	count("rename");
	return (int)syscall(SYS_rename, from, to);
}

int fsync(int fd)
{
	count("fsync");
	return (int)syscall(SYS_fsync, fd);
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	count("connect");
	return (int)syscall(SYS_connect, fd, address, size);
}

int unlink(const char *path)
{
	count("unlink");
	return (int)syscall(SYS_unlink, path);
}

int flock(int fd, int operation)
{
	count("flock");
	return (int)syscall(SYS_flock, fd, operation);
}
