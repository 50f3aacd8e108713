/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System configurations of many shapes, and what an ordinary program gets from ours on top of them. OpenSSL judges:
 * openssl_probe is started with our file and says which providers are active, who makes keys, what TLS may do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <openssl/conf.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/openssl_sections.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "tests/unit/cli/cli_test.h"

struct bench {
	char *folder;
	char *system; /* path of the system's file, or NULL */
	char *ours;
	char *text;
	struct ks_openssl_note warning;
	struct ks_openssl_note error;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->folder = cli_test_folder();
	assert_int_equal(unsetenv("OPENSSL_CONF_INCLUDE"), 0);
	assert_int_equal(unsetenv("OPENSSL_MODULES"), 0);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	cli_test_remove(bench->folder);
	free(bench->system);
	free(bench->ours);
	free(bench->text);
	free(bench);
	return 0;
}

/* Makes our file for the system's text (NULL: there is none), which is written to a file of this name. */
static void make_with(struct bench *bench, const char *name, const char *text, const char *module, const char *tap)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	free(bench->system);
	bench->system = text ? cli_test_write(bench->folder, name, text) : NULL;
	int r = ks_openssl_sections_write(bench->system, module, tap, &buffer, &bench->warning, &bench->error);
	if (r < 0)
		fail_msg("%d: %s", r, bench->error.text);
	free(bench->text);
	bench->text = ks_buffer_steal_text(&buffer);
	free(bench->ours);
	bench->ours = cli_test_write(bench->folder, "ours.cnf", bench->text);
}

static void make_named(struct bench *bench, const char *name, const char *text, const char *module)
{
	make_with(bench, name, text, module, NULL);
}

static void make(struct bench *bench, const char *text)
{
	make_named(bench, "system.cnf", text, TINY_PROVIDER);
}

static void probe(const struct bench *bench, const char *mode, char *out, size_t size)
{
	int fds[2];
	size_t used = 0;
	ssize_t n;
	int status;

	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setenv("OPENSSL_CONF", bench->ours, 1);
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)execl(OPENSSL_PROBE, OPENSSL_PROBE, mode, (char *)NULL);
		_exit(127);
	}
	(void)close(fds[1]);
	while ((n = read(fds[0], out + used, size - 1 - used)) > 0)
		used += (size_t)n;
	(void)close(fds[0]);
	out[used] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("probe: status %d, configuration:\n%s", status, bench->text);
}

static void assert_probe(const struct bench *bench, const char *mode, const char *expected)
{
	char seen[256];

	probe(bench, mode, seen, sizeof(seen));
	if (strcmp(seen, expected) != 0)
		fail_msg("a program gets: %sbut should get: %swith:\n%s", seen, expected, bench->text);
}

/* Programs and Node.js get the same. */
static void assert_gets(const struct bench *bench, const char *expected)
{
	assert_probe(bench, "openssl", expected);
	assert_probe(bench, "nodejs", expected);
}

/* --- ordinary systems -------------------------------------------------------------------------------------------- */

#define GOOD "rsa=default default keystay tls=0000\n"
#define TAPPED "rsa=default default keystay sha256=keystay-tap tls=0000\n"

static void test_sections_without_a_system_file(void **state)
{
	make(*state, NULL);
	assert_gets(*state, GOOD);
}

static void test_sections_on_an_empty_system_file(void **state)
{
	make(*state, "");
	assert_gets(*state, GOOD);
}

/* As Debian 12 ships it: the init section is there and empty. */
static void test_sections_on_debians_own(void **state)
{
	make(*state, "HOME = .\nopenssl_conf = openssl_init\nconfig_diagnostics = 1\noid_section = new_oids\n"
		     "[ new_oids ]\ntsa_policy1 = 1.2.3.4.1\n[openssl_init]\n[ ca ]\ndefault_ca = CA_default\n"
		     "[ CA_default ]\ndir = ./demoCA\ncerts = $dir/certs\n");
	assert_gets(*state, GOOD);
}

static void test_sections_on_this_computers_own(void **state)
{
	struct bench *bench = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	if (access("/usr/lib/ssl/openssl.cnf", R_OK) < 0)
		skip();
	assert_int_equal(ks_openssl_sections_write("/usr/lib/ssl/openssl.cnf", TINY_PROVIDER, NULL, &buffer,
						   &bench->warning, &bench->error),
			 0);
	bench->text = ks_buffer_steal_text(&buffer);
	bench->ours = cli_test_write(bench->folder, "ours.cnf", bench->text);
	char seen[256];
	probe(bench, "openssl", seen, sizeof(seen));
	cli_test_assert_part(seen, "keystay ");
}

/* As OpenSSL ships it: default is listed, and active only because nothing else is. */
static void test_sections_activate_a_default_that_was_implied(void **state)
{
	make(*state, "openssl_conf = openssl_init\n[openssl_init]\nproviders = provider_sect\n[provider_sect]\n"
		     "default = default_sect\n[default_sect]\n# activate = 1\n");
	assert_gets(*state, GOOD);
}

static void test_sections_activate_a_default_that_was_switched_off(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 0\n");
	assert_gets(*state, GOOD);
}

static void test_sections_keep_providers_that_are_active(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\nbase = b\n[d]\nactivate = 1\n[b]\n"
		     "activate = 1\n");
	assert_gets(*state, "rsa=default default base keystay tls=0000\n");
	cli_test_assert_no_part(((struct bench *)*state)->text, "keystay_default");
}

/* The mistake that breaks every TLS connection (legacy alone) is not made worse, and mended for our programs. */
static void test_sections_add_default_to_a_list_without_it(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\nbase = b\n[b]\nactivate = 1\n");
	assert_gets(*state, "rsa=default default base keystay tls=0000\n");
}

static void test_sections_keep_the_order_of_others(void **state)
{
	struct bench *bench = *state;
	static const char *const expected[] = { "other", "default", "base", "keystay" };

	make(bench,
	     "openssl_conf = i\n[i]\nproviders = p\n[p]\nother = o\ndefault = d\nbase = b\n[o]\nmodule = " TINY_PROVIDER
	     "\nactivate = 1\n[d]\nactivate = 1\n[b]\nactivate = 1\n");
	CONF *conf = NCONF_new(NULL);
	assert_non_null(conf);
	assert_int_equal(NCONF_load(conf, bench->ours, NULL), 1);
	STACK_OF(CONF_VALUE) *providers = NCONF_get_section(conf, "p");
	assert_int_equal(sk_CONF_VALUE_num(providers), 4);
	for (int i = 0; i < 4; i++)
		assert_string_equal(sk_CONF_VALUE_value(providers, i)->name, expected[i]);
	NCONF_free(conf);
}

static void test_sections_do_not_activate_a_section_that_two_share(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\nbase = s\ndefault = s\n[s]\nx = y\n");
	assert_gets(*state, GOOD);
}

static void test_sections_fill_an_init_section_that_is_missing(void **state)
{
	make(*state, "openssl_conf = nowhere\n");
	assert_gets(*state, GOOD);
}

/* --- FIPS -------------------------------------------------------------------------------------------------------- */

static const char fips_system[] =
	"openssl_conf = i\n[i]\nproviders = p\nalg_section = a\n[p]\nfips = f\nbase = b\n[f]\n"
	"module = " TINY_PROVIDER "\nactivate = 1\n[b]\nactivate = 1\n"
	"[a]\ndefault_properties = ?fips=yes\n";

static void test_sections_never_add_default_beside_fips(void **state)
{
	struct bench *bench = *state;

	make(bench, fips_system);
	assert_gets(bench, "rsa=fips base fips keystay tls=none\n");
	assert_string_equal(bench->warning.text, "");
}

/* As fipsinstall(1) has it: the section is in a file of its own, and activates itself. */
static void test_sections_see_fips_in_an_included_file(void **state)
{
	struct bench *bench = *state;
	char text[512];

	KS_AUTO_FREE char *module = cli_test_write(bench->folder, "fipsmodule.cnf",
						   "[fips_sect]\nactivate = 1\nmodule = " TINY_PROVIDER "\n");
	(void)snprintf(text, sizeof(text),
		       "openssl_conf = i\n.include %s\n[i]\nproviders = p\n[p]\nfips = fips_sect\nbase = b\n[b]\n"
		       "activate = 1\n",
		       module);
	make(bench, text);
	assert_gets(bench, "rsa=fips base fips keystay tls=none\n");
}

static void test_sections_see_fips_by_identity_and_module(void **state)
{
	static const char *const texts[] = {
		"openssl_conf = i\n[i]\nproviders = p\n[p]\nx = s\n[s]\nidentity = fips\nactivate = 1\nmodule = "
		"/nonexistent/x.so\nsoft_load = 1\n",
		"openssl_conf = i\n[i]\nproviders = p\n[p]\nx = s\n[s]\nactivate = 1\nmodule = /opt/wolf-FIPS.so\n"
		"soft_load = 1\n",
		"openssl_conf = i\n[i]\nproviders.1 = p\n[p]\n1.fips = s\n[s]\nactivate = 1\nsoft_load = 1\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bench *bench = *state;
		make(bench, texts[i]);
		cli_test_assert_no_part(bench->text, "default =");
		cli_test_assert_part(bench->text, "keystay = ");
	}
}

static void test_sections_keep_a_default_that_stands_beside_fips(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\nfips = f\ndefault = d\n[f]\nmodule = " TINY_PROVIDER
		     "\nactivate = 1\n[d]\nactivate = 1\n");
	char seen[256];
	probe(*state, "openssl", seen, sizeof(seen));
	cli_test_assert_part(seen, " default fips keystay ");
}

/* Listed, as in OpenSSL's own example, is not active. */
static void test_sections_are_not_fooled_by_fips_that_is_off(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\nfips = f\ndefault = d\n[f]\nmodule = " TINY_PROVIDER
		     "\n[d]\nx = y\n");
	assert_gets(*state, GOOD);
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\nfips = f\n[f]\nactivate = no\n");
	cli_test_assert_part(((struct bench *)*state)->text, "default = ");
}

/* --- everything else of the system goes on ----------------------------------------------------------------------- */

static const char ssl_system[] = "openssl_conf = i\n[i]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\n"
				 "MinProtocol = TLSv1.3\nCipherString = DEFAULT@SECLEVEL=2\n";

static void test_sections_keep_ssl_conf(void **state)
{
	make(*state, ssl_system);
	assert_gets(*state, "rsa=default default keystay tls=0304\n");
}

static void test_sections_of_nodejs_are_kept_apart(void **state)
{
	make(*state, "openssl_conf = i\nnodejs_conf = n\n[i]\nssl_conf = s\n[n]\nproviders = np\n[np]\nbase = b\n[b]\n"
		     "activate = 1\n[s]\nsystem_default = d\n[d]\nMinProtocol = TLSv1.3\n");
	assert_probe(*state, "openssl", "rsa=default default keystay tls=0304\n");
	assert_probe(*state, "nodejs", "rsa=default default base keystay tls=0000\n");
}

static void test_sections_of_nodejs_alone(void **state)
{
	make(*state, "nodejs_conf = n\n[n]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\nMinProtocol = TLSv1.3\n");
	assert_probe(*state, "openssl", GOOD);
	assert_probe(*state, "nodejs", "rsa=default default keystay tls=0304\n");
}

static void test_sections_follow_nested_and_relative_includes(void **state)
{
	struct bench *bench = *state;

	KS_AUTO_FREE char *one = cli_test_write(bench->folder, "one.cnf", ".include two.cnf\n");
	KS_AUTO_FREE char *two = cli_test_write(bench->folder, "two.cnf", ssl_system);
	(void)one;
	(void)two;
	assert_int_equal(setenv("OPENSSL_CONF_INCLUDE", bench->folder, 1), 0);
	make(bench, ".include = one.cnf\n[p]\nbase = b\n[i]\nproviders = p\n[b]\nactivate = 1");
	assert_gets(bench, "rsa=default default base keystay tls=0304\n");
}

static void test_sections_do_not_mind_a_missing_include(void **state)
{
	struct bench *bench = *state;

	make(bench, ".include /nonexistent/x.cnf\n");
	assert_gets(bench, GOOD);
	assert_string_equal(bench->error.text, "");
}

static void test_sections_do_not_mind_pragmas(void **state)
{
	make(*state, ".pragma dollarid:on\n.pragma abspath:on\n.pragma includedir:/nonexistent\nopenssl_conf = a$b\n"
		     "[a$b]\nproviders = p$\n[p$]\nbase = b$\n[b$]\nactivate = 1\n");
	assert_gets(*state, "rsa=default default base keystay tls=0000\n");
}

static void test_sections_of_odd_names_are_opened_again(void **state)
{
	make(*state,
	     "openssl_conf = an init\\, section\\#\n[ an init, section\\# ]\nproviders = \"p \\\"q\"\n[p \\\"q]\n"
	     "default = \"x \"\n[x\\ ]\nactivate = no");
	assert_gets(*state, GOOD);
}

static void test_sections_may_stand_at_odd_paths(void **state)
{
	static const char name[] = " a $x ${y} # \"q\" 'r' \\ b ;c\\n.cnf ";

	make_named(*state, name, ssl_system, TINY_PROVIDER);
	assert_gets(*state, "rsa=default default keystay tls=0304\n");
}

static void test_sections_take_a_module_at_an_odd_path(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *module = ks_path_join(bench->folder, "a $HOME #\"'\\ .so");

	assert_non_null(module);
	assert_int_equal(symlink(TINY_PROVIDER, module), 0);
	make_named(bench, "system.cnf", "", module);
	assert_gets(bench, GOOD);
}

static void test_sections_refuse_a_path_with_a_line_end(void **state)
{
	struct bench *bench = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(ks_openssl_sections_write(NULL, "/a\nb.so", NULL, &buffer, &bench->warning, &bench->error),
			 KS_ERR_INVALID);
	assert_int_equal(buffer.size, 0);
}

/* A line longer than OpenSSL's buffer of 512 bytes. */
static void test_sections_take_long_paths(void **state)
{
	struct bench *bench = *state;
	char name[201];
	KS_AUTO_FREE char *path = strdup(bench->folder);

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 4; i++) {
		char *longer = ks_path_join(path, name);
		free(path);
		path = longer;
		assert_int_equal(mkdir(path, 0700), 0);
	}
	KS_AUTO_FREE char *module = ks_path_join(path, "tiny.so");
	assert_int_equal(symlink(TINY_PROVIDER, module), 0);
	make_named(bench, "system.cnf", "", module);
	assert_gets(bench, GOOD);
}

/* --- keystay is there already, or is gone ------------------------------------------------------------------------ */

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text += strlen(part);
	}
	return n;
}

static void test_sections_do_not_add_keystay_twice(void **state)
{
	struct bench *bench = *state;

	make(bench, "openssl_conf = i\n[i]\nproviders = p\n[p]\nkeystay = k\ndefault = d\n[k]\nmodule = " TINY_PROVIDER
		    "\nactivate = 1\n[d]\nactivate = 1\n");
	/* It was before default: now it is not. Its own module stays. */
	assert_gets(bench, GOOD);
	assert_int_equal(count(bench->text, "keystay = "), 1);
	cli_test_assert_no_part(bench->text, "module = ");
	cli_test_assert_no_part(bench->text, "keystay_provider");
}

static void test_sections_complete_a_keystay_without_module(void **state)
{
	make(*state, "openssl_conf = i\n[i]\nproviders = p\n[p]\nkeystay = k\n[k]\nx = y\n");
	assert_gets(*state, GOOD);
}

static void test_sections_do_no_harm_when_the_module_is_gone(void **state)
{
	struct bench *bench = *state;

	make_named(bench, "system.cnf", "config_diagnostics = 1\n", "/nonexistent/keystay.so");
	assert_gets(bench, "rsa=default default tls=0000\n");
	/* Not every OpenSSL is so forgiving by itself. */
	cli_test_assert_part(bench->text, "soft_load = 1\n");
}

/* --- the tap ----------------------------------------------------------------------------------------------------- */

static void make_tapped(struct bench *bench, const char *text)
{
	make_with(bench, "system.cnf", text, TINY_PROVIDER, KEYSTAY_TAP);
}

static void test_sections_ask_for_the_tap_only_where_it_is_wanted(void **state)
{
	struct bench *bench = *state;

	make(bench, "");
	cli_test_assert_no_part(bench->text, "keystay-tap");
	cli_test_assert_no_part(bench->text, "keystay.tap");
	assert_probe(bench, "openssl", GOOD);
	make_tapped(bench, NULL);
	assert_gets(bench, TAPPED);
	assert_string_equal(bench->warning.text, "");
	make_tapped(bench, "openssl_conf = i\n[i]\nproviders = p\n[p]\ndefault = d\n[d]\nactivate = 1\n");
	assert_gets(bench, TAPPED);
}

/* keystay stays the last one; what the system wishes stays, the tap's wish is added. */
static void test_sections_add_the_tap_to_what_the_system_wishes(void **state)
{
	struct bench *bench = *state;

	make_tapped(bench, "openssl_conf = i\n[i]\nalg_section = a\n[a]\ndefault_properties = ?provider=default\n");
	cli_test_assert_part(bench->text, "[a]\ndefault_properties = \"?provider=default,?keystay.tap=yes\"\n");
	cli_test_assert_part(bench->text, "keystay-tap = keystay_tap\nkeystay = keystay_provider\n");
	cli_test_assert_no_part(bench->text, "alg_section");
	make_tapped(
		bench,
		"openssl_conf = i\nnodejs_conf = n\n[i]\nalg_section = a\n[n]\nproviders = np\n[np]\nbase = b\n[b]\nactivate = 1\n[a]\n"
		"default_properties = provider=default\n");
	assert_probe(bench, "openssl", "rsa=default default keystay tls=0000\n");
	assert_probe(bench, "nodejs", "rsa=default default base keystay sha256=keystay-tap tls=0000\n");
}

/* Neither the FIPS provider's hashing nor a demand for it is displaced. */
static void test_sections_leave_the_tap_out_where_fips_hashes(void **state)
{
	static const char *const texts[] = {
		fips_system,
		"openssl_conf = i\n[i]\nalg_section = a\n[a]\ndefault_properties = ?fips=yes\n",
		"openssl_conf = i\n[i]\nalg_section = a\n[a]\ndefault_properties = fips=yes\n",
		"openssl_conf = i\n[i]\nalg_section = a\n[a]\nfips_mode = yes\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct bench *bench = *state;
		make_tapped(bench, texts[i]);
		cli_test_assert_no_part(bench->text, "keystay-tap");
		cli_test_assert_no_part(bench->text, "keystay.tap");
		cli_test_assert_part(bench->text, "keystay = ");
		cli_test_assert_part(bench->warning.text, "the tap, which is none, is left out");
	}
}

static void test_sections_do_no_harm_when_the_tap_is_gone(void **state)
{
	struct bench *bench = *state;

	make_with(bench, "system.cnf", "", TINY_PROVIDER, "/nonexistent/keystay-tap.so");
	assert_gets(bench, GOOD);
}

/* --- words ------------------------------------------------------------------------------------------------------- */

static void test_sections_warn_of_demands_that_shut_keystay_out(void **state)
{
	static const struct {
		const char *query;
		bool warns;
	} cases[] = {
		{ "fips=yes", true },
		{ "provider=default", true },
		{ "?fips=yes", false },
		{ "?a=b,?c=d", false },
		{ "?provider=default, fips = yes", true },
		{ "", false },
		{ "-provider=default", true },
		{ " ?x=y ", false },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench *bench = *state;
		(void)snprintf(text, sizeof(text),
			       "openssl_conf = i\n[i]\nalg_section = a\n[a]\ndefault_properties = %s\n",
			       cases[i].query);
		make(bench, text);
		if (cases[i].warns)
			cli_test_assert_part(bench->warning.text, "/system.cnf says default_properties = ");
		else
			assert_string_equal(bench->warning.text, "");
	}
}

static void test_sections_say_where_the_system_file_is_wrong(void **state)
{
	struct bench *bench = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	KS_AUTO_FREE char *path = cli_test_write(bench->folder, "bad.cnf", "a = b\n\nnonsense\n");

	assert_int_equal(ks_openssl_sections_write(path, TINY_PROVIDER, NULL, &buffer, &bench->warning, &bench->error),
			 KS_ERR_CONFIG);
	cli_test_assert_part(bench->error.text, "/bad.cnf cannot be read: line 3: missing equal sign; correct it");
	assert_int_equal(buffer.size, 0);
}

static void test_sections_say_when_the_system_file_is_missing(void **state)
{
	struct bench *bench = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(ks_openssl_sections_write("/nonexistent/x.cnf", TINY_PROVIDER, NULL, &buffer, &bench->warning,
						   &bench->error),
			 KS_ERR_CONFIG);
	cli_test_assert_part(bench->error.text, "/nonexistent/x.cnf cannot be read: no such file");
}

static void test_sections_say_what_they_are(void **state)
{
	struct bench *bench = *state;
	char head[512];

	make(bench, "");
	(void)snprintf(head, sizeof(head), "%s\n%s%s\n.include = %s\n", KS_OPENSSL_MARK, KS_OPENSSL_SYSTEM,
		       bench->system, bench->system);
	assert_memory_equal(bench->text, head, strlen(head));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sections_without_a_system_file),
		TEST(test_sections_on_an_empty_system_file),
		TEST(test_sections_on_debians_own),
		TEST(test_sections_on_this_computers_own),
		TEST(test_sections_activate_a_default_that_was_implied),
		TEST(test_sections_activate_a_default_that_was_switched_off),
		TEST(test_sections_keep_providers_that_are_active),
		TEST(test_sections_add_default_to_a_list_without_it),
		TEST(test_sections_keep_the_order_of_others),
		TEST(test_sections_do_not_activate_a_section_that_two_share),
		TEST(test_sections_fill_an_init_section_that_is_missing),
		TEST(test_sections_never_add_default_beside_fips),
		TEST(test_sections_see_fips_in_an_included_file),
		TEST(test_sections_see_fips_by_identity_and_module),
		TEST(test_sections_keep_a_default_that_stands_beside_fips),
		TEST(test_sections_are_not_fooled_by_fips_that_is_off),
		TEST(test_sections_keep_ssl_conf),
		TEST(test_sections_of_nodejs_are_kept_apart),
		TEST(test_sections_of_nodejs_alone),
		TEST(test_sections_follow_nested_and_relative_includes),
		TEST(test_sections_do_not_mind_a_missing_include),
		TEST(test_sections_do_not_mind_pragmas),
		TEST(test_sections_of_odd_names_are_opened_again),
		TEST(test_sections_may_stand_at_odd_paths),
		TEST(test_sections_take_a_module_at_an_odd_path),
		TEST(test_sections_refuse_a_path_with_a_line_end),
		TEST(test_sections_take_long_paths),
		TEST(test_sections_do_not_add_keystay_twice),
		TEST(test_sections_complete_a_keystay_without_module),
		TEST(test_sections_do_no_harm_when_the_module_is_gone),
		TEST(test_sections_ask_for_the_tap_only_where_it_is_wanted),
		TEST(test_sections_add_the_tap_to_what_the_system_wishes),
		TEST(test_sections_leave_the_tap_out_where_fips_hashes),
		TEST(test_sections_do_no_harm_when_the_tap_is_gone),
		TEST(test_sections_warn_of_demands_that_shut_keystay_out),
		TEST(test_sections_say_where_the_system_file_is_wrong),
		TEST(test_sections_say_when_the_system_file_is_missing),
		TEST(test_sections_say_what_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
