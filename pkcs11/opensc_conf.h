/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opensc_conf: OpenSC's configuration, with its PIN cache switched off.
 *
 * Why: OpenSC keeps the PIN in its own memory by default (use_pin_caching) and gives it to the card by itself, up to ten
 * times, when the card was reset or asks again: submissions that no person decided, of which the agent knows nothing
 * (invariant I6). There is no option of the module for that; only its configuration file has one.
 *
 * Runs in: keystay-token, before the module is loaded.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* Appends original, opensc.conf(5), with use_pin_caching = false in each `framework pkcs15` block that the module reads;
 * all else stays as it is. Pure. */
void ks_opensc_conf_make(struct ks_bytes original, struct ks_buffer *out);

/* Makes OPENSC_CONF name such a copy of the present configuration, in memory. */
int ks_opensc_conf_use(void) KS_WARN_UNUSED;
