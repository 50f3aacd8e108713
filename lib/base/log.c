/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log: see log.h. The one thing in this room with a state of its own: which program speaks, and how much it says.
 *
 * A line is put together on the stack and written with one write(2), so that lines of several processes on one
 * terminal or pipe do not mix, and nothing is allocated when memory has run out.
 *
 * Runs in: every program; plug-ins never log. Must never fail, nor change errno.
 */
#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_SIZE ((size_t)2048) /* well below PIPE_BUF, up to which a write to a pipe is one piece */
#define CUT_MARK "..."
#define CUT_MARK_SIZE (sizeof(CUT_MARK) - 1)

static struct {
	const char *program; /* borrowed */
	enum ks_log_level level;
	bool journal;
	unsigned n_lost; /* lines that standard error did not take */
} state = { .program = "keystay", .level = KS_LOG_NOTICE };

/* JOURNAL_STREAM is inherited by everything a service starts, also where standard error leads elsewhere by then. */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	if (!stream || fstat(STDERR_FILENO, &status) < 0)
		return false;
	char ours[64];
	(void)snprintf(ours, sizeof(ours), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)status.st_dev,
		       (uintmax_t)status.st_ino);
	return strcmp(stream, ours) == 0;
}

void ks_log_init(const char *program, enum ks_log_level level)
{
	state.program = program;
	state.level = level;
	state.journal = is_journal();
}

/* A message stays one line whatever was put into it: a line break would begin a line that nobody wrote. */
static void keep_one_line(char *line, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	}
}

/* A pipe that nobody reads must not stop who writes (invariant I8): what polls writable takes a whole line. Files and
 * terminals always do, or block for reasons of their own. */
static bool is_writable(void)
{
	struct pollfd standard_error = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&standard_error, 1, 0) != 0;
}

static void write_line(const char *line, size_t size)
{
	char lost[128];
	ssize_t n;

	if (!is_writable()) {
		state.n_lost++;
		return;
	}
	if (state.n_lost > 0) {
		int length = snprintf(lost, sizeof(lost), "%s%.64s%s%u lines were lost: nobody read them\n",
				      state.journal ? "<4>" : "", state.journal ? "" : state.program,
				      state.journal ? "" : ": ", state.n_lost);
		state.n_lost = 0;
		if (length > 0 && write(STDERR_FILENO, lost, (size_t)length) < 0)
			return;
		if (!is_writable()) {
			state.n_lost = 1;
			return;
		}
	}
	do {
		n = write(STDERR_FILENO, line, size);
	} while (n < 0 && errno == EINTR);
}

void ks_log(enum ks_log_level level, const char *format, ...)
{
	if (level > state.level)
		return;
	int saved_errno = errno;
	char line[LINE_MAX_SIZE];
	int head = state.journal ? snprintf(line, sizeof(line), "<%d>", (int)level) :
				   snprintf(line, sizeof(line), "%.64s: ", state.program);
	size_t used = head > 0 ? (size_t)head : 0;

	va_list args;
	va_start(args, format);
	int length = vsnprintf(line + used, sizeof(line) - used, format, args);
	va_end(args);
	if (length > 0 && (size_t)length < sizeof(line) - used) {
		used += (size_t)length;
	} else if (length > 0) {
		used = sizeof(line) - 1;
		memcpy(line + used - CUT_MARK_SIZE, CUT_MARK, CUT_MARK_SIZE);
	}
	keep_one_line(line, used);
	line[used++] = '\n'; /* in the place of the NUL */
	write_line(line, used);
	errno = saved_errno;
}
