/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x509: what a certificate says of its names, key and dates, found in its DER (RFC 5280 section 4.1).
 *
 * Strict about every element of the TBSCertificate up to the public key, and looks no further: whether a certificate is
 * any good is for the agent and for the server to say. Pure, libc only.
 *
 * Runs in: keystay and, by the plug-ins, any program.
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

/* ks_name_label() of its subject. */
char *ks_x509_label(const struct ks_x509 *certificate);
