/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: see process.h. What a process does to itself; starting another one is process_spawn.c.
 *
 * Runs in: keystay-agent, keystay-token, keystay. Never in a plug-in: all this changes the whole process.
 */
#include "lib/base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES_FLOOR ((size_t)256) /* below any limit that is met; said when the limit cannot be read */
#define FILES_CEILING ((rlim_t)1 << 16)

int ks_process_harden(void)
{
	const struct rlimit no_core = { 0, 0 };
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return KS_ERR_SYSTEM;
	return 0;
}

int ks_process_die_with_parent(pid_t expected_parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return KS_ERR_SYSTEM;
	/* The parent may have died before the kernel knew our wish. */
	return getppid() == expected_parent ? 0 : KS_ERR_CLOSED;
}

void ks_process_close_from(int first)
{
	if (close_range((unsigned)first, ~0u, 0) == 0)
		return;
	/* A kernel before 5.9, or a filter that does not know the call. */
	struct rlimit files;
	rlim_t end = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_CEILING ? files.rlim_cur :
											       FILES_CEILING;
	for (int fd = first; (rlim_t)fd < end; fd++)
		(void)close(fd);
}

int ks_process_open_standard(void)
{
	for (;;) {
		/* The kernel gives the lowest number that is free. Without O_CLOEXEC: these three are inherited. */
		int fd = open("/dev/null", O_RDWR);
		if (fd < 0)
			return KS_ERR_SYSTEM;
		if (fd > STDERR_FILENO) {
			(void)close(fd);
			return 0;
		}
	}
}

size_t ks_process_raise_files(size_t wanted)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return FILES_FLOOR;
	rlim_t target = files.rlim_max < wanted ? files.rlim_max : wanted;
	if (target > files.rlim_cur) {
		const struct rlimit raised = { .rlim_cur = target, .rlim_max = files.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			files.rlim_cur = target;
	}
	return (size_t)files.rlim_cur;
}
