/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: what a digest context has been given, as long as it looks like a TLS handshake, and never too much of it.
 *
 * A stream is kept when it begins with the head of a ClientHello or, after a HelloRetryRequest, of a message_hash
 * (RFC 8446 sections 4.1.2 and 4.4.1). One is at most as long as the agent takes (KS_SIGN_INPUT_MAX); all of a process
 * together have KS_TAP_MEMORY_MAX, then the one that was left alone for longest is forgotten: a server's idle
 * connections, or peers who open many, must not keep a program's own handshakes from being proven. What is forgotten is
 * wiped, since it may have been something else.
 *
 * A stream belongs to one context, and so to one thread at a time; only its memory may be taken away by others, under
 * one lock. The lock is held across fork(), so that a child finds it free.
 *
 * Runs in: any program that loads the tap.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "01 length length length 03 03": the type, the length and legacy_version of a ClientHello. */
#define KS_STREAM_HEAD 6u

enum ks_stream_state { KS_STREAM_NEW, KS_STREAM_KEPT, KS_STREAM_IGNORED };

/* All zero: a new one. Must not move while it is kept. */
struct ks_stream {
	enum ks_stream_state state; /* the owner's alone, as the head */
	uint8_t head[KS_STREAM_HEAD];
	uint8_t n_head;
	struct ks_stream *older, *newer; /* from here on under the lock */
	uint8_t *data;                   /* owned; NULL when it was forgotten */
	size_t size, room;
};

/* Once, before anything else. */
bool ks_stream_init(void);

void ks_stream_add(struct ks_stream *stream, const uint8_t *data, size_t size);

/* to is new. */
void ks_stream_copy(struct ks_stream *to, struct ks_stream *from);

/* What to had is forgotten; from is ignored until it is forgotten. */
void ks_stream_move(struct ks_stream *to, struct ks_stream *from);

/* Its size, 0 when it is not kept (any more); copied to buffer when that has the room. */
size_t ks_stream_read(struct ks_stream *stream, uint8_t *buffer, size_t room);

/* It is new again. */
void ks_stream_forget(struct ks_stream *stream);

/* The memory of all streams of this process. */
void ks_stream_forget_all(void);
