/* SPDX-License-Identifier: Apache-2.0 */
/*
 * desktop: tells when the person has gone: the screen is locked, the machine is about to sleep, the session is no
 * longer the one in front.
 *
 * Why: whoever comes to the machine then must not find unlocked tokens. logind knows (org.freedesktop.login1 on the
 * system bus), and it can wait a moment before it lets the machine sleep: as long as we hold a "delay" lock.
 *
 * Runs in: keystay-agent. Nothing here blocks: calls to logind are sent and answered by the event loop, and without
 * news nothing wakes up. A signal counts only when it comes from the owner of logind's name, since anybody on the bus
 * may send one to us; one that is of a session counts only when the session is this user's.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/base/error.h"

enum ks_desktop_event {
	KS_DESKTOP_SCREEN_LOCKED, /* or is to be: logind's signal Lock, the desktop's LockedHint */
	KS_DESKTOP_SLEEP,         /* suspend, hibernate; ks_desktop_ready_to_sleep() is awaited */
	KS_DESKTOP_INACTIVE,      /* another session of this seat is in front now */
};

struct ks_desktop;

typedef void ks_desktop_happened(enum ks_desktop_event event, void *userdata);

/* Watches until ks_desktop_free(). event and userdata are borrowed. Without a system bus or logind (containers,
 * servers) that is logged, and 0 is returned all the same. A bus that goes away is logged once and not looked for
 * again. */
int ks_desktop_watch(sd_event *event, ks_desktop_happened *happened, void *userdata, struct ks_desktop **ret_desktop)
	KS_WARN_UNUSED;

/* What KS_DESKTOP_SLEEP asked for is done: the machine may sleep. May be called from within happened(); at any other
 * time it does nothing. logind waits for it 5 s by default (InhibitDelayMaxSec= of logind.conf(5)). NULL is allowed. */
void ks_desktop_ready_to_sleep(struct ks_desktop *desktop);

/* NULL is allowed. */
void ks_desktop_free(struct ks_desktop *desktop);
