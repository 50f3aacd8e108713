/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay: carries bytes between a plain connection and a TLS connection until both sides are done.
 *
 * Runs in: keystay-tunnel, one thread for each connection.
 */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

/* plain is non-blocking, and so is what ssl stands on. The end of one direction is passed on (close_notify, half-close)
 * while the other goes on. Ends after idle_ms without a byte, or when stop_fd becomes readable. */
void ks_relay_run(int plain, SSL *ssl, uint32_t idle_ms, int stop_fd);
