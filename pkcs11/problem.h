/* SPDX-License-Identifier: Apache-2.0 */
/*
 * problem: why something could not be done: the error's number and the one sentence for the person who waits.
 *
 * Runs in: keystay-token. The place that knows what went wrong writes the sentence; the others hand it on.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/error.h"

struct ks_problem {
	int error; /* KS_ERR_*, 0 before anything was said */
	char text[640];
	bool not_given; /* of a request with a PIN: it failed before the token was given it */
};

/* Returns error, so that "return ks_problem_set(…)" ends a function. problem may be NULL: nobody wants to know. */
int ks_problem_set(struct ks_problem *problem, int error, const char *format, ...) KS_PRINTF(3, 4);
