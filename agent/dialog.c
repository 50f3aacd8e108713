/* SPDX-License-Identifier: Apache-2.0 */
/* dialog: see dialog.h. Runs in: keystay-agent. */
#include "agent/dialog.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/environment.h"
#include "lib/base/cleanup.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

#define CHANNEL_FD 3      /* of keystay-prompt */
#define PATIENCE_MS 1000u /* for the end of a process that was told to end */

struct ks_dialog {
	sd_event *event;
	ks_dialog_ended *ended;
	void *userdata;
	sd_event_source *end, *patience;
	pid_t pid;
	int pidfd;
};

/* Not after it was waited for: the number may be another's then. */
static void kill_all(const struct ks_dialog *dialog)
{
	(void)kill(-dialog->pid, SIGKILL);
}

static void reap(struct ks_dialog *dialog, int options)
{
	siginfo_t info;

	kill_all(dialog); /* pinentry, before its group's number may be given to others */
	while (waitid(P_PIDFD, (id_t)dialog->pidfd, &info, WEXITED | options) < 0 && errno == EINTR)
		;
}

static void destroy(struct ks_dialog *dialog)
{
	sd_event_source_disable_unref(dialog->patience);
	sd_event_source_disable_unref(dialog->end);
	sd_event_unref(dialog->event);
	(void)close(dialog->pidfd);
	free(dialog);
}

/* What it still said stands in the channel, whose end comes by itself: nobody is left who could write. */
static int on_end(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	struct ks_dialog *dialog = userdata;
	ks_dialog_ended *ended = dialog->ended;
	void *whose = dialog->userdata;

	reap(dialog, WNOHANG);
	destroy(dialog);
	ended(whose);
	return 0;
}

static int on_end_of_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	kill_all(userdata);
	return 0;
}

void ks_dialog_dismiss(struct ks_dialog *dialog, bool at_once)
{
	if (at_once || sd_event_add_time_relative(dialog->event, &dialog->patience, CLOCK_MONOTONIC,
						  PATIENCE_MS * 1000ull, 0, on_end_of_patience, dialog) < 0)
		kill_all(dialog);
}

/* A terminal that the agent itself was started on is a place for dialogs too. */
static bool find_own_terminal(char *out, size_t size)
{
	char name[256];

	return !getenv("GPG_TTY") && ttyname_r(STDIN_FILENO, name, sizeof(name)) == 0 &&
	       ks_text_print(out, size, "GPG_TTY=%s", name);
}

static int spawn(struct ks_dialog *dialog, const char *program, int channel_fd)
{
	char terminal[300], *nothing[] = { NULL };
	bool has_terminal = find_own_terminal(terminal, sizeof(terminal));
	char *extra[] = { has_terminal ? terminal : NULL, NULL };
	KS_AUTO_FREE char **environment = ks_environment_make(nothing, extra);
	char name[] = "keystay-prompt";
	char *argv[] = { name, NULL };
	const struct ks_process_fd fds[] = { { STDERR_FILENO, STDERR_FILENO }, { channel_fd, CHANNEL_FD } };
	const struct ks_process_spec spec = {
		.path = program, .argv = argv, .envp = environment, .fds = fds, .n_fds = 2
	};

	return environment ? ks_process_spawn(&spec, &dialog->pid, &dialog->pidfd) : KS_ERR_NO_MEMORY;
}

int ks_dialog_start(sd_event *event, const char *program, int channel_fd, ks_dialog_ended *ended, void *userdata,
		    struct ks_dialog **ret_dialog)
{
	struct ks_dialog *dialog = calloc(1, sizeof(*dialog));

	if (!dialog)
		return KS_ERR_NO_MEMORY;
	int error = spawn(dialog, program, channel_fd);
	if (error < 0) {
		free(dialog);
		return error;
	}
	dialog->event = sd_event_ref(event);
	dialog->ended = ended;
	dialog->userdata = userdata;
	if (sd_event_add_io(event, &dialog->end, dialog->pidfd, EPOLLIN, on_end, dialog) < 0) {
		reap(dialog, 0);
		destroy(dialog);
		return KS_ERR_SYSTEM;
	}
	*ret_dialog = dialog;
	return 0;
}

void ks_dialog_free(struct ks_dialog *dialog)
{
	struct pollfd wait = { .fd = dialog->pidfd, .events = POLLIN };

	while (poll(&wait, 1, (int)PATIENCE_MS) < 0 && errno == EINTR)
		;
	reap(dialog, 0);
	destroy(dialog);
}
