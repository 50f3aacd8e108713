/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remove: takes a key, or certificates of it, off the token.
 *
 * Runs in: keystay-token, main thread, while nobody signs. Must never touch what has another id or is of another public
 * key, whatever was asked for.
 */
#pragma once

#include "pkcs11/digest.h"
#include "pkcs11/token.h"

struct ks_remove {
	struct ks_bytes object_id; /* CKA_ID */
	struct ks_bytes spki;      /* as WORKER_KEY has it */
	bool keys;
	bool certificates;
	struct ks_bytes certificate_hash; /* SHA-256 of the one that is meant; none: all of the key */
	const struct ks_digest *digests;  /* borrowed */
};

/* ret_n: objects. What is gone already is no error. INVALID, TOKEN_LOCKED, UNSUPPORTED, AMBIGUOUS when it cannot be told
 * of which key a private half is. */
int ks_remove(struct ks_token *token, const struct ks_remove *wanted, uint32_t *ret_n, struct ks_problem *problem)
	KS_WARN_UNUSED;
