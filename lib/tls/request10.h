/* SPDX-License-Identifier: Apache-2.0 */
/*
 * request10: reads a CertificationRequestInfo (RFC 2986 section 4.1), what a PKCS#10 certificate request signs.
 *
 * Runs in: keystay-agent, before a request is signed (invariant I2). To the last byte and in DER alone (X.690 sections
 * 10 and 11): version 0, a Name, a public key of a type that keystay knows, attributes, each of them and each extension
 * once. What it accepts is nothing else: no certificate, CMS or CMP message begins with the number 0, a Name and a key.
 * Pure. Must never decide whose key it is: signable.c does.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/spki.h"
#include "lib/tls/signable.h"

struct ks_request10 {
	struct ks_bytes subject;    /* the Name, DER; this and all below borrowed from the input */
	struct ks_spki spki;        /* of the key that it asks a certificate for */
	struct ks_bytes attributes; /* what stands in [0]: Attribute after Attribute, or none */
	struct ks_bytes extensions; /* of extensionRequest (RFC 2985 section 5.4.2): the SEQUENCE, DER, or none */
};

/* 0, or INPUT_REQUEST with ret_refusal filled. */
int ks_request10_read(struct ks_bytes info, struct ks_request10 *ret_request, struct ks_signable_refusal *ret_refusal)
	KS_WARN_UNUSED;
