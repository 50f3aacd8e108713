/* SPDX-License-Identifier: Apache-2.0 */
/* Where plain connections come in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tunnel/door.h"

static char folder[32], path[64], where[80], why[512];

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/keystay-door-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/t.sock", folder);
	(void)snprintf(where, sizeof(where), "unix:%s", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

static int knock(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_door_is_for_its_user_alone(void **state)
{
	struct ks_door door;
	struct stat info;
	int fd;

	(void)state;
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), 0);
	assert_string_equal(door.name, where);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(ks_door_accept(&door, &fd), KS_ERR_BUSY);
	int client = knock();
	assert_int_equal(ks_door_accept(&door, &fd), 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	(void)close(fd);
	(void)close(client);
	ks_door_close(&door);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_door_takes_no_live_socket(void **state)
{
	struct ks_door door, second;
	int clients[1024];
	size_t n = 0;

	(void)state;
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), 0);
	assert_int_equal(ks_door_open(where, &second, why, sizeof(why)), KS_ERR_BUSY);
	/* One whose queue is full lives, too, and must not be waited for. */
	for (; n < sizeof(clients) / sizeof(clients[0]); n++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
		clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (clients[n] < 0)
			break;
		if (connect(clients[n], (struct sockaddr *)&address, sizeof(address)) < 0) {
			(void)close(clients[n]);
			break;
		}
	}
	assert_int_equal(ks_door_open(where, &second, why, sizeof(why)), KS_ERR_BUSY);
	for (size_t i = 0; i < n; i++)
		(void)close(clients[i]);
	ks_door_close(&door);
}

static void test_door_replaces_what_was_left_behind(void **state)
{
	struct ks_door killed, door;

	(void)state;
	assert_int_equal(ks_door_open(where, &killed, why, sizeof(why)), 0);
	(void)close(killed.fd);
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), 0);
	(void)close(knock());
	ks_door_close(&door);
}

/* Somebody removed our socket, and another tunnel has its own there now. */
static void test_door_removes_only_its_own_socket(void **state)
{
	struct ks_door first, second;

	(void)state;
	assert_int_equal(ks_door_open(where, &first, why, sizeof(why)), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ks_door_open(where, &second, why, sizeof(why)), 0);
	ks_door_close(&first);
	(void)close(knock());
	ks_door_close(&second);
}

/* Two that start at once over one leftover would each remove the other's. */
static void test_door_waits_for_another_one_that_opens(void **state)
{
	struct ks_door door;
	int other = open(folder, O_RDONLY | O_DIRECTORY);

	(void)state;
	assert_int_equal(flock(other, LOCK_EX), 0);
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), KS_ERR_BUSY);
	assert_int_equal(access(path, F_OK), -1);
	(void)close(other);
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), 0);
	ks_door_close(&door);
}

static void test_door_leaves_files_alone(void **state)
{
	struct ks_door door;

	(void)state;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), KS_ERR_BUSY);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_door_needs_a_folder_that_others_cannot_change(void **state)
{
	struct ks_door door;

	(void)state;
	assert_int_equal(chmod(folder, 0770), 0);
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), KS_ERR_UNTRUSTED_PATH);
	assert_int_equal(chmod(folder, 01777), 0); /* as /tmp */
	assert_int_equal(ks_door_open(where, &door, why, sizeof(why)), 0);
	ks_door_close(&door);
}

static void test_door_listens_on_loopback_only(void **state)
{
	static const char *const bad[] = { "0.0.0.0:0", "[::]:0", "192.0.2.1:80", "127.0.0.1",   "127.0.0.1:65536",
					   ":80",       "80",     "unix:",        "unix:t.sock", "" };
	struct ks_door door;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(ks_door_open(bad[i], &door, why, sizeof(why)), KS_ERR_INVALID);
		assert_true(why[0] != '\0');
	}
	assert_int_equal(ks_door_open("127.0.0.1:0", &door, why, sizeof(why)), 0);
	assert_int_equal(strncmp(door.name, "127.0.0.1:", 10), 0);
	assert_true(strcmp(door.name, "127.0.0.1:0") != 0);
	ks_door_close(&door);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_door_is_for_its_user_alone),
		TEST(test_door_takes_no_live_socket),
		TEST(test_door_replaces_what_was_left_behind),
		TEST(test_door_removes_only_its_own_socket),
		TEST(test_door_waits_for_another_one_that_opens),
		TEST(test_door_leaves_files_alone),
		TEST(test_door_needs_a_folder_that_others_cannot_change),
		TEST(test_door_listens_on_loopback_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
