/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of lib/base/sandbox.h: a child locks itself in and tries what is forbidden; each must fail, and what is allowed
 * must not.
 */
#include "lib/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/process.h"
#include "tests/unit/base/child.h"

#define SKIPPED 77

/* A thing to try: true when it was possible. */
struct attempt {
	const char *name;
	bool (*try)(void);
	bool not_everywhere; /* without a sandbox either: in a container */
};

static int pipe_ends[2]; /* open before */
static char probe[64];   /* a file that is not there */

static bool open_file(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool open_old_style(void)
{
#ifdef SYS_open
	return syscall(SYS_open, "/etc/passwd", O_RDONLY, 0) >= 0;
#else
	return false;
#endif
}

static bool write_file(void)
{
	return open(probe, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0;
}

static bool remove_file(void)
{
	return unlink(probe) == 0 || errno == ENOENT;
}

static bool look_at_file(void)
{
	struct stat_like {
		char space[512];
	} space;

	return syscall(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0xfff, &space) == 0;
}

static bool make_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || socket(AF_INET, SOCK_STREAM, 0) >= 0 ||
	       socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool connect_somewhere(void)
{
	const struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };

	return connect(pipe_ends[0], (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == ENOTSOCK;
}

static bool fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return pid > 0;
}

static bool make_namespace(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool run_program(void)
{
	char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };

	(void)execve("/bin/true", argv, envp);
	return false; /* when it was possible nobody comes back here, and the exit code is 0 */
}

static bool trace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool send_signal(void)
{
	return kill(getppid(), 0) == 0;
}

static bool signal_a_thread(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0;
}

static bool run_written_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

static bool make_memory_runnable(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED || mprotect(memory, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool read_memory_of_others(void)
{
	return syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0) >= 0;
}

static bool leave_namespace(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool change_limits_of_others(void)
{
	struct rlimit limit;

	return syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, NULL, &limit) == 0;
}

static bool duplicate_descriptors(void)
{
	return dup2(pipe_ends[0], pipe_ends[1]) >= 0;
}

static bool control_a_device(void)
{
	char byte = 'x';

	return syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI: types into a terminal */, &byte) == 0 || errno == ENOTTY;
}

static const struct attempt forbidden_for_all[] = {
	{ "open a file", open_file, false },
	{ "open a file the old way", open_old_style, false },
	{ "write a file", write_file, false },
	{ "remove a file", remove_file, false },
	{ "look at a file", look_at_file, false },
	{ "make a socket", make_socket, false },
	{ "connect", connect_somewhere, false },
	{ "make a namespace", make_namespace, .not_everywhere = true },
	{ "run a program", run_program, false },
	{ "be traced", trace, false },
	{ "send a signal", send_signal, false },
	{ "send a signal to a thread", signal_a_thread, false },
	{ "have memory that is written and run", run_written_memory, false },
	{ "make memory runnable", make_memory_runnable, false },
	{ "read the memory of others", read_memory_of_others, false },
	{ "leave its namespace", leave_namespace, .not_everywhere = true },
	{ "change limits of others", change_limits_of_others, false },
	{ "control a device", control_a_device, false },
};

static const struct attempt forbidden_for_one_alone[] = {
	{ "fork", fork_child, false },
	{ "duplicate descriptors", duplicate_descriptors, false },
};

/* 0: all were impossible. */
static int try_all(const struct attempt *attempts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!attempts[i].try())
			continue;
		(void)dprintf(STDERR_FILENO, "it was possible to %s\n", attempts[i].name);
		return (int)i + 10;
	}
	return 1; /* not what a program says that was run */
}

#define TRY_ALL(attempts) try_all(attempts, sizeof(attempts) / sizeof((attempts)[0]))

static int try_one(void *argument)
{
	const struct attempt *attempt = argument;

	return pipe(pipe_ends) == 0 && attempt->try() ? 0 : 1;
}

/* What shows nothing without a sandbox shows nothing in one. */
static void expect_possible(const struct attempt *attempts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct attempt attempt = attempts[i];
		if (!attempt.not_everywhere && child_run(try_one, &attempt) != 0)
			fail_msg("without a sandbox it was not possible to %s", attempt.name);
	}
}

static void test_sandbox_probes_find_all_possible_without_one(void **state)
{
	(void)state;
	expect_possible(forbidden_for_all, sizeof(forbidden_for_all) / sizeof(forbidden_for_all[0]));
	expect_possible(forbidden_for_one_alone, sizeof(forbidden_for_one_alone) / sizeof(forbidden_for_one_alone[0]));
	(void)unlink(probe);
}

/* What work needs: memory, clock, chance, open descriptors. */
static bool can_work(void)
{
	struct timespec now;
	char byte = 0;
	uint64_t chance = 0;

	for (size_t size = 16; size < (size_t)8 << 20; size *= 4) {
		void *memory = malloc(size);
		if (!memory)
			return false;
		memset(memory, 1, size);
		free(memory);
	}
	return write(pipe_ends[1], "x", 1) == 1 && read(pipe_ends[0], &byte, 1) == 1 && byte == 'x' &&
	       syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0 &&
	       syscall(SYS_getrandom, &chance, sizeof(chance), 0) == (long)sizeof(chance);
}

static int enter(enum ks_sandbox_kind kind)
{
	struct ks_sandbox_filter *filter = NULL;

	if (pipe(pipe_ends) < 0 || ks_sandbox_make(kind, &filter) < 0 || ks_sandbox_enter(filter) < 0)
		return 2;
	ks_sandbox_free(filter);
	return 0;
}

static int be_alone(void *argument)
{
	(void)argument;
	if (enter(KS_SANDBOX_ALONE) != 0 || !can_work())
		return 2;
	int r = TRY_ALL(forbidden_for_all);
	return r == 1 ? TRY_ALL(forbidden_for_one_alone) : r;
}

static void test_sandbox_alone_forbids_all_but_work(void **state)
{
	(void)state;
	if (!ks_sandbox_is_built())
		skip();
	assert_int_equal(child_run(be_alone, NULL), 1);
}

/* A child of the parent's kind has its parent's filter and puts its own on top. */
static int be_parent(void *argument)
{
	struct ks_sandbox_filter *alone = NULL;
	int pair[2], status = 0;

	(void)argument;
	if (ks_sandbox_make(KS_SANDBOX_ALONE, &alone) < 0 || enter(KS_SANDBOX_PARENT) != 0 || !can_work())
		return 2;
	struct pollfd nothing = { .fd = -1 };
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || poll(&nothing, 1, 0) < 0)
		return 3;
	pid_t pid = fork();
	if (pid == 0) {
		const struct ks_sandbox_limits limits = { .cpu_s = 1, .no_files = true };
		bool good = ks_process_die_with_parent(getppid()) == 0 && ks_sandbox_limit(&limits) == 0 &&
			    ks_sandbox_enter(alone) == 0 && can_work();
		_exit(good ? TRY_ALL(forbidden_for_one_alone) : 4);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 1)
		return 5;
	return TRY_ALL(forbidden_for_all);
}

static void test_sandbox_parent_has_children_and_nothing_more(void **state)
{
	(void)state;
	if (!ks_sandbox_is_built())
		skip();
	assert_int_equal(child_run(be_parent, NULL), 1);
}

/* Landlock without seccomp: what was open stays, nothing else can be opened. */
static int leave_files(void *argument)
{
	int version = 0;
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	char byte;

	(void)argument;
	if (ks_sandbox_leave_files(&version) < 0)
		return 2;
	if (version == 0)
		return SKIPPED;
	if (open_file() || errno != EACCES)
		return 3;
	if (open(probe, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
		return 4;
	if (open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0)
		return 5;
	char name[] = "true", *argv[] = { name, NULL }, *envp[] = { NULL };
	(void)execve("/bin/true", argv, envp);
	if (read(fd, &byte, 1) != 1)
		return 6;
	if (version >= 6 && kill(1, 0) == 0)
		return 7;
	return 1;
}

static void test_sandbox_leaves_all_files(void **state)
{
	(void)state;
	int code = child_run(leave_files, NULL);
	if (code == SKIPPED) {
		print_message("this kernel has no Landlock\n");
		skip();
	}
	if (!ks_sandbox_is_built())
		skip();
	assert_int_equal(code, 1);
}

/* A kernel without Landlock is no error: seccomp holds alone. */
static int leave_files_on_an_old_kernel(void *argument)
{
	int version = -1;

	(void)argument;
	if (child_forget_call(SYS_landlock_create_ruleset) < 0)
		return 9;
	return ks_sandbox_leave_files(&version) == 0 && version == 0 ? 1 : 2;
}

static void test_sandbox_lives_without_landlock(void **state)
{
	(void)state;
	assert_int_equal(child_run(leave_files_on_an_old_kernel, NULL), 1);
}

/* Half a sandbox is none. */
static int enter_without_seccomp(void *argument)
{
	struct ks_sandbox_filter *filter = NULL;

	(void)argument;
	if (ks_sandbox_make(KS_SANDBOX_ALONE, &filter) < 0 || child_forget_call(SYS_seccomp) < 0)
		return 9;
	return ks_sandbox_enter(filter) == KS_ERR_UNSUPPORTED ? 1 : 2;
}

static void test_sandbox_that_cannot_be_had_is_an_error(void **state)
{
	(void)state;
	if (!ks_sandbox_is_built())
		skip();
	assert_int_equal(child_run(enter_without_seccomp, NULL), 1);
}

static int have_limits(void *argument)
{
	const struct ks_sandbox_limits limits = { .memory = (uint64_t)32 << 20, .cpu_s = 1, .no_files = true };
	struct rlimit limit;

	(void)argument;
	if (ks_sandbox_limit(&limits) < 0)
		return 2;
	void *much = mmap(NULL, (size_t)64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (much != MAP_FAILED)
		return 3;
	void *little = mmap(NULL, (size_t)1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (little == MAP_FAILED)
		return 4;
	if (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 || errno != EMFILE)
		return 5;
	if (getrlimit(RLIMIT_CPU, &limit) < 0 || limit.rlim_max != 1)
		return 6;
	if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_max != 0)
		return 7;
	return 1;
}

static void test_sandbox_limits_memory_time_and_files(void **state)
{
	(void)state;
	if (!ks_sandbox_is_built())
		skip();
	assert_int_equal(child_run(have_limits, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sandbox_probes_find_all_possible_without_one),
		cmocka_unit_test(test_sandbox_alone_forbids_all_but_work),
		cmocka_unit_test(test_sandbox_parent_has_children_and_nothing_more),
		cmocka_unit_test(test_sandbox_leaves_all_files),
		cmocka_unit_test(test_sandbox_lives_without_landlock),
		cmocka_unit_test(test_sandbox_that_cannot_be_had_is_an_error),
		cmocka_unit_test(test_sandbox_limits_memory_time_and_files),
	};

	(void)snprintf(probe, sizeof(probe), "/tmp/keystay-sandbox-probe-%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
