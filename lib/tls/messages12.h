/* SPDX-License-Identifier: Apache-2.0 */
/*
 * messages12: reads the bodies of those TLS 1.2 handshake messages (RFC 5246 section 7.4) that are neither hello.
 *
 * Each reader takes the body without its header and looks at every length in it. All give INPUT_TRUNCATED for lengths
 * and INPUT_MESSAGE for contents. Signatures of the server are not verified here.
 */
#pragma once

#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/tls/certificate_list.h"
#include "lib/tls/cipher_suite12.h"
#include "lib/tls/signable.h"

/* owner: "server" or "client", for the sentence. The list must have a leaf. */
int ks_messages12_read_certificate(struct ks_bytes body, const char *owner, struct ks_certificate_list *ret_list,
				   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* RFC 6066 section 8, RFC 6961 section 2.2. ret_response: the leaf's (DER, borrowed), or none. */
int ks_messages12_read_certificate_status(struct ks_bytes body, struct ks_bytes *ret_response,
					  struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* All borrowed from the body. */
struct ks_messages12_key_exchange {
	struct ks_bytes params; /* ServerECDHParams or ServerDHParams, the part that is signed */
	uint16_t scheme;        /* SignatureAndHashAlgorithm of the server */
	struct ks_bytes signature;
};

/* Of DHE and ECDHE suites (RFC 5246 section 7.4.3, RFC 8422 section 5.4); others have none. */
int ks_messages12_read_server_key_exchange(struct ks_bytes body, enum ks_key_exchange key_exchange,
					   struct ks_messages12_key_exchange *ret_exchange,
					   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* ret_schemes: supported_signature_algorithms, uint16 each, borrowed. */
int ks_messages12_read_certificate_request(struct ks_bytes body, struct ks_bytes *ret_schemes,
					   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

int ks_messages12_read_client_key_exchange(struct ks_bytes body, enum ks_key_exchange key_exchange,
					   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;
