/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials: an identity of the agent as OpenSSL's objects: certificate, chain and key.
 *
 * Runs in: keystay-tunnel, keystay-explain, keystay-enroll. The key is a reference to the agent; there is nothing secret here.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>

#include "client/client.h"
#include "lib/base/error.h"

/* What one answer of the agent was. */
struct ks_credentials {
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf */
	EVP_PKEY *key;
};

/* context has our provider. On failure why is a sentence. */
int ks_credentials_make(OSSL_LIB_CTX *context, const struct ks_client_identity *identity,
			struct ks_credentials *ret_credentials, char *why, size_t why_size) KS_WARN_UNUSED;
void ks_credentials_deinit(struct ks_credentials *credentials);

/* Gives them to a connection. */
int ks_credentials_use(const struct ks_credentials *credentials, SSL *ssl) KS_WARN_UNUSED;
/* Gives them to all connections of a context. */
int ks_credentials_use_always(const struct ks_credentials *credentials, SSL_CTX *ssl) KS_WARN_UNUSED;
