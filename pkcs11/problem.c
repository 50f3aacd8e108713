/* SPDX-License-Identifier: Apache-2.0 */
/* problem: see problem.h. Runs in: keystay-token. */
#include "pkcs11/problem.h"

#include <stdarg.h>
#include <stdio.h>

int ks_problem_set(struct ks_problem *problem, int error, const char *format, ...)
{
	if (!problem)
		return error;
	va_list args;
	problem->error = error;
	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return error;
}
