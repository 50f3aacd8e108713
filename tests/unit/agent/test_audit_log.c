/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/helpers/audit_log.h and audit_sinks.h: the chain goes on whatever was found, a batch is written whole or
 * not at all. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/helpers/audit_log.h"
#include "agent/helpers/audit_sinks.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/protocol/limits.h"
#include "lib/tls/verify_signature.h"
#include "tests/unit/agent/folder.h"

#define AGENT 0x1111111111111111u

struct audit_test {
	struct test_folder folder;
	char audit[300]; /* the log's own folder */
	struct ks_audit_log *log;
	uint64_t sequence;
	char why[512];
};

static void open_log(struct audit_test *test, uint64_t max_size, unsigned keep)
{
	const struct ks_audit_log_options options = { .folder = test->audit, .max_size = max_size, .keep = keep };

	ks_audit_log_free(test->log);
	test->log = NULL;
	assert_int_equal(ks_audit_log_new(&options, &test->log), 0);
	assert_int_equal(ks_audit_log_append(test->log, NULL, 0, test->why), 0);
}

static int setup(void **state)
{
	struct audit_test *test = calloc(1, sizeof(*test));

	if (!test)
		return -1;
	test_folder_init(&test->folder);
	(void)snprintf(test->audit, sizeof(test->audit), "%s/audit", test->folder.path);
	open_log(test, 1 << 20, 8);
	*state = test;
	return 0;
}

static int teardown(void **state)
{
	struct audit_test *test = *state;

	ks_audit_log_free(test->log);
	test_folder_deinit(&test->folder);
	free(test);
	return 0;
}

static struct ks_audit_item item_of(uint64_t agent, uint64_t sequence)
{
	return (struct ks_audit_item){
		.record = { .agent = agent,
			    .sequence = sequence,
			    .wall_ms = 1000000000123u,
			    .outcome = KS_AUDIT_SIGNED,
			    .key = ks_bytes_text("a\"b\\c"),
			    .program = ks_bytes_text("curl") },
	};
}

static int append(struct audit_test *test, size_t n)
{
	struct ks_audit_item items[KS_AUDIT_BATCH];

	for (size_t i = 0; i < n; i++)
		items[i] = item_of(AGENT, test->sequence + 1 + i);
	int r = ks_audit_log_append(test->log, items, n, test->why);
	if (r == 0)
		test->sequence += n;
	return r;
}

static char *read_file(const struct audit_test *test, const char *name)
{
	char path[400];
	char *text = NULL;
	size_t size;

	(void)snprintf(path, sizeof(path), "%s/%s", test->audit, name);
	assert_int_equal(ks_path_read_file(path, 1 << 24, &text, &size), 0);
	return text;
}

/* All lines of a file are one chain; returns how many, the number of the last in *ret_n. */
static size_t check_chain(const char *text, uint64_t *ret_n)
{
	uint8_t hash[32];
	size_t n = 0;

	for (const char *end; (end = strchr(text, '\n')); text = end + 1, n++) {
		struct ks_bytes line = ks_bytes(text, (size_t)(end - text) + 1);
		struct ks_audit_link link;
		assert_true(ks_audit_link_read(line, &link));
		if (n > 0) {
			assert_int_equal(link.n, *ret_n + 1);
			assert_memory_equal(link.prev, hash, sizeof(hash));
		}
		*ret_n = link.n;
		assert_int_equal(ks_sha256(line, hash), 0);
	}
	assert_string_equal(text, "");
	return n;
}

static void assert_log(const struct audit_test *test, size_t n_lines, uint64_t last)
{
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");
	uint64_t n = 0;

	assert_int_equal(check_chain(text, &n), n_lines);
	assert_int_equal(n, last);
}

static void write_to(const struct audit_test *test, const char *name, const char *text, int flags)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/%s", test->audit, name);
	KS_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void assert_has(const struct audit_test *test, const char *part)
{
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");

	if (!strstr(text, part))
		fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void test_log_is_one_chain_with_a_head(void **state)
{
	struct audit_test *test = *state;

	assert_int_equal(append(test, 3), 0);
	assert_int_equal(append(test, KS_AUDIT_BATCH), 0);
	ks_audit_log_seal(test->log);
	assert_log(test, 3 + KS_AUDIT_BATCH, 3 + KS_AUDIT_BATCH);
	assert_has(test, "\"time\":\"2001-09-09T01:46:40.123Z\"");
	assert_has(test, "\"key\":\"a\\\"b\\\\c\"");
	KS_AUTO_FREE char *head_text = read_file(test, "head");
	struct ks_audit_head head, end = ks_audit_log_end(test->log);
	assert_true(ks_audit_head_read(ks_bytes_text(head_text), &head));
	assert_memory_equal(&head, &end, sizeof(head));
}

static void test_log_goes_on_after_a_restart(void **state)
{
	struct audit_test *test = *state;

	assert_int_equal(append(test, 2), 0);
	open_log(test, 1 << 20, 8); /* without a head: the file tells */
	assert_int_equal(append(test, 1), 0);
	ks_audit_log_seal(test->log);
	open_log(test, 1 << 20, 8);
	assert_int_equal(append(test, 1), 0);
	assert_log(test, 4, 4);
}

static void test_record_is_written_once_though_it_is_sent_again(void **state)
{
	struct audit_test *test = *state;

	assert_int_equal(append(test, 3), 0);
	open_log(test, 1 << 20, 8);
	/* Killed after two of four were written, and before it could say so. */
	struct ks_audit_item items[] = { item_of(AGENT, 2), item_of(AGENT, 3), item_of(AGENT, 4), item_of(AGENT, 5) };
	assert_int_equal(ks_audit_log_append(test->log, items, 4, test->why), 0);
	assert_int_equal(items[0].n, 0);
	assert_int_equal(items[1].n, 0);
	assert_int_equal(items[2].n, 4);
	assert_log(test, 5, 5);
	/* The numbers are another agent's own. */
	struct ks_audit_item other = item_of(AGENT + 1, 1);
	open_log(test, 1 << 20, 8);
	assert_int_equal(ks_audit_log_append(test->log, &other, 1, test->why), 0);
	assert_log(test, 6, 6);
}

static void test_torn_line_is_cut_off_and_told_of(void **state)
{
	struct audit_test *test = *state;

	assert_int_equal(append(test, 2), 0);
	write_to(test, "audit.jsonl", "{\"schema\":1,\"n\":3", O_APPEND);
	open_log(test, 1 << 20, 8);
	assert_has(test, "\"event\":\"torn\",\"text\":\"17 bytes of a line that was not finished were cut off\"");
	assert_int_equal(append(test, 1), 0);
	assert_log(test, 4, 4);
}

static void test_only_a_torn_line_is_no_line(void **state)
{
	struct audit_test *test = *state;

	write_to(test, "audit.jsonl", "{\"sch", 0);
	open_log(test, 1 << 20, 8);
	assert_int_equal(append(test, 1), 0);
	assert_log(test, 2, 2);
}

static void test_cut_log_goes_on_behind_the_gap(void **state)
{
	struct audit_test *test = *state;
	char path[400];

	assert_int_equal(append(test, 3), 0);
	ks_audit_log_seal(test->log);
	(void)snprintf(path, sizeof(path), "%s/audit.jsonl", test->audit);
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");
	assert_int_equal(truncate(path, strchr(text, '\n') - text + 1), 0);
	open_log(test, 1 << 20, 8);
	assert_has(test, "\"n\":4,");
	assert_has(
		test,
		"\"event\":\"gap\",\"text\":\"the chain goes on after line 3, the files that are here end with line 1:");
}

static void test_changed_last_line_breaks_the_chain(void **state)
{
	struct audit_test *test = *state;

	assert_int_equal(append(test, 2), 0);
	ks_audit_log_seal(test->log);
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");
	*strstr(strchr(text, '\n'), "curl") = 'k';
	write_to(test, "audit.jsonl", text, O_TRUNC);
	struct ks_audit_head before = ks_audit_log_end(test->log);
	open_log(test, 1 << 20, 8);
	assert_has(test, "\"event\":\"changed\"");
	KS_AUTO_FREE char *now = read_file(test, "audit.jsonl");
	struct ks_audit_link link;
	assert_true(ks_audit_link_read(ks_bytes_text(strrchr(strstr(now, "\"event\":\"changed\"") - 200 > now ?
								     strstr(now, "{\"schema\":1,\"n\":3") :
								     now,
							     '{')),
				       &link));
	assert_int_equal(link.n, 3);
	assert_memory_equal(link.prev, before.hash, sizeof(link.prev));
}

static void test_foreign_last_line_stays_and_is_told_of(void **state)
{
	struct audit_test *test = *state;

	assert_int_equal(append(test, 2), 0);
	write_to(test, "audit.jsonl", "nonsense\n", O_APPEND);
	open_log(test, 1 << 20, 8);
	assert_has(test, "nonsense\n{\"schema\":1,\"n\":3,");
	assert_has(test, "\"event\":\"unreadable\"");
}

static void test_failed_batch_leaves_nothing_behind(void **state)
{
	struct audit_test *test = *state;
	struct rlimit before, small;

	assert_int_equal(append(test, 2), 0);
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	/* Two lines and a half. */
	small = before;
	small.rlim_cur = strlen(text) * 5 / 4;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int r = append(test, 4);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(r < 0);
	assert_non_null(strstr(test->why, "File too large"));
	assert_log(test, 2, 2);
	assert_int_equal(append(test, 4), 0);
	assert_log(test, 6, 6);
}

static void test_rotation_keeps_the_chain_over_kills(void **state)
{
	struct audit_test *test = *state;
	uint64_t n = 0;

	for (int i = 0; i < 60; i++) {
		if (i % 3 == 0)
			open_log(test, 2048, 4);
		assert_int_equal(append(test, 1), 0);
		ks_audit_log_seal(test->log);
	}
	assert_int_equal(ks_audit_log_end(test->log).n, 60);
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");
	assert_true(strlen(text) <= 2048);
	(void)check_chain(text, &n);
	assert_int_equal(n, 60);
	assert_true(ks_audit_log_end(test->log).first > 40);
	/* Ended between the rename and the new file. */
	char from[400], to[420];
	(void)snprintf(from, sizeof(from), "%s/audit.jsonl", test->audit);
	(void)snprintf(to, sizeof(to), "%s/audit-%012llu.jsonl", test->audit, 59ull);
	assert_int_equal(rename(from, to), 0);
	open_log(test, 2048, 4);
	assert_int_equal(append(test, 1), 0);
	assert_log(test, 1, 61);
}

static void test_two_writers_make_one_chain(void **state)
{
	struct audit_test *test = *state;
	const struct ks_audit_log_options options = { .folder = test->audit, .max_size = 4096, .keep = 100 };
	struct ks_audit_log *other = NULL;

	open_log(test, 4096, 100);
	assert_int_equal(ks_audit_log_new(&options, &other), 0);
	for (uint64_t i = 1; i <= 30; i++) {
		struct ks_audit_item item = item_of(AGENT + 1, i);
		assert_int_equal(append(test, 1), 0);
		assert_int_equal(ks_audit_log_append(other, &item, 1, test->why), 0);
		assert_int_equal(item.n, 2 * i);
		ks_audit_log_seal(i % 2 ? other : test->log);
	}
	KS_AUTO_FREE char *text = read_file(test, "audit.jsonl");
	assert_null(strstr(text, "\"event\":\"gap\""));
	ks_audit_log_free(other);
}

/* --- the journal ------------------------------------------------------------------------------------------------- */

static char journal[8192];
static int journal_result;

int __wrap_sd_journal_sendv(const struct iovec *fields, int n);
int __wrap_sd_journal_sendv(const struct iovec *fields, int n)
{
	size_t used = 0;

	for (int i = 0; i < n; i++)
		used += (size_t)snprintf(journal + used, sizeof(journal) - used, "%.*s\n", (int)fields[i].iov_len,
					 (const char *)fields[i].iov_base);
	return journal_result;
}

static void test_journal_gets_fields_and_a_sentence(void **state)
{
	(void)state;
	struct ks_audit_item item = item_of(AGENT, 7);

	journal_result = 0;
	item.record.outcome = KS_AUDIT_DENIED;
	item.record.purpose = ks_bytes_text("tls13-client");
	item.record.server = ks_bytes_text("db.corp.example");
	item.record.server_proven = true;
	item.record.error = (uint32_t)-KS_ERR_RULE;
	item.record.text = ks_bytes_text("not at this hour");
	item.record.pid = 17;
	assert_int_equal(ks_audit_journal_record(&item.record, 42), 0);
	assert_non_null(strstr(journal, "MESSAGE=denied (tls13-client): key \"a\"b\\\\c\" for curl (pid 17), server "
					"db.corp.example (proven): not at this hour\n"));
	assert_non_null(strstr(journal, "MESSAGE_ID=" KS_AUDIT_MESSAGE_ID "\nPRIORITY=5\n"));
	assert_non_null(strstr(journal, "\nKEYSTAY_N=42\n"));
	assert_non_null(strstr(journal, "\nKEYSTAY_SERVER=db.corp.example\nKEYSTAY_PROVEN=1\n"));
	assert_non_null(strstr(journal, "\nKEYSTAY_ERROR=rule\n"));
	journal_result = -1;
	assert_true(ks_audit_journal_record(&item.record, 42) < 0);
}

static void test_journal_gets_heads(void **state)
{
	(void)state;
	const struct ks_audit_head head = { .n = 42, .hash = { 0xab }, .first = 1 };

	journal_result = 0;
	assert_int_equal(ks_audit_journal_head(&head), 0);
	assert_non_null(strstr(journal, "MESSAGE_ID=" KS_AUDIT_HEAD_MESSAGE_ID "\n"));
	assert_non_null(strstr(journal, "\nKEYSTAY_HEAD=42:ab00000000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_log_is_one_chain_with_a_head, setup, teardown),
		cmocka_unit_test_setup_teardown(test_log_goes_on_after_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record_is_written_once_though_it_is_sent_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_torn_line_is_cut_off_and_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_only_a_torn_line_is_no_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_log_goes_on_behind_the_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_last_line_breaks_the_chain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_last_line_stays_and_is_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failed_batch_leaves_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rotation_keeps_the_chain_over_kills, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_writers_make_one_chain, setup, teardown),
		cmocka_unit_test(test_journal_gets_fields_and_a_sentence),
		cmocka_unit_test(test_journal_gets_heads),
	};

	return cmocka_run_group_tests_name("audit_log", tests, NULL, NULL);
}
