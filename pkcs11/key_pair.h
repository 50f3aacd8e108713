/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key_pair: how a module is asked for a key pair: which kinds there are, and what the templates say.
 *
 * Runs in: keystay-token. Must never ask for a private half that could leave the token.
 */
#pragma once

#include "lib/protocol/spki.h"
#include "pkcs11/writing.h"

struct ks_key_pair_kind {
	enum ks_key_algorithm algorithm;
	unsigned bits;
	CK_MECHANISM_TYPE mechanism;
	struct ks_bytes curves[2]; /* CKA_EC_PARAMS: the ways to write it; none for RSA */
};

/* NULL when there is no such kind. bits of Ed25519: 0 or 256. */
const struct ks_key_pair_kind *ks_key_pair_kind(enum ks_key_algorithm algorithm, unsigned bits);

enum ks_half { KS_PUBLIC_HALF, KS_PRIVATE_HALF };

/* Asks in the ways that there are, until one is not refused for its form. What the module then made is what it says. */
CK_RV ks_key_pair_generate(const struct ks_writing *writing, const struct ks_key_pair_kind *kind, struct ks_bytes label,
			   struct ks_bytes id, CK_OBJECT_HANDLE ret_halves[2]) KS_WARN_UNUSED;
