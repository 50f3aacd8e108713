/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PIN that went over the control socket is in no memory that was given back (invariant I7).
 *
 * Linked with --wrap=free and --wrap=realloc: every block is searched before it goes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "client/client.h"
#include "tests/unit/client/fake_agent.h"

static const char pin[] = "PIN-73194862-IN-THE-CLEAR";
/* Atomic also because the compiler takes it for granted that free() changes no plain variable of ours. */
static atomic_uint n_found;
static atomic_uint n_searched;

void __real_free(void *memory);
void __wrap_free(void *memory);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static void search(const void *memory)
{
	if (!memory)
		return;
	n_searched++;
	if (memmem(memory, malloc_usable_size((void *)(uintptr_t)memory), pin, strlen(pin)))
		n_found++;
}

void __wrap_free(void *memory)
{
	search(memory);
	__real_free(memory);
}

/* It may move the block and give the old one back as it is. */
void *__wrap_realloc(void *memory, size_t size)
{
	search(memory);
	return __real_realloc(memory, size);
}

static void serve_unlock(struct fake_agent *agent, int fd)
{
	(void)agent;
	/* Not by the codec: the agent's own buffers are not what is tested here. */
	uint8_t request[4096];
	size_t n = 0;
	while (n < 12 || n < 4u + request[3]) {
		ssize_t r = recv(fd, request + n, sizeof(request) - n, 0);
		if (r <= 0)
			return;
		n += (size_t)r;
	}
	struct ks_msg_unlock_reply reply = { KS_MESSAGE_HEAD(fake_agent_id(ks_bytes(request + 5, 8))), .n_keys = 1 };
	fake_agent_reply(fd, KS_MSG_UNLOCK_REPLY, &reply);
	fake_agent_drain(fd);
}

static int unlock(struct ks_bytes secret)
{
	struct ks_client client;
	struct ks_client_error error;
	struct ks_msg_unlock request = { .pin = secret };
	struct ks_msg_unlock_reply reply;

	assert_int_equal(ks_client_open(KS_CLIENT_CONTROL, &client, &error), 0);
	int r = ks_client_call(&client, KS_MSG_UNLOCK, &request, KS_MSG_UNLOCK_REPLY, &reply, sizeof(reply), NULL,
			       &error);
	ks_client_close(&client);
	return r;
}

static void test_client_wipes_the_frame_that_carried_a_pin(void **state)
{
	(void)state;
	struct fake_agent agent;

	fake_agent_start(&agent, serve_unlock, NULL);
	n_found = 0;
	n_searched = 0;
	assert_int_equal(unlock(ks_bytes_text(pin)), 0);
	assert_true(n_searched > 0);
	assert_int_equal(n_found, 0);
	fake_agent_stop(&agent);
}

/* The frame is built and then refused: the same holds. */
static void test_client_wipes_a_pin_that_was_not_sent(void **state)
{
	(void)state;
	struct fake_agent agent;
	char longer[300];

	memset(longer, 'x', sizeof(longer));
	memcpy(longer, pin, strlen(pin));
	fake_agent_start(&agent, serve_unlock, NULL);
	n_found = 0;
	assert_int_equal(unlock(ks_bytes(longer, sizeof(longer))), KS_ERR_TOO_LARGE);
	assert_int_equal(n_found, 0);
	fake_agent_stop(&agent);
}

/* The search itself works, else the tests above hold for nothing. */
static void test_search_finds_what_was_not_wiped(void **state)
{
	(void)state;
	char *volatile copy = strdup(pin);

	n_found = 0;
	free(copy);
	assert_int_equal(n_found, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search_finds_what_was_not_wiped),
		cmocka_unit_test(test_client_wipes_the_frame_that_carried_a_pin),
		cmocka_unit_test(test_client_wipes_a_pin_that_was_not_sent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
