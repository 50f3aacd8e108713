/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli_test: what the tests of cli/ share: a struct ks_cli that writes to memory, records to print, a temporary folder.
 *
 * Runs in: unit tests.
 */
#pragma once

#include <stdbool.h>

#include "cli/command.h"
#include "lib/base/buffer.h"
#include "lib/protocol/message.h"

/* Noon of 2026-06-15, UTC: where tests are, whatever the clock says. */
#define TEST_NOW_S ((uint64_t)1781524800)
#define TEST_DAY_S ((uint64_t)24 * 60 * 60)

struct cli_test {
	struct ks_cli cli; /* without colour, at TEST_NOW_S, in UTC */
	char *out;         /* what was written, after cli_test_read() */
	char *err;
	size_t out_size;
	size_t err_size;
};

/* cmocka setup and teardown; the state is a struct cli_test. */
int cli_test_setup(void **state);
int cli_test_teardown(void **state);

/* Makes out and err current; both NUL-terminated. */
void cli_test_read(struct cli_test *test);

void cli_test_assert_out(struct cli_test *test, const char *expected);
void cli_test_assert_err(struct cli_test *test, const char *expected);

/* Fails with both texts when part does not stand in text. */
void cli_test_assert_part(const char *text, const char *part);
void cli_test_assert_no_part(const char *text, const char *part);

/* Parses what was written to out. */
json_t *cli_test_json(struct cli_test *test);

/* An identity and a token with every field set; borrowed static texts. */
struct ks_msg_identity cli_test_identity(const char *name);
struct ks_msg_token_status cli_test_token(const char *label, uint32_t state);

/* A folder of its own below /tmp, and its removal with all that is in it. */
char *cli_test_folder(void);
void cli_test_remove(char *folder);
char *cli_test_write(const char *folder, const char *name, const char *text);
