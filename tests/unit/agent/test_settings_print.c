/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/settings.h: what `keystay config` shows is what holds, with its file and line. */
#include "agent/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "tests/unit/agent/folder.h"

#define AUTO_SETTINGS KS_CLEANUP(ks_settings_freep) struct ks_settings *

static const char etc[] = "[enforce]\nunlock-for = 1h\nconfirm = first-use\n[module \"a\"]\np11-kit = a\n";
static const char user[] = "[agent]\nunlock-for = 12h\n"
			   "[module \"a \\\"quoted\\\" one\"]\npath = \"/lib/with space; and #.so\"\nmax-sessions = 2\n"
			   "[key \"alice\"]\nmatch = \"pkcs11:token=corp;object=alice\"\nissuer = \"CN=a\\\\,b\"\n"
			   "servers = *.corp.example\n";

static struct ks_settings *read_both(void)
{
	const struct ks_settings_source sources[] = {
		{ .file = "/etc/keystay/keystay.conf", .text = etc, .size = strlen(etc), .may_enforce = true },
		{ .file = "/home/a/keystay.conf", .text = user, .size = strlen(user) },
	};
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	int r = ks_settings_read_memory(sources, 2, &settings, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	return settings;
}

/* Given. */
static char *print(const struct ks_settings *settings, bool json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(ks_settings_print(settings, json, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_print_shows_each_value_with_file_and_line(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_both();
	KS_AUTO_FREE char *text = print(settings, false);
	assert_string_equal(text,
			    "[agent]\n"
			    "unlock-for = 1h                          ; /etc/keystay/keystay.conf:2 (enforced)\n"
			    "keep-pin = no                            ; built in\n"
			    "pinentry = /usr/bin/pinentry             ; built in\n"
			    "prompt-timeout = 60s                     ; built in\n"
			    "lock-on = screen-lock, sleep, inactive   ; built in\n"
			    "audit = best-effort                      ; built in\n"
			    "audit-to = file, journal                 ; built in\n"
			    "audit-max-size = 16M                     ; built in\n"
			    "audit-keep = 8                           ; built in\n"
			    "\n[module \"a\"]\n"
			    "p11-kit = a                              ; /etc/keystay/keystay.conf:5\n"
			    "max-sessions = 4                         ; built in\n"
			    "deadline = 15s                           ; built in\n"
			    "card-login = warm                        ; built in\n"
			    "sandbox = calls                          ; built in\n"
			    "\n[module \"a \\\"quoted\\\" one\"]\n"
			    "path = \"/lib/with space; and #.so\"       ; /home/a/keystay.conf:4\n"
			    "max-sessions = 2                         ; /home/a/keystay.conf:5\n"
			    "deadline = 15s                           ; built in\n"
			    "card-login = warm                        ; built in\n"
			    "sandbox = calls                          ; built in\n"
			    "\n[socket \"agent\"]\n"
			    "confirm = no                             ; built in\n"
			    "prompt = yes                             ; built in\n"
			    "allow = tls                              ; built in\n"
			    "\n[socket \"module\"]\n"
			    "confirm = no                             ; built in\n"
			    "prompt = yes                             ; built in\n"
			    "allow = tls                              ; built in\n"
			    "\n[key \"alice\"]\n"
			    "match = \"pkcs11:token=corp;object=alice\" ; /home/a/keystay.conf:7\n"
			    "issuer = \"CN=a\\\\,b\"                      ; /home/a/keystay.conf:8\n"
			    "servers = *.corp.example                 ; /home/a/keystay.conf:9\n"
			    "confirm = first-use                      ; /etc/keystay/keystay.conf:3 (enforced)\n"
			    "allow = tls                              ; built in\n"
			    "revocation = warn                        ; built in\n"
			    "\n; every key without a [key] section:\n"
			    "; confirm = first-use                      ; /etc/keystay/keystay.conf:3 (enforced)\n");
}

/* Kept in a file of a user's own, it says the same again. */
static void test_print_can_be_read_again(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_both();
	KS_AUTO_FREE char *text = print(settings, false);
	const struct ks_settings_source source = { .file = "again", .text = text, .size = strlen(text) };
	AUTO_SETTINGS again = NULL;
	struct ks_settings_error error;
	int r = ks_settings_read_memory(&source, 1, &again, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	assert_int_equal(again->unlock_for_ms, settings->unlock_for_ms);
	assert_int_equal(again->n_modules, 2);
	assert_string_equal(again->modules[1].name, "a \"quoted\" one");
	assert_string_equal(again->modules[1].path, "/lib/with space; and #.so");
	assert_int_equal(again->n_keys, 1);
	assert_string_equal(again->keys[0].issuer, "CN=a\\,b");
	assert_string_equal(again->keys[0].words, settings->keys[0].words);
	assert_true(ks_uri_matches(&again->keys[0].match, &settings->keys[0].match));
}

static const char *value_of(const json_t *section, const char *key, const char **ret_file, json_int_t *ret_line,
			    bool *ret_enforced)
{
	size_t i;
	json_t *value;
	json_array_foreach(json_object_get(section, "values"), i, value)
	{
		if (strcmp(json_string_value(json_object_get(value, "key")), key) != 0)
			continue;
		*ret_file = json_string_value(json_object_get(value, "file"));
		*ret_line = json_integer_value(json_object_get(value, "line"));
		*ret_enforced = json_is_true(json_object_get(value, "enforced"));
		return json_string_value(json_object_get(value, "value"));
	}
	return NULL;
}

static void test_print_writes_json_that_a_parser_reads(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_both();
	KS_AUTO_FREE char *text = print(settings, true);
	json_error_t error;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		print_error("%d: %s\n%s", error.line, error.text, text);
	assert_non_null(root);

	const char *file;
	json_int_t line;
	bool enforced;
	json_t *sections = json_object_get(root, "sections");
	assert_int_equal(json_array_size(sections), 7);
	json_t *section = json_array_get(sections, 0);
	assert_string_equal(json_string_value(json_object_get(section, "section")), "agent");
	assert_true(json_is_null(json_object_get(section, "name")));
	assert_string_equal(value_of(section, "unlock-for", &file, &line, &enforced), "1h");
	assert_string_equal(file, "/etc/keystay/keystay.conf");
	assert_int_equal(line, 2);
	assert_true(enforced);
	assert_string_equal(value_of(section, "keep-pin", &file, &line, &enforced), "no");
	assert_null(file);
	assert_int_equal(line, 0);
	assert_false(enforced);
	section = json_array_get(sections, 2);
	assert_string_equal(json_string_value(json_object_get(section, "name")), "a \"quoted\" one");
	section = json_array_get(sections, 3);
	assert_string_equal(json_string_value(json_object_get(section, "section")), "socket");
	section = json_array_get(sections, 5);
	assert_string_equal(value_of(section, "issuer", &file, &line, &enforced), "CN=a\\,b");
	assert_null(value_of(section, "spki", &file, &line, &enforced));
	/* For keys without a section. */
	section = json_array_get(sections, 6);
	assert_true(json_is_null(json_object_get(section, "name")));
	assert_string_equal(value_of(section, "confirm", &file, &line, &enforced), "first-use");
	json_decref(root);
}

static void test_print_names_the_files_in_json(void **state)
{
	(void)state;
	struct test_folder folder;
	test_folder_init(&folder);
	test_folder_write_text(&folder, "odd \"name\" \xff\n.conf", "[agent]\nkeep-pin = yes\n");
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error problem;
	assert_int_equal(ks_settings_read(test_folder_path(&folder, "odd \"name\" \xff\n.conf"), &settings, &problem),
			 0);
	test_folder_deinit(&folder);

	KS_AUTO_FREE char *text = print(settings, true);
	json_error_t error;
	json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(root);
	const char *file = json_string_value(json_array_get(json_object_get(root, "files"), 0));
	assert_non_null(file);
	assert_non_null(strstr(file, "/odd \"name\" \\xff\\x0a.conf"));
	json_decref(root);
}

static void test_print_tells_when_it_cannot_be_written(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_both();
	FILE *out = fopen("/dev/full", "we");
	assert_non_null(out);
	assert_int_equal(ks_settings_print(settings, false, out), KS_ERR_SYSTEM);
	(void)fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print_shows_each_value_with_file_and_line),
		cmocka_unit_test(test_print_can_be_read_again),
		cmocka_unit_test(test_print_writes_json_that_a_parser_reads),
		cmocka_unit_test(test_print_names_the_files_in_json),
		cmocka_unit_test(test_print_tells_when_it_cannot_be_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
