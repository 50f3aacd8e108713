/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keygen: a key pair made by the token itself, which never leaves it.
 *
 * Runs in: keystay-token, main thread, while nobody signs. The private half is private, sensitive, not extractable and
 * for signatures alone; what the token made is read back, and what is not so is destroyed. Must never leave half of a
 * pair behind, nor touch an object that was there before.
 */
#pragma once

#include "lib/protocol/limits.h"
#include "pkcs11/digest.h"
#include "pkcs11/token.h"

struct ks_keygen {
	enum ks_key_algorithm algorithm; /* RSA, EC, ED25519; as it came from the wire */
	unsigned bits;
	struct ks_bytes label;
	struct ks_bytes object_id; /* none: SHA-1 of the public key, or random where a token lets nobody change it */
	const struct ks_digest *digests; /* borrowed */
};

struct ks_keygen_made {
	uint8_t id[KS_KEY_ID_MAX];
	size_t id_size;
	uint8_t spki[KS_SPKI_MAX];
	size_t spki_size;
};

/* INVALID for what is no such key, BUSY when the id is taken, or the label and no id is said, TOKEN_LOCKED, UNSUPPORTED. */
int ks_keygen(struct ks_token *token, const struct ks_keygen *wanted, struct ks_keygen_made *ret_made,
	      struct ks_problem *problem) KS_WARN_UNUSED;
