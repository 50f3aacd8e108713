/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate: what keystay wants to know of an X.509 certificate from a token or from certs/ (read by OpenSSL).
 *
 * Never fed with what clients send; that is keystay-prove's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct ks_certificate; /* opaque, reference counted by one thread */

/* One DER certificate. MALFORMED. Copies der. */
int ks_certificate_new(struct ks_bytes der, struct ks_certificate **ret_certificate) KS_WARN_UNUSED;
struct ks_certificate *ks_certificate_ref(struct ks_certificate *certificate);
void ks_certificate_unref(struct ks_certificate *certificate); /* NULL is allowed */

/* Calls found for each certificate of a PEM file's text, in order; other PEM blocks are passed over. found takes the
 * certificate; a negative return ends it. Returns how many were found, or the first error: MALFORMED, also for a block
 * that is cut off, or LIMIT for more than 1,000. */
int ks_certificate_read_pem(struct ks_bytes pem, int (*found)(struct ks_certificate *certificate, void *userdata),
			    void *userdata) KS_WARN_UNUSED;

/* All borrowed from the certificate. Text is ks_text_valid(), nothing in it moves a cursor, and it has at most 1,023
 * bytes (what was longer ends in "..."). */
struct ks_bytes ks_certificate_der(const struct ks_certificate *certificate);
struct ks_bytes ks_certificate_spki(const struct ks_certificate *certificate); /* DER */
const char *ks_certificate_subject(const struct ks_certificate *certificate);  /* RFC 4514, escaped for display */
const char *ks_certificate_issuer(const struct ks_certificate *certificate);
const char *ks_certificate_common_name(const struct ks_certificate *certificate); /* "" when absent */
const char *ks_certificate_email(const struct ks_certificate *certificate);       /* first rfc822Name, "" */
const char *ks_certificate_upn(const struct ks_certificate *certificate);         /* otherName 1.3.6.1.4.1.311.20.2.3 */
int64_t ks_certificate_not_before(const struct ks_certificate *certificate);      /* seconds since 1970 */
int64_t ks_certificate_not_after(const struct ks_certificate *certificate);
bool ks_certificate_is_ca(const struct ks_certificate *certificate);          /* its basicConstraints say so */
bool ks_certificate_is_self_signed(const struct ks_certificate *certificate); /* issuer == subject and it verifies */

/* Does the extended key usage allow this purpose? eku is "clientAuth" or a dotted OID; no EKU extension allows all. */
bool ks_certificate_allows(const struct ks_certificate *certificate, const char *eku);
/* Is this purpose (or dotted OID) named in the EKU extension itself? */
bool ks_certificate_names_eku(const struct ks_certificate *certificate, const char *eku);
/* Microsoft certificate template: name (1.3.6.1.4.1.311.20.2) or OID (1.3.6.1.4.1.311.21.7) as text; "". */
const char *ks_certificate_template(const struct ks_certificate *certificate);

/* Was certificate issued by issuer: names, key identifiers, key usage and the signature itself? */
bool ks_certificate_issued_by(const struct ks_certificate *certificate, const struct ks_certificate *issuer);

/* OpenSSL's X509, borrowed: for those of this room that read on (revocation.c). */
struct x509_st *ks_certificate_x509(const struct ks_certificate *certificate);
