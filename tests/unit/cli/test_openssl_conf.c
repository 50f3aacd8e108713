/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration is the system's, where ours is kept, and that ours are never nested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "cli/openssl_conf.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "tests/unit/cli/cli_test.h"

struct bench {
	char *folder;
	char *came_from; /* working directory */
	struct ks_openssl_note error;
	struct ks_openssl_note warning;
};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	assert_non_null(bench);
	bench->folder = cli_test_folder();
	bench->came_from = getcwd(NULL, 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", bench->folder, 1), 0);
	assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(chdir(bench->came_from), 0);
	cli_test_remove(bench->folder);
	free(bench->came_from);
	free(bench);
	return 0;
}

/* Given; NULL for none. */
static char *find_system(struct bench *bench)
{
	char *path = NULL;

	assert_int_equal(ks_openssl_conf_system(&path, &bench->error), 0);
	return path;
}

static void test_openssl_conf_uses_the_one_of_the_environment(void **state)
{
	KS_AUTO_FREE char *file = cli_test_write(((struct bench *)*state)->folder, "my.cnf", "");

	assert_int_equal(setenv("OPENSSL_CONF", file, 1), 0);
	KS_AUTO_FREE char *path = find_system(*state);
	assert_string_equal(path, file);
}

static void test_openssl_conf_makes_a_relative_path_absolute(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *file = cli_test_write(bench->folder, "my.cnf", "");

	assert_int_equal(chdir(bench->folder), 0);
	assert_int_equal(setenv("OPENSSL_CONF", "my.cnf", 1), 0);
	KS_AUTO_FREE char *path = find_system(bench);
	assert_string_equal(path, file);
}

static void test_openssl_conf_empty_or_missing_means_none(void **state)
{
	assert_int_equal(setenv("OPENSSL_CONF", "", 1), 0);
	assert_null(find_system(*state));
	assert_int_equal(setenv("OPENSSL_CONF", "/nonexistent/x.cnf", 1), 0);
	assert_null(find_system(*state));
}

static void test_openssl_conf_falls_back_to_libcryptos_own(void **state)
{
	KS_AUTO_FREE char *path = find_system(*state);

	if (access("/usr/lib/ssl/openssl.cnf", F_OK) == 0)
		assert_string_equal(path, "/usr/lib/ssl/openssl.cnf");
	else
		assert_true(!path || path[0] == '/');
}

static char *write_ours(struct bench *bench, const char *system)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	char *path = NULL;

	assert_int_equal(
		ks_openssl_sections_write(system, "/x/keystay.so", NULL, &text, &bench->warning, &bench->error), 0);
	assert_int_equal(ks_openssl_conf_write(ks_buffer_bytes(&text), &path, &bench->error), 0);
	return path;
}

static void test_openssl_conf_of_ours_stands_for_what_it_was_made_from(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *system = cli_test_write(bench->folder, "a b.cnf", "x = y\n");
	KS_AUTO_FREE char *ours = write_ours(bench, system);

	assert_int_equal(setenv("OPENSSL_CONF", ours, 1), 0);
	KS_AUTO_FREE char *path = find_system(bench);
	assert_string_equal(path, system);
	/* Made again from there it is the same file: nothing is nested. */
	KS_AUTO_FREE char *again = write_ours(bench, path);
	assert_string_equal(again, ours);
}

static void test_openssl_conf_of_ours_without_a_system_file(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *ours = write_ours(bench, NULL);

	assert_int_equal(setenv("OPENSSL_CONF", ours, 1), 0);
	assert_null(find_system(bench));
}

static void test_openssl_conf_that_only_names_keystay_is_the_systems(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *file = cli_test_write(bench->folder, "k.cnf", "# keystay\n" KS_OPENSSL_MARK "\n");

	assert_int_equal(setenv("OPENSSL_CONF", file, 1), 0);
	KS_AUTO_FREE char *path = find_system(bench);
	assert_string_equal(path, file);
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void test_openssl_conf_is_kept_in_a_private_folder(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *runtime = ks_path_join(bench->folder, "keystay");
	KS_AUTO_FREE char *folder = ks_path_join(bench->folder, "keystay/openssl");
	KS_AUTO_FREE char *path = write_ours(bench, NULL);

	assert_memory_equal(path, folder, strlen(folder));
	assert_string_equal(path + strlen(path) - 4, ".cnf");
	assert_int_equal(strlen(path), strlen(folder) + 1 + 16 + 4);
	assert_int_equal(mode_of(runtime), 0700);
	assert_int_equal(mode_of(folder), 0700);
	assert_int_equal(mode_of(path), 0600);
}

static void test_openssl_conf_is_written_once_and_mended_when_changed(void **state)
{
	struct bench *bench = *state;
	struct stat first;
	struct stat second;
	KS_AUTO_FREE char *path = write_ours(bench, NULL);

	assert_int_equal(stat(path, &first), 0);
	KS_AUTO_FREE char *again = write_ours(bench, NULL);
	assert_string_equal(again, path);
	assert_int_equal(stat(path, &second), 0);
	assert_int_equal(first.st_ino, second.st_ino);
	FILE *file = fopen(path, "a");
	assert_non_null(file);
	(void)fputs("evil = yes\n", file);
	(void)fclose(file);
	KS_AUTO_FREE char *mended = write_ours(bench, NULL);
	KS_AUTO_FREE char *text = NULL;
	size_t size;
	assert_string_equal(mended, path);
	assert_int_equal(ks_path_read_file(path, 1 << 16, &text, &size), 0);
	cli_test_assert_no_part(text, "evil");
}

static void test_openssl_conf_refuses_a_folder_of_others(void **state)
{
	struct bench *bench = *state;
	KS_AUTO_FREE char *runtime = ks_path_join(bench->folder, "keystay");
	char *path = NULL;

	assert_int_equal(mkdir(runtime, 0700), 0);
	assert_int_equal(chmod(runtime, 0777), 0);
	assert_int_equal(ks_openssl_conf_write(ks_bytes_text("x"), &path, &bench->error), KS_ERR_UNTRUSTED_PATH);
	cli_test_assert_part(bench->error.text, runtime);
	assert_null(path);
}

static void test_openssl_conf_needs_a_runtime_folder(void **state)
{
	struct bench *bench = *state;
	char place[64];
	char *path = NULL;

	(void)snprintf(place, sizeof(place), "/run/user/%u", (unsigned)getuid());
	if (access(place, F_OK) == 0)
		skip();
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_int_equal(ks_openssl_conf_write(ks_bytes_text("x"), &path, &bench->error), KS_ERR_NOT_FOUND);
	cli_test_assert_part(bench->error.text, "XDG_RUNTIME_DIR is not set");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_openssl_conf_uses_the_one_of_the_environment),
		TEST(test_openssl_conf_makes_a_relative_path_absolute),
		TEST(test_openssl_conf_empty_or_missing_means_none),
		TEST(test_openssl_conf_falls_back_to_libcryptos_own),
		TEST(test_openssl_conf_of_ours_stands_for_what_it_was_made_from),
		TEST(test_openssl_conf_of_ours_without_a_system_file),
		TEST(test_openssl_conf_that_only_names_keystay_is_the_systems),
		TEST(test_openssl_conf_is_kept_in_a_private_folder),
		TEST(test_openssl_conf_is_written_once_and_mended_when_changed),
		TEST(test_openssl_conf_refuses_a_folder_of_others),
		TEST(test_openssl_conf_needs_a_runtime_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
