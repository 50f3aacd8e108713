/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem_blocks: the blocks of one kind in the text of a PEM file (RFC 7468), read by OpenSSL.
 *
 * Runs in: keystay-agent, keystay-enroll. Other blocks may be private keys that somebody keeps in the same file: they are wiped and
 * never looked at.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"

/* Calls take for each block whose label is among labels (ends with NULL), in order; a negative return ends it. Returns
 * how many there were, or the first error: MALFORMED for a block that is cut off, LIMIT for more than 1,000. */
int ks_pem_blocks_read(struct ks_bytes pem, const char *const *labels, int (*take)(struct ks_bytes der, void *userdata),
		       void *userdata) KS_WARN_UNUSED;
