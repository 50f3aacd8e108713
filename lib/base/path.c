/* SPDX-License-Identifier: Apache-2.0 */
/*
 * path: see path.h. Where things are, private folders, whole files; whether a file may be trusted is path_trusted.c.
 *
 * Runs in: every program and plug-in (the plug-ins use the sockets' paths alone). secure_getenv(3) throughout: a setuid
 * program that loads a plug-in must not be led to a listener of its caller's choice.
 */
#include "lib/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define PASSWD_SIZE 16384 /* an entry of the user database; directory services have long ones */
#define READ_SIZE ((size_t)16384)

/* --- places ------------------------------------------------------------------------------------------------------ */

char *ks_path_join(const char *folder, const char *name)
{
	size_t length = strlen(folder);
	const char *slash = length > 0 && folder[length - 1] == '/' ? "" : "/";
	return ks_text_format("%s%s%s", folder, slash, name);
}

static int give(char *path, char **ret_path)
{
	if (!path)
		return KS_ERR_NO_MEMORY;
	*ret_path = path;
	return 0;
}

/* XDG base directory specification: a relative path there is invalid and to be ignored. */
static const char *absolute_variable(const char *name)
{
	const char *value = secure_getenv(name);
	return value && value[0] == '/' ? value : NULL;
}

int ks_path_runtime(char **ret_path)
{
	const char *base = absolute_variable("XDG_RUNTIME_DIR");
	char of_user[32];
	if (base)
		return give(ks_path_join(base, "keystay"), ret_path);
	(void)ks_text_print(of_user, sizeof(of_user), "/run/user/%u", (unsigned)geteuid());
	if (access(of_user, F_OK) < 0)
		return KS_ERR_NOT_FOUND;
	return give(ks_path_join(of_user, "keystay"), ret_path);
}

static int find_home(char **ret_path)
{
	const char *home = absolute_variable("HOME");
	struct passwd entry;
	struct passwd *found = NULL;
	char strings[PASSWD_SIZE];
	if (home)
		return give(ks_text_copy(ks_bytes_text(home)), ret_path);
	if (getpwuid_r(geteuid(), &entry, strings, sizeof(strings), &found) != 0 || !found || found->pw_dir[0] != '/')
		return KS_ERR_NOT_FOUND;
	return give(ks_text_copy(ks_bytes_text(found->pw_dir)), ret_path);
}

static int place_of_user(const char *variable, const char *below_home, char **ret_path)
{
	const char *base = absolute_variable(variable);
	if (base)
		return give(ks_path_join(base, "keystay"), ret_path);
	KS_AUTO_FREE char *home = NULL;
	int r = find_home(&home);
	if (r < 0)
		return r;
	return give(ks_path_join(home, below_home), ret_path);
}

int ks_path_config_home(char **ret_path)
{
	return place_of_user("XDG_CONFIG_HOME", ".config/keystay", ret_path);
}

int ks_path_state_home(char **ret_path)
{
	return place_of_user("XDG_STATE_HOME", ".local/state/keystay", ret_path);
}

/* systemd.exec(5): several folders are separated by colons. */
static int first_of(const char *variable, const char *otherwise, char **ret_path)
{
	const char *value = absolute_variable(variable);
	if (!value)
		return give(ks_text_copy(ks_bytes_text(otherwise)), ret_path);
	return give(ks_text_copy(ks_bytes(value, strcspn(value, ":"))), ret_path);
}

int ks_path_system_runtime(char **ret_path)
{
	return first_of("RUNTIME_DIRECTORY", KS_PATH_SYSTEM_RUNTIME, ret_path);
}

int ks_path_system_state(char **ret_path)
{
	return first_of("STATE_DIRECTORY", "/var/lib/keystay", ret_path);
}

static int place_of_socket(const char *variable, const char *below_runtime, char **ret_path)
{
	const char *path = absolute_variable(variable);
	if (path)
		return give(ks_text_copy(ks_bytes_text(path)), ret_path);
	KS_AUTO_FREE char *runtime = NULL;
	int r = ks_path_runtime(&runtime);
	if (r < 0)
		return r;
	return give(ks_path_join(runtime, below_runtime), ret_path);
}

int ks_path_sign_socket(char **ret_path)
{
	return place_of_socket("KEYSTAY_SOCK", "sign/agent.sock", ret_path);
}

int ks_path_module_socket(char **ret_path)
{
	return place_of_socket("KEYSTAY_SOCK", "sign/module.sock", ret_path);
}

int ks_path_control_socket(char **ret_path)
{
	return place_of_socket("KEYSTAY_CONTROL_SOCK", "control/control.sock", ret_path);
}

int ks_path_own_folder(char **ret_path)
{
	char path[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (size <= 0)
		return KS_ERR_SYSTEM;
	path[size] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash)
		return KS_ERR_SYSTEM;
	/* The root folder is the one whose name is its slash. */
	slash[slash == path ? 1 : 0] = '\0';
	return give(ks_text_copy(ks_bytes_text(path)), ret_path);
}

/* --- private folders --------------------------------------------------------------------------------------------- */

/* Behind a final slash O_NOFOLLOW has no meaning any more: "link/" is the folder that the link leads to. */
static char *without_final_slashes(const char *folder)
{
	size_t size = strlen(folder);
	while (size > 1 && folder[size - 1] == '/')
		size--;
	return ks_text_copy(ks_bytes(folder, size));
}

int ks_path_make_private(const char *folder)
{
	KS_AUTO_FREE char *path = without_final_slashes(folder);
	if (!path)
		return KS_ERR_NO_MEMORY;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return ks_error_from_errno(errno);
	/* Made by us or not, it is looked at: somebody may have been faster. */
	KS_AUTO_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? KS_ERR_UNTRUSTED_PATH : ks_error_from_errno(errno);
	struct stat status;
	if (fstat(fd, &status) < 0)
		return ks_error_from_errno(errno);
	if (status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return KS_ERR_UNTRUSTED_PATH;
	return 0;
}

int ks_path_make_private_all(const char *folder)
{
	KS_AUTO_FREE char *path = without_final_slashes(folder);
	if (!path)
		return KS_ERR_NO_MEMORY;
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		if (slash == path)
			continue;
		*slash = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return ks_error_from_errno(errno);
		*slash = '/';
	}
	return ks_path_make_private(path);
}

/* --- whole files ------------------------------------------------------------------------------------------------- */

/* Up to the end of the file, not up to the size it had when somebody looked: it may grow meanwhile. */
static int read_all(int fd, size_t limit, struct ks_buffer *text)
{
	for (;;) {
		size_t wanted = limit + 1 - text->size < READ_SIZE ? limit + 1 - text->size : READ_SIZE;
		uint8_t *room = ks_buffer_reserve(text, wanted);
		if (!room)
			return ks_buffer_error(text);
		ssize_t size = read(fd, room, wanted);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return ks_error_from_errno(errno);
		if (size == 0)
			return 0;
		ks_buffer_grow(text, (size_t)size);
		if (text->size > limit)
			return KS_ERR_TOO_LARGE;
	}
}

int ks_path_read_file(const char *path, size_t limit, char **ret_text, size_t *ret_size)
{
	/* O_NONBLOCK: a FIFO in the place of the file must not stop us before its type is known. */
	KS_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return ks_error_from_errno(errno);
	struct stat status;
	if (fstat(fd, &status) < 0)
		return ks_error_from_errno(errno);
	if (!S_ISREG(status.st_mode))
		return KS_ERR_INVALID;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { .limit = limit + 1 };
	int r = read_all(fd, limit, &text);
	if (r < 0)
		return r;
	size_t size = text.size;
	r = give(ks_buffer_steal_text(&text), ret_text);
	if (r < 0)
		return r;
	*ret_size = size;
	return 0;
}

int ks_path_write_all(int fd, struct ks_bytes content)
{
	while (content.size > 0) {
		ssize_t size = write(fd, content.data, content.size);
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size < 0 ? ks_error_from_errno(errno) : KS_ERR_SYSTEM;
		content = ks_bytes(content.data + size, content.size - (size_t)size);
	}
	return 0;
}

/* The new name lasts through a power cut only when its folder is on disk too. */
static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t size = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
	KS_AUTO_FREE char *folder = ks_text_copy(slash ? ks_bytes(path, size) : ks_bytes_text("."));
	if (!folder)
		return KS_ERR_NO_MEMORY;
	KS_AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? ks_error_from_errno(errno) : 0;
}

int ks_path_write_file_as(const char *path, struct ks_bytes content, const struct stat *status)
{
	bool is_ours = status->st_uid == geteuid() && status->st_gid == getegid();
	KS_AUTO_FREE char *temporary = ks_text_format("%s" KS_PATH_INFIX "XXXXXX", path);
	if (!temporary)
		return KS_ERR_NO_MEMORY;
	KS_AUTO_CLOSE int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return ks_error_from_errno(errno);
	int r = ks_path_write_all(fd, content);
	/* The owner first: a new one clears set-user-ID bits, and must not be let in before all is written. */
	if (r == 0 && !is_ours && fchown(fd, status->st_uid, status->st_gid) < 0)
		r = ks_error_from_errno(errno);
	if (r == 0 && (fchmod(fd, status->st_mode & 07777) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
		r = ks_error_from_errno(errno);
	if (r < 0) {
		(void)unlink(temporary);
		return r;
	}
	return sync_folder_of(path);
}

int ks_path_write_file(const char *path, struct ks_bytes content, mode_t mode)
{
	const struct stat status = { .st_mode = mode, .st_uid = geteuid(), .st_gid = getegid() };

	return ks_path_write_file_as(path, content, &status);
}
