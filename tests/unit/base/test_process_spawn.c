/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/base/child.h"
#include "tests/unit/base/scratch.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

static char *const no_environment[] = { NULL };

struct pipe_ends {
	int read;
	int write;
};

static struct pipe_ends new_pipe(void)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0); /* inherited, unless somebody sees to it */
	return (struct pipe_ends){ ends[0], ends[1] };
}

static void read_to_end(int fd, char *out, size_t size)
{
	size_t used = 0;
	for (;;) {
		ssize_t n = read(fd, out + used, size - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	out[used] = '\0';
}

static int exit_code(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Starts the child with "report" to its descriptor 3, and gives what it says. */
static void spawn_report(const struct ks_process_fd *more, size_t n_more, char *const *environment, char *out,
			 size_t size)
{
	struct pipe_ends report = new_pipe();
	struct ks_process_fd fds[8] = { { .ours = report.write, .theirs = 3 } };
	for (size_t i = 0; i < n_more; i++)
		fds[i + 1] = more[i];
	char *const argv[] = { TEXT("child"), TEXT("report"), TEXT("3"), TEXT("one word"), TEXT(""), NULL };
	const struct ks_process_spec spec = {
		.path = SPAWNED_CHILD, .argv = argv, .envp = environment, .fds = fds, .n_fds = n_more + 1
	};
	pid_t pid = 0;
	assert_int_equal(ks_process_spawn(&spec, &pid, NULL), 0);
	(void)close(report.write);
	read_to_end(report.read, out, size);
	(void)close(report.read);
	assert_int_equal(exit_code(pid), 0);
}

static void assert_line(const char *report, const char *line)
{
	char whole[256];
	char text[4200];
	(void)snprintf(whole, sizeof(whole), "\n%s\n", line);
	(void)snprintf(text, sizeof(text), "\n%s", report);
	if (!strstr(text, whole))
		fail_msg("\"%s\" is not in:%s", line, text);
}

static void test_spawn_passes_only_the_named_descriptors(void **state)
{
	(void)state;
	char report[4096];
	struct pipe_ends extra = new_pipe();
	int high = fcntl(extra.read, F_DUPFD, 600);
	assert_true(high >= 600);
	const struct ks_process_fd more[] = { { extra.read, 9 } };
	spawn_report(more, 1, no_environment, report, sizeof(report));
	assert_line(report, "descriptors 0 1 2 3 9");
	spawn_report(NULL, 0, no_environment, report, sizeof(report));
	assert_line(report, "descriptors 0 1 2 3");
	(void)close(high);
	(void)close(extra.read);
	(void)close(extra.write);
}

static void test_spawn_gives_dev_null_where_a_standard_descriptor_is_not_named(void **state)
{
	(void)state;
	char report[4096];
	char log_name[64];
	char line[80];
	char link[32];
	spawn_report(NULL, 0, no_environment, report, sizeof(report));
	assert_line(report, "0 /dev/null");
	assert_line(report, "1 /dev/null");
	assert_line(report, "2 /dev/null");

	struct pipe_ends log = new_pipe();
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", log.write);
	ssize_t size = readlink(link, log_name, sizeof(log_name) - 1);
	assert_true(size > 0);
	log_name[size] = '\0';
	/* One of ours for two of theirs. */
	const struct ks_process_fd more[] = { { log.write, 1 }, { log.write, 2 } };
	spawn_report(more, 2, no_environment, report, sizeof(report));
	assert_line(report, "0 /dev/null");
	(void)snprintf(line, sizeof(line), "1 %s", log_name);
	assert_line(report, line);
	(void)snprintf(line, sizeof(line), "2 %s", log_name);
	assert_line(report, line);
	(void)close(log.read);
	(void)close(log.write);
}

/* Each descriptor gets its number in the child written to it. */
static void spawn_sign(const struct ks_process_fd *fds, size_t n_fds)
{
	char numbers[8][16];
	char *argv[11] = { TEXT("child"), TEXT("sign") };
	for (size_t i = 0; i < n_fds; i++) {
		(void)snprintf(numbers[i], sizeof(numbers[i]), "%d", fds[i].theirs);
		argv[2 + i] = numbers[i];
	}
	const struct ks_process_spec spec = {
		.path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = fds, .n_fds = n_fds
	};
	pid_t pid = 0;
	assert_int_equal(ks_process_spawn(&spec, &pid, NULL), 0);
	assert_int_equal(exit_code(pid), 0);
}

static void assert_signed(struct pipe_ends pipe, int number)
{
	char text[16];
	char expected[16];
	(void)close(pipe.write);
	read_to_end(pipe.read, text, sizeof(text));
	(void)close(pipe.read);
	(void)snprintf(expected, sizeof(expected), "%d", number);
	assert_string_equal(text, expected);
}

static void test_spawn_exchanges_numbers_that_are_each_others(void **state)
{
	(void)state;
	struct pipe_ends a = new_pipe();
	struct pipe_ends b = new_pipe();
	struct pipe_ends c = new_pipe();
	/* A circle of three. */
	const struct ks_process_fd fds[] = { { a.write, b.write }, { b.write, c.write }, { c.write, a.write } };
	spawn_sign(fds, 3);
	int b_number = b.write;
	int c_number = c.write;
	int a_number = a.write;
	assert_signed(a, b_number);
	assert_signed(b, c_number);
	assert_signed(c, a_number);
}

static void test_spawn_leaves_a_number_as_it_is_when_it_is_the_same(void **state)
{
	(void)state;
	struct pipe_ends a = new_pipe();
	/* Close-on-exec, as every descriptor of ours: the child must get it all the same. */
	assert_int_equal(fcntl(a.write, F_SETFD, FD_CLOEXEC), 0);
	const struct ks_process_fd fds[] = { { a.write, a.write } };
	spawn_sign(fds, 1);
	assert_int_equal(fcntl(a.write, F_GETFD), FD_CLOEXEC);
	assert_signed(a, a.write);
}

static void test_spawn_takes_numbers_that_are_ours_for_something_else(void **state)
{
	(void)state;
	/* Among them those of the pipe by which a failure would be told, whatever they are. */
	struct pipe_ends pipes[8];
	struct ks_process_fd fds[8];
	int first = dup(0);
	(void)close(first);
	for (int i = 0; i < 8; i++) {
		pipes[i] = new_pipe();
		fds[i] = (struct ks_process_fd){ pipes[i].write, first + 16 + i };
	}
	spawn_sign(fds, 8);
	for (int i = 0; i < 8; i++)
		assert_signed(pipes[i], first + 16 + i);
}

static void test_spawn_tells_a_failure_whatever_numbers_are_taken(void **state)
{
	(void)state;
	char *const argv[] = { TEXT("child"), NULL };
	int next = dup(0);
	(void)close(next);
	/* The pipe by which it is told gets the next two numbers. */
	for (int theirs = next; theirs < next + 2; theirs++) {
		const struct ks_process_fd fds[] = { { 0, theirs } };
		const struct ks_process_spec spec = {
			.path = "/no/such/program", .argv = argv, .envp = no_environment, .fds = fds, .n_fds = 1
		};
		pid_t pid = 77;
		assert_int_equal(ks_process_spawn(&spec, &pid, NULL), KS_ERR_NOT_FOUND);
		assert_int_equal(pid, 77);
	}
}

static void ignore_nothing(int number)
{
	(void)number;
}

static void test_spawn_gives_signals_at_default_and_unblocked(void **state)
{
	(void)state;
	char report[4096];
	sigset_t blocked;
	sigset_t after;
	struct sigaction ours;
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGCHLD);
	assert_int_equal(sigprocmask(SIG_SETMASK, &blocked, NULL), 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGRTMIN, SIG_IGN);
	(void)signal(SIGHUP, ignore_nothing);
	spawn_report(NULL, 0, no_environment, report, sizeof(report));
	assert_line(report, "SigBlk:\t0000000000000000");
	assert_line(report, "SigIgn:\t0000000000000000");
	/* The parent's own are as they were. */
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &after), 0);
	assert_true(sigismember(&after, SIGTERM) == 1 && sigismember(&after, SIGCHLD) == 1);
	assert_true(sigismember(&after, SIGINT) == 0);
	assert_int_equal(sigaction(SIGPIPE, NULL, &ours), 0);
	assert_true(ours.sa_handler == SIG_IGN);
	(void)sigemptyset(&blocked);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGRTMIN, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
}

static void test_spawn_gives_a_session_arguments_and_environment_as_said(void **state)
{
	(void)state;
	char report[4096];
	char *const environment[] = { TEXT("A=1"), TEXT("B=two words"), NULL };
	(void)setenv("KEYSTAY_TEST_LEAK", "1", 1);
	spawn_report(NULL, 0, environment, report, sizeof(report));
	assert_line(report, "session own");
	assert_line(report, "argument one word\nargument ");
	assert_line(report, "environment A=1\nenvironment B=two words");
	assert_null(strstr(report, "KEYSTAY_TEST_LEAK"));
	(void)unsetenv("KEYSTAY_TEST_LEAK");
}

static int n_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int n = 0;
	assert_non_null(folder);
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

static int spawn_path(const char *path)
{
	char *const argv[] = { TEXT(path), NULL };
	const struct ks_process_spec spec = { .path = path, .argv = argv, .envp = no_environment };
	pid_t pid = 77;
	int pidfd = 77;
	int before = n_open();
	int r = ks_process_spawn(&spec, &pid, &pidfd);
	assert_int_equal(pid, 77);
	assert_int_equal(pidfd, 77);
	assert_int_equal(n_open(), before);
	/* Nothing is left to wait for. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return r;
}

static void test_spawn_tells_why_a_program_cannot_be_started(void **state)
{
	(void)state;
	struct scratch scratch;
	scratch_init(&scratch);
	scratch_file(&scratch, "plain", "text", 0644);
	scratch_file(&scratch, "nonsense", "text", 0755);
	assert_int_equal(spawn_path(scratch_path(&scratch, "none")), KS_ERR_NOT_FOUND);
	assert_int_equal(spawn_path(scratch_path(&scratch, "plain")), KS_ERR_DENIED);
	assert_int_equal(spawn_path(scratch.path), KS_ERR_DENIED);
	assert_int_equal(spawn_path(scratch_path(&scratch, "nonsense")), KS_ERR_SYSTEM);
	scratch_deinit(&scratch);
}

static void test_spawn_tells_why_a_descriptor_cannot_be_passed(void **state)
{
	(void)state;
	char *const argv[] = { TEXT("child"), NULL };
	const struct ks_process_fd closed[] = { { 900, 3 } };
	const struct ks_process_spec spec = {
		.path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = closed, .n_fds = 1
	};
	pid_t pid = 77;
	assert_int_equal(ks_process_spawn(&spec, &pid, NULL), KS_ERR_SYSTEM);
	assert_int_equal(pid, 77);
}

static void test_spawn_refuses_what_cannot_be_meant(void **state)
{
	(void)state;
	char *const argv[] = { TEXT("child"), NULL };
	struct ks_process_fd many[KS_PROCESS_FDS_MAX + 1];
	for (int i = 0; i <= KS_PROCESS_FDS_MAX; i++)
		many[i] = (struct ks_process_fd){ 0, 3 + i };
	const struct ks_process_fd twice[] = { { 0, 3 }, { 1, 3 } };
	const struct ks_process_fd no_number[] = { { 0, -1 } };
	const struct ks_process_fd no_descriptor[] = { { -1, 3 } };
	const struct ks_process_spec wrong[] = {
		{ .path = "child", .argv = argv, .envp = no_environment },
		{ .path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = many, .n_fds = 17 },
		{ .path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = twice, .n_fds = 2 },
		{ .path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = no_number, .n_fds = 1 },
		{ .path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = no_descriptor, .n_fds = 1 },
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		pid_t pid = 77;
		assert_int_equal(ks_process_spawn(&wrong[i], &pid, NULL), KS_ERR_INVALID);
		assert_int_equal(pid, 77);
	}
}

static void test_spawn_pidfd_tells_the_end(void **state)
{
	(void)state;
	char *const argv[] = { TEXT("child"), TEXT("exit"), TEXT("7"), NULL };
	const struct ks_process_spec spec = { .path = SPAWNED_CHILD, .argv = argv, .envp = no_environment };
	pid_t pid = 0;
	int pidfd = -1;
	assert_int_equal(ks_process_spawn(&spec, &pid, &pidfd), 0);
	assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	assert_int_equal(poll(&wait, 1, 30000), 1);
	(void)close(pidfd);
	assert_int_equal(exit_code(pid), 7);
}

/* argument: the descriptor to which the grandchild reports. */
static int spawn_on_an_old_kernel(void *argument)
{
	const struct ks_process_fd *fd = argument;
	char *const argv[] = { TEXT("child"), TEXT("report"), TEXT("3"), NULL };
	const struct ks_process_spec spec = {
		.path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = fd, .n_fds = 1
	};
	pid_t pid = 0;
	if (child_forget_call(SYS_close_range) < 0 || ks_process_spawn(&spec, &pid, NULL) < 0)
		return 1;
	return waitpid(pid, NULL, 0) == pid ? 0 : 2;
}

static void test_spawn_passes_only_the_named_descriptors_without_close_range(void **state)
{
	(void)state;
	char report[4096];
	struct pipe_ends out = new_pipe();
	struct ks_process_fd fd = { out.write, 3 };
	int high = fcntl(out.read, F_DUPFD, 600);
	assert_true(high >= 600);
	assert_int_equal(child_run(spawn_on_an_old_kernel, &fd), 0);
	(void)close(out.write);
	read_to_end(out.read, report, sizeof(report));
	assert_line(report, "descriptors 0 1 2 3");
	(void)close(out.read);
	(void)close(high);
}

static void test_spawn_works_where_the_standard_descriptors_are_closed(void **state)
{
	(void)state;
	char report[4096];
	int saved[3];
	for (int fd = 0; fd < 3; fd++)
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	/* The pipes of spawn and of this test get 0 and 1 and so on now. */
	struct pipe_ends out = new_pipe();
	const struct ks_process_fd fds[] = { { out.write, 3 } };
	char *const argv[] = { TEXT("child"), TEXT("report"), TEXT("3"), NULL };
	const struct ks_process_spec spec = {
		.path = SPAWNED_CHILD, .argv = argv, .envp = no_environment, .fds = fds, .n_fds = 1
	};
	pid_t pid = 0;
	int r = ks_process_spawn(&spec, &pid, NULL);
	(void)close(out.write);
	read_to_end(out.read, report, sizeof(report));
	for (int fd = 0; fd < 3; fd++) {
		(void)dup2(saved[fd], fd);
		(void)close(saved[fd]);
	}
	assert_int_equal(r, 0);
	assert_int_equal(exit_code(pid), 0);
	assert_line(report, "descriptors 0 1 2 3");
	assert_line(report, "0 /dev/null");
}

/* Its own child tells its session, which is this one's or its own; and it dies when this one does. */
static void assert_dies_with_us(bool in_our_session)
{
	struct pipe_ends report = new_pipe();
	pid_t parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		const struct ks_process_fd fds[] = { { .ours = report.write, .theirs = 3 } };
		char *const argv[] = { TEXT("sh"), TEXT("-c"), TEXT("ps -o sid=,pid= -p $$ >&3; exec sleep 3600"),
				       NULL };
		char *const environment[] = { TEXT("PATH=/usr/bin:/bin"), NULL };
		const struct ks_process_spec spec = { .path = "/bin/sh",
						      .argv = argv,
						      .envp = environment,
						      .fds = fds,
						      .n_fds = 1,
						      .in_our_session = in_our_session,
						      .ends_with_us = !in_our_session };
		pid_t pid = 0;
		if (setsid() < 0 || ks_process_spawn(&spec, &pid, NULL) < 0)
			_exit(1);
		(void)pause();
	}
	(void)close(report.write);
	char line[64] = "";
	ssize_t n = read(report.read, line, sizeof(line) - 1);
	assert_true(n > 0);
	char *rest;
	long session = strtol(line, &rest, 10);
	assert_int_equal(session, in_our_session ? parent : strtol(rest, NULL, 10));
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(exit_code(parent), 1000 + SIGKILL);
	/* Only the child still has the other end: it is closed when the child has gone. */
	struct pollfd end = { .fd = report.read, .events = POLLIN };
	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(read(report.read, line, sizeof(line)), 0);
	(void)close(report.read);
}

static void test_spawn_in_our_session_stays_there_and_dies_with_us(void **state)
{
	(void)state;
	assert_dies_with_us(true);
}

static void test_spawn_that_ends_with_us_has_its_own_session_and_dies_with_us(void **state)
{
	(void)state;
	assert_dies_with_us(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spawn_passes_only_the_named_descriptors),
		cmocka_unit_test(test_spawn_gives_dev_null_where_a_standard_descriptor_is_not_named),
		cmocka_unit_test(test_spawn_exchanges_numbers_that_are_each_others),
		cmocka_unit_test(test_spawn_leaves_a_number_as_it_is_when_it_is_the_same),
		cmocka_unit_test(test_spawn_takes_numbers_that_are_ours_for_something_else),
		cmocka_unit_test(test_spawn_tells_a_failure_whatever_numbers_are_taken),
		cmocka_unit_test(test_spawn_gives_signals_at_default_and_unblocked),
		cmocka_unit_test(test_spawn_gives_a_session_arguments_and_environment_as_said),
		cmocka_unit_test(test_spawn_tells_why_a_program_cannot_be_started),
		cmocka_unit_test(test_spawn_tells_why_a_descriptor_cannot_be_passed),
		cmocka_unit_test(test_spawn_refuses_what_cannot_be_meant),
		cmocka_unit_test(test_spawn_pidfd_tells_the_end),
		cmocka_unit_test(test_spawn_passes_only_the_named_descriptors_without_close_range),
		cmocka_unit_test(test_spawn_works_where_the_standard_descriptors_are_closed),
		cmocka_unit_test(test_spawn_in_our_session_stays_there_and_dies_with_us),
		cmocka_unit_test(test_spawn_that_ends_with_us_has_its_own_session_and_dies_with_us),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
