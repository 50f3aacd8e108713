/* SPDX-License-Identifier: Apache-2.0 */
/* stream: see stream.h. Runs in: any program that loads the tap. */
#include "client/tap/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/protocol/limits.h"

#define CLIENT_HELLO 0x01
#define MESSAGE_HASH 0xfe
#define STREAM_MAX KS_SIGN_INPUT_MAX
#define ROOM_FIRST 4096u /* an ordinary handshake up to the client's CertificateVerify */

/* The process's own: all streams that have memory, in the order in which they were touched. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ks_stream *oldest, *newest;
static size_t total;

static void lock(void)
{
	(void)pthread_mutex_lock(&mutex);
}

static void unlock(void)
{
	(void)pthread_mutex_unlock(&mutex);
}

bool ks_stream_init(void)
{
	return pthread_atfork(lock, unlock, unlock) == 0;
}

/* --- under the lock ---------------------------------------------------------------------------------------------- */

static void unlink_stream(struct ks_stream *stream)
{
	*(stream->older ? &stream->older->newer : &oldest) = stream->newer;
	*(stream->newer ? &stream->newer->older : &newest) = stream->older;
	stream->older = stream->newer = NULL;
}

static void link_newest(struct ks_stream *stream)
{
	stream->older = newest;
	stream->newer = NULL;
	*(newest ? &newest->newer : &oldest) = stream;
	newest = stream;
}

static void touch(struct ks_stream *stream)
{
	if (stream != newest) {
		unlink_stream(stream);
		link_newest(stream);
	}
}

static void take_memory(struct ks_stream *stream)
{
	if (!stream->data)
		return;
	unlink_stream(stream);
	total -= stream->room;
	explicit_bzero(stream->data, stream->size);
	free(stream->data);
	stream->data = NULL;
	stream->size = stream->room = 0;
}

/* room bytes for a stream that has none yet. The total holds the largest stream many times over, so that there is
 * always an older one to forget. */
static bool give_memory(struct ks_stream *stream, size_t room)
{
	while (oldest && room > KS_TAP_MEMORY_MAX - total)
		take_memory(oldest);
	stream->data = malloc(room);
	if (!stream->data)
		return false;
	stream->room = room;
	total += room;
	link_newest(stream);
	return true;
}

/* Moves to another place, since realloc() would leave a copy behind. */
static bool grow(struct ks_stream *stream, size_t size)
{
	struct ks_stream larger = { 0 };
	size_t room = stream->room;

	while (room < size)
		room *= 2;
	touch(stream);
	while (oldest != stream && room > KS_TAP_MEMORY_MAX - total)
		take_memory(oldest);
	larger.data = malloc(room);
	if (!larger.data)
		return false;
	memcpy(larger.data, stream->data, stream->size);
	explicit_bzero(stream->data, stream->size);
	free(stream->data);
	total += room - stream->room;
	stream->data = larger.data;
	stream->room = room;
	return true;
}

static bool append(struct ks_stream *stream, const uint8_t *data, size_t size)
{
	if (!stream->data || size > STREAM_MAX - stream->size)
		return false;
	if (size > stream->room - stream->size && !grow(stream, stream->size + size))
		return false;
	memcpy(stream->data + stream->size, data, size);
	stream->size += size;
	touch(stream);
	return true;
}

/* --- what is a handshake ----------------------------------------------------------------------------------------- */

static bool is_handshake(const uint8_t head[KS_STREAM_HEAD])
{
	size_t length = (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];

	if (head[0] == CLIENT_HELLO)
		return length < STREAM_MAX && head[4] == 3 && head[5] == 3;
	return head[0] == MESSAGE_HASH && (length == 32 || length == 48);
}

/* Gathers the head; returns how much of data was taken for it. */
static size_t read_head(struct ks_stream *stream, const uint8_t *data, size_t size)
{
	size_t more = KS_STREAM_HEAD - stream->n_head;

	if (stream->n_head == 0 && data[0] != CLIENT_HELLO && data[0] != MESSAGE_HASH) {
		stream->state = KS_STREAM_IGNORED;
		return 0;
	}
	more = more < size ? more : size;
	memcpy(stream->head + stream->n_head, data, more);
	stream->n_head = (uint8_t)(stream->n_head + more);
	if (stream->n_head == KS_STREAM_HEAD)
		stream->state = is_handshake(stream->head) ? KS_STREAM_KEPT : KS_STREAM_IGNORED;
	return more;
}

/* --- for the owner ----------------------------------------------------------------------------------------------- */

/* What is no handshake costs one comparison. */
void ks_stream_add(struct ks_stream *stream, const uint8_t *data, size_t size)
{
	bool is_first = stream->state == KS_STREAM_NEW;

	if (stream->state == KS_STREAM_IGNORED || size == 0)
		return;
	if (is_first) {
		size_t taken = read_head(stream, data, size);
		data += taken;
		size -= taken;
		if (stream->state != KS_STREAM_KEPT)
			return;
	}
	lock();
	bool kept = !is_first || (give_memory(stream, ROOM_FIRST) && append(stream, stream->head, KS_STREAM_HEAD));
	kept = kept && append(stream, data, size);
	if (!kept)
		take_memory(stream);
	unlock();
	if (!kept)
		stream->state = KS_STREAM_IGNORED;
}

void ks_stream_copy(struct ks_stream *to, struct ks_stream *from)
{
	to->state = from->state;
	to->n_head = from->n_head;
	memcpy(to->head, from->head, sizeof(to->head));
	if (from->state != KS_STREAM_KEPT)
		return;
	lock();
	if (from->data)
		touch(from);
	/* The room is made before the copy: it may cost an older stream its memory, the newest one never. */
	bool kept = from->data && give_memory(to, from->room) && append(to, from->data, from->size);
	unlock();
	if (!kept)
		to->state = KS_STREAM_IGNORED;
}

void ks_stream_move(struct ks_stream *to, struct ks_stream *from)
{
	lock();
	take_memory(to);
	to->state = from->data ? KS_STREAM_KEPT : KS_STREAM_IGNORED;
	if (from->data) {
		unlink_stream(from);
		to->data = from->data;
		to->size = from->size;
		to->room = from->room;
		link_newest(to);
		from->data = NULL;
		from->size = from->room = 0;
	}
	unlock();
	from->state = KS_STREAM_IGNORED;
}

size_t ks_stream_read(struct ks_stream *stream, uint8_t *buffer, size_t room)
{
	if (stream->state != KS_STREAM_KEPT)
		return 0;
	lock();
	size_t size = stream->data ? stream->size : 0;
	if (size > 0)
		touch(stream);
	if (size > 0 && size <= room)
		memcpy(buffer, stream->data, size);
	unlock();
	return size;
}

void ks_stream_forget(struct ks_stream *stream)
{
	if (stream->state == KS_STREAM_KEPT) {
		lock();
		take_memory(stream);
		unlock();
	}
	explicit_bzero(stream->head, sizeof(stream->head));
	stream->n_head = 0;
	stream->state = KS_STREAM_NEW;
}

void ks_stream_forget_all(void)
{
	lock();
	while (oldest)
		take_memory(oldest);
	unlock();
}
