/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tries: see tries.h.
 *
 * Runs in: keystay-agent. The file: one line for each token that was given a PIN,
 *
 *	COUNT HASH LABEL
 *
 * the hash in hex over what identifies the token, so that nothing of it has to be quoted; the label is for people and is
 * not read. Another agent of the same user may write it too: each change reads it anew, under a lock.
 */
#include "agent/tries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tries_file.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/tls/verify_signature.h"

#define FILE_NAME "pins"
#define LOCK_NAME "pins.lock"
#define FILE_MAX (KS_TRIES_LINES_MAX * (size_t)KS_TRIES_LINE_MAX)
#define LOCK_TRIES 20

struct ks_tries {
	char *file; /* owned */
	int folder_fd;
	int lock_fd;
	struct ks_tries_list list;
	bool unreadable; /* what was there could not be read: nobody is trusted before a good login */
};

/* --- names ------------------------------------------------------------------------------------------------------- */

static void put_field(struct ks_buffer *buffer, const char *text)
{
	ks_buffer_put_u32(buffer, (uint32_t)strlen(text));
	ks_buffer_put(buffer, ks_bytes_text(text));
}

static int name_of(const struct ks_token_id *id, uint8_t ret_hash[32])
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	put_field(&buffer, id->module);
	put_field(&buffer, id->manufacturer);
	put_field(&buffer, id->model);
	put_field(&buffer, id->serial);
	put_field(&buffer, id->label);
	int r = ks_buffer_error(&buffer);
	return r < 0 ? r : ks_sha256(ks_buffer_bytes(&buffer), ret_hash);
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

/* A file that makes no sense is kept aside for people; it is not trusted, and not thrown away either. */
static void set_aside(struct ks_tries *tries)
{
	ks_log_error("%s cannot be read; it is kept as %s.unreadable, and each token's next PIN needs a dialog",
		     tries->file, tries->file);
	(void)renameat(tries->folder_fd, FILE_NAME, tries->folder_fd, FILE_NAME ".unreadable");
	tries->unreadable = true;
	tries->list.n = 0;
}

static int read_file(struct ks_tries *tries)
{
	struct stat info;
	KS_AUTO_CLOSE int fd = openat(tries->folder_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT) {
		tries->list.n = 0;
		return 0;
	}
	if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_uid != geteuid() || info.st_size < 0 ||
	    (size_t)info.st_size > FILE_MAX) {
		set_aside(tries);
		return 0;
	}
	size_t size = (size_t)info.st_size;
	KS_AUTO_FREE char *text = malloc(size + 1);
	if (!text)
		return KS_ERR_NO_MEMORY;
	ssize_t n = read(fd, text, size);
	if (n != (ssize_t)size || ks_tries_file_read(ks_bytes(text, size), &tries->list) < 0)
		set_aside(tries);
	return 0;
}

static int write_all(int fd, struct ks_bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t n = write(fd, bytes.data, bytes.size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return KS_ERR_SYSTEM;
		bytes = ks_bytes(bytes.data + n, bytes.size - (size_t)n);
	}
	return 0;
}

static int write_file(struct ks_tries *tries)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	static const char temporary[] = FILE_NAME ".new";

	ks_tries_file_write(&tries->list, &text);
	int r = ks_buffer_error(&text);
	if (r < 0)
		return r;
	(void)unlinkat(tries->folder_fd, temporary, 0);
	KS_AUTO_CLOSE int fd =
		openat(tries->folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ks_error_from_errno(errno);
	r = write_all(fd, ks_buffer_bytes(&text));
	if (r < 0)
		return r;
	return renameat(tries->folder_fd, temporary, tries->folder_fd, FILE_NAME) == 0 ? 0 : ks_error_from_errno(errno);
}

/* Another agent holds it for the time of one small write; who holds it longer is not waited for. */
static int lock(const struct ks_tries *tries)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(tries->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return KS_ERR_SYSTEM;
		const struct timespec moment = { .tv_nsec = 500000 };
		(void)nanosleep(&moment, NULL);
	}
	return KS_ERR_BUSY;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int open_in(struct ks_tries *tries, const char *folder)
{
	int r = ks_path_make_private_all(folder);
	if (r < 0)
		return r;
	tries->file = ks_path_join(folder, FILE_NAME);
	if (!tries->file)
		return KS_ERR_NO_MEMORY;
	tries->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (tries->folder_fd < 0)
		return ks_error_from_errno(errno);
	tries->lock_fd =
		openat(tries->folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (tries->lock_fd < 0)
		return ks_error_from_errno(errno);
	return read_file(tries);
}

void ks_tries_close(struct ks_tries *tries)
{
	if (!tries)
		return;
	if (tries->folder_fd >= 0)
		(void)close(tries->folder_fd);
	if (tries->lock_fd >= 0)
		(void)close(tries->lock_fd);
	ks_tries_list_deinit(&tries->list);
	free(tries->file);
	free(tries);
}
KS_DEFINE_CLEANUP(struct ks_tries *, ks_tries_close)

int ks_tries_open(const char *folder, struct ks_tries **ret_tries)
{
	KS_CLEANUP(ks_tries_closep) struct ks_tries *tries = calloc(1, sizeof(*tries));

	if (!tries)
		return KS_ERR_NO_MEMORY;
	tries->folder_fd = tries->lock_fd = -1;
	int r = open_in(tries, folder);
	if (r < 0)
		return r;
	*ret_tries = KS_STEAL(tries);
	return 0;
}

const char *ks_tries_file(const struct ks_tries *tries)
{
	return tries->file;
}

/* --- counting ---------------------------------------------------------------------------------------------------- */

unsigned ks_tries_count(const struct ks_tries *tries, const struct ks_token_id *id)
{
	uint8_t hash[32];

	if (name_of(id, hash) < 0)
		return KS_TRIES_UNKNOWN;
	const struct ks_tries_line *line = ks_tries_list_find(&tries->list, hash);
	if (line)
		return line->count;
	return tries->unreadable ? KS_TRIES_UNKNOWN : 0;
}

enum change { MORE, LESS, NONE };

static unsigned changed(unsigned count, enum change change)
{
	switch (change) {
	case MORE:
		return count < KS_TRIES_COUNT_MAX ? count + 1 : count;
	case LESS:
		return count > 0 ? count - 1 : 0;
	case NONE:
	default:
		return 0;
	}
}

static int count(struct ks_tries *tries, const struct ks_token_id *id, enum change change)
{
	uint8_t hash[32];

	int r = name_of(id, hash);
	if (r == 0)
		r = lock(tries);
	if (r < 0)
		return r;
	r = read_file(tries);
	if (r == 0) {
		unsigned now = changed(ks_tries_count(tries, id), change);
		r = ks_tries_list_set(&tries->list, hash, now, id->label);
	}
	if (r == 0)
		r = write_file(tries);
	(void)flock(tries->lock_fd, LOCK_UN);
	return r;
}

int ks_tries_submitting(struct ks_tries *tries, const struct ks_token_id *id)
{
	return count(tries, id, MORE);
}

int ks_tries_succeeded(struct ks_tries *tries, const struct ks_token_id *id)
{
	return count(tries, id, NONE);
}

int ks_tries_not_submitted(struct ks_tries *tries, const struct ks_token_id *id)
{
	return count(tries, id, LESS);
}
