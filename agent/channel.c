/* SPDX-License-Identifier: Apache-2.0 */
/* channel: see channel.h. Runs in: keystay-agent. */
#include "agent/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

/* One read. Most requests fit, and an idle connection gives the memory back. */
#define READ_SIZE 8192u

/* A list page and the message after it; a peer that does not read gets no more. */
#define OUT_LIMIT (2u * KS_FRAME_MAX + 64u)

/* A client that asks and asks and does not read its answers waits in its own socket, not in our memory. */
static bool may_take(const struct ks_channel *channel)
{
	return !channel->paused && !(channel->in_turns && channel->out.size > 0);
}

static void set_mask(struct ks_channel *channel)
{
	/* EPOLLHUP and EPOLLERR are always told. A paused channel does not ask for input, or a client that sends ahead
	 * would keep the loop spinning. */
	uint32_t mask = 0;
	if (may_take(channel) && !channel->at_end)
		mask |= EPOLLIN;
	if (channel->out.size > 0)
		mask |= EPOLLOUT;
	if (mask == channel->mask || channel->error < 0)
		return;
	if (sd_event_source_set_io_events(channel->source, mask) < 0)
		ks_channel_break(channel, KS_ERR_SYSTEM);
	else
		channel->mask = mask;
}

static void flush(struct ks_channel *channel)
{
	while (channel->out.size > 0) {
		ssize_t n = send(channel->fd, channel->out.data, channel->out.size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			ks_buffer_consume(&channel->out, (size_t)n);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			ks_channel_break(channel, KS_ERR_CLOSED);
			return;
		}
	}
	ks_buffer_release(&channel->out);
}

/* Reads once. More than one frame is only ever read by chance, when frames are small. */
static void fill(struct ks_channel *channel)
{
	size_t wanted = READ_SIZE;
	struct ks_frame frame;
	enum ks_frame_state state;
	size_t whole = 0;
	if (ks_frame_read(ks_buffer_bytes(&channel->in), &state, &frame, &whole) == 0 && state == KS_FRAME_PARTIAL &&
	    whole > channel->in.size + wanted)
		wanted = whole - channel->in.size;
	uint8_t *room = ks_buffer_reserve(&channel->in, wanted);
	if (!room) {
		ks_channel_break(channel, KS_ERR_NO_MEMORY);
		return;
	}
	/* recv without room for control data: descriptors that the peer passes are closed by the kernel. */
	ssize_t n = recv(channel->fd, room, wanted, MSG_DONTWAIT);
	if (n > 0)
		ks_buffer_grow(&channel->in, (size_t)n);
	else if (n == 0)
		channel->at_end = true;
	else if (errno != EAGAIN && errno != EINTR)
		ks_channel_break(channel, KS_ERR_CLOSED);
}

static void deliver(struct ks_channel *channel)
{
	while (may_take(channel) && channel->error == 0) {
		struct ks_frame frame;
		enum ks_frame_state state;
		size_t used;
		int result = ks_frame_read(ks_buffer_bytes(&channel->in), &state, &frame, &used);
		if (result < 0) {
			ks_channel_break(channel, result);
			return;
		}
		if (state == KS_FRAME_PARTIAL)
			return;
		channel->held = used;
		result = channel->events->frame(channel, &frame, channel->userdata);
		if (result < 0)
			ks_channel_break(channel, result);
		if (!channel->paused && channel->held > 0) {
			ks_buffer_consume(&channel->in, channel->held);
			channel->held = 0;
		}
	}
}

/* The end of every handler of ours: what was put off, and the news. */
static void leave(struct ks_channel *channel)
{
	if (channel->in.size == 0)
		ks_buffer_release(&channel->in);
	/* The peer sends no more, and everything it asked for was answered and taken. */
	if (channel->error == 0 && channel->at_end && !channel->paused && channel->out.size == 0)
		channel->error = KS_ERR_CLOSED;
	if (channel->error == 0)
		set_mask(channel);
	channel->busy = false;
	if (channel->error < 0)
		channel->events->closed(channel, channel->error, channel->userdata);
	else if (channel->events->moved)
		channel->events->moved(channel, channel->userdata);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	struct ks_channel *channel = userdata;

	channel->busy = true;
	if (revents & EPOLLOUT) {
		flush(channel);
		deliver(channel);
	}
	if ((revents & EPOLLIN) && channel->error == 0 && may_take(channel)) {
		fill(channel);
		deliver(channel);
	} else if (revents & (EPOLLHUP | EPOLLERR)) {
		/* Both halves are closed: nobody is left to answer. Input that is still there was asked by somebody
		 * who no longer waits. */
		ks_channel_break(channel, KS_ERR_CLOSED);
	}
	leave(channel);
	return 0;
}

int ks_channel_init(struct ks_channel *channel, sd_event *event, int fd, const struct ks_channel_events *events,
		    void *userdata)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return KS_ERR_SYSTEM;
	*channel = (struct ks_channel){ .fd = fd, .events = events, .userdata = userdata, .mask = EPOLLIN };
	ks_buffer_init(&channel->in, KS_FRAME_MAX + READ_SIZE + KS_FRAME_HEADER);
	ks_buffer_init(&channel->out, OUT_LIMIT);
	if (sd_event_add_io(event, &channel->source, fd, EPOLLIN, on_io, channel) < 0) {
		channel->fd = -1;
		return KS_ERR_SYSTEM;
	}
	return 0;
}

void ks_channel_keep_secrets(struct ks_channel *channel)
{
	channel->in.secret = true;
	channel->out.secret = true;
}

void ks_channel_deinit(struct ks_channel *channel)
{
	sd_event_source_disable_unref(channel->source);
	channel->source = NULL;
	if (channel->fd >= 0)
		(void)close(channel->fd);
	channel->fd = -1;
	ks_buffer_deinit(&channel->in);
	ks_buffer_deinit(&channel->out);
}

static void put(struct ks_channel *channel, uint8_t type, const void *message)
{
	if (channel->error < 0)
		return;
	ks_message_write(&channel->out, type, message);
	int error = ks_buffer_error(&channel->out);
	if (error < 0)
		ks_channel_break(channel, error);
	else
		flush(channel);
}

void ks_channel_send(struct ks_channel *channel, uint8_t type, const void *message)
{
	bool was_busy = channel->busy;

	channel->busy = true;
	put(channel, type, message);
	if (!was_busy)
		leave(channel);
}

void ks_channel_pause(struct ks_channel *channel)
{
	channel->paused = true;
}

void ks_channel_answer(struct ks_channel *channel, uint8_t type, const void *message)
{
	bool was_busy = channel->busy;

	channel->busy = true;
	put(channel, type, message);
	channel->paused = false;
	if (was_busy)
		return; /* inside frame(): deliver() goes on by itself */
	ks_buffer_consume(&channel->in, channel->held);
	channel->held = 0;
	deliver(channel);
	leave(channel);
}

void ks_channel_break(struct ks_channel *channel, int error)
{
	if (channel->error == 0)
		channel->error = error;
	if (!channel->busy)
		channel->events->closed(channel, channel->error, channel->userdata);
}

bool ks_channel_is_partial(const struct ks_channel *channel)
{
	return !channel->paused && channel->in.size > 0;
}

bool ks_channel_is_sending(const struct ks_channel *channel)
{
	return channel->out.size > 0;
}
