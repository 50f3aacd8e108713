/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/pin_file.h: a PIN is taken only from a file that nobody but us and root can read or change. */
#include "agent/pin_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "tests/unit/agent/folder.h"

static struct test_folder folder;

static int setup(void **state)
{
	(void)state;
	test_folder_init(&folder);
	return unsetenv("CREDENTIALS_DIRECTORY");
}

static int teardown(void **state)
{
	(void)state;
	test_folder_deinit(&folder);
	return unsetenv("CREDENTIALS_DIRECTORY");
}

static char token_name[] = "corp";

/* The PIN that is read, or NULL with the error and what is said of it. */
struct reading {
	int error;
	char why[1024];
	char pin[300];
};

static struct reading read_token(const struct ks_settings_token *token)
{
	struct reading reading = { .why = "nothing" };
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	char why[1024];

	reading.error = ks_pin_file_read(token, &secret, reading.why, sizeof(reading.why));
	assert_int_equal(secret != NULL, reading.error == 0);
	if (secret) {
		struct ks_bytes bytes = ks_secret_bytes(secret);
		memcpy(reading.pin, bytes.data, bytes.size);
	}
	/* What --check-config says beforehand, it says of the file and never of what stands in it. */
	int error = ks_pin_file_check(token, why, sizeof(why));
	if (error < 0 || (reading.error != KS_ERR_INVALID && reading.error != KS_ERR_TOO_LARGE))
		assert_int_equal(error, reading.error);
	return reading;
}

static struct reading read_file(const char *name)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", folder.path, name);
	const struct ks_settings_token token = { .name = token_name, .pin_file = path };
	return read_token(&token);
}

static struct reading read_credential(const char *name)
{
	char credential[64];
	(void)snprintf(credential, sizeof(credential), "%s", name);
	const struct ks_settings_token token = { .name = token_name, .pin_credential = credential };
	return read_token(&token);
}

/* why: a part of the sentence, which also names the file. */
static void assert_refused(const struct reading *reading, int error, const char *name, const char *why)
{
	assert_int_equal(reading->error, error);
	if (!strstr(reading->why, name) || !strstr(reading->why, why))
		print_error("%s\n", reading->why);
	assert_non_null(strstr(reading->why, name));
	assert_non_null(strstr(reading->why, why));
}

static void change_mode(const char *name, mode_t mode)
{
	assert_int_equal(chmod(test_folder_path(&folder, name), mode), 0);
}

/* --- what is taken ----------------------------------------------------------------------------------------------- */

static void test_pin_file_is_read_without_its_last_newline(void **state)
{
	(void)state;
	test_folder_write_text(&folder, "a", "12 34\n");
	test_folder_write_text(&folder, "b", "1234");
	struct reading reading = read_file("a");
	assert_int_equal(reading.error, 0);
	assert_string_equal(reading.pin, "12 34");
	reading = read_file("b");
	assert_int_equal(reading.error, 0);
	assert_string_equal(reading.pin, "1234");
	change_mode("b", 0400);
	assert_int_equal(read_file("b").error, 0);
}

static void test_pin_file_may_be_as_long_as_a_pin(void **state)
{
	(void)state;
	char text[KS_SECRET_MAX + 3];
	memset(text, '7', sizeof(text));
	text[KS_SECRET_MAX] = '\n';
	text[KS_SECRET_MAX + 1] = '\0';
	test_folder_write_text(&folder, "a", text);
	struct reading reading = read_file("a");
	assert_int_equal(reading.error, 0);
	assert_int_equal(strlen(reading.pin), KS_SECRET_MAX);
	memset(text, '7', sizeof(text));
	text[KS_SECRET_MAX + 1] = '\0';
	test_folder_write_text(&folder, "a", text);
	struct reading longer = read_file("a");
	assert_refused(&longer, KS_ERR_TOO_LARGE, "/a ", "is longer than any PIN (256 bytes)");
	text[KS_SECRET_MAX + 1] = '7';
	text[KS_SECRET_MAX + 2] = '\0';
	test_folder_write_text(&folder, "a", text);
	reading = read_file("a");
	assert_refused(&reading, KS_ERR_TOO_LARGE, "/a ", "is longer than any PIN (256 bytes)");
}

static void test_pin_file_comes_from_a_credential(void **state)
{
	(void)state;
	test_folder_write_text(&folder, "credentials/pin", "4711\n");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", test_folder_path(&folder, "credentials"), 1), 0);
	struct reading reading = read_credential("pin");
	assert_int_equal(reading.error, 0);
	assert_string_equal(reading.pin, "4711");
	reading = read_credential("other");
	assert_refused(&reading, KS_ERR_NOT_FOUND, "credentials/other", "does not exist");
}

/* Where a service has a user of its own, systemd lets that one read by an access control list, which shows as the right
 * of the group. */
static void test_pin_file_takes_a_credential_with_an_access_control_list(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	test_folder_write_text(&folder, "credentials/pin", "4711");
	change_mode("credentials/pin", 0440);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", test_folder_path(&folder, "credentials"), 1), 0);
	assert_int_equal(read_credential("pin").error, 0);
	/* As a PIN file it would not do, nor with a group of people. */
	assert_int_equal(read_file("credentials/pin").error, KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(chown(test_folder_path(&folder, "credentials/pin"), 0, 65534), 0);
	change_mode("credentials/pin", 0440);
	assert_int_equal(read_credential("pin").error, KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(chown(test_folder_path(&folder, "credentials/pin"), 0, 0), 0);
	change_mode("credentials/pin", 0444);
	assert_int_equal(read_credential("pin").error, KS_ERR_UNTRUSTED_PATH);
}

/* --- what is refused --------------------------------------------------------------------------------------------- */

static void test_pin_file_refuses_every_right_of_others(void **state)
{
	(void)state;
	static const mode_t modes[] = { 0640, 0604, 0610, 0601, 0620, 0602 };
	test_folder_write_text(&folder, "a", "1234");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		change_mode("a", modes[i]);
		struct reading reading = read_file("a");
		/* Writable ones are found on the way to the file already. */
		assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/a ",
			       modes[i] & 022 ? "is writable by" : "is open to others; run: chmod 600 ");
	}
	change_mode("a", 0600);
	assert_int_equal(read_file("a").error, 0);
}

static void test_pin_file_refuses_one_of_another_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	test_folder_write_text(&folder, "a", "1234");
	assert_int_equal(chown(test_folder_path(&folder, "a"), 65534, 65534), 0);
	struct reading reading = read_file("a");
	assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/a ", "belongs to uid 65534");
}

static void test_pin_file_refuses_a_link(void **state)
{
	(void)state;
	test_folder_write_text(&folder, "a", "1234");
	assert_int_equal(symlink("a", test_folder_path(&folder, "link")), 0);
	struct reading reading = read_file("link");
	assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/link ", "is a symbolic link; name the file itself");
	assert_int_equal(symlink("nowhere", test_folder_path(&folder, "dangling")), 0);
	reading = read_file("dangling");
	assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/dangling ", "is a symbolic link");
}

static void test_pin_file_follows_links_of_folders_that_we_made(void **state)
{
	(void)state;
	test_folder_write_text(&folder, "real/a", "1234");
	assert_int_equal(symlink("real", test_folder_path(&folder, "way")), 0);
	assert_int_equal(read_file("way/a").error, 0);
}

static void test_pin_file_refuses_a_folder_that_others_may_change(void **state)
{
	(void)state;
	test_folder_write_text(&folder, "open/a", "1234");
	change_mode("open", 0770);
	struct reading reading = read_file("open/a");
	assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/open/a ", "/open is writable by its group");
}

static void test_pin_file_does_not_wait_for_a_fifo(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(test_folder_path(&folder, "fifo"), 0600), 0);
	(void)alarm(10);
	struct reading reading = read_file("fifo");
	(void)alarm(0);
	assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/fifo", "is not a regular file");
}

static void test_pin_file_refuses_a_folder_in_its_place(void **state)
{
	(void)state;
	assert_int_equal(mkdir(test_folder_path(&folder, "a"), 0700), 0);
	struct reading reading = read_file("a");
	assert_refused(&reading, KS_ERR_UNTRUSTED_PATH, "/a", "is not a regular file");
}

static void test_pin_file_says_that_it_is_missing(void **state)
{
	(void)state;
	struct reading reading = read_file("a");
	assert_refused(&reading, KS_ERR_NOT_FOUND, "/a ", "does not exist");
}

/* Each would cost the token a try. */
static void test_pin_file_refuses_what_is_hardly_a_pin(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *why;
	} texts[] = {
		{ "", "is empty" },
		{ "\n", "is empty" },
		{ "\n1234\n", "begins with an empty line" },
		{ "1234\n\n", "has more than one line" },
		{ "# the PIN\n1234\n", "has more than one line" },
		{ "1234\r\n", "has a line end as on Windows" },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		test_folder_write_text(&folder, "a", texts[i].text);
		struct reading reading = read_file("a");
		assert_refused(&reading, KS_ERR_INVALID, "/a ", texts[i].why);
		assert_null(strstr(reading.why, "1234"));
	}
}

static void test_pin_file_says_that_there_are_no_credentials(void **state)
{
	(void)state;
	struct reading reading = read_credential("pin");
	assert_refused(&reading, KS_ERR_NOT_FOUND, "\"pin\"", "LoadCredential=pin:FILE");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", "relative", 1), 0);
	reading = read_credential("pin");
	assert_refused(&reading, KS_ERR_NOT_FOUND, "\"pin\"", "LoadCredential=pin:FILE");
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", test_folder_path(&folder, "gone"), 1), 0);
	reading = read_credential("pin");
	assert_refused(&reading, KS_ERR_NOT_FOUND, "/gone/pin ", "does not exist");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_pin_file_is_read_without_its_last_newline),
		CASE(test_pin_file_may_be_as_long_as_a_pin),
		CASE(test_pin_file_comes_from_a_credential),
		CASE(test_pin_file_takes_a_credential_with_an_access_control_list),
		CASE(test_pin_file_refuses_every_right_of_others),
		CASE(test_pin_file_refuses_one_of_another_user),
		CASE(test_pin_file_refuses_a_link),
		CASE(test_pin_file_follows_links_of_folders_that_we_made),
		CASE(test_pin_file_refuses_a_folder_that_others_may_change),
		CASE(test_pin_file_does_not_wait_for_a_fifo),
		CASE(test_pin_file_refuses_a_folder_in_its_place),
		CASE(test_pin_file_says_that_it_is_missing),
		CASE(test_pin_file_refuses_what_is_hardly_a_pin),
		CASE(test_pin_file_says_that_there_are_no_credentials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
