/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problem: what went wrong with a certificate's life, for a person.
 *
 * Runs in: keystay-enroll. Passed down as the last parameter of whatever can fail; set once, where it happens.
 */
#pragma once

#include <stdbool.h>

#include "client/client.h"
#include "lib/base/error.h"
#include "lib/base/secret.h"

struct ks_enrol_problem {
	int code;      /* KS_ERR_* */
	bool is_final; /* the same again will fail the same way until a person changes something */
	uint64_t
		later; /* when to try again, seconds since 1970: before that it will fail the same way; 0: nobody knows */
	char text
		[1024]; /* one or two sentences with the next step, without a final newline; what peers said is escaped */
};

/* Sets problem and returns code (< 0), so that it can be returned. */
int ks_enrol_problem_set(struct ks_enrol_problem *problem, int code, const char *format, ...) KS_PRINTF(3, 4);
/* The same, and is_final. */
int ks_enrol_problem_final(struct ks_enrol_problem *problem, int code, const char *format, ...) KS_PRINTF(3, 4);
/* Where there is nothing to say but what the code does: memory that ran out, a failing system. */
int ks_enrol_problem_code(struct ks_enrol_problem *problem, int code);
/* What the agent said. */
int ks_enrol_problem_client(struct ks_enrol_problem *problem, const struct ks_client_error *error);

/* Takes a profile's secret (NULL: there is none) out of the words: as it is, as it looks when it is escaped, and with the
 * user (or NULL) as HTTP basic sends it. A server, proxy or program may say what it was sent, and words are kept, logged
 * and shown. Because words are cut, so is what begins with the first eight characters of one of these. */
void ks_enrol_problem_hide(struct ks_enrol_problem *problem, const struct ks_secret *secret, const char *user);
