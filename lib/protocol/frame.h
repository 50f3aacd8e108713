/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame: uint32 length, byte type, body (docs/protocol.md section 2; the shape of RFC 9987).
 *
 * length counts the type byte and the body: 1 to KS_FRAME_MAX. Pure: bytes in, bytes out, no descriptor.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

#define KS_FRAME_HEADER 5u /* length and type */

struct ks_frame {
	uint8_t type;
	struct ks_bytes body; /* borrowed from the input */
};

enum ks_frame_state {
	KS_FRAME_PARTIAL, /* more bytes are needed */
	KS_FRAME_WHOLE,
};

/* Looks at the start of input. WHOLE: ret_frame is set and ret_used bytes belong to it. PARTIAL: *ret_used is how many
 * bytes the whole frame will have (or KS_FRAME_HEADER when that is not known yet).
 * Negative: MALFORMED (length 0) or TOO_LARGE; the stream cannot be followed any further. */
int ks_frame_read(struct ks_bytes input, enum ks_frame_state *ret_state, struct ks_frame *ret_frame, size_t *ret_used)
	KS_WARN_UNUSED;

/* Starts a frame of this type; what is written until ks_frame_end(position) is its body. A body that is too large
 * leaves TOO_LARGE in the buffer. */
size_t ks_frame_begin(struct ks_buffer *buffer, uint8_t type);
void ks_frame_end(struct ks_buffer *buffer, size_t position);
