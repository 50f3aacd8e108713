/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/tries.h: no PIN that was given without success is ever forgotten, whatever happens in between. */
#include "agent/tries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/tries_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "tests/unit/agent/folder.h"

KS_DEFINE_CLEANUP(struct ks_tries *, ks_tries_close)
#define AUTO_TRIES KS_CLEANUP(ks_tries_closep) struct ks_tries *

static const uint8_t digest[KS_TOKEN_DIGEST_SIZE] = { 1 };
static const struct ks_token_id corp = {
	.module = "opensc", .manufacturer = "ACME", .model = "PIV", .serial = "0001", .label = "corp", .digest = digest
};

static struct test_folder folder;

static int setup(void **state)
{
	(void)state;
	ks_log_init("test", KS_LOG_ERROR);
	test_folder_init(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_folder_deinit(&folder);
	return 0;
}

static struct ks_tries *open_tries(void)
{
	struct ks_tries *tries = NULL;
	assert_int_equal(ks_tries_open(test_folder_path(&folder, "state/keystay"), &tries), 0);
	return tries;
}

static const char *file_path(const char *name)
{
	static char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", test_folder_path(&folder, "state/keystay"), name);
	return path;
}

static bool exists(const char *name)
{
	struct stat info;
	return lstat(file_path(name), &info) == 0;
}

/* In a process of its own, which then dies by SIGKILL. */
static void in_a_process_that_is_killed(void (*act)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		act();
		(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* --- counting ---------------------------------------------------------------------------------------------------- */

static void test_tries_counts_until_a_good_login(void **state)
{
	(void)state;
	AUTO_TRIES tries = open_tries();

	assert_int_equal(ks_tries_count(tries, &corp), 0);
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 1);
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 2);
	assert_int_equal(ks_tries_not_submitted(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 1);
	assert_int_equal(ks_tries_succeeded(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 0);
	assert_int_equal(ks_tries_not_submitted(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 0);
}

/* A file system that has become read-only must not make anybody forget. */
static void test_tries_elsewhere_knows_what_was_counted_before(void **state)
{
	(void)state;
	AUTO_TRIES before = open_tries();
	AUTO_TRIES instead = NULL;
	char folder_before[512], elsewhere[512];

	assert_int_equal(ks_tries_submitting(before, &corp), 0);
	assert_int_equal(ks_tries_submitting(before, &corp), 0);
	(void)snprintf(folder_before, sizeof(folder_before), "%s", test_folder_path(&folder, "state/keystay"));
	(void)snprintf(elsewhere, sizeof(elsewhere), "%s", test_folder_path(&folder, "elsewhere"));
	assert_int_equal(ks_tries_open_instead(folder_before, elsewhere, &instead), 0);
	assert_int_equal(ks_tries_count(instead, &corp), 2);
	assert_int_equal(ks_tries_submitting(instead, &corp), 0);
	assert_int_equal(ks_tries_count(instead, &corp), 3);
	assert_int_equal(ks_tries_succeeded(instead, &corp), 0);
	assert_int_equal(ks_tries_count(instead, &corp), 0);
	assert_int_equal(ks_tries_count(before, &corp), 2);
}

static void test_tries_tells_tokens_apart_by_what_they_say_of_themselves(void **state)
{
	(void)state;
	static const uint8_t other_digest[KS_TOKEN_DIGEST_SIZE] = { 2 };
	AUTO_TRIES tries = open_tries();
	struct ks_token_id others[] = { corp, corp, corp, corp, corp, corp };
	others[0].module = "ykcs11";
	others[1].manufacturer = "Acme";
	others[2].model = "piv";
	others[3].serial = "0002";
	others[4].label = "corp2";
	/* The same letters at other borders. */
	others[5].serial = "00";
	others[5].label = "01corp";

	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(ks_tries_count(tries, &others[i]), 0);
	/* A card that is swapped for one that looks the same does not begin anew. */
	struct ks_token_id same = corp;
	same.digest = other_digest;
	same.twin = 1;
	assert_int_equal(ks_tries_count(tries, &same), 1);
}

static void test_tries_holds_no_more_than_two_digits(void **state)
{
	(void)state;
	AUTO_TRIES tries = open_tries();
	for (unsigned i = 0; i < KS_TRIES_COUNT_MAX + 5; i++)
		assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), KS_TRIES_COUNT_MAX);
	AUTO_TRIES again = open_tries();
	assert_int_equal(ks_tries_count(again, &corp), KS_TRIES_COUNT_MAX);
}

/* --- across processes -------------------------------------------------------------------------------------------- */

static void submit(void)
{
	struct ks_tries *tries = open_tries();
	if (ks_tries_submitting(tries, &corp) < 0)
		_exit(1);
}

static void submit_and_succeed(void)
{
	struct ks_tries *tries = open_tries();
	if (ks_tries_submitting(tries, &corp) < 0 || ks_tries_succeeded(tries, &corp) < 0)
		_exit(1);
}

static void test_tries_counts_a_login_in_which_the_agent_was_killed(void **state)
{
	(void)state;
	in_a_process_that_is_killed(submit);
	in_a_process_that_is_killed(submit);
	AUTO_TRIES tries = open_tries();
	assert_int_equal(ks_tries_count(tries, &corp), 2);
	in_a_process_that_is_killed(submit_and_succeed);
	assert_int_equal(ks_tries_count(tries, &corp), 0);
}

static void leave_a_half_written_file(void)
{
	struct ks_tries *tries = open_tries();
	if (ks_tries_submitting(tries, &corp) < 0)
		_exit(1);
	int fd = open(file_path("pins.new"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "1 ab", 4) != 4)
		_exit(1);
}

static void test_tries_goes_on_after_a_kill_in_the_middle_of_writing(void **state)
{
	(void)state;
	in_a_process_that_is_killed(leave_a_half_written_file);
	AUTO_TRIES tries = open_tries();
	assert_int_equal(ks_tries_count(tries, &corp), 1);
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 2);
	assert_false(exists("pins.new"));
}

static void test_tries_of_two_agents_are_added_up(void **state)
{
	(void)state;
	AUTO_TRIES one = open_tries();
	AUTO_TRIES other = open_tries();
	struct ks_token_id deploy = corp;
	deploy.label = "deploy";

	assert_int_equal(ks_tries_submitting(one, &corp), 0);
	assert_int_equal(ks_tries_submitting(other, &deploy), 0);
	assert_int_equal(ks_tries_submitting(other, &corp), 0);
	assert_int_equal(ks_tries_count(one, &corp), 2);
	assert_int_equal(ks_tries_count(one, &deploy), 1);
	assert_int_equal(ks_tries_count(other, &corp), 2);
	assert_int_equal(ks_tries_succeeded(one, &corp), 0);
	assert_int_equal(ks_tries_count(other, &corp), 0);
}

#define AT_ONCE 4
#define EACH 20

/* BUSY is an answer, and then nothing was counted; what was counted is never lost. */
static void test_tries_loses_none_of_agents_that_count_at_once(void **state)
{
	(void)state;
	unsigned n = 0;
	pid_t pids[AT_ONCE];

	for (size_t i = 0; i < AT_ONCE; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] != 0)
			continue;
		struct ks_tries *tries = open_tries();
		int counted = 0;
		for (int k = 0; k < EACH; k++) {
			int r = ks_tries_submitting(tries, &corp);
			if (r < 0 && r != KS_ERR_BUSY)
				_exit(255);
			counted += r == 0;
		}
		_exit(counted);
	}
	for (size_t i = 0; i < AT_ONCE; i++) {
		int status = 0;
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= EACH);
		n += (unsigned)WEXITSTATUS(status);
	}
	AUTO_TRIES tries = open_tries();
	assert_true(n > 0);
	assert_int_equal(ks_tries_count(tries, &corp), n < KS_TRIES_COUNT_MAX ? n : KS_TRIES_COUNT_MAX);
}

static void test_tries_does_not_wait_for_a_lock_that_is_kept(void **state)
{
	(void)state;
	AUTO_TRIES tries = open_tries();
	KS_AUTO_CLOSE int fd = open(file_path("pins.lock"), O_RDWR | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(ks_tries_submitting(tries, &corp), KS_ERR_BUSY);
	assert_int_equal(ks_tries_count(tries, &corp), 0);
	AUTO_TRIES other = open_tries(); /* an agent starts all the same */
	assert_int_equal(ks_tries_submitting(other, &corp), KS_ERR_BUSY);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(ks_tries_submitting(other, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 1);
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

static void test_tries_file_is_for_the_owner_alone_and_holds_the_label_for_people(void **state)
{
	(void)state;
	struct stat info;
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	AUTO_TRIES tries = open_tries();
	struct ks_token_id odd = corp;
	odd.label = "two\nlines";

	assert_int_equal(stat(test_folder_path(&folder, "state/keystay"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	assert_int_equal(ks_tries_submitting(tries, &odd), 0);
	assert_string_equal(ks_tries_file(tries), file_path("pins"));
	assert_int_equal(stat(ks_tries_file(tries), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(ks_path_read_file(ks_tries_file(tries), 4096, &text, &size), 0);
	assert_memory_equal(text, "1 ", 2);
	assert_string_equal(text + 2 + 64, " two\\x0alines\n");
}

static void write_garbage(const char *text, mode_t mode)
{
	test_folder_write_text(&folder, "state/keystay/pins", text);
	assert_int_equal(chmod(file_path("pins"), mode), 0);
	assert_int_equal(chmod(test_folder_path(&folder, "state/keystay"), 0700), 0);
}

/* Fails closed: only a dialog may give a PIN to any token, until it was good once; also for later agents. */
static void assert_nobody_is_trusted(void)
{
	AUTO_TRIES tries = open_tries();
	struct ks_token_id deploy = corp;
	deploy.label = "deploy";

	assert_true(exists("pins.unreadable"));
	assert_int_equal(ks_tries_count(tries, &corp), KS_TRIES_UNKNOWN);
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), KS_TRIES_UNKNOWN + 1);
	assert_int_equal(ks_tries_succeeded(tries, &corp), 0);
	AUTO_TRIES again = open_tries();
	assert_int_equal(ks_tries_count(again, &corp), 0);
	assert_int_equal(ks_tries_count(again, &deploy), KS_TRIES_UNKNOWN);
	/* A person who has looked at it says that it is over. */
	assert_int_equal(unlink(file_path("pins.unreadable")), 0);
	AUTO_TRIES after = open_tries();
	assert_int_equal(ks_tries_count(after, &deploy), 0);
}

static void test_tries_sets_aside_a_file_that_makes_no_sense(void **state)
{
	(void)state;
	write_garbage("what is this\n", 0600);
	assert_nobody_is_trusted();
}

static void test_tries_sets_aside_a_file_that_others_may_write(void **state)
{
	(void)state;
	write_garbage("", 0622);
	assert_nobody_is_trusted();
}

static void test_tries_follows_no_link_in_place_of_its_file(void **state)
{
	(void)state;
	write_garbage("", 0600);
	assert_int_equal(rename(file_path("pins"), test_folder_path(&folder, "elsewhere")), 0);
	assert_int_equal(symlink(test_folder_path(&folder, "elsewhere"), file_path("pins")), 0);
	assert_nobody_is_trusted();
}

static void test_tries_does_not_wait_for_a_fifo_in_place_of_its_file(void **state)
{
	(void)state;
	write_garbage("", 0600);
	assert_int_equal(unlink(file_path("pins")), 0);
	assert_int_equal(mkfifo(file_path("pins"), 0600), 0);
	assert_nobody_is_trusted();
}

static void test_tries_notices_garbage_that_appears_while_it_runs(void **state)
{
	(void)state;
	AUTO_TRIES tries = open_tries();

	assert_int_equal(ks_tries_succeeded(tries, &corp), 0);
	write_garbage("0\n", 0600);
	assert_int_equal(ks_tries_count(tries, &corp), KS_TRIES_UNKNOWN);
	assert_false(exists("pins.unreadable")); /* who only asks changes nothing */
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), KS_TRIES_UNKNOWN + 1);
	assert_true(exists("pins.unreadable"));
}

/* --- the folder -------------------------------------------------------------------------------------------------- */

static void test_tries_refuses_a_folder_that_is_open_to_others(void **state)
{
	(void)state;
	struct ks_tries *tries = NULL;
	test_folder_write_text(&folder, "open/x", "");
	assert_int_equal(chmod(test_folder_path(&folder, "open"), 0755), 0);
	assert_int_equal(ks_tries_open(test_folder_path(&folder, "open"), &tries), KS_ERR_UNTRUSTED_PATH);
	assert_null(tries);
}

static void test_tries_refuses_a_link_in_place_of_its_folder(void **state)
{
	(void)state;
	struct ks_tries *tries = NULL;
	test_folder_write_text(&folder, "real/x", "");
	assert_int_equal(symlink("real", test_folder_path(&folder, "link")), 0);
	assert_int_equal(ks_tries_open(test_folder_path(&folder, "link"), &tries), KS_ERR_UNTRUSTED_PATH);
}

static void test_tries_makes_a_folder_again_that_was_deleted(void **state)
{
	(void)state;
	AUTO_TRIES tries = open_tries();
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(unlink(file_path("pins")), 0);
	assert_int_equal(unlink(file_path("pins.lock")), 0);
	assert_int_equal(rmdir(test_folder_path(&folder, "state/keystay")), 0);
	assert_int_equal(ks_tries_submitting(tries, &corp), 0);
	assert_int_equal(ks_tries_count(tries, &corp), 1);
}

/* As a user who is not root, whom permissions stop. Must end by _exit(). */
static void count_in_a_read_only_folder(void)
{
	struct ks_tries *tries = NULL;
	uid_t uid = geteuid() == 0 ? 65534 : geteuid();
	const char *path = test_folder_path(&folder, "readonly");

	if (mkdir(path, 0700) < 0 || (geteuid() == 0 && (chmod(folder.path, 0711) < 0 || chown(path, uid, 65534) < 0 ||
							 setgid(65534) < 0 || setuid(uid) < 0)))
		_exit(10);
	if (ks_tries_open(path, &tries) < 0 || ks_tries_submitting(tries, &corp) < 0 || chmod(path, 0500) < 0)
		_exit(11);
	if (ks_tries_submitting(tries, &corp) != KS_ERR_DENIED)
		_exit(12);
	if (ks_tries_count(tries, &corp) != 1)
		_exit(13);
	(void)chmod(path, 0700);
	_exit(0);
}

/* Who cannot write the count must not submit. */
static void test_tries_refuses_to_count_what_it_cannot_write(void **state)
{
	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		count_in_a_read_only_folder();
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- many tokens ------------------------------------------------------------------------------------------------- */

static void number(uint8_t hash[32], unsigned n)
{
	memset(hash, 0, 32);
	memcpy(hash, &n, sizeof(n));
}

static void test_tries_list_forgets_only_tokens_without_a_count(void **state)
{
	(void)state;
	KS_CLEANUP(ks_tries_list_deinit) struct ks_tries_list list = { 0 };
	uint8_t hash[32];

	for (unsigned i = 0; i < KS_TRIES_LINES_MAX; i++) {
		number(hash, i);
		assert_int_equal(ks_tries_list_set(&list, hash, i == 7 || i == 9 ? 0 : 1, "x"), 0);
	}
	number(hash, KS_TRIES_LINES_MAX);
	assert_int_equal(ks_tries_list_set(&list, hash, 1, "x"), 0);
	number(hash, 7);
	assert_null(ks_tries_list_find(&list, hash));
	number(hash, 9);
	assert_non_null(ks_tries_list_find(&list, hash));
	number(hash, 0);
	assert_non_null(ks_tries_list_find(&list, hash));
	/* A good login of a token that is there always finds its place. */
	assert_int_equal(ks_tries_list_set(&list, hash, 0, "x"), 0);
	number(hash, KS_TRIES_LINES_MAX + 1);
	assert_int_equal(ks_tries_list_set(&list, hash, 1, "x"), 0); /* in the place of 9 */
	number(hash, 0);
	assert_int_equal(ks_tries_list_set(&list, hash, 1, "x"), 0);
	number(hash, KS_TRIES_LINES_MAX + 2);
	assert_int_equal(ks_tries_list_set(&list, hash, 1, "x"), KS_ERR_LIMIT);
	assert_int_equal(list.n, KS_TRIES_LINES_MAX);
}

#define BAD_HASH(digit) "00112233445566778899aabbccddeeff00112233445566778899aabbccddeef" digit
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void test_tries_file_refuses_what_it_would_not_write(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"1 " HASH " corp",                 /* no end */
		"1 " HASH "\n",                    /* no label */
		" 1 " HASH " corp\n",              /* a space */
		"+1 " HASH " corp\n",              /* a sign */
		"01 " HASH " corp\n",              /* a zero */
		"100 " HASH " corp\n",             /* too many */
		"1  " HASH " corp\n",              /* two spaces */
		"1 0" HASH " corp\n",              /* a longer hash */
		"1 " HASH " co\trp\n",             /* a control character */
		"1 " HASH " corp\n1 " HASH " a\n", /* one token twice */
		"\n",                              /* nothing */
		"1 " HASH " corp\n\n",             /* an empty line */
		"1 " BAD_HASH("g") " corp\n",
		"1 " BAD_HASH("A") " corp\n",
	};
	KS_CLEANUP(ks_tries_list_deinit) struct ks_tries_list list = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(ks_tries_file_read(ks_bytes_text(texts[i]), &list), KS_ERR_MALFORMED);
	assert_int_equal(ks_tries_file_read(ks_bytes_text("0 " HASH " corp\n"), &list), 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.lines[0].count, 0);
	assert_int_equal(ks_tries_file_read(ks_bytes_text("99 " HASH " \n"), &list), 0);
	assert_int_equal(list.lines[0].count, 99);
	assert_int_equal(ks_tries_file_read(KS_BYTES_NONE, &list), 0);
	assert_int_equal(list.n, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_tries_elsewhere_knows_what_was_counted_before),
		CASE(test_tries_counts_until_a_good_login),
		CASE(test_tries_tells_tokens_apart_by_what_they_say_of_themselves),
		CASE(test_tries_holds_no_more_than_two_digits),
		CASE(test_tries_counts_a_login_in_which_the_agent_was_killed),
		CASE(test_tries_goes_on_after_a_kill_in_the_middle_of_writing),
		CASE(test_tries_of_two_agents_are_added_up),
		CASE(test_tries_loses_none_of_agents_that_count_at_once),
		CASE(test_tries_does_not_wait_for_a_lock_that_is_kept),
		CASE(test_tries_file_is_for_the_owner_alone_and_holds_the_label_for_people),
		CASE(test_tries_sets_aside_a_file_that_makes_no_sense),
		CASE(test_tries_sets_aside_a_file_that_others_may_write),
		CASE(test_tries_follows_no_link_in_place_of_its_file),
		CASE(test_tries_does_not_wait_for_a_fifo_in_place_of_its_file),
		CASE(test_tries_notices_garbage_that_appears_while_it_runs),
		CASE(test_tries_refuses_a_folder_that_is_open_to_others),
		CASE(test_tries_refuses_a_link_in_place_of_its_folder),
		CASE(test_tries_makes_a_folder_again_that_was_deleted),
		CASE(test_tries_refuses_to_count_what_it_cannot_write),
		cmocka_unit_test(test_tries_list_forgets_only_tokens_without_a_count),
		cmocka_unit_test(test_tries_file_refuses_what_it_would_not_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
