/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_logind: as much of org.freedesktop.login1 as keystay-agent listens to, doing what it is told.
 *
 * usage: fake-logind SESSION=UID...     on the bus that DBUS_SYSTEM_BUS_ADDRESS names, which must be a private one
 *
 * Lines on standard input, each of which is answered by "done" when the bus has the signals of it:
 *
 *   lock SESSION, unlock SESSION       the signals Lock and Unlock
 *   hint SESSION                       the property LockedHint becomes true
 *   active SESSION, inactive SESSION   the property Active changes, beside one of another type
 *   forge SESSION                      Lock, but by somebody else on the bus who sends it straight to the client that
 *                                      took the last delay lock
 *   sleep, wake                        PrepareForSleep(true), (false)
 *   inhibitors                         prints "inhibitors N" first
 *
 * It also prints "ready" once, "inhibited WHAT MODE" when a lock is taken and "released" when one is given back. It
 * ends with its standard input. Runs in: tests.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "lib/base/text.h"

#define LOGIND "org.freedesktop.login1"
#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER LOGIND ".Manager"
#define SESSION LOGIND ".Session"

#define N_SESSIONS_MAX 16

struct session {
	char id[32];
	char path[128];
	uint32_t uid;
	uint32_t leader;
	int active;
	int locked_hint;
};

static struct session sessions[N_SESSIONS_MAX];
static size_t n_sessions;
static unsigned n_inhibitors;
static char *last_client;
static sd_event *event;
static sd_bus *bus;

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "fake-logind: %s\n", what);
	exit(1);
}

static void must(int r, const char *what)
{
	if (r < 0) {
		(void)fprintf(stderr, "fake-logind: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static void say(const char *line)
{
	(void)puts(line);
	(void)fflush(stdout);
}

/* --- what can be asked ------------------------------------------------------------------------------------------- */

static int get_user(sd_bus *of, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		    void *userdata, sd_bus_error *error)
{
	(void)of;
	(void)path;
	(void)interface;
	(void)property;
	(void)error;
	const struct session *session = userdata;

	return sd_bus_message_append(reply, "(uo)", session->uid, "/org/freedesktop/login1/user/self");
}

static const sd_bus_vtable session_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("User", "(uo)", get_user, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Active", "b", NULL, offsetof(struct session, active), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("LockedHint", "b", NULL, offsetof(struct session, locked_hint),
			SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Leader", "u", NULL, offsetof(struct session, leader), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_SIGNAL("Lock", "", 0),
	SD_BUS_SIGNAL("Unlock", "", 0),
	SD_BUS_VTABLE_END,
};

static int on_release(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)revents;
	(void)userdata;
	(void)close(fd);
	sd_event_source_disable_unref(source);
	n_inhibitors--;
	say("released");
	return 0;
}

static int on_inhibit(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	const char *what;
	const char *who;
	const char *why;
	const char *mode;
	char line[256];
	int ends[2];
	sd_event_source *source;

	must(sd_bus_message_read(call, "ssss", &what, &who, &why, &mode), "Inhibit");
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		die("no pipe");
	must(sd_event_add_io(event, &source, ends[0], EPOLLIN, on_release, NULL), "watch a lock");
	int r = sd_bus_reply_method_return(call, "h", ends[1]);
	(void)close(ends[1]);
	n_inhibitors++;
	free(last_client);
	last_client = strdup(sd_bus_message_get_sender(call));
	(void)ks_text_print(line, sizeof(line), "inhibited %s %s", what, mode);
	say(line);
	return r;
}

static const sd_bus_vtable manager_table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Inhibit", "ssss", "h", on_inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("PrepareForSleep", "b", 0),
	SD_BUS_VTABLE_END,
};

/* --- what it is told --------------------------------------------------------------------------------------------- */

static void forge_lock(const char *path)
{
	sd_bus *other;
	sd_bus_message *signal;

	if (!last_client)
		die("nobody took a lock, so there is nobody to send a forged signal to");
	must(sd_bus_open_system(&other), "connect as somebody else");
	must(sd_bus_message_new_signal(other, &signal, path, SESSION, "Lock"), "make a forged signal");
	must(sd_bus_send_to(other, signal, last_client, NULL), "send a forged signal");
	/* Its answer says that the bus has seen the signal. */
	must(sd_bus_call_method(other, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
				NULL, NULL, NULL),
	     "ask the bus");
	sd_bus_message_unref(signal);
	sd_bus_flush_close_unref(other);
}

static void prepare_for_sleep(int going)
{
	must(sd_bus_emit_signal(bus, MANAGER_PATH, MANAGER, "PrepareForSleep", "b", going), "PrepareForSleep");
}

static void do_for_session(const char *verb, struct session *session)
{
	if (strcmp(verb, "lock") == 0) {
		must(sd_bus_emit_signal(bus, session->path, SESSION, "Lock", NULL), verb);
	} else if (strcmp(verb, "unlock") == 0) {
		session->locked_hint = 0;
		must(sd_bus_emit_signal(bus, session->path, SESSION, "Unlock", NULL), verb);
		must(sd_bus_emit_properties_changed(bus, session->path, SESSION, "LockedHint", NULL), verb);
	} else if (strcmp(verb, "hint") == 0) {
		session->locked_hint = 1;
		must(sd_bus_emit_properties_changed(bus, session->path, SESSION, "LockedHint", NULL), verb);
	} else if (strcmp(verb, "active") == 0 || strcmp(verb, "inactive") == 0) {
		session->active = verb[0] == 'a';
		must(sd_bus_emit_properties_changed(bus, session->path, SESSION, "Leader", "Active", NULL), verb);
	} else if (strcmp(verb, "forge") == 0) {
		forge_lock(session->path);
	} else {
		die("a line that it does not know");
	}
}

static void do_line(char *line)
{
	char *verb = strtok(line, " \n");
	const char *id = strtok(NULL, " \n");
	char answer[64];

	if (!verb)
		return;
	if (id) {
		struct session *session = NULL;
		for (size_t i = 0; i < n_sessions; i++)
			session = strcmp(sessions[i].id, id) == 0 ? &sessions[i] : session;
		if (!session)
			die("a session that does not exist");
		do_for_session(verb, session);
	} else if (strcmp(verb, "sleep") == 0 || strcmp(verb, "wake") == 0) {
		prepare_for_sleep(verb[0] == 's');
	} else if (strcmp(verb, "inhibitors") == 0) {
		(void)ks_text_print(answer, sizeof(answer), "inhibitors %u", n_inhibitors);
		say(answer);
	} else {
		die("a line that it does not know");
	}
	must(sd_bus_flush(bus), "flush");
	say("done");
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	(void)userdata;
	static char line[256];
	static size_t size;
	char byte;

	/* Byte by byte: what a buffer has taken in, epoll would not tell of. */
	if (read(fd, &byte, 1) != 1)
		return sd_event_exit(event, 0);
	if (size + 1 >= sizeof(line))
		die("a line that is too long");
	line[size++] = byte;
	if (byte == '\n') {
		line[size] = '\0';
		size = 0;
		do_line(line);
	}
	return 0;
}

static void add_session(const char *argument)
{
	struct session *session = &sessions[n_sessions];
	const char *equals = strchr(argument, '=');
	uint64_t uid;

	if (!equals || n_sessions == N_SESSIONS_MAX || (size_t)(equals - argument) >= sizeof(session->id) ||
	    ks_text_number(equals + 1, UINT32_MAX, &uid) < 0)
		die("usage: fake-logind SESSION=UID...");
	(void)ks_text_print(session->id, sizeof(session->id), "%.*s", (int)(equals - argument), argument);
	(void)ks_text_print(session->path, sizeof(session->path), MANAGER_PATH "/session/%s", session->id);
	session->uid = (uint32_t)uid;
	session->active = 1;
	n_sessions++;
	must(sd_bus_add_object_vtable(bus, NULL, session->path, SESSION, session_table, session), "add a session");
}

int main(int argc, char **argv)
{
	must(sd_event_new(&event), "no event loop");
	must(sd_bus_open_system(&bus), "no bus");
	must(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), "no bus");
	for (int i = 1; i < argc; i++)
		add_session(argv[i]);
	must(sd_bus_add_object_vtable(bus, NULL, MANAGER_PATH, MANAGER, manager_table, NULL), "add the manager");
	must(sd_bus_request_name(bus, LOGIND, 0), "take the name");
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL), "watch standard input");
	say("ready");
	int r = sd_event_loop(event);
	sd_bus_flush_close_unref(bus);
	sd_event_unref(event);
	free(last_client);
	return r < 0 ? 1 : 0;
}
