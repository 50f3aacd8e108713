/* SPDX-License-Identifier: Apache-2.0 */
/* terminal: see terminal.h. Runs in: keystay-prompt. */
#include "agent/helpers/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

int ks_terminal_open(const char *name, struct ks_terminal *ret_terminal, char *why, size_t size)
{
	char shown[512];
	struct stat status;

	ks_text_escape(ks_bytes(name, strlen(name)), shown, sizeof(shown));
	if (strncmp(name, "/dev/", strlen("/dev/")) != 0) {
		(void)ks_text_print(why, size, "\"%s\" is no terminal", shown);
		return KS_ERR_INVALID;
	}
	/* Some devices do things when they are opened, so it is looked at first. Without O_NONBLOCK the opening of a
	 * serial line could wait for its carrier. */
	if (stat(name, &status) == 0 && (!S_ISCHR(status.st_mode) || status.st_uid != getuid())) {
		bool device = S_ISCHR(status.st_mode);
		(void)ks_text_print(
			why, size, device ? "the terminal %s belongs to another user" : "\"%s\" is no terminal", shown);
		return device ? KS_ERR_DENIED : KS_ERR_INVALID;
	}
	KS_AUTO_CLOSE int fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		int error = ks_error_from_errno(errno);
		(void)ks_text_print(why, size, "the terminal %s cannot be opened: %s", shown, strerror(errno));
		return error;
	}
	struct termios modes;
	if (tcgetattr(fd, &modes) < 0) {
		(void)ks_text_print(why, size, "\"%s\" is no terminal", shown);
		return KS_ERR_INVALID;
	}
	*ret_terminal = (struct ks_terminal){ .fd = KS_STEAL_FD(fd), .modes = modes };
	return 0;
}

void ks_terminal_restore(const struct ks_terminal *terminal)
{
	/* It is nobody's controlling terminal here, so no signal comes of it. */
	if (terminal->fd >= 0)
		(void)tcsetattr(terminal->fd, TCSANOW, &terminal->modes);
}

void ks_terminal_close(struct ks_terminal *terminal)
{
	if (terminal->fd >= 0)
		(void)close(terminal->fd);
	terminal->fd = -1;
}
