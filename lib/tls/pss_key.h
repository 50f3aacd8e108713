/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pss_key: what an RSASSA-PSS key lets itself be used for (RFC 4055 section 1.2 and 3.1).
 *
 * A certificate with the key type id-RSASSA-PSS may say in its parameters which hash, which mask and how much salt at
 * least a signature must have. A server refuses every other signature, so the token need not be asked for one.
 */
#pragma once

#include <stdbool.h>

#include "lib/protocol/scheme.h"
#include "lib/protocol/spki.h"

/* May this key make this rsa_pss_pss scheme? A key without parameters may; so may every other kind of key. */
bool ks_pss_key_allows(const struct ks_spki *spki, const struct ks_scheme *scheme);
