/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sha256: SHA-256 (FIPS 180-4), only to name keys: the agent knows a key by the hash of its SubjectPublicKeyInfo.
 *
 * Written out here because plug-ins link libc alone. Never used for what is signed.
 */
#pragma once

#include "lib/base/bytes.h"

#define KS_SHA256_SIZE 32u

void ks_client_sha256(struct ks_bytes input, uint8_t ret_digest[KS_SHA256_SIZE]);
