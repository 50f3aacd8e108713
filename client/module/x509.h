/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509: what CKO_CERTIFICATE says of a certificate beside its bytes, found in its DER (RFC 5280 section 4.1).
 *
 * Strict about every element of the TBSCertificate up to the public key, and looks no further: whether a certificate is
 * any good is for the agent and for the server to say. Pure, libc only.
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct ks_x509 {
	struct ks_bytes serial;  /* INTEGER; this and all below are whole elements with tag and length, and borrowed */
	struct ks_bytes issuer;  /* Name */
	struct ks_bytes subject; /* Name */
	struct ks_bytes spki;
	char not_before[8]; /* "YYYYMMDD" as in CK_DATE, without a NUL */
	char not_after[8];
};

/* der must be one whole element. MALFORMED. */
int ks_x509_read(struct ks_bytes der, struct ks_x509 *ret_certificate) KS_WARN_UNUSED;

/* What to call it: the last common name of its subject, else the last value of any kind; "certificate" when there is no
 * text. Given; NULL when memory runs out. */
char *ks_x509_label(const struct ks_x509 *certificate);
