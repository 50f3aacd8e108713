/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem: PEM (RFC 7468) of a certificate chain and of a KEYSTAY KEY reference: the file that --cert and --key are given.
 *
 * Runs in: keystay, keystay-enroll. Pure, libc only. Writes nothing secret: the reference names a key and carries its public half.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/protocol/message.h"

/* Appends one block of this label. */
int ks_pem_put(struct ks_buffer *buffer, const char *label, struct ks_bytes der) KS_WARN_UNUSED;

/* Appends leaf and chain (a LIST of certificate records) and, when with_key, the reference to identity's key.
 * NO_CERTIFICATE when the chain is empty. */
int ks_pem_put_identity(struct ks_buffer *buffer, const struct ks_msg_identity *identity, struct ks_bytes chain,
			bool with_key) KS_WARN_UNUSED;
