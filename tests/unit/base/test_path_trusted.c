/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "tests/unit/base/child.h"
#include "tests/unit/base/scratch.h"

#define STRANGER 12321

static struct scratch scratch;

static int set_up(void **state)
{
	(void)state;
	scratch_init(&scratch);
	scratch_folder(&scratch, "good", 0755);
	scratch_file(&scratch, "good/file", "", 0644);
	scratch_folder(&scratch, "open", 0777);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_deinit(&scratch);
	return 0;
}

static void assert_trusted(const char *name, const char *resolved_name)
{
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_path_problem problem = { 0 };
	int r = ks_path_check_trusted(scratch_path(&scratch, name), &resolved, &problem);
	if (r < 0)
		print_error("%s: %s %s\n", name, problem.path, problem.text);
	assert_int_equal(r, 0);
	assert_string_equal(resolved, scratch_path(&scratch, resolved_name));
}

static void assert_refused_path(const char *path, int error, const char *culprit, const char *text)
{
	char *resolved = NULL;
	struct ks_path_problem problem = { 0 };
	assert_int_equal(ks_path_check_trusted(path, &resolved, &problem), error);
	assert_null(resolved);
	assert_string_equal(problem.path, culprit);
	assert_string_equal(problem.text, text);
}

static void assert_refused(const char *name, int error, const char *culprit, const char *text)
{
	assert_refused_path(scratch_path(&scratch, name), error, scratch_path(&scratch, culprit), text);
}

static void give_away(const char *name)
{
	assert_int_equal(lchown(scratch_path(&scratch, name), STRANGER, STRANGER), 0);
}

static void test_path_trusted_file_of_ours_in_folders_of_ours(void **state)
{
	(void)state;
	assert_trusted("good/file", "good/file");
	assert_int_equal(chmod(scratch_path(&scratch, "good/file"), 0400), 0);
	assert_trusted("good/file", "good/file");
}

static void test_path_trusted_path_is_made_plain(void **state)
{
	(void)state;
	assert_trusted("good//./file", "good/file");
	assert_trusted("good/../good/file", "good/file");
	assert_refused_path("/../../../no-such-file", KS_ERR_NOT_FOUND, "/no-such-file", "does not exist");
}

static void test_path_untrusted_file_that_others_may_write_to(void **state)
{
	(void)state;
	scratch_file(&scratch, "good/group", "", 0664);
	scratch_file(&scratch, "good/all", "", 0646);
	/* What is sticky is the folder; on a file the bit protects nothing. */
	scratch_file(&scratch, "good/sticky", "", 01646);
	assert_refused("good/group", KS_ERR_UNTRUSTED_PATH, "good/group", "is writable by its group");
	assert_refused("good/all", KS_ERR_UNTRUSTED_PATH, "good/all", "is writable by everybody");
	assert_refused("good/sticky", KS_ERR_UNTRUSTED_PATH, "good/sticky", "is writable by everybody");
}

static void test_path_untrusted_folder_anywhere_above(void **state)
{
	(void)state;
	scratch_file(&scratch, "open/file", "", 0600);
	scratch_folder(&scratch, "open/deep", 0700);
	scratch_folder(&scratch, "open/deep/er", 0700);
	scratch_file(&scratch, "open/deep/er/file", "", 0600);
	scratch_folder(&scratch, "group", 0775);
	scratch_file(&scratch, "group/file", "", 0600);
	assert_refused("open/file", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
	assert_refused("open/deep/er/file", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
	assert_refused("group/file", KS_ERR_UNTRUSTED_PATH, "group", "is writable by its group");
	/* Through it and out again: it may be replaced by a link in between. */
	assert_refused("open/../good/file", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
}

static void test_path_trusted_below_a_sticky_folder(void **state)
{
	(void)state;
	scratch_folder(&scratch, "sticky", 01777);
	scratch_file(&scratch, "sticky/file", "", 0600);
	scratch_link(&scratch, "sticky/link", "../good/file");
	assert_trusted("sticky/file", "sticky/file");
	assert_trusted("sticky/link", "good/file");
}

static void test_path_untrusted_below_a_sticky_folder_when_it_is_a_strangers(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	scratch_folder(&scratch, "sticky", 01777);
	scratch_file(&scratch, "sticky/file", "", 0600);
	scratch_link(&scratch, "sticky/link", "../good/file");
	give_away("sticky/file");
	give_away("sticky/link");
	assert_refused("sticky/file", KS_ERR_UNTRUSTED_PATH, "sticky/file", "belongs to uid 12321");
	assert_refused("sticky/link", KS_ERR_UNTRUSTED_PATH, "sticky/link", "belongs to uid 12321");
	give_away("sticky");
	assert_refused("sticky/file", KS_ERR_UNTRUSTED_PATH, "sticky", "belongs to uid 12321");
}

static void test_path_untrusted_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	give_away("good/file");
	assert_refused("good/file", KS_ERR_UNTRUSTED_PATH, "good/file", "belongs to uid 12321");
	scratch_folder(&scratch, "theirs", 0755);
	scratch_file(&scratch, "theirs/file", "", 0600);
	give_away("theirs");
	assert_refused("theirs/file", KS_ERR_UNTRUSTED_PATH, "theirs", "belongs to uid 12321");
}

static void test_path_trusted_links_lead_to_the_resolved_path(void **state)
{
	(void)state;
	scratch_link(&scratch, "relative", "good/file");
	scratch_link(&scratch, "absolute", scratch_path(&scratch, "good/file"));
	scratch_link(&scratch, "folder", "good");
	scratch_link(&scratch, "good/up", "../relative");
	scratch_link(&scratch, "slashes", "good///");
	assert_trusted("relative", "good/file");
	assert_trusted("absolute", "good/file");
	assert_trusted("folder/file", "good/file");
	assert_trusted("folder/up", "good/file");
	assert_trusted("slashes/file", "good/file");
	assert_trusted("folder/../good/file", "good/file");
}

static void test_path_untrusted_link_in_a_folder_that_others_may_write_to(void **state)
{
	(void)state;
	/* What it leads to now is good, but anybody may replace the link. */
	scratch_link(&scratch, "open/link", "../good/file");
	assert_refused("open/link", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
}

static void test_path_untrusted_link_in_the_middle_of_a_chain(void **state)
{
	(void)state;
	/* Start and end are good; one on the way stands in an open folder, which a check of both ends would not see. */
	scratch_link(&scratch, "open/middle", "../good/file");
	scratch_link(&scratch, "good/start", "../open/middle");
	assert_refused("good/start", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
}

static void test_path_untrusted_target_of_a_link(void **state)
{
	(void)state;
	scratch_file(&scratch, "open/file", "", 0600);
	scratch_link(&scratch, "good/link", "../open/file");
	assert_refused("good/link", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
}

static void test_path_untrusted_link_of_a_stranger(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	scratch_link(&scratch, "good/link", "file");
	give_away("good/link");
	assert_refused("good/link", KS_ERR_UNTRUSTED_PATH, "good/link", "belongs to uid 12321");
}

static void test_path_trusted_tells_what_is_missing(void **state)
{
	(void)state;
	scratch_link(&scratch, "dangling", "good/nothing");
	assert_refused("no/such/file", KS_ERR_NOT_FOUND, "no", "does not exist");
	assert_refused("dangling", KS_ERR_NOT_FOUND, "good/nothing", "does not exist");
}

static void test_path_trusted_links_in_a_circle_end(void **state)
{
	(void)state;
	char *resolved = NULL;
	struct ks_path_problem problem = { 0 };
	scratch_link(&scratch, "one", "two");
	scratch_link(&scratch, "two", "one");
	/* Each round makes the rest longer. */
	scratch_link(&scratch, "longer", "longer/x");
	assert_int_equal(ks_path_check_trusted(scratch_path(&scratch, "one"), &resolved, &problem), KS_ERR_INVALID);
	assert_string_equal(problem.text, "is one symbolic link too many");
	assert_int_equal(ks_path_check_trusted(scratch_path(&scratch, "longer"), &resolved, &problem), KS_ERR_INVALID);
	assert_null(resolved);
}

static void test_path_trusted_is_a_regular_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(scratch_path(&scratch, "good/fifo"), 0600), 0);
	assert_refused("good", KS_ERR_INVALID, "good", "is not a regular file");
	assert_refused("good/", KS_ERR_INVALID, "good", "is not a regular file");
	assert_refused("good/fifo", KS_ERR_INVALID, "good/fifo", "is not a regular file");
	assert_refused_path("/", KS_ERR_INVALID, "/", "is not a regular file");
}

static void test_path_trusted_file_is_no_folder(void **state)
{
	(void)state;
	assert_refused("good/file/", KS_ERR_INVALID, "good/file", "is not a folder");
	assert_refused("good/file/more", KS_ERR_INVALID, "good/file", "is not a folder");
	assert_refused("good/file/../file", KS_ERR_INVALID, "good/file", "is not a folder");
}

static void test_path_trusted_is_absolute(void **state)
{
	(void)state;
	assert_refused_path("good/file", KS_ERR_INVALID, "good/file", "is not an absolute path");
	assert_refused_path("", KS_ERR_INVALID, "", "is not an absolute path");
}

static void test_path_trusted_refuses_what_is_too_long(void **state)
{
	(void)state;
	char *resolved = NULL;
	struct ks_path_problem problem = { 0 };
	char path[6000];
	for (size_t i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 == 0 ? '/' : '.';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(ks_path_check_trusted(path, &resolved, &problem), KS_ERR_INVALID);
	assert_string_equal(problem.text, "is too long");
	assert_int_equal(strlen(problem.path), sizeof(problem.path) - 1);
	/* One name that is too long for any folder. */
	memset(path, 'a', 1000);
	path[0] = '/';
	path[1000] = '\0';
	assert_true(ks_path_check_trusted(path, &resolved, &problem) < 0);
	assert_null(resolved);
}

struct visit {
	char path[1024];
	int error;
};

static int visit_as_stranger(void *argument)
{
	const struct visit *visit = argument;
	char *resolved = NULL;
	struct ks_path_problem problem;
	if (child_become(STRANGER) < 0)
		return 1;
	return ks_path_check_trusted(visit->path, &resolved, &problem) == visit->error ? 0 : 2;
}

static void test_path_trusted_file_of_root_is_trusted_by_everybody(void **state)
{
	(void)state;
	struct visit visit = { .error = 0 };
	if (geteuid() != 0)
		skip(); /* only root can make root's files */
	assert_int_equal(chmod(scratch.path, 0755), 0);
	(void)snprintf(visit.path, sizeof(visit.path), "%s", scratch_path(&scratch, "good/file"));
	assert_int_equal(child_run(visit_as_stranger, &visit), 0);
	/* Not that of a third one, though root can read it. */
	assert_int_equal(chown(visit.path, STRANGER + 1, 0), 0);
	visit.error = KS_ERR_UNTRUSTED_PATH;
	assert_int_equal(child_run(visit_as_stranger, &visit), 0);
}

static void test_path_trusted_tells_that_it_may_not_look(void **state)
{
	(void)state;
	struct visit visit = { .error = KS_ERR_DENIED };
	if (geteuid() != 0)
		skip(); /* only root can become one who may not */
	assert_int_equal(chmod(scratch.path, 0755), 0);
	assert_int_equal(chmod(scratch_path(&scratch, "good"), 0700), 0);
	(void)snprintf(visit.path, sizeof(visit.path), "%s", scratch_path(&scratch, "good/file"));
	assert_int_equal(child_run(visit_as_stranger, &visit), 0);
}

static void test_path_trusted_leaves_no_descriptor_open(void **state)
{
	(void)state;
	int before = dup(0);
	(void)close(before);
	scratch_link(&scratch, "absolute", scratch_path(&scratch, "good/file"));
	assert_trusted("absolute", "good/file");
	assert_trusted("good/../absolute", "good/file");
	assert_refused("good/none", KS_ERR_NOT_FOUND, "good/none", "does not exist");
	assert_refused("open/none", KS_ERR_UNTRUSTED_PATH, "open", "is writable by everybody");
	int after = dup(0);
	(void)close(after);
	assert_int_equal(before, after);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_path_trusted_file_of_ours_in_folders_of_ours),
		TEST(test_path_trusted_path_is_made_plain),
		TEST(test_path_untrusted_file_that_others_may_write_to),
		TEST(test_path_untrusted_folder_anywhere_above),
		TEST(test_path_trusted_below_a_sticky_folder),
		TEST(test_path_untrusted_below_a_sticky_folder_when_it_is_a_strangers),
		TEST(test_path_untrusted_owner),
		TEST(test_path_trusted_links_lead_to_the_resolved_path),
		TEST(test_path_untrusted_link_in_a_folder_that_others_may_write_to),
		TEST(test_path_untrusted_link_in_the_middle_of_a_chain),
		TEST(test_path_untrusted_target_of_a_link),
		TEST(test_path_untrusted_link_of_a_stranger),
		TEST(test_path_trusted_tells_what_is_missing),
		TEST(test_path_trusted_links_in_a_circle_end),
		TEST(test_path_trusted_is_a_regular_file),
		TEST(test_path_trusted_file_is_no_folder),
		TEST(test_path_trusted_is_absolute),
		TEST(test_path_trusted_refuses_what_is_too_long),
		TEST(test_path_trusted_file_of_root_is_trusted_by_everybody),
		TEST(test_path_trusted_tells_that_it_may_not_look),
		TEST(test_path_trusted_leaves_no_descriptor_open),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
