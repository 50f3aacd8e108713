/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference: the body of "-----BEGIN KEYSTAY KEY-----": it names a key and carries its public half, nothing secret.
 *
 *	KeystayKey ::= SEQUENCE {
 *		magic       UTF8String ("keystay key 1"),
 *		name        UTF8String (SIZE (0..256)),      -- short name at the time of writing, for messages
 *		publicKey   SubjectPublicKeyInfo }
 *
 * Must be valid DER: OSSL_STORE runs it through its own reader first. Strict in both directions. libc only.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/spki.h"

#define KS_REFERENCE_LABEL "KEYSTAY KEY"
#define KS_REFERENCE_MAX (KS_SPKI_MAX + 512)

struct ks_reference {
	struct ks_bytes name; /* ks_text_valid() */
	struct ks_spki spki;
};

/* REFERENCE when it is not ours or not well-formed, UNSUPPORTED for an unknown key type. */
int ks_reference_read(struct ks_bytes der, struct ks_reference *ret_reference) KS_WARN_UNUSED;

int ks_reference_put(struct ks_buffer *buffer, struct ks_bytes name, struct ks_bytes spki) KS_WARN_UNUSED;
