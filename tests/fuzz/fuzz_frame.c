/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of frames, cut as a session cuts it: each frame found is written again and must be the same bytes, and a
 * frame that is not whole yet must say how many bytes it wants.
 */
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes rest = ks_bytes(data, size);

	for (;;) {
		enum ks_frame_state state;
		struct ks_frame frame;
		size_t used;
		if (ks_frame_read(rest, &state, &frame, &used) < 0)
			return 0;
		if (state == KS_FRAME_PARTIAL) {
			if (used <= rest.size || used < KS_FRAME_HEADER || used > 4 + (size_t)KS_FRAME_MAX)
				abort();
			return 0;
		}
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
		size_t position = ks_frame_begin(&again, frame.type);
		ks_buffer_put(&again, frame.body);
		ks_frame_end(&again, position);
		if (ks_buffer_error(&again) < 0 || !ks_bytes_equal(ks_buffer_bytes(&again), ks_bytes(rest.data, used)))
			abort();
		rest = ks_bytes(rest.data + used, rest.size - used);
	}
}
