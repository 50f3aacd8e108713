/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest: SHA-256, SHA-384 and SHA-512 of libcrypto, fetched once.
 *
 * Runs in: keystay-token. In a library context of its own that reads no configuration: a module may use the same
 * libcrypto, and a configuration that names keystay's provider would lead back to the agent that waits for us.
 * Thread-safe after ks_digest_new().
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"

#define KS_DIGEST_MAX 64u
#define KS_DIGEST_KEY_ID_SIZE 20u

struct ks_digest;

int ks_digest_new(struct ks_digest **ret_digest) KS_WARN_UNUSED;
void ks_digest_free(struct ks_digest *digest);
KS_DEFINE_CLEANUP(struct ks_digest *, ks_digest_free)

/* The hash of the parts one after the other; ks_hash_size(hash) bytes are written. */
int ks_digest_make(const struct ks_digest *digest, enum ks_hash hash, const struct ks_bytes *parts, size_t n_parts,
		   uint8_t ret_value[KS_DIGEST_MAX]) KS_WARN_UNUSED;

/* SHA-1, as a name for a public key and for nothing else: the habitual CKA_ID (RFC 5280 section 4.2.1.2, method 1). */
int ks_digest_key_id(const struct ks_digest *digest, struct ks_bytes public_key, uint8_t ret_id[KS_DIGEST_KEY_ID_SIZE])
	KS_WARN_UNUSED;
