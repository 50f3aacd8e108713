/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: carries bytes between a plain connection and a TLS connection until both sides are done.
 *
 * One buffer of a TLS record for each direction: what one side does not take is not read from the other. The end of one
 * direction is passed on (close_notify, half-close) while the other goes on.
 *
 * Runs in: keystay-tunnel, one thread for each connection.
 */
#pragma once

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum ks_relay_end {
	KS_RELAY_DONE,    /* both directions came to their end, or the client left */
	KS_RELAY_IDLE,    /* silence */
	KS_RELAY_STOPPED, /* the tunnel ends */
	KS_RELAY_CUT,     /* the server's data ended without close_notify: it may be cut off */
	KS_RELAY_FAILED,  /* TLS failed, or the server refused; why says it */
};

struct ks_relay_limits {
	uint32_t idle_ms;
	int stop_fd; /* readable once the tunnel ends; then there is KS_TUNNEL_GRACE_MS */
};

/* plain is non-blocking, and so is what ssl stands on; both are borrowed. After CUT and FAILED the client is not told a
 * good end where its socket knows another one (TCP: reset at close). */
enum ks_relay_end ks_relay_run(int plain, SSL *ssl, const struct ks_relay_limits *limits, char *why, size_t why_size);
