/* SPDX-License-Identifier: Apache-2.0 */
/* What `keystay status` tells of certificates, with --check and with --metrics. */
#include "cli/status_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "cli/commands.h"
#include "lib/base/cleanup.h"
#include "tests/unit/cli/cli_test.h"

static const struct ks_status_limit third = { .is_given = false };

static void add(struct ks_buffer *list, const char *key, uint64_t before, uint64_t after, bool client_auth)
{
	const struct ks_msg_certificate_status certificate = { .key = ks_bytes_text(key),
							       .token = ks_bytes_text("corp"),
							       .not_before = before,
							       .not_after = after,
							       .client_auth = client_auth };

	ks_record_write(list, KS_RECORD(certificate_status), &certificate);
}

static void add_all(struct ks_buffer *list)
{
	add(list, "good", TEST_NOW_S - TEST_DAY_S, TEST_NOW_S + 89 * TEST_DAY_S, true);
	add(list, "soon", TEST_NOW_S - 84 * TEST_DAY_S, TEST_NOW_S + 6 * TEST_DAY_S, true);
	add(list, "old", TEST_NOW_S - 84 * TEST_DAY_S, TEST_NOW_S - 6 * TEST_DAY_S, true);
	add(list, "early", TEST_NOW_S + 2 * TEST_DAY_S, TEST_NOW_S + 6 * TEST_DAY_S, true);
}

static struct ks_msg_status_reply reply_of(const struct ks_buffer *certificates, const struct ks_buffer *modules)
{
	return (struct ks_msg_status_reply){ .agent_version = ks_bytes_text("0.1.0"),
					     .n_identities = 4,
					     .certificates = ks_buffer_bytes(certificates),
					     .modules = ks_buffer_bytes(modules) };
}

static void test_status_has_a_table_of_those_that_end(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, none = { 0 };

	add_all(&list);
	struct ks_msg_status_reply reply = reply_of(&list, &none);
	assert_int_equal(ks_status_certificates(&test->cli, &reply), 0);
	cli_test_assert_out(test, "\n"
				  "KEY    TOKEN  CERTIFICATE\n"
				  "soon   corp   expires in 6 days\n"
				  "old    corp   expired on 2026-06-09\n"
				  "early  corp   is not valid before 2026-06-17\n");
}

static void test_status_has_no_table_while_all_is_well(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, none = { 0 };

	add(&list, "good", TEST_NOW_S - TEST_DAY_S, TEST_NOW_S + 89 * TEST_DAY_S, true);
	struct ks_msg_status_reply reply = reply_of(&list, &none);
	assert_int_equal(ks_status_certificates(&test->cli, &reply), 0);
	cli_test_assert_out(test, "");
}

static void test_status_json_has_days_left(void **state)
{
	static const int days[] = { 89, 6, -6, 6 };
	static const char *const validities[] = { "good", "soon", "expired", "early" };
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, none = { 0 };

	add_all(&list);
	struct ks_msg_status_reply reply = reply_of(&list, &none);
	json_t *json = ks_status_certificates_json(&test->cli, &reply);
	assert_int_equal(json_array_size(json), 4);
	for (size_t i = 0; i < 4; i++) {
		const json_t *certificate = json_array_get(json, i);
		assert_int_equal(json_integer_value(json_object_get(certificate, "days_left")), days[i]);
		assert_string_equal(json_string_value(json_object_get(certificate, "validity")), validities[i]);
	}
	json_decref(json);
}

static void test_check_says_what_is_wrong_and_what_to_do(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, modules = { 0 };
	const struct ks_msg_module_status failed = { .name = ks_bytes_text("opensc"),
						     .state = KS_MODULE_FAILED,
						     .note = ks_bytes_text("it crashed") };

	add_all(&list);
	add(&list, "mail", 0, TEST_NOW_S - TEST_DAY_S, false);
	ks_record_write(&modules, KS_RECORD(module_status), &failed);
	struct ks_msg_status_reply reply = reply_of(&list, &modules);
	reply.audit_problem = ks_bytes_text("/x: No space left on device");
	reply.reload_failed = true;
	reply.configuration = ks_bytes_text("keystay.conf:3: no such setting");
	reply.n_certificates_left_out = 2;
	assert_int_equal(ks_status_check(&test->cli, &reply, &third), 7);
	cli_test_assert_out(
		test,
		"the certificate of soon (token corp) expires in 6 days, on 2026-06-21: renew it in time\n"
		"the certificate of old (token corp) expired on 2026-06-09: put a new one in its place\n"
		"the certificate of early (token corp) is not valid before 2026-06-17: is this computer's clock right?\n"
		"2 certificates were not looked at, there are too many: see keystay list\n"
		"the module opensc does not run: it crashed\n"
		"the audit log cannot be written: /x: No space left on device\n"
		"the last reload failed, the old configuration holds: keystay.conf:3: no such setting\n");
}

static void test_check_is_content(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, modules = { 0 };
	const struct ks_msg_module_status starting = { .name = ks_bytes_text("opensc"), .state = KS_MODULE_STARTING };

	ks_record_write(&modules, KS_RECORD(module_status), &starting);
	struct ks_msg_status_reply reply = reply_of(&list, &modules);
	assert_int_equal(ks_status_check(&test->cli, &reply, &third), 0);
	cli_test_assert_out(test, "nothing is wrong: 4 keys, 1 module\n");
}

static void test_check_has_a_limit_of_ones_own(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, none = { 0 };
	struct ks_status_limit limit = { .is_given = true, .left_s = 6 * TEST_DAY_S };

	add(&list, "good", TEST_NOW_S - TEST_DAY_S, TEST_NOW_S + 89 * TEST_DAY_S, true);
	add(&list, "soon", TEST_NOW_S - 84 * TEST_DAY_S, TEST_NOW_S + 6 * TEST_DAY_S, true);
	struct ks_msg_status_reply reply = reply_of(&list, &none);
	assert_int_equal(ks_status_check(&test->cli, &reply, &limit), 1);
	limit.left_s--;
	assert_int_equal(ks_status_check(&test->cli, &reply, &limit), 0);
	limit.left_s = 89 * TEST_DAY_S;
	assert_int_equal(ks_status_check(&test->cli, &reply, &limit), 2);
}

static void test_metrics_are_a_whole_text(void **state)
{
	struct cli_test *test = *state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 }, modules = { 0 }, tokens = { 0 }, refusals = { 0 };
	const struct ks_msg_module_status module = { .name = ks_bytes_text("opensc"),
						     .state = KS_MODULE_READY,
						     .restarts = 2 };
	const struct ks_msg_refusal_count refusal = { .error = 50, .count = 3 };
	struct ks_msg_token_status token = cli_test_token("corp", KS_TOKEN_LOCKED);

	add(&list, "a\"b\\c", TEST_NOW_S, TEST_NOW_S + TEST_DAY_S / 2, true);
	ks_record_write(&modules, KS_RECORD(module_status), &module);
	token.module = module.name;
	ks_record_write(&tokens, KS_RECORD(token_status), &token);
	token.state = KS_TOKEN_ABSENT;
	ks_record_write(&tokens, KS_RECORD(token_status), &token);
	ks_record_write(&refusals, KS_RECORD(refusal_count), &refusal);
	struct ks_msg_status_reply reply = reply_of(&list, &modules);
	reply.tokens = ks_buffer_bytes(&tokens);
	reply.refusals = ks_buffer_bytes(&refusals);
	reply.n_signed = 7;
	reply.n_denied = 6;
	reply.n_failed = 5;
	reply.n_cancelled = 4;
	reply.audit_written = 22;
	reply.audit_lost = 1;
	assert_int_equal(ks_status_metrics(&test->cli, &reply), 0);
	cli_test_read(test);
	cli_test_assert_part(test->out, "\nkeystay_certificate_days_left{key=\"a\\\"b\\\\c\",token=\"corp\"} 0.500\n");
	cli_test_assert_part(test->out, "\n# TYPE keystay_tokens_present gauge\n# HELP keystay_tokens_present ");
	cli_test_assert_part(test->out, "\nkeystay_tokens_present{module=\"opensc\"} 1\n");
	cli_test_assert_part(test->out, "\nkeystay_module_up{module=\"opensc\"} 1\n");
	cli_test_assert_part(test->out, "\nkeystay_worker_restarts_total{module=\"opensc\"} 2\n");
	cli_test_assert_part(test->out, "\nkeystay_signatures_total{result=\"signed\"} 7\n");
	cli_test_assert_part(test->out, "\nkeystay_signatures_total{result=\"cancelled\"} 4\n");
	cli_test_assert_part(test->out, "\nkeystay_refusals_total{error=\"token-locked\",code=\"50\"} 3\n");
	cli_test_assert_part(test->out, "\nkeystay_audit_records_total{result=\"written\"} 22\n");
	cli_test_assert_part(test->out, "\nkeystay_audit_records_total{result=\"lost\"} 1\n");
	assert_string_equal(test->out + strlen(test->out) - 8, "0\n# EOF\n");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cli_test_setup, cli_test_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_status_has_a_table_of_those_that_end),
		TEST(test_status_has_no_table_while_all_is_well),
		TEST(test_status_json_has_days_left),
		TEST(test_check_says_what_is_wrong_and_what_to_do),
		TEST(test_check_is_content),
		TEST(test_check_has_a_limit_of_ones_own),
		TEST(test_metrics_are_a_whole_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
