/* SPDX-License-Identifier: Apache-2.0 */
/* pin_file: see pin_file.h. Runs in: keystay-agent. */
#include "agent/pin_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* The path of what the section names; NULL with a sentence when there is none. */
static char *find_path(const struct ks_settings_token *token, char *why, size_t why_size)
{
	if (token->pin_file)
		return strdup(token->pin_file);
	/* Set by systemd for the service, which may read it alone (systemd.exec(5), CREDENTIALS). */
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || folder[0] != '/') {
		(void)ks_text_print(
			why, why_size,
			"the credential \"%s\" cannot be read: the agent was not started with credentials; put "
			"LoadCredential=%s:FILE into its unit",
			token->pin_credential, token->pin_credential);
		return NULL;
	}
	return ks_path_join(folder, token->pin_credential);
}

/* systemd gives the service's user the right to read by an access control list, which shows in the group's bits
 * (acl(5)); the file stays root's own. */
static bool is_readable_by_others(const struct stat *info, bool is_credential)
{
	mode_t others = info->st_mode & 077;

	return is_credential && info->st_uid == 0 && info->st_gid == 0 ? (others & ~(mode_t)040) != 0 : others != 0;
}

static void say_too_long(const char *path, char *why, size_t why_size)
{
	(void)ks_text_print(why, why_size, "the PIN file %s is longer than any PIN (%d bytes)", path, KS_SECRET_MAX);
}

/* Of the opened file. */
static int check(int fd, const char *path, bool is_credential, char *why, size_t why_size)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return KS_ERR_SYSTEM;
	if (!S_ISREG(info.st_mode)) {
		(void)ks_text_print(why, why_size, "the PIN file %s is no regular file", path);
		return KS_ERR_UNTRUSTED_PATH;
	}
	if (info.st_uid != geteuid() && info.st_uid != 0) {
		(void)ks_text_print(why, why_size, "the PIN file %s belongs to another user (uid %u)", path,
				    (unsigned)info.st_uid);
		return KS_ERR_UNTRUSTED_PATH;
	}
	if (is_readable_by_others(&info, is_credential)) {
		(void)ks_text_print(why, why_size, "the PIN file %s is open to others; run: chmod 600 %s", path, path);
		return KS_ERR_UNTRUSTED_PATH;
	}
	if (info.st_size > KS_SECRET_MAX + 1) {
		say_too_long(path, why, why_size);
		return KS_ERR_TOO_LARGE;
	}
	return 0;
}

/* Whoever may put a link there decides which file is read: of the last step none is taken. */
static int check_no_link(const char *path, char *why, size_t why_size)
{
	struct stat info;

	if (lstat(path, &info) < 0 || !S_ISLNK(info.st_mode))
		return 0;
	(void)ks_text_print(why, why_size, "the PIN file %s is a symbolic link; name the file itself", path);
	return KS_ERR_UNTRUSTED_PATH;
}

/* What is wrong with the way to it; resolved is given. */
static int check_way(const char *path, char **ret_resolved, char *why, size_t why_size)
{
	struct ks_path_problem problem = { 0 };
	char culprit[1024];

	int r = check_no_link(path, why, why_size);
	if (r < 0)
		return r;
	r = ks_path_check_trusted(path, ret_resolved, &problem);
	if (r == 0)
		return 0;
	ks_text_escape(ks_bytes_text(problem.path), culprit, sizeof(culprit));
	if (r == KS_ERR_NOT_FOUND)
		(void)ks_text_print(why, why_size, "the PIN file %s does not exist", path);
	else
		(void)ks_text_print(why, why_size, "the PIN file %s is not used: %s %s", path, culprit, problem.text);
	return r == KS_ERR_INVALID ? KS_ERR_UNTRUSTED_PATH : r;
}

static int open_file(const char *path, bool is_credential, int *ret_fd, char *why, size_t why_size)
{
	KS_AUTO_FREE char *resolved = NULL;

	int r = check_way(path, &resolved, why, why_size);
	if (r < 0)
		return r;
	/* O_NONBLOCK: a FIFO must not make the agent wait before it is seen to be one. */
	KS_AUTO_CLOSE int fd = open(resolved, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		r = ks_error_from_errno(errno);
		(void)ks_text_print(why, why_size, "the PIN file %s cannot be read: %s", path, ks_error_text(r));
		return r;
	}
	r = check(fd, path, is_credential, why, why_size);
	if (r < 0)
		return r;
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

static int open_of_token(const struct ks_settings_token *token, char **ret_path, int *ret_fd, char *why,
			 size_t why_size)
{
	(void)ks_text_print(why, why_size, "the PIN of [token \"%s\"] cannot be read", token->name);
	KS_AUTO_FREE char *path = find_path(token, why, why_size);
	if (!path)
		return KS_ERR_NOT_FOUND;
	int r = open_file(path, !token->pin_file, ret_fd, why, why_size);
	if (r == 0)
		*ret_path = KS_STEAL(path);
	return r;
}

/* A wrong PIN costs a try: what only looks like one is not given to a token. */
static int check_content(const struct ks_secret *secret, int fd, const char *path, char *why, size_t why_size)
{
	struct ks_bytes pin = ks_secret_bytes(secret);
	char more;

	if (pin.size == 0) {
		(void)ks_text_print(why, why_size, "the PIN file %s is empty or begins with an empty line", path);
		return KS_ERR_INVALID;
	}
	if (read(fd, &more, 1) != 0) {
		ks_secret_wipe(&more, 1);
		(void)ks_text_print(why, why_size, "the PIN file %s has more than one line; it must hold the PIN alone",
				    path);
		return KS_ERR_INVALID;
	}
	if (pin.data[pin.size - 1] == '\r') {
		(void)ks_text_print(why, why_size,
				    "the PIN file %s has a line end as on Windows (CR LF); write it with LF or none",
				    path);
		return KS_ERR_INVALID;
	}
	return 0;
}

int ks_pin_file_read(const struct ks_settings_token *token, struct ks_secret **ret_secret, char *why, size_t why_size)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	KS_AUTO_FREE char *path = NULL;
	KS_AUTO_CLOSE int fd = -1;

	int r = open_of_token(token, &path, &fd, why, why_size);
	if (r == 0)
		r = ks_secret_new(&secret);
	if (r < 0)
		return r;
	r = ks_secret_read(secret, fd, true);
	if (r == KS_ERR_TOO_LARGE)
		say_too_long(path, why, why_size);
	else if (r < 0)
		(void)ks_text_print(why, why_size, "the PIN file %s cannot be read: %s", path, ks_error_text(r));
	if (r < 0)
		return r;
	r = check_content(secret, fd, path, why, why_size);
	if (r < 0)
		return r;
	*ret_secret = KS_STEAL(secret);
	return 0;
}

int ks_pin_file_check(const struct ks_settings_token *token, char *why, size_t why_size)
{
	KS_AUTO_FREE char *path = NULL;
	KS_AUTO_CLOSE int fd = -1;

	return open_of_token(token, &path, &fd, why, why_size);
}
