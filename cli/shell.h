/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell: text as one word of a shell's language, for what is printed to be pasted or evaluated.
 *
 * Runs in: keystay. Pure. Never leaves a character unquoted that any shell gives a meaning to.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/buffer.h"

enum ks_shell {
	KS_SHELL_SH,  /* POSIX sh, bash, zsh, ksh */
	KS_SHELL_CSH, /* csh, tcsh */
	KS_SHELL_FISH,
};

/* "sh", "csh", "fish" and the names of their relatives. false when unknown. */
bool ks_shell_find(const char *name, enum ks_shell *ret_shell);

/* Appends word, in single quotes where it needs them. */
void ks_shell_quote(struct ks_buffer *buffer, enum ks_shell shell, const char *word);

/* Appends the line that sets and exports a variable, with its newline. */
void ks_shell_export(struct ks_buffer *buffer, enum ks_shell shell, const char *name, const char *value);
