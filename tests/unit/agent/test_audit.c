/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/audit.h: nobody waits longer than the deadline for a record, and what its absence means is the
 * configuration's word. Writers that hang, end or are not there stand in for keystay-audit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "agent/audit.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/protocol/limits.h"
#include "tests/unit/agent/folder.h"

struct audit_test {
	struct test_folder folder;
	sd_event *event;
	struct ks_settings settings;
	struct ks_audit *audit;
	unsigned n_done;
	int error; /* of the last done */
	char text[1024];
};

static int setup(void **state)
{
	struct audit_test *test = calloc(1, sizeof(*test));

	if (!test || sd_event_new(&test->event) < 0)
		return -1;
	test_folder_init(&test->folder);
	if (setenv("XDG_STATE_HOME", test->folder.path, 1) < 0)
		return -1;
	test->settings = (struct ks_settings){
		.audit = KS_AUDIT_BEST_EFFORT, .audit_to = KS_AUDIT_TO_FILE, .audit_max_size = 1 << 20, .audit_keep = 8
	};
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	struct audit_test *test = *state;

	ks_audit_free(test->audit);
	while (sd_event_run(test->event, 20000) > 0) /* the reaper's */
		;
	sd_event_unref(test->event);
	test_folder_deinit(&test->folder);
	free(test);
	return 0;
}

/* A program that does as this line of shell says. */
static const char *program(const struct audit_test *test, const char *line)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", line);
	test_folder_write_text(&test->folder, "writer", text);
	const char *path = test_folder_path(&test->folder, "writer");
	assert_int_equal(chmod(path, 0700), 0);
	return path;
}

static void start(struct audit_test *test, const char *path)
{
	assert_int_equal(ks_audit_new(test->event, path, &test->settings, &test->audit), 0);
}

static void on_done(int error, const char *text, void *userdata)
{
	struct audit_test *test = userdata;

	test->n_done++;
	test->error = error;
	(void)snprintf(test->text, sizeof(test->text), "%s", text);
}

static struct ks_audit_entry *record(struct audit_test *test, enum ks_audit_outcome outcome)
{
	struct ks_audit_entry *entry = NULL;
	unsigned before = test->n_done;
	const struct ks_audit_record what = { .outcome = outcome,
					      .purpose = "tls13-client",
					      .socket = "agent",
					      .program = "a\nb", /* no text: is escaped */
					      .key = "alice" };

	assert_int_equal(ks_audit_write(test->audit, &what, on_done, test, &entry), 0);
	assert_int_equal(test->n_done, before); /* never before it returns */
	return entry;
}

static void await(struct audit_test *test, unsigned n)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + 20000;

	while (test->n_done < n && ks_clock_left_ms(deadline_ms) > 0)
		assert_true(sd_event_run(test->event, 1000000) >= 0);
	assert_int_equal(test->n_done, n);
}

static void await_idle(struct audit_test *test)
{
	uint64_t deadline_ms = ks_clock_monotonic_ms() + 20000;

	while (!ks_audit_is_idle(test->audit) && ks_clock_left_ms(deadline_ms) > 0)
		assert_true(sd_event_run(test->event, 1000000) >= 0);
	assert_true(ks_audit_is_idle(test->audit));
}

static char *read_log(const struct audit_test *test)
{
	char *text = NULL;
	size_t size;

	assert_int_equal(
		ks_path_read_file(test_folder_path(&test->folder, "keystay/audit/audit.jsonl"), 1 << 24, &text, &size),
		0);
	return text;
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	while ((text = strstr(text, part))) {
		n++;
		text++;
	}
	return n;
}

static void test_record_is_written_before_done(void **state)
{
	struct audit_test *test = *state;
	struct ks_audit_counts counts;

	start(test, KEYSTAY_AUDIT);
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 1);
	KS_AUTO_FREE char *first = read_log(test);
	assert_int_equal(count(first, "\"outcome\":\"signed\""), 1);
	assert_non_null(strstr(first, "\"program\":\"a\\\\x0ab\""));
	for (int i = 0; i < 199; i++)
		(void)record(test, KS_AUDIT_SIGNED);
	await(test, 200);
	assert_int_equal(test->error, 0);
	KS_AUTO_FREE char *all = read_log(test);
	assert_int_equal(count(all, "\"outcome\":\"signed\""), 200);
	assert_non_null(strstr(all, "\"n\":200,"));
	ks_audit_count(test->audit, &counts);
	assert_int_equal(counts.written, 200);
	assert_int_equal(counts.waiting + counts.lost, 0);
}

static void test_forgotten_record_is_written_all_the_same(void **state)
{
	struct audit_test *test = *state;

	start(test, KEYSTAY_AUDIT);
	ks_audit_forget(record(test, KS_AUDIT_CANCELLED));
	await_idle(test);
	assert_int_equal(test->n_done, 0);
	KS_AUTO_FREE char *text = read_log(test);
	assert_int_equal(count(text, "\"outcome\":\"cancelled\""), 1);
}

static void test_writer_that_hangs_holds_nobody_up(void **state)
{
	struct audit_test *test = *state;

	start(test, program(test, "exec sleep 60"));
	uint64_t begun_ms = ks_clock_monotonic_ms();
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 1);
	assert_int_equal(test->error, 0);
	assert_true(ks_clock_monotonic_ms() - begun_ms >= KS_AUDIT_DEADLINE_MS);
	/* The next ones do not wait for what is known. */
	for (int i = 0; i < 100; i++) {
		(void)record(test, KS_AUDIT_SIGNED);
		assert_true(sd_event_run(test->event, 0) >= 0);
	}
	await(test, 101);
	struct ks_audit_counts counts;
	ks_audit_count(test->audit, &counts);
	assert_int_equal(counts.waiting, 101);
	assert_string_equal(counts.problem, "keystay-audit does not answer in time");
}

static void test_required_record_that_is_not_written_refuses(void **state)
{
	struct audit_test *test = *state;

	test->settings.audit = KS_AUDIT_REQUIRE;
	start(test, program(test, "exec sleep 60"));
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 1);
	assert_int_equal(test->error, KS_ERR_AUDIT);
	assert_string_equal(test->text,
			    "the audit record cannot be written: keystay-audit does not answer in time; see: "
			    "keystay status");
	struct ks_audit_counts counts;
	ks_audit_count(test->audit, &counts);
	assert_int_equal(counts.waiting, 2); /* it may be written yet: another one takes it back */
}

static void test_program_that_is_not_there_is_told_of(void **state)
{
	struct audit_test *test = *state;
	struct ks_audit_counts counts;

	start(test, "/nowhere/keystay-audit");
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 1);
	assert_int_equal(test->error, 0);
	ks_audit_count(test->audit, &counts);
	assert_string_equal(counts.problem, "keystay-audit cannot be started: nothing of that name exists");
}

static void test_what_waited_is_written_in_its_order_later(void **state)
{
	struct audit_test *test = *state;
	char line[512];

	/* Not at once: there is a file in the place of the folder. */
	test_folder_write_text(&test->folder, "keystay/audit", "in the way");
	(void)snprintf(line, sizeof(line), "exec '%s' \"$@\"", KEYSTAY_AUDIT);
	start(test, program(test, line));
	for (int i = 0; i < 1100; i++)
		(void)record(test, i % 2 ? KS_AUDIT_DENIED : KS_AUDIT_SIGNED);
	await(test, 1100);
	assert_int_equal(test->error, 0);
	struct ks_audit_counts counts;
	ks_audit_count(test->audit, &counts);
	assert_true(counts.problem[0] != '\0');
	uint64_t lost = counts.lost;
	assert_int_equal(counts.waiting + lost, 1100);
	assert_int_equal(remove(test_folder_path(&test->folder, "keystay/audit")), 0);
	await_idle(test);
	KS_AUTO_FREE char *text = read_log(test);
	assert_int_equal(count(text, "\"event\":\"decision\""), 1100 - lost);
	char part[64];
	(void)snprintf(part, sizeof(part), "\"lost\":%u", (unsigned)lost);
	assert_int_equal(count(text, part), lost ? 1 : 0);
	ks_audit_count(test->audit, &counts);
	assert_string_equal(counts.problem, "");
}

static void test_required_signature_is_never_recorded_as_given(void **state)
{
	struct audit_test *test = *state;

	test->settings.audit = KS_AUDIT_REQUIRE;
	test_folder_write_text(&test->folder, "keystay/audit", "in the way");
	start(test, KEYSTAY_AUDIT);
	(void)record(test, KS_AUDIT_SIGNED);
	(void)record(test, KS_AUDIT_DENIED);
	await(test, 2);
	assert_int_equal(test->error, KS_ERR_AUDIT);
	assert_int_equal(remove(test_folder_path(&test->folder, "keystay/audit")), 0);
	(void)record(test, KS_AUDIT_SIGNED); /* tries at once */
	await(test, 3);
	assert_int_equal(test->error, 0);
	await_idle(test);
	KS_AUTO_FREE char *text = read_log(test);
	assert_true(count(text, "\"outcome\":\"signed\"") == 1 ||
		    (count(text, "\"outcome\":\"signed\"") == 2 && count(text, "\"corrects\":1") == 1));
	assert_int_equal(count(text, "\"outcome\":\"denied\""), 1);
	assert_int_equal(count(text, "\"error\":\"audit\""), 1);
}

/* Killed after the write and before the answer, and then again and again: the line is in the file, so it is taken back
 * by another one and not by other words for a record that the next writer passes over. */
static void test_required_signature_that_a_killed_writer_wrote_is_taken_back(void **state)
{
	struct audit_test *test = *state;
	char line[512];

	test->settings.audit = KS_AUDIT_REQUIRE;
	(void)snprintf(line, sizeof(line),
		       "echo >>\"$0.n\"; n=$(wc -l <\"$0.n\")\n"
		       "[ \"$n\" -ne 1 ] || exec %s -c 'import socket as s\ns.socket(fileno=3).recv(1)'\n"
		       "[ \"$n\" -gt 5 ] || exit 1\nexec '%s' \"$@\"",
		       "/usr/bin/python3", KEYSTAY_AUDIT);
	start(test, program(test, line));
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 1);
	assert_int_equal(test->error, KS_ERR_AUDIT);
	await_idle(test);
	KS_AUTO_FREE char *text = read_log(test);
	assert_int_equal(count(text, "\"corrects\":1"), 1);
	assert_int_equal(count(text, "\"error\":\"audit\""), 1);
}

static void test_off_records_nothing(void **state)
{
	struct audit_test *test = *state;

	test->settings.audit = KS_AUDIT_OFF;
	start(test, "/nowhere/keystay-audit");
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 1);
	assert_int_equal(test->error, 0);
	assert_true(ks_audit_is_idle(test->audit));
	/* On again, by a reload. */
	struct ks_settings settings = test->settings;
	settings.audit = KS_AUDIT_REQUIRE;
	ks_audit_follow(test->audit, &settings);
	(void)record(test, KS_AUDIT_SIGNED);
	await(test, 2);
	assert_int_equal(test->error, KS_ERR_AUDIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_record_is_written_before_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgotten_record_is_written_all_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer_that_hangs_holds_nobody_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_required_record_that_is_not_written_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_program_that_is_not_there_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_waited_is_written_in_its_order_later, setup, teardown),
		cmocka_unit_test_setup_teardown(test_required_signature_is_never_recorded_as_given, setup, teardown),
		cmocka_unit_test_setup_teardown(test_required_signature_that_a_killed_writer_wrote_is_taken_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_off_records_nothing, setup, teardown),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
