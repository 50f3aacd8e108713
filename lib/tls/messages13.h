/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages13: reads the bodies of those TLS 1.3 handshake messages (RFC 8446 section 4) that are no hello, as a proof
 * of the server needs them: to their last length, and each extension held against what it answers.
 *
 * Signatures are not verified here, and Finished cannot be: its key is the client's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/tls/certificate_list.h"
#include "lib/tls/extensions.h"
#include "lib/tls/signable.h"

int ks_messages13_read_encrypted_extensions(struct ks_bytes body, const struct ks_extensions *client_hello,
					    struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

struct ks_messages13_request {
	struct ks_bytes context; /* empty in a handshake, never after it (RFC 8446 section 4.3.2); borrowed */
	struct ks_extensions extensions;
};

int ks_messages13_read_certificate_request(struct ks_bytes body, bool is_post_handshake,
					   struct ks_messages13_request *ret_request,
					   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

struct ks_messages13_certificate {
	struct ks_certificate_list list;
	struct ks_bytes ocsp_response; /* stapled for the leaf (RFC 8446 section 4.4.2.1), or none */
};

/* owner: "server" or "client". context: what the message must repeat. questions: the extensions that it may answer. The
 * list may be empty; more than KS_PROOF_CERTIFICATES_MAX are refused. */
int ks_messages13_read_certificate(struct ks_bytes body, const char *owner, struct ks_bytes context,
				   const struct ks_extensions *questions,
				   struct ks_messages13_certificate *ret_certificate,
				   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

struct ks_messages13_verify {
	uint16_t scheme;
	struct ks_bytes signature; /* borrowed */
};

int ks_messages13_read_certificate_verify(struct ks_bytes body, struct ks_messages13_verify *ret_verify,
					  struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;
