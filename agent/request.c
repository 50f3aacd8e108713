/* SPDX-License-Identifier: Apache-2.0 */
/* request: see request.h. Runs in: keystay-agent. */
#include "agent/request.h"

#include <stdarg.h>
#include <stdio.h>

#include "agent/state.h"
#include "lib/base/text.h"

/* Every message of the table starts so (lib/protocol/messages.def). */
struct message_head {
	uint32_t version;
	uint32_t id;
};

void ks_request_answer(struct ks_request *request, uint8_t type, void *message)
{
	struct message_head *head = message;

	head->version = KS_PROTOCOL_VERSION;
	head->id = request->id;
	request->owner->answer(request, type, message);
}

void ks_request_fail(struct ks_request *request, int error, const char *format, ...)
{
	char text[KS_TEXT_MAX];

	if (format) {
		va_list arguments;
		va_start(arguments, format);
		(void)vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
	} else {
		(void)ks_text_print(text, sizeof(text), "%s", ks_error_text(error));
	}
	struct ks_msg_error message = {
		.code = (uint32_t)(error < 0 ? -error : error),
		.text = ks_bytes_text(text),
	};
	ks_request_answer(request, KS_MSG_ERROR, &message);
}

const struct ks_settings_socket *ks_request_socket(const struct ks_request *request)
{
	return ks_settings_socket_for(request->state->settings, request->socket, request->peer.uid, request->groups,
				      request->n_groups);
}

const char *ks_request_program(const struct ks_request *request)
{
	return request->program[0] ? request->program : "unknown";
}

void ks_request_describe(const struct ks_request *request, char *out, size_t size)
{
	(void)ks_text_print(out, size, "%s (pid %d)", ks_request_program(request), (int)request->peer.pid);
}
