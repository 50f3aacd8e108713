/* SPDX-License-Identifier: Apache-2.0 */
/* hook: see hook.h. Runs in: keystay-enroll. */
#include "enrol/hook.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/process.h"
#include "lib/base/text.h"

#define WORDS_MAX 64

extern char **environ;

struct hook {
	char *words; /* owned; argv points into it */
	char *argv[WORDS_MAX + 1];
	char *key, *certificate; /* owned: "NAME=VALUE" */
	char **envp;             /* owned; the rest borrowed from environ */
};

static void hook_deinit(struct hook *hook)
{
	free(hook->words);
	free(hook->key);
	free(hook->certificate);
	free(hook->envp);
}

static int split(struct hook *hook, const char *command)
{
	char *rest = NULL;
	size_t n = 0;

	hook->words = ks_text_copy(ks_bytes_text(command));
	if (!hook->words)
		return KS_ERR_NO_MEMORY;
	for (char *word = strtok_r(hook->words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest)) {
		if (n == WORDS_MAX)
			return KS_ERR_LIMIT;
		hook->argv[n++] = word;
	}
	return n > 0 ? 0 : KS_ERR_INVALID;
}

static bool is_ours(const char *variable)
{
	return strncmp(variable, "KEYSTAY_KEY=", strlen("KEYSTAY_KEY=")) == 0 ||
	       strncmp(variable, "KEYSTAY_CERTIFICATE=", strlen("KEYSTAY_CERTIFICATE=")) == 0;
}

static int set_environment(struct hook *hook, const char *key, const char *certificate)
{
	size_t n = 0;
	size_t used = 0;

	while (environ[n])
		n++;
	hook->key = ks_text_format("KEYSTAY_KEY=%s", key);
	hook->certificate = ks_text_format("KEYSTAY_CERTIFICATE=%s", certificate);
	hook->envp = calloc(n + 3, sizeof(char *));
	if (!hook->key || !hook->certificate || !hook->envp)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		if (!is_ours(environ[i]))
			hook->envp[used++] = environ[i];
	}
	hook->envp[used++] = hook->key;
	hook->envp[used] = hook->certificate;
	return 0;
}

/* By $PATH, as people write commands; none with '/' in it is looked for. */
static char *find_program(const char *word)
{
	const char *path = getenv("PATH");
	KS_AUTO_FREE char *folders = ks_text_copy(ks_bytes_text(path ? path : "/usr/bin:/bin"));
	char *rest = NULL;

	if (strchr(word, '/'))
		return ks_text_copy(ks_bytes_text(word));
	for (char *folder = folders ? strtok_r(folders, ":", &rest) : NULL; folder;
	     folder = strtok_r(NULL, ":", &rest)) {
		KS_AUTO_FREE char *file = ks_text_format("%s/%s", folder, word);
		if (file && folder[0] == '/' && access(file, X_OK) == 0)
			return KS_STEAL(file);
	}
	return NULL;
}

static int start(const struct hook *hook, const char *program, pid_t *ret_pid, int *ret_pidfd)
{
	const struct ks_process_fd fds[] = { { STDERR_FILENO, STDOUT_FILENO }, { STDERR_FILENO, STDERR_FILENO } };
	const struct ks_process_spec spec = {
		.path = program, .argv = hook->argv, .envp = hook->envp, .fds = fds, .n_fds = 2
	};

	return ks_process_spawn(&spec, ret_pid, ret_pidfd);
}

/* The status of waitpid(), or TIMEOUT when it had to be killed. It leads a session, so its group goes with it. */
static int wait_for(pid_t pid, int pidfd, uint64_t timeout_ms, int *ret_status)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + timeout_ms;
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&end, 1, ks_clock_left_ms(deadline_ms));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return KS_ERR_SYSTEM;
	}
	return n > 0 ? 0 : KS_ERR_TIMEOUT;
}

static int say(int r, int status, const char *shown, uint64_t timeout_ms, struct ks_enrol_problem *problem)
{
	static const char stays[] = "the new certificate stays installed";

	if (r == KS_ERR_TIMEOUT)
		return ks_enrol_problem_set(problem, r,
					    "deploy-hook \"%s\" did not end within %llu s and was killed; %s", shown,
					    (unsigned long long)(timeout_ms / 1000), stays);
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "deploy-hook \"%s\" cannot be run: %s; %s", shown,
					    ks_error_text(r), stays);
	if (WIFSIGNALED(status))
		return ks_enrol_problem_set(problem, KS_ERR_SYSTEM, "deploy-hook \"%s\" was killed by signal %d; %s",
					    shown, WTERMSIG(status), stays);
	if (WEXITSTATUS(status) != 0)
		return ks_enrol_problem_set(problem, KS_ERR_SYSTEM, "deploy-hook \"%s\" failed with exit code %d; %s",
					    shown, WEXITSTATUS(status), stays);
	return 0;
}

int ks_hook_run(const char *command, const char *key, const char *certificate, uint64_t timeout_ms,
		struct ks_enrol_problem *problem)
{
	KS_CLEANUP(hook_deinit) struct hook hook = { .words = NULL };
	KS_AUTO_FREE char *program = NULL;
	KS_AUTO_CLOSE int pidfd = -1;
	char shown[256];
	int status = 0;
	pid_t pid = -1;

	ks_text_escape(ks_bytes_text(command), shown, sizeof(shown));
	int r = split(&hook, command);
	if (r == 0)
		r = set_environment(&hook, key, certificate);
	if (r == 0) {
		program = find_program(hook.argv[0]);
		r = program ? start(&hook, program, &pid, &pidfd) : KS_ERR_NOT_FOUND;
	}
	if (r == 0)
		r = wait_for(pid, pidfd, timeout_ms, &status);
	return say(r, status, shown, timeout_ms, problem);
}
