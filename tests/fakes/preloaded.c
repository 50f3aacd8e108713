/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay-preloaded.so: LD_PRELOADed into any program, it asks the agent in that program's name before main() begins.
 *
 * For the story that shows why a program's name is a label and no more. Sends the frame of $KEYSTAY_TEST_FRAME to
 * $KEYSTAY_TEST_SOCK and writes what comes back to $KEYSTAY_TEST_ANSWER.
 *
 * Runs in: whatever a test preloads it into.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SIZE 8192 /* of a frame, and of its answer */

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	return -1;
}

__attribute__((constructor)) static void ask(void)
{
	static char bytes[SIZE];
	const char *frame = getenv("KEYSTAY_TEST_FRAME"), *path = getenv("KEYSTAY_TEST_SOCK");
	const char *answer = getenv("KEYSTAY_TEST_ANSWER");
	if (!frame || !path || !answer)
		return;
	int in = open(frame, O_RDONLY | O_CLOEXEC), out = open(answer, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int agent = connect_to(path);
	ssize_t size = read(in, bytes, sizeof(bytes));
	if (agent < 0 || size <= 0 || write(agent, bytes, (size_t)size) != size || shutdown(agent, SHUT_WR) < 0)
		_exit(1);
	while ((size = read(agent, bytes, sizeof(bytes))) > 0) {
		if (write(out, bytes, (size_t)size) != size)
			_exit(1);
	}
	(void)close(in);
	(void)close(out);
	(void)close(agent);
}
