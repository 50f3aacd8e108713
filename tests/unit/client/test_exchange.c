/* SPDX-License-Identifier: Apache-2.0 */
/* Time, signals, terminals and descriptors: what exchange.h promises to the program around it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "client/exchange.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "tests/unit/client/fake_agent.h"

#define LONG_MS 60000u /* longer than any test may take */

static const struct ks_exchange_notice no_notice = { 0 };

static uint64_t in_ms(uint64_t ms)
{
	return ks_clock_monotonic_ms() + ms;
}

/* --- deadlines --------------------------------------------------------------------------------------------------- */

static void test_exchange_receive_gives_up_at_the_deadline(void **state)
{
	(void)state;
	int pair[2];
	struct ks_frame frame;
	struct ks_client_error error;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	fake_agent_send(pair[1], ks_bytes("\0\0\1\0\x22", 5)); /* a frame that begins and never goes on */
	assert_int_equal(ks_exchange_receive(pair[0], &buffer, in_ms(20), no_notice, &frame, &error), KS_ERR_TIMEOUT);
	assert_int_equal(error.code, KS_ERR_TIMEOUT);
	assert_non_null(strstr(error.text, "did not answer in time"));
	(void)close(pair[0]);
	(void)close(pair[1]);
}

static void test_exchange_send_gives_up_at_the_deadline(void **state)
{
	(void)state;
	int pair[2];
	struct ks_client_error error;
	static const uint8_t much[4u << 20];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(ks_exchange_send(pair[0], ks_bytes(much, sizeof(much)), in_ms(20), &error), KS_ERR_TIMEOUT);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* Fills the queue of a listener that accepts nobody. */
static unsigned fill_queue(const char *path, int *fds, unsigned max)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, path, strlen(path) + 1);
	for (unsigned n = 0; n < max; n++) {
		fds[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		assert_true(fds[n] >= 0);
		if (connect(fds[n], (const struct sockaddr *)&address, sizeof(address)) < 0) {
			assert_int_equal(errno, EAGAIN);
			return n + 1;
		}
	}
	fail_msg("the queue never fills");
	return 0;
}

static void test_exchange_connect_waits_for_a_full_queue(void **state)
{
	(void)state;
	struct fake_agent agent;
	struct ks_client_error error;
	int fds[64];
	int fd = -1;

	fake_agent_make_folder(&agent);
	int listener = fake_agent_bind(agent.path, 0);
	unsigned n = fill_queue(agent.path, fds, 64);
	assert_int_equal(ks_exchange_connect(agent.path, in_ms(30), &fd, &error), KS_ERR_TIMEOUT);
	assert_int_equal(fd, -1);

	/* Somebody is accepted, which makes room for one: it goes on. */
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int r = ks_exchange_connect(agent.path, in_ms(LONG_MS), &fd, &error);
		_exit(r == 0 ? 0 : 1);
	}
	int status;
	(void)close(accept(listener, NULL, NULL));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (unsigned i = 0; i < n; i++)
		(void)close(fds[i]);
	(void)close(listener);
	fake_agent_remove_folder(&agent);
}

/* --- signals ----------------------------------------------------------------------------------------------------- */

static int signal_pipe[2];

static void on_alarm(int number)
{
	int saved = errno;
	(void)number;
	if (write(signal_pipe[1], "x", 1) < 0)
		_exit(9);
	errno = saved;
}

/* Answers when the client has been interrupted a few times. */
static void serve_after_signals(struct fake_agent *agent, int fd)
{
	char bytes[5];
	size_t n = 0;
	(void)agent;
	while (n < sizeof(bytes)) {
		ssize_t r = read(signal_pipe[0], bytes, sizeof(bytes) - n);
		assert_true(r > 0 || errno == EINTR);
		n += r > 0 ? (size_t)r : 0;
	}
	fake_agent_send(fd, ks_bytes("\0\0\0\1\x7f", 5));
	fake_agent_drain(fd);
}

static void test_exchange_goes_on_after_signals(void **state)
{
	(void)state;
	struct fake_agent agent;
	struct ks_client_error error;
	struct ks_frame frame;
	int fd;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	struct sigaction action = { .sa_handler = on_alarm }; /* without SA_RESTART */
	struct sigaction before;
	sigset_t alarm_only;

	assert_int_equal(pipe(signal_pipe), 0);
	(void)sigemptyset(&alarm_only);
	(void)sigaddset(&alarm_only, SIGALRM);
	(void)pthread_sigmask(SIG_BLOCK, &alarm_only, NULL); /* in the agent's thread for good */
	fake_agent_start(&agent, serve_after_signals, NULL);
	(void)sigaction(SIGALRM, &action, &before);
	(void)pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	(void)setitimer(ITIMER_REAL, &often, NULL);

	assert_int_equal(ks_exchange_connect(agent.path, in_ms(LONG_MS), &fd, &error), 0);
	assert_int_equal(ks_exchange_send(fd, ks_bytes("\0\0\0\1\1", 5), in_ms(LONG_MS), &error), 0);
	assert_int_equal(ks_exchange_receive(fd, &buffer, in_ms(LONG_MS), no_notice, &frame, &error), 0);
	assert_int_equal(frame.type, 0x7f);

	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	(void)setitimer(ITIMER_REAL, &never, NULL);
	(void)sigaction(SIGALRM, &before, NULL);
	(void)close(fd);
	fake_agent_stop(&agent);
	(void)close(signal_pipe[0]);
	(void)close(signal_pipe[1]);
}

/* --- the notice -------------------------------------------------------------------------------------------------- */

static int terminal = -1; /* the master of a pseudo-terminal */

/* Answers when the line has been seen on the terminal. */
static void serve_after_notice(struct fake_agent *agent, int fd)
{
	char *seen = agent->userdata;
	size_t n = 0;
	while (n < 200 && (n == 0 || seen[n - 1] != '\n')) {
		ssize_t r = read(terminal, seen + n, 1);
		if (r != 1)
			break;
		n++;
	}
	seen[n] = '\0';
	fake_agent_send(fd, ks_bytes("\0\0\0\1\x7f", 5));
	fake_agent_drain(fd);
}

static void test_exchange_says_on_a_terminal_what_it_waits_for(void **state)
{
	(void)state;
	struct fake_agent agent;
	struct ks_client_error error;
	struct ks_frame frame;
	char seen[256] = "";
	int fd;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(terminal >= 0);
	assert_int_equal(grantpt(terminal), 0);
	assert_int_equal(unlockpt(terminal), 0);
	int slave = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	int stderr_before = dup(2);
	assert_int_equal(dup2(slave, 2), 2);

	fake_agent_start(&agent, serve_after_notice, seen);
	int r = ks_exchange_connect(agent.path, in_ms(LONG_MS), &fd, &error);
	struct ks_exchange_notice notice = { "waiting for a touch", in_ms(5) };
	if (r == 0)
		r = ks_exchange_receive(fd, &buffer, in_ms(LONG_MS), notice, &frame, &error);
	(void)dup2(stderr_before, 2);
	(void)close(stderr_before);
	assert_int_equal(r, 0);
	(void)close(fd);
	fake_agent_stop(&agent);
	assert_string_equal(seen, "keystay: waiting for a touch\r\n");
	(void)close(slave);
	(void)close(terminal);
}

static void test_exchange_says_nothing_where_no_terminal_is(void **state)
{
	(void)state;
	int pair[2];
	int out[2];
	char byte;
	struct ks_frame frame;
	struct ks_client_error error;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(pipe2(out, O_NONBLOCK), 0);
	int stderr_before = dup(2);
	assert_int_equal(dup2(out[1], 2), 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	struct ks_exchange_notice notice = { "waiting for a touch", in_ms(1) };
	int r = ks_exchange_receive(pair[0], &buffer, in_ms(20), notice, &frame, &error);
	(void)dup2(stderr_before, 2);
	(void)close(stderr_before);
	assert_int_equal(r, KS_ERR_TIMEOUT);
	assert_int_equal(read(out[0], &byte, 1), -1);
	(void)close(out[0]);
	(void)close(out[1]);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* pinentry on the same terminal has switched echo off, or line input too. */
static void test_exchange_says_nothing_into_a_dialog_on_the_terminal(void **state)
{
	(void)state;
	static const tcflag_t flags[] = { ECHO, ICANON, ECHO | ICANON };
	struct ks_frame frame;
	struct ks_client_error error;
	struct termios settings;
	char byte;
	int master, slave, pair[2];
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		assert_int_equal(tcgetattr(slave, &settings), 0);
		settings.c_lflag |= ECHO | ICANON;
		settings.c_lflag &= ~flags[i];
		assert_int_equal(tcsetattr(slave, TCSANOW, &settings), 0);
		int stderr_before = dup(2);
		assert_int_equal(dup2(slave, 2), 2);
		struct ks_exchange_notice notice = { "waiting for a touch", in_ms(1) };
		int r = ks_exchange_receive(pair[0], &buffer, in_ms(20), notice, &frame, &error);
		(void)dup2(stderr_before, 2);
		(void)close(stderr_before);
		assert_int_equal(r, KS_ERR_TIMEOUT);
		assert_int_equal(read(master, &byte, 1), -1);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	(void)close(slave);
	(void)close(master);
}

/* --- descriptors ------------------------------------------------------------------------------------------------- */

static void serve_nothing(struct fake_agent *agent, int fd)
{
	(void)agent;
	fake_agent_drain(fd);
}

/* In a program that closed its standard descriptors, perror() would go into our socket. */
static void test_exchange_keeps_off_the_standard_descriptors(void **state)
{
	(void)state;
	struct fake_agent agent;

	fake_agent_start(&agent, serve_nothing, NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct ks_client_error error;
		int fd = -1;
		(void)close(0);
		(void)close(1);
		(void)close(2);
		int r = ks_exchange_connect(agent.path, in_ms(LONG_MS), &fd, &error);
		bool good = r == 0 && fd > 2 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) &&
			    (fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(0, F_GETFD) < 0 && fcntl(1, F_GETFD) < 0 &&
			    fcntl(2, F_GETFD) < 0;
		_exit(good ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fake_agent_stop(&agent);
}

static void test_exchange_leaves_bytes_behind_the_frame_unread(void **state)
{
	(void)state;
	int pair[2];
	uint8_t rest[8];
	struct ks_frame frame;
	struct ks_client_error error;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	fake_agent_send(pair[1], ks_bytes("\0\0\0\3\x7f"
					  "abXYZ",
					  10));
	assert_int_equal(ks_exchange_receive(pair[0], &buffer, in_ms(LONG_MS), no_notice, &frame, &error), 0);
	assert_memory_equal(frame.body.data, "ab", 2);
	assert_int_equal(frame.body.size, 2);
	assert_int_equal(recv(pair[0], rest, sizeof(rest), 0), 3);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* An agent that refuses a connection outright says why and closes; its words must not be lost to our EPIPE. */
static void test_exchange_reads_a_refusal_that_came_before_the_request(void **state)
{
	(void)state;
	int pair[2];
	struct ks_frame frame;
	struct ks_client_error error;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	fake_agent_send(pair[1], ks_bytes("\0\0\0\1\x7f", 5));
	(void)close(pair[1]);
	assert_int_equal(ks_exchange_send(pair[0], ks_bytes("\0\0\0\1\1", 5), in_ms(LONG_MS), &error), 0);
	assert_int_equal(ks_exchange_receive(pair[0], &buffer, in_ms(LONG_MS), no_notice, &frame, &error), 0);
	assert_int_equal(frame.type, 0x7f);
	(void)close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange_receive_gives_up_at_the_deadline),
		cmocka_unit_test(test_exchange_send_gives_up_at_the_deadline),
		cmocka_unit_test(test_exchange_connect_waits_for_a_full_queue),
		cmocka_unit_test(test_exchange_goes_on_after_signals),
		cmocka_unit_test(test_exchange_says_on_a_terminal_what_it_waits_for),
		cmocka_unit_test(test_exchange_says_nothing_where_no_terminal_is),
		cmocka_unit_test(test_exchange_says_nothing_into_a_dialog_on_the_terminal),
		cmocka_unit_test(test_exchange_keeps_off_the_standard_descriptors),
		cmocka_unit_test(test_exchange_leaves_bytes_behind_the_frame_unread),
		cmocka_unit_test(test_exchange_reads_a_refusal_that_came_before_the_request),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
