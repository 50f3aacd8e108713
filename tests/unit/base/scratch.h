/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scratch: a folder of its own for one test, below $TMPDIR or /tmp, and short ways to fill it. Every failure ends the
 * test program with a sentence: a test must not go on with half of its set-up.
 */
#pragma once

#include <sys/types.h>

struct scratch {
	char path[256];
};

void scratch_init(struct scratch *scratch);

/* Removes it with all that is in it. */
void scratch_deinit(struct scratch *scratch);

/* The path of name below the folder; one of a few static texts, good for a statement or two. */
const char *scratch_path(const struct scratch *scratch, const char *name);

void scratch_file(const struct scratch *scratch, const char *name, const char *text, mode_t mode);
void scratch_folder(const struct scratch *scratch, const char *name, mode_t mode);
void scratch_link(const struct scratch *scratch, const char *name, const char *target);
