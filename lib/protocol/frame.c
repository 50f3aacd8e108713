/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: see frame.h. The only place that knows how a message is cut out of a stream.
 *
 * Runs in: every program and plug-in. Never waits and never asks for more than one frame.
 */
#include "lib/protocol/frame.h"

#include "lib/base/reader.h"
#include "lib/protocol/limits.h"

#define LENGTH_SIZE 4u

int ks_frame_read(struct ks_bytes input, enum ks_frame_state *ret_state, struct ks_frame *ret_frame, size_t *ret_used)
{
	if (input.size < LENGTH_SIZE) {
		*ret_state = KS_FRAME_PARTIAL;
		*ret_used = KS_FRAME_HEADER;
		return 0;
	}
	struct ks_reader reader = ks_reader(input);
	uint32_t length = ks_reader_u32(&reader);
	/* Judged by the length alone, so that a liar is thrown out before anybody waits for its bytes. */
	if (length == 0)
		return KS_ERR_MALFORMED;
	if (length > KS_FRAME_MAX)
		return KS_ERR_TOO_LARGE;
	if (ks_reader_left(&reader) < length) {
		*ret_state = KS_FRAME_PARTIAL;
		*ret_used = LENGTH_SIZE + (size_t)length;
		return 0;
	}
	struct ks_frame frame = { .type = ks_reader_u8(&reader) };
	frame.body = ks_reader_take(&reader, (size_t)length - 1);
	*ret_state = KS_FRAME_WHOLE;
	*ret_frame = frame;
	*ret_used = LENGTH_SIZE + (size_t)length;
	return 0;
}

size_t ks_frame_begin(struct ks_buffer *buffer, uint8_t type)
{
	size_t position = ks_buffer_begin_u32(buffer);
	ks_buffer_put_u8(buffer, type);
	return position;
}

void ks_frame_end(struct ks_buffer *buffer, size_t position)
{
	if (ks_buffer_error(buffer) < 0)
		return;
	if (buffer->size - position - LENGTH_SIZE > KS_FRAME_MAX) {
		buffer->error = KS_ERR_TOO_LARGE;
		return;
	}
	ks_buffer_end_u32(buffer, position);
}
