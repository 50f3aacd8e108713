/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of lib/base/spelling.h. */
#include "lib/base/spelling.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const char *best(const char *word, const char *const *candidates)
{
	struct ks_spelling spelling = { .word = word };
	for (; *candidates; candidates++)
		ks_spelling_offer(&spelling, *candidates);
	return spelling.best;
}

static void test_spelling_counts_each_slip_once(void **state)
{
	(void)state;
	assert_int_equal(ks_spelling_distance("servers", "servers"), 0);
	assert_int_equal(ks_spelling_distance("servers", "Servers"), 0);
	assert_int_equal(ks_spelling_distance("servrs", "servers"), 1);
	assert_int_equal(ks_spelling_distance("serverss", "servers"), 1);
	assert_int_equal(ks_spelling_distance("servars", "servers"), 1);
	assert_int_equal(ks_spelling_distance("sevrers", "servers"), 1);
	assert_int_equal(ks_spelling_distance("", "abc"), 3);
	assert_int_equal(ks_spelling_distance("abc", ""), 3);
	assert_int_equal(ks_spelling_distance("kitten", "sitting"), 3);
}

static void test_spelling_gives_up_on_long_words(void **state)
{
	(void)state;
	char word[66];
	memset(word, 'a', sizeof(word));
	word[64] = '\0';
	assert_int_equal(ks_spelling_distance(word, "a"), 63);
	word[64] = 'a';
	word[65] = '\0';
	assert_true(ks_spelling_distance(word, "a") == SIZE_MAX);
	assert_null(best(word, (const char *const[]){ "aaa", NULL }));
}

static void test_spelling_finds_the_nearest_word(void **state)
{
	(void)state;
	static const char *const words[] = { "match", "module", "servers", "server-ca", "unlock-for", NULL };
	assert_string_equal(best("mach", words), "match");
	assert_string_equal(best("server", words), "servers");
	assert_string_equal(best("server_ca", words), "server-ca");
	assert_string_equal(best("Modul", words), "module");
	assert_string_equal(best("unlock", words), "unlock-for");
	assert_string_equal(best("modules-of-mine", words), "module");
}

static void test_spelling_says_nothing_when_nothing_is_near(void **state)
{
	(void)state;
	static const char *const words[] = { "match", "module", "hours", NULL };
	assert_null(best("timeout", words));
	assert_null(best("xy", words));
	assert_null(best("ho", words));
	assert_null(best("", words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spelling_counts_each_slip_once),
		cmocka_unit_test(test_spelling_gives_up_on_long_words),
		cmocka_unit_test(test_spelling_finds_the_nearest_word),
		cmocka_unit_test(test_spelling_says_nothing_when_nothing_is_near),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
