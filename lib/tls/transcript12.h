/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript12: reads what a TLS 1.2 client signs in its CertificateVerify (RFC 5246 section 7.4.8): all handshake
 * messages from ClientHello to ClientKeyExchange, as they were sent.
 *
 *	ClientHello, ServerHello, Certificate, [CertificateStatus], [ServerKeyExchange], CertificateRequest,
 *	ServerHelloDone, client Certificate, ClientKeyExchange
 *
 * Each once, in this order, every length in them exact, and nothing after the last. HelloRequest is never part of a
 * transcript, so a renegotiated handshake looks the same. Raw public keys (RFC 7250) and supplemental data (RFC 4680)
 * are not read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/tls/certificate_list.h"
#include "lib/tls/cipher_suite12.h"
#include "lib/tls/hello12.h"
#include "lib/tls/messages12.h"
#include "lib/tls/signable.h"

struct ks_transcript12 {
	uint16_t cipher_suite;
	char server_name[256];              /* of the ClientHello: claimed by the client, not proven; or "" */
	struct ks_bytes client_certificate; /* the leaf, DER; this and all below borrowed from the input */
	struct ks_bytes schemes;            /* that the server takes, uint16 each */

	/* What a proof of the server is made of (server_claim.h). */
	struct ks_hello12 client_hello;
	struct ks_hello12 server_hello;
	enum ks_key_exchange key_exchange;
	struct ks_certificate_list server_certificates;
	struct ks_bytes ocsp_response;                     /* stapled for the server's leaf, or none */
	struct ks_messages12_key_exchange server_exchange; /* only with KS_KEY_EXCHANGE_DHE and _ECDHE */
};

/* Was this made as a sequence of handshake messages? Decides only which reader gives the reason. */
bool ks_transcript12_resembles(struct ks_bytes input);

/* INPUT_TRUNCATED, INPUT_TRAILING, INPUT_ORDER, INPUT_MISSING, INPUT_MESSAGE or INPUT_VERSION. */
int ks_transcript12_read(struct ks_bytes input, struct ks_transcript12 *ret_transcript,
			 struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* Did the server ask for this scheme? */
bool ks_transcript12_offers(const struct ks_transcript12 *transcript, uint16_t scheme_code);
