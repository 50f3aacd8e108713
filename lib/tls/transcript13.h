/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript13: reads the messages of which a TLS 1.3 client signs the hash in its CertificateVerify (RFC 8446 section
 * 4.4), as the client hands them over.
 *
 *	[message_hash or the first ClientHello, HelloRetryRequest] ClientHello, ServerHello, EncryptedExtensions,
 *	[CertificateRequest], Certificate, CertificateVerify, Finished, and then either
 *	  in the handshake:  client Certificate
 *	  or after it:       [client Certificate, [client CertificateVerify]], client Finished, CertificateRequest,
 *	                     client Certificate
 *
 * In this order, every length in them exact, and nothing after the last. Only handshakes in which the server shows a
 * certificate and signs are read; all others are refused by name: resumed sessions, compressed certificates (RFC 8879),
 * raw public keys (RFC 7250), delegated credentials (RFC 9345).
 *
 * Reads and does not hash. As nothing of a transcript is authentic in itself, what is read here is worth something only
 * when its hash is the one that is about to be signed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/tls/hello12.h"
#include "lib/tls/messages13.h"
#include "lib/tls/signable.h"

/* All borrowed from the transcript. */
struct ks_transcript13 {
	uint16_t cipher_suite;
	enum ks_hash hash; /* of the cipher suite */

	/* What is hashed. A first ClientHello that came whole goes in as message_hash (RFC 8446 section 4.4.1); what
	 * follows it are two runs of bytes that begin at the same place. */
	struct ks_bytes first_client_hello; /* or none */
	struct ks_bytes up_to_server;       /* its Certificate included: what the server has signed */
	struct ks_bytes up_to_client;       /* likewise, what the client is about to sign: all the rest */
	bool is_post_handshake;             /* the server asked after the handshake (RFC 8446 section 4.6.2) */
	struct ks_hello12 client_hello;     /* the second one, if there are two */
	struct ks_messages13_certificate server;
	struct ks_messages13_verify server_verify;
	struct ks_messages13_request request; /* the one that the client is about to answer */
	struct ks_bytes client_certificate;   /* the leaf, DER */
};

/* Any KS_ERR_INPUT_* for what is not well-formed, RULE_UNPROVABLE for what is but proves no server: the words matter
 * more. */
int ks_transcript13_read(struct ks_bytes transcript, struct ks_transcript13 *ret_transcript,
			 struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* The Transcript-Hash up to the server's Certificate and up to the client's, ks_hash_size(transcript->hash) bytes each.
 * NO_MEMORY when libcrypto fails. */
int ks_transcript13_hash(const struct ks_transcript13 *transcript, uint8_t ret_up_to_server[64],
			 uint8_t ret_up_to_client[64]) KS_WARN_UNUSED;
