/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits: the quantities and waits of keystay-explain that are not the tunnel's (tunnel/limits.h).
 *
 * Runs in: keystay-explain.
 */
#pragma once

/* In TLS 1.3 a server judges the certificate after the client's handshake has ended, and then says no, sends a ticket,
 * or nothing at all. Silence for so long is "no objection". */
#define KS_EXPLAIN_VERDICT_MS 3000u

/* Of an answer only the status line is read (RFC 9112 section 4). */
#define KS_EXPLAIN_STATUS_MAX 512u

/* What stands behind the host in a URL. Servers take 8 KiB. */
#define KS_EXPLAIN_PATH_MAX 4096u
