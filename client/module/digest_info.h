/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest_info: takes a DigestInfo (RFC 8017 section 9.2) apart, as CKM_RSA_PKCS is given one.
 *
 * One encoding for each hash: DER, with the NULL parameters. No other hash, no other form, no byte more or less.
 * What is in it goes on as scheme and digest, and the agent's worker builds the DigestInfo anew: nothing of this one
 * is signed.
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"

/* MALFORMED; digest is borrowed. */
int ks_digest_info_read(struct ks_bytes info, enum ks_hash *ret_hash, struct ks_bytes *ret_digest) KS_WARN_UNUSED;
