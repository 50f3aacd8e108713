/* SPDX-License-Identifier: Apache-2.0 */
/* console: see console.h. Runs in: keystay-enroll. */
#include "enrol/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "lib/base/text.h"

#define SOON_S 3600u

/* What one run was asked to leave out; a program has one console. */
static bool is_quiet;

void ks_console_be_quiet(void)
{
	is_quiet = true;
}

void ks_console_tell(const char *format, ...)
{
	va_list arguments;

	if (is_quiet)
		return;
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)putchar('\n');
	/* A log that is read while --watch runs. */
	(void)fflush(stdout);
}

void ks_console_warn(const char *format, ...)
{
	va_list arguments;
	char text[2048];

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	(void)fprintf(stderr, "keystay: %s\n", text);
}

void ks_console_time(uint64_t when, uint64_t now, char out[KS_CONSOLE_TIME_MAX])
{
	bool soon = when > now ? when - now < SOON_S : now - when < SOON_S;
	time_t seconds = (time_t)when;
	struct tm parts;

	if (!localtime_r(&seconds, &parts) ||
	    strftime(out, KS_CONSOLE_TIME_MAX, soon ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%d %H:%M", &parts) == 0)
		(void)ks_text_print(out, KS_CONSOLE_TIME_MAX, "?");
}
