/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terminal: is the terminal that a client names one, and ours? And its modes, which a dialog that was killed does not
 * put back.
 *
 * Runs in: keystay-prompt. Never makes a terminal its controlling one, reads nothing from it and writes nothing to it.
 */
#pragma once

#include <stddef.h>
#include <termios.h>

#include "lib/base/error.h"

struct ks_terminal {
	int fd; /* -1 = none */
	struct termios modes;
};

/* Opens the terminal of that name, and remembers its modes. INVALID when it is no terminal, DENIED when it is another
 * user's, or the error of open(2); why (size bytes) then says so in a sentence. */
int ks_terminal_open(const char *name, struct ks_terminal *ret_terminal, char *why, size_t size) KS_WARN_UNUSED;

/* The modes are as they were when it was opened. */
void ks_terminal_restore(const struct ks_terminal *terminal);

void ks_terminal_close(struct ks_terminal *terminal);
