/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scep_caps: what a SCEP server says it can do (RFC 8894 section 3.5).
 *
 * Runs in: keystay-enroll. Nobody signs this answer: whoever sits on the line of a plain http server can shorten it. So
 * nothing weak is ever chosen by it; what is missing is an error.
 */
#pragma once

#include <stdbool.h>

#include "enrol/base/problem.h"
#include "lib/base/bytes.h"

struct ks_scep_caps {
	bool aes;    /* AES128-CBC */
	bool des3;   /* triple DES-CBC */
	bool sha256; /* SHA-256 */
	bool post;   /* PKIOperation by HTTP POST */
	bool some;   /* any word was known */
};

/* One word a line, by any line end, in any case; unknown words are passed over. */
void ks_scep_caps_read(struct ks_bytes text, struct ks_scep_caps *ret_caps);

/* Can a request be made for it? legacy: triple DES will do where there is no AES. whose: "SCEP server http://…". Final,
 * and says what the CA must change. */
int ks_scep_caps_check(const struct ks_scep_caps *caps, bool legacy, const char *whose,
		       struct ks_enrol_problem *problem) KS_WARN_UNUSED;
