/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scout: looks again for tokens and certificates that came without a word.
 *
 * Runs in: keystay-agent. Some modules tell nothing when a token comes (SoftHSM and tpm2-pkcs11 raise no events, and
 * SoftHSM does not even see a token that was made after C_Initialize), others keep what they once read of a card for
 * ever (OpenSC). What sees is a process that starts anew. So, when there is a reason (a request for a key that nobody
 * knows, a device that came, `keystay reload`, the making of a PEM file), a second keystay-token of the same module is
 * started beside the first, tells its inventory and is asked nothing else; when it knows something new it takes the
 * first one's place, else it ends. Rate-limited; nothing here happens by time alone.
 *
 * A scout never logs in, and is never sent while a login is under way: SoftHSM rewrites its files then (DESIGN section
 * 8; docs/adr/0010).
 */
#pragma once

#include "agent/request.h"
#include "agent/state.h"

enum ks_scout_reason {
	KS_SCOUT_LIST,        /* somebody lists keys: modules without events */
	KS_SCOUT_CERTIFICATE, /* somebody wants a certificate: all modules */
	KS_SCOUT_UNKNOWN_KEY, /* somebody wants a signature by a key that nobody knows: modules without events */
	KS_SCOUT_DEVICE,      /* a device came or went: modules without events */
	KS_SCOUT_RELOAD,      /* a person wants it: all modules, at once, also when that locks a token */
};

/* Looks again, unless that was done less than KS_SCOUT_INTERVAL_MS ago. wanted: the SHA-256 of the public key that is
 * looked for, or NULL: where it is found, its worker is taken even when that locks other tokens. */
void ks_scout_send(struct ks_state *state, enum ks_scout_reason reason, const uint8_t *wanted);

/* Is somebody still looking? At the end there is news of the state. */
bool ks_scout_is_out(const struct ks_state *state);

/* Calls answer when the state has settled and, if a look was due, what was found is known: at most
 * KS_SCOUT_DEADLINE_MS later. */
void ks_scout_then(struct ks_request *request, enum ks_scout_reason reason, void (*answer)(struct ks_request *request));

/* The worker of workers[index] has become idle, or was changed: a scout that waits for that may take its place. */
void ks_scout_look_around(struct ks_state *state);

/* Calls all back; for a reload and ks_state_deinit(). */
void ks_scout_free_all(struct ks_state *state);
