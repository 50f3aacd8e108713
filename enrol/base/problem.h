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
