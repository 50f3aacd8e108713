/* SPDX-License-Identifier: Apache-2.0 */
/*
 * choice: which TLS SignatureScheme a program means by digest, padding, salt length and MGF1 digest.
 *
 * OpenSSL sets these one by one and in any order (libssl: digest, then padding, then salt length), as numbers or as
 * words; only together they name a scheme. What is not part of any scheme is refused in words as it comes.
 */
#pragma once

#include <openssl/core.h>

#include "client/openssl/key.h"
#include "client/openssl/report.h"
#include "lib/protocol/scheme.h"

/* A salt as long as the digest, the only one TLS has (RFC 8446 section 4.2.3). */
#define KS_SALT_AS_DIGEST (-1)

struct ks_choice {
	enum ks_key_algorithm algorithm;
	enum ks_signing signing;
	enum ks_hash hash;
	bool has_mgf1;
	enum ks_hash mgf1;
	int salt; /* bytes, or KS_SALT_AS_DIGEST */
};

/* The start for a key: its usual padding and digest_name, NULL or "" meaning its usual digest.
 * All functions return 1, or 0 with an error in OpenSSL's queue. */
int ks_choice_start(struct ks_choice *choice, const struct ks_key *key, const char *digest_name,
		    struct ks_report *report);

int ks_choice_set_params(struct ks_choice *choice, const OSSL_PARAM params[], struct ks_report *report);
int ks_choice_get_params(const struct ks_choice *choice, OSSL_PARAM params[], struct ks_report *report);

const OSSL_PARAM *ks_choice_settable(void);
const OSSL_PARAM *ks_choice_gettable(void);

/* NULL with an error in the queue when what was chosen is no scheme. */
const struct ks_scheme *ks_choice_scheme(const struct ks_choice *choice, struct ks_report *report);
