/* SPDX-License-Identifier: Apache-2.0 */
/* pinentry_link: see pinentry_link.h. Runs in: keystay-prompt. */
#include "agent/helpers/pinentry_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helpers/locked_pages.h"
#include "lib/base/clock.h"
#include "lib/base/process.h"

#define ENDS_ALONE_MS 300     /* after its pipes were closed */
#define ENDS_WHEN_TOLD_MS 300 /* after SIGTERM, on which curses puts the terminal back */

/* --- what libassuan calls ---------------------------------------------------------------------------------------- */

/* Waits for pinentry, but not for ever and not alone. */
static ssize_t read_in_time(assuan_context_t context, assuan_fd_t fd, void *buffer, size_t size)
{
	struct ks_pinentry_link *link = assuan_get_pointer(context);

	for (;;) {
		struct pollfd wait[] = { { .fd = fd, .events = POLLIN },
					 { .fd = link->agent_fd, .events = POLLIN },
					 { .fd = link->signal_fd, .events = POLLIN } };
		int left_ms = ks_clock_left_ms(link->deadline_ms);
		if (left_ms == 0) {
			link->stopped = KS_ERR_TIMEOUT;
			errno = ETIMEDOUT;
			return -1;
		}
		int n = poll(wait, sizeof(wait) / sizeof(wait[0]), left_ms);
		if (n < 0 && errno != EINTR)
			return -1;
		if (n <= 0)
			continue;
		if (wait[1].revents || wait[2].revents) {
			link->stopped = KS_ERR_CANCELLED;
			errno = ECANCELED;
			return -1;
		}
		return read(fd, buffer, size);
	}
}

/* In our process group, which the agent kills when it has enough, and so that it dies with us. */
static int spawn(assuan_context_t context, pid_t *ret_pid, const char *name, const char **argv, assuan_fd_t fd_in,
		 assuan_fd_t fd_out, assuan_fd_t *fds_child, void (*at_fork)(void *opaque, int reserved),
		 void *at_fork_value, unsigned int flags)
{
	(void)fds_child;
	(void)at_fork;
	(void)at_fork_value;
	(void)flags;
	struct ks_pinentry_link *link = assuan_get_pointer(context);
	char *copy[4] = { NULL };
	const struct ks_process_fd fds[] = { { fd_in, STDIN_FILENO }, { fd_out, STDOUT_FILENO } };
	const struct ks_process_spec spec = { .path = name,
					      .argv = copy,
					      .envp = environ,
					      .fds = fds,
					      .n_fds = sizeof(fds) / sizeof(fds[0]),
					      .in_our_session = true };

	for (size_t i = 0; i < 3 && argv[i]; i++)
		copy[i] = (char *)(uintptr_t)argv[i]; /* execve(2) changes nothing, whatever its type says */
	link->spawn_error = ks_process_spawn(&spec, &link->pid, &link->pidfd);
	if (link->spawn_error < 0) {
		errno = ENOEXEC;
		return -1;
	}
	*ret_pid = link->pid;
	return 0;
}

static bool ends_within(const struct ks_pinentry_link *link, int time_ms)
{
	uint64_t end_ms = ks_clock_monotonic_ms() + (uint64_t)time_ms;
	struct pollfd wait = { .fd = link->pidfd, .events = POLLIN };

	for (;;) {
		int n = poll(&wait, 1, ks_clock_left_ms(end_ms));
		if (n >= 0 || errno != EINTR)
			return n > 0;
	}
}

/* libassuan would wait without end. Both pipes are closed by now. */
static pid_t end_process(assuan_context_t context, pid_t pid, int action, int *status, int options)
{
	(void)action;
	(void)status;
	(void)options;
	struct ks_pinentry_link *link = assuan_get_pointer(context);
	siginfo_t info = { 0 };

	if (link->stopped || !ends_within(link, ENDS_ALONE_MS)) {
		(void)kill(pid, SIGTERM);
		if (!ends_within(link, ENDS_WHEN_TOLD_MS))
			(void)kill(pid, SIGKILL);
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
		;
	/* curses exits by itself after SIGTERM, and pinentry-tty does not put the echo back: so by our own deed too. */
	link->forced = link->stopped || info.si_code != CLD_EXITED;
	(void)close(link->pidfd);
	link->pidfd = -1;
	link->pid = 0;
	return pid;
}

static struct assuan_malloc_hooks memory_hooks = { ks_locked_pages_new, ks_locked_pages_resize, ks_locked_pages_free };

/* Writing needs no deadline: all that we ever say fits a pipe. */
static struct assuan_system_hooks system_hooks = { ASSUAN_SYSTEM_HOOKS_VERSION,
						   __assuan_usleep,
						   __assuan_pipe,
						   __assuan_close,
						   read_in_time,
						   __assuan_write,
						   __assuan_recvmsg,
						   __assuan_sendmsg,
						   spawn,
						   end_process,
						   __assuan_socketpair,
						   __assuan_socket,
						   __assuan_connect };

/* --- life -------------------------------------------------------------------------------------------------------- */

static int error_of(const struct ks_pinentry_link *link, gpg_error_t error)
{
	if (link->stopped)
		return link->stopped;
	if (link->spawn_error < 0)
		return link->spawn_error;
	gpg_err_code_t code = gpg_err_code(error);
	if (code == GPG_ERR_EOF || code == GPG_ERR_EPIPE || code == GPG_ERR_ASS_INCOMPLETE_LINE)
		return KS_ERR_CLOSED;
	if (code == GPG_ERR_ASS_LINE_TOO_LONG)
		return KS_ERR_TOO_LARGE;
	return code == GPG_ERR_ENOMEM ? KS_ERR_NO_MEMORY : KS_ERR_MALFORMED;
}

int ks_pinentry_link_open(struct ks_pinentry_link *link)
{
	const char *name = strrchr(link->program, '/');
	const char *argv[] = { name ? name + 1 : link->program, NULL, NULL, NULL };

	link->pidfd = -1;
	int r = ks_locked_pages_init();
	if (r < 0)
		return r;
	if (assuan_new_ext(&link->context, GPG_ERR_SOURCE_USER_1, &memory_hooks, NULL, NULL) != 0)
		return KS_ERR_NO_MEMORY;
	assuan_ctx_set_system_hooks(link->context, &system_hooks);
	assuan_set_pointer(link->context, link);
	assuan_set_flag(link->context, ASSUAN_NO_LOGGING, 1);
	assuan_begin_confidential(link->context);
	if (link->display[0]) {
		argv[1] = "--display";
		argv[2] = link->display;
	}
	gpg_error_t error = assuan_pipe_connect(link->context, link->program, argv, NULL, NULL, NULL, 0);
	return error ? error_of(link, error) : 0;
}

void ks_pinentry_link_close(struct ks_pinentry_link *link)
{
	if (link->context)
		assuan_release(link->context); /* says BYE, closes the pipes, calls end_process() */
	link->context = NULL;
	ks_locked_pages_deinit();
}

int ks_pinentry_link_send(struct ks_pinentry_link *link, const char *line)
{
	if (strlen(line) > KS_PINENTRY_LINE)
		return KS_ERR_TOO_LARGE; /* libassuan would cut it */
	gpg_error_t error = assuan_write_line(link->context, line);
	return error ? KS_ERR_CLOSED : 0;
}

int ks_pinentry_link_receive(struct ks_pinentry_link *link, assuan_response_t *ret_response, char **ret_line,
			     size_t *ret_size, size_t *ret_offset)
{
	for (;;) {
		char *line = NULL;
		size_t size = 0;
		gpg_error_t error = assuan_read_line(link->context, &line, &size);
		if (error)
			return error_of(link, error);
		assuan_response_t response;
		int offset = 0;
		if (size == 0 || assuan_client_parse_response(link->context, line, (int)size, &response, &offset) != 0)
			return KS_ERR_MALFORMED;
		if (response == ASSUAN_RESPONSE_COMMENT || response == ASSUAN_RESPONSE_STATUS)
			continue;
		*ret_response = response;
		*ret_line = line;
		*ret_size = size;
		*ret_offset = (size_t)offset;
		return 0;
	}
}
