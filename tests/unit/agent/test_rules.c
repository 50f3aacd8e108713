/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/rules.h: days, nights and names. */
#include "agent/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/settings_table.h"

enum { MON, TUE, WED, THU, FRI, SAT, SUN };

static bool contains(const char *text, unsigned day, unsigned hour, unsigned minute)
{
	struct ks_rules_period period;
	const struct ks_rules rules = { .periods = &period, .n_periods = 1 };

	assert_true(ks_settings_period(ks_bytes_text(text), &period));
	return ks_rules_contain_time(&rules, day, hour * 60 + minute);
}

static void test_rules_hours_begin_and_end_at_their_minute(void **state)
{
	(void)state;
	assert_false(contains("08:00-18:00", MON, 7, 59));
	assert_true(contains("08:00-18:00", SUN, 8, 0));
	assert_true(contains("08:00-18:00", MON, 17, 59));
	assert_false(contains("08:00-18:00", MON, 18, 0));
	assert_true(contains("00:00-24:00", MON, 23, 59));
}

static void test_rules_hours_hold_on_their_days(void **state)
{
	(void)state;
	assert_true(contains("Mon-Fri 08:00-18:00", FRI, 12, 0));
	assert_false(contains("Mon-Fri 08:00-18:00", SAT, 12, 0));
	assert_true(contains("Sat 08:00-18:00", SAT, 12, 0));
	assert_false(contains("Sat 08:00-18:00", SUN, 12, 0));
	assert_true(contains("Sat-Mon 08:00-18:00", SUN, 12, 0));
	assert_true(contains("Sat-Mon 08:00-18:00", MON, 12, 0));
	assert_false(contains("Sat-Mon 08:00-18:00", TUE, 12, 0));
}

static void test_rules_hours_go_on_after_midnight(void **state)
{
	(void)state;
	assert_true(contains("Fri 22:00-06:00", FRI, 23, 0));
	assert_true(contains("Fri 22:00-06:00", SAT, 5, 59));
	assert_false(contains("Fri 22:00-06:00", SAT, 6, 0));
	assert_false(contains("Fri 22:00-06:00", SAT, 23, 0));
	assert_false(contains("Fri 22:00-06:00", FRI, 5, 0));
	assert_true(contains("Sun 22:00-06:00", MON, 1, 0));
	assert_true(contains("22:00-06:00", WED, 0, 0));
}

static bool names(const char *servers, const char *server)
{
	const struct ks_rules rules = { .at[KS_RULE_SERVERS].value = servers };

	return ks_rules_name_server(&rules, server);
}

static void test_rules_servers_are_patterns_over_whole_names(void **state)
{
	(void)state;
	assert_true(names("a.example", "a.example"));
	assert_true(names("A.Example", "a.eXample"));
	assert_false(names("a.example", "b.a.example"));
	assert_false(names("a.example", "a.example.org"));
	assert_true(names("x.example, *.corp.example", "b.a.corp.example"));
	assert_false(names("*.corp.example", "corp.example"));
	assert_false(names("*.corp.example", "acorp.example"));
	assert_true(names("*", "a.example"));
}

static void test_rules_servers_never_name_nobody(void **state)
{
	(void)state;
	assert_false(names("*", ""));
	assert_false(names("", "a.example"));
	assert_false(names("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules_hours_begin_and_end_at_their_minute),
		cmocka_unit_test(test_rules_hours_hold_on_their_days),
		cmocka_unit_test(test_rules_hours_go_on_after_midnight),
		cmocka_unit_test(test_rules_servers_are_patterns_over_whole_names),
		cmocka_unit_test(test_rules_servers_never_name_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
