/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: what a command of keystay is, and how one is found, helped with and run.
 *
 * The table of all commands stands in main.c; each row stands in the cmd_*.c file of its command. To add one: its row
 * and function in a cmd_*.c file, its line in commands.h and in main.c's table, its section in man/keystay.1 (a test
 * holds the two together).
 *
 * Runs in: keystay.
 */
#pragma once

#include <stddef.h>

#include "cli/arguments.h"
#include "cli/output.h"
#include "client/client.h"

/* What keystay exits with; man/keystay.1 promises these. */
enum ks_exit {
	KS_EXIT_GOOD = 0,
	KS_EXIT_FAILED = 1, /* refused or failed */
	KS_EXIT_USAGE = 2,
	KS_EXIT_NO_AGENT = 3,
	/* keystay run, as env(1) has it */
	KS_EXIT_CANNOT_RUN = 126,
	KS_EXIT_NO_COMMAND = 127,
};

struct ks_command {
	const char *name;
	const char *operands; /* "[TOKEN]"; "" for none */
	const char *summary;  /* one line, in lower case */
	const char *details;  /* what help says below it: whole lines */
	const struct ks_option *options;
	size_t n_options;
	size_t min_operands;
	size_t max_operands;
	bool runs_other; /* options end at the first operand: what follows is another program's */
	enum ks_exit (*run)(struct ks_cli *cli, const struct ks_arguments *arguments);
};

/* The row "--json" of commands that print records. */
#define KS_OPTION_JSON                                                                                                 \
	{                                                                                                              \
		"json", 0, NULL, "print JSON, for programs (man keystay says which keys)"                              \
	}

/* Finds argv[1] in table and runs it; help, --help and --version are answered here. argv as main() got it. */
int ks_command_main(struct ks_cli *cli, const struct ks_command *const *table, size_t n_commands, char **argv);

/* Prints error as "keystay: …" and says how to exit with it. */
enum ks_exit ks_command_fail(const struct ks_cli *cli, const struct ks_client_error *error);

/* The same for an error of our own libraries that has no sentence of its own. */
enum ks_exit ks_command_fail_code(const struct ks_cli *cli, int code, const char *doing);
