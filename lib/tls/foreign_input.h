/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreign_input: the reason for inputs that are nothing of TLS client authentication.
 *
 * It guesses what they are, so that a person who tried to sign a mail, a request or a login with this key reads that,
 * and not "unknown input". The guess decides only the words: everything that comes here is refused.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/spki.h"
#include "lib/tls/signable.h"

/* Is this a digest, by its size, as a DigestInfo, or padded for this RSA key? No transcript is as short as any of them,
 * so this is asked before a first byte of 0x01 is taken for a ClientHello. */
bool ks_foreign_input_is_digest(struct ks_bytes input, const struct ks_spki *spki);

/* INPUT_DIGEST or INPUT_UNKNOWN. */
int ks_foreign_input_refuse(struct ks_bytes input, const struct ks_spki *spki, struct ks_signable_refusal *ret_refusal)
	KS_WARN_UNUSED;
