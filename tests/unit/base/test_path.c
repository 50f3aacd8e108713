/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/path.h"

#include <dirent.h>
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

static struct scratch scratch;

static int set_up(void **state)
{
	static const char *const variables[] = { "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",     "XDG_STATE_HOME", "HOME",
						 "KEYSTAY_SOCK",    "KEYSTAY_CONTROL_SOCK" };
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
	scratch_init(&scratch);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_deinit(&scratch);
	return 0;
}

static void assert_place(int (*place)(char **), const char *expected)
{
	KS_AUTO_FREE char *path = NULL;
	assert_int_equal(place(&path), 0);
	assert_string_equal(path, expected);
}

static void test_path_runtime_is_below_the_variable(void **state)
{
	(void)state;
	(void)setenv("XDG_RUNTIME_DIR", "/some/where", 1);
	assert_place(ks_path_runtime, "/some/where/keystay");
	(void)setenv("XDG_RUNTIME_DIR", "/some/where/", 1);
	assert_place(ks_path_runtime, "/some/where/keystay");
}

static void test_path_runtime_falls_back_to_the_users_folder(void **state)
{
	(void)state;
	/* A relative one is invalid, says the XDG specification, and is passed over. */
	static const char *const useless[] = { NULL, "", "relative/path" };
	char folder[64];
	char expected[80];
	(void)snprintf(folder, sizeof(folder), "/run/user/%u", geteuid());
	(void)snprintf(expected, sizeof(expected), "%s/keystay", folder);
	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		KS_AUTO_FREE char *path = NULL;
		if (useless[i])
			(void)setenv("XDG_RUNTIME_DIR", useless[i], 1);
		int r = ks_path_runtime(&path);
		if (access(folder, F_OK) == 0) {
			assert_int_equal(r, 0);
			assert_string_equal(path, expected);
		} else {
			assert_int_equal(r, KS_ERR_NOT_FOUND);
			assert_null(path);
		}
	}
}

static void test_path_of_the_user_follows_xdg_then_home(void **state)
{
	(void)state;
	(void)setenv("HOME", "/home/somebody", 1);
	assert_place(ks_path_config_home, "/home/somebody/.config/keystay");
	assert_place(ks_path_state_home, "/home/somebody/.local/state/keystay");
	(void)setenv("XDG_CONFIG_HOME", "/c", 1);
	(void)setenv("XDG_STATE_HOME", "/s", 1);
	assert_place(ks_path_config_home, "/c/keystay");
	assert_place(ks_path_state_home, "/s/keystay");
	(void)setenv("XDG_CONFIG_HOME", "c", 1);
	(void)setenv("XDG_STATE_HOME", "", 1);
	assert_place(ks_path_config_home, "/home/somebody/.config/keystay");
	assert_place(ks_path_state_home, "/home/somebody/.local/state/keystay");
}

static void test_path_of_the_user_is_found_without_home(void **state)
{
	(void)state;
	KS_AUTO_FREE char *path = NULL;
	if (geteuid() != 0)
		skip(); /* only root's folder is known for sure */
	assert_int_equal(ks_path_config_home(&path), 0);
	assert_string_equal(path, "/root/.config/keystay");
}

static void test_path_of_sockets_is_the_variable_or_below_runtime(void **state)
{
	(void)state;
	(void)setenv("XDG_RUNTIME_DIR", "/run/me", 1);
	assert_place(ks_path_sign_socket, "/run/me/keystay/sign/agent.sock");
	assert_place(ks_path_control_socket, "/run/me/keystay/control/control.sock");
	(void)setenv("KEYSTAY_SOCK", "/tmp/s", 1);
	(void)setenv("KEYSTAY_CONTROL_SOCK", "/tmp/c", 1);
	assert_place(ks_path_sign_socket, "/tmp/s");
	assert_place(ks_path_control_socket, "/tmp/c");
	/* Relative to whatever folder a program happens to be in: not meant. */
	(void)setenv("KEYSTAY_SOCK", "s", 1);
	(void)setenv("KEYSTAY_CONTROL_SOCK", "", 1);
	assert_place(ks_path_sign_socket, "/run/me/keystay/sign/agent.sock");
	assert_place(ks_path_control_socket, "/run/me/keystay/control/control.sock");
}

static void test_path_own_folder_holds_this_program(void **state)
{
	(void)state;
	KS_AUTO_FREE char *folder = NULL;
	assert_int_equal(ks_path_own_folder(&folder), 0);
	KS_AUTO_FREE char *program = ks_path_join(folder, "test_base_path");
	assert_int_equal(access(program, X_OK), 0);
}

static void test_path_join_puts_one_slash_between(void **state)
{
	(void)state;
	static const char *const cases[][3] = {
		{ "/a", "b", "/a/b" }, { "/a/", "b", "/a/b" }, { "/", "b", "/b" }, { "", "b", "/b" }
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		KS_AUTO_FREE char *path = ks_path_join(cases[i][0], cases[i][1]);
		assert_string_equal(path, cases[i][2]);
	}
}

static mode_t mode_of(const char *name)
{
	struct stat status;
	assert_int_equal(stat(scratch_path(&scratch, name), &status), 0);
	return status.st_mode & 07777;
}

static void test_path_private_folder_is_made_closed_to_others(void **state)
{
	(void)state;
	mode_t before = umask(0);
	int r = ks_path_make_private(scratch_path(&scratch, "new"));
	(void)umask(before);
	assert_int_equal(r, 0);
	assert_int_equal(mode_of("new"), 0700);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "new")), 0);
}

static void test_path_private_folder_that_is_open_is_refused_not_repaired(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0755, 0750, 0710, 0701, 0770, 0702, 0777, 01777 };
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "open%zu", i);
		scratch_folder(&scratch, name, modes[i]);
		assert_int_equal(ks_path_make_private(scratch_path(&scratch, name)), KS_ERR_UNTRUSTED_PATH);
		assert_int_equal(mode_of(name), modes[i]);
	}
	scratch_folder(&scratch, "narrow", 0500);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "narrow")), 0);
}

static void test_path_private_folder_is_no_link_and_no_file(void **state)
{
	(void)state;
	scratch_folder(&scratch, "real", 0700);
	scratch_link(&scratch, "link", "real");
	scratch_link(&scratch, "dangling", "nowhere");
	scratch_file(&scratch, "file", "", 0600);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "link")), KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "link/")), KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "dangling")), KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "file")), KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "real//")), 0);
	assert_int_equal(access(scratch_path(&scratch, "nowhere"), F_OK), -1);
}

static void test_path_private_folder_of_another_user_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a folder away */
	scratch_folder(&scratch, "theirs", 0700);
	assert_int_equal(chown(scratch_path(&scratch, "theirs"), 12321, 12321), 0);
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "theirs")), KS_ERR_UNTRUSTED_PATH);
}

static void test_path_private_folder_does_not_make_its_ancestors(void **state)
{
	(void)state;
	assert_int_equal(ks_path_make_private(scratch_path(&scratch, "no/such")), KS_ERR_NOT_FOUND);
}

static void test_path_private_all_makes_what_is_missing(void **state)
{
	(void)state;
	scratch_folder(&scratch, "there", 0755);
	assert_int_equal(ks_path_make_private_all(scratch_path(&scratch, "there/a/b//c/")), 0);
	assert_int_equal(mode_of("there"), 0755);
	assert_int_equal(mode_of("there/a"), 0700);
	assert_int_equal(mode_of("there/a/b"), 0700);
	assert_int_equal(mode_of("there/a/b/c"), 0700);
	assert_int_equal(ks_path_make_private_all(scratch_path(&scratch, "there/a/b/c")), 0);
	assert_int_equal(ks_path_make_private_all(scratch_path(&scratch, "there")), KS_ERR_UNTRUSTED_PATH);
	scratch_file(&scratch, "file", "", 0600);
	assert_true(ks_path_make_private_all(scratch_path(&scratch, "file/a")) < 0);
}

static void test_path_read_file_gives_all_of_it_with_a_nul_behind(void **state)
{
	(void)state;
	static const char content[] = "one\0two";
	KS_AUTO_FREE char *text = NULL;
	size_t size = 77;
	assert_int_equal(ks_path_write_file(scratch_path(&scratch, "file"), ks_bytes(content, 7), 0600), 0);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "file"), 7, &text, &size), 0);
	assert_int_equal(size, 7);
	assert_memory_equal(text, content, 8);
}

static void test_path_read_file_of_an_empty_one_is_an_empty_text(void **state)
{
	(void)state;
	KS_AUTO_FREE char *text = NULL;
	size_t size = 77;
	scratch_file(&scratch, "empty", "", 0600);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "empty"), 0, &text, &size), 0);
	assert_int_equal(size, 0);
	assert_string_equal(text, "");
}

static void test_path_read_file_refuses_one_byte_too_many(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size = 77;
	scratch_file(&scratch, "file", "12345678", 0600);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "file"), 7, &text, &size), KS_ERR_TOO_LARGE);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "file"), 0, &text, &size), KS_ERR_TOO_LARGE);
	assert_null(text);
	assert_int_equal(size, 77);
}

static void test_path_read_file_reads_long_ones_in_pieces(void **state)
{
	(void)state;
	enum { SIZE = 100000 };
	KS_AUTO_FREE char *content = malloc(SIZE);
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	assert_non_null(content);
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (char)('a' + i % 23);
	assert_int_equal(ks_path_write_file(scratch_path(&scratch, "long"), ks_bytes(content, SIZE), 0600), 0);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "long"), SIZE, &text, &size), 0);
	assert_int_equal(size, SIZE);
	assert_memory_equal(text, content, SIZE);
}

static void test_path_read_file_does_not_believe_the_size_it_is_told(void **state)
{
	(void)state;
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	/* A regular file whose status says 0 bytes. */
	assert_int_equal(ks_path_read_file("/proc/self/status", 65536, &text, &size), 0);
	assert_true(size > 0);
}

static void test_path_read_file_takes_regular_files_only(void **state)
{
	(void)state;
	char *text = NULL;
	size_t size = 77;
	scratch_folder(&scratch, "folder", 0700);
	assert_int_equal(mkfifo(scratch_path(&scratch, "fifo"), 0600), 0);
	/* Nobody writes to it: a read that waited would never end. */
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "fifo"), 10, &text, &size), KS_ERR_INVALID);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "folder"), 10, &text, &size), KS_ERR_INVALID);
	assert_int_equal(ks_path_read_file("/dev/null", 10, &text, &size), KS_ERR_INVALID);
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "none"), 10, &text, &size), KS_ERR_NOT_FOUND);
	assert_null(text);
	assert_int_equal(size, 77);
}

static int read_as_somebody(void *argument)
{
	char *text = NULL;
	size_t size = 0;
	if (geteuid() == 0 && child_become(12321) < 0)
		return 1;
	return ks_path_read_file(argument, 10, &text, &size) == KS_ERR_DENIED ? 0 : 2;
}

static void test_path_read_file_tells_that_it_may_not(void **state)
{
	(void)state;
	char path[1024];
	scratch_file(&scratch, "closed", "", 0000);
	assert_int_equal(chmod(scratch.path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s", scratch_path(&scratch, "closed"));
	assert_int_equal(child_run(read_as_somebody, path), 0);
}

static int n_names(const char *folder)
{
	DIR *names = opendir(folder);
	int n = 0;
	assert_non_null(names);
	for (const struct dirent *entry = readdir(names); entry; entry = readdir(names))
		n += entry->d_name[0] != '.';
	(void)closedir(names);
	return n;
}

static void test_path_write_file_has_the_mode_it_was_told(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0600, 0644, 0640 };
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		mode_t before = umask(0077);
		int r = ks_path_write_file(scratch_path(&scratch, "file"), ks_bytes("x", 1), modes[i]);
		(void)umask(before);
		assert_int_equal(r, 0);
		assert_int_equal(mode_of("file"), modes[i]);
	}
	assert_int_equal(n_names(scratch.path), 1);
}

static void test_path_write_file_replaces_a_link_and_spares_its_target(void **state)
{
	(void)state;
	struct stat status;
	KS_AUTO_FREE char *text = NULL;
	size_t size;
	scratch_file(&scratch, "target", "old", 0600);
	scratch_link(&scratch, "link", "target");
	assert_int_equal(ks_path_write_file(scratch_path(&scratch, "link"), ks_bytes("new", 3), 0600), 0);
	assert_int_equal(lstat(scratch_path(&scratch, "link"), &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_int_equal(ks_path_read_file(scratch_path(&scratch, "target"), 10, &text, &size), 0);
	assert_string_equal(text, "old");
}

static void test_path_write_file_that_fails_leaves_nothing_behind(void **state)
{
	(void)state;
	scratch_folder(&scratch, "folder", 0700);
	assert_true(ks_path_write_file(scratch_path(&scratch, "folder"), ks_bytes("x", 1), 0600) < 0);
	assert_int_equal(n_names(scratch.path), 1);
	assert_int_equal(ks_path_write_file(scratch_path(&scratch, "no/file"), ks_bytes("x", 1), 0600),
			 KS_ERR_NOT_FOUND);
}

static void test_path_write_file_takes_a_name_without_a_folder(void **state)
{
	(void)state;
	char before[1024];
	assert_non_null(getcwd(before, sizeof(before)));
	assert_int_equal(chdir(scratch.path), 0);
	int r = ks_path_write_file("bare", KS_BYTES_NONE, 0600);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(r, 0);
	assert_int_equal(access(scratch_path(&scratch, "bare"), F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_path_runtime_is_below_the_variable),
		TEST(test_path_runtime_falls_back_to_the_users_folder),
		TEST(test_path_of_the_user_follows_xdg_then_home),
		TEST(test_path_of_the_user_is_found_without_home),
		TEST(test_path_of_sockets_is_the_variable_or_below_runtime),
		TEST(test_path_own_folder_holds_this_program),
		TEST(test_path_join_puts_one_slash_between),
		TEST(test_path_private_folder_is_made_closed_to_others),
		TEST(test_path_private_folder_that_is_open_is_refused_not_repaired),
		TEST(test_path_private_folder_is_no_link_and_no_file),
		TEST(test_path_private_folder_of_another_user_is_refused),
		TEST(test_path_private_folder_does_not_make_its_ancestors),
		TEST(test_path_private_all_makes_what_is_missing),
		TEST(test_path_read_file_gives_all_of_it_with_a_nul_behind),
		TEST(test_path_read_file_of_an_empty_one_is_an_empty_text),
		TEST(test_path_read_file_refuses_one_byte_too_many),
		TEST(test_path_read_file_reads_long_ones_in_pieces),
		TEST(test_path_read_file_does_not_believe_the_size_it_is_told),
		TEST(test_path_read_file_takes_regular_files_only),
		TEST(test_path_read_file_tells_that_it_may_not),
		TEST(test_path_write_file_has_the_mode_it_was_told),
		TEST(test_path_write_file_replaces_a_link_and_spares_its_target),
		TEST(test_path_write_file_that_fails_leaves_nothing_behind),
		TEST(test_path_write_file_takes_a_name_without_a_folder),
	};
#undef TEST
	return cmocka_run_group_tests(tests, NULL, NULL);
}
