/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: see process.h.
 *
 * Runs in: keystay-agent, keystay-token, keystay. Never in a plug-in: all this changes the whole process.
 */
#include "lib/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

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
	struct rlimit files;
	rlim_t end = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 65536 ? files.rlim_cur : 65536;
	for (int fd = first; (rlim_t)fd < end; fd++)
		(void)close(fd);
}

int ks_process_open_standard(void)
{
	for (;;) {
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
		return 256;
	rlim_t target = files.rlim_max < wanted ? files.rlim_max : wanted;
	if (target > files.rlim_cur) {
		struct rlimit raised = { .rlim_cur = target, .rlim_max = files.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			files.rlim_cur = target;
	}
	return (size_t)files.rlim_cur;
}

/* --- starting a child -------------------------------------------------------------------------------------------- */

#define FDS_MAX 16

/* Between fork and exec only what is async-signal-safe: the parent may have threads. Never returns. */
static void become(const struct ks_process_spec *spec, int error_fd)
{
	int moved[FDS_MAX];
	int highest = STDERR_FILENO;
	sigset_t none;

	for (int signal_number = 1; signal_number < NSIG; signal_number++)
		(void)signal(signal_number, SIG_DFL);
	if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 || setsid() < 0)
		goto fail;
	for (size_t i = 0; i < spec->n_fds; i++)
		highest = spec->fds[i].theirs > highest ? spec->fds[i].theirs : highest;
	/* First out of the way of every number that is to be taken, then into place. */
	error_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, highest + 1);
	if (error_fd < 0)
		_exit(127);
	for (size_t i = 0; i < spec->n_fds; i++) {
		moved[i] = fcntl(spec->fds[i].ours, F_DUPFD_CLOEXEC, highest + 1);
		if (moved[i] < 0)
			goto fail;
	}
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		(void)close(fd);
	if (open("/dev/null", O_RDONLY) != 0 || open("/dev/null", O_WRONLY) != 1 || dup(1) != 2)
		goto fail;
	for (size_t i = 0; i < spec->n_fds; i++) {
		if (dup2(moved[i], spec->fds[i].theirs) < 0)
			goto fail;
	}
	/* All that was not named and is not ours closes at exec. */
	for (int fd = STDERR_FILENO + 1; fd <= highest; fd++) {
		bool named = false;
		for (size_t i = 0; i < spec->n_fds; i++)
			named = named || spec->fds[i].theirs == fd;
		if (!named)
			(void)close(fd);
	}
	(void)close_range((unsigned)highest + 1, ~0u, CLOSE_RANGE_CLOEXEC);
	(void)execve(spec->path, spec->argv, spec->envp);
fail:;
	int error_number = errno;
	ssize_t written = write(error_fd, &error_number, sizeof(error_number));
	(void)written;
	_exit(127);
}

int ks_process_spawn(const struct ks_process_spec *spec, pid_t *ret_pid, int *ret_pidfd)
{
	int ends[2];

	if (spec->n_fds > FDS_MAX)
		return KS_ERR_INVALID;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return KS_ERR_SYSTEM;
	KS_AUTO_CLOSE int read_end = ends[0];
	KS_AUTO_CLOSE int write_end = ends[1];
	pid_t pid = fork();
	if (pid < 0)
		return KS_ERR_SYSTEM;
	if (pid == 0)
		become(spec, write_end);
	(void)close(KS_STEAL_FD(write_end));
	/* Ends with nothing read as soon as exec closes the other end. */
	int error_number = 0;
	ssize_t n;
	do {
		n = read(read_end, &error_number, sizeof(error_number));
	} while (n < 0 && errno == EINTR);
	KS_AUTO_CLOSE int pidfd = n == 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	if (pidfd < 0) {
		int error = n > 0 ? ks_error_from_errno(error_number) : KS_ERR_SYSTEM;
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return error;
	}
	*ret_pid = pid;
	if (ret_pidfd)
		*ret_pidfd = KS_STEAL_FD(pidfd);
	return 0;
}
