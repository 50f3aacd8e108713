/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handshake: real TLS handshakes with client authentication, in memory, between two ends of OpenSSL's libssl.
 *
 * What the client signed is put together from the handshake messages that libssl shows (SSL_set_msg_callback), not
 * taken from libssl's own idea of it; that it is the right thing is proven by the client's signature over it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "lib/base/buffer.h"

/* Members that are left out mean "as OpenSSL does it by itself". */
struct ks_handshake_setup {
	int version;            /* TLS1_2_VERSION or TLS1_3_VERSION: the highest that the server takes */
	bool only_version;      /* the client offers no other */
	const char *client_key; /* as ks_handshake_key() */
	const char *server_key;
	const char *suites; /* TLS 1.2, OpenSSL's names */
	const char *suites13;
	const char *schemes;     /* what the server asks for, OpenSSL's names */
	const char *groups;      /* of the server: one that the client guesses wrongly makes it retry (TLS 1.3) */
	const char *server_name; /* SNI */
	bool without_extended_master_secret;
	bool without_tickets;
	bool with_staple; /* OCSP */
	bool with_alpn;
	bool with_ca_names;
	bool with_chain;      /* the client sends more than its leaf */
	bool asks_later;      /* TLS 1.2: in a renegotiation; TLS 1.3: after the handshake */
	bool asks_always;     /* TLS 1.3: in the handshake and, when asks_later, after it again */
	bool asks_twice;      /* TLS 1.3: two times after the handshake; the second one counts */
	bool resumes;         /* TLS 1.3: a session of an earlier connection */
	int n_server_issuers; /* certificates that the server shows after its leaf */
};

struct ks_handshake {
	struct ks_buffer input;     /* what the client signed */
	struct ks_buffer messages;  /* TLS 1.3: what was hashed for it, as it was sent */
	struct ks_buffer hashed;    /* likewise, with message_hash in place of a first ClientHello */
	struct ks_buffer signature; /* what came of it */
	struct ks_buffer spki;      /* of the client's certificate, DER */
	uint16_t scheme;
	uint16_t suite;
};

/* Fails the test when the handshake does not succeed. */
void ks_handshake_run(const struct ks_handshake_setup *setup, struct ks_handshake *ret_handshake);
void ks_handshake_deinit(struct ks_handshake *handshake);

/* "RSA-2048", "RSA-3072", "RSA-PSS-2048", "P-256", "P-384", "P-521", "Ed25519": made once per process. Borrowed. */
EVP_PKEY *ks_handshake_key(const char *type);

/* A self-signed certificate of that key. Given. */
X509 *ks_handshake_certificate(const char *type, const char *common_name);

/* The DER form of each. */
void ks_handshake_put_spki(struct ks_buffer *buffer, const char *type);
void ks_handshake_put_certificate(struct ks_buffer *buffer, X509 *certificate);
