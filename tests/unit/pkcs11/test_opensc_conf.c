/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of pkcs11/opensc_conf.h. That OpenSC reads it so is for tests/integration/keep-no-pin-in-opensc.sh. */
#include "pkcs11/opensc_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OFF " use_pin_caching = false; "
#define BLOCK " framework pkcs15 {" OFF "} "
#define ALONE "app default {" BLOCK "}\n"

static void expect_with(const char *original, bool unblock, const char *made)
{
	struct ks_buffer out = { 0 };

	assert_int_equal(ks_opensc_conf_make(ks_bytes_text(original), unblock, &out), 0);
	char *text = ks_buffer_steal_text(&out);
	assert_non_null(text);
	assert_string_equal(text, made);
	free(text);
}

static void expect(const char *original, const char *made)
{
	expect_with(original, false, made);
}

static void test_opensc_conf_adds_what_an_empty_one_lacks(void **state)
{
	(void)state;
	expect("", ALONE);
	expect("# nothing\n", ALONE "# nothing\n");
	expect("app other { debug = 0; }", ALONE "app other { debug = 0; }");
}

static void test_opensc_conf_switches_off_in_the_framework_block(void **state)
{
	(void)state;
	expect("app default {\n\tframework pkcs15 {\n\t\t# use_file_caching = public;\n\t}\n}\n",
	       "app default {\n\tframework pkcs15 {" OFF "\n\t\t# use_file_caching = public;\n\t}\n}\n");
}

/* The first of several values is the one that counts. */
static void test_opensc_conf_comes_before_what_the_user_says(void **state)
{
	(void)state;
	expect("app default { framework pkcs15 { use_file_caching = public; use_pin_caching = true; } }",
	       "app default { framework pkcs15 {" OFF " use_file_caching = public; use_pin_caching = true; } }");
	expect("app default { framework pkcs15 { use_pin_caching = true } }",
	       "app default { framework pkcs15 {" OFF " use_pin_caching = true } }");
}

/* One hides the other as a whole, and which programs have blocks of their own is not known here. */
static void test_opensc_conf_switches_off_for_every_app(void **state)
{
	(void)state;
	expect("app opensc-pkcs11 { framework pkcs15 { a = b; } } app default { framework pkcs15 { } }",
	       "app opensc-pkcs11 { framework pkcs15 {" OFF " a = b; } } app default { framework pkcs15 {" OFF " } }");
	expect("app /usr/bin/keystay-token { framework pkcs15 { } }",
	       ALONE "app /usr/bin/keystay-token { framework pkcs15 {" OFF " } }");
}

static void test_opensc_conf_puts_a_framework_into_the_default_that_counts(void **state)
{
	(void)state;
	expect("app default { debug = 0; }", "app default {" BLOCK " debug = 0; }");
	expect("app default { debug = 0; }\napp opensc-pkcs11 { }",
	       "app default {" BLOCK " debug = 0; }\napp opensc-pkcs11 { }");
	expect("app default { } app default { framework pkcs15 { } }",
	       "app default {" BLOCK " } app default { framework pkcs15 {" OFF " } }");
	expect("app default { framework cardos { } }", "app default {" BLOCK " framework cardos { } }");
}

static void test_opensc_conf_reads_words_as_scconf_does(void **state)
{
	(void)state;
	/* No case; quotes; the first of several names. */
	expect("APP \"Default\" { FrameWork \"PKCS15\", other { } }",
	       "APP \"Default\" { FrameWork \"PKCS15\", other {" OFF " } }");
	/* A word ends at a blank, a comma or a semicolon alone. */
	expect("app default{ a = b; }", ALONE); /* its brace is missing, so there is one too many */
	expect("app default { framework pkcs15{ } }", ALONE);
	/* A semicolon may be missing, as may the end of all blocks. */
	expect("app default { a = b framework pkcs15 { c = d } e = f }",
	       "app default { a = b framework pkcs15 {" OFF " c = d } e = f }");
	expect("app default { framework pkcs15 {", "app default { framework pkcs15 {" OFF);
	expect("a = b, \"c\", d; app\ndefault\n{\r\n}", "a = b, \"c\", d; app\ndefault\n{" BLOCK "\r\n}");
}

static void test_opensc_conf_is_not_led_astray(void **state)
{
	(void)state;
	/* A comment, a string, another app, another depth, a string that is not closed, a value. */
	expect("app default { # framework pkcs15 {\n }", "app default {" BLOCK " # framework pkcs15 {\n }");
	expect("app default { a = \"framework pkcs15 {\"; }", "app default {" BLOCK " a = \"framework pkcs15 {\"; }");
	expect("card x { framework pkcs15 { } }", ALONE "card x { framework pkcs15 { } }");
	expect("app default { card x { framework pkcs15 { } } }",
	       "app default {" BLOCK " card x { framework pkcs15 { } } }");
	expect("app default { a = \"", "app default {" BLOCK " a = \"");
	expect("app \"default\n { }", ALONE "app \"default\n { }");
	expect("a = app default; { }", ALONE);
}

/* OpenSC goes on without any configuration then, and its cache would be on. */
static void test_opensc_conf_leaves_out_what_opensc_refuses(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"} } app default { }",
		"app default { } }",
		"{ }",
		"app default foo { framework pkcs15 { } }",
		"app default { a = }",
		"app default { a }",
		"= b;",
		", app default { }",
		"app default { a = b = c; }",
		"app default { a = { } }",
		"a{a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {",
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		expect(refused[i], ALONE);
	static const char nul[] = "app default { framework pkcs15 { } }\0 }";
	struct ks_buffer out = { 0 };
	assert_int_equal(ks_opensc_conf_make(ks_bytes(nul, sizeof(nul) - 1), false, &out), 0);
	assert_true(ks_bytes_equal(ks_buffer_bytes(&out), ks_bytes_text(ALONE)));
	ks_buffer_deinit(&out);
}

static void test_opensc_conf_says_that_there_is_no_room(void **state)
{
	(void)state;
	struct ks_buffer out = { .limit = sizeof(ALONE) };

	assert_int_equal(ks_opensc_conf_make(ks_bytes_text("app default { framework pkcs15 { } } # long"), false, &out),
			 KS_ERR_TOO_LARGE);
	ks_buffer_deinit(&out);
}

static void expect_installed(const char *named, const char *made)
{
	char text[256];

	assert_int_equal(setenv("OPENSC_CONF", named, 1), 0);
	assert_int_equal(ks_opensc_conf_use(false), 0);
	assert_string_not_equal(getenv("OPENSC_CONF"), named);
	FILE *file = fopen(getenv("OPENSC_CONF"), "r");
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	(void)fclose(file);
	assert_string_equal(text, made);
	assert_null(fopen(getenv("OPENSC_CONF"), "w"));
}

static void test_opensc_conf_takes_the_place_of_the_users_file(void **state)
{
	(void)state;
	char name[] = "/tmp/keystay-opensc-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "app default { debug = 3; }", 26), 26);
	(void)close(fd);
	expect_installed(name, "app default {" BLOCK " debug = 3; }");
	(void)unlink(name);
	expect_installed(name, ALONE);
}

#define UNBLOCK " user_pin_unblock_style = set_pin_in_unlogged_session; "
#define UNBLOCK_BLOCK " pkcs11 {" UNBLOCK "} "

static void test_opensc_conf_lets_a_pin_be_unblocked_where_that_is_asked_for(void **state)
{
	(void)state;
	expect_with("", true, "app default {" BLOCK UNBLOCK_BLOCK "}\n");
	expect_with("app default { }", true, "app default {" BLOCK UNBLOCK_BLOCK " }");
	expect_with("app default { framework pkcs15 { } }", true,
		    "app default {" UNBLOCK_BLOCK " framework pkcs15 {" OFF " } }");
	expect_with("app default { pkcs11 { user_pin_unblock_style = none; } }", true,
		    "app default {" BLOCK " pkcs11 {" UNBLOCK " user_pin_unblock_style = none; } }");
	expect_with("app opensc-pkcs11 { pkcs11 { a = b; } } app default { pkcs11 x { } framework pkcs15 { } }", true,
		    "app opensc-pkcs11 { pkcs11 {" UNBLOCK " a = b; } } app default { pkcs11 x {" UNBLOCK
		    " } framework pkcs15 {" OFF " } }");
	expect("app default { pkcs11 { } }", "app default {" BLOCK " pkcs11 { } }");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opensc_conf_lets_a_pin_be_unblocked_where_that_is_asked_for),
		cmocka_unit_test(test_opensc_conf_adds_what_an_empty_one_lacks),
		cmocka_unit_test(test_opensc_conf_switches_off_in_the_framework_block),
		cmocka_unit_test(test_opensc_conf_comes_before_what_the_user_says),
		cmocka_unit_test(test_opensc_conf_switches_off_for_every_app),
		cmocka_unit_test(test_opensc_conf_puts_a_framework_into_the_default_that_counts),
		cmocka_unit_test(test_opensc_conf_reads_words_as_scconf_does),
		cmocka_unit_test(test_opensc_conf_is_not_led_astray),
		cmocka_unit_test(test_opensc_conf_leaves_out_what_opensc_refuses),
		cmocka_unit_test(test_opensc_conf_says_that_there_is_no_room),
		cmocka_unit_test(test_opensc_conf_takes_the_place_of_the_users_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
