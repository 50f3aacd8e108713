/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove_puppet: stands in for keystay-prove and behaves as $PROVE_PUPPET says.
 *
 * Runs in: started by test_prove.c, with a channel on descriptor 3.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/helpers/talk.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

#define CHANNEL_FD 3

static const char *plan;

static bool is_plan(const char *name)
{
	return strcmp(plan, name) == 0;
}

static void hang(void)
{
	struct pollfd channel = { .fd = CHANNEL_FD, .events = 0 };

	/* Its end all the same: nothing is to be left when the test has died. */
	(void)poll(&channel, 1, -1);
	_exit(0);
}

static void say(uint32_t id, bool proven, struct ks_bytes hash, const char *reason)
{
	const struct ks_msg_prove_reply reply = { KS_MESSAGE_HEAD(id), .proven = proven, .spki_hash = hash,
						  .reason = ks_bytes_text(reason) };

	if (ks_talk_send(CHANNEL_FD, KS_MSG_PROVE_REPLY, &reply) < 0)
		_exit(1);
}

static void answer(uint32_t id)
{
	static const uint8_t hash[32] = { 1 };
	struct ks_bytes whole = ks_bytes(hash, sizeof(hash));

	if (is_plan("hang"))
		hang();
	if (is_plan("die"))
		_exit(1);
	if (is_plan("nonsense") && send(CHANNEL_FD, "\xff\xff\xff\xff", 4, 0) < 0)
		_exit(1);
	if (is_plan("other-message") &&
	    ks_talk_send(CHANNEL_FD, KS_MSG_PROMPT_REPLY, &(struct ks_msg_prompt_reply){ KS_MESSAGE_HEAD(id) }) < 0)
		_exit(1);
	if (is_plan("unknown-id"))
		say(id + 1000, true, whole, "");
	if (is_plan("ready-twice"))
		say(0, false, KS_BYTES_NONE, "");
	if (is_plan("no-hash"))
		say(id, true, KS_BYTES_NONE, "");
	if (is_plan("short-hash"))
		say(id, true, ks_bytes(hash, 31), "");
	if (is_plan("proven-with-reason"))
		say(id, true, whole, "but not really");
	if (is_plan("refused-without-reason"))
		say(id, false, KS_BYTES_NONE, "");
	if (is_plan("good"))
		say(id, true, whole, "");
	if (is_plan("twice")) {
		say(id, false, KS_BYTES_NONE, "no");
		say(id, true, whole, "");
	}
}

int main(void)
{
	plan = getenv("PROVE_PUPPET");
	if (!plan || is_plan("die-at-once"))
		return 1;
	if (is_plan("mute"))
		hang();
	if (is_plan("answer-before-ready"))
		say(1, true, ks_bytes("12345678901234567890123456789012", 32), "");
	say(0, false, KS_BYTES_NONE, "");
	for (;;) {
		struct ks_buffer in = { 0 };
		struct ks_msg_prove message;
		struct ks_frame frame;
		ks_buffer_init(&in, KS_FRAME_MAX + KS_FRAME_HEADER);
		if (ks_talk_receive(CHANNEL_FD, &in, &frame) < 0 ||
		    ks_message_read(frame.type, frame.body, &message, sizeof(message)) < 0)
			return 0;
		answer(message.id);
		ks_buffer_deinit(&in);
	}
}
