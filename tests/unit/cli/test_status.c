/* SPDX-License-Identifier: Apache-2.0 */
/* What `keystay status` says: as a table for people, as JSON for programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cli/commands.h"
#include "tests/unit/cli/cli_test.h"

struct parts {
	struct ks_buffer modules;
	struct ks_buffer tokens;
};

static struct ks_msg_status_reply reply_of(const struct parts *parts)
{
	return (struct ks_msg_status_reply){
		.agent_version = ks_bytes_text("0.1.0"),
		.pid = 4242,
		.started = TEST_NOW_S - 19 * 60,
		.n_identities = 3,
		.n_connections = 1,
		.configuration = ks_bytes_text("/etc/keystay/keystay.conf"),
		.configuration_file = ks_bytes_text("/home/a/other.conf"),
		.audit = 1,
		.audit_written = 7,
		.modules = ks_buffer_bytes(&parts->modules),
		.tokens = ks_buffer_bytes(&parts->tokens),
	};
}

static void add_module(struct parts *parts, const char *name, uint32_t state, const char *note)
{
	struct ks_msg_module_status module = { .name = ks_bytes_text(name),
					       .path = ks_bytes_text("/usr/lib/x.so"),
					       .state = state,
					       .pid = state == KS_MODULE_READY ? 77 : 0,
					       .restarts = 2,
					       .events = strcmp(name, "opensc") == 0 ? KS_EVENTS_READERS :
										       KS_EVENTS_NONE,
					       .note = ks_bytes_text(note) };

	ks_record_write(&parts->modules, KS_RECORD(module_status), &module);
}

static void add_token(struct parts *parts, const struct ks_msg_token_status *token)
{
	ks_record_write(&parts->tokens, KS_RECORD(token_status), token);
}

static void print(struct cli_test *test, struct parts *parts, bool as_json)
{
	struct ks_msg_status_reply reply = reply_of(parts);

	assert_int_equal(ks_status_print(&test->cli, &reply, as_json), KS_EXIT_GOOD);
	ks_buffer_deinit(&parts->modules);
	ks_buffer_deinit(&parts->tokens);
	cli_test_read(test);
}

static void test_status_reads_like_a_page(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };
	struct ks_msg_token_status corp = cli_test_token("corp", KS_TOKEN_UNLOCKED);
	struct ks_msg_token_status piv = cli_test_token("my card", KS_TOKEN_LOCKED);

	corp.unlocked_for_s = 28740;
	add_module(&parts, "softhsm", KS_MODULE_READY, "");
	add_module(&parts, "opensc", KS_MODULE_WAITING, "it crashed (SIGSEGV)");
	add_token(&parts, &corp);
	add_token(&parts, &piv);
	print(test, &parts, false);
	assert_string_equal(
		test->out,
		"Agent: keystay-agent 0.1.0, process 4242, running since 2026-06-15 11:41 (19 min)\n"
		"Configuration: /etc/keystay/keystay.conf\n"
		"Keys: 3 (see: keystay list); open connections: 1\n"
		"Audit: best-effort, 7 records written (see: keystay log)\n"
		"\n"
		"MODULE   STATE                           NEW TOKENS         PROCESS  RESTARTS  PATH\n"
		"softhsm  ready                           by keystay reload  77       2         /usr/lib/x.so\n"
		"opensc   stopped, is started again soon  -                  -        2         /usr/lib/x.so\n"
		"  it crashed (SIGSEGV)\n"
		"\n"
		"TOKEN    STATE                      KEYS  SIGNATURES  MODULE   MODEL\n"
		"corp     unlocked, 7 h 59 min left  3     12          softhsm  SoftHSM v2\n"
		"my card  locked                     3     12          softhsm  SoftHSM v2\n"
		"  unlock with: keystay unlock 'my card'\n");
}

static void test_status_names_a_token_by_uri_where_its_label_is_not_unique(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };
	struct ks_msg_token_status token = cli_test_token("corp", KS_TOKEN_LOCKED);

	add_token(&parts, &token);
	token.state = KS_TOKEN_UNLOCKED;
	add_token(&parts, &token);
	print(test, &parts, false);
	cli_test_assert_part(test->out, "unlock with: keystay unlock 'pkcs11:token=corp;serial=0123'\n");
}

static void test_status_tells_the_next_step_of_each_state(void **state)
{
	static const struct {
		uint32_t state, flags;
		const char *text;
	} cases[] = {
		{ KS_TOKEN_OPEN, 0, "open, needs no PIN" },
		{ KS_TOKEN_ABSENT, 0, "absent" },
		{ KS_TOKEN_BLOCKED, KS_PIN_IS_BLOCKED, "its PIN is blocked: set a new one" },
		{ KS_TOKEN_LOCKED, KS_PIN_SET | KS_PIN_COUNT_LOW, "a wrong PIN was given since the last good one" },
		{ KS_TOKEN_LOCKED, KS_PIN_SET | KS_PIN_FINAL_TRY, "one more wrong PIN blocks this token" },
		{ KS_TOKEN_LOCKED, KS_PIN_SET | KS_PIN_TO_BE_CHANGED, "its PIN must be changed first" },
		{ KS_TOKEN_LOCKED, KS_PIN_NEEDED, "it has no PIN yet" },
		{ 99, 0, "unknown" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cli_test *test = *state;
		struct parts parts = { 0 };
		struct ks_msg_token_status token = cli_test_token("corp", cases[i].state);
		token.pin_flags = cases[i].flags;
		add_token(&parts, &token);
		print(test, &parts, false);
		cli_test_assert_part(test->out, cases[i].text);
	}
}

static void test_status_shouts_about_records_that_are_not_written(void **state)
{
	struct cli_test *test = *state;
	struct ks_msg_status_reply reply = reply_of(&(struct parts){ 0 });

	reply.audit = 2;
	reply.audit_lost = 3;
	reply.audit_waiting = 1;
	reply.audit_problem = ks_bytes_text("/x: No space left on device");
	assert_int_equal(ks_status_print(&test->cli, &reply, false), KS_EXIT_GOOD);
	cli_test_read(test);
	cli_test_assert_part(test->out, "Audit: require, 7 records written, 3 lost (see: keystay log)\n"
					"The audit log cannot be written: /x: No space left on device; 1 record waits; "
					"nothing is signed\n");
}

static void test_status_tells_how_new_tokens_are_noticed(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };

	add_module(&parts, "opensc", KS_MODULE_READY, "");
	add_module(&parts, "softhsm", KS_MODULE_READY, "");
	print(test, &parts, false);
	cli_test_assert_part(test->out, "opensc   ready  noticed at once    77");
	cli_test_assert_part(test->out, "softhsm  ready  by keystay reload  77");
}

static void test_status_tells_of_pins_without_success(void **state)
{
	static const struct {
		uint32_t state, submissions;
		const char *text;
	} cases[] = {
		/* What is printed adds up: those that say nothing come first. */
		{ KS_TOKEN_LOCKED, 0, NULL },
		{ KS_TOKEN_UNLOCKED, 1, NULL },
		{ KS_TOKEN_LOCKED, 1, "\n  1 PIN was given without success\n" },
		{ KS_TOKEN_LOCKED, 2,
		  "\n  2 PINs were given without success; the next one is asked for by a dialog\n" },
		{ KS_TOKEN_LOCKED, 7,
		  "\n  7 PINs were given without success; the next one is asked for by a dialog\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cli_test *test = *state;
		struct parts parts = { 0 };
		struct ks_msg_token_status token = cli_test_token("corp", cases[i].state);
		token.submissions = cases[i].submissions;
		add_token(&parts, &token);
		print(test, &parts, false);
		if (cases[i].text)
			cli_test_assert_part(test->out, cases[i].text);
		else
			cli_test_assert_no_part(test->out, "without success");
	}
}

static void test_status_tells_of_a_reader_with_keys(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };
	struct ks_msg_token_status token = cli_test_token("corp", KS_TOKEN_LOCKED);

	token.pin_flags |= KS_PIN_PAD;
	add_token(&parts, &token);
	print(test, &parts, false);
	cli_test_assert_part(test->out, "unlock with: keystay unlock corp (its PIN is typed at the reader)\n");
}

static void test_status_without_anything_says_what_to_do(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };

	print(test, &parts, false);
	cli_test_assert_part(test->out, "\nNo modules. Name one in keystay.conf (man keystay.conf), then run: keystay "
					"reload\n");
	cli_test_assert_part(test->out, "\nNo tokens. ");
}

static void test_status_escapes_what_tokens_say(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };
	/* U+202E turns the rest of a line around; the protocol lets it pass, a terminal must not get it. */
	struct ks_msg_token_status token = cli_test_token("a\u202eb", KS_TOKEN_LOCKED);

	add_token(&parts, &token);
	print(test, &parts, false);
	cli_test_assert_no_part(test->out, "\u202e");
	cli_test_assert_part(test->out, "a\\xe2\\x80\\xaeb");
}

static void test_status_json_has_its_keys(void **state)
{
	struct cli_test *test = *state;
	struct parts parts = { 0 };
	struct ks_msg_token_status token = cli_test_token("co\"rp", KS_TOKEN_UNLOCKED);
	const char *word;

	token.unlocked_for_s = 60;
	token.submissions = 3;
	add_module(&parts, "softhsm", KS_MODULE_READY, "hm");
	add_token(&parts, &token);
	print(test, &parts, true);
	json_t *json = cli_test_json(test);
	json_t *pin;
	json_int_t written, waiting, lost;
	const char *mode, *problem;
	json_int_t pid, keys, connections, module_pid, restarts, token_keys, left, signatures, submissions;
	const char *version, *started, *configuration, *file, *name, *path, *module_state, *note, *events;
	const char *label, *module, *manufacturer, *model, *serial, *uri, *token_state;
	json_error_t error;
	json_t *ignored;
	int reload_failed;
	/* '!': exactly these keys and no other. */
	assert_true(json_is_false(json_object_get(json, "reload_failed")));
	assert_int_equal(json_array_size(json_object_get(json, "certificates")), 0);
	assert_int_equal(json_object_size(json_object_get(json, "signatures")), 4);
	assert_int_equal(json_object_size(json_object_get(json, "refusals")), 0);
	int r = json_unpack_ex(
		json, &error, 0,
		"{s:{s:s, s:I, s:s !}, s:s, s:s, s:I, s:I, s:{s:s, s:I, s:I, s:I, s:s !},"
		" s:[{s:s, s:s, s:s, s:I, s:I, s:s, s:s !}],"
		" s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I !}],"
		" s:b, s:o, s:o, s:o !}",
		"agent", "version", &version, "pid", &pid, "started", &started, "configuration", &configuration,
		"configuration_file", &file, "keys", &keys, "connections", &connections, "audit", "mode", &mode,
		"written", &written, "waiting", &waiting, "lost", &lost, "problem", &problem, "modules", "name", &name,
		"path", &path, "state", &module_state, "pid", &module_pid, "restarts", &restarts, "note", &note,
		"events", &events, "tokens", "label", &label, "module", &module, "manufacturer", &manufacturer, "model",
		&model, "serial", &serial, "uri", &uri, "state", &token_state, "pin", &pin, "keys", &token_keys,
		"unlocked_for_s", &left, "signatures", &signatures, "submissions", &submissions, "reload_failed",
		&reload_failed, "certificates", &ignored, "signatures", &ignored, "refusals", &ignored);
	if (r != 0)
		fail_msg("%s in:\n%s", error.text, test->out);
	assert_string_equal(mode, "best-effort");
	assert_int_equal(written, 7);
	assert_string_equal(started, "2026-06-15T11:41:00Z");
	assert_string_equal(label, "co\"rp");
	assert_string_equal(token_state, "unlocked");
	assert_string_equal(module_state, "ready");
	assert_int_equal(left, 60);
	assert_int_equal(submissions, 3);
	assert_string_equal(events, "none");
	assert_string_equal(file, "/home/a/other.conf");
	assert_int_equal(json_array_size(pin), 2);
	word = json_string_value(json_array_get(pin, 1));
	assert_string_equal(word, "set");
	json_decref(json);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cli_test_setup, cli_test_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_status_reads_like_a_page),
		TEST(test_status_names_a_token_by_uri_where_its_label_is_not_unique),
		TEST(test_status_tells_the_next_step_of_each_state),
		TEST(test_status_shouts_about_records_that_are_not_written),
		TEST(test_status_tells_how_new_tokens_are_noticed),
		TEST(test_status_tells_of_pins_without_success),
		TEST(test_status_tells_of_a_reader_with_keys),
		TEST(test_status_without_anything_says_what_to_do),
		TEST(test_status_escapes_what_tokens_say),
		TEST(test_status_json_has_its_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
