/* SPDX-License-Identifier: Apache-2.0 */
/*
 * digest: OSSL_OP_DIGEST, provider-digest(7): SHA-256 and SHA-384 that remember what TLS handshakes they have hashed.
 *
 * The work is done by the default provider in a library context of our own; here only the stream is kept, as long as it
 * begins like a handshake (ClientHello, 0x01, or after a HelloRetryRequest message_hash, 0xFE; RFC 8446 section 4.4.1)
 * and is no longer than the agent takes.
 *
 * Runs in: any program that loads the tap.
 */
#pragma once

#include <openssl/core.h>
#include <openssl/types.h>

/* What a provider context holds. */
struct ks_tap {
	OSSL_LIB_CTX *context; /* ours; owned */
	EVP_MD *sha256, *sha384;
};

extern const OSSL_ALGORITHM ks_tap_digests[];
