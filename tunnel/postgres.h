/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres: what PostgreSQL's protocol says before TLS (its manual, "Message Flow": SSL session encryption).
 *
 * A client that may use TLS asks for it first, and is told "no" here: the tunnel does it. The server is asked for it.
 *
 * Runs in: keystay-tunnel.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"

/* Waits for the client's first message, which stays unread; before it, requests for encryption are declined. CLOSED
 * when the client left, TIMEOUT when it is silent. */
int ks_postgres_decline_encryption(int plain) KS_WARN_UNUSED;

/* Asks the server for TLS. On failure why is one sentence. */
int ks_postgres_request_tls(int server, char *why, size_t why_size) KS_WARN_UNUSED;

/* The error message (ErrorResponse) with which a client is told why there is no connection. */
void ks_postgres_send_error(int plain, const char *why);
