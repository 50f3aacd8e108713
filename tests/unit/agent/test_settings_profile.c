/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/settings_profile.h and of the warnings: [module "opensc"] alone is enough, what somebody wrote holds
 * nevertheless, and what will quietly not work is said. */
#include "agent/settings_profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/text.h"
#include "tests/unit/agent/folder.h"

#define AUTO_SETTINGS KS_CLEANUP(ks_settings_freep) struct ks_settings *

static struct ks_settings *read_text(const char *text)
{
	const struct ks_settings_source source = { .file = "f", .text = text, .size = strlen(text) };
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	int r = ks_settings_read_memory(&source, 1, &settings, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	return settings;
}

/* Given. */
static char *warnings_of(const struct ks_settings *settings, size_t *ret_n)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	*ret_n = ks_settings_warn(settings, out);
	(void)fclose(out);
	return text;
}

static void assert_environment(const struct ks_settings_module *module, const char *const *variables)
{
	size_t i = 0;
	for (; variables[i] && module->environment[i]; i++)
		assert_string_equal(module->environment[i], variables[i]);
	assert_true(!variables[i] && !module->environment[i]);
}

#define VARIABLES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define NO_VARIABLES ((const char *const[]){ NULL })

/* --- profiles ---------------------------------------------------------------------------------------------------- */

static void test_profile_needs_nothing_but_the_name_of_a_section(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *file;
		unsigned sessions;
	} known[] = {
		{ "opensc", "opensc-pkcs11.so", 1 },          { "ykcs11", "libykcs11.so", 1 },
		{ "softhsm", "libsofthsm2.so", 0 },           { "tpm2", "libtpm2_pkcs11.so", 1 },
		{ "opencryptoki", "libopencryptoki.so", 0 },  { "nss", "libsoftokn3.so", 0 },
		{ "p11-kit-client", "p11-kit-client.so", 1 },
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[128];
		(void)snprintf(text, sizeof(text), "[module \"%s\"]\n", known[i].name);
		AUTO_SETTINGS settings = read_text(text);
		const struct ks_settings_module *module = &settings->modules[0];
		assert_string_equal(module->profile, known[i].name);
		assert_int_equal(module->path[0], '/');
		assert_null(strchr(module->path, '*'));
		assert_non_null(strstr(module->path, known[i].file));
		assert_int_equal(module->sessions, known[i].sessions);
		assert_null(module->p11_kit);
	}
}

/* On a machine that has none of its files, the warning names them all, and where to get them. */
static void test_profile_whose_file_is_nowhere_says_where_it_looked(void **state)
{
	(void)state;
	static const char *const names[] = { "opensc",       "ykcs11", "softhsm",       "tpm2",
					     "opencryptoki", "nss",    "p11-kit-client" };
	size_t n_missing = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[128];
		size_t n = 0;
		const char *packages = NULL;
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer places = { 0 };
		(void)snprintf(text, sizeof(text), "[module \"%s\"]\ninit-args = a=b\n", names[i]);
		AUTO_SETTINGS settings = read_text(text);
		KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
		assert_int_equal(ks_settings_profile_describe(names[i], &places, &packages), 0);
		KS_AUTO_FREE char *all = ks_buffer_steal_text(&places);
		assert_non_null(strstr(all, settings->modules[0].path));
		assert_null(strchr(all, '*'));
		if (access(settings->modules[0].path, F_OK) == 0) {
			assert_string_equal(warnings, "");
			continue;
		}
		KS_AUTO_FREE char *expected = ks_text_format(
			"f:1: module \"%s\": none of %s exists; install %s, or say path = FILE; until then it will not "
			"be started\n",
			names[i], all, packages);
		assert_string_equal(warnings, expected);
		n_missing++;
	}
	if (n_missing == 0)
		skip(); /* everything is installed here */
}

static void test_profile_takes_the_first_path_that_exists(void **state)
{
	(void)state;
	struct test_folder folder;
	test_folder_init(&folder);
	test_folder_write_text(&folder, "b.so", "");
	test_folder_write_text(&folder, "c.so", "");
	const char *const paths[] = { test_folder_path(&folder, "a.so"), test_folder_path(&folder, "b.so"),
				      test_folder_path(&folder, "c.so"), NULL };
	char *path = NULL;
	assert_int_equal(ks_settings_profile_find(paths, 4, &path), 0);
	assert_string_equal(path, paths[1]);
	free(path);
	/* None: the first, which may be installed later. */
	assert_int_equal(ks_settings_profile_find(paths, 1, &path), 0);
	assert_string_equal(path, paths[0]);
	free(path);
	test_folder_deinit(&folder);
}

static void test_profile_is_taken_by_the_file_of_a_path(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"a\"]\npath = /opt/lib/opensc-pkcs11.so\n"
					   "[module \"nss\"]\npath = /opt/lib/libsofthsm2.so\n"
					   "[module \"b\"]\npath = /opt/opensc-pkcs11.so/other.so\n"
					   "[module \"c\"]\npath = /opt/onepin-opensc-pkcs11.so\n");
	assert_string_equal(settings->modules[0].profile, "opensc");
	assert_string_equal(settings->modules[0].path, "/opt/lib/opensc-pkcs11.so");
	assert_int_equal(settings->modules[0].sessions, 1);
	/* The file knows better than the section's name. */
	assert_string_equal(settings->modules[1].profile, "softhsm");
	assert_null(settings->modules[2].profile);
	assert_int_equal(settings->modules[2].sessions, 0);
	assert_string_equal(settings->modules[3].profile, "opensc");
}

static void test_profile_is_taken_by_the_name_of_a_section_with_another_file(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"tpm2\"]\np11-kit = tpm2_pkcs11\n"
					   "[module \"opensc\"]\npath = /opt/pkcs11-spy.so\n");
	assert_string_equal(settings->modules[0].profile, "tpm2");
	assert_null(settings->modules[0].path);
	assert_environment(&settings->modules[0], VARIABLES("TSS2_LOG=all+none", "TPM2_PKCS11_LOG_LEVEL=0"));
	assert_string_equal(settings->modules[1].path, "/opt/pkcs11-spy.so");
	assert_int_equal(settings->modules[1].sessions, 1);
}

static void test_profile_can_be_named_and_be_none(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"card\"]\nprofile = opensc\n"
					   "[module \"opensc\"]\nprofile = none\npath = /opt/opensc-pkcs11.so\n");
	assert_string_equal(settings->modules[0].profile, "opensc");
	assert_non_null(settings->modules[0].path);
	assert_string_equal(settings->modules[1].profile, "none");
	assert_int_equal(settings->modules[1].sessions, 0);
}

static void test_profile_gives_way_to_what_a_file_says(void **state)
{
	(void)state;
	AUTO_SETTINGS settings =
		read_text("[module \"p11-kit-client\"]\npath = /m.so\nmax-sessions = 7\ndeadline = 2m\n"
			  "init-args = x y\nslots = 1, *a b*\ncard-login = per-signature\n");
	const struct ks_settings_module *module = &settings->modules[0];
	assert_string_equal(module->path, "/m.so");
	assert_int_equal(module->sessions, 7);
	assert_int_equal(module->deadline_ms, 120000);
	assert_string_equal(module->init_args, "x y");
	assert_string_equal(module->slots, "1, *a b*");
	assert_true(module->login_per_signature);
	AUTO_SETTINGS built_in = read_text("[module \"p11-kit-client\"]\n[module \"m\"]\npath = /m.so\n");
	assert_int_equal(built_in->modules[0].deadline_ms, 30000);
	assert_int_equal(built_in->modules[1].deadline_ms, 0);
	assert_false(built_in->modules[1].login_per_signature);
	assert_environment(&built_in->modules[1], NO_VARIABLES);
}

/* --- environment -------------------------------------------------------------------------------------------------- */

static void test_environment_has_quotes_as_a_shell_has_them(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"m\"]\npath = /m.so\nenvironment = A=1 B='2 3'  C= _d9=x'y'z\n"
					   "[module \"n\"]\npath = /n.so\nenvironment = \"A=\\\"it's\\\" B='\\\"'\"\n");
	assert_environment(&settings->modules[0], VARIABLES("A=1", "B=2 3", "C=", "_d9=xyz"));
	assert_environment(&settings->modules[1], VARIABLES("A=it's", "B=\""));
}

static void test_environment_of_a_file_leaves_the_other_variables_of_a_profile(void **state)
{
	(void)state;
	AUTO_SETTINGS settings =
		read_text("[module \"tpm2\"]\nenvironment = TPM2_PKCS11_STORE='/a b' TSS2_LOG=all+error\n");
	assert_environment(&settings->modules[0],
			   VARIABLES("TPM2_PKCS11_STORE=/a b", "TSS2_LOG=all+error", "TPM2_PKCS11_LOG_LEVEL=0"));
}

static void test_print_shows_what_a_profile_says(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[module \"tpm2\"]\nenvironment = A=1\npath = /m.so\n");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_int_equal(ks_settings_print(settings, false, out), 0);
	(void)fclose(out);
	assert_non_null(strstr(text, "max-sessions = 1                         ; profile tpm2\n"));
	assert_non_null(
		strstr(text, "environment = A=1 TSS2_LOG=all+none TPM2_PKCS11_LOG_LEVEL=0 ; f:2, profile tpm2\n"));
	assert_non_null(strstr(text, "path = /m.so                             ; f:3\n"));
	free(text);
	out = open_memstream(&text, &size);
	assert_int_equal(ks_settings_print(settings, true, out), 0);
	(void)fclose(out);
	assert_non_null(strstr(text, "{\"key\": \"max-sessions\", \"value\": \"1\", \"file\": null, \"line\": 0, "
				     "\"profile\": \"tpm2\", \"enforced\": false}"));
	assert_non_null(strstr(text, "\"file\": \"f\", \"line\": 2, \"profile\": \"tpm2\", \"enforced\": false}"));
	free(text);
}

/* --- tokens ------------------------------------------------------------------------------------------------------- */

static void test_token_sections_fit_by_label_or_by_match(void **state)
{
	(void)state;
	AUTO_SETTINGS settings = read_text("[token \"one\"]\nmatch = pkcs11:token=corp;serial=1\npin-file = /one\n"
					   "[token \"corp\"]\npin-credential = corp-pin\n"
					   "[token \"late\"]\nmatch = pkcs11:manufacturer=ACME\npin-file = /late\n"
					   "[token \"two words\"]\npin-file = /words\n");
	assert_int_equal(settings->n_tokens, 4);
	const struct ks_settings_token *token = ks_settings_token_for(settings, "corp", "ACME", "card", "1");
	assert_string_equal(token->pin_file, "/one");
	assert_null(token->pin_credential);
	token = ks_settings_token_for(settings, "corp", "ACME", "card", "2");
	assert_string_equal(token->pin_credential, "corp-pin");
	token = ks_settings_token_for(settings, "other", "ACME", "card", "2");
	assert_string_equal(token->pin_file, "/late");
	token = ks_settings_token_for(settings, "two words", "Acme", "card", "2");
	assert_string_equal(token->pin_file, "/words");
	/* A section with match is not for the token of its own name. */
	assert_null(ks_settings_token_for(settings, "late", "Acme", "card", "2"));
	assert_null(ks_settings_token_for(settings, "", "", "", ""));
}

static void test_token_sections_of_a_later_file_override_key_by_key(void **state)
{
	(void)state;
	static const char first[] = "[token \"corp\"]\npin-file = /a\n[socket \"agent\"]\nprompt = no\n";
	static const char second[] = "[token \"corp\"]\nmatch = pkcs11:serial=1\n";
	const struct ks_settings_source sources[] = { { .file = "1", .text = first, .size = strlen(first) },
						      { .file = "2", .text = second, .size = strlen(second) } };
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;
	assert_int_equal(ks_settings_read_memory(sources, 2, &settings, &error), 0);
	assert_int_equal(settings->n_tokens, 1);
	assert_true(settings->tokens[0].has_match);
	assert_string_equal(settings->tokens[0].pin_file, "/a");
	assert_false(settings->sockets[0].prompt);
}

static void test_agent_settings_of_dialogs_and_locks(void **state)
{
	(void)state;
	AUTO_SETTINGS built_in = read_text("");
	assert_true(built_in->sockets[0].prompt);
	assert_string_equal(built_in->pinentry, "/usr/bin/pinentry");
	assert_int_equal(built_in->prompt_timeout_ms, 60000);
	assert_int_equal(built_in->lock_on, KS_LOCK_ON_SCREEN_LOCK | KS_LOCK_ON_SLEEP | KS_LOCK_ON_INACTIVE);
	AUTO_SETTINGS settings = read_text("[agent]\npinentry = /opt/pinentry\nprompt-timeout = 1h\nlock-on = sleep\n");
	assert_string_equal(settings->pinentry, "/opt/pinentry");
	assert_int_equal(settings->prompt_timeout_ms, 3600000);
	assert_int_equal(settings->lock_on, KS_LOCK_ON_SLEEP);
	AUTO_SETTINGS none = read_text("[agent]\nlock-on = none\n");
	assert_int_equal(none->lock_on, 0);
}

static void test_enforce_takes_dialogs_away(void **state)
{
	(void)state;
	static const char etc[] = "[enforce]\nprompt = no\n";
	static const char user[] = "[socket \"agent\"]\nprompt = yes\n";
	const struct ks_settings_source sources[] = {
		{ .file = "etc", .text = etc, .size = strlen(etc), .may_enforce = true },
		{ .file = "user", .text = user, .size = strlen(user) },
	};
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;
	size_t n = 0;
	assert_int_equal(ks_settings_read_memory(sources, 2, &settings, &error), 0);
	assert_false(settings->sockets[0].prompt);
	KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
	assert_int_equal(n, 1);
	assert_string_equal(warnings, "user:2: prompt: \"yes\" is more than [enforce] allows (etc:2); \"no\" holds\n");
	/* The built-in value as well, and of that nothing is said. */
	AUTO_SETTINGS alone = NULL;
	assert_int_equal(ks_settings_read_memory(sources, 1, &alone, &error), 0);
	assert_false(alone->sockets[0].prompt);
	KS_AUTO_FREE char *none = warnings_of(alone, &n);
	assert_string_equal(none, "");
}

/* --- warnings ----------------------------------------------------------------------------------------------------- */

static void test_warnings_tell_pin_files_that_will_not_be_read(void **state)
{
	(void)state;
	struct test_folder folder;
	size_t n = 0;
	test_folder_init(&folder);
	test_folder_write_text(&folder, "good", "1234");
	test_folder_write_text(&folder, "open", "1234");
	assert_int_equal(chmod(test_folder_path(&folder, "open"), 0644), 0);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	KS_AUTO_FREE char *text =
		ks_text_format("[token \"a\"]\npin-file = %s/good\n[token \"b\"]\npin-file = %s/open\n"
			       "[token \"c\"]\npin-file = %s/none\n[token \"d\"]\n"
			       "[token \"e\"]\npin-credential = e\n[token \"f\"]\ntouch = yes\n"
			       "[socket \"agent\"]\nprompt = no\n",
			       folder.path, folder.path, folder.path);
	AUTO_SETTINGS settings = read_text(text);
	KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
	KS_AUTO_FREE char *expected = ks_text_format(
		"f:3: the PIN file %s/open is open to others; run: chmod 600 %s/open; token \"b\" will not be unlocked by "
		"itself\n"
		"f:5: the PIN file %s/none does not exist; token \"c\" will not be unlocked by itself\n"
		"f:7: [token \"d\"] has neither pin-file, pin-credential nor touch and does nothing\n",
		folder.path, folder.path, folder.path);
	assert_string_equal(warnings, expected);
	assert_int_equal(n, 3);
	/* The service itself is told. */
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder.path, 1), 0);
	KS_AUTO_FREE char *more = warnings_of(settings, &n);
	assert_int_equal(n, 4);
	assert_non_null(strstr(more, "/e does not exist; token \"e\" will not"));
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	test_folder_deinit(&folder);
}

static void test_warnings_allow_that_nobody_is_asked_and_no_pin_is_named(void **state)
{
	(void)state;
	size_t n = 1;
	AUTO_SETTINGS settings = read_text("[socket \"agent\"]\nprompt = no\n");
	KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
	assert_string_equal(warnings, "");
	assert_int_equal(n, 0);
}

static void test_warnings_tell_a_pinentry_that_cannot_be_run(void **state)
{
	(void)state;
	size_t n = 0;
	AUTO_SETTINGS settings = read_text("[agent]\npinentry = /nonexistent/pinentry\n");
	KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
	assert_string_equal(warnings,
			    "f:2: pinentry: /nonexistent/pinentry cannot be run; nobody will be asked for a PIN\n");
}

static void test_warnings_tell_what_nss_needs(void **state)
{
	(void)state;
	static const char *const bad[] = { "[module \"nss\"]\npath = /bin/sh\n",
					   "[module \"nss\"]\npath = /bin/sh\ninit-args = /home/a/db\n" };
	for (size_t i = 0; i < 2; i++) {
		size_t n = 0;
		AUTO_SETTINGS settings = read_text(bad[i]);
		KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
		assert_non_null(strstr(warnings, i == 0 ? "f:1: module \"nss\": NSS needs to know its database" :
							  "f:3: module \"nss\": NSS needs to know its database"));
	}
	size_t n = 0;
	AUTO_SETTINGS settings =
		read_text("[module \"nss\"]\npath = /bin/sh\ninit-args = configdir='sql:/a' flags=readOnly\n");
	KS_AUTO_FREE char *warnings = warnings_of(settings, &n);
	assert_string_equal(warnings, "");
	assert_string_equal(settings->modules[0].init_args, "configdir='sql:/a' flags=readOnly");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profile_needs_nothing_but_the_name_of_a_section),
		cmocka_unit_test(test_profile_whose_file_is_nowhere_says_where_it_looked),
		cmocka_unit_test(test_profile_takes_the_first_path_that_exists),
		cmocka_unit_test(test_profile_is_taken_by_the_file_of_a_path),
		cmocka_unit_test(test_profile_is_taken_by_the_name_of_a_section_with_another_file),
		cmocka_unit_test(test_profile_can_be_named_and_be_none),
		cmocka_unit_test(test_profile_gives_way_to_what_a_file_says),
		cmocka_unit_test(test_environment_has_quotes_as_a_shell_has_them),
		cmocka_unit_test(test_environment_of_a_file_leaves_the_other_variables_of_a_profile),
		cmocka_unit_test(test_print_shows_what_a_profile_says),
		cmocka_unit_test(test_token_sections_fit_by_label_or_by_match),
		cmocka_unit_test(test_token_sections_of_a_later_file_override_key_by_key),
		cmocka_unit_test(test_agent_settings_of_dialogs_and_locks),
		cmocka_unit_test(test_enforce_takes_dialogs_away),
		cmocka_unit_test(test_warnings_tell_pin_files_that_will_not_be_read),
		cmocka_unit_test(test_warnings_allow_that_nobody_is_asked_and_no_pin_is_named),
		cmocka_unit_test(test_warnings_tell_a_pinentry_that_cannot_be_run),
		cmocka_unit_test(test_warnings_tell_what_nss_needs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
