/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path_trusted: ks_path_check_trusted() of path.h: can nobody but root and this user change what stands at a path?
 *
 * One walk from the root does it all: each name is opened below the descriptor of the folder before it and never
 * followed by the kernel; a link's text is put in front of what is left of the path. So every folder that the path, or
 * any link on its way, goes through is looked at, which realpath(3) and a check of its result would not do: a link in a
 * folder that others may write to leads elsewhere a moment later.
 *
 * Runs in: keystay-agent, keystay-token. Must never trust a name that it has not just opened.
 */
#include "lib/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define LINKS_MAX 40 /* as many as the kernel follows (path_resolution(7)) */

struct walk {
	int fd;              /* of what was reached last, owned */
	struct stat status;  /* of the same */
	char here[PATH_MAX]; /* its path, free of links */
	char rest[PATH_MAX]; /* what is still to go: "", or "/" and names */
	unsigned n_links;
	struct ks_path_problem *problem;
};

static void end_walk(const struct walk *walk)
{
	if (walk->fd >= 0)
		(void)close(walk->fd);
}

static int complain(struct ks_path_problem *problem, int error, const char *path, const char *format, ...)
	KS_PRINTF(4, 5);

static int complain(struct ks_path_problem *problem, int error, const char *path, const char *format, ...)
{
	va_list args;
	(void)ks_text_print(problem->path, sizeof(problem->path), "%s", path);
	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args);
	va_end(args);
	return error;
}

static int complain_errno(struct walk *walk, const char *path, int error_number)
{
	if (error_number == ENOENT)
		return complain(walk->problem, KS_ERR_NOT_FOUND, path, "does not exist");
	if (error_number == ENOTDIR)
		return complain(walk->problem, KS_ERR_INVALID, path, "is not below a folder");
	return complain(walk->problem, ks_error_from_errno(error_number), path, "cannot be looked at: %s",
			ks_error_text(ks_error_from_errno(error_number)));
}

static int check_owner(struct walk *walk, const struct stat *status, const char *path)
{
	if (status->st_uid == 0 || status->st_uid == geteuid())
		return 0;
	return complain(walk->problem, KS_ERR_UNTRUSTED_PATH, path, "belongs to uid %u", (unsigned)status->st_uid);
}

/* Of a folder or file. An access control list shows in the bits of the group, which are its upper bound (acl(5)). */
static int check_node(struct walk *walk)
{
	int r = check_owner(walk, &walk->status, walk->here);
	if (r < 0)
		return r;
	/* In a sticky folder others cannot replace what is root's or ours, and whose it is the next step looks at. */
	if (S_ISDIR(walk->status.st_mode) && (walk->status.st_mode & S_ISVTX) != 0)
		return 0;
	if ((walk->status.st_mode & S_IWOTH) != 0)
		return complain(walk->problem, KS_ERR_UNTRUSTED_PATH, walk->here, "is writable by everybody");
	if ((walk->status.st_mode & S_IWGRP) != 0)
		return complain(walk->problem, KS_ERR_UNTRUSTED_PATH, walk->here, "is writable by its group");
	return 0;
}

/* Goes to what fd (taken) is, and checks it. */
static int enter(struct walk *walk, int fd, const char *here)
{
	if (walk->fd >= 0)
		(void)close(walk->fd);
	walk->fd = fd;
	if (here != walk->here)
		(void)ks_text_print(walk->here, sizeof(walk->here), "%s", here);
	if (fstat(fd, &walk->status) < 0)
		return complain_errno(walk, walk->here, errno);
	return check_node(walk);
}

static int enter_root(struct walk *walk)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? complain_errno(walk, "/", errno) : enter(walk, fd, "/");
}

static int enter_parent(struct walk *walk)
{
	int fd = openat(walk->fd, "..", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return complain_errno(walk, walk->here, errno);
	char *slash = strrchr(walk->here, '/');
	slash[slash == walk->here ? 1 : 0] = '\0';
	return enter(walk, fd, walk->here);
}

/* Puts the link's text in front of the rest. Whoever owns a link in a sticky folder may change where it leads. */
static int follow(struct walk *walk, int link_fd, const struct stat *status, const char *path)
{
	char target[PATH_MAX];
	char rest[PATH_MAX];
	int r = check_owner(walk, status, path);
	if (r < 0)
		return r;
	if (++walk->n_links > LINKS_MAX)
		return complain(walk->problem, KS_ERR_INVALID, path, "is one symbolic link too many");
	ssize_t size = readlinkat(link_fd, "", target, sizeof(target) - 1);
	if (size < 0)
		return complain_errno(walk, path, errno);
	target[size] = '\0';
	if (!ks_text_print(rest, sizeof(rest), "/%s%s", target, walk->rest))
		return complain(walk->problem, KS_ERR_INVALID, path, "leads to a path that is too long");
	memcpy(walk->rest, rest, sizeof(rest));
	return target[0] == '/' ? enter_root(walk) : 0;
}

static int enter_name(struct walk *walk, const char *name)
{
	char path[PATH_MAX];
	const char *slash = strcmp(walk->here, "/") == 0 ? "" : "/";
	if (!ks_text_print(path, sizeof(path), "%s%s%s", walk->here, slash, name))
		return complain(walk->problem, KS_ERR_INVALID, walk->here, "holds a path that is too long");
	KS_AUTO_CLOSE int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return complain_errno(walk, path, errno);
	return S_ISLNK(status.st_mode) ? follow(walk, fd, &status, path) : enter(walk, KS_STEAL_FD(fd), path);
}

/* Takes the first name off the rest; "" when there is none. */
static void take_name(struct walk *walk, char name[static PATH_MAX])
{
	size_t start = strspn(walk->rest, "/");
	size_t size = strcspn(walk->rest + start, "/");
	memcpy(name, walk->rest + start, size);
	name[size] = '\0';
	memmove(walk->rest, walk->rest + start + size, strlen(walk->rest + start + size) + 1);
}

static int go(struct walk *walk)
{
	int r = enter_root(walk);
	while (r == 0 && walk->rest[0] != '\0') {
		char name[PATH_MAX];
		/* Also when nothing but a slash is left: "file/" names no file. */
		if (!S_ISDIR(walk->status.st_mode))
			return complain(walk->problem, KS_ERR_INVALID, walk->here, "is not a folder");
		take_name(walk, name);
		if (strcmp(name, "..") == 0)
			r = enter_parent(walk);
		else if (name[0] != '\0' && strcmp(name, ".") != 0)
			r = enter_name(walk, name);
	}
	return r;
}

int ks_path_check_trusted(const char *path, char **ret_resolved, struct ks_path_problem *ret_problem)
{
	KS_CLEANUP(end_walk) struct walk walk = { .fd = -1, .problem = ret_problem };
	if (path[0] != '/')
		return complain(ret_problem, KS_ERR_INVALID, path, "is not an absolute path");
	if (!ks_text_print(walk.rest, sizeof(walk.rest), "%s", path))
		return complain(ret_problem, KS_ERR_INVALID, path, "is too long");
	int r = go(&walk);
	if (r < 0)
		return r;
	if (!S_ISREG(walk.status.st_mode))
		return complain(ret_problem, KS_ERR_INVALID, walk.here, "is not a regular file");
	char *resolved = ks_text_copy(ks_bytes_text(walk.here));
	if (!resolved)
		return complain(ret_problem, KS_ERR_NO_MEMORY, walk.here, "cannot be checked: memory ran out");
	*ret_resolved = resolved;
	return 0;
}
