/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify: tells the person at the desktop that a token waits for a touch, when a signature takes long, and that a
 * certificate expires (expiry.h says when).
 *
 * Why: a YubiKey or Nitrokey whose key wants a touch only blinks, and PKCS#11 has no way to say so: C_Sign waits. What
 * can be known is that a token that may want a touch has been at work for longer than signing takes.
 *
 * Runs in: keystay-agent. By org.freedesktop.Notifications on the session bus (Desktop Notifications Specification 1.2),
 * which is connected to when the first notice is due. Never waits for the bus or for who shows notices; without them
 * there is none. A notice holds what a person may see over a shoulder: names, no PIN, no input. Whether there was a touch
 * cannot be known, only that somebody was told.
 *
 *	ks_notify_begin() --> ARMED --KS_TOUCH_NOTICE_MS--> SHOWN --ks_notify_end()--> closed
 *	                        |  '--the same token has one already--> DUE --that one ends--> ARMED anew
 *	                        '--ks_notify_end()--> nothing was shown
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "agent/state.h"

/* Who waits for the token, in words for the notice; all borrowed for the time of the call. */
struct ks_notify_reason {
	const char *program; /* claimed */
	pid_t pid;
	const char *key;    /* short name */
	const char *server; /* "" = none is named */
	bool server_proven; /* else it is what the client claims */
};

struct ks_notice;

/* May this token want a touch? `touch` of its [token] section, else by what it says of itself. */
enum ks_notify_touch { KS_NOTIFY_NO_TOUCH, KS_NOTIFY_PERHAPS, KS_NOTIFY_TOUCH };
enum ks_notify_touch ks_notify_touch_of(const struct ks_settings *settings, const struct ks_inventory_token *token);

/* A signature goes to the token. NULL when it needs no touch, or when memory runs out: then nobody is told. Costs a token
 * without touch nothing but a look at its names. */
struct ks_notice *ks_notify_begin(struct ks_state *state, const struct ks_inventory_token *token,
				  const struct ks_notify_reason *reason);

/* The signature is there, has failed or is not wanted any more. Was somebody told, as far as can be known? NULL is
 * allowed. */
bool ks_notify_end(struct ks_notice *notice);

/* What is to be said of the certificate of this key: "A certificate expires", words as lib/base/lifetime.h has them ("expires in
 * 6 days"), "Renew it in time". Stays until the person has seen it; where nobody shows notices there is none. */
struct ks_notify_certificate {
	const char *title;
	const char *key, *token;
	const char *words;
	const char *advice;
};
void ks_notify_of_certificate(struct ks_state *state, const struct ks_notify_certificate *what);

/* Forgets all and gives the bus back, for ks_state_deinit(). Every notice has ended before. */
void ks_notify_free_all(struct ks_state *state);
