/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_notifications: as much of org.freedesktop.Notifications as keystay-agent talks to, writing down what it is told.
 *
 * usage: fake-notifications     on the bus that DBUS_SESSION_BUS_ADDRESS names, which must be a private one
 *
 * Prints one line for each call:
 *
 *   notify ID APP|SUMMARY|BODY|urgency N|transient N|expires N
 *   close ID
 *
 * and "ready" once. Lines on standard input: "hold" (Notify is not answered until "answer"), "answer", "refuse" (Notify
 * is answered with an error from now on). It ends with its standard input, or with the bus. Runs in: tests.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "lib/base/text.h"

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"

static sd_event *event;
static sd_bus *bus;
static bool refuses, holds;
static sd_bus_message *held;
static uint32_t last_id, held_id;

static void must(int r, const char *what)
{
	if (r < 0) {
		(void)fprintf(stderr, "fake-notifications: %s: %s\n", what, strerror(-r));
		exit(1);
	}
}

static void read_hints(sd_bus_message *call, unsigned *urgency, int *transient)
{
	must(sd_bus_message_enter_container(call, SD_BUS_TYPE_ARRAY, "{sv}"), "hints");
	while (sd_bus_message_enter_container(call, SD_BUS_TYPE_DICT_ENTRY, "sv") > 0) {
		const char *name;
		uint8_t byte = 0;
		must(sd_bus_message_read(call, "s", &name), "a hint");
		if (strcmp(name, "urgency") == 0) {
			must(sd_bus_message_read(call, "v", "y", &byte), name);
			*urgency = byte;
		} else if (strcmp(name, "transient") == 0) {
			must(sd_bus_message_read(call, "v", "b", transient), name);
		} else {
			must(sd_bus_message_skip(call, "v"), name);
		}
		must(sd_bus_message_exit_container(call), name);
	}
	must(sd_bus_message_exit_container(call), "hints");
}

static int on_notify(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	const char *application, *icon, *summary, *body;
	uint32_t replaces;
	int32_t expires;
	unsigned urgency = 1;
	int transient = 0;
	char shown[1024];

	must(sd_bus_message_read(call, "susss", &application, &replaces, &icon, &summary, &body), "Notify");
	must(sd_bus_message_skip(call, "as"), "actions");
	read_hints(call, &urgency, &transient);
	must(sd_bus_message_read(call, "i", &expires), "expire_timeout");
	ks_text_escape(ks_bytes_text(body), shown, sizeof(shown));
	(void)printf("notify %u %s|%s|%s|urgency %u|transient %d|expires %d\n", ++last_id, application, summary, shown,
		     urgency, transient, expires);
	(void)fflush(stdout);
	if (refuses)
		return sd_bus_error_set(error, SD_BUS_ERROR_FAILED, "nobody looks here");
	if (!holds)
		return sd_bus_reply_method_return(call, "u", last_id);
	held = sd_bus_message_ref(call);
	held_id = last_id;
	return 1;
}

static int on_close(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
	(void)userdata;
	(void)error;
	uint32_t id;

	must(sd_bus_message_read(call, "u", &id), "CloseNotification");
	(void)printf("close %u\n", id);
	(void)fflush(stdout);
	return sd_bus_reply_method_return(call, NULL);
}

static const sd_bus_vtable table[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("CloseNotification", "u", "", on_close, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static void do_line(const char *line)
{
	if (strcmp(line, "hold") == 0) {
		holds = true;
	} else if (strcmp(line, "refuse") == 0) {
		refuses = true;
	} else if (strcmp(line, "answer") == 0) {
		holds = false;
		if (held)
			must(sd_bus_reply_method_return(held, "u", held_id), "answer");
		held = sd_bus_message_unref(held);
	}
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)revents;
	(void)userdata;
	static char line[64];
	static size_t size;
	char byte;

	/* Byte by byte: what a buffer has taken in, epoll would not tell of. */
	if (read(fd, &byte, 1) != 1 || size + 1 >= sizeof(line))
		return sd_event_exit(event, 0);
	line[size++] = byte;
	if (byte == '\n') {
		line[size - 1] = '\0';
		size = 0;
		do_line(line);
	}
	return 0;
}

static int on_lost(sd_bus_message *signal, void *userdata, sd_bus_error *error)
{
	(void)signal;
	(void)userdata;
	(void)error;
	return sd_event_exit(event, 0);
}

int main(void)
{
	must(sd_event_new(&event), "no event loop");
	must(sd_bus_open_user(&bus), "no bus");
	must(sd_bus_attach_event(bus, event, SD_EVENT_PRIORITY_NORMAL), "no bus");
	must(sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local", NULL, "org.freedesktop.DBus.Local",
				 "Disconnected", on_lost, NULL),
	     "watch the bus");
	must(sd_bus_add_object_vtable(bus, NULL, PATH, NAME, table, NULL), "add the object");
	must(sd_bus_request_name(bus, NAME, 0), "take the name");
	must(sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, NULL), "watch standard input");
	(void)puts("ready");
	(void)fflush(stdout);
	int r = sd_event_loop(event);
	sd_bus_message_unref(held);
	sd_bus_flush_close_unref(bus);
	sd_event_unref(event);
	return r < 0 ? 1 : 0;
}
