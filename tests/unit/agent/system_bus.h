/* SPDX-License-Identifier: Apache-2.0 */
/*
 * system_bus: a system bus of the test's own, and the fake logind on it (tests/fakes/fake_logind.c).
 *
 * What the fake prints is read by the test's event loop, so that both sides go on while the test waits.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct system_bus {
	char folder[64];
	pid_t daemon;
};

struct fake_logind {
	pid_t pid;
	int in; /* its standard input */
	sd_event *event;
	sd_event_source *source;
	bool ended;
	char said[4096];
	size_t size;
};

bool system_bus_is_installed(void);

/* Sets DBUS_SYSTEM_BUS_ADDRESS. */
void system_bus_start(struct system_bus *bus);

/* Ends the daemon and removes its folder. Safe to call twice. */
void system_bus_stop(struct system_bus *bus);

/* Sessions: "c1" of this user, "c2" of somebody else. Returns when it has logind's name. */
void fake_logind_start(struct fake_logind *fake, sd_event *event);
void fake_logind_stop(struct fake_logind *fake);

/* One line of its language; returns when it has been done. */
void fake_logind_do(struct fake_logind *fake, const char *line);

/* How often it printed this line until now. */
unsigned fake_logind_count(const struct fake_logind *fake, const char *line);

/* Turns the event loop until it has printed this line n times. */
void fake_logind_wait(struct fake_logind *fake, const char *line, unsigned n);
