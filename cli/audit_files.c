/* SPDX-License-Identifier: Apache-2.0 */
/* audit_files: see audit_files.h. Runs in: keystay. */
#include "cli/audit_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"

/* The log is rotated while it is looked at: then it is looked at again. */
#define TRIES 10

int ks_audit_files_folder(char **ret_folder)
{
	KS_AUTO_FREE char *state = NULL;

	int r = ks_path_state_home(&state);
	if (r < 0)
		return r;
	*ret_folder = ks_path_join(state, KS_AUDIT_FOLDER);
	return *ret_folder ? 0 : KS_ERR_NO_MEMORY;
}

void ks_audit_files_close(struct ks_audit_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		free(files->at[i].name);
		if (files->at[i].stream)
			(void)fclose(files->at[i].stream);
	}
	free(files->at);
	*files = (struct ks_audit_files){ .n = 0 };
}

static void read_head(int folder_fd, struct ks_audit_files *files)
{
	char text[256];
	KS_AUTO_CLOSE int fd = openat(folder_fd, KS_AUDIT_HEAD, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	files->head_is_wrong = fd >= 0 || errno != ENOENT;
	if (fd < 0)
		return;
	ssize_t size = read(fd, text, sizeof(text));
	files->has_head = size > 0 && ks_audit_head_read(ks_bytes(text, (size_t)size), &files->head);
	files->head_is_wrong = !files->has_head;
}

/* 1: it was added; 0: it is no file of the log. */
static int add(int folder_fd, const char *name, struct ks_audit_files *files)
{
	struct stat info;
	char begin[256];
	struct ks_audit_link link;

	KS_AUTO_CLOSE int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? KS_ERR_NOT_FOUND : errno == ELOOP ? 0 : ks_error_from_errno(errno);
	if (fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size == 0)
		return 0;
	struct ks_audit_file *grown = reallocarray(files->at, files->n + 1, sizeof(*grown));
	if (!grown)
		return KS_ERR_NO_MEMORY;
	files->at = grown;
	struct ks_audit_file *file = &grown[files->n++];
	*file = (struct ks_audit_file){ .name = strdup(name), .stream = fdopen(fd, "r") };
	if (!file->name || !file->stream)
		return KS_ERR_NO_MEMORY;
	(void)KS_STEAL_FD(fd);
	size_t size = fread(begin, 1, sizeof(begin), file->stream);
	file->first = ks_audit_link_read(ks_bytes(begin, size), &link) ? link.n : 0;
	rewind(file->stream);
	return 1;
}

/* By their first lines; those that have none come last. */
static int by_first(const void *a, const void *b)
{
	const struct ks_audit_file *left = a, *right = b;
	uint64_t one = left->first ? left->first : UINT64_MAX;
	uint64_t other = right->first ? right->first : UINT64_MAX;

	return one < other ? -1 : one > other ? 1 : strcmp(left->name, right->name);
}

static int open_all(int folder_fd, struct ks_audit_files *files)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
	int r = 0;

	if (!names) {
		if (fd >= 0)
			(void)close(fd);
		return ks_error_from_errno(errno);
	}
	for (struct dirent *entry; r >= 0 && (entry = readdir(names));) {
		if (ks_audit_name_is_log(entry->d_name))
			r = add(folder_fd, entry->d_name, files);
		else if (strncmp(entry->d_name, KS_AUDIT_FILE_BEGIN, strlen(KS_AUDIT_FILE_BEGIN)) == 0)
			files->n_packed++;
	}
	(void)closedir(names);
	if (r >= 0 && files->n > 1)
		qsort(files->at, files->n, sizeof(*files->at), by_first);
	return r < 0 ? r : 0;
}

/* Has the current file been renamed since it was opened? Then a newer one may have been missed. */
static bool is_current(int folder_fd, const struct ks_audit_files *files)
{
	struct stat there, ours;

	if (fstatat(folder_fd, KS_AUDIT_FILE, &there, AT_SYMLINK_NOFOLLOW) < 0 || there.st_size == 0)
		return true;
	for (size_t i = 0; i < files->n; i++) {
		if (fstat(fileno(files->at[i].stream), &ours) == 0 && ours.st_ino == there.st_ino)
			return strcmp(files->at[i].name, KS_AUDIT_FILE) == 0;
	}
	return !S_ISREG(there.st_mode);
}

int ks_audit_files_open(const char *folder, struct ks_audit_files *ret_files)
{
	KS_AUTO_CLOSE int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (folder_fd < 0)
		return ks_error_from_errno(errno);
	for (int i = 0;; i++) {
		struct ks_audit_files files = { .n = 0 };
		struct ks_audit_files again = { .n = 0 };
		read_head(folder_fd, &files);
		int r = open_all(folder_fd, &files);
		read_head(folder_fd, &again);
		bool moved = r == KS_ERR_NOT_FOUND || again.head.first != files.head.first ||
			     (r == 0 && !is_current(folder_fd, &files));
		if (r == 0 && (!moved || i == TRIES)) {
			*ret_files = files;
			return 0;
		}
		ks_audit_files_close(&files);
		if (!moved || i == TRIES)
			return r;
	}
}
