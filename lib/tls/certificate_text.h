/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_text: the words in a certificate, made fit to be shown and compared.
 *
 * Who had the certificate made chose them, so they are escaped (ks_text_valid() holds for each) and cut to
 * KS_CERTIFICATE_TEXT_MAX bytes; what was cut ends in "...".
 */
#pragma once

#include <openssl/types.h>

#include "lib/base/error.h"

/* Fits the fields of an identity record (lib/protocol/messages.def). */
#define KS_CERTIFICATE_TEXT_MAX 1023u

/* All owned, never NULL; "" when absent. */
struct ks_certificate_text {
	char *subject; /* RFC 4514 */
	char *issuer;
	char *common_name; /* the most specific one */
	char *email;
	char *upn;
	char *template_name;
};

/* Also on failure, ks_certificate_text_deinit() afterwards. */
int ks_certificate_text_read(X509 *x509, struct ks_certificate_text *text) KS_WARN_UNUSED;
void ks_certificate_text_deinit(struct ks_certificate_text *text);
