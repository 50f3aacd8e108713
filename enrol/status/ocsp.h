/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp: what is sent to an OCSP responder (RFC 6960, RFC 5019), and whether the answer is to that very request.
 *
 * Runs in: keystay-enroll. Pure. What the answer says is for lib/tls/own_status.h.
 */
#pragma once

#include "enrol/base/problem.h"
#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/tls/certificate.h"

struct ks_ocsp_request {
	struct ocsp_request_st *request; /* owned */
	struct ks_buffer der;
	bool has_nonce;
};

/* For one certificate. The CertID has SHA-1, which is what responders have their answers by (RFC 5019 section
 * 2.1.1); it names a certificate there and protects nothing. NO_MEMORY, INTERNAL. */
int ks_ocsp_request_make(const struct ks_certificate *leaf, const struct ks_certificate *issuer, bool with_nonce,
			 struct ks_ocsp_request *ret_request) KS_WARN_UNUSED;
void ks_ocsp_request_deinit(struct ks_ocsp_request *request);

/* The request as part of an URL (RFC 6960 appendix A.1), for GET: url, "/", base64 with %-escapes. TOO_LARGE when all
 * that has more than 255 bytes, which caches need not take (RFC 5019 section 5). Given. */
int ks_ocsp_request_url(const struct ks_ocsp_request *request, const char *url, char **ret_url) KS_WARN_UNUSED;

enum ks_ocsp_nonce {
	KS_OCSP_NONCE_NONE, /* the answer has none: made beforehand, which is allowed */
	KS_OCSP_NONCE_OURS,
	KS_OCSP_NONCE_OTHER, /* the answer is to somebody else's request */
};

/* response: DER. Malformed ones have none. */
enum ks_ocsp_nonce ks_ocsp_request_nonce(const struct ks_ocsp_request *request, struct ks_bytes response);
