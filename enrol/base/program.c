/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program: see program.h. Runs in: keystay-enroll.
 *
 *	 ks_program_run() ──split()──▶ words ──start()──▶ running ──watch()──▶ it ended: what pipes still hold is read
 *	                                                            └──────▶ time is over, or too much: its group is killed
 *
 * It is over when the program has ended, not when its pipes have: a process that it left behind may hold them for ever.
 * Either way its whole process group ends with it.
 */
#include "enrol/base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

#define PIECE ((size_t)4096)
#define VARIABLES_MAX 8
/* Lines of standard error that a message shows. */
#define LINES_SHOWN 4

struct words {
	char *text; /* owned; the words point into it */
	char *argv[KS_PROGRAM_WORDS_MAX + 1];
};

/* One run. Descriptors are -1 when there is none. */
struct run {
	const struct ks_program *program;
	struct ks_program_result *result;
	struct ks_buffer tail; /* of standard error */
	pid_t pid;             /* 0: none, or waited for */
	int pid_fd;
	int input_fd;
	int output_fd; /* our end, does not block */
	int error_fd;
	int program_output_fd; /* the program's */
	int program_error_fd;
};

static void words_deinit(struct words *words)
{
	free(words->text);
}

static void run_deinit(struct run *run)
{
	const int fds[] = { run->pid_fd,   run->input_fd,          run->output_fd,
			    run->error_fd, run->program_output_fd, run->program_error_fd };

	if (run->pid > 0) {
		/* Not waited for yet: its number is still its own, and its group's. */
		(void)kill(-run->pid, SIGKILL);
		while (waitpid(run->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
	ks_buffer_deinit(&run->tail);
}

void ks_program_result_deinit(struct ks_program_result *result)
{
	ks_buffer_deinit(&result->output);
}

static int system_problem(const struct ks_program *program, struct ks_enrol_problem *problem)
{
	int error_number = errno;

	return ks_enrol_problem_set(problem, ks_error_from_errno(error_number), "%s cannot be run: %s", program->what,
				    strerror(error_number));
}

/* --- what is to run ---------------------------------------------------------------------------------------------- */

static int split(const struct ks_program *program, struct words *words, struct ks_enrol_problem *problem)
{
	size_t n = 0;
	char *rest = NULL;

	words->text = ks_text_copy(ks_bytes_text(program->command));
	if (!words->text)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	for (char *word = strtok_r(words->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n == KS_PROGRAM_WORDS_MAX)
			return ks_enrol_problem_final(
				problem, KS_ERR_CONFIG,
				"%s has more than %u words; put what it does in a script and name that", program->what,
				KS_PROGRAM_WORDS_MAX);
		words->argv[n++] = word;
	}
	if (n == 0)
		return ks_enrol_problem_final(problem, KS_ERR_CONFIG, "%s is empty; it names a program", program->what);
	return 0;
}

/* It runs unattended with this user's rights, so that nobody else may have a hand in it. */
static int check(const struct ks_program *program, const char *path, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_path_problem fault = { .path = "" };
	char shown[256];

	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	if (path[0] != '/')
		return ks_enrol_problem_final(
			problem, KS_ERR_CONFIG,
			"%s begins with \"%s\"; it must begin with the whole path of a program, as `command -v` prints it",
			program->what, shown);
	int r = ks_path_check_trusted(path, &resolved, &fault);
	if (r == KS_ERR_NOT_FOUND)
		return ks_enrol_problem_final(problem, r, "%s names %s, and there is no such program", program->what,
					      shown);
	if (r < 0) {
		ks_text_escape(ks_bytes_text(fault.path), shown, sizeof(shown));
		return ks_enrol_problem_final(problem, r, "%s is not run, because %s %s", program->what, shown,
					      fault.text);
	}
	return 0;
}

/* --- the start --------------------------------------------------------------------------------------------------- */

static int open_pipe(int *ret_ours, int *ret_theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK);
}

/* A file in memory: a program that does not read its input needs no care then, and one may read it twice. */
static int open_input(struct ks_bytes input)
{
	KS_AUTO_CLOSE int fd = memfd_create("keystay-enroll input", MFD_CLOEXEC);

	if (fd < 0 || ks_path_write_all(fd, input) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return KS_STEAL_FD(fd);
}

static int spawn(struct run *run, char *const *argv, const char *const *environment)
{
	const struct ks_process_fd fds[] = { { run->input_fd, STDIN_FILENO },
					     { run->program_output_fd, STDOUT_FILENO },
					     { run->program_error_fd, STDERR_FILENO } };
	char *copies[VARIABLES_MAX + 1] = { NULL };
	int r = 0;

	for (size_t i = 0; environment[i] && r == 0; i++) {
		copies[i] = ks_text_copy(ks_bytes_text(environment[i]));
		r = copies[i] ? 0 : KS_ERR_NO_MEMORY;
	}
	const struct ks_process_spec spec = { .path = argv[0],
					      .argv = argv,
					      .envp = copies,
					      .fds = fds,
					      .n_fds = sizeof(fds) / sizeof(fds[0]),
					      .ends_with_us = true };
	if (r == 0)
		r = ks_process_spawn(&spec, &run->pid, &run->pid_fd);
	for (size_t i = 0; i < VARIABLES_MAX; i++)
		free(copies[i]);
	return r;
}

static int start(struct run *run, char *const *argv, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *path = ks_text_format("PATH=%s", getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin");
	KS_AUTO_FREE char *home = getenv("HOME") ? ks_text_format("HOME=%s", getenv("HOME")) : NULL;
	const char *environment[VARIABLES_MAX + 1] = { NULL };
	size_t n = 0;

	if (path)
		environment[n++] = path;
	if (home)
		environment[n++] = home;
	for (size_t i = 0; run->program->variables && run->program->variables[i] && n < VARIABLES_MAX; i++)
		environment[n++] = run->program->variables[i];
	run->input_fd = open_input(run->program->input);
	if (run->input_fd < 0 || open_pipe(&run->output_fd, &run->program_output_fd) < 0 ||
	    open_pipe(&run->error_fd, &run->program_error_fd) < 0)
		return system_problem(run->program, problem);
	int r = spawn(run, argv, environment);
	if (r < 0) {
		char shown[256];
		ks_text_escape(ks_bytes_text(argv[0]), shown, sizeof(shown));
		return ks_enrol_problem_final(problem, r, "%s: %s cannot be started: %s", run->program->what, shown,
					      ks_error_text(r));
	}
	(void)close(KS_STEAL_FD(run->program_output_fd));
	(void)close(KS_STEAL_FD(run->program_error_fd));
	return 0;
}

/* --- while it runs ----------------------------------------------------------------------------------------------- */

/* Reads once; 1: there may be more, 0: nothing now, and fd is -1 at its end. */
static int read_piece(int *fd, uint8_t piece[static PIECE], size_t *ret_size)
{
	*ret_size = 0;
	if (*fd < 0)
		return 0;
	ssize_t n = read(*fd, piece, PIECE);
	if (n > 0) {
		*ret_size = (size_t)n;
		return 1;
	}
	if (n < 0 && errno == EINTR)
		return 1;
	if (n == 0 || errno != EAGAIN)
		(void)close(KS_STEAL_FD(*fd));
	return 0;
}

/* LIMIT when the program has printed too much. */
static int read_output(struct run *run)
{
	uint8_t piece[PIECE];
	size_t size;
	int more = read_piece(&run->output_fd, piece, &size);

	ks_buffer_put(&run->result->output, ks_bytes(piece, size));
	int r = ks_buffer_error(&run->result->output);
	return r < 0 ? r : more;
}

/* Only the end is kept. */
static int read_errors(struct run *run)
{
	uint8_t piece[PIECE];
	size_t size;
	int more = read_piece(&run->error_fd, piece, &size);

	ks_buffer_put(&run->tail, ks_bytes(piece, size));
	if (run->tail.size > KS_PROGRAM_TAIL_MAX)
		ks_buffer_consume(&run->tail, run->tail.size - KS_PROGRAM_TAIL_MAX);
	return more;
}

/* The program has ended: who is left of its group ends too (its number is its own until it is waited for), and what the
 * pipes hold is read, but no more: somebody who has left the group may write on. */
static int drain(struct run *run)
{
	(void)kill(-run->pid, SIGKILL);
	int r = 1;

	while (r == 1)
		r = read_output(run);
	for (size_t i = 0; i < KS_PROGRAM_TAIL_MAX && read_errors(run) == 1; i++)
		;
	return r;
}

static int watch(struct run *run)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + run->program->timeout_ms;

	for (;;) {
		struct pollfd polls[] = { { .fd = run->pid_fd, .events = POLLIN },
					  { .fd = run->output_fd, .events = POLLIN },
					  { .fd = run->error_fd, .events = POLLIN } };
		int left_ms = ks_clock_left_ms(deadline_ms);
		if (left_ms == 0)
			return KS_ERR_TIMEOUT;
		if (poll(polls, sizeof(polls) / sizeof(polls[0]), left_ms) < 0 && errno != EINTR)
			return KS_ERR_SYSTEM;
		if (polls[0].revents)
			return drain(run);
		if (polls[1].revents) {
			int r = read_output(run);
			if (r < 0)
				return r;
		}
		if (polls[2].revents)
			(void)read_errors(run);
	}
}

/* --- its end ----------------------------------------------------------------------------------------------------- */

/* The last lines of what it said: what a program says last is why it failed. */
static void put_messages(struct run *run)
{
	struct ks_bytes tail = ks_buffer_bytes(&run->tail);
	char *out = run->result->messages;
	size_t n_lines = 0;
	size_t begin = tail.size;

	while (tail.size > 0 && tail.data[tail.size - 1] == '\n')
		begin = --tail.size;
	while (begin > 0 && tail.size - begin < KS_PROGRAM_MESSAGES_MAX / 2) {
		if (tail.data[begin - 1] == '\n' && ++n_lines == LINES_SHOWN)
			break;
		begin--;
	}
	/* Lines become one: a newline would be shown as an escape, and nothing of others may begin a line of its own. */
	KS_AUTO_FREE char *text = ks_text_copy(ks_bytes(tail.data ? tail.data + begin : NULL, tail.size - begin));
	for (char *at = text; at && *at; at++) {
		if (*at == '\n' || *at == '\t' || *at == '\r')
			*at = ' ';
	}
	ks_text_escape(ks_bytes_text(text), out, KS_PROGRAM_MESSAGES_MAX);
}

static int stopped(const struct run *run, int r, struct ks_enrol_problem *problem)
{
	const struct ks_program *program = run->program;
	const char *messages = run->result->messages;
	const char *said = messages[0] ? "; it said: " : "";

	if (r == KS_ERR_TIMEOUT)
		return ks_enrol_problem_set(problem, r,
					    "%s was stopped: it had not ended after %g seconds (timeout =)%s%s",
					    program->what, (double)program->timeout_ms / 1000, said, messages);
	if (r == KS_ERR_TOO_LARGE || r == KS_ERR_LIMIT)
		return ks_enrol_problem_set(
			problem, KS_ERR_TOO_LARGE,
			"%s was stopped: it printed more than %zu bytes, and only certificates belong there%s%s",
			program->what, program->output_max, said, messages);
	return ks_enrol_problem_set(problem, r, "%s failed: %s", program->what, ks_error_text(r));
}

static int finish(struct run *run, struct ks_enrol_problem *problem)
{
	const char *messages = run->result->messages;
	int status = 0;
	pid_t pid = run->pid;

	run->pid = 0;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return system_problem(run->program, problem);
	}
	if (WIFSIGNALED(status))
		return ks_enrol_problem_set(problem, KS_ERR_SYSTEM, "%s was ended by signal %d (%s)%s%s",
					    run->program->what, WTERMSIG(status), strsignal(WTERMSIG(status)),
					    messages[0] ? "; it said: " : "", messages);
	run->result->exit_code = WEXITSTATUS(status);
	return 0;
}

int ks_program_run(const struct ks_program *program, struct ks_program_result *ret_result,
		   struct ks_enrol_problem *problem)
{
	KS_CLEANUP(words_deinit) struct words words = { .text = NULL };
	KS_CLEANUP(ks_program_result_deinit) struct ks_program_result result = { .messages = "" };
	KS_CLEANUP(run_deinit)
	struct run run = {
		.program = program,
		.result = &result,
		.pid_fd = -1,
		.input_fd = -1,
		.output_fd = -1,
		.error_fd = -1,
		.program_output_fd = -1,
		.program_error_fd = -1,
	};

	ks_buffer_init(&result.output, program->output_max);
	ks_buffer_init(&run.tail, KS_PROGRAM_TAIL_MAX + PIECE);
	int r = split(program, &words, problem);
	if (r == 0)
		r = check(program, words.argv[0], problem);
	if (r == 0)
		r = start(&run, words.argv, problem);
	if (r < 0)
		return r;
	r = watch(&run);
	put_messages(&run);
	r = r < 0 ? stopped(&run, r, problem) : finish(&run, problem);
	if (r < 0)
		return r;
	*ret_result = result;
	result.output = (struct ks_buffer){ 0 };
	return 0;
}
