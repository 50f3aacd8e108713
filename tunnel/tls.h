/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls: the TLS client of the tunnel: one identity of the agent, one server, verified.
 *
 * Runs in: keystay-tunnel. Its OpenSSL is set up here alone, from no configuration file: the default provider, our
 * signing provider and our tap, both from an installation of ours.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>

#include "lib/base/error.h"
#include "tunnel/options.h"

struct ks_tls; /* opaque; for all threads */

/* Loads everything once and asks the agent for the certificate. NO_AGENT is told apart; why is one sentence. */
int ks_tls_new(const struct ks_options *options, struct ks_tls **ret_tls, char *why, size_t why_size) KS_WARN_UNUSED;
void ks_tls_free(struct ks_tls *tls);

/* A handshake over fd (non-blocking, borrowed). Blocks while the agent signs, however long that takes. ret_ssl is
 * given. */
int ks_tls_connect(struct ks_tls *tls, int fd, SSL **ret_ssl, char *why, size_t why_size) KS_WARN_UNUSED;
