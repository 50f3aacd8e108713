/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/settings.h: what [enforce] says is never exceeded, and what is narrowed is said. */
#include "agent/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"

#define AUTO_SETTINGS KS_CLEANUP(ks_settings_freep) struct ks_settings *

/* The administrator's file "etc" and a user's file "user". */
static struct ks_settings *read_texts(const char *etc, const char *user)
{
	const struct ks_settings_source sources[] = {
		{ .file = "etc", .text = etc, .size = strlen(etc), .may_enforce = true },
		{ .file = "user", .text = user, .size = strlen(user) },
	};
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	int r = ks_settings_read_memory(sources, 2, &settings, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	return settings;
}

/* warnings: all lines, each with its end, but for those on rules that cannot be proven. */
static void assert_narrowing(const struct ks_settings *settings, const char *warnings)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	(void)ks_settings_warn(settings, out);
	(void)fclose(out);
	char *end = strstr(text, "this version of keystay cannot prove");
	while (end && end > text && end[-1] != '\n')
		end--;
	if (end)
		*end = '\0';
	assert_string_equal(text, warnings);
	free(text);
}

#define SERVERS(i) settings->keys[i].rules.at[KS_RULE_SERVERS].value

static void test_enforce_bounds_unlock_for(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts("[enforce]\nunlock-for = 1h\n", "[agent]\nunlock-for = 12h\n");
	assert_int_equal(settings->unlock_for_ms, 60 * 60 * 1000);
	assert_narrowing(settings, "user:2: unlock-for: \"12h\" is more than [enforce] allows (etc:2); \"1h\" holds\n");
}

static void test_enforce_makes_records_stricter_and_never_laxer(void **state)
{
	(void)state;
	static const struct {
		const char *bound, *value;
		enum ks_settings_audit holds;
		const char *warning;
	} cases[] = {
		{ "require", "off", KS_AUDIT_REQUIRE,
		  "user:2: audit: \"off\" is more than [enforce] allows (etc:2); \"require\" holds\n" },
		{ "best-effort", "off", KS_AUDIT_BEST_EFFORT,
		  "user:2: audit: \"off\" is more than [enforce] allows (etc:2); \"best-effort\" holds\n" },
		{ "best-effort", "require", KS_AUDIT_REQUIRE, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char etc[64], user[64];
		(void)snprintf(etc, sizeof(etc), "[enforce]\naudit = %s\n", cases[i].bound);
		(void)snprintf(user, sizeof(user), "[agent]\naudit = %s\n", cases[i].value);
		AUTO_SETTINGS settings = read_texts(etc, user);
		assert_int_equal(settings->audit, cases[i].holds);
		assert_narrowing(settings, cases[i].warning);
	}
}

static void test_enforce_leaves_what_is_narrower(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts("[enforce]\nunlock-for = 1h\nkeep-pin = no\nconfirm = first-use\n"
					    "servers = *.corp.example, b.example\nallow = tls\n",
					    "[agent]\nunlock-for = 0\nkeep-pin = no\n"
					    "[key \"k\"]\neku = clientAuth\nconfirm = always\nallow = tls\n"
					    "servers = A.Corp.Example, *.x.corp.example, b.example\n");
	assert_int_equal(settings->unlock_for_ms, 0);
	assert_string_equal(SERVERS(0), "A.Corp.Example, *.x.corp.example, b.example");
	assert_string_equal(settings->keys[0].rules.at[KS_RULE_SERVERS].origin.file, "user");
	assert_narrowing(settings, "");
}

static void test_enforce_bounds_the_built_in_value_without_a_warning(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts("[enforce]\nunlock-for = 0\n", "");
	assert_int_equal(settings->unlock_for_ms, 0);
	assert_narrowing(settings, "");
}

static void test_enforce_bounds_the_administrators_own_values(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts("[agent]\nunlock-for = 2d\nkeep-pin = yes\n"
					    "[enforce]\nunlock-for = 1d\nkeep-pin = no\n",
					    "");
	assert_int_equal(settings->unlock_for_ms, 24 * 60 * 60 * 1000);
	assert_false(settings->keep_pin);
	assert_narrowing(settings, "etc:2: unlock-for: \"2d\" is more than [enforce] allows (etc:5); \"1d\" holds\n"
				   "etc:3: keep-pin: \"yes\" is more than [enforce] allows (etc:6); \"no\" holds\n");
}

static void test_enforce_of_a_later_file_overrides(void **state)
{
	(void)state;
	static const char vendor[] = "[enforce]\nunlock-for = 1h\nkeep-pin = no\n";
	static const char etc[] = "[enforce]\nunlock-for = 2h\n";
	static const char user[] = "[agent]\nunlock-for = 3h\nkeep-pin = yes\n";
	const struct ks_settings_source sources[] = {
		{ .file = "vendor", .text = vendor, .size = strlen(vendor), .may_enforce = true },
		{ .file = "etc", .text = etc, .size = strlen(etc), .may_enforce = true },
		{ .file = "user", .text = user, .size = strlen(user) },
	};
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;
	assert_int_equal(ks_settings_read_memory(sources, 3, &settings, &error), 0);
	assert_int_equal(settings->unlock_for_ms, 2 * 60 * 60 * 1000);
	assert_false(settings->keep_pin);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static void test_enforce_raises_confirm(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts("[enforce]\nconfirm = first-use\n",
					    "[key \"silent\"]\neku = clientAuth\n"
					    "[key \"no\"]\neku = clientAuth\nconfirm = no\n"
					    "[key \"always\"]\neku = clientAuth\nconfirm = always\n");
	assert_int_equal(settings->keys[0].rules.confirm, KS_CONFIRM_FIRST_USE);
	assert_string_equal(settings->keys[0].rules.at[KS_RULE_CONFIRM].origin.file, "etc");
	assert_int_equal(settings->keys[1].rules.confirm, KS_CONFIRM_FIRST_USE);
	assert_int_equal(settings->keys[2].rules.confirm, KS_CONFIRM_ALWAYS);
	assert_narrowing(settings,
			 "user:5: confirm: \"no\" is more than [enforce] allows (etc:2); \"first-use\" holds\n");
}

static void test_enforce_takes_digests_away(void **state)
{
	(void)state;
	static const char user[] = "[key \"k\"]\neku = clientAuth\nallow = tls, digest\n";
	AUTO_SETTINGS by_allow = read_texts("[enforce]\nallow = tls\n", user);
	assert_false(by_allow->keys[0].allow_digest);
	assert_narrowing(by_allow,
			 "user:3: allow: \"tls, digest\" is more than [enforce] allows (etc:2); \"tls\" holds\n");
	/* A bare digest cannot be proven to be for a server. */
	AUTO_SETTINGS by_servers = read_texts("[enforce]\nservers = a.example\n", user);
	assert_false(by_servers->keys[0].allow_digest);
}

/* The bound, what the user wrote, what holds. */
static const struct {
	const char *bound, *written, *holds;
} servers[] = {
	{ "*.corp.example", "a.corp.example, other.example", "a.corp.example" },
	{ "*.corp.example", "*", "*.corp.example" },
	{ "*.corp.example, b.example", "*", "*.corp.example, b.example" },
	{ "*.corp.example, b.example", "*.example", "*.corp.example, b.example" },
	{ "*.corp.example", "other.example", "" },
	/* They overlap, but neither lies inside the other: nothing is left, never too much. */
	{ "*.corp.example", "a.*", "" },
	{ "a*", "*a", "" },
	/* A '*' that was written is not a letter that a bound's '*' may stand for in part. */
	{ "a.example", "*.example", "a.example" },
	{ "x*.example", "*.example, xy.example", "x*.example, xy.example" },
};

static void test_enforce_leaves_of_servers_what_lies_inside(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		char etc[128];
		char user[128];
		char warning[256];
		(void)snprintf(etc, sizeof(etc), "[enforce]\nservers = %s\n", servers[i].bound);
		(void)snprintf(user, sizeof(user), "[key \"k\"]\neku = clientAuth\nservers = %s\n", servers[i].written);
		AUTO_SETTINGS settings = read_texts(etc, user);
		assert_string_equal(SERVERS(0), servers[i].holds);
		const char *left = servers[i].holds;
		(void)snprintf(warning, sizeof(warning),
			       "user:3: servers: \"%s\" is more than [enforce] allows (etc:2); %s%s%s holds\n",
			       servers[i].written, *left ? "\"" : "", *left ? left : "nothing of it",
			       *left ? "\"" : "");
		assert_narrowing(settings, warning);
	}
}

static void test_enforce_holds_for_keys_without_a_section(void **state)
{
	(void)state;
	AUTO_SETTINGS none = read_texts("[enforce]\nunlock-for = 1h\nkeep-pin = no\nallow = tls\n", "");
	assert_null(none->others);
	AUTO_SETTINGS settings = read_texts("[enforce]\nservers = *.corp.example\nconfirm = always\n", "");
	assert_non_null(settings->others);
	assert_string_equal(settings->others->rules.at[KS_RULE_SERVERS].value, "*.corp.example");
	assert_string_equal(settings->others->rules.at[KS_RULE_SERVERS].origin.file, "etc");
	assert_string_equal(settings->others->words, "only for the servers *.corp.example; asks a person each time");
}

/* --- warnings ---------------------------------------------------------------------------------------------------- */

static void test_warnings_tell_modules_that_do_not_start(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_texts("[enforce]\nconfirm = always\n",
					    "[module \"m\"]\npath = /nonexistent/m.so\n[module \"n\"]\np11-kit = n\n"
					    "[key \"k\"]\neku = clientAuth\n");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(ks_settings_warn(settings, out), 1);
	(void)fclose(out);
	assert_string_equal(text, "user:2: path: /nonexistent/m.so does not exist; module \"m\" will not be started\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enforce_bounds_unlock_for),
		cmocka_unit_test(test_enforce_makes_records_stricter_and_never_laxer),
		cmocka_unit_test(test_enforce_leaves_what_is_narrower),
		cmocka_unit_test(test_enforce_bounds_the_built_in_value_without_a_warning),
		cmocka_unit_test(test_enforce_bounds_the_administrators_own_values),
		cmocka_unit_test(test_enforce_of_a_later_file_overrides),
		cmocka_unit_test(test_enforce_raises_confirm),
		cmocka_unit_test(test_enforce_takes_digests_away),
		cmocka_unit_test(test_enforce_leaves_of_servers_what_lies_inside),
		cmocka_unit_test(test_enforce_holds_for_keys_without_a_section),
		cmocka_unit_test(test_warnings_tell_modules_that_do_not_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
