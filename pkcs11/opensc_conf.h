/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opensc_conf: OpenSC's configuration as it is, with its cache of PINs switched off.
 *
 * Runs in: keystay-token, before the module is loaded. Why: OpenSC keeps the PIN in ordinary memory and gives it to the
 * card again when the card has forgotten it, by itself and as often as it likes. Who may give a PIN to a card is the
 * agent's to decide (invariants I6 and I7). There is no call for this, only its configuration file.
 *
 * Where tokens are provisioned it is also told to let a PIN be unblocked: C_SetPIN without a login then takes a PUK for
 * the old PIN. In any other life C_SetPIN is never called.
 *
 * Must never change anything else: readers, drivers and logs stay as the user or the distribution has them.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* Writes to out the text of a configuration that differs from original in use_pin_caching = false alone, and with unblock
 * in user_pin_unblock_style = set_pin_in_unlogged_session. A text that OpenSC would refuse, and then go on with its
 * defaults, is left out. NO_MEMORY, TOO_LARGE (out's limit). */
int ks_opensc_conf_make(struct ks_bytes original, bool unblock, struct ks_buffer *out) KS_WARN_UNUSED;

/* Reads the configuration that OpenSC would read (OPENSC_CONF, or the distribution's), and has every OpenSC that is
 * loaded into this process from now on read the changed one: OPENSC_CONF names a sealed file in memory. Takes a
 * descriptor, which stays open. NO_MEMORY, TOO_LARGE, SYSTEM: the cache would stay on. Not thread-safe: it changes the
 * environment. */
int ks_opensc_conf_use(bool unblock) KS_WARN_UNUSED;
