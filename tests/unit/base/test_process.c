/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/base/child.h"

static int harden(void *argument)
{
	struct rlimit core;
	(void)argument;
	if (ks_process_harden() < 0)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0)
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 3;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 4;
	return ks_process_harden() == 0 ? 0 : 5; /* a second time does no harm */
}

static void test_process_hardened_is_undumpable_without_core_or_new_privileges(void **state)
{
	(void)state;
	assert_int_equal(child_run(harden, NULL), 0);
}

static int die_with_wrong_parent(void *argument)
{
	(void)argument;
	return ks_process_die_with_parent(getpid()) == KS_ERR_CLOSED ? 0 : 1;
}

static void test_process_tells_that_the_parent_is_gone_already(void **state)
{
	(void)state;
	assert_int_equal(child_run(die_with_wrong_parent, NULL), 0);
}

/* Starts a child of its own that holds the pipe open until it dies with this one. */
static int leave_a_child_behind(void *argument)
{
	const int *ends = argument;
	pid_t expected = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		char ready = ks_process_die_with_parent(expected) == 0 ? 'y' : 'n';
		while (write(ends[1], &ready, 1) != 1)
			;
		for (;;)
			(void)pause();
	}
	char ready = 'n';
	(void)close(ends[1]);
	return pid > 0 && read(ends[0], &ready, 1) == 1 && ready == 'y' ? 0 : 1;
}

static void test_process_dies_with_its_parent(void **state)
{
	(void)state;
	int ends[2];
	char byte;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(child_run(leave_a_child_behind, ends), 0);
	(void)close(ends[1]);
	/* End of file comes when the last writer is dead. */
	struct pollfd wait = { .fd = ends[0], .events = POLLIN };
	assert_int_equal(poll(&wait, 1, 30000), 1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
}

static int close_from(void *argument)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	(void)argument;
	if (null < 0 || dup2(null, 9) < 0)
		return 1;
	int first = fcntl(null, F_DUPFD, 10);
	int last = fcntl(null, F_DUPFD, 100);
	if (first < 10 || last < 100)
		return 1;
	ks_process_close_from(10);
	if (fcntl(first, F_GETFD) >= 0 || fcntl(last, F_GETFD) >= 0)
		return 2;
	return fcntl(9, F_GETFD) >= 0 ? 0 : 3;
}

static void test_process_close_from_spares_what_is_below(void **state)
{
	(void)state;
	assert_int_equal(child_run(close_from, NULL), 0);
}

static int close_from_on_an_old_kernel(void *argument)
{
	return child_forget_call(SYS_close_range) < 0 ? 9 : close_from(argument);
}

static void test_process_close_from_works_without_close_range(void **state)
{
	(void)state;
	assert_int_equal(child_run(close_from_on_an_old_kernel, NULL), 0);
}

static bool is_null(int fd)
{
	struct stat ours;
	struct stat null;
	return fstat(fd, &ours) == 0 && stat("/dev/null", &null) == 0 && ours.st_rdev == null.st_rdev;
}

/* argument: which of 0, 1, 2 are closed before, as bits. */
static int open_standard(void *argument)
{
	const unsigned *closed = argument;
	int ends[2];
	struct stat before;
	struct stat after;
	if (pipe(ends) < 0 || fstat(ends[0], &before) < 0)
		return 1;
	int next = fcntl(ends[0], F_DUPFD, 3);
	if (next < 0 || close(next) < 0)
		return 1;
	for (int fd = 0; fd < 3; fd++) {
		if ((*closed >> fd & 1) != 0 ? close(fd) < 0 : dup2(ends[0], fd) < 0)
			return 2;
	}
	if (ks_process_open_standard() < 0)
		return 3;
	for (int fd = 0; fd < 3; fd++) {
		if ((*closed >> fd & 1) != 0 && (!is_null(fd) || fcntl(fd, F_GETFD) != 0))
			return 4;
		if ((*closed >> fd & 1) == 0 && (fstat(fd, &after) < 0 || after.st_ino != before.st_ino))
			return 5;
	}
	/* Nothing else was left open. */
	return fcntl(0, F_DUPFD, 3) == next ? 0 : 6;
}

static void test_process_open_standard_fills_what_is_closed_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned closed = 0; closed < 8; closed++)
		assert_int_equal(child_run(open_standard, &closed), 0);
}

static int raise_files(void *argument)
{
	const struct rlimit low = { .rlim_cur = 50, .rlim_max = 200 };
	struct rlimit files;
	(void)argument;
	if (setrlimit(RLIMIT_NOFILE, &low) < 0)
		return 1;
	if (ks_process_raise_files(10) != 50) /* never lowered */
		return 2;
	if (ks_process_raise_files(100) != 100)
		return 3;
	if (ks_process_raise_files(100000) != 200)
		return 4;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur != 200 || files.rlim_max != 200)
		return 5;
	return 0;
}

static void test_process_raises_files_to_what_is_wanted_and_allowed(void **state)
{
	(void)state;
	assert_int_equal(child_run(raise_files, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_process_hardened_is_undumpable_without_core_or_new_privileges),
		cmocka_unit_test(test_process_tells_that_the_parent_is_gone_already),
		cmocka_unit_test(test_process_dies_with_its_parent),
		cmocka_unit_test(test_process_close_from_spares_what_is_below),
		cmocka_unit_test(test_process_close_from_works_without_close_range),
		cmocka_unit_test(test_process_open_standard_fills_what_is_closed_and_nothing_else),
		cmocka_unit_test(test_process_raises_files_to_what_is_wanted_and_allowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
