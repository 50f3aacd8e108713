/* SPDX-License-Identifier: Apache-2.0 */
/*
 * devices: tells when a device that may be a token came or went.
 *
 * Why: modules that raise no slot events (SoftHSM, tpm2-pkcs11) see a new token only in a fresh worker, and somebody
 * must say when to start one. The kernel does, through udev, which knows what may be a token (udev/tokens.txt, tag
 * "keystay"). Nothing is polled: without devices coming and going nothing here wakes up.
 *
 * Runs in: keystay-agent. It opens no device and trusts an event with nothing more than a look at what is there.
 */
#pragma once

#include <systemd/sd-event.h>

#include "lib/base/error.h"

struct ks_devices;

/* Something came or went. The several events of one plug (device, its interfaces, its driver) are told as one. */
typedef void ks_devices_changed(void *userdata);

/* Watches until ks_devices_free(). event and userdata are borrowed. Where this cannot be watched (no netlink in a
 * sandbox) that is logged, and 0 is returned all the same: tokens are then found by reload and by request. */
int ks_devices_watch(sd_event *event, ks_devices_changed *changed, void *userdata, struct ks_devices **ret_devices)
	KS_WARN_UNUSED;

/* NULL is allowed. */
void ks_devices_free(struct ks_devices *devices);
