/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello13: reads the hellos of a TLS 1.3 handshake (RFC 8446 section 4.1), each held against what it answers.
 *
 * A HelloRetryRequest is a ServerHello with a random of its own; which of the two may stand where is transcript13's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"
#include "lib/tls/hello12.h"
#include "lib/tls/signable.h"

/* Of the cipher suite (RFC 8446 appendix B.4); NONE for what is no suite of TLS 1.3 that is known here. */
enum ks_hash ks_hello13_suite_hash(uint16_t suite);

/* The body of a ServerHello: does its random say HelloRetryRequest? */
bool ks_hello13_is_retry(struct ks_bytes body);

/* A ClientHello that offers TLS 1.3 with certificates. */
int ks_hello13_read_client(struct ks_bytes body, struct ks_hello12 *ret_hello, struct ks_signable_refusal *ret_refusal)
	KS_WARN_UNUSED;

/* A HelloRetryRequest; second is the ClientHello after it, which must do what it was asked. */
int ks_hello13_read_retry(struct ks_bytes body, const struct ks_hello12 *second, struct ks_hello12 *ret_retry,
			  struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* The ServerHello of a handshake with certificates; retry: the HelloRetryRequest before it, or NULL. */
int ks_hello13_read_server(struct ks_bytes body, const struct ks_hello12 *client, const struct ks_hello12 *retry,
			   struct ks_hello12 *ret_hello, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* A client changes nothing in its second ClientHello but what the server has asked for (RFC 8446 section 4.1.2). */
int ks_hello13_check_second(const struct ks_hello12 *first, const struct ks_hello12 *second,
			    struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;

/* No answer without its question: RFC 8446 section 4.2. message: for the sentence. */
int ks_hello13_check_answers(const struct ks_extensions *questions, const struct ks_extensions *answers,
			     const char *message, struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;
