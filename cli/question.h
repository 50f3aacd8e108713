/* SPDX-License-Identifier: Apache-2.0 */
/*
 * question: a yes or no of the person at the terminal, before something that cannot be undone.
 *
 * Runs in: keystay.
 */
#pragma once

#include <stdbool.h>

#include "cli/output.h"

/* Writes question and " [y/N] " to /dev/tty and reads one line. true for "y" and "yes" alone. Without a terminal false, and
 * *ret_nobody is true: nobody could be asked. */
bool ks_question_yes(const char *question, bool *ret_nobody);
