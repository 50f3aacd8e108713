/* SPDX-License-Identifier: Apache-2.0 */
/* wire: see wire.h. Runs in: keystay-token. */
#include "pkcs11/wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

#define READ_SIZE 8192u
/* Frames with PINs are below 1 KiB, but for those that carry a long TLS 1.2 transcript as well: these are not worth what
 * they would take of a limit that may be 64 KiB, and that the arena of lib/base/secret.c needs for itself. */
#define LOCKED_MAX ((size_t)4 * READ_SIZE)

int ks_wire_init(struct ks_wire *wire, int fd)
{
	*wire = (struct ks_wire){ .fd = fd };
	ks_buffer_init(&wire->in, KS_FRAME_MAX + KS_FRAME_HEADER + READ_SIZE);
	wire->in.secret = true;
	return pthread_mutex_init(&wire->writing, NULL) == 0 ? 0 : KS_ERR_SYSTEM;
}

void ks_wire_deinit(struct ks_wire *wire)
{
	(void)pthread_mutex_destroy(&wire->writing);
	ks_buffer_deinit(&wire->in);
}

/* The descriptor blocks, unless somebody else has changed that. */
static bool wait_for(int fd, short events)
{
	struct pollfd wait = { .fd = fd, .events = events };

	return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

/* PINs pass here on their way into a struct ks_secret: none of it should reach a disk by swapping. Only as good as the
 * system lets it be; what must be locked is the place where a PIN stays. mlock2(2): see lib/base/secret.c. */
static void lock_memory(struct ks_wire *wire)
{
	if (wire->in.data == wire->locked && wire->in.capacity == wire->locked_size)
		return;
	if (wire->locked)
		(void)munlock(wire->locked, wire->locked_size);
	wire->locked = wire->in.capacity <= LOCKED_MAX ? wire->in.data : NULL;
	wire->locked_size = wire->in.capacity;
	if (wire->locked)
		(void)!mlock2(wire->locked, wire->locked_size, 0);
}

/* Waits for at least one byte and takes what is there. */
static int receive(struct ks_wire *wire, size_t size)
{
	uint8_t *room = ks_buffer_reserve(&wire->in, size);
	if (!room)
		return ks_buffer_error(&wire->in);
	lock_memory(wire);
	for (;;) {
		/* Without room for control data: descriptors that come along are closed by the kernel. */
		ssize_t n = recv(wire->fd, room, size, 0);
		if (n > 0) {
			ks_buffer_grow(&wire->in, (size_t)n);
			return 0;
		}
		if (n == 0 || (errno != EINTR && errno != EAGAIN))
			return KS_ERR_CLOSED;
		if (errno == EAGAIN && !wait_for(wire->fd, POLLIN))
			return KS_ERR_CLOSED;
	}
}

int ks_wire_read(struct ks_wire *wire, struct ks_frame *ret_frame)
{
	ks_buffer_consume(&wire->in, wire->held);
	wire->held = 0;
	if (wire->in.size == 0 && wire->in.capacity > LOCKED_MAX)
		ks_buffer_release(&wire->in);
	for (;;) {
		enum ks_frame_state state;
		struct ks_frame frame;
		size_t whole = 0;
		int r = ks_frame_read(ks_buffer_bytes(&wire->in), &state, &frame, &whole);
		if (r < 0)
			return r;
		if (state == KS_FRAME_WHOLE) {
			wire->held = whole;
			*ret_frame = frame;
			return 0;
		}
		size_t missing = whole > wire->in.size ? whole - wire->in.size : 0;
		r = receive(wire, missing > READ_SIZE ? missing : READ_SIZE);
		if (r < 0)
			return r;
	}
}

uint8_t *ks_wire_own(struct ks_wire *wire, struct ks_bytes bytes)
{
	return bytes.size > 0 ? wire->in.data + (bytes.data - wire->in.data) : wire->in.data;
}

static int write_all(int fd, struct ks_bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t n = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
		if (n > 0) {
			bytes.data += n;
			bytes.size -= (size_t)n;
		} else if (errno != EINTR && (errno != EAGAIN || !wait_for(fd, POLLOUT))) {
			return KS_ERR_CLOSED;
		}
	}
	return 0;
}

int ks_wire_take_secret(struct ks_wire *wire, struct ks_bytes bytes, struct ks_secret **ret_secret,
			struct ks_problem *problem)
{
	KS_CLEANUP(ks_secret_freep) struct ks_secret *secret = NULL;
	uint8_t *source = ks_wire_own(wire, bytes);

	int r = ks_secret_new(&secret);
	if (r == 0)
		r = ks_secret_take(secret, source, bytes.size);
	else
		ks_secret_wipe(source, bytes.size);
	if (r < 0)
		return ks_problem_set(problem, r,
				      "the PIN cannot be kept in locked memory; is the limit of locked memory "
				      "(ulimit -l) very low?");
	*ret_secret = KS_STEAL(secret);
	return 0;
}

int ks_wire_write(struct ks_wire *wire, struct ks_buffer *buffer)
{
	int r = ks_buffer_error(buffer);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&wire->writing);
	r = write_all(wire->fd, ks_buffer_bytes(buffer));
	(void)pthread_mutex_unlock(&wire->writing);
	ks_buffer_reset(buffer);
	return r;
}

int ks_wire_send(struct ks_wire *wire, uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	ks_message_write(&buffer, type, message);
	return ks_wire_write(wire, &buffer);
}

int ks_wire_send_problem(struct ks_wire *wire, uint32_t id, const struct ks_problem *problem)
{
	char text[KS_TEXT_MAX];
	struct ks_bytes said = ks_bytes_text(problem->text);

	/* A module's own words may be in it, or half a character where it was cut. */
	if (!ks_text_valid(said)) {
		ks_text_escape(said, text, sizeof(text));
		said = ks_bytes_text(text);
	}
	int error = problem->error < 0 ? problem->error : KS_ERR_INTERNAL;
	const struct ks_msg_error message = { KS_MESSAGE_HEAD(id), .code = (uint32_t)-error, .text = said };
	const struct ks_msg_worker_not_given not_given = { KS_MESSAGE_HEAD(id), .code = message.code, .text = said };
	return problem->not_given ? ks_wire_send(wire, KS_MSG_WORKER_NOT_GIVEN, &not_given) :
				    ks_wire_send(wire, KS_MSG_ERROR, &message);
}
