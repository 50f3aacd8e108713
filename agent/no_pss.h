/* SPDX-License-Identifier: Apache-2.0 */
/*
 * no_pss: RSA keys whose token could not make an RSASSA-PSS signature when it was asked for one.
 *
 * Runs in: keystay-agent. What a token lists proves nothing: some list no PSS mechanism and have one (pkcs11/mechanism.h).
 * So it is learned, told to people and to programs that choose a key (identity.no_pss), and asked of the token again all
 * the same. Forgotten at a reload.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/protocol/limits.h"

struct ks_no_pss {
	uint8_t spki_hashes[KS_NO_PSS_MAX][32]; /* the newest replaces the oldest */
	size_t n;
};

void ks_no_pss_note(struct ks_no_pss *no_pss, const uint8_t spki_hash[32], bool is_impossible);
bool ks_no_pss_has(const struct ks_no_pss *no_pss, const uint8_t spki_hash[32]);
