/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of pkcs11/module_places.h: what a module may get at, and no more. */
#include "pkcs11/module_places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODULE "/opt/vendor/lib/module.so"

static int access_to(const struct ks_module_places *places, const char *path)
{
	for (size_t i = 0; i < places->n; i++) {
		if (strcmp(places->at[i].path, path) == 0)
			return (int)places->at[i].access;
	}
	return -1;
}

static struct ks_module_places find(const char *profile, const char *init_args)
{
	struct ks_module_places places = { .n = 0 };

	assert_int_equal(ks_module_places_find(profile, MODULE, init_args, &places), 0);
	return places;
}

static void test_places_have_the_system_and_the_modules_own_folder(void **state)
{
	(void)state;
	struct ks_module_places places = find(NULL, NULL);

	assert_int_equal(access_to(&places, "/usr"), KS_CONFINE_READ);
	assert_int_equal(access_to(&places, "/opt/vendor/lib"), KS_CONFINE_READ);
	assert_int_equal(access_to(&places, "/dev/urandom"), KS_CONFINE_DEVICE);
	for (size_t i = 0; i < places.n; i++) {
		assert_int_not_equal(places.at[i].access, KS_CONFINE_CHANGE);
		assert_string_not_equal(places.at[i].path, "/");
		assert_string_not_equal(places.at[i].path, "/dev");
		assert_null(strstr(places.at[i].path, "/home"));
	}
	ks_module_places_deinit(&places);
}

static void test_places_of_softhsm_are_what_its_configuration_names(void **state)
{
	(void)state;
	char name[] = "/tmp/keystay-test-XXXXXX";
	static const char text[] = "# of a test\nlog.level = ERROR\n  directories.tokendir = /srv/my tokens\t # here\n";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)close(fd);
	assert_int_equal(setenv("SOFTHSM2_CONF", name, 1), 0);
	struct ks_module_places places = find("softhsm", NULL);
	assert_int_equal(access_to(&places, "/srv/my tokens"), KS_CONFINE_CHANGE);
	assert_int_equal(access_to(&places, name), KS_CONFINE_READ);
	ks_module_places_deinit(&places);
	places = find("opensc", NULL);
	assert_int_equal(access_to(&places, "/srv/my tokens"), -1);
	ks_module_places_deinit(&places);
	(void)unsetenv("SOFTHSM2_CONF");
	(void)unlink(name);
}

static void test_places_of_nss_stand_in_its_arguments(void **state)
{
	(void)state;
	struct ks_module_places places = find("nss", "configdir='sql:/home/a/.pki/nssdb' flags=readOnly");

	assert_int_equal(access_to(&places, "/home/a/.pki/nssdb"), KS_CONFINE_CHANGE);
	assert_int_equal(access_to(&places, "/home/a"), -1);
	ks_module_places_deinit(&places);
}

static void test_places_are_bounded(void **state)
{
	(void)state;
	char many[4096] = "";
	struct ks_module_places places;

	for (size_t i = 0; i < 200; i++)
		(void)snprintf(many + strlen(many), sizeof(many) - strlen(many), "/p%zu ", i);
	assert_int_equal(ks_module_places_find("nss", MODULE, many, &places), KS_ERR_LIMIT);
}

static void test_levels_are_read_by_their_words(void **state)
{
	(void)state;
	enum ks_confine_level level = KS_CONFINE_NET;

	assert_int_equal(ks_confine_level_read("none", &level), 0);
	assert_int_equal(level, KS_CONFINE_NONE);
	assert_int_equal(ks_confine_level_read("files", &level), 0);
	assert_int_equal(level, KS_CONFINE_FILES);
	assert_int_equal(ks_confine_level_read("file", &level), KS_ERR_INVALID);
	assert_int_equal(level, KS_CONFINE_FILES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places_have_the_system_and_the_modules_own_folder),
		cmocka_unit_test(test_places_of_softhsm_are_what_its_configuration_names),
		cmocka_unit_test(test_places_of_nss_stand_in_its_arguments),
		cmocka_unit_test(test_places_are_bounded),
		cmocka_unit_test(test_levels_are_read_by_their_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
