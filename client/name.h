/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name: X.501 Names in DER (RFC 5280 section 4.1.2.4): are two the same, and what is one called?
 *
 * The same as OpenSSL's X509_NAME_cmp(3) finds them: strings are compared by their characters, whatever type of string
 * holds them, without regard to ASCII case and to spaces at the ends and in a row. A server that names a CA and the
 * certificate that this CA has issued need not have been written by one program. Pure, libc only.
 *
 * Runs in: keystay and, by the plug-ins, any program.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"

/* Both are whole elements. What is no Name equals nothing but the same bytes. */
bool ks_name_equal(struct ks_bytes a, struct ks_bytes b);

/* What to call it: its last common name, else its last value of any kind; "certificate" when there is no text. Given;
 * NULL when memory runs out. */
char *ks_name_label(struct ks_bytes name);
