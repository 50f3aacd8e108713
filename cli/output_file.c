/* SPDX-License-Identifier: Apache-2.0 */
/* output_file: see output_file.h. Runs in: keystay. */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"

/* What is no regular file (a pipe, /dev/stdout, a shell's >(…)) must be written to, not be replaced. */
static int write_through(const char *path, struct ks_bytes content)
{
	KS_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? ks_error_from_errno(errno) : ks_path_write_all(fd, content);
}

static int write_file(const char *path, struct ks_bytes content, mode_t mode)
{
	struct stat status;

	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return write_through(path, content);
	/* A symbolic link keeps its place: the file that it names is replaced. */
	KS_AUTO_FREE char *resolved = realpath(path, NULL);
	return ks_path_write_file(resolved ? resolved : path, content, mode);
}

int ks_output_file(const struct ks_cli *cli, const char *path, struct ks_bytes content, mode_t mode)
{
	if (!path || strcmp(path, "-") == 0)
		return fwrite(content.data, 1, content.size, cli->out) == content.size ? 0 : KS_ERR_SYSTEM;
	int r = write_file(path, content, mode);
	if (r < 0) {
		KS_AUTO_FREE char *shown = ks_output_escape(ks_bytes_text(path));
		ks_output_error(cli, "cannot write %s: %s", shown ? shown : "the file", ks_error_text(r));
	}
	return r;
}

bool ks_output_file_is_there(const char *path)
{
	struct stat status;

	return path && strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISREG(status.st_mode);
}
