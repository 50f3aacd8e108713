/* SPDX-License-Identifier: Apache-2.0 */
/* What PostgreSQL's protocol says before TLS, to both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <unistd.h>

#include "tunnel/postgres.h"

#define SSL_REQUEST "\0\0\0\x08\x04\xd2\x16\x2f"
#define GSS_REQUEST "\0\0\0\x08\x04\xd2\x16\x30"
#define STARTUP "\0\0\0\x13\0\3\0\0user\0alice\0\0"

static int ours, theirs;

static int set_up(void **state)
{
	int sockets[2];

	(void)state;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) < 0)
		return -1;
	ours = sockets[0];
	theirs = sockets[1];
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)close(ours);
	(void)close(theirs);
	return 0;
}

static void say(const char *bytes, size_t size)
{
	assert_int_equal(send(theirs, bytes, size, 0), (ssize_t)size);
}
#define SAY(text) say(text, sizeof(text) - 1)

static void expect_left(int fd, const char *bytes, size_t size)
{
	char got[256];

	assert_int_equal(recv(fd, got, sizeof(got), 0), (ssize_t)size);
	assert_memory_equal(got, bytes, size);
}
#define EXPECT_LEFT(fd, text) expect_left(fd, text, sizeof(text) - 1)

static void test_postgres_leaves_the_first_message(void **state)
{
	(void)state;
	SAY(STARTUP);
	assert_int_equal(ks_postgres_decline_encryption(ours), 0);
	EXPECT_LEFT(ours, STARTUP);
}

static void test_postgres_declines_each_kind_of_encryption(void **state)
{
	(void)state;
	SAY(GSS_REQUEST SSL_REQUEST STARTUP);
	assert_int_equal(ks_postgres_decline_encryption(ours), 0);
	EXPECT_LEFT(theirs, "NN");
	EXPECT_LEFT(ours, STARTUP);
}

static void test_postgres_ends_with_a_client_that_leaves(void **state)
{
	(void)state;
	SAY("\0\0\0");
	(void)shutdown(theirs, SHUT_WR);
	assert_int_equal(ks_postgres_decline_encryption(ours), KS_ERR_CLOSED);
}

static void test_postgres_ends_with_a_client_that_asks_for_ever(void **state)
{
	(void)state;
	SAY(SSL_REQUEST SSL_REQUEST SSL_REQUEST SSL_REQUEST SSL_REQUEST);
	assert_int_equal(ks_postgres_decline_encryption(ours), KS_ERR_INVALID);
}

/* What came before TLS is nobody's word: it stays where TLS will choke on it. */
static void test_postgres_takes_one_byte_of_the_server(void **state)
{
	char why[256];

	(void)state;
	SAY("Sinjected");
	assert_int_equal(ks_postgres_request_tls(ours, why, sizeof(why)), 0);
	EXPECT_LEFT(theirs, SSL_REQUEST);
	EXPECT_LEFT(ours, "injected");
}

static void test_postgres_needs_a_server_with_tls(void **state)
{
	char why[256];

	(void)state;
	SAY("N");
	assert_int_equal(ks_postgres_request_tls(ours, why, sizeof(why)), KS_ERR_UNSUPPORTED);
	assert_non_null(strstr(why, "does no TLS"));
	SAY("E");
	assert_int_equal(ks_postgres_request_tls(ours, why, sizeof(why)), KS_ERR_UNSUPPORTED);
	(void)shutdown(theirs, SHUT_WR);
	assert_int_equal(ks_postgres_request_tls(ours, why, sizeof(why)), KS_ERR_CLOSED);
}

static void test_postgres_error_is_a_message_of_its_length(void **state)
{
	uint8_t got[2048];
	char longest[2000];

	(void)state;
	ks_postgres_send_error(ours, "no");
	ssize_t n = recv(theirs, got, sizeof(got), 0);
	assert_true(n > 5);
	assert_int_equal(got[0], 'E');
	assert_int_equal(got[3] << 8 | got[4], n - 1);
	assert_int_equal(got[n - 1], 0);
	assert_string_equal((const char *)got + n - 2 - strlen("keystay-tunnel: no"), "keystay-tunnel: no");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ks_postgres_send_error(ours, longest);
	n = recv(theirs, got, sizeof(got), 0);
	assert_int_equal(got[3] << 8 | got[4], n - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_postgres_leaves_the_first_message),
		TEST(test_postgres_declines_each_kind_of_encryption),
		TEST(test_postgres_ends_with_a_client_that_leaves),
		TEST(test_postgres_ends_with_a_client_that_asks_for_ever),
		TEST(test_postgres_takes_one_byte_of_the_server),
		TEST(test_postgres_needs_a_server_with_tls),
		TEST(test_postgres_error_is_a_message_of_its_length),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
