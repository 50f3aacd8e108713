/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: frames in and out of one connected Unix socket on the event loop, for clients and for workers alike.
 *
 * Runs in: keystay-agent. Never blocks, never takes more than one frame ahead (back-pressure: what is not read waits
 * in the socket), drops descriptors that a peer passes along, holds no memory while nothing is under way. It knows
 * frames, not messages.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"
#include "lib/protocol/frame.h"

struct ks_channel;

struct ks_channel_events {
	/* One whole frame. Its body stays valid until this returns, or, after ks_channel_pause(), until
	 * ks_channel_answer(). A negative return breaks the channel with that error. */
	int (*frame)(struct ks_channel *channel, const struct ks_frame *frame, void *userdata);
	/* Something was read or written; look at ks_channel_is_partial() and ks_channel_is_sending(). May be NULL. */
	void (*moved)(struct ks_channel *channel, void *userdata);
	/* The last call: CLOSED (the peer has gone), MALFORMED, TOO_LARGE, or what ks_channel_break() was given. The
	 * channel may be deinited here. */
	void (*closed)(struct ks_channel *channel, int error, void *userdata);
};

struct ks_channel {
	sd_event_source *source;
	int fd;
	const struct ks_channel_events *events;
	void *userdata;
	struct ks_buffer in;
	struct ks_buffer out;
	size_t held;   /* bytes at the start of in that a paused frame occupies */
	uint32_t mask; /* what the event loop waits for now */
	int error;     /* why it ends; 0 = alive */
	bool paused;
	bool in_turns; /* no further frame while the peer has not taken the last answer */
	bool at_end;   /* the peer has shut down its sending half */
	bool busy;     /* inside our own handler: closed() waits for its end */
};

/* Takes fd (made non-blocking here) on success. */
int ks_channel_init(struct ks_channel *channel, sd_event *event, int fd, const struct ks_channel_events *events,
		    void *userdata) KS_WARN_UNUSED;

/* PINs may pass: the buffers are wiped. */
void ks_channel_keep_secrets(struct ks_channel *channel);
void ks_channel_deinit(struct ks_channel *channel);

/* Sends one message (lib/protocol/message.h) or queues what the socket does not take at once. A message that cannot be
 * written breaks the channel. Outside of frame() the channel may be gone when this returns. */
void ks_channel_send(struct ks_channel *channel, uint8_t type, const void *message);

/* From inside frame(): no further frame until ks_channel_answer(). Only that the peer is gone is still noticed. */
void ks_channel_pause(struct ks_channel *channel);

/* Sends the answer to the paused frame and goes on with the next one. The channel may be gone when this returns. */
void ks_channel_answer(struct ks_channel *channel, uint8_t type, const void *message);

/* closed(error) now, or as soon as the handler that is running returns. */
void ks_channel_break(struct ks_channel *channel, int error);

bool ks_channel_is_partial(const struct ks_channel *channel); /* a frame has begun and is not whole */
bool ks_channel_is_sending(const struct ks_channel *channel); /* the peer has not taken everything yet */
