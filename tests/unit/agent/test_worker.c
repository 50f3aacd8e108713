/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of agent/worker.h: the life of the process. A puppet stands in for keystay-token. What is asked of it is in
 * test_worker_calls.c.
 */
#include "tests/unit/agent/puppet.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"

static struct puppet puppet;

static int setup(void **state)
{
	(void)state;
	puppet_init(&puppet);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	puppet_deinit(&puppet);
	return 0;
}

static void begin(void)
{
	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	puppet_await_ready(&puppet);
}

static uint64_t ms_since(uint64_t then)
{
	return ks_clock_monotonic_ms() - then;
}

/* --- the words of the configuration ------------------------------------------------------------------------------ */

static void test_process_is_started_with_the_words_of_its_module(void **state)
{
	(void)state;
	static char init_args[] = "configdir='sql:/x' flags=readOnly", slots[] = "0, *Yubi*";

	puppet.module.init_args = init_args;
	puppet.module.slots = slots;
	puppet.module.sessions = 7;
	begin(); /* it found us by its environment */
	assert_true(puppet_has_word(&puppet, "--module", "puppet"));
	assert_true(puppet_has_word(&puppet, "--path", puppet.module.path));
	assert_true(puppet_has_word(&puppet, "--sessions", "7"));
	assert_true(puppet_has_word(&puppet, "--init-args", init_args));
	assert_true(puppet_has_word(&puppet, "--slots", slots));
	assert_false(puppet_has_word(&puppet, "--no-slot-events", NULL));
	assert_int_equal(ks_worker_events(puppet.worker), KS_EVENTS_SLOTS);
}

static void test_worker_is_kept_for_the_same_words_only(void **state)
{
	(void)state;
	char word[] = "x";
	char *environment[] = { puppet.variable, NULL };
	const struct ks_settings_module *same = &puppet.module;
	struct ks_settings_module other[7];

	puppet_make_worker(&puppet);
	assert_true(ks_worker_is_for(puppet.worker, same));
	for (size_t i = 0; i < 7; i++)
		other[i] = *same;
	other[0].name = word;
	other[1].path = word;
	other[2].init_args = word;
	other[3].slots = word;
	other[4].environment = environment;
	other[5].deadline_ms = 1;
	other[6].sessions = KS_WORKER_SESSIONS + 1;
	for (size_t i = 0; i < 7; i++)
		assert_false(ks_worker_is_for(puppet.worker, &other[i]));
}

/* --- deaths ------------------------------------------------------------------------------------------------------ */

static void test_process_that_dies_is_started_again_after_a_longer_and_longer_pause(void **state)
{
	(void)state;
	uint64_t pause_ms = KS_WORKER_BACKOFF_FIRST_MS;

	begin();
	for (unsigned i = 1; i <= 3; i++) {
		uint64_t then = ks_clock_monotonic_ms();
		puppet_order(&puppet, i == 1 ? 'a' : '7');
		puppet_await_ready(&puppet);
		assert_true(ms_since(then) >= pause_ms);
		assert_int_equal(ks_worker_restarts(puppet.worker), i);
		pause_ms *= 2;
	}
}

static void test_signature_that_worked_makes_the_next_pause_short(void **state)
{
	(void)state;
	struct outcome outcome = { 0 };
	struct ks_msg_worker_sign sign;

	begin();
	puppet_order(&puppet, '7');
	puppet_await_ready(&puppet);
	puppet_order(&puppet, '7');
	puppet_await_ready(&puppet);
	assert_int_equal(puppet.worker->backoff_ms, 2 * KS_WORKER_BACKOFF_FIRST_MS);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	puppet_read(&puppet, KS_MSG_WORKER_SIGN, &sign, sizeof(sign));
	puppet_say_error(&puppet, sign.id, KS_ERR_TOKEN_FAILED, "no");
	assert_int_equal(puppet.worker->backoff_ms, 2 * KS_WORKER_BACKOFF_FIRST_MS);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	puppet_read(&puppet, KS_MSG_WORKER_SIGN, &sign, sizeof(sign));
	puppet_say_signature(&puppet, sign.id, "signed");
	assert_int_equal(puppet.worker->backoff_ms, 0);
}

static void test_module_that_dies_and_dies_is_left_alone_for_a_while(void **state)
{
	(void)state;
	struct outcome queued = { 0 };
	struct ks_worker_call *call;
	const struct ks_worker_sign sign = { .token = 1, .key = 1, .scheme = 0x0403 };

	begin();
	for (unsigned i = 0; i < KS_WORKER_BREAKER_DEATHS; i++) {
		assert_false(ks_worker_is_resting(puppet.worker));
		if (i > 0)
			puppet_await_ready(&puppet); /* it starts well, and dies of what it is asked for */
		(void)puppet_sign(&puppet, 1, "a", &queued);
		puppet_order(&puppet, 'a');
		puppet_await_end(&puppet);
		memset(&queued, 0, sizeof(queued));
		puppet_run_until(&puppet, outcome_is_there, &queued);
		assert_int_equal(queued.error, KS_ERR_MODULE_FAILED);
	}
	assert_true(ks_worker_is_resting(puppet.worker));
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_WAITING);
	assert_non_null(strstr(ks_worker_note(puppet.worker),
			       "it ended 5 times within 60 s and rests for 30 s; last: its "
			       "process was ended by signal 6"));
	assert_int_equal(ks_worker_sign(puppet.worker, &sign, puppet_done, &queued, &call), KS_ERR_MODULE_FAILED);
	/* A person who reloads need not wait. */
	ks_worker_start(puppet.worker);
	assert_false(ks_worker_is_resting(puppet.worker));
	puppet_await_ready(&puppet);
	assert_string_equal(ks_worker_note(puppet.worker), "");
}

static void test_children_of_a_process_end_with_it(void **state)
{
	(void)state;
	pid_t child = 0;

	begin();
	pid_t pid = ks_worker_pid(puppet.worker);
	puppet_order(&puppet, 'f');
	assert_int_equal(read(puppet.orders, &child, sizeof(child)), sizeof(child));
	assert_true(child > 1);
	int channel = dup(puppet.channel);
	puppet_order(&puppet, '0'); /* the child and we still hold its channel */
	puppet_await_ready(&puppet);
	assert_int_not_equal(ks_worker_pid(puppet.worker), pid);
	assert_string_equal(ks_worker_note(puppet.worker), "");
	/* Whoever became its parent has yet to hear of its end, so that it may be there as a dead one. */
	for (int i = 0; i < 500 && kill(child, 0) == 0; i++) {
		char path[64], status[256] = "";
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
		FILE *file = fopen(path, "re");
		if (file && fgets(status, sizeof(status), file) && strstr(status, ") Z"))
			i = 500;
		if (file)
			(void)fclose(file);
		assert_true(i != 499);
		puppet_run_for(&puppet, 10);
	}
	(void)close(channel);
}

static void test_process_that_closes_its_channel_is_replaced(void **state)
{
	(void)state;

	begin();
	pid_t pid = ks_worker_pid(puppet.worker);
	(void)close(puppet.channel);
	puppet.channel = -1;
	puppet_order(&puppet, 'c');
	puppet_await_ready(&puppet);
	assert_int_not_equal(ks_worker_pid(puppet.worker), pid);
	assert_int_equal(ks_worker_restarts(puppet.worker), 1);
}

static void test_process_that_does_not_tell_its_tokens_is_replaced(void **state)
{
	(void)state;

	puppet.module.deadline_ms = 50;
	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	puppet_await(&puppet);
	puppet_await_end(&puppet);
	assert_string_equal(ks_worker_note(puppet.worker), "it did not tell its tokens in time");
	puppet_await_ready(&puppet);
}

static void test_nonsense_is_the_end_of_a_process(void **state)
{
	(void)state;

	begin();
	puppet_say_signature(&puppet, 99, "an answer to nothing");
	assert_non_null(strstr(ks_worker_note(puppet.worker), "its process sent nonsense"));
	puppet_await_ready(&puppet);
	puppet_say_event(&puppet, 77, 0);
	assert_non_null(strstr(ks_worker_note(puppet.worker), "its process sent nonsense"));
}

/* --- no fault of the module -------------------------------------------------------------------------------------- */

static void test_renewed_process_comes_at_once_and_without_a_word_of_failure(void **state)
{
	(void)state;
	struct outcome outcome = { 0 };

	begin();
	pid_t pid = ks_worker_pid(puppet.worker);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	uint64_t then = ks_clock_monotonic_ms();
	puppet_say_event(&puppet, KS_WORKER_EVENT_RENEW, 0);
	puppet_run_until(&puppet, outcome_is_there, &outcome);
	assert_int_equal(outcome.error, KS_ERR_BUSY);
	puppet_await_ready(&puppet);
	assert_true(ms_since(then) < 1000);
	assert_int_not_equal(ks_worker_pid(puppet.worker), pid);
	assert_int_equal(ks_worker_restarts(puppet.worker), 0);
	assert_string_equal(ks_worker_note(puppet.worker), "");
	/* One that wants that all the time gets it every two seconds. */
	puppet_say_event(&puppet, KS_WORKER_EVENT_RENEW, 0);
	puppet_await(&puppet);
	assert_true(ms_since(then) >= 1900);
}

static void test_module_whose_wait_blocks_is_started_without_it_from_then_on(void **state)
{
	(void)state;

	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	puppet_await(&puppet);
	assert_false(puppet_has_word(&puppet, "--no-slot-events", NULL));
	uint64_t then = ks_clock_monotonic_ms();
	puppet_order(&puppet, '4');
	puppet_await_ready(&puppet);
	assert_true(ms_since(then) < 1000);
	assert_true(puppet_has_word(&puppet, "--no-slot-events", NULL));
	assert_int_equal(ks_worker_restarts(puppet.worker), 0);
	/* Again would be a lie. */
	puppet_order(&puppet, '4');
	puppet_await_ready(&puppet);
	assert_true(puppet_has_word(&puppet, "--no-slot-events", NULL));
	assert_int_equal(ks_worker_restarts(puppet.worker), 1);
}

static void test_missing_file_is_looked_for_again_when_it_is_needed(void **state)
{
	(void)state;
	char path[128];
	const struct ks_worker_sign sign = { .token = 1, .key = 1, .scheme = 0x0403 };
	struct ks_worker_call *call;

	(void)snprintf(path, sizeof(path), "%s/module.so", puppet.folder);
	puppet.module.path = path;
	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_FAILED);
	assert_true(ks_worker_is_settled(puppet.worker));
	assert_non_null(strstr(ks_worker_note(puppet.worker), path));
	assert_int_equal(ks_worker_sign(puppet.worker, &sign, puppet_done, NULL, &call), KS_ERR_MODULE_FAILED);
	assert_int_equal(symlink(PUPPET, path), 0);
	ks_worker_wake(puppet.worker); /* a moment ago it was not there */
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_FAILED);
	puppet.worker->looked_ms -= KS_WORKER_WAKE_MS;
	ks_worker_wake(puppet.worker);
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_STARTING);
	puppet_await_ready(&puppet);
	(void)unlink(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_process_is_started_with_the_words_of_its_module),
		TEST(test_worker_is_kept_for_the_same_words_only),
		TEST(test_process_that_dies_is_started_again_after_a_longer_and_longer_pause),
		TEST(test_signature_that_worked_makes_the_next_pause_short),
		TEST(test_module_that_dies_and_dies_is_left_alone_for_a_while),
		TEST(test_children_of_a_process_end_with_it),
		TEST(test_process_that_closes_its_channel_is_replaced),
		TEST(test_process_that_does_not_tell_its_tokens_is_replaced),
		TEST(test_nonsense_is_the_end_of_a_process),
		TEST(test_renewed_process_comes_at_once_and_without_a_word_of_failure),
		TEST(test_module_whose_wait_blocks_is_started_without_it_from_then_on),
		TEST(test_missing_file_is_looked_for_again_when_it_is_needed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
