/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forked: commands of keystay in a process of their own, with and without a terminal.
 *
 * Those that read PINs make their process undumpable, and look for a terminal. Runs in: unit tests.
 */
#pragma once

#include <stddef.h>

#include "cli/command.h"

struct forked {
	const struct ks_command *const *table; /* the commands that there are */
	size_t n;
	char out[4096]; /* of the last one; on a terminal all that this showed */
	char err[4096];
	int exit_code;
};

/* line: the words after "keystay", separated by single spaces. Without a terminal; input (may be NULL) waits on
 * descriptor 3. */
void forked_run(struct forked *forked, const char *line, const char *input);

/* On a terminal, where someone waits for each question before typing its answer; pairs end with NULL. */
void forked_run_on_terminal(struct forked *forked, const char *line, const char *const *dialog);
