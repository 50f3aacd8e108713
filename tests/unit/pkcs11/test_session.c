/* SPDX-License-Identifier: Apache-2.0 */
/* Units of pkcs11/session.c over a module made up here. Runs in: unit tests. */
#include "pkcs11/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

/* A token with room for some sessions, and what happened to it: "o1" opened 1, "c1" closed 1, "i" asked who it is. */
static struct {
	unsigned room;
	unsigned n_open;
	CK_SESSION_HANDLE next;
	CK_TOKEN_INFO info;
	char story[256];
	pthread_mutex_t mutex;
} token = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static void tell(char what, CK_ULONG number)
{
	size_t used = strlen(token.story);

	assert_true(used + 3 < sizeof(token.story));
	token.story[used] = what;
	if (number > 0)
		token.story[used + 1] = (char)('0' + number);
}

static CK_RV fake_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	(void)slot;
	tell('i', 0);
	*info = token.info;
	return CKR_OK;
}

static CK_RV fake_open(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
	(void)slot;
	(void)application;
	(void)notify;
	CK_RV rv = CKR_OK;

	assert_int_equal(flags, CKF_SERIAL_SESSION); /* never one that may write */
	(void)pthread_mutex_lock(&token.mutex);
	if (token.n_open == token.room) {
		rv = CKR_SESSION_COUNT;
	} else {
		token.n_open++;
		*session = ++token.next;
		tell('o', *session);
	}
	(void)pthread_mutex_unlock(&token.mutex);
	return rv;
}

static CK_RV fake_close(CK_SESSION_HANDLE session)
{
	(void)pthread_mutex_lock(&token.mutex);
	token.n_open--;
	tell('c', session);
	(void)pthread_mutex_unlock(&token.mutex);
	return CKR_OK;
}

static CK_FUNCTION_LIST calls = { .C_GetTokenInfo = fake_token_info,
				  .C_OpenSession = fake_open,
				  .C_CloseSession = fake_close };
static const struct ks_module module = { .calls = &calls, .threads = true };
static struct ks_sessions sessions;

static void start(unsigned room, unsigned wanted)
{
	memset(&token.info, ' ', sizeof(token.info));
	token.info.ulMaxSessionCount = CK_UNAVAILABLE_INFORMATION;
	token.room = room;
	token.n_open = 0;
	token.next = 0;
	memset(token.story, 0, sizeof(token.story));
	assert_int_equal(ks_sessions_init(&sessions, &module, 7, &token.info, wanted), 0);
}

static struct ks_session take(void)
{
	struct ks_session session;

	assert_int_equal(ks_session_take(&sessions, &session), CKR_OK);
	return session;
}

static void test_session_is_used_again(void **state)
{
	(void)state;

	start(9, 4);
	struct ks_session session = take();
	assert_true(session.fresh);
	ks_session_give_back(&sessions, session);
	session = take();
	assert_false(session.fresh);
	ks_session_give_back(&sessions, session);
	assert_string_equal(token.story, "io1"); /* who it is is asked before the first */
	ks_sessions_deinit(&sessions);
}

static void test_last_session_is_replaced_before_it_is_closed(void **state)
{
	(void)state;

	start(9, 4);
	ks_session_throw_away(&sessions, take(), false);
	assert_string_equal(token.story, "io1o2c1");
	assert_true(take().fresh);
	/* Two are open: one may go. */
	struct ks_session other = take();
	ks_session_throw_away(&sessions, other, false);
	assert_string_equal(token.story, "io1o2c1o3c3");
	ks_sessions_deinit(&sessions);
}

static void test_lost_session_is_replaced_by_one_of_the_same_token_only(void **state)
{
	(void)state;
	struct ks_session session;

	start(9, 4);
	session = take();
	token.info.serialNumber[0] = 'X';
	ks_session_throw_away(&sessions, session, true);
	assert_string_equal(token.story, "io1ic1");
	assert_int_equal(ks_session_take(&sessions, &session), CKR_TOKEN_NOT_PRESENT);
	token.info.serialNumber[0] = ' ';
	(void)take();
	assert_string_equal(token.story, "io1ic1iio2");
	ks_sessions_deinit(&sessions);
}

struct waiting {
	sem_t has_begun;
	atomic_int n_taken;
};

static void *take_in_thread(void *userdata)
{
	struct waiting *waiting = userdata;
	struct ks_session session;

	(void)sem_post(&waiting->has_begun);
	if (ks_session_take(&sessions, &session) == CKR_OK) {
		(void)atomic_fetch_add(&waiting->n_taken, 1);
		ks_session_give_back(&sessions, session);
	}
	return NULL;
}

static void share_one_session(void)
{
	struct waiting waiting = { .n_taken = 0 };
	pthread_t threads[3];
	struct ks_session session = take();

	assert_int_equal(sem_init(&waiting.has_begun, 0, 0), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_in_thread, &waiting), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sem_wait(&waiting.has_begun), 0);
	assert_int_equal(atomic_load(&waiting.n_taken), 0);
	ks_session_give_back(&sessions, session);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&waiting.n_taken), 3);
	assert_string_equal(token.story, "io1");
}

static void test_session_is_waited_for_where_there_are_no_more(void **state)
{
	(void)state;

	start(9, 1);
	share_one_session();
	ks_sessions_deinit(&sessions);
}

static void test_session_is_waited_for_where_the_token_has_fewer_than_it_said(void **state)
{
	(void)state;

	start(1, 4);
	share_one_session();
	assert_int_equal(sessions.limit, 1);
	ks_sessions_deinit(&sessions);
}

static void test_session_that_nobody_can_open_is_an_error(void **state)
{
	(void)state;
	struct ks_session session;

	start(0, 4); /* other programs have them all */
	assert_int_equal(ks_session_take(&sessions, &session), CKR_SESSION_COUNT);
	token.room = 1;
	(void)take();
	ks_sessions_deinit(&sessions);
}

static void test_sessions_are_as_many_as_the_token_says(void **state)
{
	(void)state;
	static const struct {
		CK_ULONG says;
		unsigned limit;
	} tokens[] = { { 0, 4 }, { CK_UNAVAILABLE_INFORMATION, 4 }, { 1, 1 }, { 2, 2 }, { 100, 4 } };
	static const struct ks_module single = { .calls = &calls, .threads = false };

	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		CK_TOKEN_INFO info = { .ulMaxSessionCount = tokens[i].says };
		assert_int_equal(ks_sessions_init(&sessions, &module, 7, &info, 4), 0);
		assert_int_equal(sessions.limit, tokens[i].limit);
		ks_sessions_deinit(&sessions);
		assert_int_equal(ks_sessions_init(&sessions, &single, 7, &info, 4), 0);
		assert_int_equal(sessions.limit, 1);
		ks_sessions_deinit(&sessions);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_is_used_again),
		cmocka_unit_test(test_last_session_is_replaced_before_it_is_closed),
		cmocka_unit_test(test_lost_session_is_replaced_by_one_of_the_same_token_only),
		cmocka_unit_test(test_session_is_waited_for_where_there_are_no_more),
		cmocka_unit_test(test_session_is_waited_for_where_the_token_has_fewer_than_it_said),
		cmocka_unit_test(test_session_that_nobody_can_open_is_an_error),
		cmocka_unit_test(test_sessions_are_as_many_as_the_token_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
