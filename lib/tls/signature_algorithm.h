/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature_algorithm: does an AlgorithmIdentifier name this signature scheme?
 *
 * Runs in: keystay-agent. For documents that say inside what is signed how they are signed (CMP's protectionAlg): they
 * must say what the token is then asked for. Pure.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/protocol/scheme.h"

/* der: one whole AlgorithmIdentifier (RFC 4055, RFC 5758, RFC 8410). NULL parameters of rsaEncryption's signatures may be
 * left out, as OpenSSL does; PSS says hash, mask and salt, the trailer not. */
bool ks_signature_algorithm_is(struct ks_bytes der, const struct ks_scheme *scheme);
