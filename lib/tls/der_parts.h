/* SPDX-License-Identifier: Apache-2.0 */
/*
 * der_parts: what requests of all kinds have in them: names and extensions (RFC 5280 section 4.1).
 *
 * Runs in: keystay-agent, before a request is signed (invariant I2). Pure; bounded by KS_REQUEST_NAME_PARTS_MAX and
 * KS_REQUEST_EXTENSIONS_MAX. The caller has found, or will find, that all of it is DER (der_strict.h).
 */
#pragma once

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/protocol/limits.h"

/* Object identifiers that were there before. */
struct ks_der_seen {
	struct ks_bytes types[KS_REQUEST_EXTENSIONS_MAX];
	size_t n;
};

/* Is this one new, and are there fewer than max? */
bool ks_der_parts_is_new(struct ks_der_seen *seen, struct ks_bytes type, size_t max);

/* What stands in the SEQUENCE of a Name (RFC 5280 section 4.1.2.4). It may be empty where subjectAltName says all (section
 * 4.1.2.6). */
bool ks_der_parts_is_name(struct ks_bytes contents);

/* What stands in Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension: none twice. */
bool ks_der_parts_are_extensions(struct ks_bytes contents);
