/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of pkcs11/opensc_conf.h. */
#include "pkcs11/opensc_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void expect(const char *original, const char *made)
{
	struct ks_buffer out = { 0 };

	ks_opensc_conf_make(ks_bytes_text(original), &out);
	char *text = ks_buffer_steal_text(&out);
	assert_non_null(text);
	assert_string_equal(text, made);
	free(text);
}

#define OFF " use_pin_caching = false;"

static void test_opensc_conf_adds_what_an_empty_one_lacks(void **state)
{
	(void)state;
	expect("", "\napp default { framework pkcs15 {" OFF " } }\n");
	expect("# nothing\n", "# nothing\n\napp default { framework pkcs15 {" OFF " } }\n");
}

static void test_opensc_conf_switches_off_in_the_framework_block(void **state)
{
	(void)state;
	expect("app default {\n\tframework pkcs15 {\n\t\t# use_file_caching = public;\n\t}\n}\n",
	       "app default {\n\tframework pkcs15 {" OFF "\n\t\t# use_file_caching = public;\n\t}\n}\n");
}

static void test_opensc_conf_replaces_a_value_and_keeps_the_others(void **state)
{
	(void)state;
	expect("app default { framework pkcs15 { use_file_caching = public; use_pin_caching = true; enable = yes; } }",
	       "app default { framework pkcs15 {" OFF " use_file_caching = public;  enable = yes; } }");
	expect("app default { framework pkcs15 { use_pin_caching = true } }",
	       "app default { framework pkcs15 {" OFF " } }");
}

static void test_opensc_conf_puts_a_framework_into_the_app_that_counts(void **state)
{
	(void)state;
	expect("app default { debug = 0; }", "app default { framework pkcs15 {" OFF " } debug = 0; }");
	expect("app default { debug = 0; }\napp opensc-pkcs11 { }",
	       "app default { debug = 0; }\napp opensc-pkcs11 { framework pkcs15 {" OFF " } }");
}

static void test_opensc_conf_is_not_led_astray(void **state)
{
	(void)state;
	/* A comment, a string, another app, another depth. */
	expect("app default { # framework pkcs15 {\n }",
	       "app default { framework pkcs15 {" OFF " } # framework pkcs15 {\n }");
	expect("app default { a = \"framework pkcs15 {\"; }",
	       "app default { framework pkcs15 {" OFF " } a = \"framework pkcs15 {\"; }");
	expect("app other { framework pkcs15 { } }",
	       "app other { framework pkcs15 { } }\napp default { framework pkcs15 {" OFF " } }\n");
	expect("app default { card x { framework pkcs15 { } } }",
	       "app default { framework pkcs15 {" OFF " } card x { framework pkcs15 { } } }");
	expect("} } app default { }", "} } app default { framework pkcs15 {" OFF " } }");
	expect("app default { a = \"", "app default { framework pkcs15 {" OFF " } a = \"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opensc_conf_adds_what_an_empty_one_lacks),
		cmocka_unit_test(test_opensc_conf_switches_off_in_the_framework_block),
		cmocka_unit_test(test_opensc_conf_replaces_a_value_and_keeps_the_others),
		cmocka_unit_test(test_opensc_conf_puts_a_framework_into_the_app_that_counts),
		cmocka_unit_test(test_opensc_conf_is_not_led_astray),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
