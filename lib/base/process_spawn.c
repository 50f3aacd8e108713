/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_spawn: ks_process_spawn() of process.h: fork(2), and exec(2) with exactly what was named.
 *
 * Not posix_spawn(3), which can neither close what it was not told of nor give the reason of a failure by name. The
 * child tells an error through a pipe that a successful exec closes; so the parent knows, and never waits for more.
 * Secrets do not come along: their pages are wiped at fork (lib/base/secret.c).
 *
 * Runs in: keystay-agent, keystay. Between fork and exec only calls that are async-signal-safe (signal-safety(7)): the
 * parent may have threads.
 */
#include "lib/base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define EXIT_NOT_STARTED 127 /* as a shell says it */
#define N_STANDARD 3
#define FILES_CEILING ((rlim_t)1 << 16)

/* Ignored signals and blocked ones would outlive exec. */
static int reset_signals(void)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	for (int number = 1; number < NSIG; number++)
		(void)sigaction(number, &standard, NULL); /* fails for SIGKILL, SIGSTOP and libc's own two */
	sigset_t none;
	(void)sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int mark_all_close_on_exec(void)
{
	if (close_range(0, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
		return 0;
	/* A kernel before 5.11, or a filter that does not know the call. The limit may be a thousand million; what we
	 * open closes at exec anyway, and what we inherited has a low number. */
	struct rlimit files;
	rlim_t end = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < FILES_CEILING ? files.rlim_cur :
											       FILES_CEILING;
	for (int fd = 0; (rlim_t)fd < end; fd++) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 && errno != EBADF)
			return -1;
	}
	return 0;
}

static int highest_number(const struct ks_process_spec *spec)
{
	int highest = N_STANDARD - 1;
	for (size_t i = 0; i < spec->n_fds; i++)
		highest = spec->fds[i].theirs > highest ? spec->fds[i].theirs : highest;
	return highest;
}

/* Puts each descriptor on its number in the child. First all of them go above every number that is to be taken: one's
 * new number may be another's old one. */
static int place_descriptors(const struct ks_process_spec *spec, int first_free)
{
	int moved[KS_PROCESS_FDS_MAX];
	for (size_t i = 0; i < spec->n_fds; i++) {
		moved[i] = fcntl(spec->fds[i].ours, F_DUPFD_CLOEXEC, first_free);
		if (moved[i] < 0)
			return -1;
	}
	/* Above too, so that the copy below is never one onto itself, which would leave it closing on exec. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int null_moved = null < 0 ? -1 : fcntl(null, F_DUPFD_CLOEXEC, first_free);
	if (null_moved < 0 || mark_all_close_on_exec() < 0)
		return -1;
	for (int fd = 0; fd < N_STANDARD; fd++) {
		if (dup2(null_moved, fd) < 0)
			return -1;
	}
	for (size_t i = 0; i < spec->n_fds; i++) {
		if (dup2(moved[i], spec->fds[i].theirs) < 0)
			return -1;
	}
	return 0;
}

/* The parent may have died before the kernel knew that this child is to die with it. */
static bool choose_session(const struct ks_process_spec *spec, pid_t parent)
{
	if (!spec->in_our_session && setsid() < 0)
		return false;
	if (!spec->in_our_session && !spec->ends_with_us)
		return true;
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

/* In the child: becomes the program, or says through error_fd why not. */
static _Noreturn void become(const struct ks_process_spec *spec, pid_t parent, int error_fd)
{
	int first_free = highest_number(spec) + 1;
	int report_fd = fcntl(error_fd, F_DUPFD_CLOEXEC, first_free);
	if (report_fd >= 0 && choose_session(spec, parent) && place_descriptors(spec, first_free) == 0 &&
	    reset_signals() == 0)
		(void)execve(spec->path, spec->argv, spec->envp);
	int error_number = errno;
	ssize_t written = write(report_fd >= 0 ? report_fd : error_fd, &error_number, sizeof(error_number));
	(void)written; /* the parent's end is gone only with the parent */
	_exit(EXIT_NOT_STARTED);
}

/* 0 when exec closed the pipe, else why the child could not. */
static int read_outcome(int fd)
{
	int error_number = 0;
	ssize_t size;
	do {
		size = read(fd, &error_number, sizeof(error_number));
	} while (size < 0 && errno == EINTR);
	if (size == 0)
		return 0;
	return size == (ssize_t)sizeof(error_number) ? ks_error_from_errno(error_number) : KS_ERR_SYSTEM;
}

static bool is_valid(const struct ks_process_spec *spec)
{
	if (spec->path[0] != '/' || spec->n_fds > KS_PROCESS_FDS_MAX)
		return false;
	for (size_t i = 0; i < spec->n_fds; i++) {
		if (spec->fds[i].ours < 0 || spec->fds[i].theirs < 0)
			return false;
		for (size_t j = 0; j < i; j++) {
			if (spec->fds[j].theirs == spec->fds[i].theirs)
				return false;
		}
	}
	return true;
}

/* No handler of ours may run in the child: it would act on descriptors that are the parent's. */
static pid_t fork_without_signals(const struct ks_process_spec *spec, int error_fd)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
		return -1;
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid == 0)
		become(spec, parent, error_fd);
	int error_number = errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error_number;
	return pid;
}

static void end_child(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

int ks_process_spawn(const struct ks_process_spec *spec, pid_t *ret_pid, int *ret_pidfd)
{
	int ends[2];
	if (!is_valid(spec))
		return KS_ERR_INVALID;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return ks_error_from_errno(errno);
	KS_AUTO_CLOSE int read_end = ends[0];
	KS_AUTO_CLOSE int write_end = ends[1];
	pid_t pid = fork_without_signals(spec, write_end);
	if (pid < 0)
		return ks_error_from_errno(errno);
	(void)close(KS_STEAL_FD(write_end));
	int r = read_outcome(read_end);
	/* Only we wait for this child, so its number is still its own. */
	KS_AUTO_CLOSE int pidfd = r == 0 && ret_pidfd ? pidfd_open(pid, 0) : -1;
	if (r == 0 && ret_pidfd && pidfd < 0)
		r = ks_error_from_errno(errno);
	if (r < 0) {
		end_child(pid);
		return r;
	}
	*ret_pid = pid;
	if (ret_pidfd)
		*ret_pidfd = KS_STEAL_FD(pidfd);
	return 0;
}
