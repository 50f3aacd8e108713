/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr: writes PKCS#10 certificate requests (RFC 2986): what is to be signed, and both together.
 *
 * Runs in: keystay, and whatever asks a CA for a certificate. Pure, libc only. What it writes, lib/tls/request10.h reads:
 * the agent signs nothing else. The signature comes from the agent (SIGN_REQUEST).
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"
#include "lib/protocol/spki.h"

struct ks_csr {
	struct ks_bytes spki;      /* SubjectPublicKeyInfo, DER */
	struct ks_bytes subject;   /* Name, DER (client/csr_text.h) */
	struct ks_bytes names;     /* GeneralNames, DER (client/csr_text.h), or none */
	struct ks_bytes challenge; /* challengePassword (RFC 2985 section 5.4.1), UTF-8, or none */
};

/* Appends the CertificationRequestInfo. LIMIT when it is longer than what is signed. */
int ks_csr_put_info(struct ks_buffer *out, const struct ks_csr *csr) KS_WARN_UNUSED;

/* How a key signs its request: ECDSA with the hash of its curve; RSA with hash (NONE: SHA-256), PSS where the caller or
 * the key's own type says so. NULL where there is no such signature. */
const struct ks_scheme *ks_csr_scheme(const struct ks_spki *spki, bool pss, enum ks_hash hash);

/* Appends the CertificationRequest. signature as SIGN_REQUEST_REPLY has it. */
int ks_csr_put(struct ks_buffer *out, struct ks_bytes info, const struct ks_scheme *scheme, struct ks_bytes signature)
	KS_WARN_UNUSED;
