/* SPDX-License-Identifier: Apache-2.0 */
/* shell: see shell.h. Runs in: keystay. */
#include "cli/shell.h"

#include <string.h>

static const struct {
	const char *name;
	enum ks_shell shell;
} shells[] = {
	{ "sh", KS_SHELL_SH },  { "bash", KS_SHELL_SH }, { "dash", KS_SHELL_SH },  { "ksh", KS_SHELL_SH },
	{ "zsh", KS_SHELL_SH }, { "csh", KS_SHELL_CSH }, { "tcsh", KS_SHELL_CSH }, { "fish", KS_SHELL_FISH },
};

bool ks_shell_find(const char *name, enum ks_shell *ret_shell)
{
	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(shells[i].name, name) == 0) {
			*ret_shell = shells[i].shell;
			return true;
		}
	}
	return false;
}

/* Characters that mean nothing to any of the shells, wherever in a word they stand ("=" and "%" mean something at its
 * start, so only words that begin with a letter, a digit, "/" or "_" are left bare). */
static bool is_plain(const char *word)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_";
	static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.,:=%@+-";

	return word[0] != '\0' && strchr(letters, word[0]) && word[strspn(word, more)] == '\0';
}

/* What stands for character inside single quotes; NULL = itself. */
static const char *escape_of(enum ks_shell shell, char character)
{
	switch (shell) {
	case KS_SHELL_SH:
		return character == '\'' ? "'\\''" : NULL;
	case KS_SHELL_CSH:
		/* History and line ends are read even inside single quotes. */
		if (character == '!')
			return "\\!";
		if (character == '\n')
			return "\\\n";
		return character == '\'' ? "'\\''" : NULL;
	case KS_SHELL_FISH:
		if (character == '\\')
			return "\\\\";
		return character == '\'' ? "\\'" : NULL;
	}
	return NULL;
}

void ks_shell_quote(struct ks_buffer *buffer, enum ks_shell shell, const char *word)
{
	if (is_plain(word)) {
		ks_buffer_put(buffer, ks_bytes_text(word));
		return;
	}
	ks_buffer_put_u8(buffer, '\'');
	for (const char *next = word; *next; next++) {
		const char *escape = escape_of(shell, *next);
		if (escape)
			ks_buffer_put(buffer, ks_bytes_text(escape));
		else
			ks_buffer_put_u8(buffer, (uint8_t)*next);
	}
	ks_buffer_put_u8(buffer, '\'');
}

void ks_shell_export(struct ks_buffer *buffer, enum ks_shell shell, const char *name, const char *value)
{
	switch (shell) {
	case KS_SHELL_SH:
		ks_buffer_printf(buffer, "export %s=", name);
		break;
	case KS_SHELL_CSH:
		ks_buffer_printf(buffer, "setenv %s ", name);
		break;
	case KS_SHELL_FISH:
		ks_buffer_printf(buffer, "set -gx %s ", name);
		break;
	}
	ks_shell_quote(buffer, shell, value);
	/* The semicolon lets an unquoted eval `keystay env`, which turns newlines into spaces, work as well. */
	ks_buffer_put(buffer, ks_bytes_text(";\n"));
}
