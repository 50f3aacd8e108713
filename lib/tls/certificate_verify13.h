/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_verify13: reads what a TLS 1.3 client signs in its CertificateVerify (RFC 8446 section 4.4.3):
 *
 *	64 times 0x20 | "TLS 1.3, client CertificateVerify" | 0x00 | Transcript-Hash (32 or 48 bytes)
 *
 * so exactly 130 or 146 bytes. The hash is that of the cipher suite (SHA-256 or SHA-384) and says nothing about the
 * hash of the signature scheme. Whether the hash belongs to a handshake with anybody cannot be seen here.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"
#include "lib/tls/signable.h"

#define KS_CERTIFICATE_VERIFY13_SHA256_SIZE 130u
#define KS_CERTIFICATE_VERIFY13_SHA384_SIZE 146u

struct ks_certificate_verify13 {
	enum ks_hash transcript_hash;
	struct ks_bytes transcript_digest; /* borrowed from the input */
};

/* Was this made for a TLS 1.3 signature of some kind, well or badly? Decides only which reader gives the reason. */
bool ks_certificate_verify13_resembles(struct ks_bytes input);

/* INPUT_PADDING, INPUT_CONTEXT or INPUT_LENGTH, looked for in this order. */
int ks_certificate_verify13_read(struct ks_bytes input, struct ks_certificate_verify13 *ret_verify,
				 struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;
