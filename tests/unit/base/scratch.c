/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/base/scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define N_PATHS 8

static void give_up(const char *path)
{
	perror(path);
	exit(1);
}

void scratch_init(struct scratch *scratch)
{
	const char *folder = getenv("TMPDIR");
	if (!folder || folder[0] != '/')
		folder = "/tmp";
	(void)snprintf(scratch->path, sizeof(scratch->path), "%s/keystay-test-XXXXXX", folder);
	if (!mkdtemp(scratch->path))
		give_up(scratch->path);
	/* Without the links of the way there: what is compared with it has none either. */
	char *resolved = realpath(scratch->path, NULL);
	if (!resolved || strlen(resolved) >= sizeof(scratch->path))
		give_up(scratch->path);
	(void)strcpy(scratch->path, resolved);
	free(resolved);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

/* Folders that a test has closed must be opened before they can be emptied. */
static int open_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)where;
	return kind == FTW_D || kind == FTW_DNR ? chmod(path, status->st_mode | 0700) : 0;
}

void scratch_deinit(struct scratch *scratch)
{
	(void)nftw(scratch->path, open_one, 16, FTW_PHYS);
	if (nftw(scratch->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		perror(scratch->path);
}

const char *scratch_path(const struct scratch *scratch, const char *name)
{
	static char paths[N_PATHS][1024];
	static unsigned next;
	char *path = paths[next++ % N_PATHS];
	(void)snprintf(path, sizeof(paths[0]), "%s/%s", scratch->path, name);
	return path;
}

void scratch_file(const struct scratch *scratch, const char *name, const char *text, mode_t mode)
{
	const char *path = scratch_path(scratch, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fchmod(fd, mode) < 0)
		give_up(path);
	(void)close(fd);
}

void scratch_folder(const struct scratch *scratch, const char *name, mode_t mode)
{
	const char *path = scratch_path(scratch, name);
	if (mkdir(path, 0700) < 0 || chmod(path, mode) < 0)
		give_up(path);
}

void scratch_link(const struct scratch *scratch, const char *name, const char *target)
{
	const char *path = scratch_path(scratch, name);
	if (symlink(target, path) < 0)
		give_up(path);
}
