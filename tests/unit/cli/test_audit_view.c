/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of cli/audit_view.h: which records are shown, and how; what others wrote is shown escaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cli/audit_view.h"
#include "tests/unit/cli/cli_test.h"

#define LINE                                                                                                                 \
	"{\"time\":\"2026-06-15T11:59:00.500Z\",\"event\":\"decision\",\"outcome\":\"signed\",\"purpose\":\"tls13-client\"," \
	"\"socket\":\"agent\",\"uid\":1000,\"pid\":17,\"program\":\"cu\\u202erl\",\"key\":\"alice\","                        \
	"\"token\":\"corp\",\"server\":\"db.corp.example\",\"proven\":true,\"rule\":\"\",\"text\":\"\"}"

static void test_view_reads_times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} times[] = {
		{ "0", (int64_t)TEST_NOW_S * 1000 },
		{ "2h", ((int64_t)TEST_NOW_S - 7200) * 1000 },
		{ "36500d", 0 },
		{ "2026-06-15", ((int64_t)TEST_NOW_S - 43200) * 1000 },
		{ "2026-06-15 12:00", (int64_t)TEST_NOW_S * 1000 },
		{ "2026-06-15 12:00:01", ((int64_t)TEST_NOW_S + 1) * 1000 },
		{ "2026-06-15T12:00:00Z", (int64_t)TEST_NOW_S * 1000 },
		{ "1999-12-31T23:59:59", 946684799000 },
	};
	static const char *const others[] = {
		"", "yesterday", "2026-06-15 12", "2026-13-01", "2026-06-15 12:00 x", "7"
	};
	int64_t ms = 0;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(ks_audit_view_time(times[i].text, TEST_NOW_S, &ms), 0);
		assert_true(ms == times[i].ms);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_true(ks_audit_view_time(others[i], TEST_NOW_S, &ms) < 0);
}

static void test_view_shows_what_fits(void **state)
{
	(void)state;
	const int64_t at_ms = ((int64_t)TEST_NOW_S - 60) * 1000 + 500;
	const struct {
		struct ks_audit_filter filter;
		bool fits;
	} cases[] = {
		{ { .key = NULL }, true },
		{ { .key = "alice" }, true },
		{ { .key = "ali*" }, true },
		{ { .key = "bob" }, false },
		{ { .server = "*.corp.example" }, true },
		{ { .server = "*.example.com" }, false },
		{ { .outcome = "signed", .socket = "agent", .has_uid = true, .uid = 1000 }, true },
		{ { .outcome = "denied" }, false },
		{ { .socket = "module" }, false },
		{ { .has_uid = true, .uid = 0 }, false },
		{ { .since_ms = at_ms }, true },
		{ { .since_ms = at_ms + 1 }, false },
		{ { .until_ms = at_ms + 1 }, true },
		{ { .until_ms = at_ms }, false },
	};
	json_t *line = json_loads(LINE, 0, NULL);

	assert_non_null(line);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ks_audit_view_fits(&cases[i].filter, line), cases[i].fits);
	json_decref(line);
	line = json_loads("[]", 0, NULL);
	assert_false(ks_audit_view_fits(&cases[0].filter, line));
	json_decref(line);
	assert_false(ks_audit_view_fits(&cases[0].filter, NULL));
}

static void test_view_escapes_what_programs_call_themselves(void **state)
{
	struct cli_test *test = *state;
	json_t *line = json_loads(LINE, 0, NULL);

	ks_audit_view_print(&test->cli, line);
	json_decref(line);
	cli_test_assert_out(test,
			    "2026-06-15 11:59:00  signed     alice  tls13-client  to db.corp.example (proven)  by "
			    "cu\\xe2\\x80\\xaerl (pid 17, uid 1000, socket agent)\n");
}

static void test_view_tells_of_the_log_itself(void **state)
{
	struct cli_test *test = *state;
	json_t *line =
		json_loads("{\"time\":\"2026-06-15T11:59:00.500Z\",\"event\":\"torn\",\"text\":\"cut off\"}", 0, NULL);

	ks_audit_view_print(&test->cli, line);
	json_decref(line);
	cli_test_assert_out(test, "2026-06-15 11:59:00  log        torn: cut off\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_view_reads_times, cli_test_setup, cli_test_teardown),
		cmocka_unit_test_setup_teardown(test_view_shows_what_fits, cli_test_setup, cli_test_teardown),
		cmocka_unit_test_setup_teardown(test_view_escapes_what_programs_call_themselves, cli_test_setup,
						cli_test_teardown),
		cmocka_unit_test_setup_teardown(test_view_tells_of_the_log_itself, cli_test_setup, cli_test_teardown),
	};

	return cmocka_run_group_tests_name("audit_view", tests, NULL, NULL);
}
