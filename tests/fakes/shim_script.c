/* SPDX-License-Identifier: Apache-2.0 */
/* shim_script: see shim_script.h. Runs in: keystay-shim.so, inside of keystay-token, for tests only. */
#include "tests/fakes/shim_script.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINES_MAX 256
#define FUNCTIONS_MAX 64
#define WORDS_MAX 4

struct line {
	char text[512];
	char *words[WORDS_MAX]; /* into text; the last one is the rest of the line */
	size_t n_words;
};

struct counter {
	char function[32];
	unsigned long n; /* calls since the script was read */
};

static struct {
	pthread_mutex_t mutex;
	struct stat status; /* of the script that was read */
	struct line lines[LINES_MAX];
	size_t n_lines;
	struct counter counters[FUNCTIONS_MAX];
	size_t n_counters;
} state = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* --- the script -------------------------------------------------------------------------------------------------- */

static bool split(struct line *line)
{
	char *rest = line->text;

	line->n_words = 0;
	rest[strcspn(rest, "\r\n")] = '\0';
	while (line->n_words < WORDS_MAX) {
		rest += strspn(rest, " \t");
		if (*rest == '\0' || *rest == '#')
			break;
		line->words[line->n_words++] = rest;
		if (line->n_words == WORDS_MAX)
			break;
		rest += strcspn(rest, " \t");
		if (*rest != '\0')
			*rest++ = '\0';
	}
	return line->n_words > 0;
}

/* Once more when the file has changed; numbers of calls start from 1 again. With the mutex held. */
static void refresh(void)
{
	const char *path = getenv("KEYSTAY_SHIM_SCRIPT");
	struct stat now;

	if (!path || stat(path, &now) < 0) {
		state.n_lines = 0;
		return;
	}
	if (now.st_ino == state.status.st_ino && now.st_size == state.status.st_size &&
	    now.st_mtim.tv_sec == state.status.st_mtim.tv_sec && now.st_mtim.tv_nsec == state.status.st_mtim.tv_nsec)
		return;
	FILE *file = fopen(path, "re");
	if (!file)
		return;
	state.status = now;
	state.n_lines = 0;
	state.n_counters = 0;
	while (state.n_lines < LINES_MAX && fgets(state.lines[state.n_lines].text, sizeof(state.lines[0].text), file)) {
		if (split(&state.lines[state.n_lines]))
			state.n_lines++;
	}
	(void)fclose(file);
}

bool shim_value(const char *setting, const char *name, char *out, size_t size)
{
	bool found = false;

	(void)pthread_mutex_lock(&state.mutex);
	refresh();
	for (size_t i = 0; i < state.n_lines && !found; i++) {
		const struct line *line = &state.lines[i];
		size_t at = name ? 2 : 1;
		if (line->n_words <= at || strcmp(line->words[0], setting) != 0 ||
		    (name && strcmp(line->words[1], name) != 0))
			continue;
		(void)snprintf(out, size, "%s", line->words[at]);
		found = true;
	}
	(void)pthread_mutex_unlock(&state.mutex);
	return found;
}

bool shim_number(const char *setting, const char *name, CK_ULONG *ret_number)
{
	char text[64];

	if (!shim_value(setting, name, text, sizeof(text)))
		return false;
	*ret_number = strtoul(text, NULL, 0);
	return true;
}

bool shim_has(const char *setting, const char *value)
{
	bool found = false;

	(void)pthread_mutex_lock(&state.mutex);
	refresh();
	for (size_t i = 0; i < state.n_lines && !found; i++) {
		const struct line *line = &state.lines[i];
		found = strcmp(line->words[0], setting) == 0 &&
			(value ? line->n_words > 1 && strcmp(line->words[1], value) == 0 : line->n_words == 1);
	}
	(void)pthread_mutex_unlock(&state.mutex);
	return found;
}

/* --- counting ---------------------------------------------------------------------------------------------------- */

static void append_count(const char *function, const char *detail)
{
	const char *path = getenv("KEYSTAY_SHIM_COUNTS");
	char text[128];

	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	int size = snprintf(text, sizeof(text), "%s%s%s\n", function, detail ? " " : "", detail ? detail : "");
	if (size > 0 && write(fd, text, (size_t)size) != size)
		abort();
	(void)close(fd);
}

/* With the mutex held. */
static unsigned long count(const char *function)
{
	for (size_t i = 0; i < state.n_counters; i++) {
		if (strcmp(state.counters[i].function, function) == 0)
			return ++state.counters[i].n;
	}
	if (state.n_counters == FUNCTIONS_MAX)
		abort();
	struct counter *counter = &state.counters[state.n_counters++];
	(void)snprintf(counter->function, sizeof(counter->function), "%s", function);
	counter->n = 1;
	return 1;
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

static bool is_meant(const struct line *line, const char *function, unsigned long n)
{
	char *end;

	if (line->n_words < 3 || (strcmp(line->words[0], function) != 0 && strcmp(line->words[0], "*") != 0))
		return false;
	if (strcmp(line->words[1], "*") == 0)
		return true;
	unsigned long wanted = strtoul(line->words[1], &end, 10);
	return *end == '+' ? n >= wanted : n == wanted;
}

static void wait_at_gate(const char *path, unsigned long n)
{
	char name[600];
	char byte;

	(void)snprintf(name, sizeof(name), "%s.%lu", path, n);
	int fd = open(name, O_RDONLY | O_CLOEXEC); /* until the test opens it for writing */
	if (fd < 0)
		return;
	while (read(fd, &byte, 1) > 0) /* until the test closes it */
		;
	(void)close(fd);
}

static void print(const char *text)
{
	(void)printf("%s (standard output)\n", text);
	(void)fprintf(stderr, "%s (standard error)\n", text);
}

/* What only the process itself can tell of its walls. */
static void tell_process(void)
{
	const char *openssl = getenv("OPENSSL_CONF");
	int death_signal = 0;

	(void)prctl(PR_GET_PDEATHSIG, &death_signal, 0, 0, 0);
	(void)printf("dumpable=%d death-signal=%d OPENSSL_CONF=%s\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), death_signal,
		     openssl ? openssl : "(unset)");
}

static void leak(unsigned long mib)
{
	volatile char *memory = malloc(mib << 20);

	for (size_t i = 0; memory && i < mib << 20; i += 4096)
		memory[i] = 1;
}

/* A sanitizer would make an exit of it. Another thread may be the one that takes the signal: this one goes no further
 * until then, or it would answer. */
static void crash(void)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)kill(getpid(), SIGSEGV);
	for (;;)
		(void)pause();
}

static void spin(void)
{
	volatile unsigned long turns = 0;

	for (;;)
		turns++;
}

/* The modes that are the same for all functions. Some do not return. */
static struct shim_call act(const char *mode, const char *argument, unsigned long n)
{
	unsigned long number = strtoul(argument, NULL, 0);

	if (strcmp(mode, "rv") == 0)
		return (struct shim_call){ SHIM_RETURN, number };
	if (strcmp(mode, "after-rv") == 0)
		return (struct shim_call){ SHIM_RETURN_AFTER, number };
	if (strcmp(mode, "garbage") == 0)
		return (struct shim_call){ SHIM_GARBAGE, CKR_OK };
	if (strcmp(mode, "wrong") == 0)
		return (struct shim_call){ SHIM_WRONG, CKR_OK };
	if (strcmp(mode, "hang") == 0) {
		for (;;)
			(void)pause();
	}
	if (strcmp(mode, "spin") == 0)
		spin();
	else if (strcmp(mode, "crash") == 0)
		crash();
	else if (strcmp(mode, "abort") == 0)
		abort();
	else if (strcmp(mode, "exit") == 0)
		exit(0);
	else if (strcmp(mode, "delay") == 0)
		(void)poll(NULL, 0, (int)number);
	else if (strcmp(mode, "gate") == 0)
		wait_at_gate(argument, n);
	else if (strcmp(mode, "print") == 0)
		print(argument[0] ? argument : "the shim prints");
	else if (strcmp(mode, "tell-process") == 0)
		tell_process();
	else if (strcmp(mode, "leak") == 0)
		leak(number);
	else
		abort(); /* a test with a mistake in its script must not pass */
	return (struct shim_call){ SHIM_CALL, CKR_OK };
}

static struct shim_call enter(const char *function, const char *detail)
{
	char mode[32] = "", argument[512] = "";

	append_count(function, detail);
	(void)pthread_mutex_lock(&state.mutex);
	refresh();
	unsigned long n = count(function);
	for (size_t i = 0; i < state.n_lines && mode[0] == '\0'; i++) {
		const struct line *line = &state.lines[i];
		if (!is_meant(line, function, n))
			continue;
		(void)snprintf(mode, sizeof(mode), "%s", line->words[2]);
		(void)snprintf(argument, sizeof(argument), "%s", line->n_words > 3 ? line->words[3] : "");
	}
	(void)pthread_mutex_unlock(&state.mutex);
	return mode[0] == '\0' ? (struct shim_call){ SHIM_CALL, CKR_OK } : act(mode, argument, n);
}

/* The lock of a module that has only one. */
static pthread_mutex_t only_lock = PTHREAD_MUTEX_INITIALIZER;

struct shim_call shim_enter(const char *function, const char *detail)
{
	(void)pthread_mutex_lock(&only_lock);
	(void)pthread_mutex_unlock(&only_lock);
	return enter(function, detail);
}

struct shim_call shim_enter_wait(const char *function)
{
	bool blocks = shim_has("wait-blocks", NULL);

	if (blocks)
		(void)pthread_mutex_lock(&only_lock);
	struct shim_call call = enter(function, NULL);
	if (blocks)
		(void)pthread_mutex_unlock(&only_lock);
	return call;
}

CK_RV shim_leave(const struct shim_call *call, CK_RV rv)
{
	return call->act == SHIM_RETURN_AFTER ? call->rv : rv;
}
