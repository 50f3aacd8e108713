/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain: from a leaf to the last intermediate, out of whatever certificates there are.
 *
 * Runs in: keystay-agent. Each link is proven by its signature (ks_certificate_issued_by()), names alone count for
 * nothing. Whether the root is to be trusted is the server's question, so roots are left out and need not be known.
 * Modules are hostile (invariant I4): a flood of look-alikes costs a bounded number of signature checks and cannot push
 * out what stands in certs/ or comes from the leaf's own module.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/protocol/limits.h"
#include "lib/tls/certificate.h"

struct ks_chain_pool; /* opaque */

/* The source of what stands in certs/: the user's own files. Other sources are numbers of modules. */
#define KS_CHAIN_FILES SIZE_MAX

int ks_chain_pool_new(struct ks_chain_pool **ret_pool) KS_WARN_UNUSED;
void ks_chain_pool_free(struct ks_chain_pool *pool); /* NULL is allowed */

/* Takes a reference of its own. NO_MEMORY. */
int ks_chain_pool_add(struct ks_chain_pool *pool, struct ks_certificate *certificate, size_t source) KS_WARN_UNUSED;

/* Fills ret_chain with leaf and its issuers, as far as they are in the pool: at most KS_CHAIN_MAX of them and
 * KS_CHAIN_BYTES_MAX bytes, no root. leaf comes from source. Of several issuers one that is valid at now_s goes first,
 * then one from certs/ or from source, then the newest. Borrowed from leaf's holder and the pool. Returns how many. */
size_t ks_chain_build(struct ks_chain_pool *pool, struct ks_certificate *leaf, size_t source, int64_t now_s,
		      struct ks_certificate *ret_chain[KS_CHAIN_MAX]);

/* The first certificate with this subject that accepts says yes to, roots as well, in the order of ks_chain_build()
 * (near are those in certs/). Of each module KS_CHAIN_TRIES are asked about. Borrowed from the pool; or NULL. */
struct ks_certificate *ks_chain_find(struct ks_chain_pool *pool, const char *subject, int64_t now_s,
				     bool (*accepts)(const struct ks_certificate *certificate, void *userdata),
				     void *userdata);
