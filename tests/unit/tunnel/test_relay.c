/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes both ways, their ends, and what a relay must not do: wait for the gone, spin, or make a cut look complete. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tunnel/relay.h"

/* The relay runs in a thread; the test is its client (over client) and its server (over server). */
static struct rig {
	SSL_CTX *client_context, *server_context;
	int client, plain, tls, wire, stop_fd;
	SSL *ssl, *server;
	uint32_t idle_ms;
	pthread_t thread;
	bool running;
	enum ks_relay_end end;
	char why[256];
} rig;

static void *run(void *userdata)
{
	const struct ks_relay_limits limits = { .idle_ms = rig.idle_ms, .stop_fd = rig.stop_fd };

	(void)userdata;
	rig.end = ks_relay_run(rig.plain, rig.ssl, &limits, rig.why, sizeof(rig.why));
	return NULL;
}

static SSL_CTX *server_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	assert_non_null(certificate);
	(void)X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	assert_int_equal(X509_set_pubkey(certificate, key), 1);
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return context;
}

static void *accept_tls(void *userdata)
{
	(void)userdata;
	assert_int_equal(SSL_accept(rig.server), 1);
	return NULL;
}

/* A TCP connection over loopback: unlike a pair of Unix sockets it can be reset. */
static void connect_tcp(int sockets[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &size), 0);
	sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(sockets[0], (struct sockaddr *)&in, sizeof(in)), 0);
	sockets[1] = accept(listener, NULL, NULL);
	(void)close(listener);
}

static void set_nonblocking(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

/* With the plain side over Unix sockets, or TCP. */
static void start(bool tcp, uint32_t idle_ms)
{
	int plain[2], wire[2];
	pthread_t thread;

	if (tcp)
		connect_tcp(plain);
	else
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, plain), 0);
	connect_tcp(wire);
	rig.client = plain[0];
	rig.plain = plain[1];
	rig.tls = wire[0];
	rig.wire = wire[1];
	rig.idle_ms = idle_ms;
	rig.stop_fd = eventfd(0, 0);
	rig.ssl = SSL_new(rig.client_context);
	rig.server = SSL_new(rig.server_context);
	assert_int_equal(SSL_set_fd(rig.ssl, rig.tls), 1);
	assert_int_equal(SSL_set_fd(rig.server, rig.wire), 1);
	assert_int_equal(pthread_create(&thread, NULL, accept_tls, NULL), 0);
	assert_int_equal(SSL_connect(rig.ssl), 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	set_nonblocking(rig.plain);
	set_nonblocking(rig.tls);
	assert_int_equal(pthread_create(&rig.thread, NULL, run, NULL), 0);
	rig.running = true;
}

static enum ks_relay_end ended(void)
{
	struct timespec until;

	assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
	until.tv_sec += 20;
	assert_int_equal(pthread_timedjoin_np(rig.thread, NULL, &until), 0);
	rig.running = false;
	(void)close(rig.plain);
	return rig.end;
}

static int set_up(void **state)
{
	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.client_context = SSL_CTX_new(TLS_client_method());
	rig.server_context = server_context();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (rig.running) {
		(void)shutdown(rig.client, SHUT_RDWR);
		(void)shutdown(rig.wire, SHUT_RDWR);
		(void)ended();
	}
	SSL_free(rig.ssl);
	SSL_free(rig.server);
	SSL_CTX_free(rig.client_context);
	SSL_CTX_free(rig.server_context);
	if (rig.client >= 0)
		(void)close(rig.client);
	if (rig.wire >= 0)
		(void)close(rig.wire);
	(void)close(rig.tls);
	(void)close(rig.stop_fd);
	return 0;
}

static void send_plain(const char *text)
{
	assert_int_equal(send(rig.client, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void expect_plain(const char *text)
{
	char got[64] = "";

	assert_int_equal(recv(rig.client, got, strlen(text), MSG_WAITALL), (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static void expect_tls(const char *text)
{
	char got[64] = "";

	assert_int_equal(SSL_read(rig.server, got, sizeof(got) - 1), (int)strlen(text));
	assert_string_equal(got, text);
}

static void send_tls(const char *text)
{
	assert_int_equal(SSL_write(rig.server, text, (int)strlen(text)), (int)strlen(text));
}

static void expect_tls_end(void)
{
	char byte;

	int r = SSL_read(rig.server, &byte, 1);
	assert_int_equal(SSL_get_error(rig.server, r), SSL_ERROR_ZERO_RETURN);
}

static void test_relay_goes_on_after_the_clients_end(void **state)
{
	(void)state;
	for (int tcp = 0; tcp < 2; tcp++) {
		start(tcp, 60000);
		send_plain("question");
		assert_int_equal(shutdown(rig.client, SHUT_WR), 0);
		expect_tls("question");
		expect_tls_end();
		send_tls("answer");
		(void)SSL_shutdown(rig.server);
		expect_plain("answer");
		assert_int_equal(recv(rig.client, (char[1]){ 0 }, 1, 0), 0);
		assert_int_equal(ended(), KS_RELAY_DONE);
		(void)tear_down(state);
		(void)set_up(state);
	}
	rig.client = rig.wire = rig.tls = rig.stop_fd = -1;
}

static void test_relay_goes_on_after_the_servers_end(void **state)
{
	(void)state;
	start(false, 60000);
	send_tls("greeting");
	(void)SSL_shutdown(rig.server);
	expect_plain("greeting");
	assert_int_equal(recv(rig.client, (char[1]){ 0 }, 1, 0), 0);
	send_plain("last words");
	expect_tls("last words");
	assert_int_equal(shutdown(rig.client, SHUT_WR), 0);
	assert_int_equal(ended(), KS_RELAY_DONE);
}

static void test_relay_tells_a_cut_from_an_end(void **state)
{
	(void)state;
	start(true, 60000);
	send_tls("half of");
	expect_plain("half of");
	(void)shutdown(rig.wire, SHUT_RDWR);
	assert_int_equal(ended(), KS_RELAY_CUT);
	assert_int_equal(recv(rig.client, (char[1]){ 0 }, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void test_relay_says_what_the_server_says(void **state)
{
	/* A record of plain bytes: what a server that is no TLS server any more might send. */
	static const char rubbish[] = "\x17\x03\x03\0\x20"
				      "0123456789abcdef0123456789abcdef";

	(void)state;
	start(true, 60000);
	assert_int_equal(send(rig.wire, rubbish, sizeof(rubbish) - 1, 0), sizeof(rubbish) - 1);
	assert_int_equal(ended(), KS_RELAY_FAILED);
	assert_true(rig.why[0] != '\0');
}

static void test_relay_ends_with_a_client_that_is_gone(void **state)
{
	(void)state;
	start(false, 60000);
	(void)close(rig.client);
	rig.client = -1;
	/* The server says nothing. */
	assert_int_equal(ended(), KS_RELAY_DONE);
	expect_tls_end();
}

static void test_relay_ends_after_silence(void **state)
{
	(void)state;
	start(false, 300);
	uint64_t begin_ms = ks_clock_monotonic_ms();
	assert_int_equal(ended(), KS_RELAY_IDLE);
	assert_true(ks_clock_monotonic_ms() - begin_ms >= 250);
	expect_tls_end();
}

static void test_relay_has_its_time_when_it_is_stopped(void **state)
{
	(void)state;
	start(false, 60000);
	send_plain("before");
	expect_tls("before");
	assert_int_equal(eventfd_write(rig.stop_fd, 1), 0);
	(void)poll(NULL, 0, 100); /* it has seen that; nothing tells us so */
	send_plain("still");
	expect_tls("still");
	assert_int_equal(ended(), KS_RELAY_STOPPED);
	expect_tls_end();
}

static uint64_t thread_cpu_ms(void)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(rig.thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* poll() tells of a hang-up for ever, although nothing is asked for: nobody may ask for nothing. */
static void test_relay_does_not_spin(void **state)
{
	char piece[16384];

	(void)state;
	memset(piece, 'x', sizeof(piece));
	start(false, 60000);
	set_nonblocking(rig.wire);
	/* The client takes nothing, all buffers are full, and the server is reset. */
	while (SSL_write(rig.server, piece, sizeof(piece)) > 0 ||
	       poll(&(struct pollfd){ rig.wire, POLLOUT, 0 }, 1, 300) > 0)
		;
	const struct linger linger = { .l_onoff = 1 };
	assert_int_equal(setsockopt(rig.wire, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	(void)close(rig.wire);
	rig.wire = -1;
	uint64_t before_ms = thread_cpu_ms();
	(void)poll(NULL, 0, 1000); /* nothing must happen in this time: there is no event to wait for */
	assert_true(thread_cpu_ms() - before_ms < 300);
	/* All that had come is still given to the client. */
	size_t count = 0;
	while (poll(&(struct pollfd){ rig.client, POLLIN, 0 }, 1, 500) == 1)
		count += (size_t)recv(rig.client, piece, sizeof(piece), 0);
	assert_true(count > 0);
	assert_int_equal(ended(), KS_RELAY_CUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_relay_goes_on_after_the_clients_end),   TEST(test_relay_goes_on_after_the_servers_end),
		TEST(test_relay_tells_a_cut_from_an_end),         TEST(test_relay_says_what_the_server_says),
		TEST(test_relay_ends_with_a_client_that_is_gone), TEST(test_relay_ends_after_silence),
		TEST(test_relay_has_its_time_when_it_is_stopped), TEST(test_relay_does_not_spin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
