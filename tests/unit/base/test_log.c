/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/base/child.h"

/* Standard error of the child is a datagram socket: each write(2) arrives as one piece. */
struct stage {
	int fd;
	enum ks_log_level level;
	enum { STREAM_NONE, STREAM_OURS, STREAM_OTHER } stream;
	void (*act)(void);
};

static int perform(void *argument)
{
	const struct stage *stage = argument;
	struct stat status;
	char stream[64];
	if (dup2(stage->fd, STDERR_FILENO) < 0 || fstat(STDERR_FILENO, &status) < 0)
		return 1;
	(void)snprintf(stream, sizeof(stream), "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)status.st_dev,
		       (uintmax_t)status.st_ino + (stage->stream == STREAM_OTHER));
	if (stage->stream == STREAM_NONE ? unsetenv("JOURNAL_STREAM") : setenv("JOURNAL_STREAM", stream, 1))
		return 2;
	ks_log_init("tester", stage->level);
	stage->act();
	return 0;
}

/* What one write(2) after another brought, each followed by "|". */
static void run(struct stage stage, char *out, size_t size)
{
	int ends[2];
	size_t used = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	stage.fd = ends[1];
	assert_int_equal(child_run(perform, &stage), 0);
	for (;;) {
		ssize_t n = recv(ends[0], out + used, size - used - 2, MSG_DONTWAIT);
		if (n < 0)
			break;
		used += (size_t)n;
		out[used++] = '|';
	}
	out[used] = '\0';
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void log_each_level(void)
{
	ks_log_error("an %s", "error");
	ks_log_warning("a warning");
	ks_log_notice("a notice");
	ks_log_info("an info");
	ks_log_debug("a debug");
}

static void test_log_line_begins_with_the_program_and_is_one_write(void **state)
{
	(void)state;
	char out[512];
	run((struct stage){ .level = KS_LOG_WARNING, .act = log_each_level }, out, sizeof(out));
	assert_string_equal(out, "tester: an error\n|tester: a warning\n|");
}

static void test_log_line_begins_with_its_priority_under_the_journal(void **state)
{
	(void)state;
	char out[512];
	run((struct stage){ .level = KS_LOG_DEBUG, .stream = STREAM_OURS, .act = log_each_level }, out, sizeof(out));
	assert_string_equal(out, "<3>an error\n|<4>a warning\n|<5>a notice\n|<6>an info\n|<7>a debug\n|");
}

static void test_log_does_not_take_an_inherited_journal_for_its_own(void **state)
{
	(void)state;
	char out[512];
	run((struct stage){ .level = KS_LOG_ERROR, .stream = STREAM_OTHER, .act = log_each_level }, out, sizeof(out));
	assert_string_equal(out, "tester: an error\n|");
}

static void log_line_breaks(void)
{
	ks_log_error("one\ntester: forged\r\n");
	ks_log_error("%s", "");
}

static void test_log_message_stays_one_line(void **state)
{
	(void)state;
	char out[512];
	run((struct stage){ .level = KS_LOG_ERROR, .act = log_line_breaks }, out, sizeof(out));
	assert_string_equal(out, "tester: one tester: forged  \n|tester: \n|");
}

static void log_long_lines(void)
{
	static char text[5000];
	memset(text, 'x', sizeof(text) - 1);
	ks_log_error("%s", text);
	text[2047 - strlen("tester: ")] = '\0';
	ks_log_error("%s", text);
}

static void test_log_line_that_is_too_long_is_cut_visibly(void **state)
{
	(void)state;
	char out[8192];
	run((struct stage){ .level = KS_LOG_ERROR, .act = log_long_lines }, out, sizeof(out));
	char *second = strchr(out, '|') + 1;
	assert_int_equal(second - out, 2048 + 1);
	assert_memory_equal(second - 6, "x...\n|", 6);
	/* The longest that fits is whole. */
	assert_int_equal(strlen(second), 2048 + 1);
	assert_memory_equal(second + 2048 - 5, "xxxx\n|", 6);
}

static void log_with_errno(void)
{
	errno = ENOTTY;
	ks_log_error("%d", errno == ENOTTY);
	ks_log_error("%d", errno == ENOTTY);
	(void)close(STDERR_FILENO);
	errno = ENOTTY;
	ks_log_error("nobody hears");
	if (errno != ENOTTY)
		_exit(3);
}

static void test_log_leaves_errno_alone(void **state)
{
	(void)state;
	char out[512];
	run((struct stage){ .level = KS_LOG_ERROR, .act = log_with_errno }, out, sizeof(out));
	assert_string_equal(out, "tester: 1\n|tester: 1\n|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_line_begins_with_the_program_and_is_one_write),
		cmocka_unit_test(test_log_line_begins_with_its_priority_under_the_journal),
		cmocka_unit_test(test_log_does_not_take_an_inherited_journal_for_its_own),
		cmocka_unit_test(test_log_message_stays_one_line),
		cmocka_unit_test(test_log_line_that_is_too_long_is_cut_visibly),
		cmocka_unit_test(test_log_leaves_errno_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
