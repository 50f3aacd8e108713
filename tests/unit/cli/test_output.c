/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, colour, JSON, words and shell quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/shell.h"
#include "cli/words.h"
#include "lib/base/cleanup.h"
#include "tests/unit/cli/cli_test.h"

/* --- tables ------------------------------------------------------------------------------------------------------ */

static const char *const headings[] = { "NAME", "STATE", "SUBJECT" };

static void test_table_aligns_columns_and_pads_no_line_end(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_table_deinit) struct ks_table table;

	ks_table_init(&table, headings, 3);
	ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text("alice"));
	ks_table_cell(&table, KS_COLOR_GOOD, "%s", "unlocked");
	ks_table_cell(&table, KS_COLOR_NONE, "CN=%s", "alice");
	ks_table_note(&table, KS_COLOR_CARE, "look here");
	ks_table_foreign(&table, KS_COLOR_NONE, KS_BYTES_NONE);
	ks_table_cell(&table, KS_COLOR_NONE, "open");
	ks_table_cell(&table, KS_COLOR_NONE, "x");
	assert_int_equal(ks_table_print(&table, &test->cli, "  "), 0);
	cli_test_assert_out(test, "  NAME   STATE     SUBJECT\n"
				  "  alice  unlocked  CN=alice\n"
				  "    look here\n"
				  "  -      open      x\n");
}

static void test_table_counts_characters_not_bytes(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_table_deinit) struct ks_table table;

	ks_table_init(&table, headings, 2);
	ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text("zoë"));
	ks_table_cell(&table, KS_COLOR_NONE, "a");
	ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text("abcdef"));
	ks_table_cell(&table, KS_COLOR_NONE, "b");
	assert_int_equal(ks_table_print(&table, &test->cli, ""), 0);
	cli_test_assert_out(test, "NAME    STATE\nzoë     a\nabcdef  b\n");
}

static void test_table_escapes_foreign_text(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_table_deinit) struct ks_table table;

	ks_table_init(&table, headings, 1);
	ks_table_foreign(&table, KS_COLOR_NONE, ks_bytes_text("a\033[2Jb\nc"));
	assert_int_equal(ks_table_print(&table, &test->cli, ""), 0);
	cli_test_assert_out(test, "NAME\na\\x1b[2Jb\\x0ac\n");
}

static void test_table_grows(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_table_deinit) struct ks_table table;
	unsigned n_lines = 0;

	ks_table_init(&table, headings, 3);
	for (unsigned i = 0; i < 999; i++)
		ks_table_cell(&table, KS_COLOR_NONE, "%u", i);
	assert_int_equal(ks_table_print(&table, &test->cli, ""), 0);
	cli_test_read(test);
	for (const char *c = test->out; *c; c++)
		n_lines += *c == '\n';
	assert_int_equal(n_lines, 334);
	cli_test_assert_part(test->out, "\n996   997    998\n");
}

static void test_colour_is_for_those_who_asked(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_table_deinit) struct ks_table table;

	ks_table_init(&table, headings, 2);
	ks_table_cell(&table, KS_COLOR_BAD, "a");
	ks_table_cell(&table, KS_COLOR_NONE, "b");
	assert_int_equal(ks_table_print(&table, &test->cli, ""), 0);
	cli_test_read(test);
	cli_test_assert_no_part(test->out, "\033");
	test->cli.color = true;
	assert_int_equal(ks_table_print(&table, &test->cli, ""), 0);
	cli_test_read(test);
	cli_test_assert_part(test->out, "\033[31ma\033[0m");
}

static void test_colour_is_never_for_a_file(void **state)
{
	struct ks_cli cli;

	(void)state;
	/* ctest gives no terminal; by hand it may be one, and then NO_COLOR must do. */
	assert_int_equal(setenv("NO_COLOR", "1", 1), 0);
	ks_cli_init(&cli);
	assert_false(cli.color);
	assert_int_equal(unsetenv("NO_COLOR"), 0);
	assert_int_equal(setenv("TERM", "dumb", 1), 0);
	ks_cli_init(&cli);
	assert_false(cli.color);
}

/* --- JSON -------------------------------------------------------------------------------------------------------- */

static void test_json_survives_any_text(void **state)
{
	struct cli_test *test = *state;
	static const char utf8[] = "a\"b\\ü";
	static const char broken[] = "a\xff";

	assert_int_equal(ks_output_json(&test->cli, json_pack("[o,o,o]", ks_output_json_text(ks_bytes_text(utf8)),
							      ks_output_json_text(ks_bytes_text(broken)),
							      ks_output_json_text(KS_BYTES_NONE))),
			 0);
	json_t *value = cli_test_json(test);
	assert_string_equal(json_string_value(json_array_get(value, 0)), utf8);
	assert_string_equal(json_string_value(json_array_get(value, 1)), "a\\xff");
	assert_string_equal(json_string_value(json_array_get(value, 2)), "");
	json_decref(value);
	assert_int_equal(test->out[test->out_size - 1], '\n');
}

static void test_json_without_memory_is_an_error(void **state)
{
	struct cli_test *test = *state;

	assert_int_equal(ks_output_json(&test->cli, NULL), KS_ERR_NO_MEMORY);
	cli_test_assert_out(test, "");
}

/* --- words ------------------------------------------------------------------------------------------------------- */

static void test_words_durations_have_two_units(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },       { 59, "59 s" },       { 60, "1 min" },
		{ 3599, "59 min" }, { 3600, "1 h" },      { 28740, "7 h 59 min" },
		{ 86400, "1 d" },   { 90000, "1 d 1 h" }, { 86400 + 60, "1 d" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[KS_WORDS_TIME_MAX];
		ks_words_duration(cases[i].seconds, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
	}
}

static void test_words_times_are_local_and_stamps_are_utc(void **state)
{
	char text[KS_WORDS_TIME_MAX];

	(void)state;
	ks_words_time(TEST_NOW_S, text, sizeof(text));
	assert_string_equal(text, "2026-06-15 12:00");
	ks_words_date(TEST_NOW_S, text, sizeof(text));
	assert_string_equal(text, "2026-06-15");
	ks_words_timestamp(TEST_NOW_S, text, sizeof(text));
	assert_string_equal(text, "2026-06-15T12:00:00Z");
	ks_words_timestamp(UINT64_MAX, text, sizeof(text));
	assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void test_words_for_states_of_the_future_exist(void **state)
{
	(void)state;
	assert_string_equal(ks_words_token_state(KS_TOKEN_LOCKED), "locked");
	assert_string_equal(ks_words_token_state(99), "unknown");
	assert_string_equal(ks_words_module_state(KS_MODULE_FAILED), "failed");
	assert_string_equal(ks_words_module_state(99), "unknown");
}

/* --- shells ------------------------------------------------------------------------------------------------------ */

static const char *const hard_words[] = {
	"/run/user/1000/x.cnf",
	"",
	"a b",
	"it's",
	"$HOME `id` \"x\"",
	"!history",
	"a\\b",
	"-n",
	"=x",
	"a;b|c&d",
	"~root",
	"new\nline",
	"ü",
	"\\",
	"'",
	"%1",
	"{a,b}",
	"*",
};

/* What the shell makes of our word, by the shell itself. */
static void assert_shell_reads(const char *program, enum ks_shell shell, const char *word)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer script = { 0 };
	int fds[2];
	char seen[256] = "";

	ks_shell_export(&script, shell, "KEYSTAY_TEST", word);
	ks_buffer_put(&script, ks_bytes_text("printenv KEYSTAY_TEST\n"));
	KS_AUTO_FREE char *text = ks_buffer_steal_text(&script);
	assert_non_null(text);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)execlp(program, program, "-c", text, (char *)NULL);
		_exit(127);
	}
	(void)close(fds[1]);
	size_t size = 0;
	ssize_t n;
	while ((n = read(fds[0], seen + size, sizeof(seen) - 1 - size)) > 0)
		size += (size_t)n;
	(void)close(fds[0]);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_true(size > 0 && seen[size - 1] == '\n');
	seen[size - 1] = '\0';
	assert_string_equal(seen, word);
}

static bool has_program(const char *program)
{
	char command[64];

	(void)snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
	return system(command) == 0;
}

static void check_shell(const char *program, enum ks_shell shell)
{
	if (!has_program(program))
		skip();
	for (size_t i = 0; i < sizeof(hard_words) / sizeof(*hard_words); i++)
		assert_shell_reads(program, shell, hard_words[i]);
}

static void test_shell_sh_reads_every_word_back(void **state)
{
	(void)state;
	check_shell("sh", KS_SHELL_SH);
}

static void test_shell_bash_reads_every_word_back(void **state)
{
	(void)state;
	check_shell("bash", KS_SHELL_SH);
}

static void test_shell_csh_reads_every_word_back(void **state)
{
	(void)state;
	check_shell("csh", KS_SHELL_CSH);
}

static void test_shell_fish_reads_every_word_back(void **state)
{
	(void)state;
	check_shell("fish", KS_SHELL_FISH);
}

static void test_shell_lines_have_the_form_of_their_shell(void **state)
{
	static const char expected[] = "export A='b c';\nsetenv A 'b c';\nset -gx A 'b c';\nexport A=/x;\n"
				       "setenv A 'a\\!'\\''\\\nb';\nset -gx A 'a!\\'\\\\';\n";
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	enum ks_shell shell;

	(void)state;
	ks_shell_export(&text, KS_SHELL_SH, "A", "b c");
	ks_shell_export(&text, KS_SHELL_CSH, "A", "b c");
	ks_shell_export(&text, KS_SHELL_FISH, "A", "b c");
	ks_shell_export(&text, KS_SHELL_SH, "A", "/x");
	ks_shell_export(&text, KS_SHELL_CSH, "A", "a!'\nb");
	ks_shell_export(&text, KS_SHELL_FISH, "A", "a!'\\");
	KS_AUTO_FREE char *seen = ks_buffer_steal_text(&text);
	assert_string_equal(seen, expected);
	assert_true(ks_shell_find("zsh", &shell) && shell == KS_SHELL_SH);
	assert_true(ks_shell_find("tcsh", &shell) && shell == KS_SHELL_CSH);
	assert_false(ks_shell_find("powershell", &shell));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cli_test_setup, cli_test_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_table_aligns_columns_and_pads_no_line_end),
		TEST(test_table_counts_characters_not_bytes),
		TEST(test_table_escapes_foreign_text),
		TEST(test_table_grows),
		TEST(test_colour_is_for_those_who_asked),
		TEST(test_colour_is_never_for_a_file),
		TEST(test_json_survives_any_text),
		TEST(test_json_without_memory_is_an_error),
		TEST(test_words_durations_have_two_units),
		TEST(test_words_times_are_local_and_stamps_are_utc),
		TEST(test_words_for_states_of_the_future_exist),
		TEST(test_shell_sh_reads_every_word_back),
		TEST(test_shell_bash_reads_every_word_back),
		TEST(test_shell_csh_reads_every_word_back),
		TEST(test_shell_fish_reads_every_word_back),
		TEST(test_shell_lines_have_the_form_of_their_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
