/* SPDX-License-Identifier: Apache-2.0 */
/* settings_variables: see settings_variables.h. Runs in: keystay-agent. */
#include "agent/settings_variables.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

/* Names, or beginnings of names. */
static const struct {
	const char *name;
	const char *why;
} forbidden[] = {
	{ "LD_", "LD_* changes what code programs load, and is not a module's to set" },
	{ "GCONV_PATH=", "GCONV_PATH changes what code programs load, and is not a module's to set" },
	{ "LOCPATH=", "LOCPATH changes what programs load, and is not a module's to set" },
	{ "GLIBC_", "GLIBC_* changes how memory is handled, and is not a module's to set" },
	{ "MALLOC_", "MALLOC_* changes how memory is handled, and is not a module's to set" },
	{ "OPENSSL_", "OPENSSL_* could load keystay into its own worker; it is never passed on" },
	{ "KEYSTAY_", "KEYSTAY_* is keystay's own" },
	{ "LISTEN_", "LISTEN_* is between systemd and the agent" },
	{ "NOTIFY_SOCKET=", "NOTIFY_SOCKET is between systemd and the agent" },
	{ "CREDENTIALS_DIRECTORY=", "CREDENTIALS_DIRECTORY is between systemd and the agent" },
};

/* Why it must not be set; NULL when it may. */
static const char *why_forbidden(const char *variable)
{
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		if (strncmp(variable, forbidden[i].name, strlen(forbidden[i].name)) == 0)
			return forbidden[i].why;
	}
	return NULL;
}

/* A letter or '_', then letters, digits, '_'; then '='. NULL when it is so. */
static const char *why_no_variable(const char *text)
{
	size_t size = 0;

	while (isalnum((unsigned char)text[size]) || text[size] == '_')
		size++;
	if (size == 0 && text[0] == '=')
		return "a variable has no name";
	if (isdigit((unsigned char)text[0]) || (size == 0 && text[0] != '\0'))
		return "a variable's name begins with a letter";
	if (!strchr(text, '='))
		return "a variable has no \"=\"";
	return text[size] == '=' ? NULL : "a variable's name consists of letters, digits and \"_\"";
}

bool ks_settings_variables_next(const char **cursor, char ret_variable[KS_SETTINGS_VARIABLES_MAX + 1],
				const char **ret_why)
{
	const char *at = *cursor;
	size_t size = 0;
	char quote = '\0';

	while (*at == ' ')
		at++;
	if (*at == '\0')
		return false;
	for (; *at && (quote || *at != ' ') && size < KS_SETTINGS_VARIABLES_MAX; at++) {
		if (*at == quote)
			quote = '\0';
		else if (!quote && (*at == '"' || *at == '\''))
			quote = *at;
		else
			ret_variable[size++] = *at;
	}
	ret_variable[size] = '\0';
	*cursor = at;
	*ret_why = quote ? "a quotation mark is not closed" : why_no_variable(ret_variable);
	if (!*ret_why)
		*ret_why = why_forbidden(ret_variable);
	return !*ret_why;
}

bool ks_settings_variables_have(const char *value, const char *variable)
{
	char one[KS_SETTINGS_VARIABLES_MAX + 1];
	const char *why = NULL;
	size_t name = strcspn(variable, "=") + 1;

	while (ks_settings_variables_next(&value, one, &why)) {
		if (strncmp(one, variable, name) == 0)
			return true;
	}
	return false;
}

bool ks_settings_variables_are_good(const char *value, const char **ret_why)
{
	char one[KS_SETTINGS_VARIABLES_MAX + 1];
	const char *why = NULL;
	size_t n = 0;

	if (strlen(value) > KS_SETTINGS_VARIABLES_MAX) {
		*ret_why = "together at most 1023 bytes";
		return false;
	}
	for (const char *at = value; ks_settings_variables_next(&at, one, &why); n++) {
		if (ks_settings_variables_have(at, one)) {
			why = "a variable is named twice";
			break;
		}
	}
	if (why)
		*ret_why = why;
	return n > 0 && !why;
}

void ks_settings_variables_put(struct ks_buffer *list, const char *variable)
{
	const char *quote = strchr(variable, ' ') ? "'" : "";

	ks_buffer_printf(list, "%s%s%s%s", list->size > 0 ? " " : "", quote, variable, quote);
}
