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

static int check(int fd, const char *path, char *why, size_t why_size)
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
	if (info.st_mode & 077) {
		(void)ks_text_print(why, why_size, "the PIN file %s may be read by others; run: chmod 600 %s", path,
				    path);
		return KS_ERR_UNTRUSTED_PATH;
	}
	return 0;
}

static int open_file(const char *path, int *ret_fd, char *why, size_t why_size)
{
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_path_problem problem = { 0 };

	int r = ks_path_check_trusted(path, &resolved, &problem);
	if (r == KS_ERR_UNTRUSTED_PATH)
		(void)ks_text_print(why, why_size, "the PIN file %s is not used: %s %s", path, problem.path, problem.text);
	else if (r < 0)
		(void)ks_text_print(why, why_size, "the PIN file %s cannot be read: %s", path, ks_error_text(r));
	if (r < 0)
		return r;
	/* O_NONBLOCK: a FIFO must not make the agent wait before it is seen to be one. */
	KS_AUTO_CLOSE int fd = open(resolved, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		(void)ks_text_print(why, why_size, "the PIN file %s cannot be read: %s", path, strerror(errno));
		return ks_error_from_errno(errno);
	}
	r = check(fd, path, why, why_size);
	if (r < 0)
		return r;
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

int ks_pin_file_read(const struct ks_settings_token *token, struct ks_secret **ret_secret, char *why, size_t why_size)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	KS_AUTO_CLOSE int fd = -1;

	(void)ks_text_print(why, why_size, "the PIN of [token \"%s\"] cannot be read", token->name);
	KS_AUTO_FREE char *path = find_path(token, why, why_size);
	if (!path)
		return KS_ERR_NOT_FOUND;
	int r = open_file(path, &fd, why, why_size);
	if (r == 0)
		r = ks_secret_new(&secret);
	if (r < 0)
		return r;
	r = ks_secret_read(secret, fd, true);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "the PIN file %s cannot be used: %s", path, ks_error_text(r));
		return r;
	}
	if (ks_secret_bytes(secret).size == 0) {
		(void)ks_text_print(why, why_size, "the PIN file %s is empty", path);
		return KS_ERR_INVALID;
	}
	*ret_secret = KS_STEAL(secret);
	return 0;
}
