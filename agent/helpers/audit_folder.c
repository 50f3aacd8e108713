/* SPDX-License-Identifier: Apache-2.0 */
/* audit_folder: see audit_folder.h. Runs in: keystay-audit. */
#include "agent/helpers/audit_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* Another writer holds the lock for one batch. One that was stopped while it did must not stop us for ever. */
#define LOCK_TRIES 100
#define LOCK_PAUSE_NS 500000

#define HEAD_NEW "head.new"
#define HEAD_MAX 256u
#define NAME_MAX_SIZE 64
#define NAME_TRIES 10u

/* More are never looked at: settings allow 1,000 files. */
#define FULL_MAX 4096u

/* --- the folder -------------------------------------------------------------------------------------------------- */

void ks_audit_folder_close(struct ks_audit_folder *folder)
{
	if (folder->fd >= 0)
		(void)close(folder->fd);
	folder->fd = -1;
}

/* A folder that was deleted or renamed is not the one at path any more. */
static bool is_at_path(const struct ks_audit_folder *folder)
{
	struct stat ours, there;

	return folder->fd >= 0 && fstat(folder->fd, &ours) == 0 && lstat(folder->path, &there) == 0 &&
	       ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static int open_folder(struct ks_audit_folder *folder)
{
	ks_audit_folder_close(folder);
	errno = 0;
	int r = ks_path_make_private_all(folder->path);
	if (r < 0)
		return r;
	folder->fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return folder->fd >= 0 ? 0 : ks_error_from_errno(errno);
}

int ks_audit_folder_lock(struct ks_audit_folder *folder)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };

	int r = is_at_path(folder) ? 0 : open_folder(folder);
	if (r < 0)
		return r;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(folder->fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return ks_error_from_errno(errno);
		(void)nanosleep(&pause, NULL);
	}
	errno = EBUSY;
	return KS_ERR_BUSY;
}

void ks_audit_folder_unlock(struct ks_audit_folder *folder)
{
	if (folder->fd >= 0)
		(void)flock(folder->fd, LOCK_UN);
}

/* --- the file that is written to --------------------------------------------------------------------------------- */

bool ks_audit_folder_is_same(const struct ks_audit_folder *folder, const struct stat *file, uint64_t size)
{
	struct stat there;

	return fstatat(folder->fd, KS_AUDIT_FILE, &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == file->st_ino &&
	       there.st_dev == file->st_dev && (uint64_t)there.st_size == size;
}

static bool is_ours(const struct stat *file)
{
	return S_ISREG(file->st_mode) && file->st_uid == geteuid();
}

/* Renames name, replacing nothing: "audit-…17.jsonl", else "audit-…17-1.jsonl" and so on. */
static int rename_to(const struct ks_audit_folder *folder, const char *name, const char *to, const char *ending)
{
	char free_name[NAME_MAX_SIZE + 16];

	for (unsigned i = 0; i < NAME_TRIES; i++) {
		if (i == 0)
			(void)ks_text_print(free_name, sizeof(free_name), "%s%s", to, ending);
		else
			(void)ks_text_print(free_name, sizeof(free_name), "%s-%u%s", to, i, ending);
		if (renameat2(folder->fd, name, folder->fd, free_name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return ks_error_from_errno(errno);
	}
	return KS_ERR_LIMIT;
}

static int put_aside(const struct ks_audit_folder *folder, uint64_t n, char ret_aside[64])
{
	(void)ks_text_print(ret_aside, 64, "not-ours-%" PRIu64, n);
	return rename_to(folder, KS_AUDIT_FILE, ret_aside, "");
}

/* NOT_FOUND, or UNTRUSTED_PATH for what is none of ours. */
static int open_existing(const struct ks_audit_folder *folder, int *ret_fd, struct stat *ret_file)
{
	KS_AUTO_CLOSE int fd = openat(folder->fd, KS_AUDIT_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && (errno == ELOOP || errno == EISDIR || errno == ENXIO))
		return KS_ERR_UNTRUSTED_PATH;
	if (fd < 0)
		return ks_error_from_errno(errno);
	if (fstat(fd, ret_file) < 0)
		return KS_ERR_SYSTEM;
	if (!is_ours(ret_file))
		return KS_ERR_UNTRUSTED_PATH;
	if ((ret_file->st_mode & 077) != 0 && fchmod(fd, 0600) < 0)
		return ks_error_from_errno(errno);
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

int ks_audit_folder_open_file(const struct ks_audit_folder *folder, uint64_t n, int *ret_fd, struct stat *ret_file,
			      char ret_aside[64])
{
	ret_aside[0] = '\0';
	int r = open_existing(folder, ret_fd, ret_file);
	if (r == KS_ERR_UNTRUSTED_PATH)
		r = put_aside(folder, n, ret_aside);
	else if (r != KS_ERR_NOT_FOUND)
		return r;
	else
		r = 0;
	if (r < 0)
		return r;
	KS_AUTO_CLOSE int fd =
		openat(folder->fd, KS_AUDIT_FILE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, ret_file) < 0)
		return ks_error_from_errno(errno);
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

/* --- full files -------------------------------------------------------------------------------------------------- */

/* "audit-000000000017.jsonl", "audit-000000000017-1.jsonl". */
static bool read_name(const char *name, uint64_t *ret_first)
{
	char digits[24] = "";
	const char *at = name + strlen("audit-");

	if (strncmp(name, "audit-", strlen("audit-")) != 0)
		return false;
	size_t size = strspn(at, "0123456789");
	if (size < 12 || size >= sizeof(digits))
		return false;
	memcpy(digits, at, size);
	at += size;
	if (at[0] == '-' && at[1] >= '0' && at[1] <= '9')
		at += 2;
	return strcmp(at, ".jsonl") == 0 && ks_text_number(digits, UINT64_MAX, ret_first) == 0;
}

int ks_audit_folder_rename_full(const struct ks_audit_folder *folder, uint64_t first)
{
	char name[NAME_MAX_SIZE];

	(void)ks_text_print(name, sizeof(name), "audit-%012" PRIu64, first);
	return rename_to(folder, KS_AUDIT_FILE, name, ".jsonl");
}

static DIR *list(const struct ks_audit_folder *folder)
{
	int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;

	if (!names && fd >= 0)
		(void)close(fd);
	return names;
}

int ks_audit_folder_open_newest(const struct ks_audit_folder *folder, int *ret_fd)
{
	DIR *names = list(folder);
	char newest[NAME_MAX_SIZE] = "";
	uint64_t newest_first = 0, first;

	for (struct dirent *entry; names && (entry = readdir(names));) {
		if (!read_name(entry->d_name, &first) || first < newest_first)
			continue;
		newest_first = first;
		(void)ks_text_print(newest, sizeof(newest), "%s", entry->d_name);
	}
	if (names)
		(void)closedir(names);
	if (!newest[0])
		return KS_ERR_NOT_FOUND;
	int fd = openat(folder->fd, newest, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return ks_error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

uint64_t ks_audit_folder_oldest(const struct ks_audit_folder *folder, unsigned n)
{
	KS_AUTO_FREE uint64_t *numbers = calloc(FULL_MAX, sizeof(*numbers));
	DIR *names = numbers ? list(folder) : NULL;
	size_t n_full = 0;

	for (struct dirent *entry; names && n_full < FULL_MAX && (entry = readdir(names));) {
		if (read_name(entry->d_name, &numbers[n_full]))
			n_full++;
	}
	if (names)
		(void)closedir(names);
	if (n_full == 0 || n == 0)
		return 0;
	qsort(numbers, n_full, sizeof(*numbers), by_number);
	return numbers[n_full > n ? n_full - n : 0];
}

void ks_audit_folder_drop(const struct ks_audit_folder *folder, uint64_t before)
{
	DIR *names = list(folder);
	uint64_t first;

	for (struct dirent *entry; names && (entry = readdir(names));) {
		if (read_name(entry->d_name, &first) && first < before)
			(void)unlinkat(folder->fd, entry->d_name, 0);
	}
	if (names)
		(void)closedir(names);
}

/* --- the head ---------------------------------------------------------------------------------------------------- */

int ks_audit_folder_read_head(const struct ks_audit_folder *folder, struct ks_audit_head *ret_head)
{
	KS_AUTO_CLOSE int fd = openat(folder->fd, KS_AUDIT_HEAD, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[HEAD_MAX];

	if (fd < 0)
		return errno == ENOENT ? KS_ERR_NOT_FOUND : KS_ERR_MALFORMED;
	ssize_t size = read(fd, text, sizeof(text));
	return size > 0 && ks_audit_head_read(ks_bytes(text, (size_t)size), ret_head) ? 0 : KS_ERR_MALFORMED;
}

int ks_audit_folder_write_head(const struct ks_audit_folder *folder, const struct ks_audit_head *head)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

	ks_audit_head_write(&text, head);
	int r = ks_buffer_error(&text);
	if (r < 0)
		return r;
	KS_AUTO_CLOSE int fd = openat(folder->fd, HEAD_NEW, flags, 0600);
	if (fd < 0 && errno == EEXIST && unlinkat(folder->fd, HEAD_NEW, 0) == 0) /* left by one that was killed */
		fd = openat(folder->fd, HEAD_NEW, flags, 0600);
	if (fd < 0)
		return ks_error_from_errno(errno);
	if (write(fd, text.data, text.size) == (ssize_t)text.size &&
	    renameat(folder->fd, HEAD_NEW, folder->fd, KS_AUDIT_HEAD) == 0)
		return 0;
	r = ks_error_from_errno(errno);
	(void)unlinkat(folder->fd, HEAD_NEW, 0);
	return r;
}
