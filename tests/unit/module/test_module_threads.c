/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_module_threads: threads, children of fork(), C_Finalize at bad times.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tests/unit/module/module_rig.h"

#define N_THREADS 64u

static int begin(void **state)
{
	static struct module_rig rig;

	(void)alarm(100); /* a hang is a failure */
	module_rig_start(&rig);
	*state = &rig;
	return 0;
}

static int end(void **state)
{
	module_rig_stop(*state);
	return 0;
}

struct signer {
	pthread_t thread;
	struct module_rig *rig;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	CK_RV init, rv;
	uint8_t signature[64];
};

static void *sign(void *argument)
{
	struct signer *signer = argument;
	CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
	CK_ULONG size = sizeof(signer->signature);
	uint8_t input[130];

	memcpy(input, module_rig_input().data, sizeof(input));
	signer->init = signer->rig->calls->C_SignInit(signer->session, &mechanism, signer->key);
	if (signer->init == CKR_OK)
		signer->rv =
			signer->rig->calls->C_Sign(signer->session, input, sizeof(input), signer->signature, &size);
	return NULL;
}

static void start(struct signer *signer, struct module_rig *rig, CK_SESSION_HANDLE session)
{
	*signer = (struct signer){ .rig = rig, .session = session };
	signer->key = module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256");
	assert_int_equal(pthread_create(&signer->thread, NULL, sign, signer), 0);
}

/* The agent answers none before it has been asked for all. */
static void test_64_threads_sign_side_by_side(void **state)
{
	static struct signer signers[N_THREADS];
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig), own;
	CK_SESSION_INFO info;

	rig->gather = N_THREADS;
	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_OK);
	(void)module_rig_input();
	for (unsigned i = 0; i < N_THREADS; i++) {
		assert_int_equal(rig->calls->C_OpenSession(info.slotID, CKF_SERIAL_SESSION, NULL, NULL, &own), CKR_OK);
		start(&signers[i], rig, own);
	}
	for (unsigned i = 0; i < N_THREADS; i++) {
		assert_int_equal(pthread_join(signers[i].thread, NULL), 0);
		assert_int_equal(signers[i].init, CKR_OK);
		assert_int_equal(signers[i].rv, CKR_OK);
	}
	assert_int_equal(atomic_load(&rig->token.n_signatures), N_THREADS);
}

static void test_a_session_has_one_signature_at_a_time(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
	struct signer signer;

	rig->gather = 2;
	start(&signer, rig, session);
	module_rig_wait_gathered(rig, 1);
	assert_int_equal(rig->calls->C_SignInit(session, &mechanism, signer.key), CKR_OPERATION_ACTIVE);
	/* Everything else goes on meanwhile. */
	assert_int_not_equal(module_rig_find(rig, session, CKO_PRIVATE_KEY, "p384"), CK_INVALID_HANDLE);
	module_rig_release(rig);
	assert_int_equal(pthread_join(signer.thread, NULL), 0);
	assert_int_equal(signer.rv, CKR_OK);
	assert_int_equal(rig->calls->C_SignInit(session, &mechanism, signer.key), CKR_OK);
}

static void test_a_session_may_be_closed_while_it_signs(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	struct signer signer;

	rig->gather = 2;
	start(&signer, rig, session);
	module_rig_wait_gathered(rig, 1);
	assert_int_equal(rig->calls->C_CloseSession(session), CKR_OK);
	module_rig_release(rig);
	assert_int_equal(pthread_join(signer.thread, NULL), 0);
	assert_int_equal(signer.rv, CKR_SESSION_CLOSED);
}

static void test_finalize_waits_for_no_signature(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	struct signer signer;

	rig->gather = 2;
	start(&signer, rig, session);
	module_rig_wait_gathered(rig, 1);
	assert_int_equal(rig->calls->C_Finalize(NULL), CKR_OK);
	/* Also when another life has begun before the answer comes. */
	assert_int_equal(rig->calls->C_Initialize(NULL), CKR_OK);
	module_rig_release(rig);
	assert_int_equal(pthread_join(signer.thread, NULL), 0);
	assert_int_equal(signer.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
}

struct waiter {
	pthread_t thread;
	struct module_rig *rig;
	CK_SLOT_ID slot;
	CK_RV rv;
};

static void *wait_for_event(void *argument)
{
	struct waiter *waiter = argument;

	waiter->rv = waiter->rig->calls->C_WaitForSlotEvent(0, &waiter->slot, NULL);
	return NULL;
}

static void start_waiter(struct waiter *waiter, struct module_rig *rig)
{
	unsigned n = atomic_load(&rig->n_generations);

	*waiter = (struct waiter){ .rig = rig };
	assert_int_equal(pthread_create(&waiter->thread, NULL, wait_for_event, waiter), 0);
	module_rig_wait_compared(rig, n + 1);
}

static void test_waiting_ends_with_an_event_or_with_finalize(void **state)
{
	struct module_rig *rig = *state;
	struct waiter waiter;
	CK_SESSION_INFO info;
	CK_SESSION_HANDLE session = module_rig_open(rig);

	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_OK);
	start_waiter(&waiter, rig);
	module_rig_tell(rig, true, false);
	assert_int_equal(pthread_join(waiter.thread, NULL), 0);
	assert_int_equal(waiter.rv, CKR_OK);
	assert_int_equal(waiter.slot, info.slotID);

	/* At once and not at the next comparison, a second later. A busy machine gets some tries. */
	uint64_t took_ms = UINT64_MAX;
	for (unsigned i = 0; i < 5 && took_ms >= 500; i++) {
		start_waiter(&waiter, rig);
		(void)usleep(100000); /* nothing tells that a thread sleeps; by now it does */
		uint64_t begun_ms = ks_clock_monotonic_ms();
		assert_int_equal(rig->calls->C_Finalize(NULL), CKR_OK);
		assert_int_equal(pthread_join(waiter.thread, NULL), 0);
		took_ms = ks_clock_monotonic_ms() - begun_ms;
		assert_int_equal(waiter.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
		assert_int_equal(rig->calls->C_Initialize(NULL), CKR_OK);
		assert_int_equal(rig->calls->C_WaitForSlotEvent(CKF_DONT_BLOCK, &waiter.slot, NULL), CKR_NO_EVENT);
	}
	assert_in_range(took_ms, 0, 499);
}

/* --- fork -------------------------------------------------------------------------------------------------------- */

/* In a child: 0 when all is as it should be. */
static int use_in_child(struct module_rig *rig, CK_SESSION_HANDLE old)
{
	CK_SESSION_HANDLE session;
	CK_SESSION_INFO info;
	CK_SLOT_ID slots[2];
	CK_ULONG n = 2;

	(void)alarm(30);
	if (rig->calls->C_GetSlotList(CK_TRUE, slots, &n) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	if (rig->calls->C_GetSessionInfo(old, &info) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 2;
	if (rig->calls->C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 3;
	if (rig->calls->C_Initialize(NULL) != CKR_OK)
		return 4;
	if (rig->calls->C_GetSessionInfo(old, &info) != CKR_SESSION_HANDLE_INVALID)
		return 5;
	if (rig->calls->C_GetSlotList(CK_TRUE, slots, &n) != CKR_OK || n != 1)
		return 6;
	if (rig->calls->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK)
		return 7;
	struct signer signer = { .rig = rig, .session = session };
	signer.key = module_rig_find(rig, session, CKO_PRIVATE_KEY, "p256");
	(void)sign(&signer);
	if (signer.init != CKR_OK || signer.rv != CKR_OK)
		return 8;
	return rig->calls->C_Finalize(NULL) == CKR_OK ? 0 : 9;
}

static void assert_child_can_use_it(struct module_rig *rig, CK_SESSION_HANDLE old)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(use_in_child(rig, old));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_a_child_begins_anew(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	CK_SESSION_INFO info;

	assert_child_can_use_it(rig, session);
	/* The parent has noticed nothing. */
	assert_int_equal(rig->calls->C_GetSessionInfo(session, &info), CKR_OK);
}

struct hammer {
	pthread_t thread;
	struct module_rig *rig;
	CK_SESSION_HANDLE session;
	atomic_bool stop;
};

static void *take_the_lock(void *argument)
{
	struct hammer *hammer = argument;

	while (!atomic_load(&hammer->stop))
		(void)module_rig_find(hammer->rig, hammer->session, CKO_PRIVATE_KEY, "p256");
	return NULL;
}

/* Another thread has the lock in most of these moments, or sits in C_WaitForSlotEvent. */
static void test_a_child_of_a_busy_parent_begins_anew(void **state)
{
	struct module_rig *rig = *state;
	CK_SESSION_HANDLE session = module_rig_open(rig);
	struct hammer hammer = { .rig = rig, .session = session };
	struct waiter waiter;

	if (KEYSTAY_SANITIZED) {
		print_message("skipped: a sanitizer's malloc() does not survive the fork of a busy program\n");
		skip();
	}
	start_waiter(&waiter, rig);
	assert_int_equal(pthread_create(&hammer.thread, NULL, take_the_lock, &hammer), 0);
	for (unsigned i = 0; i < 20; i++)
		assert_child_can_use_it(rig, session);
	atomic_store(&hammer.stop, true);
	assert_int_equal(pthread_join(hammer.thread, NULL), 0);
	assert_int_equal(rig->calls->C_Finalize(NULL), CKR_OK);
	assert_int_equal(pthread_join(waiter.thread, NULL), 0);
	assert_int_equal(waiter.rv, CKR_CRYPTOKI_NOT_INITIALIZED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_64_threads_sign_side_by_side),
		TEST(test_a_session_has_one_signature_at_a_time),
		TEST(test_a_session_may_be_closed_while_it_signs),
		TEST(test_finalize_waits_for_no_signature),
		TEST(test_waiting_ends_with_an_event_or_with_finalize),
		TEST(test_a_child_begins_anew),
		TEST(test_a_child_of_a_busy_parent_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
