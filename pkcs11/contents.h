/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contents: the digest of what a token shows to everybody: is it still the card that the PIN was asked for?
 *
 * SHA-256 over the sorted SHA-256 of each certificate (DER) and each public key (SubjectPublicKeyInfo), as they are seen
 * while nobody is logged in. Two cards can say the same of themselves, down to the serial number (OpenSC gives all PIV
 * cards without a CHUID the same one); they do not hold the same keys.
 *
 * Runs in: keystay-token, main thread, while nobody signs. Must never read anything but public objects.
 */
#pragma once

#include "pkcs11/digest.h"
#include "pkcs11/session.h"

#define KS_CONTENTS_SIZE 32u

struct ks_contents {
	uint8_t (*hashes)[KS_CONTENTS_SIZE]; /* owned, of the single objects */
	size_t n;
	size_t capacity;
};

void ks_contents_deinit(struct ks_contents *contents);

/* One object more. */
int ks_contents_add(struct ks_contents *contents, const struct ks_digest *digests, struct ks_bytes object)
	KS_WARN_UNUSED;

/* Sorts what was added; in which order it came does not matter. */
int ks_contents_make(struct ks_contents *contents, const struct ks_digest *digests,
		     uint8_t ret_digest[KS_CONTENTS_SIZE]) KS_WARN_UNUSED;

/* Reads the public objects through session and makes their digest, which is the same that an inventory makes. Our
 * result is negative when memory runs out or *ret_rv says that the token failed; the session is then to be thrown
 * away. */
int ks_contents_read(const struct ks_module *module, CK_SESSION_HANDLE session, const struct ks_digest *digests,
		     CK_RV *ret_rv, uint8_t ret_digest[KS_CONTENTS_SIZE]) KS_WARN_UNUSED;

/* The certificate in a CKA_VALUE: some cards pad it to the size of its file. None when there is none. */
struct ks_bytes ks_contents_certificate(struct ks_bytes value);
