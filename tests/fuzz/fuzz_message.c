/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A type byte and a body, read by the table. What reads well is written again and must be the start of the same bytes
 * (one value, one encoding; behind it only what a later release added). Lists are read to their end.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"
#include "lib/protocol/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STRUCT_MAX 512

static void read_list(const struct ks_message_spec *spec, struct ks_bytes run)
{
	struct ks_reader list = ks_reader(run);
	uint64_t record[STRUCT_MAX / 8];
	size_t offset = 0;

	if (spec->struct_size > sizeof(record))
		abort();
	while (ks_record_read(&list, spec, record, spec->struct_size) > 0) {
		KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
		ks_record_write(&again, spec, record);
		size_t taken = run.size - ks_reader_left(&list) - offset;
		/* Both start with a length, which differs when there was something behind the last known field. */
		if (ks_buffer_error(&again) < 0 || again.size > taken ||
		    memcmp(again.data + 4, run.data + offset + 4, again.size - 4) != 0)
			abort();
		offset += taken;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t message[STRUCT_MAX / 8];

	if (size < 1)
		return 0;
	const struct ks_message_spec *spec = ks_message_spec(data[0]);
	if (spec && spec->struct_size > sizeof(message))
		abort();
	struct ks_bytes body = ks_bytes(data + 1, size - 1);
	uint32_t version, id;
	bool has_head = ks_message_head(body, &version, &id);
	int r = ks_message_read(data[0], body, message, spec ? spec->struct_size : 0);
	if (r < 0)
		return 0;
	if (!has_head)
		abort();

	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	ks_message_write(&again, data[0], message);
	/* An input may be larger than any frame; then it cannot be written. */
	if (ks_buffer_error(&again) < 0) {
		if (size <= KS_FRAME_MAX)
			abort();
		return 0;
	}
	if (again.size - KS_FRAME_HEADER > body.size ||
	    memcmp(again.data + KS_FRAME_HEADER, body.data, again.size - KS_FRAME_HEADER) != 0)
		abort();
	for (size_t i = 0; i < spec->n_fields; i++) {
		struct ks_bytes run;
		if (spec->fields[i].kind != KS_FIELD_LIST)
			continue;
		memcpy(&run, (const uint8_t *)message + spec->fields[i].offset, sizeof(run));
		read_list(spec->fields[i].record, run);
	}
	return 0;
}
