/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay-probe.so: a PKCS#11 module that tries to get out of its process before it becomes SoftHSM.
 *
 * For fault B12. Each try is a line "probe WAY open" or "probe WAY shut" of its output, which is the agent's log. What it
 * tries at is named by $KEYSTAY_PROBE_SECRET (a file of the user's), $KEYSTAY_PROBE_CONFIG (a file that configures the
 * agent) and $KEYSTAY_PROBE_PORT (where somebody listens).
 *
 * Runs in: keystay-token, of tests.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <p11-kit/pkcs11.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

static bool opens(const char *variable, int flags)
{
	const char *path = getenv(variable);
	int fd = path ? open(path, flags | O_CLOEXEC) : -1;

	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

static bool reads_secret(void)
{
	return opens("KEYSTAY_PROBE_SECRET", O_RDONLY);
}

static bool writes_configuration(void)
{
	return opens("KEYSTAY_PROBE_CONFIG", O_WRONLY | O_APPEND);
}

static bool lists_home(void)
{
	return opens("HOME", O_RDONLY | O_DIRECTORY);
}

static bool makes_file(void)
{
	char path[] = "/tmp/keystay-probe-XXXXXX";
	int fd = mkstemp(path);

	if (fd >= 0) {
		(void)close(fd);
		(void)unlink(path);
	}
	return fd >= 0;
}

static bool connects(void)
{
	const char *port = getenv("KEYSTAY_PROBE_PORT");
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)(port ? strtoul(port, NULL, 10) : 0));
	bool good = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return good;
}

/* Somewhere in it: an address where nothing is says as well that it may be tried. */
static bool reads_agent(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)4096, 1 };

	return process_vm_readv(getppid(), &here, 1, &there, 1, 0) == 1 || errno == EFAULT;
}

static bool signals_agent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool signals_itself(void)
{
	return kill(getpid(), 0) == 0;
}

/* In a child, so that nothing of it stays. */
static bool in_a_child(bool (*way)(void))
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(way() ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static pid_t agent;

/* Until the end of that child, which lets go of it. */
static bool seize_agent(void)
{
	return ptrace(PTRACE_SEIZE, agent, NULL, NULL) == 0;
}

static bool traces_agent(void)
{
	agent = getppid();
	return in_a_child(seize_agent);
}

static bool become_a_program(void)
{
	char name[] = "true";
	char *argv[] = { name, NULL };

	(void)execv("/bin/true", argv);
	return false;
}

static bool runs_a_program(void)
{
	return in_a_child(become_a_program);
}

static bool leave_by_unshare(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool makes_a_namespace(void)
{
	return in_a_child(leave_by_unshare);
}

static bool clones_a_namespace(void)
{
	long child = syscall(SYS_clone, (unsigned long)CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(0);
	return child > 0 && waitpid((pid_t)child, NULL, 0) == child;
}

/* Calls that say by another error than EPERM that they can be had. */
static bool has_call(long number)
{
	return syscall(number, -1, NULL, 0, 0, 0, 0) >= 0 || errno != EPERM;
}

static bool has_io_uring(void)
{
	return has_call(SYS_io_uring_setup);
}

static bool has_bpf(void)
{
	return has_call(SYS_bpf);
}

static bool has_keyrings(void)
{
	return has_call(SYS_keyctl);
}

__attribute__((constructor)) static void try_everything(void)
{
	static const struct {
		const char *name;
		bool (*way)(void);
	} ways[] = {
		{ "read-a-secret", reads_secret },
		{ "list-home", lists_home },
		{ "write-configuration", writes_configuration },
		{ "make-a-file", makes_file },
		{ "connect", connects },
		{ "run-a-program", runs_a_program },
		{ "signal-the-agent", signals_agent },
		{ "trace-the-agent", traces_agent },
		{ "read-the-agent", reads_agent },
		{ "unshare", makes_a_namespace },
		{ "clone", clones_a_namespace },
		{ "io-uring", has_io_uring },
		{ "bpf", has_bpf },
		{ "keyrings", has_keyrings },
		{ "signal-itself", signals_itself },
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		(void)printf("probe %s %s\n", ways[i].name, ways[i].way() ? "open" : "shut");
	(void)fflush(stdout);
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
	CK_RV (*real)(CK_FUNCTION_LIST_PTR_PTR);
	void *module = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);
	void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;

	if (!symbol)
		return CKR_GENERAL_ERROR;
	memcpy(&real, &symbol, sizeof(real));
	return real(list);
}
