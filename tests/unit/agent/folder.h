/* SPDX-License-Identifier: Apache-2.0 */
/*
 * folder: a folder of a test's own that is gone at its end. Anything that goes wrong ends the program.
 */
#pragma once

#include "lib/base/bytes.h"

struct test_folder {
	char path[256];
};

/* Below $TMPDIR, else /tmp; mode 0700. */
void test_folder_init(struct test_folder *folder);
void test_folder_deinit(struct test_folder *folder);

/* Writes folder/name with mode 0600, and makes the folders in name before it. */
void test_folder_write(const struct test_folder *folder, const char *name, struct ks_bytes content);
void test_folder_write_text(const struct test_folder *folder, const char *name, const char *text);

/* folder/name; in memory of the test's own that is overwritten by the fifth call from now. */
const char *test_folder_path(const struct test_folder *folder, const char *name);
