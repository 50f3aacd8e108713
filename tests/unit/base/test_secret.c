/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/secret.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/base/child.h"

#define N_MANY 200

static const char pin[] = "correct horse battery";

static struct ks_secret *new_secret(void)
{
	struct ks_secret *secret = NULL;
	assert_int_equal(ks_secret_new(&secret), 0);
	assert_non_null(secret);
	return secret;
}

static struct ks_secret *new_pin(void)
{
	struct ks_secret *secret = new_secret();
	uint8_t source[sizeof(pin)];
	memcpy(source, pin, sizeof(pin));
	assert_int_equal(ks_secret_take(secret, source, sizeof(pin) - 1), 0);
	return secret;
}

static bool is_pin(const struct ks_secret *secret)
{
	return ks_bytes_equal(ks_secret_bytes(secret), ks_bytes(pin, sizeof(pin) - 1));
}

static bool is_zero(const void *memory, size_t size)
{
	const uint8_t *bytes = memory;
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != 0)
			return false;
	}
	return true;
}

static void test_secret_is_empty_when_new(void **state)
{
	(void)state;
	struct ks_secret *secret = new_secret();
	assert_int_equal(ks_secret_bytes(secret).size, 0);
	ks_secret_free(secret);
	ks_secret_free(NULL);
}

static void test_secret_lives_inside_the_arena(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	const void *start;
	size_t size;
	ks_secret_arena(&start, &size);
	const uint8_t *first = start;
	struct ks_bytes bytes = ks_secret_bytes(secret);
	assert_true(bytes.data >= first && bytes.data + bytes.size <= first + size);
	assert_true((const uint8_t *)secret >= first && (const uint8_t *)secret < first + size);
	ks_secret_free(secret);
}

static void test_secret_take_wipes_its_source(void **state)
{
	(void)state;
	struct ks_secret *secret = new_secret();
	uint8_t source[KS_SECRET_MAX + 1];
	memset(source, 'x', sizeof(source));
	assert_int_equal(ks_secret_take(secret, source, 4), 0);
	assert_true(is_zero(source, 4));
	assert_int_equal(source[4], 'x');
	assert_true(ks_bytes_equal(ks_secret_bytes(secret), ks_bytes("xxxx", 4)));
	/* Also when it is refused. */
	memset(source, 'y', sizeof(source));
	assert_int_equal(ks_secret_take(secret, source, sizeof(source)), KS_ERR_TOO_LARGE);
	assert_true(is_zero(source, sizeof(source)));
	assert_true(ks_bytes_equal(ks_secret_bytes(secret), ks_bytes("xxxx", 4)));
	ks_secret_free(secret);
}

static void test_secret_take_replaces_all_of_a_longer_one(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	uint8_t source[] = "12";
	assert_int_equal(ks_secret_take(secret, source, 2), 0);
	struct ks_bytes bytes = ks_secret_bytes(secret);
	assert_true(ks_bytes_equal(bytes, ks_bytes("12", 2)));
	assert_true(is_zero(bytes.data + 2, KS_SECRET_MAX - 2));
	assert_int_equal(ks_secret_take(secret, NULL, 0), 0);
	assert_int_equal(ks_secret_bytes(secret).size, 0);
	ks_secret_free(secret);
}

static void test_secret_takes_as_much_as_its_maximum(void **state)
{
	(void)state;
	struct ks_secret *below = new_pin();
	struct ks_secret *secret = new_secret();
	struct ks_secret *above = new_pin();
	uint8_t source[KS_SECRET_MAX];
	memset(source, 0xff, sizeof(source));
	assert_int_equal(ks_secret_take(secret, source, sizeof(source)), 0);
	assert_int_equal(ks_secret_bytes(secret).size, KS_SECRET_MAX);
	assert_true(is_pin(below));
	assert_true(is_pin(above));
	ks_secret_free(above);
	ks_secret_free(secret);
	ks_secret_free(below);
}

static void test_secret_is_wiped_when_given_back(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	struct ks_bytes bytes = ks_secret_bytes(secret);
	ks_secret_free(secret);
	/* The arena stays, so the place may still be looked at. */
	assert_true(is_zero(bytes.data, KS_SECRET_MAX));
}

static void test_secret_cleanup_attribute_gives_it_back(void **state)
{
	(void)state;
	struct ks_bytes bytes;
	{
		KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = new_pin();
		bytes = ks_secret_bytes(secret);
		assert_false(is_zero(bytes.data, bytes.size));
	}
	assert_true(is_zero(bytes.data, KS_SECRET_MAX));
}

static void test_secret_arena_runs_out_and_recovers(void **state)
{
	(void)state;
	struct ks_secret *secrets[N_MANY];
	size_t n = 0;
	int r = 0;
	while (n < N_MANY && (r = ks_secret_new(&secrets[n])) == 0) {
		for (size_t i = 0; i < n; i++)
			assert_ptr_not_equal(secrets[i], secrets[n]);
		n++;
	}
	assert_int_equal(r, KS_ERR_LIMIT);
	assert_true(n >= 16 && n < N_MANY);
	struct ks_secret *none = NULL;
	assert_int_equal(ks_secret_new(&none), KS_ERR_LIMIT);
	assert_null(none);
	ks_secret_free(secrets[n / 2]);
	assert_int_equal(ks_secret_new(&none), 0);
	assert_ptr_equal(none, secrets[n / 2]);
	for (size_t i = 0; i < n; i++)
		ks_secret_free(secrets[i]);
}

static void test_secret_arena_is_small_enough_for_a_small_memlock_limit(void **state)
{
	(void)state;
	const void *start;
	size_t size;
	ks_secret_arena(&start, &size);
	assert_true(size <= 16384 || size == (size_t)sysconf(_SC_PAGESIZE));
}

/* The flags of the mapping that has address, as /proc/self/smaps(5) says them: " rd wr lo dd wf ". */
static bool read_flags(const void *address, char *out, size_t size)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[1024];
	bool inside = false;
	bool found = false;
	while (file && !found && fgets(line, sizeof(line), file)) {
		uintptr_t start, end;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = snprintf(out, size, "%s", line + 8) > 0;
	}
	if (file)
		(void)fclose(file);
	return found;
}

static void test_secret_pages_are_locked_not_dumped_and_wiped_at_fork(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	const void *start;
	size_t size;
	char flags[256];
	ks_secret_arena(&start, &size);
	assert_true(read_flags(start, flags, sizeof(flags)));
	assert_non_null(strstr(flags, " lo"));
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
	/* One mapping, to its last page. */
	assert_true(read_flags((const uint8_t *)start + size - 1, flags, sizeof(flags)));
	assert_non_null(strstr(flags, " lo"));
	ks_secret_free(secret);
}

static int touch(void *address)
{
	(void)signal(SIGSEGV, SIG_DFL);
	return *(volatile uint8_t *)address == 0x77;
}

static void test_secret_arena_stands_between_guard_pages(void **state)
{
	(void)state;
	const void *start;
	size_t size;
	ks_secret_arena(&start, &size);
	uint8_t *first = (uint8_t *)(uintptr_t)start;
	assert_int_equal(child_run(touch, first), 0);
	assert_int_equal(child_run(touch, first + size - 1), 0);
	assert_int_equal(child_run(touch, first - 1), 1000 + SIGSEGV);
	assert_int_equal(child_run(touch, first + size), 1000 + SIGSEGV);
}

static int look_for_pin(void *argument)
{
	struct ks_secret *secret = argument;
	const void *start;
	size_t size;
	ks_secret_arena(&start, &size);
	if (!is_zero(start, size))
		return 1;
	if (ks_secret_bytes(secret).size != 0)
		return 2;
	/* Locked again before it takes anything, and the slot that has an owner is not given away. */
	struct ks_secret *second = NULL;
	uint8_t source[] = "1234";
	char flags[256];
	if (ks_secret_new(&second) < 0 || second == secret)
		return 3;
	if (ks_secret_take(second, source, 4) < 0 || ks_secret_bytes(second).size != 4)
		return 4;
	if (!read_flags(start, flags, sizeof(flags)) || !strstr(flags, " lo"))
		return 5;
	ks_secret_free(second);
	ks_secret_free(secret);
	return 0;
}

static void test_secret_is_not_there_in_a_forked_child(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	assert_int_equal(child_run(look_for_pin, secret), 0);
	assert_true(is_pin(secret));
	ks_secret_free(secret);
}

static int without_lock(void *argument)
{
	const struct rlimit none = { 0, 0 };
	struct ks_secret *inherited = argument;
	struct ks_secret *secret = NULL;
	uint8_t source[] = "1234";
	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 || (geteuid() == 0 && child_become(65533) < 0))
		return 1;
	if (ks_secret_new(&secret) != KS_ERR_NO_MEMORY || secret)
		return 2;
	if (!inherited)
		return 0;
	/* What was there before the fork takes nothing either, and the source is gone all the same. */
	int ends[2];
	if (ks_secret_take(inherited, source, 4) != KS_ERR_NO_MEMORY || !is_zero(source, 4))
		return 3;
	if (pipe(ends) < 0 || write(ends[1], "1234", 4) != 4 || close(ends[1]) < 0)
		return 4;
	if (ks_secret_read(inherited, ends[0], false) != KS_ERR_NO_MEMORY)
		return 5;
	return ks_secret_bytes(inherited).size == 0 ? 0 : 6;
}

/* Must be the first test: the arena does not exist yet. */
static void test_secret_fails_closed_where_pages_cannot_be_locked(void **state)
{
	(void)state;
	const void *start;
	size_t size;
	ks_secret_arena(&start, &size);
	assert_null(start);
	assert_int_equal(size, 0);
	assert_int_equal(child_run(without_lock, NULL), 0);
}

static void test_secret_fails_closed_in_a_child_that_cannot_lock_again(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	assert_int_equal(child_run(without_lock, secret), 0);
	ks_secret_free(secret);
}

/* A pipe that has this in it and no writer. */
static int filled_pipe(const void *data, size_t size)
{
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], data, size), (ssize_t)size);
	(void)close(ends[1]);
	return ends[0];
}

static void test_secret_read_goes_to_the_end_of_the_file(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	int fd = filled_pipe("12\n34\n", 6);
	assert_int_equal(ks_secret_read(secret, fd, false), 0);
	assert_true(ks_bytes_equal(ks_secret_bytes(secret), ks_bytes("12\n34\n", 6)));
	(void)close(fd);
	fd = filled_pipe("", 0);
	assert_int_equal(ks_secret_read(secret, fd, false), 0);
	assert_int_equal(ks_secret_bytes(secret).size, 0);
	(void)close(fd);
	ks_secret_free(secret);
}

static void test_secret_read_stops_at_the_newline_and_leaves_the_rest(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin(); /* longer than what comes */
	char rest[8];
	int fd = filled_pipe("12\n34", 5);
	assert_int_equal(ks_secret_read(secret, fd, true), 0);
	struct ks_bytes bytes = ks_secret_bytes(secret);
	assert_true(ks_bytes_equal(bytes, ks_bytes("12", 2)));
	assert_true(is_zero(bytes.data + 2, KS_SECRET_MAX - 2));
	assert_int_equal(read(fd, rest, sizeof(rest)), 2);
	assert_memory_equal(rest, "34", 2);
	(void)close(fd);
	/* Without a newline at its end. */
	fd = filled_pipe("56", 2);
	assert_int_equal(ks_secret_read(secret, fd, true), 0);
	assert_true(ks_bytes_equal(ks_secret_bytes(secret), ks_bytes("56", 2)));
	(void)close(fd);
	ks_secret_free(secret);
}

static void test_secret_read_knows_the_maximum_either_way(void **state)
{
	(void)state;
	struct ks_secret *secret = new_secret();
	for (int stop = 0; stop <= 1; stop++) {
		uint8_t data[KS_SECRET_MAX + 2];
		memset(data, 'x', sizeof(data));
		data[KS_SECRET_MAX] = '\n';
		int fd = filled_pipe(data, KS_SECRET_MAX + (size_t)stop);
		assert_int_equal(ks_secret_read(secret, fd, stop), 0);
		assert_int_equal(ks_secret_bytes(secret).size, KS_SECRET_MAX);
		(void)close(fd);
		data[KS_SECRET_MAX] = 'x';
		fd = filled_pipe(data, KS_SECRET_MAX + 1 + (size_t)stop);
		assert_int_equal(ks_secret_read(secret, fd, stop), KS_ERR_TOO_LARGE);
		assert_int_equal(ks_secret_bytes(secret).size, 0);
		assert_true(is_zero(ks_secret_bytes(secret).data, KS_SECRET_MAX));
		(void)close(fd);
	}
	ks_secret_free(secret);
}

static void test_secret_read_that_fails_leaves_nothing(void **state)
{
	(void)state;
	struct ks_secret *secret = new_pin();
	assert_int_equal(ks_secret_read(secret, -1, false), KS_ERR_SYSTEM);
	assert_int_equal(ks_secret_bytes(secret).size, 0);
	assert_true(is_zero(ks_secret_bytes(secret).data, KS_SECRET_MAX));
	ks_secret_free(secret);
}

/* Gives one piece after another, each when the reader has taken the one before it. */
static void *write_slowly(void *argument)
{
	int fd = *(const int *)argument;
	for (const char *piece = "1234\n"; *piece; piece++) {
		int waiting = 1;
		if (write(fd, piece, 1) != 1)
			break;
		while (ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0)
			(void)sched_yield();
	}
	return NULL;
}

static void test_secret_read_waits_where_the_descriptor_does_not(void **state)
{
	(void)state;
	struct ks_secret *secret = new_secret();
	pthread_t writer;
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_slowly, &ends[1]), 0);
	assert_int_equal(ks_secret_read(secret, ends[0], true), 0);
	assert_true(ks_bytes_equal(ks_secret_bytes(secret), ks_bytes("1234", 4)));
	assert_int_equal(pthread_join(writer, NULL), 0);
	(void)close(ends[0]);
	(void)close(ends[1]);
	ks_secret_free(secret);
}

static void test_secret_text_ends_with_a_nul(void **state)
{
	(void)state;
	uint8_t longer[] = "12345678", shorter[] = "1234", broken[] = { '1', 0, '2' }, longest[KS_SECRET_MAX];
	struct ks_secret *secret = NULL;

	assert_int_equal(ks_secret_new(&secret), 0);
	assert_string_equal(ks_secret_text(secret), "");
	assert_int_equal(ks_secret_take(secret, longer, 8), 0);
	assert_string_equal(ks_secret_text(secret), "12345678");
	assert_int_equal(ks_secret_take(secret, shorter, 4), 0);
	assert_string_equal(ks_secret_text(secret), "1234");
	assert_int_equal(ks_secret_take(secret, broken, sizeof(broken)), 0);
	assert_null(ks_secret_text(secret));
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(ks_secret_take(secret, longest, sizeof(longest)), 0);
	assert_int_equal(strlen(ks_secret_text(secret)), KS_SECRET_MAX);
	ks_secret_free(secret);
}

static void test_secret_wipe_overwrites(void **state)
{
	(void)state;
	uint8_t memory[] = { 1, 2, 3, 4 };
	ks_secret_wipe(memory, 3);
	assert_memory_equal(memory, "\0\0\0\4", 4);
	ks_secret_wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret_fails_closed_where_pages_cannot_be_locked),
		cmocka_unit_test(test_secret_is_empty_when_new),
		cmocka_unit_test(test_secret_lives_inside_the_arena),
		cmocka_unit_test(test_secret_take_wipes_its_source),
		cmocka_unit_test(test_secret_take_replaces_all_of_a_longer_one),
		cmocka_unit_test(test_secret_takes_as_much_as_its_maximum),
		cmocka_unit_test(test_secret_is_wiped_when_given_back),
		cmocka_unit_test(test_secret_cleanup_attribute_gives_it_back),
		cmocka_unit_test(test_secret_arena_runs_out_and_recovers),
		cmocka_unit_test(test_secret_arena_is_small_enough_for_a_small_memlock_limit),
		cmocka_unit_test(test_secret_pages_are_locked_not_dumped_and_wiped_at_fork),
		cmocka_unit_test(test_secret_arena_stands_between_guard_pages),
		cmocka_unit_test(test_secret_is_not_there_in_a_forked_child),
		cmocka_unit_test(test_secret_fails_closed_in_a_child_that_cannot_lock_again),
		cmocka_unit_test(test_secret_read_goes_to_the_end_of_the_file),
		cmocka_unit_test(test_secret_read_stops_at_the_newline_and_leaves_the_rest),
		cmocka_unit_test(test_secret_read_knows_the_maximum_either_way),
		cmocka_unit_test(test_secret_read_that_fails_leaves_nothing),
		cmocka_unit_test(test_secret_read_waits_where_the_descriptor_does_not),
		cmocka_unit_test(test_secret_text_ends_with_a_nul),
		cmocka_unit_test(test_secret_wipe_overwrites),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
