/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_agent: see fake_agent.h. Errors of the test's own machinery end it at once, with the place.
 *
 * Runs in: unit tests.
 */
#include "tests/unit/client/fake_agent.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			(void)fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, strerror(errno));     \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

void fake_agent_make_folder(struct fake_agent *agent)
{
	(void)snprintf(agent->folder, sizeof(agent->folder), "/tmp/keystay-test-XXXXXX");
	MUST(mkdtemp(agent->folder));
	(void)snprintf(agent->path, sizeof(agent->path), "%s/agent.sock", agent->folder);
	MUST(setenv("KEYSTAY_SOCK", agent->path, 1) == 0);
	MUST(setenv("KEYSTAY_CONTROL_SOCK", agent->path, 1) == 0);
	agent->listener = -1;
}

void fake_agent_remove_folder(struct fake_agent *agent)
{
	(void)unlink(agent->path);
	(void)rmdir(agent->folder);
}

int fake_agent_bind(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	MUST(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	MUST(fd >= 0);
	MUST(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
	MUST(listen(fd, backlog) == 0);
	return fd;
}

static void *run(void *argument)
{
	struct fake_agent *agent = argument;

	for (;;) {
		struct pollfd fds[] = { { .fd = agent->listener, .events = POLLIN },
					{ .fd = agent->stop[0], .events = POLLIN } };
		int n = poll(fds, 2, -1);
		if (n < 0 && errno == EINTR)
			continue;
		MUST(n > 0);
		if (fds[1].revents)
			return NULL;
		KS_AUTO_CLOSE int fd = accept4(agent->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		atomic_fetch_add(&agent->n_connections, 1);
		agent->serve(agent, fd);
	}
}

void fake_agent_start(struct fake_agent *agent, void (*serve)(struct fake_agent *agent, int fd), void *userdata)
{
	fake_agent_make_folder(agent);
	agent->listener = fake_agent_bind(agent->path, 64);
	agent->serve = serve;
	agent->userdata = userdata;
	atomic_init(&agent->n_connections, 0);
	MUST(pipe(agent->stop) == 0);
	MUST(pthread_create(&agent->thread, NULL, run, agent) == 0);
}

void fake_agent_stop(struct fake_agent *agent)
{
	(void)close(agent->stop[1]);
	MUST(pthread_join(agent->thread, NULL) == 0);
	(void)close(agent->stop[0]);
	(void)close(agent->listener);
	fake_agent_remove_folder(agent);
}

bool fake_agent_read(int fd, struct ks_buffer *buffer, uint8_t *ret_type, struct ks_bytes *ret_body)
{
	ks_buffer_reset(buffer);
	for (;;) {
		enum ks_frame_state state;
		struct ks_frame frame;
		size_t whole;
		MUST(ks_frame_read(ks_buffer_bytes(buffer), &state, &frame, &whole) == 0);
		if (state == KS_FRAME_WHOLE) {
			*ret_type = frame.type;
			*ret_body = frame.body;
			return true;
		}
		uint8_t *room = ks_buffer_reserve(buffer, whole - buffer->size);
		MUST(room);
		ssize_t n = recv(fd, room, whole - buffer->size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		ks_buffer_grow(buffer, (size_t)n);
	}
}

uint32_t fake_agent_id(struct ks_bytes body)
{
	uint32_t version;
	uint32_t id;
	MUST(ks_message_head(body, &version, &id));
	MUST(version == KS_PROTOCOL_VERSION);
	return id;
}

void fake_agent_send(int fd, struct ks_bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t n = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* a client that hangs up early is judged by its own result */
		bytes.data += n;
		bytes.size -= (size_t)n;
	}
}

void fake_agent_reply(int fd, uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };

	ks_message_write(&frame, type, message);
	MUST(ks_buffer_error(&frame) == 0);
	fake_agent_send(fd, ks_buffer_bytes(&frame));
}

void fake_agent_refuse(int fd, uint32_t id, int code, const char *text)
{
	struct ks_msg_error message = { KS_MESSAGE_HEAD(id), .code = (uint32_t)-code, .text = ks_bytes_text(text) };

	fake_agent_reply(fd, KS_MSG_ERROR, &message);
}

void fake_agent_drain(int fd)
{
	char bytes[4096];
	ssize_t n;

	do {
		n = recv(fd, bytes, sizeof(bytes), 0);
	} while (n > 0 || (n < 0 && errno == EINTR));
}
