/* SPDX-License-Identifier: Apache-2.0 */
/* What a PIN dialog says. */
#include "agent/asking_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static struct ks_inventory_token inventory = { .label = "corp", .serial = "0123" };
static const struct ks_token token = { .inventory = &inventory };

static const char *describe(const struct ks_asking_words *words)
{
	static char out[KS_PROMPT_DESCRIPTION_SIZE];

	ks_asking_words_describe(words, &token, 0, false, out, sizeof(out));
	return out;
}

static void test_asking_words_say_for_what(void **state)
{
	static const struct ks_asking_words words = { .who = "curl (pid 4711)", .key = "alice", .server = "db.corp" };

	(void)state;
	assert_string_equal(describe(&words), "Please enter the PIN of token \"corp\"\n"
					      "(serial number 0123).\n"
					      "\n"
					      "curl (pid 4711) wants to sign in to db.corp\n"
					      "with the key \"alice\".");
}

static void test_asking_words_say_that_a_certificate_expires(void **state)
{
	static const struct ks_asking_words words = { .who = "curl (pid 4711)",
						      .key = "alice",
						      .warning = "expires in 6 days" };
	static const struct ks_asking_words of_token = { .who = "keystay", .warning = "expires in 6 days" };

	(void)state;
	assert_non_null(strstr(describe(&words), "\nwith the key \"alice\".\nIts certificate expires in 6 days."));
	assert_null(strstr(describe(&of_token), "certificate"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asking_words_say_for_what),
		cmocka_unit_test(test_asking_words_say_that_a_certificate_expires),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
