/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle: the certificates in what a CA answered, in any of the forms that CAs answer in.
 *
 * PKCS#7 certs-only (RFC 5652 section 5, "degenerate"; DER or BER), PEM of PKCS#7 or certificates with any text around,
 * certificates in DER one behind the other; and the base64 of those. Nothing is believed of them: enrol/judge.c looks.
 *
 * Runs in: keystay-enroll. Pure.
 */
#pragma once

#include "enrol/base/problem.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"

/* Appends each certificate to certificates, in DER, one behind the other; one that is there already only once. At most
 * KS_ENROL_CERTIFICATES_MAX in all, each at most KS_CERTIFICATE_MAX. whose begins the sentence of a problem: "the answer of
 * EST server https://…". On failure nothing is appended; no certificate is a failure. */
int ks_bundle_read(struct ks_bytes input, const char *whose, struct ks_buffer *certificates,
		   struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* The next certificate of what ks_bundle_read() wrote; false at its end. Borrowed. */
bool ks_bundle_next(struct ks_bytes *rest, struct ks_bytes *ret_der);
