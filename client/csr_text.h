/* SPDX-License-Identifier: Apache-2.0 */
/*
 * csr_text: whom a certificate is to name, as people type it, in the DER that a request (lib/protocol/csr.h) has.
 *
 * Runs in: keystay, and whatever asks a CA for a certificate. Pure, libc only.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* What is wrong with what somebody typed, for a person: one sentence. */
struct ks_csr_problem {
	char text[256];
};

/* --- csr_subject.c ----------------------------------------------------------------------------------------------- */

/* Appends a Name. text is "/C=DE/O=Example/CN=alice", as OpenSSL has it ('\' before a character that stands for itself,
 * '+' between parts of one RDN), or RFC 4514's "CN=alice,O=Example,C=DE", the last part first. A type is a short name or
 * a dotted OID. "" and "/" are the empty name. INVALID with ret_problem. */
int ks_csr_subject_put(struct ks_buffer *out, const char *text, struct ks_csr_problem *ret_problem) KS_WARN_UNUSED;

/* --- csr_names.c ------------------------------------------------------------------------------------------------- */

/* Appends GeneralNames (RFC 5280 section 4.2.1.6). text is "dns:www.example.org,email:alice@example.org": dns, email, uri,
 * ip and upn (the Windows user, an otherName). A comma ends a name only where another kind follows. INVALID with
 * ret_problem. */
int ks_csr_names_put(struct ks_buffer *out, const char *text, struct ks_csr_problem *ret_problem) KS_WARN_UNUSED;
