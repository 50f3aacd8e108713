/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity: the certificate, chain and key that the agent has for a name, as OpenSSL's objects.
 *
 * Asked for at the start, and again by connections of later, so that a renewed certificate is used without a restart of
 * the tunnel. When the agent does not answer then, what is known goes on to be used: the signature will say what is
 * wrong.
 *
 * Runs in: keystay-tunnel. The key is a reference to the agent; there is nothing secret here.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>

#include "lib/base/error.h"

struct ks_tunnel_identity; /* opaque; for all threads */

/* name as in GET; "" = the only usable one. context has our provider and is borrowed. On failure why is a sentence. */
int ks_tunnel_identity_new(OSSL_LIB_CTX *context, const char *name, struct ks_tunnel_identity **ret_identity, char *why,
			   size_t why_size) KS_WARN_UNUSED;
void ks_tunnel_identity_free(struct ks_tunnel_identity *identity);

/* Gives it to a connection that is to begin. */
int ks_tunnel_identity_use(struct ks_tunnel_identity *identity, SSL *ssl) KS_WARN_UNUSED;
