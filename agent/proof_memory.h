/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proof_memory: servers that were proven a moment ago, or turned out not to be provable.
 *
 * Why: a program that talks to one server shows the same certificates each time, and only the server's signature over the
 * handshake is new. What keystay-prove said of certificates, name, staple and anchors holds for KS_PROOF_REMEMBERED_MS;
 * the signature is verified here each time. Only for the very same bytes, and nothing over a reload. A no is remembered
 * only of a handshake that the server did sign, so that nobody makes up a no for others.
 *
 * Runs in: keystay-agent. Reads no certificate but for where its public key stands (lib/protocol/spki.h), which must be
 * the one that keystay-prove saw.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/limits.h"
#include "lib/tls/server_claim.h"

#define KS_PROOF_DIGEST_SIZE 32

struct ks_proof_memory {
	struct ks_proof_memory_entry *entries[KS_PROOFS_REMEMBERED]; /* owned; the next one to go is at n % … */
	size_t n;
};

void ks_proof_memory_forget(struct ks_proof_memory *memory);

/* All of a claim but the signature and what it is over, and the files of anchors in their order. NO_MEMORY. */
int ks_proof_memory_digest(const struct ks_server_claim *claim, const char *const *anchor_files, size_t n_anchor_files,
			   uint8_t ret_digest[KS_PROOF_DIGEST_SIZE]) KS_WARN_UNUSED;

/* keystay-prove has answered: proven, when reason is "", with a leaf whose public key has this SHA-256; else not. now_ms:
 * boot clock. What cannot be kept is not. */
void ks_proof_memory_keep(struct ks_proof_memory *memory, const uint8_t digest[KS_PROOF_DIGEST_SIZE],
			  const struct ks_server_claim *claim, const uint8_t *spki_hash, const char *reason,
			  uint64_t now_ms);

/* Was the same looked at lately, and is this signature one of the same server? Then the answer of that time; reason is ""
 * when it was proven (256 bytes). */
bool ks_proof_memory_knows(const struct ks_proof_memory *memory, const uint8_t digest[KS_PROOF_DIGEST_SIZE],
			   const struct ks_server_claim *claim, uint64_t now_ms, uint8_t ret_spki_hash[32],
			   char ret_reason[256]);
