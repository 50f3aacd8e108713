/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_ca: the certificates of a SCEP server's CA and RA (RFC 8894 section 4.2): who may sign answers, and for whom
 * requests are encrypted.
 *
 * Runs in: keystay-enroll. Trust comes from https, or from the fingerprint that the profile has: then the certificate of
 * that fingerprint counts, and what it has issued, and nothing else that was sent along.
 */
#pragma once

#include <openssl/x509.h>

#include "enrol/base/problem.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/cleanup.h"

struct ks_scep_ca {
	STACK_OF(X509) * certificates; /* those that count; owned */
	X509 *recipient;               /* borrowed from certificates: RSA, of the RA where there is one */
};

/* body: one certificate, or a PKCS#7 bundle. fingerprint: SHA-256 as 64 hex digits, or NULL. whose: "SCEP server …". */
int ks_scep_ca_read(struct ks_bytes body, const char *fingerprint, const char *whose, struct ks_scep_ca *ret_ca,
		    struct ks_enrol_problem *problem) KS_WARN_UNUSED;
void ks_scep_ca_deinit(struct ks_scep_ca *ca);

/* Appends those that may issue certificates, DER, one behind the other. */
int ks_scep_ca_put_anchors(const struct ks_scep_ca *ca, struct ks_buffer *out) KS_WARN_UNUSED;

/* Appends the Name of the CA that issues, DER: the recipient's own, or that of its issuer when it is an RA. */
int ks_scep_ca_put_name(const struct ks_scep_ca *ca, struct ks_buffer *out) KS_WARN_UNUSED;
