/* SPDX-License-Identifier: Apache-2.0 */
/* talk: see talk.h. Runs in: keystay-prove and its children. */
#include "agent/helpers/talk.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

int ks_talk_receive(int fd, struct ks_buffer *buffer, struct ks_frame *ret_frame)
{
	for (;;) {
		enum ks_frame_state state;
		size_t whole = 0;
		int r = ks_frame_read(ks_buffer_bytes(buffer), &state, ret_frame, &whole);
		if (r < 0 || state == KS_FRAME_WHOLE)
			return r;
		size_t wanted = whole - buffer->size;
		uint8_t *room = ks_buffer_reserve(buffer, wanted);
		if (!room)
			return ks_buffer_error(buffer);
		ssize_t n = recv(fd, room, wanted, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return KS_ERR_CLOSED;
		if (n > 0)
			ks_buffer_grow(buffer, (size_t)n);
	}
}

int ks_talk_send_bytes(int fd, struct ks_bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t n = send(fd, bytes.data, bytes.size, MSG_NOSIGNAL);
		if (n > 0)
			bytes = ks_bytes(bytes.data + n, bytes.size - (size_t)n);
		else if (errno != EINTR)
			return KS_ERR_CLOSED;
	}
	return 0;
}

int ks_talk_send(int fd, uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };

	ks_buffer_init(&buffer, KS_FRAME_MAX + KS_FRAME_HEADER);
	ks_message_write(&buffer, type, message);
	int r = ks_buffer_error(&buffer);
	return r < 0 ? r : ks_talk_send_bytes(fd, ks_buffer_bytes(&buffer));
}
