/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: a certificate on the token, beside its key.
 *
 * Runs in: keystay-token, main thread, while nobody signs. Must never store a certificate under the id of a key that it
 * is not of, nor replace one: the old one may still be in use.
 */
#pragma once

#include "pkcs11/token.h"

struct ks_store {
	struct ks_bytes object_id; /* CKA_ID of the key */
	struct ks_bytes label;
	struct ks_bytes der;
};

/* UNKNOWN_KEY when the token has no key of this id, INVALID when the certificate is none or of another key, TOKEN_LOCKED,
 * UNSUPPORTED when the token takes none. One that is there already is as good as stored. */
int ks_store(struct ks_token *token, const struct ks_store *wanted, struct ks_problem *problem) KS_WARN_UNUSED;
