/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine_calls: the system calls that a module does not get, by seccomp.
 *
 * A list of what is refused and not of what is allowed: vendors' modules have threads, daemons, shared memory and calls of
 * their own that no list would know. Written as instructions of the packet filter (seccomp(2)) rather than by
 * libseccomp, which would be one library more in the process that holds a PIN.
 *
 * Runs in: keystay-token.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "pkcs11/confine.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#define OTHER_NUMBERS 0x40000000u /* x32: the same calls by other numbers */
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0 /* whose numbers nobody has looked at: nothing is taken away, and that is said */
#endif
#ifndef OTHER_NUMBERS
#define OTHER_NUMBERS 0xffffffffu
#endif

/* Younger than the headers of Debian 12, with one number everywhere. */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif

#define LAST_BYTES_OF_ARGUMENT(n) ((uint32_t)(offsetof(struct seccomp_data, args) + (n) * sizeof(uint64_t)))
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define NAMESPACES                                                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const unsigned never[] = {
	/* other processes */
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	SYS_process_madvise,
	SYS_kcmp,
	SYS_pidfd_getfd,
	/* the file system and namespaces */
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	SYS_move_mount,
	SYS_open_tree,
	SYS_fsopen,
	SYS_fsmount,
	SYS_fsconfig,
	SYS_fspick,
	SYS_mount_setattr,
	SYS_unshare,
	SYS_setns,
	SYS_open_by_handle_at,
	SYS_quotactl,
	SYS_acct,
	SYS_swapon,
	SYS_swapoff,
	/* the kernel */
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_io_uring_setup,
	SYS_io_uring_enter,
	SYS_io_uring_register,
	SYS_kexec_load,
	SYS_kexec_file_load,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_reboot,
	SYS_syslog,
	SYS_vhangup,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_sethostname,
	SYS_setdomainname,
	/* other people's keys */
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
#if defined(__x86_64__)
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
#endif
};

/* Of modules that are known, which start no program and speak to no process but by their sockets. */
static const unsigned never_of_the_known[] = {
	SYS_execve, SYS_execveat, SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal,
};

/* --- the filter -------------------------------------------------------------------------------------------------- */

#define INSTRUCTIONS_MAX 256

struct filter {
	struct sock_filter at[INSTRUCTIONS_MAX];
	unsigned short n;
};

static void put(struct filter *filter, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t value)
{
	if (filter->n < INSTRUCTIONS_MAX)
		filter->at[filter->n] = (struct sock_filter){ code, if_true, if_false, value };
	filter->n++;
}

static void load(struct filter *filter, uint32_t offset)
{
	put(filter, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void answer(struct filter *filter, uint32_t value)
{
	put(filter, BPF_RET | BPF_K, 0, 0, value);
}

/* If what is loaded is value, this answer; else what follows. */
static void answer_if(struct filter *filter, uint32_t value, uint32_t what)
{
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
	answer(filter, what);
}

static void refuse_all(struct filter *filter, const unsigned *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		answer_if(filter, calls[i], REFUSE);
}

/* For one call: its argument of that number is looked at by the n instructions that follow, which answer or fall through. */
static void begin_call(struct filter *filter, uint32_t call, unsigned argument, uint8_t n)
{
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(n + 2), call);
	load(filter, LAST_BYTES_OF_ARGUMENT(argument));
}

static void end_call(struct filter *filter)
{
	load(filter, offsetof(struct seccomp_data, nr));
}

/* clone3(2) has its flags in memory, where no filter sees them: libc takes clone(2) when it hears that there is none. */
static void refuse_namespaces(struct filter *filter)
{
	answer_if(filter, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
	begin_call(filter, SYS_clone, 0, 2);
	put(filter, BPF_JMP | BPF_JSET | BPF_K, 0, 1, (uint32_t)NAMESPACES);
	answer(filter, REFUSE);
	end_call(filter);
}

/* Typing into the terminal that the agent may have been started from. */
static void refuse_typing(struct filter *filter)
{
	begin_call(filter, SYS_ioctl, 1, 4);
	answer_if(filter, TIOCSTI, REFUSE);
	answer_if(filter, TIOCLINUX, REFUSE);
	end_call(filter);
}

/* A signal for itself alone: abort(3) sends one. */
static void refuse_signals(struct filter *filter)
{
	static const unsigned calls[] = { SYS_kill, SYS_tgkill };

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		begin_call(filter, calls[i], 0, 2);
		put(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (uint32_t)getpid());
		answer(filter, REFUSE);
		end_call(filter);
	}
}

/* A socket of the kind that pcscd, D-Bus and p11-kit have, and udev's. */
static void refuse_network(struct filter *filter)
{
	begin_call(filter, SYS_socket, 0, 3);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, AF_UNIX);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_NETLINK);
	answer(filter, REFUSE);
	end_call(filter);
}

int ks_confine_calls(enum ks_confine_level level)
{
	struct filter filter = { .n = 0 };

	if (ARCHITECTURE == 0)
		return KS_ERR_UNSUPPORTED;
	load(&filter, offsetof(struct seccomp_data, arch));
	put(&filter, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCHITECTURE);
	answer(&filter, REFUSE);
	load(&filter, offsetof(struct seccomp_data, nr));
	put(&filter, BPF_JMP | BPF_JGE | BPF_K, 0, 1, OTHER_NUMBERS);
	answer(&filter, REFUSE);
	refuse_all(&filter, never, sizeof(never) / sizeof(never[0]));
	refuse_namespaces(&filter);
	refuse_typing(&filter);
	if (level >= KS_CONFINE_FILES) {
		refuse_all(&filter, never_of_the_known, sizeof(never_of_the_known) / sizeof(never_of_the_known[0]));
		refuse_signals(&filter);
	}
	if (level == KS_CONFINE_FILES)
		refuse_network(&filter);
	answer(&filter, SECCOMP_RET_ALLOW);
	if (filter.n > INSTRUCTIONS_MAX)
		return KS_ERR_LIMIT;

	const struct sock_fprog program = { .len = filter.n, .filter = filter.at };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return KS_ERR_UNSUPPORTED;
	return 0;
}
