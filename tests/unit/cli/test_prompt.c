/* SPDX-License-Identifier: Apache-2.0 */
/* The PIN prompt on a terminal of its own: what is shown, what is read, and that echo comes back whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/prompt.h"

/* A person at a terminal, and the program that asks. */
struct talk {
	pid_t pid;
	int master;
	char seen[1024];
	size_t size;
};

/* How the asking child ends. */
enum { SAYS_PIN = 10, SAYS_OTHER, SAYS_CANCELLED, SAYS_TOO_LARGE, SAYS_YES, SAYS_NO, SAYS_ERROR };

static int judge_pin(int r, const struct ks_secret *pin)
{
	if (r == KS_ERR_CANCELLED)
		return SAYS_CANCELLED;
	if (r == KS_ERR_TOO_LARGE)
		return SAYS_TOO_LARGE;
	if (r < 0)
		return SAYS_ERROR;
	return ks_bytes_equal(ks_secret_bytes(pin), ks_bytes_text("12 34")) ? SAYS_PIN : SAYS_OTHER;
}

static int ask_pin(void)
{
	struct ks_secret *pin = NULL;
	int terminal;

	if (ks_prompt_open(&terminal) < 0 || ks_secret_new(&pin) < 0)
		return SAYS_ERROR;
	return judge_pin(ks_prompt_pin(terminal, "PIN: ", pin), pin);
}

/* As a shell would: the program in a process group of its own, in the foreground. Ends as the program does; a stopped
 * program is woken once it has stopped. */
static int ask_pin_under_a_shell(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		(void)setpgid(0, 0);
		while (tcgetpgrp(STDIN_FILENO) != getpgrp())
			(void)poll(NULL, 0, 1);
		_exit(ask_pin());
	}
	(void)setpgid(pid, pid);
	(void)signal(SIGTTOU, SIG_IGN);
	if (tcsetpgrp(STDIN_FILENO, pid) < 0 || waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return SAYS_ERROR;
	struct termios settings;
	if (tcgetattr(STDIN_FILENO, &settings) < 0 || !(settings.c_lflag & ECHO))
		return SAYS_ERROR;
	(void)kill(pid, SIGCONT);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : SAYS_ERROR;
}

static void begin(struct talk *talk, int (*ask)(void))
{
	memset(talk, 0, sizeof(*talk));
	talk->pid = forkpty(&talk->master, NULL, NULL, NULL);
	assert_true(talk->pid >= 0);
	if (talk->pid == 0)
		_exit(ask());
}

/* Waits until text was printed, from here on. */
static void expect(struct talk *talk, const char *text)
{
	for (;;) {
		talk->seen[talk->size] = '\0';
		char *found = strstr(talk->seen, text);
		if (found) {
			char *rest = found + strlen(text);
			talk->size = strlen(rest);
			memmove(talk->seen, rest, talk->size + 1);
			return;
		}
		ssize_t n = read(talk->master, talk->seen + talk->size, sizeof(talk->seen) - 1 - talk->size);
		if (n <= 0)
			fail_msg("\"%s\" was not printed, but: %s", text, talk->seen);
		talk->size += (size_t)n;
	}
}

static void type(const struct talk *talk, const char *text)
{
	assert_int_equal(write(talk->master, text, strlen(text)), (ssize_t)strlen(text));
}

static bool has_echo(const struct talk *talk)
{
	struct termios settings;

	assert_int_equal(tcgetattr(talk->master, &settings), 0);
	return settings.c_lflag & ECHO;
}

/* Reads the rest; returns the wait status. */
static int end(struct talk *talk)
{
	int status;
	ssize_t n;

	/* The terminal's end: EIO, once the last of its readers is gone. */
	while ((n = read(talk->master, talk->seen + talk->size, sizeof(talk->seen) - 1 - talk->size)) > 0)
		talk->size += (size_t)n;
	talk->seen[talk->size] = '\0';
	assert_int_equal(waitpid(talk->pid, &status, 0), talk->pid);
	(void)close(talk->master);
	return status;
}

static void assert_ends(struct talk *talk, int expected)
{
	int status = end(talk);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), expected);
}

static void test_prompt_reads_a_pin_and_shows_nothing_of_it(void **state)
{
	struct talk talk;

	(void)state;
	begin(&talk, ask_pin);
	expect(&talk, "PIN: ");
	assert_false(has_echo(&talk));
	type(&talk, "12 34\n");
	assert_ends(&talk, SAYS_PIN);
	assert_string_equal(talk.seen, "\r\n");
}

static void test_prompt_lets_the_person_correct(void **state)
{
	struct talk talk;

	(void)state;
	begin(&talk, ask_pin);
	expect(&talk, "PIN: ");
	type(&talk, "12 35\x7f\x34\r");
	assert_ends(&talk, SAYS_PIN);
}

static void test_prompt_forgets_what_was_typed_before_it(void **state)
{
	struct talk talk;
	struct termios settings;
	int slave;

	(void)state;
	memset(&talk, 0, sizeof(talk));
	assert_int_equal(openpty(&talk.master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(slave, &settings), 0);
	type(&talk, "typed before\n");
	expect(&talk, "typed before\r\n"); /* the echo: it has arrived */
	talk.pid = fork();
	assert_true(talk.pid >= 0);
	if (talk.pid == 0) {
		struct ks_secret *pin = NULL;
		if (ks_secret_new(&pin) < 0)
			_exit(SAYS_ERROR);
		_exit(judge_pin(ks_prompt_pin(slave, "PIN: ", pin), pin));
	}
	expect(&talk, "PIN: ");
	type(&talk, "12 34\n");
	(void)close(slave);
	assert_ends(&talk, SAYS_PIN);
}

static void test_prompt_is_cancelled_by_an_empty_line_and_by_the_end(void **state)
{
	static const char *const answers[] = { "\n", "\x04" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct talk talk;
		begin(&talk, ask_pin);
		expect(&talk, "PIN: ");
		type(&talk, answers[i]);
		assert_ends(&talk, SAYS_CANCELLED);
	}
}

static void test_prompt_refuses_what_is_longer_than_any_pin(void **state)
{
	struct talk talk;
	char pin[KS_SECRET_MAX + 3];

	(void)state;
	memset(pin, 'x', sizeof(pin));
	pin[sizeof(pin) - 2] = '\n';
	pin[sizeof(pin) - 1] = '\0';
	begin(&talk, ask_pin);
	expect(&talk, "PIN: ");
	type(&talk, pin);
	assert_ends(&talk, SAYS_TOO_LARGE);
}

/* The slave end is held open here, so that its settings can be looked at after the program has died. */
static void check_signal(const char *typed, int signal_sent, int signal_expected)
{
	struct talk talk;

	begin(&talk, ask_pin);
	int slave = open(ptsname(talk.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	expect(&talk, "PIN: ");
	assert_false(has_echo(&talk));
	if (typed)
		type(&talk, typed);
	else
		assert_int_equal(kill(talk.pid, signal_sent), 0);
	int status;
	assert_int_equal(waitpid(talk.pid, &status, 0), talk.pid);
	assert_true(has_echo(&talk));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), signal_expected);
	(void)close(slave);
	(void)close(talk.master);
}

static void test_prompt_restores_echo_when_a_signal_ends_it(void **state)
{
	(void)state;
	check_signal("12\x03", 0, SIGINT);
	check_signal(NULL, SIGTERM, SIGTERM);
	check_signal(NULL, SIGHUP, SIGHUP);
}

static void test_prompt_restores_echo_when_stopped_and_asks_again(void **state)
{
	struct talk talk;

	(void)state;
	begin(&talk, ask_pin_under_a_shell);
	expect(&talk, "PIN: ");
	type(&talk, "99\x1a");
	expect(&talk, "PIN: ");
	assert_false(has_echo(&talk));
	type(&talk, "12 34\n");
	assert_ends(&talk, SAYS_PIN);
}

static void test_prompt_without_a_terminal_says_so(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int terminal;
		(void)setsid();
		_exit(ks_prompt_open(&terminal) == KS_ERR_NOT_FOUND ? SAYS_NO : SAYS_YES);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), SAYS_NO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prompt_reads_a_pin_and_shows_nothing_of_it),
		cmocka_unit_test(test_prompt_lets_the_person_correct),
		cmocka_unit_test(test_prompt_forgets_what_was_typed_before_it),
		cmocka_unit_test(test_prompt_is_cancelled_by_an_empty_line_and_by_the_end),
		cmocka_unit_test(test_prompt_refuses_what_is_longer_than_any_pin),
		cmocka_unit_test(test_prompt_restores_echo_when_a_signal_ends_it),
		cmocka_unit_test(test_prompt_restores_echo_when_stopped_and_asks_again),
		cmocka_unit_test(test_prompt_without_a_terminal_says_so),
	};

	/* A program that hangs must not hang the tests: SIGALRM ends us with a word from the shell. */
	(void)alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
