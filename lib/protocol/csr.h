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

/* What is wrong with what somebody typed, for a person: one sentence. */
struct ks_csr_problem {
	char text[256];
};

struct ks_csr {
	struct ks_bytes spki;      /* SubjectPublicKeyInfo, DER */
	struct ks_bytes subject;   /* Name, DER (ks_csr_subject_put()) */
	struct ks_bytes names;     /* GeneralNames, DER (ks_csr_names_put()), or none */
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

/* --- csr_subject.c ----------------------------------------------------------------------------------------------- */

/* Appends a Name. text is "/C=DE/O=Example/CN=alice", as OpenSSL has it ('\' before a character that stands for itself,
 * '+' between parts of one RDN), or RFC 4514's "CN=alice,O=Example,C=DE", the last part first. A type is a short name or
 * a dotted OID. "" and "/" are the empty name. INVALID with ret_problem. */
int ks_csr_subject_put(struct ks_buffer *out, const char *text, struct ks_csr_problem *ret_problem) KS_WARN_UNUSED;

/* --- csr_names.c ------------------------------------------------------------------------------------------------- */

/* Appends GeneralNames (RFC 5280 section 4.2.1.6). text is "dns:www.example.org,email:alice@example.org": dns, email, uri,
 * ip and upn (the Windows user, an otherName). A comma ends a name only where another kind follows. INVALID with
 * ret_problem. */
int ks_csr_names_put(struct ks_buffer *out, const char *text, struct ks_csr_problem *ret_problem) KS_WARN_UNUSED;
