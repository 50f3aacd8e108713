/* SPDX-License-Identifier: Apache-2.0 */
/* binding: see binding.h. Runs in: keystay-agent. */
#include "agent/binding.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* Connections that may wait while we are busy; the kernel caps it at net.core.somaxconn (4096). A full backlog makes
 * connect(2) wait, so nothing is lost. */
#define BACKLOG 4096

static int take_lock(const char *path, int *ret_fd, struct ks_binding_error *ret_error)
{
	KS_AUTO_FREE char *lock_path = ks_text_format("%s.lock", path);
	if (!lock_path)
		return KS_ERR_NO_MEMORY;
	KS_AUTO_CLOSE int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "%s cannot be opened: %s", lock_path,
				    strerror(errno));
		return ks_error_from_errno(errno);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		char pid[16] = "";
		ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? strspn(pid, "0123456789") : 0] = '\0';
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "another keystay-agent%s%s%s already listens on %s", pid[0] ? " (pid " : "", pid,
				    pid[0] ? ")" : "", path);
		return KS_ERR_BUSY;
	}
	char pid[16];
	(void)ks_text_print(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, strlen(pid), 0) < 0)
		ks_log_debug("%s: the pid was not written", lock_path);
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

static int make_address(const char *path, struct sockaddr_un *ret_address, struct ks_binding_error *ret_error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path)) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the socket path %s is too long (at most %zu bytes)", path,
				    sizeof(address.sun_path) - 1);
		return KS_ERR_INVALID;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	*ret_address = address;
	return 0;
}

/* Called under the lock. A socket that answers belongs to somebody who does not know our lock: hands off. */
static int remove_stale(const char *path, const struct sockaddr_un *address, struct ks_binding_error *ret_error)
{
	struct stat status;

	if (lstat(path, &status) < 0)
		return errno == ENOENT ? 0 : ks_error_from_errno(errno);
	if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid()) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "%s is in the way and is not a socket of this user; remove it by hand", path);
		return KS_ERR_BUSY;
	}
	KS_AUTO_CLOSE int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return KS_ERR_SYSTEM;
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "another program already listens on %s",
				    path);
		return KS_ERR_BUSY;
	}
	ks_log_info("removing %s, which an agent that has ended left behind", path);
	return unlink(path) < 0 && errno != ENOENT ? ks_error_from_errno(errno) : 0;
}

static int listen_at(struct ks_binding *binding, const struct sockaddr_un *address, int *ret_fd,
		     struct ks_binding_error *ret_error)
{
	KS_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return KS_ERR_SYSTEM;
	mode_t mask = umask(0777 & ~binding->mode);
	int bound = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	int bind_errno = errno;
	(void)umask(mask);
	struct stat status;
	if (bound < 0 || listen(fd, BACKLOG) < 0 || lstat(binding->path, &status) < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "cannot listen on %s: %s", binding->path,
				    strerror(bound < 0 ? bind_errno : errno));
		return KS_ERR_SYSTEM;
	}
	binding->device = status.st_dev;
	binding->inode = status.st_ino;
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}

static int make_folder(const char *path, struct ks_binding_error *ret_error)
{
	KS_AUTO_FREE char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	if (!slash || slash == folder)
		return folder ? KS_ERR_INVALID : KS_ERR_NO_MEMORY;
	*slash = '\0';
	int error = ks_path_make_private_all(folder);
	if (error < 0)
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the folder %s cannot be used for sockets: %s; it must be yours alone (mode 0700)",
				    folder, ks_error_text(error));
	return error;
}

/* Of a path that the configuration names. Who could replace the socket there could be us for its clients. */
static int check_folder(const char *path, struct ks_binding_error *ret_error)
{
	KS_AUTO_FREE char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	struct stat status;

	if (!slash)
		return folder ? KS_ERR_INVALID : KS_ERR_NO_MEMORY;
	slash[slash == folder ? 1 : 0] = '\0';
	if (stat(folder, &status) < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the folder %s of a socket cannot be used: %s; make it first", folder,
				    strerror(errno));
		return ks_error_from_errno(errno);
	}
	bool is_ours = status.st_uid == 0 || status.st_uid == geteuid();
	if (!is_ours || ((status.st_mode & (S_IWGRP | S_IWOTH)) && !(status.st_mode & S_ISVTX))) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "the folder %s of a socket belongs to somebody else or can be changed by others; "
				    "chown it to the agent's user and take write permission from group and others",
				    folder);
		return KS_ERR_UNTRUSTED_PATH;
	}
	return 0;
}

/* Is the lock that we hold still the one that others would look at? */
static bool has_lock(const struct ks_binding *binding)
{
	KS_AUTO_FREE char *lock_path = ks_text_format("%s.lock", binding->path);
	struct stat ours, there;

	return lock_path && binding->lock_fd >= 0 && fstat(binding->lock_fd, &ours) == 0 &&
	       lstat(lock_path, &there) == 0 && ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

static int make(struct ks_binding *binding, int *ret_fd, struct ks_binding_error *ret_error)
{
	struct sockaddr_un address;
	KS_AUTO_CLOSE int lock_fd = -1;

	int error = make_address(binding->path, &address, ret_error);
	if (error == 0)
		error = binding->in_private_folder ? make_folder(binding->path, ret_error) :
						     check_folder(binding->path, ret_error);
	bool is_locked = error == 0 && has_lock(binding);
	if (error == 0 && !is_locked)
		error = take_lock(binding->path, &lock_fd, ret_error);
	if (error == 0)
		error = remove_stale(binding->path, &address, ret_error);
	if (error == 0)
		error = listen_at(binding, &address, ret_fd, ret_error);
	if (error < 0) {
		if (ret_error->text[0] == '\0')
			(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "cannot listen on %s: %s",
					    binding->path, ks_error_text(error));
		return error;
	}
	if (!is_locked) {
		if (binding->lock_fd >= 0)
			(void)close(binding->lock_fd);
		binding->lock_fd = KS_STEAL_FD(lock_fd);
	}
	return 0;
}

int ks_binding_make(struct ks_binding *binding, const char *path, mode_t mode, bool in_private_folder, int *ret_fd,
		    struct ks_binding_error *ret_error)
{
	ret_error->text[0] = '\0';
	*binding = (struct ks_binding){ .lock_fd = -1, .mode = mode, .in_private_folder = in_private_folder };
	binding->path = strdup(path);
	int error = binding->path ? make(binding, ret_fd, ret_error) : KS_ERR_NO_MEMORY;
	if (error < 0)
		ks_binding_deinit(binding);
	return error;
}

enum ks_binding_place ks_binding_look(const struct ks_binding *binding)
{
	struct stat status;

	if (lstat(binding->path, &status) < 0)
		return KS_BINDING_MISSING;
	return status.st_dev == binding->device && status.st_ino == binding->inode ? KS_BINDING_OURS : KS_BINDING_TAKEN;
}

int ks_binding_make_again(struct ks_binding *binding, int *ret_fd, struct ks_binding_error *ret_error)
{
	ret_error->text[0] = '\0';
	return make(binding, ret_fd, ret_error);
}

void ks_binding_deinit(struct ks_binding *binding)
{
	if (binding->path && binding->device != 0 && ks_binding_look(binding) == KS_BINDING_OURS)
		(void)unlink(binding->path);
	free(binding->path);
	binding->path = NULL;
	if (binding->lock_fd >= 0)
		(void)close(binding->lock_fd);
	binding->lock_fd = -1;
}
