/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prompt: asks the person at the terminal for a PIN, without showing it.
 *
 * Runs in: keystay unlock. What is typed goes from the terminal straight into a struct ks_secret; nothing of it is ever
 * in other memory of ours (invariant I7).
 */
#pragma once

#include "lib/base/error.h"
#include "lib/base/secret.h"

/* /dev/tty, whatever standard input and output are; given (close()). NOT_FOUND when there is no terminal. */
int ks_prompt_open(int *ret_terminal) KS_WARN_UNUSED;

/* Writes question and reads one line with echo off. Echo is as before afterwards, also when a signal ends or stops the
 * program meanwhile; after a stop the question comes again. CANCELLED for an empty line or the end of input. */
int ks_prompt_pin(int terminal, const char *question, struct ks_secret *pin) KS_WARN_UNUSED;
