/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/settings.h: which files are read, in which order, and that nobody else may have written them. */
#include "agent/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/settings_private.h"
#include "lib/base/text.h"
#include "tests/unit/agent/folder.h"

#define AUTO_SETTINGS KS_CLEANUP(ks_settings_freep) struct ks_settings *

struct places {
	struct test_folder folder;
	char vendor[300], etc[300], user[300];
};

static int setup(void **state)
{
	struct places *places = calloc(1, sizeof(*places));
	assert_non_null(places);
	test_folder_init(&places->folder);
	(void)snprintf(places->vendor, sizeof(places->vendor), "%s/vendor", places->folder.path);
	(void)snprintf(places->etc, sizeof(places->etc), "%s/etc", places->folder.path);
	(void)snprintf(places->user, sizeof(places->user), "%s/user", places->folder.path);
	*state = places;
	return 0;
}

static int teardown(void **state)
{
	struct places *places = *state;
	test_folder_deinit(&places->folder);
	free(places);
	return 0;
}

static int try_read(const struct places *places, struct ks_settings **ret_settings, struct ks_settings_error *error)
{
	const struct ks_settings_folders folders = { .vendor = places->vendor,
						     .etc = places->etc,
						     .user = places->user };
	return ks_settings_read_from(&folders, ret_settings, error);
}

static struct ks_settings *read_places(const struct places *places)
{
	struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	int r = try_read(places, &settings, &error);
	if (r < 0)
		print_error("%s\n", error.text);
	assert_int_equal(r, 0);
	return settings;
}

/* error: what is said, with the test's folder written as "@". */
static void assert_error(const struct places *places, const char *said, const char *error)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	size_t size = strlen(places->folder.path);
	for (const char *at = said; *at;) {
		bool here = strncmp(at, places->folder.path, size) == 0;
		ks_buffer_put_u8(&text, here ? '@' : (uint8_t)*at);
		at += here ? size : 1;
	}
	ks_buffer_put_u8(&text, '\0');
	assert_string_equal((const char *)text.data, error);
}

/* --- order ------------------------------------------------------------------------------------------------------- */

static void test_files_that_do_not_exist_are_no_error(void **state)
{
	const struct places *places = *state;
	char expected[512];
	AUTO_SETTINGS settings = read_places(places);

	assert_int_equal(settings->n_modules, 0);
	(void)snprintf(expected, sizeof(expected),
		       "no configuration file was found; no PKCS#11 module is named, add a [module] section to "
		       "%s/keystay.conf",
		       places->user);
	assert_string_equal(settings->summary, expected);
	/* All the same certs/ may be there, or come before a reload. */
	assert_int_equal(settings->n_certificate_folders, 3);
	(void)snprintf(expected, sizeof(expected), "%s/certs", places->vendor);
	assert_string_equal(settings->certificate_folders[0], expected);
	(void)snprintf(expected, sizeof(expected), "%s/certs", places->user);
	assert_string_equal(settings->certificate_folders[2], expected);
}

/* Of keystay-agent --system: no user's file; only sockets that are named, with the keys that they name, and nobody there. */
static void test_files_of_the_system_give_nothing_by_themselves(void **state)
{
	const struct places *places = *state;
	const struct ks_settings_folders folders = { .vendor = places->vendor, .etc = places->etc, .is_system = true };
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "etc/keystay.conf",
			       "[socket \"web\"]\nusers = 4242\nkeys = web-*\n[socket \"bare\"]\n");
	test_folder_write_text(&places->folder, "user/keystay.conf", "this is no configuration\n");
	assert_int_equal(ks_settings_read_from(&folders, &settings, &error), 0);
	assert_true(settings->is_system);
	assert_int_equal(settings->n_sockets, 2);
	const struct ks_settings_socket *web = ks_settings_socket_of(settings, "web");
	const struct ks_settings_socket *bare = ks_settings_socket_of(settings, "bare");
	assert_true(ks_settings_socket_has(web, "web-1"));
	assert_false(ks_settings_socket_has(web, "mail"));
	assert_false(ks_settings_socket_has(bare, "web-1"));
	assert_false(web->prompt);
	assert_false(web->has_person);
	assert_null(ks_settings_socket_of(settings, "agent"));
}

/* Each step is overridden by the next: what is read last tells the order. */
static void test_files_are_read_vendor_first_and_drop_ins_by_name(void **state)
{
	const struct places *places = *state;
	static const char *const order[] = {
		"vendor/keystay.conf",
		"vendor/keystay.conf.d/10-a.conf",
		"etc/keystay.conf",
		"etc/keystay.conf.d/10-a.conf",
		"etc/keystay.conf.d/9-b.conf",
		"etc/keystay.conf.d/B.conf",
		"etc/keystay.conf.d/a.conf",
		"user/keystay.conf",
		"user/keystay.conf.d/x.conf",
	};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		char text[64];
		(void)snprintf(text, sizeof(text), "[agent]\nunlock-for = %zus\n", i + 1);
		test_folder_write_text(&places->folder, order[i], text);
		AUTO_SETTINGS settings = read_places(places);
		assert_int_equal(settings->unlock_for_ms, (i + 1) * 1000);
	}
	/* And from the end: each is what holds once those behind it are gone. */
	for (size_t i = sizeof(order) / sizeof(order[0]); i > 1; i--) {
		assert_int_equal(unlink(test_folder_path(&places->folder, order[i - 1])), 0);
		AUTO_SETTINGS settings = read_places(places);
		assert_int_equal(settings->unlock_for_ms, (i - 1) * 1000);
	}
}

static void test_files_of_other_names_are_not_read(void **state)
{
	const struct places *places = *state;
	static const char *const names[] = {
		"user/keystay.conf.d/x.conf~",
		"user/keystay.conf.d/.x.conf",
		"user/keystay.conf.d/x.txt",
		"user/keystay.conf.d/.conf",
		"user/other.conf",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		test_folder_write_text(&places->folder, names[i], "this is no configuration");
	AUTO_SETTINGS settings = read_places(places);
	assert_non_null(settings);
}

static void test_summary_names_all_files(void **state)
{
	const struct places *places = *state;
	test_folder_write_text(&places->folder, "etc/keystay.conf", "[module \"m\"]\npath = /m.so\n");
	AUTO_SETTINGS one = read_places(places);
	assert_error(places, one->summary, "@/etc/keystay.conf was read");
	test_folder_write_text(&places->folder, "user/keystay.conf", "");
	test_folder_write_text(&places->folder, "user/keystay.conf.d/a.conf", "");
	AUTO_SETTINGS three = read_places(places);
	assert_error(places, three->summary,
		     "@/etc/keystay.conf, @/user/keystay.conf and @/user/keystay.conf.d/a.conf were read");
}

/* status_reply.configuration has 1,024 bytes and wants valid text. */
static void test_summary_of_many_files_is_short_and_valid(void **state)
{
	const struct places *places = *state;
	for (unsigned i = 0; i < 40; i++) {
		char name[200] = "user/keystay.conf.d/";
		for (unsigned k = 0; k < 20; k++)
			strcat(name, i % 2 ? "\xc3\xab" : "x\xc3\xab");
		(void)snprintf(name + strlen(name), sizeof(name) - strlen(name), "%u.conf", i);
		test_folder_write_text(&places->folder, name, "");
	}
	AUTO_SETTINGS settings = read_places(places);
	assert_true(strlen(settings->summary) < 1024);
	assert_true(ks_text_valid(ks_bytes_text(settings->summary)));
	assert_non_null(strstr(settings->summary, " more files were read"));
}

/* --- trust ------------------------------------------------------------------------------------------------------- */

static void test_files_that_others_can_write_are_refused(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "user/keystay.conf", "[agent]\nkeep-pin = yes\n");
	assert_int_equal(chmod(test_folder_path(&places->folder, "user/keystay.conf"), 0620), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/user/keystay.conf: expected a regular file that only root and you can change, but "
		     "@/user/keystay.conf is writable by its group; run: chmod go-w @/user/keystay.conf");
	assert_int_equal(chmod(test_folder_path(&places->folder, "user/keystay.conf"), 0602), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_non_null(strstr(error.text, "is writable by everybody"));
	assert_null(settings);
}

static void test_files_in_folders_that_others_can_write_are_refused(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "user/keystay.conf.d/a.conf", "");
	assert_int_equal(chmod(test_folder_path(&places->folder, "user/keystay.conf.d"), 0777), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/user/keystay.conf.d/a.conf: expected a regular file that only root and you can change, but "
		     "@/user/keystay.conf.d is writable by everybody; run: chmod go-w @/user/keystay.conf.d");
}

static void test_files_of_other_users_are_refused(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	if (geteuid() != 0)
		skip(); /* only root can give files away */
	test_folder_write_text(&places->folder, "etc/keystay.conf", "");
	assert_int_equal(chown(test_folder_path(&places->folder, "etc/keystay.conf"), 65534, 65534), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/etc/keystay.conf: expected a regular file that only root and you can change, but "
		     "@/etc/keystay.conf belongs to uid 65534");
}

static void test_files_that_are_folders_or_fifos_are_refused_without_waiting(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "user/keystay.conf/x", "");
	test_folder_write_text(&places->folder, "etc/keystay.conf.d/a.conf", "");
	assert_int_equal(mkfifo(test_folder_path(&places->folder, "etc/keystay.conf.d/b.conf"), 0600), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/etc/keystay.conf.d/b.conf: expected a regular file that only root and you can change, but "
		     "@/etc/keystay.conf.d/b.conf is not a regular file\n"
		     "@/user/keystay.conf: expected a regular file that only root and you can change, but "
		     "@/user/keystay.conf is not a regular file");
}

static void test_files_that_are_links_to_nothing_are_refused(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "user/x", "");
	assert_int_equal(symlink("nothing", test_folder_path(&places->folder, "user/keystay.conf")), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/user/keystay.conf: expected a file, but it does not exist, or is a link to nothing");
}

static void test_files_may_be_links_to_good_files(void **state)
{
	const struct places *places = *state;
	test_folder_write_text(&places->folder, "dotfiles/my.conf", "[agent]\nkeep-pin = yes\n");
	test_folder_write_text(&places->folder, "user/x", "");
	assert_int_equal(symlink("../dotfiles/my.conf", test_folder_path(&places->folder, "user/keystay.conf")), 0);
	AUTO_SETTINGS settings = read_places(places);
	assert_true(settings->keep_pin);
}

static void test_files_of_more_than_a_megabyte_are_refused(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "user/keystay.conf", "");
	assert_int_equal(truncate(test_folder_path(&places->folder, "user/keystay.conf"), (1 << 20) + 1), 0);
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text, "@/user/keystay.conf: expected a file of at most 1048576 bytes");
}

static void test_mistakes_of_all_files_are_said(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "vendor/keystay.conf", "[agent]\nkeep-pin = 1\n");
	test_folder_write_text(&places->folder, "etc/keystay.conf.d/a.conf", "[enforce]\nkeep-pin = yes\n");
	test_folder_write_text(&places->folder, "user/keystay.conf", "[enforce]\nunlock-for = 1h\n");
	assert_int_equal(try_read(places, &settings, &error), KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/vendor/keystay.conf:2: keep-pin: expected yes or no, found \"1\"\n"
		     "@/etc/keystay.conf.d/a.conf:2: keep-pin: expected no, found \"yes\"\n"
		     "@/user/keystay.conf:1: [enforce]: expected in files of the administrator only (/etc/keystay), "
		     "found in a user's");
}

/* --- --config FILE ----------------------------------------------------------------------------------------------- */

static void test_one_file_replaces_all_places(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;
	char expected[512];

	test_folder_write_text(&places->folder, "alone/my.conf", "[agent]\nkeep-pin = yes\n");
	test_folder_write_text(&places->folder, "alone/my.conf.d/a.conf", "[agent]\nkeep-pin = no\n");
	const char *path = test_folder_path(&places->folder, "alone/my.conf");
	assert_int_equal(ks_settings_read(path, &settings, &error), 0);
	assert_true(settings->keep_pin);
	assert_int_equal(settings->n_certificate_folders, 1);
	(void)snprintf(expected, sizeof(expected), "%s/alone/certs", places->folder.path);
	assert_string_equal(settings->certificate_folders[0], expected);
	assert_error(places, settings->summary,
		     "@/alone/my.conf was read; no PKCS#11 module is named, add a [module] section to @/alone/my.conf");
}

static void test_one_file_must_exist(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	assert_int_equal(ks_settings_read(test_folder_path(&places->folder, "no.conf"), &settings, &error),
			 KS_ERR_CONFIG);
	assert_error(places, error.text, "@/no.conf: expected a file, but it does not exist, or is a link to nothing");
}

static void test_one_file_counts_as_a_users(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;

	test_folder_write_text(&places->folder, "my.conf", "[enforce]\n");
	assert_int_equal(ks_settings_read(test_folder_path(&places->folder, "my.conf"), &settings, &error),
			 KS_ERR_CONFIG);
	assert_error(places, error.text,
		     "@/my.conf:1: [enforce]: expected in files of the administrator only (/etc/keystay), found in a "
		     "user's");
}

static void test_one_file_may_be_named_from_where_we_are(void **state)
{
	const struct places *places = *state;
	AUTO_SETTINGS settings = NULL;
	struct ks_settings_error error;
	KS_AUTO_FREE char *before = getcwd(NULL, 0);

	test_folder_write_text(&places->folder, "my.conf", "[agent]\nkeep-pin = yes\n");
	assert_int_equal(chdir(places->folder.path), 0);
	int r = ks_settings_read("my.conf", &settings, &error);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(r, 0);
	assert_error(places, settings->certificate_folders[0], "@/certs");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files_that_do_not_exist_are_no_error),
		TEST(test_files_of_the_system_give_nothing_by_themselves),
		TEST(test_files_are_read_vendor_first_and_drop_ins_by_name),
		TEST(test_files_of_other_names_are_not_read),
		TEST(test_summary_names_all_files),
		TEST(test_summary_of_many_files_is_short_and_valid),
		TEST(test_files_that_others_can_write_are_refused),
		TEST(test_files_in_folders_that_others_can_write_are_refused),
		TEST(test_files_of_other_users_are_refused),
		TEST(test_files_that_are_folders_or_fifos_are_refused_without_waiting),
		TEST(test_files_that_are_links_to_nothing_are_refused),
		TEST(test_files_may_be_links_to_good_files),
		TEST(test_files_of_more_than_a_megabyte_are_refused),
		TEST(test_mistakes_of_all_files_are_said),
		TEST(test_one_file_replaces_all_places),
		TEST(test_one_file_must_exist),
		TEST(test_one_file_counts_as_a_users),
		TEST(test_one_file_may_be_named_from_where_we_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
