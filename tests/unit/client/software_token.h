/* SPDX-License-Identifier: Apache-2.0 */
/*
 * software_token: a fake agent that signs with software keys, as keystay-agent would with those on a token: only TLS
 * handshakes, with everything it was asked recorded.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tests/unit/client/fake_agent.h"

enum software_key_kind {
	SOFTWARE_RSA,
	SOFTWARE_RSA_PSS,
	SOFTWARE_P256,
	SOFTWARE_P384,
	SOFTWARE_P521,
	SOFTWARE_ED25519,
	SOFTWARE_N_KINDS,
};

/* One key with a certificate that it has signed itself. */
struct software_key {
	const char *name;
	EVP_PKEY *pkey;
	X509 *certificate;
	struct ks_buffer spki; /* DER, as the certificate says it */
	uint8_t spki_hash[32];
	char *reference; /* PEM, "-----BEGIN KEYSTAY KEY-----" */
	char *certificate_pem;
};

struct software_token {
	struct fake_agent agent;
	struct software_key keys[SOFTWARE_N_KINDS];
	/* what was asked; read it only after the client has its answer */
	atomic_uint n_gets;
	atomic_uint n_signatures;
	atomic_uint n_refused;
	uint32_t last_scheme;
	size_t last_input_size;
	uint8_t last_input[256];  /* its beginning */
	bool has_no_certificates; /* GET tells of keys alone; else of a chain: the key's certificate, then that of RSA */
	const char *refuse_with;  /* TOKEN_LOCKED with this sentence, whatever is asked */
};

/* Makes the keys and starts the agent. */
void software_token_start(struct software_token *token);
void software_token_stop(struct software_token *token);

/* The sentence for input that is no TLS handshake. */
#define SOFTWARE_REFUSAL "this is not a TLS handshake, and keystay signs nothing else"
