/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_envelope: decrypts what a CA sent to a transaction: certificates in an EnvelopedData (RFC 8894 section 3.3.2.1).
 *
 * Runs in: keystay-enroll. AES and triple DES. Single DES only where the profile says so, in a library context of its
 * own: OpenSSL's legacy provider is in no other.
 */
#pragma once

#include "enrol/drivers/scep_answer.h"

/* Appends all certificates in it to out, DER, one behind the other. */
int ks_scep_envelope_open(struct ks_bytes der, const struct ks_scep_context *context, struct ks_buffer *out,
			  struct ks_enrol_problem *problem) KS_WARN_UNUSED;
