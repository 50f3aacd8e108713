/* SPDX-License-Identifier: Apache-2.0 */
/* refusal: see refusal.h. Runs in: keystay-agent. */
#include "lib/tls/refusal.h"

#include <stdarg.h>
#include <stdio.h>

int ks_refusal_give(struct ks_signable_refusal *refusal, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(refusal->text, sizeof(refusal->text), format, arguments);
	va_end(arguments);
	return error;
}
