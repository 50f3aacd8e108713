/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/worker.h: what is asked of the process, in which order, and what becomes of it. See puppet.h. */
#include "tests/unit/agent/puppet.h"

#include <string.h>

#include "agent/unlock.h"
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

static void begin(uint64_t deadline_ms, unsigned sessions)
{
	puppet.module.deadline_ms = deadline_ms;
	puppet.module.sessions = sessions;
	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	puppet_await_ready(&puppet);
}

static uint32_t read_sign(const char *input)
{
	struct ks_msg_worker_sign sign;

	puppet_read(&puppet, KS_MSG_WORKER_SIGN, &sign, sizeof(sign));
	assert_true(ks_bytes_equal(sign.input, ks_bytes_text(input)));
	return sign.id;
}

static uint32_t read_rescan(bool all)
{
	struct ks_msg_worker_rescan rescan;

	puppet_read(&puppet, KS_MSG_WORKER_RESCAN, &rescan, sizeof(rescan));
	assert_int_equal(rescan.all, all);
	return rescan.id;
}

static void answer_rescan(uint32_t id)
{
	const struct ks_msg_worker_rescan_reply reply = { KS_MESSAGE_HEAD(id) };

	puppet_say(&puppet, KS_MSG_WORKER_RESCAN_REPLY, &reply);
}

static struct ks_secret *pin_of(const char *text)
{
	struct ks_secret *secret = NULL;
	uint8_t copy[16];

	memcpy(copy, text, strlen(text));
	assert_int_equal(ks_secret_new(&secret), 0);
	assert_int_equal(ks_secret_take(secret, copy, strlen(text)), 0);
	return secret;
}

/* With a PIN of its own. */
static void sign_with(const char *pin, struct outcome *outcome)
{
	const struct ks_worker_sign sign = { .token = 1,
					     .key = 1,
					     .scheme = 0x0403,
					     .authenticate = true,
					     .told = KS_PIN_FINAL_TRY,
					     .pin = pin_of(pin),
					     .owner = 1,
					     .input = ks_bytes_text("p") };
	struct ks_worker_call *call;

	assert_int_equal(ks_worker_sign(puppet.worker, &sign, puppet_done, outcome, &call), 0);
}

static void login_with(const char *text, struct outcome *outcome)
{
	static const uint8_t digest[KS_TOKEN_DIGEST_SIZE] = { 7 };
	struct ks_secret *pin = pin_of(text);
	const struct ks_worker_login login = {
		.token = 1, .serial = "1", .digest = digest, .unattended = true, .pin = pin
	};
	struct ks_worker_call *call;

	assert_int_equal(ks_worker_login(puppet.worker, &login, puppet_done, outcome, &call), 0);
	ks_secret_free(pin);
}

static uint32_t read_login(void)
{
	struct ks_msg_worker_login login;

	puppet_read(&puppet, KS_MSG_WORKER_LOGIN, &login, sizeof(login));
	assert_int_equal(login.digest.size, KS_TOKEN_DIGEST_SIZE);
	assert_int_equal(login.digest.data[0], 7);
	assert_true(ks_bytes_equal(login.serial, ks_bytes_text("1")));
	assert_true(login.unattended);
	assert_int_equal(login.told, 0);
	return login.id;
}

static void answer_login(uint32_t id)
{
	const struct ks_msg_worker_login_reply reply = { KS_MESSAGE_HEAD(id) };

	puppet_say(&puppet, KS_MSG_WORKER_LOGIN_REPLY, &reply);
}

/* --- signatures -------------------------------------------------------------------------------------------------- */

static void test_signature_is_asked_for_and_answered_once(void **state)
{
	(void)state;
	static struct outcome outcome;

	begin(0, 0);
	(void)puppet_sign(&puppet, 1, "abc", &outcome);
	assert_int_equal(outcome.n, 0);
	puppet_say_signature(&puppet, read_sign("abc"), "signed");
	assert_int_equal(outcome.n, 1);
	assert_string_equal(outcome.signature, "signed");
	assert_int_equal(puppet.n_idle, 1);
	assert_true(ks_worker_is_idle(puppet.worker));
}

static void test_owners_are_served_in_turns(void **state)
{
	(void)state;
	static const char *const expected[] = { "a1", "b1", "c1", "a2", "b2", "a3", "a4" };
	static struct outcome outcome;

	begin(0, 1);
	(void)puppet_sign(&puppet, 1, "a1", &outcome);
	(void)puppet_sign(&puppet, 1, "a2", &outcome);
	(void)puppet_sign(&puppet, 1, "a3", &outcome);
	(void)puppet_sign(&puppet, 1, "a4", &outcome);
	(void)puppet_sign(&puppet, 2, "b1", &outcome);
	(void)puppet_sign(&puppet, 2, "b2", &outcome);
	(void)puppet_sign(&puppet, 3, "c1", &outcome);
	for (size_t i = 0; i < 7; i++) {
		uint32_t id = read_sign(expected[i]);
		assert_true(puppet_is_silent(&puppet)); /* one session: one at a time */
		puppet_say_signature(&puppet, id, "signed");
	}
	assert_int_equal(outcome.n, 7);
}

static void test_no_more_signatures_are_with_the_process_than_it_has_sessions(void **state)
{
	(void)state;
	static struct outcome outcome;

	begin(0, 2);
	for (int i = 0; i < 3; i++)
		(void)puppet_sign(&puppet, 1, "a", &outcome);
	(void)read_sign("a");
	uint32_t second = read_sign("a");
	assert_true(puppet_is_silent(&puppet));
	puppet_say_signature(&puppet, second, "signed"); /* in any order */
	(void)read_sign("a");
}

static void test_cancelled_signature_is_thrown_away(void **state)
{
	(void)state;
	static struct outcome sent, queued;

	begin(0, 1);
	struct ks_worker_call *call = puppet_sign(&puppet, 1, "a", &sent);
	struct ks_worker_call *other = puppet_sign(&puppet, 1, "b", &queued);
	uint32_t id = read_sign("a");
	ks_worker_call_cancel(call);
	ks_worker_call_cancel(other);
	puppet_say_signature(&puppet, id, "signed");
	assert_int_equal(sent.n + queued.n, 0);
	assert_true(puppet_is_silent(&puppet));
	assert_true(ks_worker_is_idle(puppet.worker));
}

static void test_error_is_what_a_token_may_say(void **state)
{
	(void)state;
	static const struct {
		int said, heard;
	} codes[] = {
		{ KS_ERR_TOKEN_LOCKED, KS_ERR_TOKEN_LOCKED },
		{ KS_ERR_CHANGED, KS_ERR_CHANGED },
		{ KS_ERR_PIN_WRONG, KS_ERR_PIN_WRONG },
		{ KS_ERR_BUSY, KS_ERR_TOKEN_FAILED },
		{ KS_ERR_QUOTA, KS_ERR_TOKEN_FAILED },
		{ KS_ERR_MODULE_FAILED, KS_ERR_TOKEN_FAILED },
		{ 0, KS_ERR_TOKEN_FAILED },
	};

	begin(0, 0);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct outcome outcome = { 0 };
		(void)puppet_sign(&puppet, 1, "a", &outcome);
		puppet_say_error(&puppet, read_sign("a"), codes[i].said, "because");
		assert_int_equal(outcome.error, codes[i].heard);
		assert_string_equal(outcome.text, "because");
	}
}

/* --- deadlines --------------------------------------------------------------------------------------------------- */

static void test_process_that_hangs_is_killed_at_the_deadline(void **state)
{
	(void)state;
	static struct outcome sent, queued;

	begin(100, 1);
	uint64_t then = ks_clock_monotonic_ms();
	(void)puppet_sign(&puppet, 1, "a", &sent);
	(void)puppet_sign(&puppet, 1, "b", &queued);
	puppet_run_until(&puppet, outcome_is_there, &queued);
	assert_true(ks_clock_monotonic_ms() - then >= 100);
	assert_int_equal(sent.error, KS_ERR_MODULE_FAILED);
	assert_int_equal(queued.error, KS_ERR_BUSY); /* it was never with the module */
	puppet_await_end(&puppet);
	puppet_await_ready(&puppet);
	assert_true(puppet_is_silent(&puppet)); /* nothing is asked a second time */
}

static void test_idle_worker_has_no_timer_that_fires(void **state)
{
	(void)state;
	static struct outcome outcome;
	int enabled = -1;

	begin(100, 0);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	assert_true(sd_event_source_get_enabled(puppet.worker->deadline_timer, &enabled) > 0);
	puppet_say_signature(&puppet, read_sign("a"), "signed");
	assert_int_equal(sd_event_source_get_enabled(puppet.worker->deadline_timer, &enabled), 0);
	/* And the next one is watched again. */
	(void)puppet_sign(&puppet, 1, "b", &outcome);
	puppet_await_end(&puppet);
}

/* --- PINs -------------------------------------------------------------------------------------------------------- */

static void test_signatures_wait_while_a_pin_is_tried(void **state)
{
	(void)state;
	static struct outcome login, outcome;

	begin(0, 0);
	login_with("1234", &login);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	uint32_t id = read_login();
	assert_true(puppet_is_silent(&puppet));
	answer_login(id);
	assert_int_equal(login.n, 1);
	(void)read_sign("a");
}

static void test_lock_during_a_login_goes_at_once_and_signatures_after_both(void **state)
{
	(void)state;
	static struct outcome login, logout, outcome;
	struct ks_worker_call *call;
	struct ks_msg_worker_logout message;

	begin(0, 0);
	login_with("1234", &login);
	assert_int_equal(ks_worker_logout(puppet.worker, 1, puppet_done, &logout, &call), 0);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	uint32_t id = read_login();
	puppet_read(&puppet, KS_MSG_WORKER_LOGOUT, &message, sizeof(message));
	answer_login(id);
	assert_true(puppet_is_silent(&puppet));
	const struct ks_msg_worker_logout_reply reply = { KS_MESSAGE_HEAD(message.id) };
	puppet_say(&puppet, KS_MSG_WORKER_LOGOUT_REPLY, &reply);
	assert_int_equal(login.n + logout.n, 2);
	(void)read_sign("a");
}

static void test_signature_with_a_pin_goes_alone_and_never_twice(void **state)
{
	(void)state;
	static struct outcome plain, with_pin, after;
	struct ks_msg_worker_sign_with_pin message;

	begin(0, 4);
	(void)puppet_sign(&puppet, 2, "a", &plain);
	sign_with("4711", &with_pin);
	(void)puppet_sign(&puppet, 3, "b", &after);
	uint32_t id = read_sign("a");
	assert_true(puppet_is_silent(&puppet));
	puppet_say_signature(&puppet, id, "signed");
	puppet_read(&puppet, KS_MSG_WORKER_SIGN_WITH_PIN, &message, sizeof(message));
	assert_true(ks_bytes_equal(message.pin, ks_bytes_text("4711")));
	assert_int_equal(message.told, KS_PIN_FINAL_TRY);
	assert_false(message.unattended);
	assert_true(puppet_is_silent(&puppet)); /* a person may type at the reader for long */
	puppet_order(&puppet, 'a');
	puppet_run_until(&puppet, outcome_is_there, &after);
	assert_int_equal(with_pin.error, KS_ERR_MODULE_FAILED);
	assert_int_equal(after.error, KS_ERR_BUSY);
	puppet_await_ready(&puppet);
	assert_true(puppet_is_silent(&puppet));
}

static void test_pin_that_was_never_sent_is_wiped(void **state)
{
	(void)state;
	static struct outcome with_pin;
	const void *start;
	size_t size;

	begin(0, 1);
	(void)puppet_sign(&puppet, 2, "a", &with_pin);
	sign_with("471147114711", &with_pin);
	ks_secret_arena(&start, &size);
	assert_non_null(memmem(start, size, "471147114711", 12));
	ks_worker_kill(puppet.worker, "a test");
	puppet_run_until(&puppet, outcome_is_there, &with_pin);
	puppet_run_for(&puppet, 1);
	assert_null(memmem(start, size, "471147114711", 12));
}

static void test_pin_at_the_reader_may_take_its_time(void **state)
{
	(void)state;
	static struct outcome login, with_pin;

	begin(50, 0);
	login_with("", &login);
	uint32_t id = read_login();
	puppet_run_for(&puppet, 250); /* two and a half deadlines of a login */
	assert_int_equal(login.n, 0);
	answer_login(id);
	sign_with("", &with_pin);
	struct ks_msg_worker_sign_with_pin message;
	puppet_read(&puppet, KS_MSG_WORKER_SIGN_WITH_PIN, &message, sizeof(message));
	assert_int_equal(message.pin.size, 0);
	puppet_run_for(&puppet, 250);
	assert_int_equal(with_pin.n, 0);
	/* One that is given takes what a login takes. */
	puppet_say_signature(&puppet, message.id, "signed");
	login_with("1234", &login);
	puppet_await_end(&puppet);
}

/* --- what comes and goes ----------------------------------------------------------------------------------------- */

static void test_many_changes_are_one_look_and_one_more(void **state)
{
	(void)state;

	begin(0, 0);
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	uint32_t id = read_rescan(false);
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	assert_int_equal(ks_worker_rescan(puppet.worker, true), 0);
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	assert_true(puppet_is_silent(&puppet));
	answer_rescan(id);
	id = read_rescan(true);
	assert_true(puppet_is_silent(&puppet));
	answer_rescan(id);
	assert_true(puppet_is_silent(&puppet));
	assert_true(ks_worker_is_idle(puppet.worker));
}

static void test_look_that_failed_does_not_lose_the_next_one(void **state)
{
	(void)state;

	begin(0, 0);
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	uint32_t id = read_rescan(false);
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	puppet_say_error(&puppet, id, KS_ERR_TOKEN_FAILED, "no");
	(void)read_rescan(false);
}

static void test_change_during_the_start_is_looked_at_afterwards(void **state)
{
	(void)state;

	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	puppet_await(&puppet);
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	assert_true(puppet_is_silent(&puppet));
	puppet_say_inventory(&puppet, true, KS_EVENTS_SLOTS);
	(void)read_rescan(false);
}

static void test_token_that_is_taken_out_is_gone_at_once(void **state)
{
	(void)state;
	static struct outcome sent, queued;

	begin(0, 1);
	puppet_say_token(&puppet, 2, "other");
	puppet_say_inventory(&puppet, false, KS_EVENTS_SLOTS);
	(void)puppet_sign(&puppet, 1, "a", &sent);
	(void)puppet_sign(&puppet, 1, "b", &queued);
	uint32_t id = read_sign("a");
	unsigned n_changed = puppet.n_changed;
	puppet_say_event(&puppet, KS_WORKER_EVENT_TOKEN_GONE, 1);
	assert_null(ks_inventory_token(ks_worker_inventory(puppet.worker), 1));
	assert_non_null(ks_inventory_token(ks_worker_inventory(puppet.worker), 2));
	assert_true(puppet.n_changed > n_changed);
	assert_int_equal(queued.error, KS_ERR_TOKEN_ABSENT);
	assert_string_equal(queued.text, "the card was taken out");
	assert_int_equal(sent.n, 0);
	(void)read_rescan(false);
	/* Whatever the module calls it. */
	puppet_say_error(&puppet, id, KS_ERR_TOKEN_FAILED, "general error");
	assert_int_equal(sent.error, KS_ERR_TOKEN_ABSENT);
}

static void test_module_that_hangs_after_a_removal_is_replaced_within_a_second(void **state)
{
	(void)state;
	static struct outcome sent;

	begin(0, 1);
	(void)puppet_sign(&puppet, 1, "a", &sent);
	uint64_t then = ks_clock_monotonic_ms();
	puppet_say_event(&puppet, KS_WORKER_EVENT_TOKEN_GONE, 1);
	puppet_run_until(&puppet, outcome_is_there, &sent);
	assert_int_equal(sent.error, KS_ERR_TOKEN_ABSENT);
	assert_string_equal(sent.text, "the card was taken out");
	puppet_await_end(&puppet);
	puppet_await_ready(&puppet);
	uint64_t took = ks_clock_monotonic_ms() - then;
	assert_true(took >= KS_WORKER_REMOVAL_DEADLINE_MS && took < 2 * KS_WORKER_REMOVAL_DEADLINE_MS);
	assert_int_equal(puppet.worker->backoff_ms, 0);
	assert_string_equal(ks_worker_note(puppet.worker), "");
}

static void test_module_that_hangs_in_the_look_after_a_removal_is_replaced_as_well(void **state)
{
	(void)state;

	begin(0, 1);
	puppet_say_event(&puppet, KS_WORKER_EVENT_TOKEN_GONE, 1);
	(void)read_rescan(false);
	puppet_await_end(&puppet);
	puppet_await_ready(&puppet);
	assert_int_equal(puppet.worker->backoff_ms, 0);
}

static void test_removal_of_nobody_knows_what_hurries_everything_and_drops_nothing(void **state)
{
	(void)state;
	static struct outcome sent, queued;

	begin(0, 1);
	(void)puppet_sign(&puppet, 1, "a", &sent);
	(void)puppet_sign(&puppet, 1, "b", &queued);
	puppet_say_event(&puppet, KS_WORKER_EVENT_TOKEN_GONE, 0);
	assert_non_null(ks_inventory_token(ks_worker_inventory(puppet.worker), 1));
	assert_int_equal(queued.n, 0);
	puppet_run_until(&puppet, outcome_is_there, &sent);
	assert_int_equal(sent.error, KS_ERR_TOKEN_ABSENT);
}

static void test_what_became_of_a_pin_is_told_although_the_card_was_taken_out(void **state)
{
	(void)state;
	static struct outcome login;

	begin(0, 1);
	login_with("1234", &login);
	uint32_t id = read_login();
	puppet_say_event(&puppet, KS_WORKER_EVENT_TOKEN_GONE, 0);
	puppet_say_error(&puppet, id, KS_ERR_PIN_WRONG, "wrong");
	assert_int_equal(login.error, KS_ERR_PIN_WRONG);
}

static void test_number_of_a_token_is_that_of_its_own_process(void **state)
{
	(void)state;

	begin(0, 1);
	puppet_order(&puppet, '7');
	puppet_await_end(&puppet);
	puppet_await(&puppet);
	puppet_say_event(&puppet, KS_WORKER_EVENT_TOKEN_GONE, 1); /* of what the new one saw; the old one's stays */
	assert_non_null(ks_inventory_token(ks_worker_inventory(puppet.worker), 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_signature_is_asked_for_and_answered_once),
		TEST(test_owners_are_served_in_turns),
		TEST(test_no_more_signatures_are_with_the_process_than_it_has_sessions),
		TEST(test_cancelled_signature_is_thrown_away),
		TEST(test_error_is_what_a_token_may_say),
		TEST(test_process_that_hangs_is_killed_at_the_deadline),
		TEST(test_idle_worker_has_no_timer_that_fires),
		TEST(test_signatures_wait_while_a_pin_is_tried),
		TEST(test_lock_during_a_login_goes_at_once_and_signatures_after_both),
		TEST(test_signature_with_a_pin_goes_alone_and_never_twice),
		TEST(test_pin_that_was_never_sent_is_wiped),
		TEST(test_pin_at_the_reader_may_take_its_time),
		TEST(test_many_changes_are_one_look_and_one_more),
		TEST(test_look_that_failed_does_not_lose_the_next_one),
		TEST(test_change_during_the_start_is_looked_at_afterwards),
		TEST(test_token_that_is_taken_out_is_gone_at_once),
		TEST(test_module_that_hangs_after_a_removal_is_replaced_within_a_second),
		TEST(test_module_that_hangs_in_the_look_after_a_removal_is_replaced_as_well),
		TEST(test_removal_of_nobody_knows_what_hurries_everything_and_drops_nothing),
		TEST(test_what_became_of_a_pin_is_told_although_the_card_was_taken_out),
		TEST(test_number_of_a_token_is_that_of_its_own_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
