/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt: see prompt.h.
 *
 * No signal handler: while echo is off, the signals that could end or stop the program are blocked and watched through
 * a signalfd. When one comes, the terminal is restored first and only then is the signal let through.
 *
 * Runs in: keystay unlock.
 */
#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

/* A terminal with echo off, and the way back. */
struct hush {
	int terminal;
	int signals;             /* signalfd */
	sigset_t mask;           /* as it was */
	struct termios settings; /* as they were */
};

int ks_prompt_open(int *ret_terminal)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return KS_ERR_NOT_FOUND;
	*ret_terminal = fd;
	return 0;
}

static int put(int terminal, const char *text)
{
	size_t size = strlen(text);

	while (size > 0) {
		ssize_t n = write(terminal, text, size);
		if (n < 0 && errno != EINTR)
			return ks_error_from_errno(errno);
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static void watched_signals(sigset_t *ret_set)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM, SIGPIPE };

	(void)sigemptyset(ret_set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		(void)sigaddset(ret_set, numbers[i]);
}

/* First the signals, then the echo: the other way round one could come in between. */
static int hush_begin(struct hush *hush, int terminal)
{
	sigset_t watched;
	struct termios quiet;

	if (tcgetattr(terminal, &hush->settings) < 0)
		return ks_error_from_errno(errno);
	watched_signals(&watched);
	hush->terminal = terminal;
	hush->signals = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
	if (hush->signals < 0)
		return ks_error_from_errno(errno);
	(void)sigprocmask(SIG_BLOCK, &watched, &hush->mask);
	quiet = hush->settings;
	/* Line by line, so that backspace works; ICRNL, because a PIN does not end in a carriage return. */
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	quiet.c_iflag |= ICRNL;
	/* What was typed before the question was no answer to it. */
	while (tcsetattr(terminal, TCSAFLUSH, &quiet) < 0) {
		if (errno == EINTR)
			continue;
		int r = ks_error_from_errno(errno);
		(void)sigprocmask(SIG_SETMASK, &hush->mask, NULL);
		(void)close(hush->signals);
		return r;
	}
	return 0;
}

/* A signal that waits is let through at the end: it may end the program right here, with the terminal restored. */
static void hush_end(struct hush *hush)
{
	while (tcsetattr(hush->terminal, TCSAFLUSH, &hush->settings) < 0 && errno == EINTR)
		;
	(void)put(hush->terminal, "\n");
	(void)close(hush->signals);
	(void)sigprocmask(SIG_SETMASK, &hush->mask, NULL);
}

/* Waits for a whole line or a signal. */
static int wait_for_line(const struct hush *hush, bool *ret_signalled)
{
	struct pollfd fds[] = { { .fd = hush->signals, .events = POLLIN }, { .fd = hush->terminal, .events = POLLIN } };

	for (;;) {
		int n = poll(fds, sizeof(fds) / sizeof(*fds), -1);
		if (n < 0 && errno != EINTR)
			return ks_error_from_errno(errno);
		if (n > 0) {
			*ret_signalled = fds[0].revents != 0;
			return 0;
		}
	}
}

/* An empty line is as good as Ctrl-D: no PIN is empty. */
static int read_line(const struct hush *hush, struct ks_secret *pin)
{
	int r = ks_secret_read(pin, hush->terminal, true);
	if (r == 0 && ks_secret_bytes(pin).size == 0)
		return KS_ERR_CANCELLED;
	return r;
}

int ks_prompt_pin(int terminal, const char *question, struct ks_secret *pin)
{
	for (;;) {
		struct hush hush;
		bool signalled = false;
		int r = hush_begin(&hush, terminal);
		if (r < 0)
			return r;
		r = put(terminal, question);
		if (r == 0)
			r = wait_for_line(&hush, &signalled);
		if (r == 0 && !signalled)
			r = read_line(&hush, pin);
		hush_end(&hush);
		/* Still here after a signal: it was ignored, or the program was stopped and goes on. */
		if (!signalled)
			return r;
	}
}
