/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay-bench: one way of making a signature, measured; tools/bench runs the ways in turns and compares.
 *
 * usage: keystay-bench token MODULE TOKEN PIN KEY CLIENTS COUNT
 *        keystay-bench agent KEY CLIENTS COUNT
 *        keystay-bench echo CLIENTS COUNT
 *
 * KEY is "p256" or "rsa2048". The PIN is that of a throw-away token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"
#include "tests/bench/bench.h"

static unsigned number(const char *text)
{
	uint64_t value;

	return ks_text_number(text, 1000000, &value) < 0 ? 0 : (unsigned)value;
}

int main(int argc, char **argv)
{
	int r = KS_ERR_INVALID;

	if (argc == 8 && strcmp(argv[1], "token") == 0)
		r = bench_token(argv[2], argv[3], argv[4], argv[5], number(argv[6]), number(argv[7]));
	else if (argc == 5 && strcmp(argv[1], "agent") == 0)
		r = bench_agent(argv[2], number(argv[3]), number(argv[4]));
	else if (argc == 4 && strcmp(argv[1], "echo") == 0)
		r = bench_echo(number(argv[2]), number(argv[3]));
	if (r < 0)
		fprintf(stderr, "keystay-bench: %s\n", ks_error_text(r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
