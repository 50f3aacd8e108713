/* SPDX-License-Identifier: Apache-2.0 */
/*
 * readers: watches the smart card readers beside the module: a card that comes or goes is told to the agent at once, also
 * while the module hangs, which is what OpenSC 0.23 does for ever when a card vanishes under its hands.
 *
 * Runs in: keystay-token, in a thread of its own, when the module has brought libpcsclite into the process. Uses a
 * context of its own and connects to no card, so that it neither wakes nor holds one, but to reset it after a logout. Sleeps in pcscd (or in
 * inotify(7) while there is no pcscd) until something happens. Must never take a lock that is held around a call of the
 * module.
 */
#pragma once

#include <stdbool.h>

#include "pkcs11/places.h"
#include "pkcs11/wire.h"

struct ks_readers;

/* false: there is no PC/SC in this process, or no thread for it. wire and places are borrowed for ever. */
bool ks_readers_start(struct ks_wire *wire, struct ks_places *places, struct ks_readers **ret_readers);

/* Does another program, or the module itself, use the card of this token exclusively? NULL is allowed. */
bool ks_readers_is_exclusive(struct ks_readers *readers, uint32_t token);

/* A call with this token has failed: because its card was taken out? pcscd may need a moment to see that itself. NULL is
 * allowed. */
bool ks_readers_is_taken_out(struct ks_readers *readers, uint32_t token);

/* Resets the card of this token: C_Logout alone leaves PIV cards verified, and any program of this machine could then
 * sign with them without a PIN. Nothing where there is no PC/SC. NULL is allowed. */
void ks_readers_reset(struct ks_readers *readers, uint32_t token);
