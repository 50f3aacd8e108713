/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_anchors: the certificates that the owner of this machine or of the agent trusts to issue servers' certificates.
 *
 * Runs in: keystay-prove, which reads them once, before its sandbox, and only they are ever read by it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/tls/server_trust.h"

struct ks_prove_anchors; /* opaque */

/* files: of server-ca. One that cannot be read, and a system without certificates, is no error here: it is logged, and
 * proofs that need it fail with that reason. */
int ks_prove_anchors_new(char *const *files, size_t n_files, struct ks_prove_anchors **ret_anchors) KS_WARN_UNUSED;
void ks_prove_anchors_free(struct ks_prove_anchors *anchors); /* NULL is allowed */

/* number: 0 = the system's, 1 = the first of files. RULE_UNPROVABLE with a clause when they could not be read, or there is
 * no such number. */
int ks_prove_anchors_get(const struct ks_prove_anchors *anchors, uint32_t number,
			 const struct ks_server_trust **ret_trust, char ret_reason[256]) KS_WARN_UNUSED;
