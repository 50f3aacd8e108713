/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key: what OpenSSL holds as a "private key": the public half and the names by which the agent knows the other one.
 *
 * Immutable once made and counted with atomics, so threads, copies and forked children share it freely.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "client/sha256.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/spki.h"

struct ks_key {
	atomic_uint references;
	bool is_private;     /* false: somebody asked for the public key alone */
	struct ks_spki spki; /* points into memory */
	uint8_t spki_hash[KS_SHA256_SIZE];
	const char *name; /* short name when it was written or loaded, "" if unknown; in memory */
	uint8_t memory[];
};

/* Copies what it is given. spki as in ks_spki_read(); name without NUL inside. */
int ks_key_new(struct ks_bytes spki, struct ks_bytes name, bool is_private, struct ks_key **ret_key) KS_WARN_UNUSED;

/* A key of which nothing is known, only public and equal to none; NULL without memory. */
struct ks_key *ks_key_new_empty(enum ks_key_algorithm algorithm);

/* NULL is allowed and gives NULL. */
struct ks_key *ks_key_ref(struct ks_key *key);
void ks_key_unref(struct ks_key *key);

/* What EVP calls it: "RSA", "RSA-PSS", "EC", "ED25519". */
const char *ks_key_type(const struct ks_key *key);

/* "prime256v1", as libssl looks it up (not "P-256"); NULL for other than EC keys. */
const char *ks_key_group(const struct ks_key *key);

/* Largest signature in bytes. */
size_t ks_key_signature_max(const struct ks_key *key);

/* Strength as OpenSSL and NIST SP 800-57 part 1 table 2 reckon. */
int ks_key_security_bits(const struct ks_key *key);
