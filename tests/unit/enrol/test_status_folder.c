/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of enrol/status/status_folder.h: what is kept, what is told as changed, and what goes. */
#include "enrol/status/status_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"

static char root[] = "/tmp/status folder-XXXXXX";
static char *folder;

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(root));
	folder = ks_path_join(root, "status");
	return folder ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status;
	(void)type;
	(void)where;
	return remove(path);
}

static int teardown(void **state)
{
	(void)state;
	free(folder);
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static bool is_there(const char *name)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, name);

	return access(path, F_OK) == 0;
}

static void write_text(const char *name, const char *text, bool expected)
{
	bool changed = false;

	assert_int_equal(ks_status_folder_write(folder, name, ks_bytes_text(text), &changed), 0);
	assert_int_equal(changed, expected);
}

static void test_status_folder_tells_what_changed(void **state)
{
	KS_AUTO_FREE char *content = NULL;
	char name[KS_STATUS_NAME_MAX];
	struct stat status;
	size_t size = 0;
	int64_t asked_s = 0;

	(void)state;
	assert_int_equal(ks_status_folder_name(ks_bytes_text("http://ca.example/1.crl"), ".crl", name), 0);
	assert_int_equal(strlen(name), 68);
	assert_int_equal(ks_status_folder_read(folder, name, 100, &content, &size, &asked_s), KS_ERR_NOT_FOUND);
	write_text(name, "one", true);
	assert_int_equal(stat(folder, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	write_text(name, "one", false);
	write_text(name, "two", true);
	assert_int_equal(ks_status_folder_read(folder, name, 100, &content, &size, &asked_s), 0);
	assert_string_equal(content, "two");
	assert_in_range(asked_s, time(NULL) - 60, time(NULL) + 60);
}

/* The same answer again: it was asked for now. */
static void test_status_folder_knows_when_it_was_asked(void **state)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	KS_AUTO_FREE char *content = NULL;
	KS_AUTO_FREE char *again = NULL;
	char name[KS_STATUS_NAME_MAX];
	size_t size = 0;
	int64_t asked_s = 0;

	(void)state;
	assert_int_equal(ks_status_folder_name(ks_bytes_text("x"), ".ocsp", name), 0);
	write_text(name, "said", true);
	KS_AUTO_FREE char *path = ks_path_join(folder, name);
	assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
	assert_int_equal(ks_status_folder_read(folder, name, 100, &content, &size, &asked_s), 0);
	assert_int_equal(asked_s, 1000);
	write_text(name, "said", false);
	assert_int_equal(ks_status_folder_read(folder, name, 100, &again, &size, &asked_s), 0);
	assert_true(asked_s > 1000);
}

static void test_status_folder_lets_go_of_what_is_over(void **state)
{
	char first[KS_STATUS_NAME_MAX], second[KS_STATUS_NAME_MAX], third[KS_STATUS_NAME_MAX];

	(void)state;
	assert_int_equal(ks_status_folder_name(ks_bytes_text("1"), ".ocsp", first), 0);
	assert_int_equal(ks_status_folder_name(ks_bytes_text("2"), ".ocsp", second), 0);
	assert_int_equal(ks_status_folder_name(ks_bytes_text("3"), ".crl", third), 0);
	write_text(first, "1", true);
	write_text(second, "2", true);
	write_text(third, "3", true);
	assert_int_equal(ks_status_folder_keep(folder, first, 100, 50), 0);
	assert_int_equal(ks_status_folder_keep(folder, third, 200, 50), 0);
	assert_int_equal(ks_status_folder_keep(folder, third, 150, 50), 0); /* another certificate, that ends before */
	assert_int_equal(ks_status_folder_keep(folder, second, 300, 99), 0);
	assert_true(is_there(first));
	assert_int_equal(ks_status_folder_keep(folder, second, 300, 100), 0);
	assert_false(is_there(first));
	assert_true(is_there(third));
	assert_int_equal(ks_status_folder_keep(folder, second, 300, 199), 0);
	assert_true(is_there(third));
	assert_int_equal(ks_status_folder_keep(folder, second, 300, 200), 0);
	assert_false(is_there(third));
	assert_true(is_there(second));
}

/* The file of what is known may have been written by anybody who has this folder. */
static void test_status_folder_removes_nothing_but_its_own(void **state)
{
	static const char known[] = "../precious 1\nprecious 1\n/precious 1\n\nnonsense\n \n";
	KS_AUTO_FREE char *list = ks_path_join(folder, "known");
	KS_AUTO_FREE char *precious = ks_path_join(root, "precious");
	KS_AUTO_FREE char *inside = ks_path_join(folder, "precious");
	char name[KS_STATUS_NAME_MAX];

	(void)state;
	assert_int_equal(ks_path_write_file(precious, ks_bytes_text("x"), 0600), 0);
	assert_int_equal(ks_path_write_file(inside, ks_bytes_text("x"), 0600), 0);
	assert_int_equal(ks_path_write_file(list, ks_bytes_text(known), 0600), 0);
	assert_int_equal(ks_status_folder_name(ks_bytes_text("1"), ".ocsp", name), 0);
	write_text(name, "said", true);
	assert_int_equal(ks_status_folder_keep(folder, name, 100, 50), 0);
	assert_int_equal(access(precious, F_OK), 0);
	assert_int_equal(access(inside, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_folder_tells_what_changed),
		cmocka_unit_test(test_status_folder_knows_when_it_was_asked),
		cmocka_unit_test(test_status_folder_lets_go_of_what_is_over),
		cmocka_unit_test(test_status_folder_removes_nothing_but_its_own),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
