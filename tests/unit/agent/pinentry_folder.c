/* SPDX-License-Identifier: Apache-2.0 */
/* pinentry_folder: see pinentry_folder.h. Runs in: unit tests. */
#include "tests/unit/agent/pinentry_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/secret.h"

#define MASK 0xa5u
#define PATIENCE 200 /* looks, 10 ms apart, for the end of processes that were killed */

static unsigned count_fds(void)
{
	unsigned n = 0;
	DIR *folder = opendir("/proc/self/fd");

	assert_non_null(folder);
	while (readdir(folder))
		n++;
	(void)closedir(folder);
	return n;
}

static void name_of(const struct pinentry_folder *folder, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s/%s", folder->path, name);
}

void pinentry_folder_make(struct pinentry_folder *folder)
{
	static const char *const places[] = { "WAYLAND_DISPLAY", "GPG_TTY", "DBUS_SESSION_BUS_ADDRESS" };
	char name[128];

	folder->n_fds = count_fds();
	(void)snprintf(folder->path, sizeof(folder->path), "/tmp/keystay-test-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	name_of(folder, "release", name, sizeof(name));
	assert_int_equal(mkfifo(name, 0600), 0);
	assert_int_equal(setenv("KEYSTAY_FAKE_PINENTRY", folder->path, 1), 0);
	assert_int_equal(setenv("DISPLAY", ":keystay-test", 1), 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		assert_int_equal(unsetenv(places[i]), 0);
	pinentry_folder_script(folder, "cancel\n");
}

static bool names_folder(const char *pid, const struct pinentry_folder *folder)
{
	char path[64 + 256], content[65536];
	char wanted[128];
	int size = snprintf(wanted, sizeof(wanted), "KEYSTAY_FAKE_PINENTRY=%s", folder->path);

	(void)snprintf(path, sizeof(path), "/proc/%.200s/environ", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, content, sizeof(content));
	(void)close(fd);
	return n > 0 && memmem(content, (size_t)n, wanted, (size_t)size);
}

/* Of others: this process itself has set the variable after it was started. */
static unsigned count_processes(const struct pinentry_folder *folder)
{
	unsigned n = 0;
	DIR *all = opendir("/proc");

	assert_non_null(all);
	for (struct dirent *entry; (entry = readdir(all));)
		n += entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && names_folder(entry->d_name, folder);
	(void)closedir(all);
	return n;
}

void pinentry_folder_remove(struct pinentry_folder *folder)
{
	static const char *const names[] = { "script", "log", "release" };
	const struct timespec pause = { .tv_nsec = 10000000 };
	char name[128];

	/* What was killed together with a process that is gone ends an instant after it; nobody tells. */
	for (int i = 0; i < PATIENCE && count_processes(folder) > 0; i++)
		(void)nanosleep(&pause, NULL);
	assert_int_equal(count_processes(folder), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		name_of(folder, names[i], name, sizeof(name));
		(void)unlink(name);
	}
	assert_int_equal(rmdir(folder->path), 0);
	assert_int_equal(count_fds(), folder->n_fds);
}

static void write_script(const struct pinentry_folder *folder, const char *text, size_t size)
{
	char name[128];

	name_of(folder, "script", name, sizeof(name));
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		abort();
	(void)close(fd);
}

void pinentry_folder_script(const struct pinentry_folder *folder, const char *lines)
{
	write_script(folder, lines, strlen(lines));
}

unsigned pinentry_folder_count(const struct pinentry_folder *folder, const char *line)
{
	char name[128], read_line[4096];
	unsigned n = 0;

	name_of(folder, "log", name, sizeof(name));
	FILE *log = fopen(name, "re");
	if (!log)
		return 0;
	while (fgets(read_line, sizeof(read_line), log))
		n += strncmp(read_line, line, strlen(line)) == 0;
	(void)fclose(log);
	return n;
}

void pinentry_folder_release(const struct pinentry_folder *folder)
{
	char name[128];

	name_of(folder, "release", name, sizeof(name));
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "\n", 1), 1);
	(void)close(fd);
}

/* --- a PIN that stands nowhere ----------------------------------------------------------------------------------- */

void masked_pin_make(struct masked_pin *pin)
{
	assert_int_equal(getrandom(pin->bytes, sizeof(pin->bytes), 0), sizeof(pin->bytes));
	for (size_t i = 0; i < sizeof(pin->bytes); i++)
		pin->bytes[i] = (unsigned char)(('a' + pin->bytes[i] % 26) ^ MASK);
}

void masked_pin_script(const struct masked_pin *pin, const struct pinentry_folder *folder)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char line[4 + sizeof(pin->bytes) + 1] = "pin ";
		for (size_t i = 0; i < sizeof(pin->bytes); i++)
			line[4 + i] = (char)(pin->bytes[i] ^ MASK);
		line[sizeof(line) - 1] = '\n';
		write_script(folder, line, sizeof(line));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

bool masked_pin_is(const struct masked_pin *pin, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	if (size != sizeof(pin->bytes))
		return false;
	for (size_t i = 0; i < size; i++) {
		if ((bytes[i] ^ MASK) != pin->bytes[i])
			return false;
	}
	return true;
}

static unsigned count_in(const struct masked_pin *pin, const unsigned char *start, const unsigned char *end)
{
	unsigned n = 0;

	for (const unsigned char *at = start; at + sizeof(pin->bytes) <= end; at++) {
		if ((at[0] ^ MASK) == pin->bytes[0] && masked_pin_is(pin, at, sizeof(pin->bytes)))
			n++;
	}
	return n;
}

unsigned masked_pin_traces(const struct masked_pin *pin)
{
	const void *arena = NULL;
	size_t arena_size = 0;
	unsigned n = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	ks_secret_arena(&arena, &arena_size);
	while (fgets(line, sizeof(line), maps)) {
		uintptr_t start = 0, end = 0;
		char access[5] = "";
		if (sscanf(line, "%lx-%lx %4s", &start, &end, access) != 3 || strncmp(access, "rw", 2) != 0)
			continue;
		if (start == (uintptr_t)arena)
			continue;
		n += count_in(pin, (const unsigned char *)start, (const unsigned char *)end);
	}
	(void)fclose(maps);
	return n;
}

bool masked_pin_can_search(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return false;
#elif defined(__has_feature)
	return !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
	return true;
#endif
}
