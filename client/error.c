/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error: see error.h. The border at which errno becomes one of ours.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never writes a secret into a sentence.
 */
#include "client/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ks_client_fail(struct ks_client_error *ret_error, int code, const char *format, ...)
{
	if (!ret_error)
		return code;
	ret_error->code = code;
	if (!format) {
		(void)snprintf(ret_error->text, sizeof(ret_error->text), "%s", ks_error_text(code));
		return code;
	}
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(ret_error->text, sizeof(ret_error->text), format, arguments);
	va_end(arguments);
	return code;
}

int ks_client_fail_errno(struct ks_client_error *ret_error, int error_number, const char *doing, const char *path)
{
	/* Not strerror(), which keeps its text in memory that another thread of the host may be using. */
	const char *words = strerrordesc_np(error_number);

	return ks_client_fail(ret_error, ks_error_from_errno(error_number), "cannot %s %s: %s", doing, path,
			      words ? words : "unknown error");
}
