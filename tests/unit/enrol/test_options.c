/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of enrol/options: what keystay-enroll takes, and every mixture that makes no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "enrol/options.h"

#define WORDS_MAX 8

/* getopt_long() moves words about, so each line is given a copy of its own. */
static bool read_line(const char *line, struct ks_enroll_options *options, enum ks_enroll_exit *code)
{
	static char text[256];
	static char name[] = "keystay-enroll";
	char *argv[WORDS_MAX + 2] = { name };
	int argc = 1;

	assert_true(strlen(line) < sizeof(text));
	(void)strcpy(text, line);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return ks_enroll_options_read(argc, argv, options, code);
}

static struct ks_enroll_options take(const char *line)
{
	struct ks_enroll_options options = { .name = NULL };
	enum ks_enroll_exit code;

	assert_true(read_line(line, &options, &code));
	return options;
}

static void test_options_of_each_command(void **state)
{
	(void)state;
	struct ks_enroll_options options = take("enroll alice --profile corp --subject=/CN=a --secret-fd 3 --force");

	assert_int_equal(options.command, KS_ENROLL_ENROLL);
	assert_string_equal(options.name, "alice");
	assert_string_equal(options.profile, "corp");
	assert_string_equal(options.subject, "/CN=a");
	assert_int_equal(options.secret_fd, 3);
	assert_true(options.force);
	options = take("renew");
	assert_int_equal(options.command, KS_ENROLL_RENEW);
	assert_null(options.name);
	assert_int_equal(options.secret_fd, -1);
	assert_true(take("renew --all --quiet").quiet);
	assert_true(take("renew --list --json").json);
	assert_string_equal(take("renew -- --odd").name, "--odd");
	options = take("keep alice --output a.pem --no-key");
	assert_int_equal(options.command, KS_ENROLL_KEEP);
	assert_string_equal(options.output, "a.pem");
	assert_true(options.no_key);
	assert_true(take("enroll alice --revoke --reason keyCompromise").revoke);
}

static void test_options_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"alice",
		"enroll",
		"enroll alice bob",
		"enroll alice --watch",
		"enroll alice --all",
		"enroll alice --secret-fd x",
		"enroll alice --secret-fd -1",
		"enroll alice --reason keyCompromise",
		"enroll alice --revoke --reason because",
		"enroll alice --prof",
		"renew alice --all",
		"renew --json",
		"renew --list --watch",
		"renew --watch alice",
		"renew --watch --force",
		"renew --subject /CN=a",
		"renew --secret-fd 3",
		"keep alice",
		"keep alice --output -",
		"keep --output a.pem",
		"--profile corp enroll alice",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct ks_enroll_options options;
		enum ks_enroll_exit code = KS_ENROLL_GOOD;
		if (read_line(wrong[i], &options, &code))
			fail_msg("taken: %s", wrong[i]);
		assert_int_equal(code, KS_ENROLL_USAGE);
	}
}

static void test_reasons_are_those_of_rfc_5280(void **state)
{
	(void)state;
	unsigned reason = 99;

	assert_int_equal(ks_enroll_reason("superseded", &reason), 0);
	assert_int_equal(reason, 4);
	assert_int_equal(ks_enroll_reason("Superseded", &reason), KS_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_of_each_command),
		cmocka_unit_test(test_options_that_make_no_sense_are_refused),
		cmocka_unit_test(test_reasons_are_those_of_rfc_5280),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
