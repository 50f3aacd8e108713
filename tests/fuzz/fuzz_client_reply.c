/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_client_reply: whatever a listener may answer to a client. The first byte picks the request, the rest is what
 * comes over the socket before its end.
 *
 * Checks beside memory errors: a result below zero has a sentence, and its code is the result.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/client.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/frame.h"

#define INPUT_MAX 65536u /* fits a socket's buffer at once */

union any {
	struct ks_msg_list list;
	struct ks_msg_list_reply list_reply;
	struct ks_msg_get get;
	struct ks_msg_get_reply get_reply;
	struct ks_msg_status status;
	struct ks_msg_status_reply status_reply;
};

static const struct {
	uint8_t type;
	uint8_t reply_type;
	size_t reply_size;
} calls[] = {
	{ KS_MSG_LIST, KS_MSG_LIST_REPLY, sizeof(struct ks_msg_list_reply) },
	{ KS_MSG_GET, KS_MSG_GET_REPLY, sizeof(struct ks_msg_get_reply) },
	{ KS_MSG_STATUS, KS_MSG_STATUS_REPLY, sizeof(struct ks_msg_status_reply) },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	if (size < 1 || size > INPUT_MAX || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return 0;
	const size_t which = data[0] % (sizeof(calls) / sizeof(calls[0]));
	KS_AUTO_CLOSE int agent = pair[1];
	ssize_t sent = send(agent, data + 1, size - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)sent;
	(void)shutdown(agent, SHUT_WR);

	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = pair[0], .next_id = 1 };
	ks_buffer_init(&client.buffer, KS_FRAME_HEADER + KS_FRAME_MAX);
	union any request = { 0 };
	union any reply;
	struct ks_client_error error = { 0 };
	int r = ks_client_call(&client, calls[which].type, &request, calls[which].reply_type, &reply,
			       calls[which].reply_size, NULL, &error);
	if (r > 0 || (r < 0 && (error.code != r || error.text[0] == '\0')))
		abort();
	return 0;
}
