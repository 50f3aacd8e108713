/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_chain: is a server's certificate issued, by whom it must be, for a server, for this name, and valid now?
 * The parts of server_proof.c that read X.509 by OpenSSL; for this room alone.
 *
 * Every no is KS_ERR_RULE_UNPROVABLE with a clause in plain words in ret_reason, which goes on after "the server is not
 * proven: ". What stands in certificates is escaped and cut before it gets there.
 */
#pragma once

#include <stdint.h>

#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/tls/server_trust.h"

#define KS_REASON_SIZE 256

/* Writes the clause, returns RULE_UNPROVABLE. */
int ks_server_chain_refuse(char reason[KS_REASON_SIZE], const char *format, ...) KS_PRINTF(2, 3) KS_WARN_UNUSED;

/* One DER certificate, strictly. NULL when it is none. Given. */
X509 *ks_server_chain_read(struct ks_bytes der);

/* Seconds since 1970; false for what is no time. */
bool ks_server_chain_read_time(const ASN1_TIME *time, int64_t *ret_seconds);

/* Chain to the anchors, validity at now, purpose, name constraints, path length, strength (OpenSSL's level 2). others: what
 * the server sent beside its leaf, in any order. ret_chain: leaf first; sk_X509_pop_free(chain, X509_free). */
int ks_server_chain_verify(const struct ks_server_trust *trust, X509 *leaf, STACK_OF(X509) * others, int64_t now,
			   STACK_OF(X509) * *ret_chain, char ret_reason[KS_REASON_SIZE]) KS_WARN_UNUSED;

/* May the key of this certificate sign a TLS handshake as a server's? */
int ks_server_chain_check_usage(X509 *leaf, char ret_reason[KS_REASON_SIZE]) KS_WARN_UNUSED;

/* RFC 9525: one of the certificate's dNSNames is this name, or has "*" as its whole left-most label and the name's other
 * labels, two at least, as the others. */
int ks_server_chain_check_name(X509 *leaf, const char *name, char ret_reason[KS_REASON_SIZE]) KS_WARN_UNUSED;
