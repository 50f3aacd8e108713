/* SPDX-License-Identifier: Apache-2.0 */
/* folder: see folder.h. */
#include "tests/unit/agent/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

void test_folder_init(struct test_folder *folder)
{
	const char *parent = getenv("TMPDIR");
	(void)snprintf(folder->path, sizeof(folder->path), "%s/keystay-test-XXXXXX", parent ? parent : "/tmp");
	check(mkdtemp(folder->path), folder->path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

void test_folder_deinit(struct test_folder *folder)
{
	check(nftw(folder->path, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, folder->path);
}

const char *test_folder_path(const struct test_folder *folder, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder->path, name);
	return path;
}

void test_folder_write(const struct test_folder *folder, const char *name, struct ks_bytes content)
{
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	for (char *slash = strchr(path + strlen(folder->path) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		check(mkdir(path, 0700) == 0 || errno == EEXIST, path);
		*slash = '/';
	}
	mode_t mask = umask(077);
	FILE *file = fopen(path, "we");
	(void)umask(mask);
	check(file && (content.size == 0 || fwrite(content.data, 1, content.size, file) == content.size), path);
	check(fclose(file) == 0, path);
}

void test_folder_write_text(const struct test_folder *folder, const char *name, const char *text)
{
	test_folder_write(folder, name, ks_bytes_text(text));
}
