/* SPDX-License-Identifier: Apache-2.0 */
/* forked: see forked.h. Runs in: unit tests. */
#include "tests/unit/cli/forked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS_MAX 16

static int main_of_child(const struct forked *forked, const char *line)
{
	struct ks_cli cli;
	char copy_of_line[256];
	char name[] = "keystay";
	char *argv[WORDS_MAX] = { name };
	char *rest = copy_of_line;

	(void)snprintf(copy_of_line, sizeof(copy_of_line), "%s", line);
	for (size_t i = 1; i < WORDS_MAX - 1 && rest; i++)
		argv[i] = strsep(&rest, " ");
	ks_cli_init(&cli);
	cli.color = false;
	return ks_command_main(&cli, forked->table, forked->n, argv);
}

static void read_all(int fd, char *out, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while (used + 1 < size && (n = read(fd, out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	out[used] = '\0';
	(void)close(fd);
}

static void finish(struct forked *forked, pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	forked->exit_code = WEXITSTATUS(status);
}

void forked_run(struct forked *forked, const char *line, const char *input)
{
	int out[2];
	int err[2];
	int in[2];

	assert_int_equal(pipe(out) | pipe(err) | pipe(in), 0);
	/* Before there is a child, which may end without reading it. */
	if (input)
		assert_int_equal(write(in[1], input, strlen(input)), (ssize_t)strlen(input));
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setsid();
		(void)dup2(out[1], STDOUT_FILENO);
		(void)dup2(err[1], STDERR_FILENO);
		(void)close(in[1]);
		(void)dup2(in[0], 3);
		_exit(main_of_child(forked, line));
	}
	(void)close(out[1]);
	(void)close(err[1]);
	(void)close(in[0]);
	(void)close(in[1]);
	read_all(out[0], forked->out, sizeof(forked->out));
	read_all(err[0], forked->err, sizeof(forked->err));
	finish(forked, pid);
}

void forked_run_on_terminal(struct forked *forked, const char *line, const char *const *dialog)
{
	size_t used = 0;
	size_t looked_at = 0;
	int master;

	pid_t pid = forkpty(&master, NULL, NULL, NULL);
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(main_of_child(forked, line));
	for (;;) {
		char *found = dialog[0] ? strstr(forked->out + looked_at, dialog[0]) : NULL;
		if (found) {
			looked_at = (size_t)(found - forked->out) + strlen(dialog[0]);
			assert_int_equal(write(master, dialog[1], strlen(dialog[1])), (ssize_t)strlen(dialog[1]));
			dialog += 2;
			continue;
		}
		ssize_t n = read(master, forked->out + used, sizeof(forked->out) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
		forked->out[used] = '\0';
	}
	(void)close(master);
	finish(forked, pid);
	if (dialog[0])
		fail_msg("was never asked \"%s\", only:\n%s", dialog[0], forked->out);
}
