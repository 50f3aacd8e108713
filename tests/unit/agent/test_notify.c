/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/notify.h, with a bus of the test's own and a server of notices that writes down what it is told. */
#include "agent/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/protocol/limits.h"
#include "tests/unit/agent/system_bus.h"

#define DEADLINE_MS 20000u
#define N_TOKENS 30

struct fixture {
	struct system_bus bus;
	char log[128]; /* what the server writes */
	pid_t server;
	int in; /* its standard input */
	struct ks_settings settings;
	struct ks_settings_token section;
	struct ks_state state;
	struct ks_inventory_token token;
};

static const struct ks_notify_reason reason = {
	.program = "curl", .pid = 4711, .key = "alice", .server = "db.corp.example", .server_proven = true
};

/* How often a line that begins so stands in the log. */
static unsigned count(const struct fixture *fixture, const char *line)
{
	static char text[65536];
	unsigned n = 0;

	FILE *file = fopen(fixture->log, "re");
	assert_non_null(file);
	while (fgets(text, sizeof(text), file))
		n += strncmp(text, line, strlen(line)) == 0;
	assert_int_equal(fclose(file), 0);
	return n;
}

static void turn(struct fixture *fixture, uint64_t end_ms)
{
	assert_true(ks_clock_monotonic_ms() < end_ms);
	assert_true(sd_event_run(fixture->state.event, 20000) >= 0);
}

static void wait_for(struct fixture *fixture, const char *line, unsigned n)
{
	uint64_t end_ms = ks_clock_monotonic_ms() + DEADLINE_MS;

	while (count(fixture, line) < n)
		turn(fixture, end_ms);
	assert_int_equal(count(fixture, line), n);
}

/* For what must not happen: so long as it would take at most. */
static void run_for(struct fixture *fixture, uint64_t ms)
{
	uint64_t end_ms = ks_clock_monotonic_ms() + ms;

	while (ks_clock_monotonic_ms() < end_ms)
		turn(fixture, UINT64_MAX);
}

static void tell(const struct fixture *fixture, const char *line)
{
	assert_int_equal(write(fixture->in, line, strlen(line)), strlen(line));
}

static void server_start(struct fixture *fixture)
{
	int in[2];

	system_bus_start(&fixture->bus);
	assert_int_equal(setenv("DBUS_SESSION_BUS_ADDRESS", getenv("DBUS_SYSTEM_BUS_ADDRESS"), 1), 0);
	(void)snprintf(fixture->log, sizeof(fixture->log), "%s/log", fixture->bus.folder);
	int out = open(fixture->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(out >= 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	fixture->server = fork();
	assert_true(fixture->server >= 0);
	if (fixture->server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out, STDOUT_FILENO);
		(void)execl(FAKE_NOTIFICATIONS, FAKE_NOTIFICATIONS, (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out);
	fixture->in = in[1];
	wait_for(fixture, "ready", 1);
}

static void server_stop(struct fixture *fixture)
{
	(void)close(fixture->in);
	assert_int_equal(waitpid(fixture->server, NULL, 0), fixture->server);
	(void)unlink(fixture->log);
	system_bus_stop(&fixture->bus);
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	if (!system_bus_is_installed())
		exit(77);
	assert_true(sd_event_new(&fixture->state.event) >= 0);
	fixture->section =
		(struct ks_settings_token){ .name = (char *)(uintptr_t) "corp", .touch = KS_SETTINGS_TOUCH_YES };
	fixture->settings.tokens = &fixture->section;
	fixture->settings.n_tokens = 1;
	fixture->state.settings = &fixture->settings;
	(void)snprintf(fixture->token.label, sizeof(fixture->token.label), "corp");
	server_start(fixture);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ks_notify_free_all(&fixture->state);
	server_stop(fixture);
	sd_event_unref(fixture->state.event);
	free(fixture);
	return 0;
}

/* --- which tokens ------------------------------------------------------------------------------------------------ */

static void test_notify_knows_tokens_with_a_button(void **state)
{
	(void)state;
	static const struct {
		const char *manufacturer, *model;
		enum ks_notify_touch touch;
	} tokens[] = {
		{ "Yubico (www.yubico.com)", "YubiKey YK5", KS_NOTIFY_PERHAPS },
		{ "Yubico", "PKCS#15 emulated", KS_NOTIFY_PERHAPS },
		{ "piv_II", "PKCS#15 emulated", KS_NOTIFY_PERHAPS },
		{ "OpenPGP project", "PKCS#15 emulated", KS_NOTIFY_PERHAPS },
		{ "FSIJ", "PKCS#15 emulated", KS_NOTIFY_PERHAPS },
		{ "Nitrokey", "PKCS#15 emulated", KS_NOTIFY_PERHAPS },
		{ "ZeitControl", "PKCS#15 emulated", KS_NOTIFY_NO_TOUCH },
		{ "SoftHSM project", "SoftHSM v2", KS_NOTIFY_NO_TOUCH },
		{ "Infineon", "SLB9670", KS_NOTIFY_NO_TOUCH },
		{ "www.CardContact.de", "SmartCard-HSM", KS_NOTIFY_NO_TOUCH },
		{ "", "", KS_NOTIFY_NO_TOUCH },
	};
	struct ks_settings settings = { 0 };
	struct ks_inventory_token token = { .label = "corp" };

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		(void)snprintf(token.manufacturer, sizeof(token.manufacturer), "%s", tokens[i].manufacturer);
		(void)snprintf(token.model, sizeof(token.model), "%s", tokens[i].model);
		assert_int_equal(ks_notify_touch_of(&settings, &token), tokens[i].touch);
	}
}

static void test_notify_does_what_the_configuration_says(void **state)
{
	(void)state;
	struct ks_settings_token section = { .name = (char *)(uintptr_t) "corp", .touch = KS_SETTINGS_TOUCH_NO };
	struct ks_settings settings = { .tokens = &section, .n_tokens = 1 };
	struct ks_inventory_token token = { .label = "corp", .manufacturer = "Yubico (www.yubico.com)" };

	assert_int_equal(ks_notify_touch_of(&settings, &token), KS_NOTIFY_NO_TOUCH);
	section.touch = KS_SETTINGS_TOUCH_AUTO;
	assert_int_equal(ks_notify_touch_of(&settings, &token), KS_NOTIFY_PERHAPS);
	section.touch = KS_SETTINGS_TOUCH_YES;
	assert_int_equal(ks_notify_touch_of(&settings, &token), KS_NOTIFY_TOUCH);
	token.label[0] = 'x';
	assert_int_equal(ks_notify_touch_of(&settings, &token), KS_NOTIFY_PERHAPS);
}

/* --- the notice -------------------------------------------------------------------------------------------------- */

static void test_notify_tells_of_a_long_signature_and_takes_it_back(void **state)
{
	struct fixture *fixture = *state;

	uint64_t start_ms = ks_clock_monotonic_ms();
	struct ks_notice *notice = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	assert_non_null(notice);
	wait_for(fixture,
		 "notify 1 keystay|Touch your token|corp: curl (pid 4711) wants to sign in to db.corp.example (proven) "
		 "with the key alice|urgency 2|transient 1|expires 30000\n",
		 1);
	assert_true(ks_clock_monotonic_ms() - start_ms >= KS_TOUCH_NOTICE_MS);
	run_for(fixture, 100); /* for the answer */
	assert_true(ks_notify_end(notice));
	wait_for(fixture, "close 1\n", 1);
}

static void test_notify_says_what_is_claimed_and_what_is_not_sure(void **state)
{
	struct fixture *fixture = *state;
	struct ks_notify_reason claimed = reason;

	claimed.server_proven = false;
	fixture->section.touch = KS_SETTINGS_TOUCH_AUTO;
	(void)snprintf(fixture->token.manufacturer, sizeof(fixture->token.manufacturer), "piv_II");
	struct ks_notice *notice = ks_notify_begin(&fixture->state, &fixture->token, &claimed);
	wait_for(fixture,
		 "notify 1 keystay|Touch your token if it blinks|corp: curl (pid 4711) wants to sign in to "
		 "db.corp.example (claimed, not proven) with the key alice|",
		 1);
	(void)ks_notify_end(notice);
	claimed.server = "";
	notice = ks_notify_begin(&fixture->state, &fixture->token, &claimed);
	wait_for(fixture,
		 "notify 2 keystay|Touch your token if it blinks|corp: curl (pid 4711) wants to sign in with the key "
		 "alice|",
		 1);
	(void)ks_notify_end(notice);
}

static void test_notify_lets_nobody_write_markup(void **state)
{
	struct fixture *fixture = *state;
	struct ks_notify_reason hostile = reason;

	hostile.program = "<b>&'\"\x1b\n";
	hostile.key = "<a href=\"x\">";
	hostile.server = "<img src='y'/>";
	(void)snprintf(fixture->token.label, sizeof(fixture->token.label), "<i>corp");
	fixture->section.name = fixture->token.label;
	struct ks_notice *notice = ks_notify_begin(&fixture->state, &fixture->token, &hostile);
	wait_for(
		fixture,
		"notify 1 keystay|Touch your token|&lt;i&gt;corp: &lt;b&gt;&amp;&apos;&quot;\\\\x1b\\\\x0a (pid 4711) wants "
		"to sign in to &lt;img src=&apos;y&apos;/&gt; (proven) with the key &lt;a href=&quot;x&quot;&gt;|",
		1);
	(void)ks_notify_end(notice);
}

static void test_notify_says_nothing_of_a_short_signature(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 100; i++)
		assert_false(ks_notify_end(ks_notify_begin(&fixture->state, &fixture->token, &reason)));
	run_for(fixture, KS_TOUCH_NOTICE_MS + 500);
	assert_int_equal(count(fixture, "notify"), 0);
	/* Nor of a token that wants no touch. */
	fixture->section.touch = KS_SETTINGS_TOUCH_NO;
	assert_null(ks_notify_begin(&fixture->state, &fixture->token, &reason));
	assert_false(ks_notify_end(NULL));
}

static void test_notify_shows_one_notice_of_a_token(void **state)
{
	struct fixture *fixture = *state;
	struct ks_notice *notices[3];
	struct ks_inventory_token other = { .label = "other", .manufacturer = "Yubico" };

	for (unsigned i = 0; i < 3; i++)
		notices[i] = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	wait_for(fixture, "notify", 1);
	struct ks_notice *of_other = ks_notify_begin(&fixture->state, &other, &reason);
	wait_for(fixture, "notify", 2);
	assert_int_equal(count(fixture, "notify 2 keystay|Touch your token if it blinks|other: "), 1);
	(void)ks_notify_end(of_other);
	assert_false(ks_notify_end(notices[1]));
	(void)ks_notify_end(notices[0]);
	/* The next one has its own second. */
	uint64_t start_ms = ks_clock_monotonic_ms();
	wait_for(fixture, "notify", 3);
	assert_true(ks_clock_monotonic_ms() - start_ms >= KS_TOUCH_NOTICE_MS - 100);
	(void)ks_notify_end(notices[2]);
	wait_for(fixture, "close", 3);
}

static void test_notify_takes_back_what_was_answered_late(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, "hold\n");
	struct ks_notice *notice = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	wait_for(fixture, "notify", 1);
	assert_false(ks_notify_end(notice));
	tell(fixture, "answer\n");
	wait_for(fixture, "close 1\n", 1);
}

static void test_notify_bears_a_server_that_refuses(void **state)
{
	struct fixture *fixture = *state;

	tell(fixture, "refuse\n");
	struct ks_notice *notice = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	wait_for(fixture, "notify", 1);
	run_for(fixture, 100);
	assert_false(ks_notify_end(notice));
	run_for(fixture, 100);
	assert_int_equal(count(fixture, "close"), 0);
}

static void test_notify_finds_a_bus_again(void **state)
{
	struct fixture *fixture = *state;

	struct ks_notice *notice = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	wait_for(fixture, "notify", 1);
	run_for(fixture, 100);
	server_stop(fixture);
	run_for(fixture, 100);
	(void)ks_notify_end(notice);
	/* Without a bus nobody is told, and nobody waits. */
	notice = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	run_for(fixture, KS_TOUCH_NOTICE_MS + 300);
	assert_false(ks_notify_end(notice));
	server_start(fixture);
	notice = ks_notify_begin(&fixture->state, &fixture->token, &reason);
	wait_for(fixture, "notify", 1);
	run_for(fixture, 100);
	assert_true(ks_notify_end(notice));
}

static void test_notify_does_not_cover_the_screen(void **state)
{
	struct fixture *fixture = *state;
	struct ks_notice *notices[N_TOKENS];

	for (unsigned i = 0; i < N_TOKENS; i++) {
		struct ks_inventory_token token = { .manufacturer = "Yubico" };
		(void)snprintf(token.label, sizeof(token.label), "token %u", i);
		notices[i] = ks_notify_begin(&fixture->state, &token, &reason);
	}
	wait_for(fixture, "notify", KS_TOUCH_NOTICES_PER_MINUTE);
	run_for(fixture, 300);
	assert_int_equal(count(fixture, "notify"), KS_TOUCH_NOTICES_PER_MINUTE);
	for (unsigned i = 0; i < N_TOKENS; i++)
		(void)ks_notify_end(notices[i]);
	wait_for(fixture, "close", KS_TOUCH_NOTICES_PER_MINUTE);
}

#define NOTIFY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notify_knows_tokens_with_a_button),
		cmocka_unit_test(test_notify_does_what_the_configuration_says),
		NOTIFY_TEST(test_notify_tells_of_a_long_signature_and_takes_it_back),
		NOTIFY_TEST(test_notify_says_what_is_claimed_and_what_is_not_sure),
		NOTIFY_TEST(test_notify_lets_nobody_write_markup),
		NOTIFY_TEST(test_notify_says_nothing_of_a_short_signature),
		NOTIFY_TEST(test_notify_shows_one_notice_of_a_token),
		NOTIFY_TEST(test_notify_takes_back_what_was_answered_late),
		NOTIFY_TEST(test_notify_bears_a_server_that_refuses),
		NOTIFY_TEST(test_notify_finds_a_bus_again),
		NOTIFY_TEST(test_notify_does_not_cover_the_screen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
