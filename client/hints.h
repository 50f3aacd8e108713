/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hints: what a request says of the person in front of it: may they be asked, and where are they?
 *
 * The fields of SIGN, UNLOCK and others (docs/protocol.md section 10), which KS_MESSAGE_PERSON() fills. They are labels:
 * the agent shows or uses them to open a dialog in the right place and believes none of them.
 */
#pragma once

#include <stdint.h>

#include "lib/base/bytes.h"

struct ks_hints {
	uint32_t wait_ms; /* 0 when the environment has KEYSTAY_PROMPT=never, else KS_WAIT_DEFAULT */
	struct ks_bytes program, tty, term, display, wayland_display; /* borrowed from here and from the environment */
	char terminal[257];
};

/* Never fails: what cannot be found out, or is no text, is left out. */
void ks_hints_collect(struct ks_hints *hints);
