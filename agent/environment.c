/* SPDX-License-Identifier: Apache-2.0 */
/* environment: see environment.h. Runs in: keystay-agent. */
#include "agent/environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a vendor's module or a dialog may need is kept; what changes how programs load code is not, and neither is an
 * OpenSSL configuration: one that names keystay would call back into us (DESIGN section 8; unset still reads the
 * system's). */
static bool passes_on(const char *variable)
{
	static const char *const dropped[] = { "LD_",
					       "OPENSSL_",
					       "GCONV_PATH=",
					       "LOCPATH=",
					       "MALLOC_",
					       "GLIBC_",
					       "KEYSTAY_SOCK=",
					       "KEYSTAY_CONTROL_SOCK=",
					       "NOTIFY_SOCKET=",
					       "LISTEN_",
					       "CREDENTIALS_DIRECTORY=" };

	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
		if (strncmp(variable, dropped[i], strlen(dropped[i])) == 0)
			return false;
	}
	return true;
}

static bool is_replaced(char *const *own, const char *variable)
{
	size_t name = strcspn(variable, "=") + 1;

	for (; *own; own++) {
		if (strncmp(*own, variable, name) == 0)
			return true;
	}
	return false;
}

char **ks_environment_make(char *const *own, char *const *extra)
{
	size_t n = 0, n_own = 0, n_extra = 0;
	while (environ[n])
		n++;
	while (own[n_own])
		n_own++;
	while (extra[n_extra])
		n_extra++;
	char **result = calloc(n + n_own + n_extra + 1, sizeof(*result));
	if (!result)
		return NULL;
	size_t used = 0;
	for (size_t i = 0; i < n; i++) {
		if (passes_on(environ[i]) && !is_replaced(own, environ[i]))
			result[used++] = environ[i];
	}
	for (size_t i = 0; i < n_own; i++)
		result[used++] = own[i];
	for (size_t i = 0; i < n_extra; i++)
		result[used++] = extra[i];
	return result;
}
