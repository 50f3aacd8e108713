/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connections: the connections that there are, each in a thread of its own.
 *
 * OpenSSL calls a signing provider in the middle of its handshake and waits for it; with a locked token that is a
 * dialog's time. In one event loop all connections would wait for that one. A connection can also be asked for a
 * signature after its handshake (TLS 1.3 post-handshake authentication), so that handshakes in threads of their own
 * would not do.
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"
#include "tunnel/options.h"
#include "tunnel/tls.h"

struct ks_connections; /* opaque */

/* Both are borrowed. There is no way to free it: threads that did not end in time use it until the process ends. */
int ks_connections_new(const struct ks_options *options, struct ks_tls *tls, struct ks_connections **ret_connections)
	KS_WARN_UNUSED;

/* plain is taken. Beyond KS_TUNNEL_CONNECTIONS it is closed, which the log says. */
void ks_connections_start(struct ks_connections *connections, int plain);

/* All are told, and have KS_TUNNEL_GRACE_MS; something on hurry_fd ends that at once. */
void ks_connections_drain(struct ks_connections *connections, int hurry_fd);
