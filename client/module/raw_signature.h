/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_signature: signatures as Cryptoki has them: ECDSA as r || s (PKCS#11 2.40 section 2.3.1), where TLS has DER.
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include "lib/protocol/spki.h"

/* Bytes of a signature of this key; always the same. */
size_t ks_raw_signature_size(const struct ks_spki *spki);

/* Writes as many to out. MALFORMED when signature, as TLS has it, is none of this key. */
int ks_raw_signature_make(const struct ks_spki *spki, struct ks_bytes signature, uint8_t *out) KS_WARN_UNUSED;
