/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/settings.h: good values, and how those of several files come together. */
#include "agent/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* Files of one user by the names "1", "2" …; NULL ends them. */
static struct ks_settings *read_texts(const char *const *texts)
{
	static const char *const names[] = { "1", "2", "3", "4" };
	struct ks_settings_source sources[4];
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	size_t n = 0;

	for (; texts[n]; n++)
		sources[n] =
			(struct ks_settings_source){ .file = names[n], .text = texts[n], .size = strlen(texts[n]) };
	int r = ks_settings_read_memory(sources, n, &settings, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	return settings;
}

static struct ks_settings *read_text(const char *text)
{
	return read_texts((const char *const[]){ text, NULL });
}

#define AUTO_SETTINGS KS_CLEANUP(ks_settings_freep) struct ks_settings *

static void assert_origin(const struct ks_settings_origin *origin, const char *file, unsigned line)
{
	assert_string_equal(origin->file, file);
	assert_int_equal(origin->line, line);
}

/* --- values ------------------------------------------------------------------------------------------------------ */

static void test_settings_without_any_file_are_the_built_in_ones(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts((const char *const[]){ NULL });

	assert_int_equal(settings->unlock_for_ms, 8ull * 60 * 60 * 1000);
	assert_false(settings->keep_pin);
	assert_int_equal(settings->n_modules, 0);
	assert_int_equal(settings->n_keys, 0);
	assert_null(settings->others);
}

static void test_settings_reads_every_time(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t ms;
	} times[] = {
		{ "[agent]\nunlock-for = 0\n", 0 },
		{ "[agent]\nunlock-for = 0s\n", 0 },
		{ "[agent]\nunlock-for = 90s\n", 90000 },
		{ "[agent]\nunlock-for = 30m\n", 1800000 },
		{ "[agent]\nunlock-for = 3650d\n", 3650ull * 24 * 60 * 60 * 1000 },
	};
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		AUTO_SETTINGS settings = read_text(times[i].text);
		assert_int_equal(settings->unlock_for_ms, times[i].ms);
	}
}

static void test_settings_reads_where_records_go(void **state)
{
	(void)state;
	AUTO_SETTINGS standard = read_text("");
	assert_int_equal(standard->audit, KS_AUDIT_BEST_EFFORT);
	assert_int_equal(standard->audit_to, KS_AUDIT_TO_FILE | KS_AUDIT_TO_JOURNAL);
	assert_int_equal(standard->audit_max_size, 16 << 20);
	assert_int_equal(standard->audit_keep, 8);
	AUTO_SETTINGS settings = read_text("[agent]\naudit = require\naudit-to = syslog, file\naudit-max-size = 64K\n"
					   "audit-keep = 1\n");
	assert_int_equal(settings->audit, KS_AUDIT_REQUIRE);
	assert_int_equal(settings->audit_to, KS_AUDIT_TO_FILE | KS_AUDIT_TO_SYSLOG);
	assert_int_equal(settings->audit_max_size, 64 << 10);
	assert_int_equal(settings->audit_keep, 1);
	AUTO_SETTINGS largest = read_text("[agent]\naudit-max-size = 1G\naudit = off\n");
	assert_int_equal(largest->audit_max_size, 1 << 30);
	assert_int_equal(largest->audit, KS_AUDIT_OFF);
}

static void test_settings_reads_modules(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"softhsm\"]\npath = /usr/lib/softhsm/libsofthsm2.so\n"
					   "[module \"the card\"]\np11-kit = opensc\nmax-sessions = 1\n");

	assert_int_equal(settings->n_modules, 2);
	const struct ks_settings_module *module = &settings->modules[0];
	assert_string_equal(module->name, "softhsm");
	assert_string_equal(module->path, "/usr/lib/softhsm/libsofthsm2.so");
	assert_null(module->p11_kit);
	assert_int_equal(module->sessions, 0);
	assert_origin(&module->origin, "1", 1);
	module = &settings->modules[1];
	assert_string_equal(module->name, "the card");
	assert_null(module->path);
	assert_string_equal(module->p11_kit, "opensc");
	assert_int_equal(module->sessions, 1);
	assert_origin(&module->origin, "1", 3);
}

static void test_settings_reads_what_chooses_a_key(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"m\"]\npath = /m.so\n[key \"alice\"]\n"
					   "match = \"pkcs11:token=corp;object=alice%20b\"\nmodule = m\n"
					   "spki = 00112233445566\nissuer = *O=Corp*\neku = 1.3.6.1.4.1.311.20.2.2\n"
					   "template = SmartcardLogon\n");

	assert_int_equal(settings->n_keys, 1);
	const struct ks_settings_key *key = &settings->keys[0];
	assert_string_equal(key->name, "alice");
	assert_true(key->has_match);
	assert_true(key->match.present[KS_URI_TOKEN] && key->match.present[KS_URI_OBJECT]);
	assert_int_equal(key->match.value[KS_URI_OBJECT].size, 7);
	assert_memory_equal(key->match.value[KS_URI_OBJECT].data, "alice b", 7);
	assert_string_equal(key->module, "m");
	assert_int_equal(key->spki_prefix_size, 7);
	assert_memory_equal(key->spki_prefix, "\x00\x11\x22\x33\x44\x55\x66", 7);
	assert_string_equal(key->issuer, "*O=Corp*");
	assert_string_equal(key->eku, "1.3.6.1.4.1.311.20.2.2");
	assert_string_equal(key->template, "SmartcardLogon");
	assert_false(key->allow_digest);
	assert_false(ks_rules_want_a_server(&key->rules));
	assert_string_equal(key->words, "");
	assert_origin(&key->origin, "1", 3);
}

static void test_settings_takes_names_with_spaces_and_letters(void **state)
{
	(void)state;
	AUTO_SETTINGS settings =
		read_text("[key \"Zo\xc3\xab \xe9\x8d\xb5\"]\neku = clientAuth\n"
			  "[key \"1234567890123456789012345678901234567890123456789012345678901234\"]\neku = 1.2\n");
	assert_string_equal(settings->keys[0].name, "Zo\xc3\xab \xe9\x8d\xb5");
	assert_int_equal(strlen(settings->keys[1].name), 64);
}

/* --- rules ------------------------------------------------------------------------------------------------------- */

static void test_settings_says_each_rule_with_its_place(void **state)
{
	(void)state;
	static const struct {
		enum ks_rule rule;
		const char *value;
		const char *words;
	} rules[] = {
		{ KS_RULE_SERVERS, "*.corp.example, a.example", "only for the servers *.corp.example, a.example" },
		{ KS_RULE_SERVER_CA, "/etc/ca.pem", "only for servers with a certificate by /etc/ca.pem" },
		{ KS_RULE_SERVER_SPKI, "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		  "only for servers with the public key "
		  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" },
		{ KS_RULE_CONFIRM, "first-use", "asks a person once for each proven server" },
		{ KS_RULE_CONFIRM, "always", "asks a person each time" },
		{ KS_RULE_MAX_RATE, "10/m", "at most 10/m" },
		{ KS_RULE_HOURS, "Mon-Fri 08:00-18:00, Sat 09:00-24:00",
		  "only at Mon-Fri 08:00-18:00, Sat 09:00-24:00" },
		{ KS_RULE_USERS, "root, 1000", "only for the users root, 1000" },
		{ KS_RULE_GROUPS, "daemon", "only for the groups daemon" },
	};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		char text[256];
		(void)snprintf(text, sizeof(text), "[key \"k\"]\neku = clientAuth\n\n%s = %s\n",
			       ks_rule_name(rules[i].rule), rules[i].value);
		AUTO_SETTINGS settings = read_text(text);
		assert_string_equal(settings->keys[0].rules.at[rules[i].rule].value, rules[i].value);
		assert_origin(&settings->keys[0].rules.at[rules[i].rule].origin, "1", 4);
		assert_string_equal(settings->keys[0].words, rules[i].words);
	}
}

static void test_settings_of_sockets_have_the_rules_of_keys(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[socket \"agent\"]\nservers = a.example\nconfirm = always\n"
					   "max-rate = 2/h\nhours = 22:00-06:00\ndeadline = 2s\n");
	const struct ks_settings_socket *socket = ks_settings_socket_of(settings, "agent");
	assert_string_equal(socket->words,
			    "by this socket: only for the servers a.example; by this socket: asks a person "
			    "each time; by this socket: at most 2/h; by this socket: only at 22:00-06:00");
	assert_int_equal(socket->deadline_ms, 2000);
	assert_int_equal(socket->rules.confirm, KS_CONFIRM_ALWAYS);
	assert_int_equal(socket->rules.rate, 2);
	assert_int_equal(socket->rules.rate_window_ms, 3600000);
}

static void test_settings_says_no_rule_that_restricts_nothing(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[key \"k\"]\neku = clientAuth\nconfirm = no\nallow = tls\n");
	assert_int_equal(settings->keys[0].rules.confirm, KS_CONFIRM_NO);
	assert_string_equal(settings->keys[0].words, "");
}

static void test_settings_says_all_rules_of_a_key(void **state)
{
	(void)state;
	AUTO_SETTINGS settings =
		read_text("[key \"k\"]\neku = clientAuth\nconfirm = always\nallow = digest, tls\nusers = 0\n");
	const struct ks_settings_key *key = &settings->keys[0];
	assert_true(key->allow_digest);
	assert_string_equal(key->words, "asks a person each time; only for the users 0; bare digests are allowed");
}

/* What a message has room for (lib/protocol/messages.def), and valid text to its end. */
static void test_settings_cuts_long_rules_between_characters(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 2; shift++) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
		ks_buffer_printf(&text, "[key \"k\"]\neku = clientAuth\nservers = %s", shift ? "x" : "");
		for (size_t i = 0; i < 100; i++)
			ks_buffer_printf(&text, "%zu.corp.example, ", i);
		/* The end of what a message takes falls among these letters of two bytes. */
		ks_buffer_printf(&text, "a.example\nserver-ca = /");
		for (size_t i = 0; i < 500; i++)
			ks_buffer_printf(&text, "\xc3\xab");
		ks_buffer_printf(&text, "\nhours = 08:00-18:00\n");
		ks_buffer_put_u8(&text, '\0');
		AUTO_SETTINGS settings = read_text((const char *)text.data);
		assert_true(strlen(settings->keys[0].words) <= 2048);
		assert_true(strlen(settings->keys[0].words) >= 1999);
		assert_true(ks_text_valid(ks_bytes_text(settings->keys[0].words)));
	}
}

/* --- several files ----------------------------------------------------------------------------------------------- */

static void test_settings_of_a_later_file_override_key_by_key(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts((const char *const[]){
		"[agent]\nunlock-for = 1h\nkeep-pin = yes\n"
		"[key \"a\"]\nmatch = pkcs11:object=a\nconfirm = always\n[key \"b\"]\nmatch = pkcs11:object=b\n",
		"[agent]\nunlock-for = 2h\n[key \"c\"]\neku = clientAuth\n",
		"[key \"a\"]\nconfirm = no\nusers = root\n",
		NULL,
	});

	assert_int_equal(settings->unlock_for_ms, 2 * 60 * 60 * 1000);
	assert_true(settings->keep_pin);
	assert_int_equal(settings->n_keys, 3);
	assert_string_equal(settings->keys[0].name, "a");
	assert_true(settings->keys[0].has_match);
	assert_null(settings->keys[0].rules.at[KS_RULE_CONFIRM].value);
	assert_string_equal(settings->keys[0].rules.at[KS_RULE_USERS].value, "root");
	assert_origin(&settings->keys[0].rules.at[KS_RULE_USERS].origin, "3", 3);
	assert_origin(&settings->keys[0].origin, "1", 4);
	/* In the order in which they were first named: the first that fits counts. */
	assert_string_equal(settings->keys[1].name, "b");
	assert_string_equal(settings->keys[2].name, "c");
}

static void test_settings_of_a_later_file_may_complete_a_section(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts((const char *const[]){
		"[key \"a\"]\nconfirm = no\n[module \"m\"]\nmax-sessions = 2\n",
		"[module \"m\"]\npath = /m.so\n[key \"a\"]\nmodule = m\n",
		NULL,
	});
	assert_string_equal(settings->modules[0].path, "/m.so");
	assert_int_equal(settings->modules[0].sessions, 2);
	assert_string_equal(settings->keys[0].module, "m");
}

static void test_settings_of_a_later_file_choose_between_path_and_p11_kit(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts((const char *const[]){
		"[module \"m\"]\np11-kit = m\n[module \"n\"]\npath = /n.so\n",
		"[module \"m\"]\npath = /m.so\n[module \"n\"]\np11-kit = n\n",
		NULL,
	});
	assert_string_equal(settings->modules[0].path, "/m.so");
	assert_null(settings->modules[0].p11_kit);
	assert_null(settings->modules[1].path);
	assert_string_equal(settings->modules[1].p11_kit, "n");
}

static void test_settings_finds_contradictions_between_files(void **state)
{
	(void)state;
	static const char first[] = "[key \"a\"]\neku = clientAuth\nservers = a.example\n";
	static const char second[] = "[key \"a\"]\nallow = tls, digest\n";
	const struct ks_settings_source sources[] = {
		{ .file = "1", .text = first, .size = strlen(first) },
		{ .file = "2", .text = second, .size = strlen(second) },
	};
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	assert_int_equal(ks_settings_read_memory(sources, 2, &settings, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text, "2:2: allow: expected tls, since servers (1:3) cannot be proven for a bare "
					"digest, found \"tls, digest\"");
}

/* --- the example ------------------------------------------------------------------------------------------------- */

/* Everything that the example shows is good, and it shows every word that there is. */
static void test_settings_takes_the_example_and_all_that_is_commented_out_in_it(void **state)
{
	(void)state;
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	assert_int_equal(ks_path_read_file(EXAMPLE, 1 << 20, &text, &size), 0);
	AUTO_SETTINGS as_it_is = read_text(text);
	assert_non_null(as_it_is);

	/* "#key = value" and "#[section]" are values to be tried; comments in prose have a space behind their sign. */
	for (char *at = text; at; at = strchr(at, '\n')) {
		at += *at == '\n' ? 1 : 0;
		if (at[0] == '#' && at[1] != ' ' && at[1] != '\n' && at[1] != '#')
			at[0] = ' ';
	}
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	const struct ks_settings_source source = { .file = "example", .text = text, .size = size, .may_enforce = true };
	int r = ks_settings_read_memory(&source, 1, &settings, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);

	bool seen[KS_SETTINGS_N_KINDS][KS_SETTINGS_ROWS_MAX] = { 0 };
	const struct ks_settings_private *private = settings->private;
	for (size_t row = 0; row < KS_SETTINGS_ROWS_MAX; row++) {
		seen[KS_SETTINGS_AGENT][row] = private->agent.values[row].text;
		seen[KS_SETTINGS_ENFORCE][row] = private->enforce.values[row].text;
		for (size_t i = 0; i < private->sockets.n; i++)
			seen[KS_SETTINGS_SOCKET][row] |= private->sockets.at[i].values[row].text != NULL;
		for (size_t i = 0; i < private->tokens.n; i++)
			seen[KS_SETTINGS_TOKEN][row] |= private->tokens.at[i].values[row].text != NULL;
		for (size_t i = 0; i < private->modules.n; i++)
			seen[KS_SETTINGS_MODULE][row] |= private->modules.at[i].values[row].origin.file != NULL;
		for (size_t i = 0; i < private->keys.n; i++)
			seen[KS_SETTINGS_KEY][row] |= private->keys.at[i].values[row].text != NULL;
		for (size_t i = 0; i < private->profiles.n; i++)
			seen[KS_SETTINGS_PROFILE][row] |= private->profiles.at[i].values[row].text != NULL;
	}
	for (size_t kind = 0; kind < KS_SETTINGS_N_KINDS; kind++) {
		for (size_t row = 0; row < ks_settings_tables[kind].n_rows; row++) {
			if (!seen[kind][row])
				print_error("%s: %s is missing\n", ks_settings_tables[kind].section,
					    ks_settings_tables[kind].rows[row].key);
			assert_true(seen[kind][row]);
		}
	}
	ks_settings_free(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_settings_without_any_file_are_the_built_in_ones),
		cmocka_unit_test(test_settings_reads_every_time),
		cmocka_unit_test(test_settings_reads_where_records_go),
		cmocka_unit_test(test_settings_reads_modules),
		cmocka_unit_test(test_settings_reads_what_chooses_a_key),
		cmocka_unit_test(test_settings_takes_names_with_spaces_and_letters),
		cmocka_unit_test(test_settings_says_each_rule_with_its_place),
		cmocka_unit_test(test_settings_of_sockets_have_the_rules_of_keys),
		cmocka_unit_test(test_settings_says_no_rule_that_restricts_nothing),
		cmocka_unit_test(test_settings_says_all_rules_of_a_key),
		cmocka_unit_test(test_settings_cuts_long_rules_between_characters),
		cmocka_unit_test(test_settings_of_a_later_file_override_key_by_key),
		cmocka_unit_test(test_settings_of_a_later_file_may_complete_a_section),
		cmocka_unit_test(test_settings_of_a_later_file_choose_between_path_and_p11_kit),
		cmocka_unit_test(test_settings_finds_contradictions_between_files),
		cmocka_unit_test(test_settings_takes_the_example_and_all_that_is_commented_out_in_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
