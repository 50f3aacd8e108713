/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/worker.h: what changes a token, a rest that somebody wants, and a process that provisions. See puppet.h. */
#include "tests/unit/agent/puppet.h"

#include <string.h>

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
	puppet.module.sessions = 2;
	puppet_make_worker(&puppet);
	ks_worker_start(puppet.worker);
	puppet_await_ready(&puppet);
}

static uint32_t read_sign(void)
{
	struct ks_msg_worker_sign sign;

	puppet_read(&puppet, KS_MSG_WORKER_SIGN, &sign, sizeof(sign));
	return sign.id;
}

static void make_key(struct outcome *outcome)
{
	char label[] = "alice";
	const struct ks_msg_worker_keygen keygen = { .token = 1,
						     .key_type = KS_KEY_EC,
						     .bits = 256,
						     .label = ks_bytes_text(label),
						     .object_id = ks_bytes("\1\2", 2) };
	struct ks_worker_call *call;

	assert_int_equal(ks_worker_keygen(puppet.worker, &keygen, puppet_done, outcome, &call), 0);
	memset(label, 'x', sizeof(label) - 1); /* it was copied */
}

static uint32_t read_keygen(void)
{
	struct ks_msg_worker_keygen keygen;

	puppet_read(&puppet, KS_MSG_WORKER_KEYGEN, &keygen, sizeof(keygen));
	assert_true(ks_bytes_equal(keygen.label, ks_bytes_text("alice")));
	assert_true(ks_bytes_equal(keygen.object_id, ks_bytes("\1\2", 2)));
	assert_int_equal(keygen.bits, 256);
	return keygen.id;
}

static void answer_keygen(uint32_t id)
{
	const struct ks_msg_worker_keygen_reply reply = { KS_MESSAGE_HEAD(id), .object_id = ks_bytes("\1\2", 2) };

	puppet_say(&puppet, KS_MSG_WORKER_KEYGEN_REPLY, &reply);
}

/* --- what changes a token ---------------------------------------------------------------------------------------- */

static void test_key_is_made_when_nothing_else_is_under_way(void **state)
{
	(void)state;
	static struct outcome signature, key, later;

	begin();
	(void)puppet_sign(&puppet, 1, "a", &signature);
	make_key(&key);
	(void)puppet_sign(&puppet, 2, "b", &later);
	uint32_t id = read_sign();
	assert_true(puppet_is_silent(&puppet));
	puppet_say_signature(&puppet, id, "s");
	id = read_keygen();
	assert_true(puppet_is_silent(&puppet)); /* nothing with a deadline of its own stands behind it */
	answer_keygen(id);
	assert_int_equal(key.n, 1);
	assert_int_equal(key.error, 0);
	puppet_say_signature(&puppet, read_sign(), "s");
	assert_int_equal(later.n, 1);
}

static void test_key_that_is_made_is_not_disturbed_by_a_rescan(void **state)
{
	(void)state;
	static struct outcome key;
	struct ks_msg_worker_rescan rescan;

	begin();
	make_key(&key);
	uint32_t id = read_keygen();
	puppet_say_event(&puppet, KS_WORKER_EVENT_CHANGED, 0);
	assert_true(puppet_is_silent(&puppet));
	answer_keygen(id);
	puppet_read(&puppet, KS_MSG_WORKER_RESCAN, &rescan, sizeof(rescan));
}

/* It may have been made: BUSY would have it made once more. */
static void test_key_is_not_asked_for_twice(void **state)
{
	(void)state;
	static struct outcome key, queued;

	begin();
	make_key(&key);
	make_key(&queued);
	(void)read_keygen();
	puppet_say_event(&puppet, KS_WORKER_EVENT_RENEW, 0);
	puppet_run_until(&puppet, outcome_is_there, &queued);
	assert_int_equal(key.n, 1);
	assert_int_equal(key.error, KS_ERR_MODULE_FAILED);
	assert_int_equal(queued.error, KS_ERR_BUSY);
}

static void refuse_keygen(int said, int expected)
{
	static struct outcome key;

	key = (struct outcome){ .n = 0 };
	make_key(&key);
	puppet_say_error(&puppet, read_keygen(), said, "why");
	assert_int_equal(key.n, 1);
	assert_int_equal(key.error, expected);
	assert_string_equal(key.text, "why");
}

static void test_refusals_of_a_change_are_of_a_few_kinds(void **state)
{
	(void)state;
	static struct outcome signature;

	begin();
	refuse_keygen(KS_ERR_UNSUPPORTED, KS_ERR_UNSUPPORTED);
	refuse_keygen(KS_ERR_TOKEN_LOCKED, KS_ERR_TOKEN_LOCKED);
	refuse_keygen(KS_ERR_BUSY, KS_ERR_INVALID); /* our own BUSY means that it never got there */
	refuse_keygen(KS_ERR_AUDIT, KS_ERR_TOKEN_FAILED);
	(void)puppet_sign(&puppet, 1, "a", &signature);
	puppet_say_error(&puppet, read_sign(), KS_ERR_UNSUPPORTED, "why");
	assert_int_equal(signature.error, KS_ERR_TOKEN_FAILED);
}

/* --- a rest ------------------------------------------------------------------------------------------------------ */

static int suspended; /* 1: not yet; else the error */

static void on_suspended(int error, void *userdata)
{
	(void)userdata;
	suspended = error;
}

static bool is_suspended(const void *userdata)
{
	(void)userdata;
	return suspended <= 0;
}

static void suspend(void)
{
	suspended = 1;
	assert_int_equal(ks_worker_suspend(puppet.worker, "one of its tokens is being provisioned", on_suspended, NULL),
			 0);
}

static void test_worker_rests_when_what_it_has_is_done(void **state)
{
	(void)state;
	static struct outcome sent[2], queued;

	begin();
	(void)puppet_sign(&puppet, 1, "a", &sent[0]);
	(void)puppet_sign(&puppet, 1, "b", &sent[1]);
	(void)puppet_sign(&puppet, 1, "c", &queued);
	uint32_t first = read_sign(), second = read_sign();
	suspend();
	assert_int_equal(ks_worker_suspend(puppet.worker, "twice", on_suspended, NULL), KS_ERR_BUSY);
	puppet_say_signature(&puppet, first, "s");
	assert_int_equal(suspended, 1);
	assert_true(puppet_is_silent(&puppet)); /* the third is not sent any more */
	puppet_say_signature(&puppet, second, "s");
	puppet_run_until(&puppet, is_suspended, NULL);
	assert_int_equal(suspended, 0);
	assert_int_equal(sent[0].error + sent[1].error, 0);
	assert_int_equal(queued.n, 1);
	assert_int_equal(queued.error, KS_ERR_BUSY); /* asking again is safe */
	assert_int_equal(ks_worker_pid(puppet.worker), 0);
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_WAITING);
	assert_string_equal(ks_worker_note(puppet.worker), "one of its tokens is being provisioned");
	assert_int_equal(ks_worker_restarts(puppet.worker), 0);
}

static void test_worker_that_rests_is_started_by_resume_alone(void **state)
{
	(void)state;
	static struct outcome outcome;

	begin();
	suspend();
	puppet_run_until(&puppet, is_suspended, NULL);
	ks_worker_start(puppet.worker); /* a reload starts them all */
	ks_worker_wake(puppet.worker);
	assert_int_equal(ks_worker_pid(puppet.worker), 0);
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	ks_worker_resume(puppet.worker);
	assert_string_equal(ks_worker_note(puppet.worker), "");
	puppet_await_ready(&puppet);
	puppet_say_signature(&puppet, read_sign(), "s"); /* it waited */
	assert_int_equal(outcome.error, 0);
	ks_worker_resume(puppet.worker); /* of one that does not rest: nothing */
	assert_true(puppet_is_silent(&puppet));
}

static void test_worker_that_dies_first_rests_all_the_same(void **state)
{
	(void)state;
	static struct outcome outcome;

	begin();
	(void)puppet_sign(&puppet, 1, "a", &outcome);
	(void)read_sign();
	suspend();
	puppet_order(&puppet, 'a');
	puppet_run_until(&puppet, is_suspended, NULL);
	assert_int_equal(suspended, 0);
	assert_int_equal(outcome.error, KS_ERR_MODULE_FAILED);
	puppet_run_for(&puppet, 2 * KS_WORKER_BACKOFF_FIRST_MS);
	assert_int_equal(ks_worker_pid(puppet.worker), 0); /* no back-off starts it */
}

static void test_rest_that_is_not_wanted_any_more_is_none(void **state)
{
	(void)state;
	static struct outcome first, second;

	begin();
	(void)puppet_sign(&puppet, 1, "a", &first);
	uint32_t id = read_sign();
	suspend();
	(void)puppet_sign(&puppet, 1, "b", &second);
	assert_true(puppet_is_silent(&puppet));
	ks_worker_resume(puppet.worker);
	puppet_say_signature(&puppet, read_sign(), "s"); /* the second, by the same process */
	puppet_say_signature(&puppet, id, "s");
	assert_int_equal(first.error + second.error, 0);
	assert_int_equal(suspended, 1); /* nobody was told */
}

/* --- a process that provisions ------------------------------------------------------------------------------------ */

static struct ks_worker_call *provision_call;
static bool gave_pin;

static void on_provisioned(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	gave_pin = ks_worker_call_gave_pin(provision_call);
	puppet_done(error, text, reply, userdata);
}

static void provision(enum ks_provision operation, struct outcome *outcome)
{
	struct ks_msg_worker_provision message = { .operation = operation, .so_pin = ks_bytes_text("87654321") };

	assert_int_equal(ks_worker_provision(puppet.worker, &message, on_provisioned, outcome, &provision_call), 0);
}

static uint32_t read_provision(enum ks_provision operation)
{
	struct ks_msg_worker_provision message;

	puppet_read(&puppet, KS_MSG_WORKER_PROVISION, &message, sizeof(message));
	assert_int_equal(message.operation, operation);
	assert_true(ks_bytes_equal(message.so_pin, ks_bytes_text("87654321")));
	return message.id;
}

static void begin_provisioner(void)
{
	puppet_make_worker(&puppet);
	ks_worker_make_provisioner(puppet.worker);
	ks_worker_start(puppet.worker);
	puppet_await(&puppet);
	assert_true(puppet_has_word(&puppet, "--provision", NULL));
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_READY); /* it has nothing to tell */
}

static void test_provisioner_says_whether_the_token_was_given_a_pin(void **state)
{
	(void)state;
	static struct outcome outcome;

	begin_provisioner();
	provision(KS_PROVISION_INIT, &outcome);
	const struct ks_msg_worker_not_given not_given = { KS_MESSAGE_HEAD(read_provision(KS_PROVISION_INIT)),
							   .code = (uint32_t)-KS_ERR_DENIED,
							   .text = ks_bytes_text("no") };
	puppet_say(&puppet, KS_MSG_WORKER_NOT_GIVEN, &not_given);
	assert_int_equal(outcome.error, KS_ERR_DENIED);
	assert_false(gave_pin);
	provision(KS_PROVISION_PIN_SET, &outcome);
	puppet_say_error(&puppet, read_provision(KS_PROVISION_PIN_SET), KS_ERR_PIN_WRONG, "wrong");
	assert_int_equal(outcome.error, KS_ERR_PIN_WRONG);
	assert_true(gave_pin);
}

static void test_provisioner_that_dies_is_not_started_again(void **state)
{
	(void)state;
	static struct outcome outcome;

	begin_provisioner();
	provision(KS_PROVISION_PIN_SET, &outcome);
	(void)read_provision(KS_PROVISION_PIN_SET);
	puppet_order(&puppet, 'a');
	puppet_run_until(&puppet, outcome_is_there, &outcome);
	assert_int_equal(outcome.error, KS_ERR_MODULE_FAILED);
	assert_true(gave_pin); /* for all that is known */
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_FAILED);
	puppet_run_for(&puppet, 2 * KS_WORKER_BACKOFF_FIRST_MS);
	assert_int_equal(ks_worker_pid(puppet.worker), 0);
}

static void test_provisioner_tells_nothing_that_was_not_asked_for(void **state)
{
	(void)state;

	begin_provisioner();
	puppet_say_token(&puppet, 1, "corp");
	assert_int_equal(ks_worker_state(puppet.worker), KS_MODULE_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_is_made_when_nothing_else_is_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_that_is_made_is_not_disturbed_by_a_rescan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_is_not_asked_for_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals_of_a_change_are_of_a_few_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_worker_rests_when_what_it_has_is_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_worker_that_rests_is_started_by_resume_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_worker_that_dies_first_rests_all_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rest_that_is_not_wanted_any_more_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provisioner_says_whether_the_token_was_given_a_pin, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_provisioner_that_dies_is_not_started_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_provisioner_tells_nothing_that_was_not_asked_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
