/* SPDX-License-Identifier: Apache-2.0 */
/*
 * revocation: one certificate revocation list (RFC 5280 section 5), as its owner put it into certs/ (read by
 * OpenSSL).
 *
 * That a certificate was revoked does not age: what is on an outdated list stays revoked. Nor does it matter for that
 * whether a list is whole: what counts is that its entries are certificates of the CA that signed it. That a
 * certificate was not revoked is said only by a list that is fresh, and that is the one where this certificate would
 * stand.
 *
 * Runs in: keystay-agent, keystay-enroll. Never fed with what clients send.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/tls/certificate.h"

struct ks_revocation; /* opaque */

/* One DER CertificateList. MALFORMED, TOO_LARGE. */
int ks_revocation_new(struct ks_bytes der, struct ks_revocation **ret_list) KS_WARN_UNUSED;
struct ks_revocation *ks_revocation_ref(struct ks_revocation *list);
void ks_revocation_free(struct ks_revocation *list); /* gives one reference back; NULL is allowed */

/* Calls found for each list of a PEM file's text, in order; other blocks are passed over. found takes the list; a
 * negative return ends it. Returns how many were found, or the first error, as ks_certificate_read_pem(). */
int ks_revocation_read_pem(struct ks_bytes pem, int (*found)(struct ks_revocation *list, void *userdata),
			   void *userdata) KS_WARN_UNUSED;

/* In bytes, as DER. */
size_t ks_revocation_size(const struct ks_revocation *list);

/* Why nothing may be taken from this list, a clause of plain words; NULL when it counts. Delta lists, indirect ones,
 * those of CA or attribute certificates or of some reasons alone, and those with a critical extension that we do not
 * know (RFC 5280 section 5.2). */
const char *ks_revocation_why_ignored(const struct ks_revocation *list);

/* Is certificate on the list: by the issuer's name and the serial number? ret_when: the day, seconds since 1970. Proves
 * nothing yet: see ks_revocation_signed_by(). A list that is ignored has nothing on it. */
bool ks_revocation_names(const struct ks_revocation *list, const struct ks_certificate *certificate, int64_t *ret_when);

/* Would certificate stand on this list if it were revoked: is the list of its issuer's name and whole, or of the
 * distribution point that the certificate names (RFC 5280 section 6.3.3 (b) (2))? */
bool ks_revocation_covers(const struct ks_revocation *list, const struct ks_certificate *certificate);

/* From when to when the list holds (thisUpdate, nextUpdate), seconds since 1970; without an end it is a day. false
 * when there is no such time. */
bool ks_revocation_times(const struct ks_revocation *list, int64_t *ret_from, int64_t *ret_until);

/* Did issuer sign the list: its name, its key usage and the signature itself? Takes as long as hashing the list. */
bool ks_revocation_signed_by(const struct ks_revocation *list, const struct ks_certificate *issuer);
