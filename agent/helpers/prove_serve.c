/* SPDX-License-Identifier: Apache-2.0 */
/* prove_serve: see prove_serve.h. Runs in: keystay-prove. */
#include "agent/helpers/prove_serve.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/helpers/prove_child.h"
#include "agent/helpers/talk.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/message.h"

#define REPLY_MAX 1024u /* bytes of a PROVE_REPLY: its fields have 300 at most */
#define READ_SIZE 8192u

enum child_state { NONE, READY, BUSY };

struct child {
	enum child_state state;
	pid_t pid;
	int fd;
	uint32_t id; /* of the PROVE that it is busy with */
	uint64_t deadline_ms;
	struct ks_buffer reply;
};

struct server {
	int channel;
	const struct ks_prove_anchors *anchors;
	const struct ks_sandbox_filter *filter;
	pid_t pid;
	struct ks_buffer in; /* from the agent */
	struct child children[KS_PROOFS_AT_ONCE];
};

static size_t count(const struct server *server, enum child_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < KS_PROOFS_AT_ONCE; i++)
		n += server->children[i].state == state;
	return n;
}

static struct child *find(struct server *server, enum child_state state)
{
	for (size_t i = 0; i < KS_PROOFS_AT_ONCE; i++) {
		if (server->children[i].state == state)
			return &server->children[i];
	}
	return NULL;
}

/* --- children ---------------------------------------------------------------------------------------------------- */

static int fork_child(struct server *server, struct child *child)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return KS_ERR_SYSTEM;
	pid_t pid = fork();
	if (pid == 0)
		ks_prove_child_run(server->pid, pair[1], server->anchors, server->filter);
	(void)close(pair[1]);
	if (pid < 0) {
		(void)close(pair[0]);
		return KS_ERR_SYSTEM;
	}
	*child = (struct child){ .state = READY, .pid = pid, .fd = pair[0] };
	ks_buffer_init(&child->reply, REPLY_MAX);
	return 0;
}

/* It has ended, or is ended now. */
static void end_child(struct child *child)
{
	(void)kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	(void)close(child->fd);
	ks_buffer_deinit(&child->reply);
	*child = (struct child){ .state = NONE, .fd = -1 };
}

static int fork_ahead(struct server *server)
{
	while (count(server, READY) < KS_PROOFS_READY) {
		struct child *child = find(server, NONE);
		if (!child)
			return 0;
		int r = fork_child(server, child);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static int answer(const struct server *server, const struct ks_msg_prove_reply *reply)
{
	return ks_talk_send(server->channel, KS_MSG_PROVE_REPLY, reply);
}

static int answer_no(const struct server *server, uint32_t id, const char *reason)
{
	const struct ks_msg_prove_reply reply = { KS_MESSAGE_HEAD(id), .reason = ks_bytes_text(reason) };

	return answer(server, &reply);
}

/* A child may have been taken over: its answer is one of the right form to the right question, or none. 1: there is more
 * to come. */
static int read_answer(struct child *child, struct ks_msg_prove_reply *ret_reply)
{
	enum ks_frame_state state;
	struct ks_frame frame;
	size_t used = 0;
	uint8_t *room = ks_buffer_reserve(&child->reply, REPLY_MAX - child->reply.size);
	ssize_t n = room && child->reply.size < REPLY_MAX ?
			    recv(child->fd, room, REPLY_MAX - child->reply.size, MSG_DONTWAIT) :
			    0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	if (n <= 0)
		return KS_ERR_CLOSED;
	ks_buffer_grow(&child->reply, (size_t)n);
	int r = ks_frame_read(ks_buffer_bytes(&child->reply), &state, &frame, &used);
	if (r < 0)
		return r;
	if (state == KS_FRAME_PARTIAL)
		return 1;
	if (frame.type != KS_MSG_PROVE_REPLY)
		return KS_ERR_UNKNOWN_MESSAGE;
	r = ks_message_read(frame.type, frame.body, ret_reply, sizeof(*ret_reply));
	if (r < 0)
		return r;
	bool is_sound = ret_reply->id == child->id && ret_reply->proven == (ret_reply->spki_hash.size == 32) &&
			ret_reply->proven == (ret_reply->reason.size == 0);
	return is_sound ? 0 : KS_ERR_MALFORMED;
}

static int take_answer(const struct server *server, struct child *child)
{
	struct ks_msg_prove_reply reply;

	int r = read_answer(child, &reply);
	if (r == 1)
		return 0;
	if (child->state == READY) { /* it was not asked anything */
		end_child(child);
		return KS_ERR_INTERNAL;
	}
	/* The answer first: nobody is to wait for the end of a process. */
	r = r == 0 ? answer(server, &reply) :
		     answer_no(server, child->id, "its certificates ended the process that verified them");
	end_child(child);
	return r;
}

static int end_overdue(struct server *server)
{
	uint64_t now = ks_clock_monotonic_ms();

	for (size_t i = 0; i < KS_PROOFS_AT_ONCE; i++) {
		struct child *child = &server->children[i];
		if (child->state != BUSY || child->deadline_ms > now)
			continue;
		int r = answer_no(server, child->id, "its certificates took too long to verify");
		end_child(child);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- questions --------------------------------------------------------------------------------------------------- */

static int hand_over(struct server *server, const struct ks_frame *frame, struct ks_bytes whole)
{
	uint32_t version = 0, id = 0;
	struct child *child = find(server, READY);

	if (frame->type != KS_MSG_PROVE || !ks_message_head(frame->body, &version, &id))
		return KS_ERR_MALFORMED;
	if (!child) {
		child = find(server, NONE); /* there is one: see may_take() */
		int r = child ? fork_child(server, child) : KS_ERR_INTERNAL;
		if (r < 0)
			return r;
	}
	child->state = BUSY;
	child->id = id;
	child->deadline_ms = ks_clock_monotonic_ms() + KS_PROOF_DEADLINE_MS;
	/* One that has died is not asked; its end is seen, and answered for, in the next turn. */
	int r = ks_talk_send_bytes(child->fd, whole);
	return r == KS_ERR_CLOSED ? 0 : r;
}

/* What cannot be served now waits in the socket. */
static bool may_take(const struct server *server)
{
	return count(server, BUSY) < KS_PROOFS_AT_ONCE;
}

static int deliver(struct server *server)
{
	while (may_take(server)) {
		enum ks_frame_state state;
		struct ks_frame frame;
		size_t used = 0;
		struct ks_bytes in = ks_buffer_bytes(&server->in);
		int r = ks_frame_read(in, &state, &frame, &used);
		if (r < 0 || state == KS_FRAME_PARTIAL)
			return r;
		r = hand_over(server, &frame, ks_bytes(in.data, used));
		if (r < 0)
			return r;
		ks_buffer_consume(&server->in, used);
	}
	return 0;
}

static int take_questions(struct server *server)
{
	uint8_t *room = ks_buffer_reserve(&server->in, READ_SIZE);
	ssize_t n = room ? recv(server->channel, room, READ_SIZE, MSG_DONTWAIT) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return KS_ERR_CLOSED;
	ks_buffer_grow(&server->in, (size_t)n);
	return deliver(server);
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

static int time_left(const struct server *server)
{
	int left = -1;

	for (size_t i = 0; i < KS_PROOFS_AT_ONCE; i++) {
		if (server->children[i].state != BUSY)
			continue;
		int its = ks_clock_left_ms(server->children[i].deadline_ms);
		left = left < 0 || its < left ? its : left;
	}
	return left;
}

static int turn(struct server *server)
{
	struct pollfd fds[KS_PROOFS_AT_ONCE + 1] = { { .fd = server->channel,
						       .events = may_take(server) ? POLLIN : 0 } };

	for (size_t i = 0; i < KS_PROOFS_AT_ONCE; i++)
		fds[i + 1] = (struct pollfd){ .fd = server->children[i].state == NONE ? -1 : server->children[i].fd,
					      .events = POLLIN };
	if (poll(fds, KS_PROOFS_AT_ONCE + 1, time_left(server)) < 0)
		return errno == EINTR ? 0 : KS_ERR_SYSTEM;
	int r = 0;
	for (size_t i = 0; i < KS_PROOFS_AT_ONCE && r == 0; i++) {
		if (fds[i + 1].revents)
			r = take_answer(server, &server->children[i]);
	}
	if (r == 0)
		r = end_overdue(server);
	if (r == 0 && (fds[0].revents & POLLIN))
		r = take_questions(server);
	else if (r == 0 && (fds[0].revents & (POLLHUP | POLLERR)))
		r = KS_ERR_CLOSED;
	if (r == 0)
		r = deliver(server); /* what was read ahead */
	return r == 0 ? fork_ahead(server) : r;
}

int ks_prove_serve(int channel, const struct ks_prove_anchors *anchors, const struct ks_sandbox_filter *child_filter)
{
	struct server server = { .channel = channel, .anchors = anchors, .filter = child_filter, .pid = getpid() };
	const struct ks_msg_prove_reply ready = { KS_MESSAGE_HEAD(0) };

	ks_buffer_init(&server.in, KS_FRAME_MAX + READ_SIZE + KS_FRAME_HEADER);
	int r = fork_ahead(&server);
	if (r == 0)
		r = answer(&server, &ready);
	while (r == 0)
		r = turn(&server);
	for (size_t i = 0; i < KS_PROOFS_AT_ONCE; i++) {
		if (server.children[i].state != NONE)
			end_child(&server.children[i]);
	}
	ks_buffer_deinit(&server.in);
	return r;
}
