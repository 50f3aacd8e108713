/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/helpers/pinentry.h, locked_pages.h and terminal.h, inside this process: what stays in its memory. */
#include "agent/helpers/pinentry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helpers/locked_pages.h"
#include "lib/protocol/limits.h"
#include "tests/unit/agent/pinentry_folder.h"

struct fixture {
	struct pinentry_folder folder;
	int agent[2]; /* a pipe: writing to it is the agent's end */
	struct ks_secret *pin;
	struct ks_pinentry_question question;
	char why[KS_TEXT_MAX];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	pinentry_folder_make(&fixture->folder);
	assert_int_equal(pipe2(fixture->agent, O_CLOEXEC), 0);
	assert_int_equal(ks_secret_new(&fixture->pin), 0);
	fixture->question = (struct ks_pinentry_question){ .kind = KS_PROMPT_PIN,
							   .program = FAKE_PINENTRY,
							   .title = "keystay",
							   .description = "why",
							   .problem = "",
							   .label = "",
							   .ok = "",
							   .cancel = "",
							   .terminal_name = "",
							   .terminal_type = "",
							   .display = "",
							   .timeout_ms = 30000,
							   .agent_fd = fixture->agent[0],
							   .signal_fd = -1 };
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ks_secret_free(fixture->pin);
	for (size_t i = 0; i < 2; i++) {
		if (fixture->agent[i] >= 0)
			(void)close(fixture->agent[i]);
	}
	pinentry_folder_remove(&fixture->folder);
	free(fixture);
	return 0;
}

static void test_pinentry_leaves_no_trace_of_the_pin(void **state)
{
	struct fixture *fixture = *state;
	struct masked_pin pin;

	if (!masked_pin_can_search())
		skip();
	masked_pin_make(&pin);
	masked_pin_script(&pin, &fixture->folder);
	assert_int_equal(ks_pinentry_ask(&fixture->question, fixture->pin, fixture->why), 0);
	struct ks_bytes bytes = ks_secret_bytes(fixture->pin);
	assert_true(masked_pin_is(&pin, bytes.data, bytes.size));
	assert_int_equal(masked_pin_traces(&pin), 0);
	/* The search finds what is there. */
	char *copy = malloc(bytes.size);
	assert_non_null(copy);
	memcpy(copy, bytes.data, bytes.size);
	assert_int_equal(masked_pin_traces(&pin), 1);
	ks_secret_wipe(copy, bytes.size);
	free(copy);
}

static void test_pinentry_ends_when_the_agent_does(void **state)
{
	struct fixture *fixture = *state;

	pinentry_folder_script(&fixture->folder, "stubborn");
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) { /* the agent: it goes as soon as the dialog is there */
		while (pinentry_folder_count(&fixture->folder, "HANGS") == 0)
			(void)usleep(10000);
		_exit(write(fixture->agent[1], "x", 1) == 1 ? 0 : 1);
	}
	assert_int_equal(ks_pinentry_ask(&fixture->question, fixture->pin, fixture->why), KS_ERR_CANCELLED);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_pinentry_puts_the_echo_back(void **state)
{
	struct fixture *fixture = *state;
	struct ks_terminal terminal;
	struct termios modes;
	int ours = -1, theirs = -1;
	char name[64], why[256];

	assert_int_equal(openpty(&ours, &theirs, name, NULL, NULL), 0);
	assert_int_equal(ks_terminal_open(name, &terminal, why, sizeof(why)), 0);
	fixture->question.terminal = &terminal;
	fixture->question.terminal_name = name;
	pinentry_folder_script(&fixture->folder, "die");
	assert_int_equal(tcgetattr(theirs, &modes), 0);
	modes.c_lflag &= ~(tcflag_t)ECHO; /* as pinentry does */
	assert_int_equal(tcsetattr(theirs, TCSANOW, &modes), 0);
	assert_int_equal(ks_pinentry_ask(&fixture->question, fixture->pin, fixture->why), KS_ERR_CLOSED);
	assert_int_equal(tcgetattr(theirs, &modes), 0);
	assert_true(modes.c_lflag & ECHO);
	ks_terminal_close(&terminal);
	assert_int_equal(terminal.fd, -1);
	(void)close(ours);
	(void)close(theirs);
}

static void test_pinentry_cuts_a_text_that_is_too_long_for_a_line(void **state)
{
	struct fixture *fixture = *state;
	char text[2048], line[1024] = "> SETDESC ";

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fixture->question.description = text;
	assert_int_equal(ks_pinentry_ask(&fixture->question, fixture->pin, fixture->why), KS_ERR_CANCELLED);
	/* A line of the Assuan protocol has at most 1000 bytes. */
	memset(line + 10, 'x', 1000 - 8 - 3);
	strcpy(line + 10 + 1000 - 8 - 3, "...\n");
	assert_int_equal(pinentry_folder_count(&fixture->folder, line), 1);
}

static void test_terminal_refuses_what_is_none(void **state)
{
	const struct {
		const char *name;
		int error;
	} names[] = {
		{ "", KS_ERR_INVALID },
		{ "/etc/passwd", KS_ERR_INVALID },
		{ "/dev/null", geteuid() == 0 ? KS_ERR_INVALID : KS_ERR_DENIED },
		{ "/dev/shm", KS_ERR_INVALID },
		{ "pts/0", KS_ERR_INVALID },
		{ "/dev/../etc/passwd", KS_ERR_INVALID },
		{ "/dev/none", KS_ERR_NOT_FOUND },
	};
	struct ks_terminal terminal = { .fd = -7 };
	char why[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		why[0] = '\0';
		assert_int_equal(ks_terminal_open(names[i].name, &terminal, why, sizeof(why)), names[i].error);
		assert_true(why[0] != '\0');
	}
	assert_int_equal(terminal.fd, -7);
}

static void test_locked_pages_are_bounded_and_keep_contents(void **state)
{
	(void)state;
	assert_null(ks_locked_pages_new(1));
	assert_int_equal(ks_locked_pages_init(), 0);
	assert_int_equal(ks_locked_pages_init(), 0);
	char *text = ks_locked_pages_new(8);
	assert_non_null(text);
	memcpy(text, "1234567", 8);
	char *larger = ks_locked_pages_resize(text, 16);
	assert_non_null(larger);
	assert_string_equal(larger, "1234567");
	assert_int_equal(text[0], 0); /* the old place is wiped */
	assert_null(ks_locked_pages_new(1024 * 1024));
	assert_null(ks_locked_pages_new((size_t)-1));
	size_t n = 0;
	while (ks_locked_pages_new(1024))
		n++;
	assert_in_range(n, 16, 64);
	ks_locked_pages_free(NULL);
	ks_locked_pages_free(larger);
	assert_int_equal(larger[0], 0);
	ks_locked_pages_deinit();
}

#define PINENTRY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PINENTRY_TEST(test_pinentry_leaves_no_trace_of_the_pin),
		PINENTRY_TEST(test_pinentry_ends_when_the_agent_does),
		PINENTRY_TEST(test_pinentry_puts_the_echo_back),
		PINENTRY_TEST(test_pinentry_cuts_a_text_that_is_too_long_for_a_line),
		cmocka_unit_test(test_terminal_refuses_what_is_none),
		cmocka_unit_test(test_locked_pages_are_bounded_and_keep_contents),
	};
	/* As keystay-prompt: a pinentry that died is told by an error. */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
