/* SPDX-License-Identifier: Apache-2.0 */
/* reaper: see reaper.h. Runs in: keystay-agent. */
#include "agent/reaper.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct reaper {
	sd_event_source *end, *timer;
	pid_t pid;
	int pidfd;
};

static void kill_all(pid_t pid, int pidfd)
{
	(void)kill(-pid, SIGKILL);
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static int on_reap(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	struct reaper *reaper = userdata;
	siginfo_t info;

	(void)kill(-reaper->pid, SIGKILL); /* its children, before its number may be given to others */
	(void)waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	sd_event_source_disable_unref(reaper->timer);
	sd_event_source_disable_unref(reaper->end); /* closes the pidfd with it */
	free(reaper);
	return 0;
}

static int on_end_of_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct reaper *reaper = userdata;

	kill_all(reaper->pid, reaper->pidfd);
	return 0;
}

/* Without memory or a place in the loop nobody waits for it; it is killed all the same. */
static void kill_and_forget(pid_t pid, int pidfd, struct reaper *reaper)
{
	kill_all(pid, pidfd);
	(void)close(pidfd);
	free(reaper);
}

void ks_reaper_take(sd_event *event, pid_t pid, int pidfd, uint64_t patience_us)
{
	struct reaper *reaper = calloc(1, sizeof(*reaper));

	if (!reaper) {
		kill_and_forget(pid, pidfd, NULL);
		return;
	}
	*reaper = (struct reaper){ .pid = pid, .pidfd = pidfd };
	if (sd_event_add_io(event, &reaper->end, pidfd, EPOLLIN, on_reap, reaper) < 0) {
		kill_and_forget(pid, pidfd, reaper);
		return;
	}
	(void)sd_event_source_set_io_fd_own(reaper->end, true);
	if (patience_us == 0 || sd_event_add_time_relative(event, &reaper->timer, CLOCK_MONOTONIC, patience_us, 0,
							   on_end_of_patience, reaper) < 0)
		kill_all(pid, pidfd);
}
