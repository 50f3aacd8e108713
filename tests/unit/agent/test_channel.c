/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of agent/channel.h, held over a socketpair. */
#include "agent/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/protocol/message.h"

struct fixture {
	sd_event *event;
	struct ks_channel channel;
	int peer;
	unsigned n_frames;
	uint8_t last_type;
	size_t last_size;
	int closed; /* error, 0 = open */
	bool pause;
	int frame_result;
};

static int on_frame(struct ks_channel *channel, const struct ks_frame *frame, void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->n_frames++;
	fixture->last_type = frame->type;
	fixture->last_size = frame->body.size;
	if (fixture->pause)
		ks_channel_pause(channel);
	return fixture->frame_result;
}

static void on_closed(struct ks_channel *channel, int error, void *userdata)
{
	struct fixture *fixture = userdata;

	fixture->closed = error;
	ks_channel_deinit(channel);
}

static const struct ks_channel_events events = { .frame = on_frame, .closed = on_closed };

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int pair[2];

	assert_non_null(fixture);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_true(sd_event_new(&fixture->event) >= 0);
	assert_int_equal(ks_channel_init(&fixture->channel, fixture->event, pair[0], &events, fixture), 0);
	fixture->peer = pair[1];
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->closed == 0)
		ks_channel_deinit(&fixture->channel);
	if (fixture->peer >= 0)
		(void)close(fixture->peer);
	sd_event_unref(fixture->event);
	free(fixture);
	return 0;
}

/* Runs the loop until nothing is left to do. */
static void settle(struct fixture *fixture)
{
	while (sd_event_run(fixture->event, 0) > 0)
		;
}

static void say(const struct fixture *fixture, const void *bytes, size_t size)
{
	assert_int_equal(send(fixture->peer, bytes, size, MSG_NOSIGNAL), size);
}

static const uint8_t frame_a[] = { 0, 0, 0, 3, 7, 'a', 'b' };

static void test_channel_delivers_a_frame_that_comes_byte_by_byte(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(frame_a); i++) {
		assert_int_equal(fixture->n_frames, 0);
		say(fixture, frame_a + i, 1);
		settle(fixture);
		assert_int_equal(ks_channel_is_partial(&fixture->channel), i + 1 < sizeof(frame_a));
	}
	assert_int_equal(fixture->n_frames, 1);
	assert_int_equal(fixture->last_type, 7);
	assert_int_equal(fixture->last_size, 2);
	assert_null(fixture->channel.in.data); /* an idle channel holds no memory */
}

static void test_channel_delivers_frames_that_come_together(void **state)
{
	struct fixture *fixture = *state;
	uint8_t both[2 * sizeof(frame_a)];

	memcpy(both, frame_a, sizeof(frame_a));
	memcpy(both + sizeof(frame_a), frame_a, sizeof(frame_a));
	say(fixture, both, sizeof(both));
	settle(fixture);
	assert_int_equal(fixture->n_frames, 2);
}

static void test_channel_takes_no_frame_while_paused(void **state)
{
	struct fixture *fixture = *state;
	struct ks_msg_error answer = { KS_MESSAGE_HEAD(1), .code = 5 };

	fixture->pause = true;
	say(fixture, frame_a, sizeof(frame_a));
	say(fixture, frame_a, sizeof(frame_a));
	settle(fixture);
	assert_int_equal(fixture->n_frames, 1);
	ks_channel_answer(&fixture->channel, KS_MSG_ERROR, &answer);
	assert_int_equal(fixture->n_frames, 2);
	ks_channel_answer(&fixture->channel, KS_MSG_ERROR, &answer);
	settle(fixture);
	assert_int_equal(fixture->closed, 0);
	uint8_t answers[256];
	assert_true(recv(fixture->peer, answers, sizeof(answers), MSG_DONTWAIT) > 30);
}

static void test_channel_does_not_spin_on_input_while_paused(void **state)
{
	struct fixture *fixture = *state;

	fixture->pause = true;
	say(fixture, frame_a, sizeof(frame_a));
	settle(fixture);
	say(fixture, frame_a, sizeof(frame_a));
	assert_int_equal(sd_event_run(fixture->event, 0), 0);
}

static void test_channel_notices_a_peer_that_goes_while_paused(void **state)
{
	struct fixture *fixture = *state;

	fixture->pause = true;
	say(fixture, frame_a, sizeof(frame_a));
	settle(fixture);
	assert_int_equal(fixture->closed, 0);
	(void)close(fixture->peer);
	fixture->peer = -1;
	settle(fixture);
	assert_int_equal(fixture->closed, KS_ERR_CLOSED);
}

static void test_channel_answers_a_peer_that_has_closed_its_sending_half(void **state)
{
	struct fixture *fixture = *state;
	struct ks_msg_error answer = { KS_MESSAGE_HEAD(1), .code = 5 };
	uint8_t bytes[64];

	fixture->pause = true;
	say(fixture, frame_a, sizeof(frame_a));
	assert_int_equal(shutdown(fixture->peer, SHUT_WR), 0);
	settle(fixture);
	assert_int_equal(fixture->closed, 0);
	ks_channel_answer(&fixture->channel, KS_MSG_ERROR, &answer);
	assert_true(recv(fixture->peer, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
	settle(fixture);
	assert_int_equal(fixture->closed, KS_ERR_CLOSED);
}

static void test_channel_refuses_a_frame_of_length_zero(void **state)
{
	struct fixture *fixture = *state;

	say(fixture, "\0\0\0\0\1", 5);
	settle(fixture);
	assert_int_equal(fixture->closed, KS_ERR_MALFORMED);
	assert_int_equal(fixture->n_frames, 0);
}

static void test_channel_refuses_a_giant_frame_at_its_header(void **state)
{
	struct fixture *fixture = *state;

	say(fixture, "\xff\xff\xff\xff\1", 5);
	settle(fixture);
	assert_int_equal(fixture->closed, KS_ERR_TOO_LARGE);
}

static void test_channel_ends_with_the_error_of_its_user(void **state)
{
	struct fixture *fixture = *state;

	fixture->frame_result = KS_ERR_QUOTA;
	say(fixture, frame_a, sizeof(frame_a));
	settle(fixture);
	assert_int_equal(fixture->closed, KS_ERR_QUOTA);
}

static void test_channel_takes_the_largest_frame(void **state)
{
	struct fixture *fixture = *state;
	size_t size = 4 + (size_t)KS_FRAME_MAX;
	uint8_t *bytes = calloc(1, size);

	assert_non_null(bytes);
	bytes[1] = KS_FRAME_MAX >> 16 & 0xff;
	bytes[2] = KS_FRAME_MAX >> 8 & 0xff;
	bytes[3] = KS_FRAME_MAX & 0xff;
	bytes[4] = 9;
	size_t sent = 0;
	while (sent < size) {
		ssize_t n = send(fixture->peer, bytes + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		settle(fixture);
	}
	free(bytes);
	assert_int_equal(fixture->n_frames, 1);
	assert_int_equal(fixture->last_size, KS_FRAME_MAX - 1);
}

static void test_channel_queues_what_the_peer_does_not_take(void **state)
{
	struct fixture *fixture = *state;
	static char text[KS_TEXT_MAX];
	struct ks_msg_error message = { KS_MESSAGE_HEAD(1), .code = 5 };

	memset(text, 'x', sizeof(text));
	message.text = ks_bytes(text, sizeof(text));
	size_t n = 0;
	while (!ks_channel_is_sending(&fixture->channel) && n < 10000) {
		ks_channel_send(&fixture->channel, KS_MSG_ERROR, &message);
		n++;
	}
	assert_true(ks_channel_is_sending(&fixture->channel));
	size_t received = 0;
	size_t all = n * (sizeof(text) + 4 + 1 + 4 + 4 + 4 + 4);
	while (received < all) {
		uint8_t bytes[65536];
		ssize_t got = recv(fixture->peer, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got > 0)
			received += (size_t)got;
		else
			assert_true(sd_event_run(fixture->event, 0) > 0); /* lost bytes would end here */
	}
	assert_int_equal(received, all);
	assert_false(ks_channel_is_sending(&fixture->channel));
}

static void test_channel_in_turns_takes_no_frame_before_its_answer_was_taken(void **state)
{
	struct fixture *fixture = *state;
	static char text[KS_TEXT_MAX];
	struct ks_msg_error message = { KS_MESSAGE_HEAD(1), .code = 5, .text = ks_bytes(text, sizeof(text)) };
	uint8_t bytes[65536];

	memset(text, 'x', sizeof(text));
	fixture->channel.in_turns = true;
	while (!ks_channel_is_sending(&fixture->channel))
		ks_channel_send(&fixture->channel, KS_MSG_ERROR, &message);
	say(fixture, frame_a, sizeof(frame_a));
	settle(fixture);
	assert_int_equal(fixture->n_frames, 0);
	while (fixture->n_frames == 0) {
		if (recv(fixture->peer, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			assert_true(sd_event_run(fixture->event, 0) > 0);
	}
	assert_int_equal(fixture->n_frames, 1);
}

static size_t count_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_channel_keeps_no_descriptor_that_a_peer_passes(void **state)
{
	struct fixture *fixture = *state;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { .iov_base = (void *)(uintptr_t)frame_a, .iov_len = sizeof(frame_a) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int passed = STDIN_FILENO;
	size_t before = count_descriptors();

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &passed, sizeof(passed));
	assert_int_equal(sendmsg(fixture->peer, &message, 0), sizeof(frame_a));
	settle(fixture);
	assert_int_equal(fixture->n_frames, 1);
	assert_int_equal(count_descriptors(), before);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_channel_delivers_a_frame_that_comes_byte_by_byte),
		CASE(test_channel_delivers_frames_that_come_together),
		CASE(test_channel_takes_no_frame_while_paused),
		CASE(test_channel_does_not_spin_on_input_while_paused),
		CASE(test_channel_notices_a_peer_that_goes_while_paused),
		CASE(test_channel_answers_a_peer_that_has_closed_its_sending_half),
		CASE(test_channel_refuses_a_frame_of_length_zero),
		CASE(test_channel_refuses_a_giant_frame_at_its_header),
		CASE(test_channel_ends_with_the_error_of_its_user),
		CASE(test_channel_takes_the_largest_frame),
		CASE(test_channel_queues_what_the_peer_does_not_take),
		CASE(test_channel_in_turns_takes_no_frame_before_its_answer_was_taken),
		CASE(test_channel_keeps_no_descriptor_that_a_peer_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
