/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der_strict: is this DER all the way down (X.690 sections 8, 10 and 11)? For what is signed and has parts that nobody
 * here gives a meaning to.
 *
 * Runs in: keystay-agent. Pure; no recursion, at most KS_REQUEST_DEPTH_MAX elements within one another.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"

/* One whole element with nothing behind it, and the same of all in it. What an OCTET STRING or a primitive of another
 * class holds is not looked at. */
bool ks_der_strict(struct ks_bytes element);

/* SET OF: does next stand behind previous, or is it the same (X.690 section 11.6)? Whole elements. */
bool ks_der_strict_in_order(struct ks_bytes previous, struct ks_bytes next);
