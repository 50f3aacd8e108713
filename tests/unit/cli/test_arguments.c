/* SPDX-License-Identifier: Apache-2.0 */
/* Options and operands, and what is said about wrong ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/arguments.h"
#include "cli/suggest.h"

enum { FD, OUTPUT, JSON, N_OPTIONS };
static const struct ks_option options[N_OPTIONS] = {
	[FD] = { "pin-fd", 0, "N", "" },
	[OUTPUT] = { "output", 'o', "FILE", "" },
	[JSON] = { "json", 0, NULL, "" },
};

static char words[8][32];
static char *argv[9];
static struct ks_arguments arguments;
static struct ks_arguments_problem problem;

/* Reads a command line of up to 8 words, separated by single spaces. */
static int read_line(const char *line, bool stops)
{
	size_t n = 0;
	char copy[256];
	char *rest = copy;
	char *word;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	while (line[0] && (word = strsep(&rest, " "))) {
		assert_true(n < 8);
		(void)snprintf(words[n], sizeof(words[n]), "%s", word);
		argv[n] = words[n];
		n++;
	}
	argv[n] = NULL;
	return ks_arguments_read(options, N_OPTIONS, stops, argv, &arguments, &problem);
}

static void test_arguments_take_values_in_every_spelling(void **state)
{
	static const char *const spellings[] = { "--output f", "--output=f", "-o f", "-of" };

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++) {
		assert_int_equal(read_line(spellings[i], false), 0);
		assert_string_equal(arguments.values[OUTPUT], "f");
		assert_int_equal(arguments.n_operands, 0);
	}
}

static void test_arguments_may_stand_after_operands(void **state)
{
	(void)state;
	assert_int_equal(read_line("alice --json -o f", false), 0);
	assert_int_equal(arguments.n_operands, 1);
	assert_string_equal(arguments.operands[0], "alice");
	assert_null(arguments.operands[1]);
	assert_true(ks_arguments_has(&arguments, JSON));
	assert_false(ks_arguments_has(&arguments, FD));
}

static void test_arguments_end_at_two_dashes(void **state)
{
	(void)state;
	assert_int_equal(read_line("a -- --json -- -x", false), 0);
	assert_int_equal(arguments.n_operands, 4);
	assert_string_equal(arguments.operands[0], "a");
	assert_string_equal(arguments.operands[1], "--json");
	assert_string_equal(arguments.operands[2], "--");
	assert_string_equal(arguments.operands[3], "-x");
	assert_false(ks_arguments_has(&arguments, JSON));
}

static void test_arguments_of_another_program_are_left_alone(void **state)
{
	(void)state;
	assert_int_equal(read_line("curl --json -o f -- x", true), 0);
	assert_int_equal(arguments.n_operands, 6);
	assert_string_equal(arguments.operands[1], "--json");
	assert_string_equal(arguments.operands[4], "--");
	assert_false(ks_arguments_has(&arguments, JSON));
	assert_int_equal(read_line("-- --help", true), 0);
	assert_false(arguments.help);
	assert_string_equal(arguments.operands[0], "--help");
}

static void test_arguments_take_a_dash_as_operand(void **state)
{
	(void)state;
	assert_int_equal(read_line("-o - -", false), 0);
	assert_string_equal(arguments.values[OUTPUT], "-");
	assert_string_equal(arguments.operands[0], "-");
}

static void test_arguments_know_help_everywhere(void **state)
{
	(void)state;
	assert_int_equal(read_line("alice -h", false), 0);
	assert_true(arguments.help);
	assert_int_equal(read_line("--help", true), 0);
	assert_true(arguments.help);
}

static void test_arguments_refuse_what_is_wrong_in_words(void **state)
{
	static const struct {
		const char *line, *text;
	} cases[] = {
		{ "--jsn", "there is no option --jsn; did you mean --json?" },
		{ "--pinfd=3", "there is no option --pinfd; did you mean --pin-fd?" },
		{ "--frobnicate", "there is no option --frobnicate" },
		{ "-x", "there is no option -x" },
		{ "--pin-fd", "--pin-fd needs a value: --pin-fd N" },
		{ "--json=1", "--json takes no value" },
		{ "--json --json", "--json is given twice" },
		{ "-o a -o b", "--output is given twice" },
		{ "--\033[31m", "there is no option --\\x1b[31m" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(read_line(cases[i].line, false), KS_ERR_INVALID);
		assert_string_equal(problem.text, cases[i].text);
	}
}

static void test_suggest_finds_what_was_meant(void **state)
{
	static const char *const known[] = { "status", "list", "show", "cert", "unlock", "lock", "run", "env" };
	static const struct {
		const char *typed, *meant;
	} cases[] = {
		{ "lsit", "list" }, { "stat", "status" },   { "unlok", "unlock" },
		{ "lcok", "lock" }, { "certs", "cert" },    { "shwo", "show" },
		{ "enf", "env" },   { "x", NULL },          { "", NULL },
		{ "zzzz", NULL },   { "frobnicate", NULL }, { "a-word-that-is-longer-than-any-of-ours", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *found = ks_suggest(cases[i].typed, known, sizeof(known) / sizeof(*known));
		if (cases[i].meant)
			assert_string_equal(found ? found : "(none)", cases[i].meant);
		else
			assert_null(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments_take_values_in_every_spelling),
		cmocka_unit_test(test_arguments_may_stand_after_operands),
		cmocka_unit_test(test_arguments_end_at_two_dashes),
		cmocka_unit_test(test_arguments_of_another_program_are_left_alone),
		cmocka_unit_test(test_arguments_take_a_dash_as_operand),
		cmocka_unit_test(test_arguments_know_help_everywhere),
		cmocka_unit_test(test_arguments_refuse_what_is_wrong_in_words),
		cmocka_unit_test(test_suggest_finds_what_was_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
