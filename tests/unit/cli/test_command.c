/* SPDX-License-Identifier: Apache-2.0 */
/* Finding, helping and running commands: exit codes and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/command.h"
#include "tests/unit/cli/cli_test.h"

static const struct ks_option options[] = { { "json", 0, NULL, "as JSON" }, { "output", 'o', "FILE", "into FILE" } };
static unsigned n_runs;

static enum ks_exit greet(struct ks_cli *cli, const struct ks_arguments *arguments)
{
	n_runs++;
	(void)fprintf(cli->out, "hello %s\n", arguments->n_operands ? arguments->operands[0] : "you");
	return KS_EXIT_GOOD;
}

static const struct ks_command command_greet = {
	.name = "greet",
	.operands = "[NAME]",
	.summary = "say hello",
	.details = "More words.\n",
	.options = options,
	.n_options = 2,
	.max_operands = 1,
	.run = greet,
};

static const struct ks_command command_needy = {
	.name = "needy",
	.operands = "NAME",
	.summary = "want a name",
	.details = "",
	.min_operands = 1,
	.max_operands = 1,
	.run = greet,
};

static const struct ks_command *const table[] = { &command_greet, &command_needy };

static int run(struct cli_test *test, const char *first, const char *second)
{
	char name[] = "keystay";
	char one[64];
	char two[64];
	char *argv[] = { name, first ? one : NULL, second ? two : NULL, NULL };

	(void)snprintf(one, sizeof(one), "%s", first ? first : "");
	(void)snprintf(two, sizeof(two), "%s", second ? second : "");
	n_runs = 0;
	return ks_command_main(&test->cli, table, 2, argv);
}

static void test_command_runs_what_is_named(void **state)
{
	assert_int_equal(run(*state, "greet", "bob"), KS_EXIT_GOOD);
	assert_int_equal(n_runs, 1);
	cli_test_assert_out(*state, "hello bob\n");
	cli_test_assert_err(*state, "");
}

static void test_command_unknown_suggests_and_is_a_usage_error(void **state)
{
	assert_int_equal(run(*state, "gret", NULL), KS_EXIT_USAGE);
	assert_int_equal(n_runs, 0);
	cli_test_assert_err(*state, "keystay: there is no command \"gret\"; did you mean: keystay greet? All of them: "
				    "keystay help\n");
	cli_test_assert_out(*state, "");
}

static void test_command_unknown_is_escaped(void **state)
{
	struct cli_test *test = *state;

	assert_int_equal(run(test, "\033]0;x", NULL), KS_EXIT_USAGE);
	cli_test_assert_err(test, "keystay: there is no command \"\\x1b]0;x\"; see: keystay help\n");
}

static void test_command_without_a_name_explains_on_standard_error(void **state)
{
	struct cli_test *test = *state;

	assert_int_equal(run(test, NULL, NULL), KS_EXIT_USAGE);
	cli_test_assert_out(test, "");
	cli_test_assert_part(test->err, "usage: keystay COMMAND");
	cli_test_assert_part(test->err, "  greet     say hello\n");
}

static void test_command_help_is_no_error(void **state)
{
	struct cli_test *test = *state;

	assert_int_equal(run(test, "--help", NULL), KS_EXIT_GOOD);
	assert_int_equal(run(test, "help", NULL), KS_EXIT_GOOD);
	assert_int_equal(run(test, "-h", NULL), KS_EXIT_GOOD);
	cli_test_assert_err(test, "");
	cli_test_assert_part(test->out, "  needy     want a name\n");
}

static void test_command_help_names_every_option(void **state)
{
	static const char expected[] = "usage: keystay greet [OPTION]... [NAME]\n\n"
				       "keystay greet: say hello\n\n"
				       "More words.\n\n"
				       "Options:\n"
				       "  --json              as JSON\n"
				       "  -o, --output FILE   into FILE\n"
				       "  -h, --help          print this\n";

	assert_int_equal(run(*state, "help", "greet"), KS_EXIT_GOOD);
	cli_test_assert_out(*state, expected);
	assert_int_equal(n_runs, 0);
}

static void test_command_help_option_is_the_same_as_help(void **state)
{
	struct cli_test *test = *state;

	assert_int_equal(run(test, "greet", "--help"), KS_EXIT_GOOD);
	cli_test_read(test);
	cli_test_assert_part(test->out, "usage: keystay greet [OPTION]... [NAME]\n");
	assert_int_equal(n_runs, 0);
}

static void test_command_version_is_one_line(void **state)
{
	assert_int_equal(run(*state, "--version", NULL), KS_EXIT_GOOD);
	cli_test_assert_out(*state, "keystay " KEYSTAY_VERSION "\n");
}

static void test_command_counts_operands(void **state)
{
	struct cli_test *test = *state;
	char name[] = "keystay", greet_name[] = "greet", a[] = "a", b[] = "b";
	char *many[] = { name, greet_name, a, b, NULL };

	assert_int_equal(run(test, "needy", NULL), KS_EXIT_USAGE);
	assert_int_equal(ks_command_main(&test->cli, table, 2, many), KS_EXIT_USAGE);
	assert_int_equal(n_runs, 0);
	cli_test_assert_err(test,
			    "keystay: needy: something is missing; usage: keystay needy NAME (see: keystay help "
			    "needy)\n"
			    "keystay: greet: there are too many operands; usage: keystay greet [NAME] (see: keystay "
			    "help greet)\n");
}

static void test_command_wrong_option_is_a_usage_error(void **state)
{
	assert_int_equal(run(*state, "greet", "--jsno"), KS_EXIT_USAGE);
	cli_test_assert_err(*state,
			    "keystay: greet: there is no option --jsno; did you mean --json? (see: keystay help "
			    "greet)\n");
}

static void test_command_fails_when_the_output_is_lost(void **state)
{
	struct cli_test *test = *state;
	struct ks_cli cli = test->cli;

	cli.out = fopen("/dev/full", "w");
	if (!cli.out)
		skip();
	char name[] = "keystay", greet_name[] = "greet";
	char *argv[] = { name, greet_name, NULL };
	assert_int_equal(ks_command_main(&cli, table, 2, argv), KS_EXIT_FAILED);
	(void)fclose(cli.out);
	cli_test_assert_err(test, "keystay: the output could not be written\n");
}

static void test_command_no_agent_has_its_own_exit_code(void **state)
{
	struct cli_test *test = *state;
	struct ks_client_error error = { .code = KS_ERR_NO_AGENT, .text = "start one" };

	assert_int_equal(ks_command_fail(&test->cli, &error), KS_EXIT_NO_AGENT);
	error.code = KS_ERR_AMBIGUOUS;
	assert_int_equal(ks_command_fail(&test->cli, &error), KS_EXIT_FAILED);
	cli_test_assert_err(test, "keystay: start one\nkeystay: start one\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cli_test_setup, cli_test_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_command_runs_what_is_named),
		TEST(test_command_unknown_suggests_and_is_a_usage_error),
		TEST(test_command_unknown_is_escaped),
		TEST(test_command_without_a_name_explains_on_standard_error),
		TEST(test_command_help_is_no_error),
		TEST(test_command_help_names_every_option),
		TEST(test_command_help_option_is_the_same_as_help),
		TEST(test_command_version_is_one_line),
		TEST(test_command_counts_operands),
		TEST(test_command_wrong_option_is_a_usage_error),
		TEST(test_command_fails_when_the_output_is_lost),
		TEST(test_command_no_agent_has_its_own_exit_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
