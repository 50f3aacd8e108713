/* SPDX-License-Identifier: Apache-2.0 */
/* problem: see problem.h. Runs in: keystay-enroll. */
#include "enrol/base/problem.h"

#include <stdarg.h>
#include <stdio.h>

static int KS_PRINTF(4, 0) set(struct ks_enrol_problem *problem, int code, bool is_final, const char *format,
			       va_list arguments)
{
	problem->code = code;
	problem->is_final = is_final;
	problem->later = 0;
	(void)vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	return code;
}

int ks_enrol_problem_set(struct ks_enrol_problem *problem, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)set(problem, code, false, format, arguments);
	va_end(arguments);
	return code;
}

int ks_enrol_problem_final(struct ks_enrol_problem *problem, int code, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)set(problem, code, true, format, arguments);
	va_end(arguments);
	return code;
}

int ks_enrol_problem_code(struct ks_enrol_problem *problem, int code)
{
	return ks_enrol_problem_set(problem, code, "%s", ks_error_text(code));
}

int ks_enrol_problem_client(struct ks_enrol_problem *problem, const struct ks_client_error *error)
{
	return ks_enrol_problem_set(problem, error->code, "%s", error->text);
}
