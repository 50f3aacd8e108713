/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phrase: alerts, signature schemes, names and dates of TLS as people read them.
 *
 * Runs in: keystay-explain. Pure.
 */
#pragma once

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "it does not trust the CA that issued the certificate … (unknown_ca)": RFC 8446 section 6.2. */
void ks_phrase_alert(int alert, char *out, size_t size);

/* "ECDSA with P-256 and SHA-256"; for one that keystay does not sign with its name in RFC 8446 section 4.2.3, or its
 * number. In TLS 1.2 no curve is bound to ECDSA. */
void ks_phrase_scheme(uint16_t code, bool is_tls13, char *out, size_t size);

/* RFC 4514, safe to show; cut to size. */
void ks_phrase_name(const X509_NAME *name, char *out, size_t size);

/* "2026-12-21" (UTC). */
void ks_phrase_day(const ASN1_TIME *time, char *out, size_t size);

/* What is wrong with a server's certificate (X509_V_ERR_*), and what to do. ca_file: NULL = the system's. */
void ks_phrase_problem(long problem, const char *server_name, const char *ca_file, char *out, size_t size);
