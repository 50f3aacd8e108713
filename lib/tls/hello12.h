/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello12: reads the ClientHello and ServerHello of a TLS 1.2 handshake (RFC 5246 section 7.4.1). The ClientHello is
 * that of TLS 1.3 as well, of which hello13.h knows more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/tls/extensions.h"
#include "lib/tls/signable.h"

/* All borrowed from the input. */
struct ks_hello12 {
	struct ks_bytes random;
	struct ks_bytes session_id;
	struct ks_bytes cipher_suites; /* uint16 each; a server's is exactly one */
	struct ks_bytes compressions;  /* likewise, uint8 each */
	struct ks_extensions extensions;
};

/* The body of the message, without its header. INPUT_VERSION, INPUT_TRUNCATED, INPUT_MESSAGE. */
int ks_hello12_read_client(struct ks_bytes body, struct ks_hello12 *ret_hello, struct ks_signable_refusal *ret_refusal)
	KS_WARN_UNUSED;

/* Also holds the answer against the question: the suite and the extensions must have been offered. */
int ks_hello12_read_server(struct ks_bytes body, const struct ks_hello12 *client, struct ks_hello12 *ret_hello,
			   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* The fields of a ServerHello alone, held against nothing; place: whose extensions they are. */
int ks_hello12_read_answer(struct ks_bytes body, enum ks_extensions_place place, struct ks_hello12 *ret_hello,
			   struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* Is this ServerHello a HelloRetryRequest of TLS 1.3 (RFC 8446 section 4.1.3)? */
bool ks_hello12_is_retry(struct ks_bytes server_random);

/* The suite that a server chose. */
uint16_t ks_hello12_cipher_suite(const struct ks_hello12 *server);

/* The name of the server that a client asks for (RFC 6066 section 3), or "" when there is none or when it is not a
 * host name that can be shown. ret_name has room for 256 bytes. */
void ks_hello12_server_name(const struct ks_hello12 *client, char ret_name[256]);
