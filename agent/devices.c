/* SPDX-License-Identifier: Apache-2.0 */
/* devices: see devices.h. Runs in: keystay-agent. */
#include "agent/devices.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-device.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"

/* What 70-keystay.rules puts on them. */
#define TAG "keystay"

/* sd-event's own choice, 250 ms, would be more than the whole wait. */
#define ACCURACY_US 10000u

struct ks_devices {
	sd_event *event; /* borrowed */
	ks_devices_changed *changed;
	void *userdata;
	sd_device_monitor *monitor; /* NULL: cannot be watched here */
	sd_event_source *timer;     /* one shot; off while nothing is to be told */
	uint64_t last_call_us;      /* while the timer is on: when it must be told at the latest */
};

KS_DEFINE_CLEANUP(struct ks_devices *, ks_devices_free)

static int on_quiet(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_devices *devices = userdata;

	devices->changed(devices->userdata);
	return 0;
}

/* A stick tells of itself, each of its interfaces and their drivers within some milliseconds; one that is pulled in
 * the middle of it tells all that backwards. It is told when they are quiet, or when they have not been for long. */
static void tell_soon(struct ks_devices *devices)
{
	uint64_t now_us;
	int enabled = SD_EVENT_OFF;

	if (sd_event_now(devices->event, CLOCK_MONOTONIC, &now_us) < 0 ||
	    sd_event_source_get_enabled(devices->timer, &enabled) < 0)
		return;
	if (enabled == SD_EVENT_OFF)
		devices->last_call_us = now_us + KS_DEVICES_LONGEST_MS * 1000ull;
	uint64_t at_us = now_us + KS_DEVICES_QUIET_MS * 1000ull;
	if (at_us > devices->last_call_us)
		at_us = devices->last_call_us;
	if (sd_event_source_set_time(devices->timer, at_us) < 0 ||
	    sd_event_source_set_enabled(devices->timer, SD_EVENT_ONESHOT) < 0)
		ks_log_warning("a device came or went, but no timer can be set; run: keystay reload");
}

/* "change" is no coming or going: TPMs and some readers tell it when they are merely used. "unbind" follows a program
 * that takes a reader for itself; if it went, "remove" says so. */
static bool is_coming_or_going(sd_device *device)
{
	sd_device_action_t action;

	return sd_device_get_action(device, &action) >= 0 &&
	       (action == SD_DEVICE_ADD || action == SD_DEVICE_REMOVE || action == SD_DEVICE_BIND);
}

static int on_device(sd_device_monitor *monitor, sd_device *device, void *userdata)
{
	(void)monitor;
	const char *path = NULL;

	if (is_coming_or_going(device)) {
		(void)sd_device_get_devpath(device, &path);
		ks_log_debug("a device that may be a token came or went: %s", path ? path : "?");
		tell_soon(userdata);
	}
	return 0;
}

/* Only what udev has let through counts (no tags in the kernel's own events), and only from root: libsystemd looks at
 * the sender. */
static int start_monitor(struct ks_devices *devices)
{
	int r = sd_device_monitor_new(&devices->monitor);

	if (r >= 0)
		r = sd_device_monitor_filter_add_match_tag(devices->monitor, TAG);
	if (r >= 0)
		r = sd_device_monitor_attach_event(devices->monitor, devices->event);
	if (r >= 0)
		r = sd_device_monitor_start(devices->monitor, on_device, devices);
	return r;
}

int ks_devices_watch(sd_event *event, ks_devices_changed *changed, void *userdata, struct ks_devices **ret_devices)
{
	KS_CLEANUP(ks_devices_freep) struct ks_devices *devices = calloc(1, sizeof(*devices));

	if (!devices)
		return KS_ERR_NO_MEMORY;
	*devices = (struct ks_devices){ .event = event, .changed = changed, .userdata = userdata };
	if (sd_event_add_time(event, &devices->timer, CLOCK_MONOTONIC, 0, ACCURACY_US, on_quiet, devices) < 0 ||
	    /* After the events that are waiting to be read. */
	    sd_event_source_set_priority(devices->timer, SD_EVENT_PRIORITY_NORMAL + 1) < 0 ||
	    sd_event_source_set_enabled(devices->timer, SD_EVENT_OFF) < 0)
		return KS_ERR_SYSTEM;
	int r = start_monitor(devices);
	if (r < 0) {
		devices->monitor = sd_device_monitor_unref(devices->monitor);
		ks_log_notice("devices that come and go cannot be watched here (%s); a new token is found by: keystay "
			      "reload",
			      strerror(-r));
	}
	*ret_devices = KS_STEAL(devices);
	return 0;
}

void ks_devices_free(struct ks_devices *devices)
{
	if (!devices)
		return;
	sd_device_monitor_unref(devices->monitor);
	sd_event_source_disable_unref(devices->timer);
	free(devices);
}
