/* SPDX-License-Identifier: Apache-2.0 */
/* system_bus: see system_bus.h. Runs in: tests. */
#include "tests/unit/agent/system_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/text.h"

#define DBUS_DAEMON "/usr/bin/dbus-daemon"
#define PATIENCE_US 20000000ull

static const char configuration[] =
	"<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	" \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	"<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
	"<policy context=\"default\"><allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/>\n"
	"</policy></busconfig>\n";

/* Starts a program that ends with us. What it writes to standard output is read from *ret_out. quiet: dbus-daemon, when
 * it is root in a container, always says that it could not raise its limit of descriptors. */
static pid_t start(char *const argv[], bool quiet, int *ret_in, int *ret_out)
{
	int in[2];
	int out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		if (quiet)
			(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	*ret_in = in[1];
	*ret_out = out[0];
	return pid;
}

static void end(pid_t *pid)
{
	if (*pid > 0) {
		(void)kill(*pid, SIGTERM);
		(void)waitpid(*pid, NULL, 0);
	}
	*pid = 0;
}

bool system_bus_is_installed(void)
{
	return access(DBUS_DAEMON, X_OK) == 0;
}

void system_bus_start(struct system_bus *bus)
{
	char path[128];
	char option[160];
	char address[256] = "";
	char program[] = DBUS_DAEMON;
	char options[][24] = { "--nofork", "--nopidfile", "--nosyslog", "--print-address=1" };
	char *argv[] = { program, option, options[0], options[1], options[2], options[3], NULL };
	int in;
	int out;

	(void)ks_text_print(bus->folder, sizeof(bus->folder), "/tmp/keystay-bus-XXXXXX");
	assert_non_null(mkdtemp(bus->folder));
	(void)ks_text_print(path, sizeof(path), "%s/bus.conf", bus->folder);
	(void)ks_text_print(option, sizeof(option), "--config-file=%s", path);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fprintf(file, configuration, bus->folder) > 0);
	assert_int_equal(fclose(file), 0);
	bus->daemon = start(argv, true, &in, &out);
	(void)close(in);
	assert_true(read(out, address, sizeof(address) - 1) > 0); /* it listens now */
	(void)close(out);
	address[strcspn(address, "\n")] = '\0';
	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
}

void system_bus_stop(struct system_bus *bus)
{
	char path[128];

	end(&bus->daemon);
	if (!bus->folder[0])
		return;
	(void)ks_text_print(path, sizeof(path), "%s/bus.conf", bus->folder);
	(void)unlink(path);
	(void)ks_text_print(path, sizeof(path), "%s/bus", bus->folder);
	(void)unlink(path);
	(void)rmdir(bus->folder);
	bus->folder[0] = '\0';
}

static int on_output(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)revents;
	struct fake_logind *fake = userdata;
	ssize_t n = read(fd, fake->said + fake->size, sizeof(fake->said) - 1 - fake->size);

	fake->ended = n <= 0;
	if (fake->ended)
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	fake->size += (size_t)n;
	fake->said[fake->size] = '\0';
	return 0;
}

void fake_logind_start(struct fake_logind *fake, sd_event *event)
{
	char program[] = FAKE_LOGIND;
	char ours[32];
	char others[32];
	char *argv[] = { program, ours, others, NULL };
	int out;

	(void)ks_text_print(ours, sizeof(ours), "c1=%u", (unsigned)geteuid());
	(void)ks_text_print(others, sizeof(others), "c2=%u", (unsigned)geteuid() + 1);
	*fake = (struct fake_logind){ .event = event };
	fake->pid = start(argv, false, &fake->in, &out);
	assert_true(sd_event_add_io(event, &fake->source, out, EPOLLIN, on_output, fake) >= 0);
	assert_true(sd_event_source_set_io_fd_own(fake->source, 1) >= 0);
	fake_logind_wait(fake, "ready", 1);
}

void fake_logind_stop(struct fake_logind *fake)
{
	if (fake->pid > 0)
		(void)close(fake->in);
	end(&fake->pid);
	fake->source = sd_event_source_disable_unref(fake->source);
}

void fake_logind_do(struct fake_logind *fake, const char *line)
{
	unsigned n = fake_logind_count(fake, "done");

	assert_true(dprintf(fake->in, "%s\n", line) > 0);
	fake_logind_wait(fake, "done", n + 1);
}

unsigned fake_logind_count(const struct fake_logind *fake, const char *line)
{
	size_t size = strlen(line);
	unsigned n = 0;

	for (const char *at = fake->said; *at; at += strcspn(at, "\n") + 1)
		n += strncmp(at, line, size) == 0 && at[size] == '\n';
	return n;
}

void fake_logind_wait(struct fake_logind *fake, const char *line, unsigned n)
{
	while (fake_logind_count(fake, line) < n) {
		assert_false(fake->ended);
		assert_true(sd_event_run(fake->event, PATIENCE_US) > 0);
	}
}
