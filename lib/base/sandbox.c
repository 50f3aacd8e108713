/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox: see sandbox.h. By libseccomp, and Landlock by its bare system calls: glibc has no names for them.
 *
 * What is not named fails with EPERM and kills nobody: a libc of tomorrow may try a call that is new and live without
 * it, and a process that was taken over gains nothing by being told.
 *
 * Runs in: keystay-prove and its children.
 */
#include "lib/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

/* A program of the packet filter's, as the kernel takes it (seccomp(2)). linux/filter.h names the same. */
#define INSTRUCTION_SIZE 8u
#define INSTRUCTIONS_MAX 4096u

struct program {
	unsigned short n;
	void *instructions;
};

struct ks_sandbox_filter {
	struct program program;
};

bool ks_sandbox_is_built(void)
{
	return true;
}

/* --- which calls ------------------------------------------------------------------------------------------------- */

/* SCMP_SYS() knows those of all machines; one that this machine lacks is a negative number and is passed over. */
#define CALL(name) SCMP_SYS(name)

static const int alone[] = {
	CALL(read),         CALL(readv),          CALL(write),         CALL(writev),
	CALL(recvfrom),     CALL(sendto),         CALL(close),         CALL(brk),
	CALL(munmap),       CALL(mremap),         CALL(madvise),       CALL(futex),
	CALL(futex_time64), CALL(getrandom),      CALL(clock_gettime), CALL(clock_gettime64),
	CALL(gettimeofday), CALL(time),           CALL(getpid),        CALL(gettid),
	CALL(rt_sigreturn), CALL(rt_sigprocmask), CALL(sigaltstack),   CALL(restart_syscall),
	CALL(sched_yield),  CALL(exit),           CALL(exit_group),
};

static const int parent[] = {
	CALL(poll),    CALL(ppoll),   CALL(ppoll_time64), CALL(wait4),       CALL(waitid),
	CALL(getppid), CALL(dup2),    CALL(dup3),         CALL(close_range), CALL(set_robust_list),
	CALL(rseq),    CALL(seccomp), CALL(rt_sigaction),
};

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (calls[i] >= 0 && seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) < 0)
			return -1;
	}
	return 0;
}

/* Only where the argument of that number, masked, is value. */
static int allow_where(scmp_filter_ctx filter, int call, struct scmp_arg_cmp argument)
{
	return call < 0 ? 0 : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &argument);
}

/* Memory that can be run as code is none that was written. */
static int allow_memory(scmp_filter_ctx filter)
{
	static const int calls[] = { CALL(mmap), CALL(mmap2), CALL(mprotect) };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (allow_where(filter, calls[i], SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) < 0)
			return -1;
	}
	return 0;
}

/* fork(2) of libc, and nothing like it: no thread, no namespace, no parent that another one is. clone3(2) has its flags
 * in memory, where no filter sees them: libc takes clone(2) when it hears that there is none. */
static int allow_children(scmp_filter_ctx filter)
{
	const unsigned long flags = CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | SIGCHLD;
#if defined(__s390__)
	struct scmp_arg_cmp is_fork = SCMP_A1(SCMP_CMP_EQ, flags, 0);
#else
	struct scmp_arg_cmp is_fork = SCMP_A0(SCMP_CMP_EQ, flags, 0);
#endif

	if (allow_where(filter, CALL(clone), is_fork) < 0 ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0) < 0 ||
	    allow_where(filter, CALL(kill), SCMP_A1(SCMP_CMP_EQ, SIGKILL, 0)) < 0 ||
	    allow_where(filter, CALL(socketpair), SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0)) < 0 ||
	    allow_where(filter, CALL(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0, 0)) < 0 || /* of itself */
	    allow_where(filter, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0)) < 0 ||
	    allow_where(filter, CALL(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0)) < 0)
		return -1;
	return allow_all(filter, parent, sizeof(parent) / sizeof(parent[0]));
}

static int allow(scmp_filter_ctx filter, enum ks_sandbox_kind kind)
{
	if (allow_all(filter, alone, sizeof(alone) / sizeof(alone[0])) < 0 || allow_memory(filter) < 0)
		return -1;
	return kind == KS_SANDBOX_PARENT ? allow_children(filter) : 0;
}

/* --- the filter -------------------------------------------------------------------------------------------------- */

/* libseccomp gives it to a descriptor. */
static int export(scmp_filter_ctx context, struct program *program)
{
	KS_AUTO_CLOSE int fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0 || seccomp_export_bpf(context, fd) < 0)
		return KS_ERR_UNSUPPORTED;
	off_t size = lseek(fd, 0, SEEK_END);
	if (size <= 0 || size % INSTRUCTION_SIZE != 0 || size / INSTRUCTION_SIZE > INSTRUCTIONS_MAX)
		return KS_ERR_UNSUPPORTED;
	program->instructions = malloc((size_t)size);
	if (!program->instructions)
		return KS_ERR_NO_MEMORY;
	program->n = (unsigned short)(size / INSTRUCTION_SIZE);
	return pread(fd, program->instructions, (size_t)size, 0) == size ? 0 : KS_ERR_SYSTEM;
}

void ks_sandbox_free(struct ks_sandbox_filter *filter)
{
	if (filter)
		free(filter->program.instructions);
	free(filter);
}

int ks_sandbox_make(enum ks_sandbox_kind kind, struct ks_sandbox_filter **ret_filter)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	struct ks_sandbox_filter *filter = calloc(1, sizeof(*filter));
	int r = KS_ERR_NO_MEMORY;

	if (context && filter)
		r = allow(context, kind) < 0 ? KS_ERR_UNSUPPORTED : export(context, &filter->program);
	if (context)
		seccomp_release(context);
	if (r < 0) {
		ks_sandbox_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}

int ks_sandbox_enter(const struct ks_sandbox_filter *filter)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter->program) < 0)
		return KS_ERR_UNSUPPORTED;
	return 0;
}

/* --- Landlock ---------------------------------------------------------------------------------------------------- */

/* Of struct landlock_ruleset_attr as far as any kernel has it; the header of the machine that builds may be older. */
struct ruleset {
	uint64_t files;  /* version 1 */
	uint64_t net;    /* version 4 */
	uint64_t scoped; /* version 6 */
};

/* What each version knows: all of it is taken away. */
static struct ruleset everything_of(int version)
{
	static const unsigned file_rights[] = { 0, 13, 14, 15, 15 }; /* how many bits, up to version 4 */
	struct ruleset rules = { 0 };

	rules.files = (1ull << (version >= 5 ? 16 : file_rights[version])) - 1; /* 5: ioctl of devices */
	if (version >= 4)
		rules.net = 3; /* bind and connect of TCP */
	if (version >= 6)
		rules.scoped = 3; /* abstract sockets of others, signals to others */
	return rules;
}

int ks_sandbox_leave_files(int *ret_version)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	*ret_version = version > 0 ? (int)version : 0;
	if (*ret_version == 0)
		return 0;
	struct ruleset rules = everything_of(*ret_version);
	size_t size = *ret_version >= 6 ? sizeof(rules) : *ret_version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
	KS_AUTO_CLOSE int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return KS_ERR_UNSUPPORTED;
	return 0;
}

/* --- limits ------------------------------------------------------------------------------------------------------ */

static int set_limit(__rlimit_resource_t resource, uint64_t value)
{
	const struct rlimit limit = { .rlim_cur = value, .rlim_max = value };

	return setrlimit(resource, &limit) < 0 ? KS_ERR_SYSTEM : 0;
}

/* Pages of data that this process has: the sixth number of /proc/self/statm (proc(5)). A sanitizer's shadow counts too. */
static int read_data_size(uint64_t *ret_size)
{
	char text[128];
	KS_AUTO_CLOSE int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return KS_ERR_SYSTEM;
	text[n] = '\0';
	char *at = text;
	uint64_t pages = 0;
	for (int column = 0; column < 6; column++)
		pages = strtoull(at, &at, 10);
	*ret_size = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

int ks_sandbox_limit(const struct ks_sandbox_limits *limits)
{
	uint64_t data = 0;
	int r = 0;

	if (limits->memory > 0) {
		r = read_data_size(&data);
		if (r == 0)
			r = set_limit(RLIMIT_DATA, data + limits->memory);
	}
	if (r == 0 && limits->cpu_s > 0)
		r = set_limit(RLIMIT_CPU, limits->cpu_s);
	if (r == 0 && limits->no_files)
		r = set_limit(RLIMIT_FSIZE, 0);
	if (r == 0 && limits->no_files)
		r = set_limit(RLIMIT_NOFILE, 0);
	return r;
}
