/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: the TLS client of the tunnel: one identity of the agent, one server, verified.
 *
 * Runs in: keystay-tunnel. Its OpenSSL is set up here alone, from no configuration file: the default provider, our
 * signing provider and our tap, both from the folder beside the program.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>

#include "lib/base/error.h"

struct ks_tls_options {
	const char *name;        /* of the identity; "" = the only usable one */
	const char *certificate; /* PEM file with leaf and chain, which `keystay cert` wrote; borrowed */
	const char *ca_file;     /* or NULL: the system's */
	const char *host;        /* of the target, which its certificate must name */
	const char *alpn;        /* "h2,http/1.1", or NULL */
};

struct ks_tls; /* opaque */

/* Loads everything once. On failure why is one sentence. */
int ks_tls_new(const struct ks_tls_options *options, struct ks_tls **ret_tls, char *why, size_t why_size)
	KS_WARN_UNUSED;
void ks_tls_free(struct ks_tls *tls);

/* A handshake over fd (non-blocking, borrowed) until deadline_ms (monotonic). ret_ssl is given. */
int ks_tls_connect(struct ks_tls *tls, int fd, uint64_t deadline_ms, SSL **ret_ssl, char *why, size_t why_size)
	KS_WARN_UNUSED;
