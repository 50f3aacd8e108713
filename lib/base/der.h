/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der: the little of ASN.1 DER (X.690 section 10) that keystay reads and writes itself: public keys, ECDSA signatures,
 * key references, and the way to a certificate's public key.
 *
 * Strict: definite, minimal lengths only, one-byte tags only, at most 2^24 bytes. Certificates as a whole are read by
 * OpenSSL (lib/tls/certificate.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/reader.h"

enum ks_der_tag {
	KS_DER_INTEGER = 0x02,
	KS_DER_BIT_STRING = 0x03,
	KS_DER_OCTET_STRING = 0x04,
	KS_DER_NULL = 0x05,
	KS_DER_OID = 0x06,
	KS_DER_UTF8_STRING = 0x0c,
	KS_DER_SEQUENCE = 0x30,
	KS_DER_SET = 0x31,
	KS_DER_CONTEXT_0 = 0xa0, /* constructed [0] */
};

/* The contents of the next element, which must have this tag; the reader fails otherwise. */
struct ks_bytes ks_der_take(struct ks_reader *reader, uint8_t tag);

/* The next element with tag and length, whatever its tag; ret_tag may be NULL. */
struct ks_bytes ks_der_take_any(struct ks_reader *reader, uint8_t *ret_tag);

/* The tag of the next element, 0 at the end. Reads nothing. */
uint8_t ks_der_peek(const struct ks_reader *reader);

/* The magnitude of the next non-negative INTEGER, without its leading zero byte; fails on negative or padded ones. */
struct ks_bytes ks_der_take_unsigned(struct ks_reader *reader);

/* Appends one element. */
void ks_der_put(struct ks_buffer *buffer, uint8_t tag, struct ks_bytes contents);

/* Appends a non-negative INTEGER from a big-endian magnitude (leading zeros are dropped, a sign byte is added). */
void ks_der_put_unsigned(struct ks_buffer *buffer, struct ks_bytes magnitude);

/* ECDSA-Sig-Value (RFC 3279 section 2.2.3) from r || s of equal halves (PKCS#11 2.40 section 2.3.1). */
int ks_der_put_ecdsa(struct ks_buffer *buffer, struct ks_bytes raw) KS_WARN_UNUSED;
