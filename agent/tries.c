/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tries: see tries.h.
 *
 * Runs in: keystay-agent. In the folder:
 *
 *	pins             one line for each token that was given a PIN: COUNT HASH LABEL (tries_file.h)
 *	pins.unreadable  what stood there once and made no sense; while it is there, nobody is trusted before a good login
 *	pins.lock        locked for each change, since another agent of the same user may count too
 *
 * Nothing is kept open: a folder that somebody has deleted is made again at the next PIN.
 */
#include "agent/tries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/tries_file.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/tls/verify_signature.h"

#define FILE_NAME "pins"
#define LOCK_NAME FILE_NAME ".lock"
#define ASIDE_NAME FILE_NAME ".unreadable"
#define FILE_MAX (KS_TRIES_LINES_MAX * (size_t)KS_TRIES_LINE_MAX)

/* Another agent holds the lock for one small write. Waiting longer than 10 ms would be felt (I8). */
#define LOCK_TRIES 20
#define LOCK_PAUSE_NS 500000

/* What the file said when it was last read. */
struct memory {
	struct ks_tries_list list;
	bool unreadable;
	bool known;       /* it was there; the next three tell whether it is still the same */
	struct stat seen; /* inode, size and time: each write makes a new file */
};

struct ks_tries {
	char *folder;
	char *file;
	struct ks_tries_list older; /* of a folder that cannot be written to any more */
	bool older_is_unreadable;
	struct memory *memory; /* of its own, since looking a count up may have to read again */
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

/* --- reading ----------------------------------------------------------------------------------------------------- */

static int open_folder(const struct ks_tries *tries, int *ret_fd)
{
	int r = ks_path_make_private_all(tries->folder);
	if (r < 0)
		return r;
	int fd = open(tries->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return ks_error_from_errno(errno);
	*ret_fd = fd;
	return 0;
}

/* The text of the file; NULL when there is none. MALFORMED for what cannot be ours. */
static int read_text(int folder_fd, char **ret_text, size_t *ret_size, struct stat *ret_info)
{
	KS_AUTO_CLOSE int fd = openat(folder_fd, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	*ret_text = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : KS_ERR_MALFORMED;
	if (fstat(fd, ret_info) < 0 || !S_ISREG(ret_info->st_mode) || ret_info->st_uid != geteuid() ||
	    (ret_info->st_mode & 077) != 0 || ret_info->st_size < 0 || (size_t)ret_info->st_size > FILE_MAX)
		return KS_ERR_MALFORMED;
	size_t size = (size_t)ret_info->st_size;
	KS_AUTO_FREE char *text = malloc(size + 1);
	if (!text)
		return KS_ERR_NO_MEMORY;
	if (read(fd, text, size) != (ssize_t)size)
		return KS_ERR_MALFORMED;
	*ret_text = KS_STEAL(text);
	*ret_size = size;
	return 0;
}

/* What is there now. MALFORMED, and then every token is unknown. */
static int load(const struct ks_tries *tries, int folder_fd)
{
	struct memory *memory = tries->memory;
	struct stat aside;
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;

	memory->known = false;
	memory->list.n = 0;
	memory->unreadable = true;
	int r = read_text(folder_fd, &text, &size, &memory->seen);
	if (r == 0 && text)
		r = ks_tries_file_read(ks_bytes(text, size), &memory->list);
	if (r < 0) {
		memory->list.n = 0;
		return r;
	}
	memory->known = text != NULL;
	memory->unreadable = fstatat(folder_fd, ASIDE_NAME, &aside, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
	return 0;
}

static bool is_up_to_date(const struct ks_tries *tries)
{
	const struct stat *seen = &tries->memory->seen;
	struct stat now;

	return tries->memory->known && lstat(tries->file, &now) == 0 && now.st_ino == seen->st_ino &&
	       now.st_size == seen->st_size && now.st_mode == seen->st_mode &&
	       now.st_ctim.tv_sec == seen->st_ctim.tv_sec && now.st_ctim.tv_nsec == seen->st_ctim.tv_nsec;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static int write_file(const struct ks_tries *tries, int folder_fd)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	static const char temporary[] = FILE_NAME ".new";

	ks_tries_file_write(&tries->memory->list, &text);
	int r = ks_buffer_error(&text);
	if (r < 0)
		return r;
	/* Left behind by an agent that was killed while it wrote. */
	(void)unlinkat(folder_fd, temporary, 0);
	KS_AUTO_CLOSE int fd = openat(folder_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ks_error_from_errno(errno);
	r = ks_path_write_all(fd, ks_buffer_bytes(&text));
	if (r == 0 && renameat(folder_fd, temporary, folder_fd, FILE_NAME) < 0)
		r = ks_error_from_errno(errno);
	if (r < 0)
		(void)unlinkat(folder_fd, temporary, 0);
	return r;
}

/* Until ret_fd is closed no other agent changes anything. BUSY when one does and goes on doing so. */
static int lock(int folder_fd, int *ret_fd)
{
	KS_AUTO_CLOSE int fd =
		openat(folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return ks_error_from_errno(errno);
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*ret_fd = KS_STEAL_FD(fd);
			return 0;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return KS_ERR_SYSTEM;
		const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
		(void)nanosleep(&pause, NULL);
	}
	return KS_ERR_BUSY;
}

/* A file that makes no sense is kept aside for people; it is not trusted, and not thrown away either. */
static int set_aside(const struct ks_tries *tries, int folder_fd)
{
	if (renameat(folder_fd, FILE_NAME, folder_fd, ASIDE_NAME) < 0)
		return ks_error_from_errno(errno);
	ks_log_error(
		"%s makes no sense; it is kept as %s.unreadable, and until that is deleted, the first PIN for each "
		"token is taken by a dialog only",
		tries->file, tries->file);
	return 0;
}

/* With the lock. */
static int load_or_set_aside(const struct ks_tries *tries, int folder_fd)
{
	int r = load(tries, folder_fd);
	return r == KS_ERR_MALFORMED ? set_aside(tries, folder_fd) : r;
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

void ks_tries_close(struct ks_tries *tries)
{
	if (!tries)
		return;
	if (tries->memory)
		ks_tries_list_deinit(&tries->memory->list);
	ks_tries_list_deinit(&tries->older);
	free(tries->memory);
	free(tries->folder);
	free(tries->file);
	free(tries);
}
KS_DEFINE_CLEANUP(struct ks_tries *, ks_tries_close)

/* What another agent is writing right now is read when it matters. */
static int first_look(const struct ks_tries *tries)
{
	KS_AUTO_CLOSE int folder_fd = -1;
	KS_AUTO_CLOSE int lock_fd = -1;

	int r = open_folder(tries, &folder_fd);
	if (r == 0)
		r = lock(folder_fd, &lock_fd);
	if (r == 0)
		r = load_or_set_aside(tries, folder_fd);
	return r == KS_ERR_BUSY ? 0 : r;
}

int ks_tries_open(const char *folder, struct ks_tries **ret_tries)
{
	KS_CLEANUP(ks_tries_closep) struct ks_tries *tries = calloc(1, sizeof(*tries));

	if (!tries)
		return KS_ERR_NO_MEMORY;
	tries->folder = ks_text_copy(ks_bytes_text(folder));
	tries->file = ks_path_join(folder, FILE_NAME);
	tries->memory = calloc(1, sizeof(*tries->memory));
	if (!tries->folder || !tries->file || !tries->memory)
		return KS_ERR_NO_MEMORY;
	int r = first_look(tries);
	if (r < 0)
		return r;
	*ret_tries = KS_STEAL(tries);
	return 0;
}

int ks_tries_open_instead(const char *unwritable, const char *folder, struct ks_tries **ret_tries)
{
	KS_AUTO_CLOSE int fd = open(unwritable, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	KS_AUTO_FREE char *text = NULL;
	struct ks_tries *tries;
	struct stat info;
	size_t size = 0;
	bool is_missing = fd < 0 && errno == ENOENT;

	int r = ks_tries_open(folder, &tries);
	if (r < 0 || is_missing)
		goto end;
	int old = fd < 0 ? KS_ERR_DENIED : read_text(fd, &text, &size, &info);
	if (old == 0 && text)
		old = ks_tries_file_read(ks_bytes(text, size), &tries->older);
	tries->older_is_unreadable = old < 0;
end:
	if (r == 0)
		*ret_tries = tries;
	return r;
}

const char *ks_tries_file(const struct ks_tries *tries)
{
	return tries->file;
}

/* --- counting ---------------------------------------------------------------------------------------------------- */

static unsigned count_of(const struct ks_tries *tries, const uint8_t hash[32])
{
	const struct ks_tries_line *line = ks_tries_list_find(&tries->memory->list, hash);

	if (!line)
		line = ks_tries_list_find(&tries->older, hash);
	if (line)
		return line->count;
	return tries->memory->unreadable || tries->older_is_unreadable ? KS_TRIES_UNKNOWN : 0;
}

unsigned ks_tries_count(const struct ks_tries *tries, const struct ks_token_id *id)
{
	KS_AUTO_CLOSE int folder_fd = -1;
	uint8_t hash[32];

	if (name_of(id, hash) < 0)
		return KS_TRIES_UNKNOWN;
	/* Another agent may have counted since. */
	if (!is_up_to_date(tries) && (open_folder(tries, &folder_fd) < 0 || load(tries, folder_fd) < 0))
		return KS_TRIES_UNKNOWN;
	return count_of(tries, hash);
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

static int count(const struct ks_tries *tries, const struct ks_token_id *id, enum change change)
{
	KS_AUTO_CLOSE int folder_fd = -1;
	KS_AUTO_CLOSE int lock_fd = -1;
	uint8_t hash[32];

	int r = name_of(id, hash);
	if (r == 0)
		r = open_folder(tries, &folder_fd);
	if (r == 0)
		r = lock(folder_fd, &lock_fd);
	if (r == 0)
		r = load_or_set_aside(tries, folder_fd);
	if (r == 0)
		r = ks_tries_list_set(&tries->memory->list, hash, changed(count_of(tries, hash), change), id->label);
	if (r == 0)
		r = write_file(tries, folder_fd);
	tries->memory->known = false; /* what holds is what stands in the file */
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
