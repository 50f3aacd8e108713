/* SPDX-License-Identifier: Apache-2.0 */
/* cli_test: see cli_test.h. Runs in: unit tests. */
#include "tests/unit/cli/cli_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ftw.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/base/path.h"

int cli_test_setup(void **state)
{
	struct cli_test *test = calloc(1, sizeof(*test));

	assert_non_null(test);
	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	test->cli.out = open_memstream(&test->out, &test->out_size);
	test->cli.err = open_memstream(&test->err, &test->err_size);
	test->cli.now_s = TEST_NOW_S;
	*state = test;
	return test->cli.out && test->cli.err ? 0 : -1;
}

int cli_test_teardown(void **state)
{
	struct cli_test *test = *state;

	(void)fclose(test->cli.out);
	(void)fclose(test->cli.err);
	free(test->out);
	free(test->err);
	free(test);
	return 0;
}

void cli_test_read(struct cli_test *test)
{
	assert_int_equal(fflush(test->cli.out), 0);
	assert_int_equal(fflush(test->cli.err), 0);
}

void cli_test_assert_out(struct cli_test *test, const char *expected)
{
	cli_test_read(test);
	assert_string_equal(test->out, expected);
}

void cli_test_assert_err(struct cli_test *test, const char *expected)
{
	cli_test_read(test);
	assert_string_equal(test->err, expected);
}

void cli_test_assert_part(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is missing in:\n%s", part, text);
}

void cli_test_assert_no_part(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" must not stand in:\n%s", part, text);
}

json_t *cli_test_json(struct cli_test *test)
{
	json_error_t error;

	cli_test_read(test);
	json_t *value = json_loadb(test->out, test->out_size, 0, &error);
	if (!value)
		fail_msg("not JSON: %s in:\n%s", error.text, test->out);
	return value;
}

struct ks_msg_identity cli_test_identity(const char *name)
{
	static const uint8_t hash[32] = { 0xab, 0xcd, 0xef, 0x01 };

	return (struct ks_msg_identity){
		.name = ks_bytes_text(name),
		.spki_hash = ks_bytes(hash, sizeof(hash)),
		.key_type = ks_bytes_text("P-256"),
		.uri = ks_bytes_text("pkcs11:token=corp;object=alice"),
		.label = ks_bytes_text("alice"),
		.token = ks_bytes_text("corp"),
		.module = ks_bytes_text("softhsm"),
		.state = KS_TOKEN_UNLOCKED,
		.n_certificates = 2,
		.subject = ks_bytes_text("CN=alice,O=Corp"),
		.issuer = ks_bytes_text("CN=Corp CA"),
		.not_before = TEST_NOW_S - 100 * TEST_DAY_S,
		.not_after = TEST_NOW_S + 265 * TEST_DAY_S,
		.rules = ks_bytes_text(""),
	};
}

struct ks_msg_token_status cli_test_token(const char *label, uint32_t state)
{
	return (struct ks_msg_token_status){
		.module = ks_bytes_text("softhsm"),
		.label = ks_bytes_text(label),
		.manufacturer = ks_bytes_text("SoftHSM project"),
		.model = ks_bytes_text("SoftHSM v2"),
		.serial = ks_bytes_text("0123"),
		.uri = ks_bytes_text("pkcs11:token=corp;serial=0123"),
		.state = state,
		.pin_flags = KS_PIN_NEEDED | KS_PIN_SET,
		.n_keys = 3,
		.signatures = 12,
	};
}

char *cli_test_folder(void)
{
	char *folder = strdup("/tmp/keystay-cli-XXXXXX");

	assert_non_null(folder);
	assert_non_null(mkdtemp(folder));
	return folder;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void cli_test_remove(char *folder)
{
	assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(folder);
}

char *cli_test_write(const char *folder, const char *name, const char *text)
{
	char *path = ks_path_join(folder, name);

	assert_non_null(path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}
