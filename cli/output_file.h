/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output_file: what a command makes, to standard output or into the file of -o.
 *
 * Runs in: keystay.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "cli/output.h"

/* path NULL or "-": to cli->out. A file is replaced as a whole or not at all; a pipe or a terminal is written to. What goes
 * wrong with a file is said on cli->err. */
int ks_output_file(const struct ks_cli *cli, const char *path, struct ks_bytes content, mode_t mode) KS_WARN_UNUSED;

/* Would it replace a file? */
bool ks_output_file_is_there(const char *path);
