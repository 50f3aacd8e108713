/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_ocsp: does a stapled OCSP response (RFC 6960) say that a certificate is good? For this room alone.
 */
#pragma once

#include <stdint.h>

#include "lib/tls/server_chain.h"

/* issuer: the certificate of whoever issued leaf. 0, or RULE_UNPROVABLE with a clause. */
int ks_server_ocsp_check(struct ks_bytes response, X509 *leaf, X509 *issuer, int64_t now,
			 char ret_reason[KS_REASON_SIZE]) KS_WARN_UNUSED;
