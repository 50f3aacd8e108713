/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key: an identity of the agent as an EVP_PKEY whose operations come to this engine.
 *
 * The EVP_PKEY holds the public half, as libcrypto's own structures of old, since engines know no others; what the agent
 * knows the key by hangs on it as ex_data. There is no private half anywhere (invariant I1).
 *
 * Runs in: any program that loads the engine.
 */
#pragma once

#include <openssl/engine.h>
#include <openssl/evp.h>

#include "client/client.h"
#include "lib/protocol/spki.h"

/* What hangs on an EVP_PKEY. Immutable. */
struct ks_engine_key {
	uint8_t spki_hash[32];
	struct ks_spki spki; /* points into memory */
	char name[257];
	uint8_t memory[];
};

/* Called once, by the engine's init. 1 or 0. */
int ks_engine_key_init(void);
void ks_engine_key_deinit(void);

/* Given, or NULL with an error in the queue. */
EVP_PKEY *ks_engine_key_new(ENGINE *engine, const struct ks_msg_identity *identity);

/* NULL for a key that is not ours. Borrowed from pkey. */
const struct ks_engine_key *ks_engine_key_of(const EVP_PKEY *pkey);
