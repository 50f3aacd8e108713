/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "tests/unit/base/scratch.h"

static void assert_entry(const struct ks_ini *ini, size_t i, unsigned line, const char *section, const char *name,
			 const char *key, const char *value)
{
	assert_true(i < ini->n_entries);
	const struct ks_ini_entry *entry = &ini->entries[i];
	assert_int_equal(entry->line, line);
	assert_string_equal(entry->section, section);
	assert_string_equal(entry->name, name);
	if (key)
		assert_string_equal(entry->key, key);
	else
		assert_null(entry->key);
	assert_string_equal(entry->value, value);
}

static void parse(struct ks_ini *ini, const char *text)
{
	struct ks_ini_error error = { .text = "" };
	int r = ks_ini_parse(ini, "test.conf", text, strlen(text), &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
}

/* The value of the only setting of "[s]\nk<rest>\n". */
static void assert_value(const char *rest, const char *value)
{
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	char text[512];
	(void)snprintf(text, sizeof(text), "[s]\nk%s\n", rest);
	parse(&ini, text);
	assert_int_equal(ini.n_entries, 2);
	assert_entry(&ini, 1, 2, "s", "", "k", value);
}

static void assert_wrong_bytes(const char *text, size_t size, const char *sentence)
{
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error = { .text = "" };
	/* An entry that was there already, to see that nothing is added. */
	parse(&ini, "[before]\n");
	assert_int_equal(ks_ini_parse(&ini, "a.conf", text, size, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text, sentence);
	assert_int_equal(ini.n_entries, 1);
	assert_entry(&ini, 0, 1, "before", "", NULL, "");
}

static void assert_wrong(const char *text, const char *sentence)
{
	assert_wrong_bytes(text, strlen(text), sentence);
}

static void test_ini_entries_come_in_order_with_file_and_line(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	parse(&ini, "; keystay\n"
		    "[agent]\n"
		    "unlock-for = 8h ; how long\n"
		    "\n"
		    "[key \"alice\"]\n"
		    "match=pkcs11:token=corp;object=alice\n"
		    "  \t confirm\t=\tno\t\n");
	assert_int_equal(ini.n_entries, 5);
	assert_entry(&ini, 0, 2, "agent", "", NULL, "");
	assert_entry(&ini, 1, 3, "agent", "", "unlock-for", "8h");
	assert_entry(&ini, 2, 5, "key", "alice", NULL, "");
	assert_entry(&ini, 3, 6, "key", "alice", "match", "pkcs11:token=corp;object=alice");
	assert_entry(&ini, 4, 7, "key", "alice", "confirm", "no");
	for (size_t i = 0; i < ini.n_entries; i++)
		assert_string_equal(ini.entries[i].file, "test.conf");
}

static void test_ini_of_nothing_has_no_entries(void **state)
{
	(void)state;
	static const char *const nothing[] = { "", "\n", "\n\n", " ", "\t\n ", ";", "# x\n", "  ; x", "#" };
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
		parse(&ini, nothing[i]);
		assert_int_equal(ini.n_entries, 0);
	}
}

static void test_ini_last_line_needs_no_newline(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	parse(&ini, "[s]\nk = v");
	assert_entry(&ini, 1, 2, "s", "", "k", "v");
	parse(&ini, "[last]");
	assert_entry(&ini, 2, 1, "last", "", NULL, "");
}

static void test_ini_comment_needs_white_space_before_it(void **state)
{
	(void)state;
	assert_value("=a;b", "a;b");
	assert_value("=a#b;c", "a#b;c");
	assert_value("=a ;b", "a");
	assert_value("=a\t#b", "a");
	assert_value("=a b ; c # d", "a b");
	assert_value("=;b", ";b");
	assert_value("= ;b", "");
	assert_value("=a ; b \"c", "a"); /* nothing in a comment is looked at */
}

static void test_ini_value_may_be_empty(void **state)
{
	(void)state;
	assert_value("=", "");
	assert_value(" = ", "");
	assert_value("=\t; nothing", "");
	assert_value(" = \"\"", "");
}

static void test_ini_value_keeps_white_space_inside_only(void **state)
{
	(void)state;
	assert_value(" =  a  b\tc \t ", "a  b\tc");
	assert_value("==", "=");
	assert_value(" = a = b", "a = b");
	assert_value(" = [x]", "[x]");
	assert_value(" = C:\\dir\\", "C:\\dir\\");
	assert_value(" = d\xc3\xa9j\xc3\xa0", "d\xc3\xa9j\xc3\xa0");
}

static void test_ini_quotes_keep_what_they_hold(void **state)
{
	(void)state;
	assert_value(" = \"va;lue\"", "va;lue");
	assert_value(" = \" a ; b # c \" ; comment", " a ; b # c ");
	assert_value("=\"a\\\"b\\\\c\"", "a\"b\\c");
	assert_value("=\"\\\\\"", "\\");
	assert_value("=\"\\\\\\\"\"", "\\\"");
	assert_value("=\"a\\\\b\"", "a\\b"); /* what follows an escaped backslash is not escaped */
}

static void test_ini_quotes_that_are_wrong_are_refused(void **state)
{
	(void)state;
#define CLOSING "a.conf:2: expected a closing double quote, and before it only \\\" or \\\\ after a backslash, found "
#define PAIR "a.conf:2: expected one pair of double quotes around the whole value (\\\" and \\\\ inside), found "
#define AFTER "a.conf:2: expected nothing but a comment after the closing double quote, found "
	/* The line is shown as it is, a backslash therefore twice. */
	assert_wrong("[s]\nk = \"a", CLOSING "\"k = \"a\"");
	assert_wrong("[s]\nk = \"a\\\"\n", CLOSING "\"k = \"a\\\\\"\"");
	assert_wrong("[s]\nk = \"a\\n\"", CLOSING "\"k = \"a\\\\n\"\"");
	assert_wrong("[s]\nk = \"a\\", CLOSING "\"k = \"a\\\\\"");
	assert_wrong("[s]\nk = \"", CLOSING "\"k = \"\"");
	assert_wrong("[s]\nk = a \"b\"", PAIR "\"k = a \"b\"\"");
	assert_wrong("[s]\nk = a\"", PAIR "\"k = a\"\"");
	assert_wrong("[s]\nk = \"a\" b", AFTER "\"k = \"a\" b\"");
	assert_wrong("[s]\nk = \"a\";b", AFTER "\"k = \"a\";b\"");
#undef CLOSING
#undef PAIR
#undef AFTER
}

static void test_ini_section_has_a_name_in_quotes_or_none(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	parse(&ini, "[a.b-c_9]\n"
		    "  [key \"al\\\"i\\\\ce\"] ; comment\n"
		    "[key\t \"b ] c\"]\n");
	assert_entry(&ini, 0, 1, "a.b-c_9", "", NULL, "");
	assert_entry(&ini, 1, 2, "key", "al\"i\\ce", NULL, "");
	assert_entry(&ini, 2, 3, "key", "b ] c", NULL, "");
}

static void test_ini_section_that_is_wrong_is_refused(void **state)
{
	(void)state;
#define FORM "a.conf:1: expected \"[section]\" or \"[section \"name\"]\", found "
#define NAME "a.conf:1: expected a name in double quotes (\\\" and \\\\ inside) after the section, found "
#define FIRST "a.conf:1: expected a section's name after \"[\", found "
#define AFTER "a.conf:1: expected nothing but a comment after \"]\", found "
	assert_wrong("[]", FIRST "\"[]\"");
	assert_wrong("[", FIRST "\"[\"");
	assert_wrong("[ agent]", FIRST "\"[ agent]\"");
	assert_wrong("[\"agent\"]", FIRST "\"[\"agent\"]\"");
	assert_wrong("[agent", FORM "\"[agent\"");
	assert_wrong("[agent ]", FORM "\"[agent ]\"");
	assert_wrong("[key alice]", FORM "\"[key alice]\"");
	assert_wrong("[key\"alice\"]", FORM "\"[key\"alice\"]\"");
	assert_wrong("[key \"alice\" ]", FORM "\"[key \"alice\" ]\"");
	assert_wrong("[key \"alice\"", FORM "\"[key \"alice\"\"");
	assert_wrong("[key \"\"]", NAME "\"[key \"\"]\"");
	assert_wrong("[key \"alice]", NAME "\"[key \"alice]\"");
	assert_wrong("[agent]x", AFTER "\"[agent]x\"");
	assert_wrong("[agent];x", AFTER "\"[agent];x\"");
	assert_wrong("[agent] k = v", AFTER "\"[agent] k = v\"");
#undef FORM
#undef NAME
#undef FIRST
#undef AFTER
}

static void test_ini_line_that_is_neither_is_refused(void **state)
{
	(void)state;
#define FORMS "expected \"key = value\" or \"[section]\", found "
	assert_wrong("[s]\nunlock-for 8h\n", "a.conf:2: " FORMS "\"unlock-for 8h\"");
	assert_wrong("[s]\n\n\n= v", "a.conf:4: " FORMS "\"= v\"");
	assert_wrong("[s]\nk ; = v", "a.conf:2: " FORMS "\"k ; = v\"");
	assert_wrong("[s]\nk k = v", "a.conf:2: " FORMS "\"k k = v\"");
	assert_wrong("[s]\nk: v", "a.conf:2: " FORMS "\"k: v\"");
	assert_wrong("[s]\n\"k\" = v", "a.conf:2: " FORMS "\"\"k\" = v\"");
	assert_wrong("\xef\xbb\xbf[s]\n", "a.conf:1: " FORMS "\"\\xef\\xbb\\xbf[s]\"");
#undef FORMS
}

static void test_ini_setting_before_any_section_is_refused(void **state)
{
	(void)state;
	assert_wrong("\nk = v\n[s]\n", "a.conf:2: expected a \"[section]\" before the first setting, found \"k = v\"");
}

static void test_ini_section_ends_with_its_file(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	parse(&ini, "[s]\n");
	assert_int_equal(ks_ini_parse(&ini, "b.conf", "k = v", 5, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text, "b.conf:1: expected a \"[section]\" before the first setting, found \"k = v\"");
}

static void test_ini_refuses_bytes_that_are_no_text(void **state)
{
	(void)state;
#define TEXT "expected UTF-8 text without control characters, found "
	assert_wrong("[s]\nk = a\x1b[2J", "a.conf:2: " TEXT "\"k = a\\x1b[2J\"");
	assert_wrong("[s]\nk = \xff", "a.conf:2: " TEXT "\"k = \\xff\"");
	assert_wrong("[s]\nk = \xc3\tx", "a.conf:2: " TEXT "\"k = \\xc3\\x09x\"");
	assert_wrong("# \xc3", "a.conf:1: " TEXT "\"# \\xc3\"");
	assert_wrong_bytes("[s]\nk = a\0b\n", 12, "a.conf:2: " TEXT "\"k = a\\x00b\"");
	assert_wrong("[s]\nk\r = v\n", "a.conf:2: " TEXT "\"k\\x0d = v\"");
#undef TEXT
}

static void test_ini_refuses_carriage_returns_by_name(void **state)
{
	(void)state;
	assert_wrong("[s]\r\nk = v\r\n",
		     "a.conf:1: expected lines that end in a newline alone, without a carriage return, "
		     "found \"[s]\\x0d\"");
}

static void test_ini_line_has_a_longest_length(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	char text[KS_INI_LINE_MAX + 8];
	(void)snprintf(text, sizeof(text), "[s]\nk=");
	memset(text + 6, 'v', KS_INI_LINE_MAX - 2);
	assert_int_equal(ks_ini_parse(&ini, "a", text, 4 + KS_INI_LINE_MAX, &error), 0);
	assert_int_equal(strlen(ini.entries[1].value), KS_INI_LINE_MAX - 2);
	text[4 + KS_INI_LINE_MAX] = 'v';
	assert_int_equal(ks_ini_parse(&ini, "a", text, 4 + KS_INI_LINE_MAX + 1, &error), KS_ERR_CONFIG);
	assert_non_null(strstr(error.text, "a:2: expected at most 4096 bytes in a line, found \"k=vvvv"));
	assert_non_null(strstr(error.text, "vvv...\""));
	assert_int_equal(ini.n_entries, 2);
}

static void test_ini_file_has_a_largest_size(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	KS_AUTO_FREE char *text = malloc(KS_INI_FILE_MAX + 1);
	assert_non_null(text);
	memset(text, '\n', KS_INI_FILE_MAX + 1);
	assert_int_equal(ks_ini_parse(&ini, "a.conf", text, KS_INI_FILE_MAX, &error), 0);
	assert_int_equal(ks_ini_parse(&ini, "a.conf", text, KS_INI_FILE_MAX + 1, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text, "a.conf: expected a file of at most 1 MiB");
}

static void test_ini_entries_have_a_largest_number_in_all_files(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	struct ks_ini_error error;
	for (unsigned i = 0; i < KS_INI_ENTRIES_MAX - 1; i++)
		ks_buffer_printf(&text, "[s]\n");
	assert_int_equal(ks_ini_parse(&ini, "a.conf", (const char *)text.data, text.size, &error), 0);
	assert_int_equal(ini.n_entries, KS_INI_ENTRIES_MAX - 1);
	static const char *const sentence =
		"b.conf:2: expected at most 16384 sections and settings in all files, found \"k = v\"";
	assert_int_equal(ks_ini_parse(&ini, "b.conf", "[s]\nk = v\n", 10, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text, sentence);
	assert_int_equal(ini.n_entries, KS_INI_ENTRIES_MAX - 1);
	parse(&ini, "[last]");
	assert_int_equal(ini.n_entries, KS_INI_ENTRIES_MAX);
	parse(&ini, "# nothing more\n");
}

static void test_ini_strings_stay_when_more_is_parsed(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	char text[] = "[s \"n\"]\nk = v\n";
	char file[] = "first.conf";
	struct ks_ini_error error;
	assert_int_equal(ks_ini_parse(&ini, file, text, strlen(text), &error), 0);
	/* Neither the text nor the name of the file is needed any more. */
	memset(text, 'x', sizeof(text));
	memset(file, 'x', sizeof(file));
	for (int i = 0; i < 50; i++)
		parse(&ini, "[more]\nk = v\n");
	assert_entry(&ini, 1, 2, "s", "n", "k", "v");
	assert_string_equal(ini.entries[1].file, "first.conf");
	assert_int_equal(ini.n_entries, 102);
}

static void test_ini_same_key_twice_is_two_entries(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	parse(&ini, "[s]\nk = 1\nk = 2\n[s]\nk = 3\n");
	assert_int_equal(ini.n_entries, 5);
	assert_entry(&ini, 2, 3, "s", "", "k", "2");
	assert_entry(&ini, 4, 5, "s", "", "k", "3");
}

static void test_ini_error_shows_a_hostile_file_name_escaped_and_cut(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	assert_int_equal(ks_ini_parse(&ini, "a\x1b[2J\n.conf", "x", 1, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text,
			    "a\\x1b[2J\\x0a.conf:1: expected \"key = value\" or \"[section]\", found \"x\"");
	char file[4000];
	memset(file, 'f', sizeof(file) - 1);
	file[sizeof(file) - 1] = '\0';
	assert_int_equal(ks_ini_parse(&ini, file, "x", 1, &error), KS_ERR_CONFIG);
	assert_true(strlen(error.text) < sizeof(error.text) - 1);
	assert_non_null(strstr(error.text, "f...:1: expected \"key = value\""));
	assert_non_null(strstr(error.text, "found \"x\""));
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static struct scratch scratch;

static int set_up(void **state)
{
	(void)state;
	scratch_init(&scratch);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_deinit(&scratch);
	return 0;
}

static void test_ini_file_that_is_missing_is_not_found_without_a_text(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error = { .text = "untouched" };
	assert_int_equal(ks_ini_read_file(&ini, scratch_path(&scratch, "none"), &error), KS_ERR_NOT_FOUND);
	assert_string_equal(error.text, "untouched");
}

static void test_ini_file_is_named_in_entries_and_errors(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	char expected[640];
	scratch_file(&scratch, "good.conf", "[s]\nk = v\n", 0600);
	scratch_file(&scratch, "bad.conf", "[s]\nwrong\n", 0600);
	assert_int_equal(ks_ini_read_file(&ini, scratch_path(&scratch, "good.conf"), &error), 0);
	assert_string_equal(ini.entries[1].file, scratch_path(&scratch, "good.conf"));
	assert_int_equal(ks_ini_read_file(&ini, scratch_path(&scratch, "bad.conf"), &error), KS_ERR_CONFIG);
	(void)snprintf(expected, sizeof(expected), "%s:2: expected \"key = value\" or \"[section]\", found \"wrong\"",
		       scratch_path(&scratch, "bad.conf"));
	assert_string_equal(error.text, expected);
	assert_int_equal(ini.n_entries, 2);
}

static void test_ini_file_that_cannot_be_read_is_told_in_words(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error = { .text = "" };
	scratch_folder(&scratch, "folder.conf", 0700);
	assert_int_equal(ks_ini_read_file(&ini, scratch_path(&scratch, "folder.conf"), &error), KS_ERR_INVALID);
	assert_non_null(strstr(error.text, "folder.conf: expected a regular file that can be read: "));
	scratch_file(&scratch, "large.conf", "", 0600);
	assert_int_equal(truncate(scratch_path(&scratch, "large.conf"), (off_t)KS_INI_FILE_MAX + 1), 0);
	assert_int_equal(ks_ini_read_file(&ini, scratch_path(&scratch, "large.conf"), &error), KS_ERR_CONFIG);
	assert_non_null(strstr(error.text, "large.conf: expected a file of at most 1 MiB"));
}

static void assert_values(const struct ks_ini *ini, const char *values)
{
	char found[64] = "";
	for (size_t i = 0; i < ini->n_entries; i++) {
		if (ini->entries[i].key)
			(void)strncat(found, ini->entries[i].value, sizeof(found) - strlen(found) - 1);
	}
	assert_string_equal(found, values);
}

static void test_ini_folder_is_the_file_and_then_its_drop_ins_in_byte_order(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	scratch_folder(&scratch, "keystay.conf.d", 0700);
	/* In another order than any of the sorted ones. */
	scratch_file(&scratch, "keystay.conf.d/b.conf", "[s]\nk = 5\n", 0600);
	scratch_file(&scratch, "keystay.conf.d/B.conf", "[s]\nk = 4\n", 0600);
	scratch_file(&scratch, "keystay.conf.d/9.conf", "[s]\nk = 3\n", 0600);
	scratch_file(&scratch, "keystay.conf.d/10.conf", "[s]\nk = 2\n", 0600);
	scratch_file(&scratch, "keystay.conf", "[s]\nk = 1\n", 0600);
	assert_int_equal(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error), 0);
	assert_values(&ini, "12345");
}

static void test_ini_folder_passes_over_what_is_no_drop_in(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	static const char *const others[] = { "a.conf~", "a.conf.bak", ".hidden.conf", ".conf", "README", "aconf" };
	scratch_folder(&scratch, "keystay.conf.d", 0700);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "keystay.conf.d/%s", others[i]);
		scratch_file(&scratch, name, "not even ini", 0600);
	}
	scratch_file(&scratch, "keystay.conf.d/a.conf", "[s]\nk = 1\n", 0600);
	scratch_link(&scratch, "keystay.conf.d/gone.conf", "nowhere");
	assert_int_equal(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error), 0);
	assert_values(&ini, "1");
}

static void test_ini_folder_may_be_missing_or_empty(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error;
	assert_int_equal(ks_ini_read_folder(&ini, scratch_path(&scratch, "none"), "keystay.conf", &error), 0);
	assert_int_equal(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error), 0);
	scratch_folder(&scratch, "keystay.conf.d", 0700);
	assert_int_equal(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error), 0);
	assert_int_equal(ini.n_entries, 0);
}

static void test_ini_folder_with_one_wrong_file_adds_nothing(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error = { .text = "" };
	parse(&ini, "[before]\nk = 0\n");
	scratch_file(&scratch, "keystay.conf", "[s]\nk = 1\n", 0600);
	scratch_folder(&scratch, "keystay.conf.d", 0700);
	scratch_file(&scratch, "keystay.conf.d/a.conf", "[s]\nk = 2\n", 0600);
	scratch_file(&scratch, "keystay.conf.d/b.conf", "wrong\n", 0600);
	scratch_file(&scratch, "keystay.conf.d/c.conf", "[s]\nk = 3\n", 0600);
	assert_int_equal(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error), KS_ERR_CONFIG);
	assert_non_null(strstr(error.text, "keystay.conf.d/b.conf:1: expected "));
	assert_int_equal(ini.n_entries, 2);
	assert_int_equal(ini.n_strings, 2);
	assert_values(&ini, "0");
	/* And goes on working. */
	assert_int_equal(unlink(scratch_path(&scratch, "keystay.conf.d/b.conf")), 0);
	assert_int_equal(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error), 0);
	assert_values(&ini, "0123");
}

static void test_ini_folder_of_drop_ins_that_is_a_file_is_told(void **state)
{
	(void)state;
	KS_CLEANUP(ks_ini_deinit) struct ks_ini ini = { 0 };
	struct ks_ini_error error = { .text = "" };
	scratch_file(&scratch, "keystay.conf.d", "", 0600);
	assert_true(ks_ini_read_folder(&ini, scratch.path, "keystay.conf", &error) < 0);
	assert_non_null(strstr(error.text, "keystay.conf.d: expected a folder that can be read"));
}

int main(void)
{
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ini_entries_come_in_order_with_file_and_line),
		cmocka_unit_test(test_ini_of_nothing_has_no_entries),
		cmocka_unit_test(test_ini_last_line_needs_no_newline),
		cmocka_unit_test(test_ini_comment_needs_white_space_before_it),
		cmocka_unit_test(test_ini_value_may_be_empty),
		cmocka_unit_test(test_ini_value_keeps_white_space_inside_only),
		cmocka_unit_test(test_ini_quotes_keep_what_they_hold),
		cmocka_unit_test(test_ini_quotes_that_are_wrong_are_refused),
		cmocka_unit_test(test_ini_section_has_a_name_in_quotes_or_none),
		cmocka_unit_test(test_ini_section_that_is_wrong_is_refused),
		cmocka_unit_test(test_ini_line_that_is_neither_is_refused),
		cmocka_unit_test(test_ini_setting_before_any_section_is_refused),
		cmocka_unit_test(test_ini_section_ends_with_its_file),
		cmocka_unit_test(test_ini_refuses_bytes_that_are_no_text),
		cmocka_unit_test(test_ini_refuses_carriage_returns_by_name),
		cmocka_unit_test(test_ini_line_has_a_longest_length),
		cmocka_unit_test(test_ini_file_has_a_largest_size),
		cmocka_unit_test(test_ini_entries_have_a_largest_number_in_all_files),
		cmocka_unit_test(test_ini_strings_stay_when_more_is_parsed),
		cmocka_unit_test(test_ini_same_key_twice_is_two_entries),
		cmocka_unit_test(test_ini_error_shows_a_hostile_file_name_escaped_and_cut),
		FILE_TEST(test_ini_file_that_is_missing_is_not_found_without_a_text),
		FILE_TEST(test_ini_file_is_named_in_entries_and_errors),
		FILE_TEST(test_ini_file_that_cannot_be_read_is_told_in_words),
		FILE_TEST(test_ini_folder_is_the_file_and_then_its_drop_ins_in_byte_order),
		FILE_TEST(test_ini_folder_passes_over_what_is_no_drop_in),
		FILE_TEST(test_ini_folder_may_be_missing_or_empty),
		FILE_TEST(test_ini_folder_with_one_wrong_file_adds_nothing),
		FILE_TEST(test_ini_folder_of_drop_ins_that_is_a_file_is_told),
	};
#undef FILE_TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
