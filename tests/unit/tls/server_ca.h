/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_ca: certificate authorities, servers' certificates, OCSP responses and servers' signatures for tests, each with
 * exactly the mistake that a test wants.
 *
 * Runs in: tests. What cannot be made ends the program.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "lib/base/buffer.h"
#include "lib/tls/server_claim.h"
#include "lib/tls/server_trust.h"

#define SERVER_CA_EXTENSIONS_MAX 8

/* An extension as OpenSSL's configuration files write it: "basicConstraints", "critical,CA:TRUE". */
struct server_ca_extension {
	const char *name, *value;
};

struct server_ca_plan {
	const char *key;         /* "P-256", "P-384", "P-521", "RSA-2048", "RSA-1024", "RSA-PSS-2048", "Ed25519" */
	const char *common_name; /* of the subject */
	int64_t from, until;     /* seconds since 1970 */
	const char *hash;        /* that it is signed over; NULL: SHA256, or none for Ed25519 */
	struct server_ca_extension extensions[SERVER_CA_EXTENSIONS_MAX];
};

struct server_ca_certificate {
	X509 *x509;
	EVP_PKEY *key;
	struct ks_buffer der;
};

/* issuer NULL: signed by itself. Each call has a key of its own. */
void server_ca_make(struct server_ca_certificate *certificate, const struct server_ca_plan *plan,
		    const struct server_ca_certificate *issuer);
void server_ca_deinit(struct server_ca_certificate *certificate);

/* Appends its PEM. */
void server_ca_put_pem(struct ks_buffer *buffer, const struct server_ca_certificate *certificate);

struct server_ca_response {
	const struct server_ca_certificate *of, *issuer; /* whose certificate, and who issued it */
	const struct server_ca_certificate *signer;      /* NULL: issuer */
	bool without_signer;                             /* its certificate does not come along */
	bool by_key;                                     /* the responder is named by its key */
	bool sha256_id;                                  /* of the certificate's id; else SHA-1, as usual */
	const char *hash;                                /* that it is signed over; NULL: SHA256 */
	int status;                                      /* V_OCSP_CERTSTATUS_GOOD … */
	int reason;                                      /* of a revoked one: CRL_REASON_…; 0: none */
	int64_t this_update, next_update;                /* 0: none */
	bool with_critical_extension;
};

/* A DER OCSPResponse. */
void server_ca_put_response(struct ks_buffer *buffer, const struct server_ca_response *response);

/* An OCSPResponse that is an error (RFC 6960 section 4.2.1), as "tryLater". */
void server_ca_put_error_response(struct ks_buffer *buffer, int status);

struct server_ca_signature {
	const char *hash; /* "SHA256"; NULL for Ed25519 */
	bool pss;
	int salt;         /* RSA_PSS_SALTLEN_DIGEST … */
	const char *mgf1; /* NULL: hash */
};

/* The signature of this key over input. */
void server_ca_sign(struct ks_buffer *buffer, EVP_PKEY *key, const struct server_ca_signature *how,
		    struct ks_bytes input);
