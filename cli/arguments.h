/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arguments: reads the options and operands of one command from its table of options.
 *
 * Not getopt_long(3): help, man page check and suggestions come from the same table, and a command that runs another
 * one (keystay run) must leave everything after its first operand alone. Options may stand after operands otherwise.
 *
 * Runs in: keystay. Pure: argv in, pointers into it out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/error.h"

#define KS_OPTIONS_MAX 16

struct ks_option {
	const char *name;     /* "pin-fd", without the dashes */
	char letter;          /* 'o', or 0 */
	const char *argument; /* "FILE"; NULL for a switch */
	const char *help;     /* one line */
};

struct ks_arguments {
	const char *values[KS_OPTIONS_MAX]; /* by row of the table: NULL = not given, "" for a switch; borrowed */
	char **operands;                    /* NULL-terminated, inside argv */
	size_t n_operands;
	bool help; /* --help or -h was given */
};

/* What is wrong with the command line, for a person. */
struct ks_arguments_problem {
	char text[512];
};

/* argv: what stands after the command's name, NULL-terminated; it is rearranged. stops: the first operand ends the
 * options. INVALID with ret_problem filled. */
int ks_arguments_read(const struct ks_option *options, size_t n_options, bool stops, char **argv,
		      struct ks_arguments *ret_arguments, struct ks_arguments_problem *ret_problem) KS_WARN_UNUSED;

/* Was the option of this row given? */
static inline bool ks_arguments_has(const struct ks_arguments *arguments, size_t row)
{
	return arguments->values[row] != NULL;
}
