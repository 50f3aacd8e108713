/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ocsp_answer: an OCSP response (RFC 6960) as DER, and who may have signed it. For this room alone: server_ocsp.c
 * (stapled ones of servers) and own_status.c (those for one's own certificate) decide what it means.
 *
 * The response is signed by the authority that issued the certificate, or by a responder to which that same authority
 * gave a certificate for OCSP signing. There is no third way: no responder is trusted by itself.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ocsp.h>
#include <openssl/x509.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/protocol/limits.h"

/* Clocks of a responder and of this machine may differ by so much. */
#define KS_OCSP_SKEW_S KS_PROOF_OCSP_SKEW_S

/* One that does not say when the next one comes is good for a day. */
#define KS_OCSP_AGE_MAX_S 86400

/* Strict DER to its last byte, or MALFORMED. ret_status: OCSPResponseStatus, 0 for successful; else it is an error
 * of the responder, which nobody signed, and *ret_basic is NULL. ret_basic is given: OCSP_BASICRESP_free(). */
int ks_ocsp_answer_read(struct ks_bytes response, int *ret_status, OCSP_BASICRESP **ret_basic) KS_WARN_UNUSED;

/* Signed by issuer, or at that time by a responder of issuer's? */
bool ks_ocsp_answer_is_signed(const OCSP_BASICRESP *basic, X509 *issuer, int64_t at);

/* Is this entry for leaf, which issuer issued? */
bool ks_ocsp_answer_is_for(const OCSP_SINGLERESP *entry, X509 *leaf, X509 *issuer);

/* Is the answer, or the entry, of a form that is wholly understood, with no unknown critical extension? */
bool ks_ocsp_answer_is_plain(OCSP_BASICRESP *basic);
bool ks_ocsp_answer_entry_is_plain(OCSP_SINGLERESP *entry);

/* How many entries there are; more than KS_OCSP_ENTRIES_MAX are too many to look through. */
#define KS_OCSP_ENTRIES_MAX 64

/* From when to when an entry holds, without skew. false for what is no time, or an end before its beginning. */
bool ks_ocsp_answer_times(const ASN1_GENERALIZEDTIME *this_update, const ASN1_GENERALIZEDTIME *next_update,
			  int64_t *ret_from, int64_t *ret_until);
