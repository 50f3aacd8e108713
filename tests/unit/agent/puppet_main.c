/* SPDX-License-Identifier: Apache-2.0 */
/*
 * puppet: stands in for keystay-token and does what a unit test says: it hands its channel (descriptor 3) over to the
 * test, which then speaks for it.
 *
 * Runs in: a child process of test_agent_worker. KEYSTAY_PUPPET names the test's socket. First it sends its command
 * line, NUL after each word, with the channel attached; then it obeys single bytes:
 *	0 … 9   it ends with this exit code
 *	a       it is ended by SIGABRT
 *	c       it closes its channel
 *	f       it has a child that keeps the channel and waits for ever; answered by one byte when that is so
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHANNEL_FD 3
#define COMMAND_LINE_SIZE 4096

static int connect_to_test(void)
{
	const char *path = getenv("KEYSTAY_PUPPET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!path || strlen(path) >= sizeof(address.sun_path))
		_exit(100);
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(101);
	return fd;
}

static void hand_over(int fd, int argc, char **argv)
{
	char words[COMMAND_LINE_SIZE];
	size_t size = 0;
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .head = {
			      .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	const int channel = CHANNEL_FD;

	for (int i = 0; i < argc; i++) {
		size_t length = strlen(argv[i]) + 1;
		if (size + length > sizeof(words))
			_exit(102);
		memcpy(words + size, argv[i], length);
		size += length;
	}
	memcpy(CMSG_DATA(&control.head), &channel, sizeof(channel));
	struct iovec part = { .iov_base = words, .iov_len = size };
	const struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.space)
	};
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		_exit(103);
}

static void have_child(int fd)
{
	pid_t child = fork();

	if (child == 0) {
		(void)close(fd);
		for (;;)
			(void)pause();
	}
	if (child < 0 || write(fd, &child, sizeof(child)) != sizeof(child))
		_exit(104);
}

int main(int argc, char **argv)
{
	int fd = connect_to_test();
	char order;

	hand_over(fd, argc, argv);
	while (read(fd, &order, 1) == 1) {
		if (order >= '0' && order <= '9')
			_exit(order - '0');
		if (order == 'a')
			abort();
		if (order == 'c')
			(void)close(CHANNEL_FD);
		if (order == 'f')
			have_child(fd);
	}
	return 0;
}
