/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crmf: reads CRMF's CertRequest and CertTemplate (RFC 4211 sections 5 and 6), what CMP asks for.
 *
 * Runs in: keystay-agent, by cmp_part.h. Pure. Its caller has found that all of it is DER (der_strict.h). Only what a
 * client asks for a certificate of its own by is read; what RFC 4211 says must be left out (signingAlg, the unique
 * identifiers) and what has no business there (an archived private key, a key for encryption) is refused.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"

/* Everything is borrowed from the input; what is not there is none. */
struct ks_crmf_template {
	struct ks_bytes serial;  /* contents of an INTEGER */
	struct ks_bytes issuer;  /* contents of a Name's SEQUENCE */
	struct ks_bytes subject; /* likewise */
	struct ks_bytes key;     /* contents of a SubjectPublicKeyInfo's SEQUENCE */
	bool has_issuer, has_subject, has_validity, has_extensions;
};

/* What stands in the SEQUENCE of a CertTemplate. */
bool ks_crmf_read_template(struct ks_bytes contents, struct ks_crmf_template *ret_template);

/* What stands in the SEQUENCE of a CertRequest that asks for a certificate: number 0, a template with a key and without
 * serial number, no controls but one oldCertID (RFC 4211 section 6.5). */
bool ks_crmf_read_request(struct ks_bytes contents, struct ks_crmf_template *ret_template);

/* What stands in the SEQUENCE of a CertReqMsg: such a CertRequest with a signature as proof of possession (POPOSigningKey
 * without poposkInput, RFC 4211 section 4.1) and nothing else. The signature is the CA's to verify. */
bool ks_crmf_read_message(struct ks_bytes contents, struct ks_crmf_template *ret_template);
