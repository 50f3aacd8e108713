/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of agent/consent.h: who is asked, who shares a dialog, what is remembered, and that nobody can bury a person in
 * dialogs. With the real keystay-prompt and a pinentry that does what a script says.
 */
#include "tests/unit/agent/consent_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/protocol/limits.h"

/* --- yes --------------------------------------------------------------------------------------------------------- */

static void test_consent_always_asks_for_each_signature(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	pinentry_folder_script(&rig->folder, "ok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_answered(rig, 2);
	rig_expect(rig, 0, 0, "");
	rig_expect(rig, 1, 0, "");
	assert_int_equal(rig_dialogs(rig), 2);
	assert_false(rig_is_given(rig));
	assert_int_equal(pinentry_folder_count(&rig->folder, "> SETOK Sign once\n"), 2);
	assert_int_equal(pinentry_folder_count(&rig->folder, "> SETCANCEL Refuse\n"), 2);
}

static void test_consent_first_use_is_remembered_for_key_socket_and_proven_server(void **state)
{
	struct consent_rig *rig = *state;
	uint8_t other[32];

	pinentry_folder_script(&rig->folder, "ok\n");
	assert_false(rig_is_given(rig));
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_false(rig_is_given(rig));
	rig_run_answered(rig, 1);
	assert_int_equal(pinentry_folder_count(&rig->folder, "> SETOK Allow\n"), 1);
	assert_true(rig_is_given(rig));
	rig->question.server = "DB.corp.example";
	assert_true(rig_is_given(rig));
	rig->question.server = "db2.corp.example";
	assert_false(rig_is_given(rig));
	rig->question.server = "db.corp.example";
	rig->question.socket = "ci";
	assert_false(rig_is_given(rig));
	rig->question.socket = "agent";
	memcpy(other, rig->question.spki_hash, sizeof(other));
	other[31] ^= 1;
	rig->question.spki_hash = other;
	assert_false(rig_is_given(rig));
}

static void test_consent_first_use_is_asked_each_time_for_an_unproven_server(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.server_proven = false;
	rig->question.unverified = "the client handed over no handshake";
	pinentry_folder_script(&rig->folder, "ok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_answered(rig, 2);
	assert_int_equal(rig_dialogs(rig), 2);
	assert_false(rig_is_given(rig));
	assert_int_equal(pinentry_folder_count(&rig->folder, "> SETOK Sign once\n"), 2);
	/* A server that is named by nobody is not one that was proven, whatever the caller says. */
	rig->question.server_proven = true;
	rig->question.server = "";
	assert_int_equal(rig_ask(rig, 2), 0);
	rig_run_answered(rig, 3);
	assert_false(rig_is_given(rig));
}

/* --- who shares -------------------------------------------------------------------------------------------------- */

static void test_consent_shares_one_dialog_within_a_process(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "ok\n");
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(rig_ask(rig, i), 0);
	rig_run_answered(rig, 20);
	for (unsigned i = 0; i < 20; i++)
		rig_expect(rig, i, 0, "");
	assert_int_equal(rig_dialogs(rig), 1);
}

static void test_consent_asks_for_another_process_unless_a_yes_is_there(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "hold ok\ncancel\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig->question.pid = 4712;
	rig->question.program = "psql";
	assert_int_equal(rig_ask(rig, 1), 0);
	rig->question.server = "other.corp.example";
	assert_int_equal(rig_ask(rig, 2), 0);
	rig_run_shown(rig, 1);
	pinentry_folder_release(&rig->folder);
	rig_run_answered(rig, 3);
	rig_expect(rig, 0, 0, "");
	rig_expect(rig, 1, 0, "");
	rig_expect(rig, 2, KS_ERR_CANCELLED, "key \"alice\": signing for psql (pid 4712) was refused in the dialog");
	assert_int_equal(rig_dialogs(rig), 2);
}

/* The dialog named another program: what was refused was that one. */
static void test_consent_no_to_one_program_is_none_to_another(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "cancel\nok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig->question.pid = 4712;
	rig->question.program = "psql";
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_answered(rig, 2);
	rig_expect(rig, 0, KS_ERR_CANCELLED, "signing for curl (pid 4711) was refused");
	rig_expect(rig, 1, 0, "");
	assert_int_equal(rig_dialogs(rig), 2);
}

static void test_consent_who_waits_may_ask_again(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "ok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	assert_int_equal(rig_dialogs(rig), 1);
}

/* --- no ---------------------------------------------------------------------------------------------------------- */

static void test_consent_no_is_no_for_all_that_the_program_asks_with_this_key(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	pinentry_folder_script(&rig->folder, "cancel\nok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig->question.pid = 4712;
	assert_int_equal(rig_ask(rig, 1), 0);
	rig->question.program = "psql";
	rig->question.pid = 4713;
	assert_int_equal(rig_ask(rig, 2), 0);
	rig_run_answered(rig, 3);
	rig_expect(rig, 0, KS_ERR_CANCELLED, "signing for curl (pid 4711) was refused in the dialog");
	rig_expect(rig, 1, KS_ERR_CANCELLED, "was refused in the dialog");
	rig_expect(rig, 2, 0, "");
	assert_int_equal(rig_dialogs(rig), 2);
}

static void test_consent_no_lasts_for_a_while(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	pinentry_folder_script(&rig->folder, "cancel\nok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	/* A retry is another process, and another server does not help. */
	rig->question.pid = 4712;
	rig->question.server = "other.corp.example";
	assert_int_equal(rig_ask(rig, 1), KS_ERR_CANCELLED);
	rig_expect_why(rig, "key \"alice\" was refused to curl a moment ago; wait 10 seconds, then try again");
	/* Others are asked for. */
	rig->question.uid = 1001;
	assert_int_equal(rig_ask(rig, 2), 0);
	rig->question.uid = 1000;
	rig->question.socket = "ci";
	assert_int_equal(rig_ask(rig, 3), 0);
	rig->question.socket = "agent";
	rig_clock_ahead_ms += KS_CONSENT_COOL_DOWN_MS;
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_answered(rig, 4);
	assert_int_equal(rig_dialogs(rig), 4);
}

static void test_consent_third_no_is_no_whatever_the_program_calls_itself(void **state)
{
	struct consent_rig *rig = *state;
	char name[16];

	pinentry_folder_script(&rig->folder, "cancel\n");
	rig->question.program = name;
	for (unsigned i = 0; i < KS_CONSENT_REFUSALS; i++) {
		(void)snprintf(name, sizeof(name), "curl-%u", i);
		assert_int_equal(rig_ask(rig, i), 0);
		rig_run_answered(rig, i + 1);
	}
	(void)snprintf(name, sizeof(name), "curl-x");
	assert_int_equal(rig_ask(rig, 10), KS_ERR_CANCELLED);
	rig_expect_why(rig, "key \"alice\" was refused 3 times at socket \"agent\"; wait 120 seconds");
	rig->question.socket = "ci";
	assert_int_equal(rig_ask(rig, 11), 0);
	ks_consent_leave(&rig->waiters[11].consenter);
	rig->question.socket = "agent";
	rig_clock_ahead_ms += KS_CONSENT_REFUSALS_MS;
	assert_int_equal(rig_ask(rig, 10), 0);
	ks_consent_leave(&rig->waiters[10].consenter);
}

static void test_consent_who_does_not_answer_is_not_asked_again_at_once(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "timeout\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	rig_expect(rig, 0, KS_ERR_TIMEOUT,
		   "key \"alice\": nobody answered in time whether it may sign for curl (pid 4711); try again");
	assert_int_equal(rig_ask(rig, 1), KS_ERR_CANCELLED);
}

static void test_consent_dialog_has_its_time(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.timeout_ms = 300;
	pinentry_folder_script(&rig->folder, "hang\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	rig_expect(rig, 0, KS_ERR_TIMEOUT, "nobody answered in time");
}

static void test_consent_asks_nobody_where_no_dialog_may_be_shown(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.may_prompt = false;
	rig->question.socket = "ci";
	assert_int_equal(rig_ask(rig, 0), KS_ERR_NO_PROMPT);
	rig_expect_why(rig, "key \"alice\" needs a person's yes (confirm = first-use), and nobody is asked here: set "
			    "prompt = yes in [socket \"ci\"], and do not set KEYSTAY_PROMPT=never");
	rig->question.level = KS_CONFIRM_ALWAYS;
	assert_int_equal(rig_ask(rig, 0), KS_ERR_NO_PROMPT);
	rig_expect_why(rig, "(confirm = always)");
	assert_int_equal(rig_dialogs(rig), 0);
}

static void test_consent_says_that_no_dialog_can_be_shown(void **state)
{
	struct consent_rig *rig = *state;

	assert_int_equal(unsetenv("DISPLAY"), 0);
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	rig_expect(rig, 0, KS_ERR_NO_PROMPT,
		   "and nobody could be asked: no dialog can be shown: there is no display and no terminal");
	/* No person said no: the next one may be asked for, from a better place. */
	assert_int_equal(setenv("DISPLAY", ":keystay-test", 1), 0);
	pinentry_folder_script(&rig->folder, "ok\n");
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_answered(rig, 2);
	rig_expect(rig, 1, 0, "");
}

/* --- how many ---------------------------------------------------------------------------------------------------- */

static void test_consent_bounds_the_dialogs_of_a_process(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	for (unsigned i = 0; i < KS_CONSENTS_PER_PROCESS; i++)
		assert_int_equal(rig_ask(rig, i), 0);
	assert_int_equal(rig_ask(rig, 10), KS_ERR_QUOTA);
	rig_expect_why(rig, "key \"alice\": curl (pid 4711) has 4 questions open that a person has to answer first");
	ks_consent_leave(&rig->waiters[2].consenter);
	assert_int_equal(rig_ask(rig, 10), 0);
	rig->question.pid = 4712;
	assert_int_equal(rig_ask(rig, 11), 0);
}

static void test_consent_bounds_the_dialogs_of_a_socket_and_of_all(void **state)
{
	struct consent_rig *rig = *state;
	char socket[16] = "s0";
	unsigned n = 0;

	rig->question.level = KS_CONFIRM_ALWAYS;
	rig->question.socket = socket;
	for (; n < KS_CONSENTS_OPEN; n++) {
		(void)snprintf(socket, sizeof(socket), "s%u", n / KS_CONSENTS_PER_SOCKET);
		rig->question.pid++;
		assert_int_equal(rig_ask(rig, n), 0);
		if (n % KS_CONSENTS_PER_SOCKET != KS_CONSENTS_PER_SOCKET - 1)
			continue;
		rig->question.pid++;
		assert_int_equal(rig_ask(rig, n + 1), KS_ERR_QUOTA);
		rig_expect_why(rig, "has 16 questions open that a person has to answer first");
	}
	(void)snprintf(socket, sizeof(socket), "another");
	assert_int_equal(rig_ask(rig, n), KS_ERR_QUOTA);
	rig_expect_why(rig, "too many questions are open");
}

static void test_consent_lets_sockets_and_processes_take_turns(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	pinentry_folder_script(&rig->folder, "die\n"); /* an end that is no "no" */
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 1), 0);
	assert_int_equal(rig_ask(rig, 2), 0);
	rig->question.pid = 4712;
	assert_int_equal(rig_ask(rig, 3), 0);
	rig->question.pid = 4713;
	rig->question.socket = "ci";
	assert_int_equal(rig_ask(rig, 4), 0);
	rig_run_answered(rig, 5);
	assert_int_equal(rig->waiters[0].order, 1);
	assert_int_equal(rig->waiters[4].order, 2);
	assert_int_equal(rig->waiters[1].order, 3);
	assert_int_equal(rig->waiters[3].order, 4);
	assert_int_equal(rig->waiters[2].order, 5);
}

static unsigned answered_before_pin;
static struct consent_rig *rig_of_pin;

static void on_pin(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	(void)text;
	(void)userdata;
	assert_int_equal(error, KS_ERR_CANCELLED);
	ks_secret_free(pin);
	answered_before_pin = rig_of_pin->n_answered;
}

static void test_consent_puts_one_dialog_at_most_before_a_pin(void **state)
{
	struct consent_rig *rig = *state;
	struct ks_prompt *prompt = NULL;
	const struct ks_prompt_question pin = { .kind = KS_PROMPT_PIN,
						.pinentry = FAKE_PINENTRY,
						.title = "keystay",
						.description = "PIN?",
						.problem = "",
						.label = "",
						.ok = "",
						.cancel = "",
						.timeout_ms = 30000 };

	rig->question.level = KS_CONFIRM_ALWAYS;
	rig_of_pin = rig;
	pinentry_folder_script(&rig->folder, "hold die\ncancel\ndie\n");
	for (unsigned i = 0; i < KS_CONSENTS_PER_PROCESS; i++)
		assert_int_equal(rig_ask(rig, i), 0);
	rig_run_shown(rig, 1);
	assert_int_equal(ks_prompt_start(rig->state.prompts, &pin, on_pin, NULL, &prompt), 0);
	pinentry_folder_release(&rig->folder);
	rig_run_answered(rig, KS_CONSENTS_PER_PROCESS);
	assert_int_equal(answered_before_pin, 1);
}

static void nobody(int error, const char *text, struct ks_secret *pin, void *userdata)
{
	(void)error;
	(void)text;
	(void)userdata;
	ks_secret_free(pin);
}

static void test_consent_says_that_there_are_too_many_dialogs(void **state)
{
	struct consent_rig *rig = *state;
	struct ks_prompt *prompt = NULL;
	const struct ks_prompt_question pin = { .kind = KS_PROMPT_PIN,
						.pinentry = FAKE_PINENTRY,
						.title = "keystay",
						.description = "PIN?",
						.problem = "",
						.label = "",
						.ok = "",
						.cancel = "",
						.timeout_ms = 30000 };

	pinentry_folder_script(&rig->folder, "hold cancel\n");
	for (unsigned i = 0; i < KS_PROMPTS_QUEUED; i++)
		assert_int_equal(ks_prompt_start(rig->state.prompts, &pin, nobody, NULL, &prompt), 0);
	rig_run_shown(rig, 1);
	assert_int_equal(ks_prompt_start(rig->state.prompts, &pin, nobody, NULL, &prompt), 0);
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	rig_expect(rig, 0, KS_ERR_QUOTA, "and nobody could be asked: ");
}

/* --- coming and going -------------------------------------------------------------------------------------------- */

static void test_consent_last_one_who_leaves_closes_the_dialog(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "hold ok\nok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 1), 0);
	rig->question.server = "next.corp.example";
	assert_int_equal(rig_ask(rig, 2), 0);
	rig_run_shown(rig, 1);
	ks_consent_leave(&rig->waiters[0].consenter);
	ks_consent_leave(&rig->waiters[0].consenter);
	assert_int_equal(rig_dialogs(rig), 1);
	ks_consent_leave(&rig->waiters[1].consenter);
	rig_run_answered(rig, 1);
	rig_expect(rig, 2, 0, "");
	assert_int_equal(rig->waiters[0].order, 0);
	assert_int_equal(rig->waiters[1].order, 0);
	assert_int_equal(rig_dialogs(rig), 2);
}

static void leave_the_other(struct rig_waiter *waiter)
{
	ks_consent_leave(&waiter->rig->waiters[1].consenter);
}

static void ask_anew(struct rig_waiter *waiter)
{
	waiter->rig->question.server = "next.corp.example";
	assert_int_equal(rig_ask(waiter->rig, 5), 0);
}

static void test_consent_who_is_told_may_ask_and_leave(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "ok\n");
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(rig_ask(rig, i), 0);
	rig->waiters[0].then = leave_the_other;
	rig->waiters[2].then = ask_anew;
	rig_run_answered(rig, 3);
	rig_expect(rig, 0, 0, "");
	assert_int_equal(rig->waiters[1].order, 0);
	rig_expect(rig, 2, 0, "");
	rig_expect(rig, 5, 0, "");
}

static void test_consent_forgets(void **state)
{
	struct consent_rig *rig = *state;

	pinentry_folder_script(&rig->folder, "ok\nhold ok\ncancel\nok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	rig_run_answered(rig, 1);
	assert_true(rig_is_given(rig));
	ks_consent_forget(&rig->state, false);
	assert_false(rig_is_given(rig));
	/* A yes to a dialog of before is good for its own signature. */
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_shown(rig, 2);
	ks_consent_forget(&rig->state, false);
	pinentry_folder_release(&rig->folder);
	rig_run_answered(rig, 2);
	rig_expect(rig, 1, 0, "");
	assert_false(rig_is_given(rig));
	/* So is a no. */
	assert_int_equal(rig_ask(rig, 2), 0);
	rig_run_answered(rig, 3);
	ks_consent_forget(&rig->state, false);
	assert_int_equal(rig_ask(rig, 3), 0);
}

static void test_consent_ends_with_a_lock(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	pinentry_folder_script(&rig->folder, "hold ok\nok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 1), 0);
	rig->waiters[0].then = ask_anew;
	rig_run_shown(rig, 1);
	ks_consent_forget(&rig->state, true);
	rig_expect(rig, 0, KS_ERR_CANCELLED, "key \"alice\": keystay was locked while a person was being asked");
	rig_expect(rig, 1, KS_ERR_CANCELLED, "was locked");
	rig_run_answered(rig, 3);
	rig_expect(rig, 5, 0, "");
}

static void test_consent_freed_with_a_dialog_open_leaves_nothing(void **state)
{
	struct consent_rig *rig = *state;

	rig->question.level = KS_CONFIRM_ALWAYS;
	pinentry_folder_script(&rig->folder, "hold ok\n");
	assert_int_equal(rig_ask(rig, 0), 0);
	assert_int_equal(rig_ask(rig, 1), 0);
	rig_run_shown(rig, 1);
	ks_consent_free_all(&rig->state);
	assert_null(rig->waiters[0].consenter.consent);
	ks_consent_leave(&rig->waiters[0].consenter);
	assert_int_equal(rig->n_answered, 0);
}

#define CONSENT_TEST(test) cmocka_unit_test_setup_teardown(test, consent_rig_setup, consent_rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONSENT_TEST(test_consent_always_asks_for_each_signature),
		CONSENT_TEST(test_consent_first_use_is_remembered_for_key_socket_and_proven_server),
		CONSENT_TEST(test_consent_first_use_is_asked_each_time_for_an_unproven_server),
		CONSENT_TEST(test_consent_shares_one_dialog_within_a_process),
		CONSENT_TEST(test_consent_asks_for_another_process_unless_a_yes_is_there),
		CONSENT_TEST(test_consent_no_to_one_program_is_none_to_another),
		CONSENT_TEST(test_consent_who_waits_may_ask_again),
		CONSENT_TEST(test_consent_no_is_no_for_all_that_the_program_asks_with_this_key),
		CONSENT_TEST(test_consent_no_lasts_for_a_while),
		CONSENT_TEST(test_consent_third_no_is_no_whatever_the_program_calls_itself),
		CONSENT_TEST(test_consent_who_does_not_answer_is_not_asked_again_at_once),
		CONSENT_TEST(test_consent_dialog_has_its_time),
		CONSENT_TEST(test_consent_asks_nobody_where_no_dialog_may_be_shown),
		CONSENT_TEST(test_consent_says_that_no_dialog_can_be_shown),
		CONSENT_TEST(test_consent_bounds_the_dialogs_of_a_process),
		CONSENT_TEST(test_consent_bounds_the_dialogs_of_a_socket_and_of_all),
		CONSENT_TEST(test_consent_lets_sockets_and_processes_take_turns),
		CONSENT_TEST(test_consent_puts_one_dialog_at_most_before_a_pin),
		CONSENT_TEST(test_consent_says_that_there_are_too_many_dialogs),
		CONSENT_TEST(test_consent_last_one_who_leaves_closes_the_dialog),
		CONSENT_TEST(test_consent_who_is_told_may_ask_and_leave),
		CONSENT_TEST(test_consent_forgets),
		CONSENT_TEST(test_consent_ends_with_a_lock),
		CONSENT_TEST(test_consent_freed_with_a_dialog_open_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
