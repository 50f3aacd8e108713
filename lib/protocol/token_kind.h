/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token_kind: what kind of token it is, by what it says of itself, where people call things by another name there.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"

/* A PIV card (NIST SP 800-73): what unblocks its PIN is the PUK. OpenSC names the application as manufacturer "piv_II", ykcs11
 * the card as model "YubiKey …". */
bool ks_token_kind_is_piv(struct ks_bytes manufacturer, struct ks_bytes model);
