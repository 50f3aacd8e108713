/* SPDX-License-Identifier: Apache-2.0 */
/* puppet: see puppet.h. */
#include "tests/unit/agent/puppet.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

#define LONGEST_MS 15000u
#define STEP_US 10000u

static void on_changed(struct ks_worker *worker, void *userdata)
{
	(void)worker;
	((struct puppet *)userdata)->n_changed++;
}

static void on_idle(struct ks_worker *worker, void *userdata)
{
	(void)worker;
	((struct puppet *)userdata)->n_idle++;
}

void puppet_init(struct puppet *puppet)
{
	static char name[] = "puppet", path[] = PUPPET, other[] = "OTHER=two words";
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*puppet = (struct puppet){ .orders = -1, .channel = -1, .folder = "/tmp/keystay-puppet-XXXXXX" };
	assert_non_null(mkdtemp(puppet->folder));
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", puppet->folder);
	(void)snprintf(puppet->variable, sizeof(puppet->variable), "KEYSTAY_PUPPET=%s", address.sun_path);
	puppet->environment[0] = puppet->variable;
	puppet->environment[1] = other;
	puppet->module = (struct ks_settings_module){ .name = name, .path = path, .environment = puppet->environment };
	puppet->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(puppet->listener >= 0);
	assert_int_equal(bind(puppet->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(puppet->listener, 8), 0);
	assert_true(sd_event_new(&puppet->event) >= 0);
	ks_buffer_init(&puppet->in, 2 * KS_FRAME_MAX);
}

static void let_go(struct puppet *puppet)
{
	if (puppet->orders >= 0)
		(void)close(puppet->orders);
	if (puppet->channel >= 0)
		(void)close(puppet->channel);
	puppet->orders = puppet->channel = -1;
	ks_buffer_consume(&puppet->in, puppet->in.size);
	puppet->held = 0;
}

/* Whoever was ended is waited for by the reaper, which holds the event loop until then. */
static void await_all_children(struct puppet *puppet)
{
	siginfo_t info;

	for (int i = 0; i < 500 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0; i++)
		(void)sd_event_run(puppet->event, 20000);
}

void puppet_deinit(struct puppet *puppet)
{
	char path[128];

	let_go(puppet);
	ks_worker_free(puppet->worker);
	await_all_children(puppet);
	sd_event_unref(puppet->event);
	(void)close(puppet->listener);
	ks_buffer_deinit(&puppet->in);
	(void)snprintf(path, sizeof(path), "%s/socket", puppet->folder);
	(void)unlink(path);
	(void)rmdir(puppet->folder);
}

void puppet_make_worker(struct puppet *puppet)
{
	const struct ks_worker_watcher watcher = { .changed = on_changed, .idle = on_idle, .userdata = puppet };

	assert_int_equal(ks_worker_new(puppet->event, PUPPET, &puppet->module, &watcher, &puppet->worker), 0);
}

/* --- the loop ---------------------------------------------------------------------------------------------------- */

void puppet_run_until(const struct puppet *puppet, bool (*held)(const void *userdata), const void *userdata)
{
	uint64_t end = ks_clock_monotonic_ms() + LONGEST_MS;

	while (!held(userdata)) {
		assert_true(ks_clock_monotonic_ms() < end);
		assert_true(sd_event_run(puppet->event, STEP_US) >= 0);
	}
}

void puppet_run_for(const struct puppet *puppet, uint64_t ms)
{
	uint64_t end = ks_clock_monotonic_ms() + ms;

	while (ks_clock_monotonic_ms() < end)
		assert_true(sd_event_run(puppet->event, STEP_US) >= 0);
}

bool outcome_is_there(const void *outcome)
{
	return ((const struct outcome *)outcome)->n > 0;
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

/* --- the process ------------------------------------------------------------------------------------------------- */

static bool has_come(const void *userdata)
{
	return is_readable(((const struct puppet *)userdata)->listener, 0);
}

void puppet_await(struct puppet *puppet)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { .iov_base = puppet->words, .iov_len = sizeof(puppet->words) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.space)
	};

	let_go(puppet);
	puppet_run_until(puppet, has_come, puppet);
	puppet->orders = accept4(puppet->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(puppet->orders >= 0);
	ssize_t size = recvmsg(puppet->orders, &message, MSG_CMSG_CLOEXEC);
	assert_true(size > 0);
	puppet->words_size = (size_t)size;
	assert_int_equal(message.msg_controllen, CMSG_SPACE(sizeof(int)));
	memcpy(&puppet->channel, CMSG_DATA(&control.head), sizeof(puppet->channel));
}

void puppet_await_ready(struct puppet *puppet)
{
	static const uint8_t digest[32];
	const struct ks_msg_worker_token token = { KS_MESSAGE_HEAD(0), .token = 1, .label = ks_bytes_text("corp"),
						   .serial = ks_bytes_text("1"),
						   .digest = ks_bytes(digest, sizeof(digest)) };

	puppet_await(puppet);
	puppet_say(puppet, KS_MSG_WORKER_TOKEN, &token);
	puppet_say_inventory(puppet, true, KS_EVENTS_SLOTS);
	assert_int_equal(ks_worker_state(puppet->worker), KS_MODULE_READY);
}

bool puppet_has_word(const struct puppet *puppet, const char *word, const char *next)
{
	const char *end = puppet->words + puppet->words_size;

	for (const char *at = puppet->words; at < end; at += strlen(at) + 1) {
		const char *after = at + strlen(at) + 1;
		if (strcmp(at, word) == 0 && (!next || (after < end && strcmp(after, next) == 0)))
			return true;
	}
	return false;
}

void puppet_order(const struct puppet *puppet, char order)
{
	assert_int_equal(write(puppet->orders, &order, 1), 1);
}

/* It has no other copy of its socket, so the end of that is its own. */
static bool has_ended(const void *userdata)
{
	return is_readable(((const struct puppet *)userdata)->orders, 0);
}

void puppet_await_end(struct puppet *puppet)
{
	puppet_run_until(puppet, has_ended, puppet);
	let_go(puppet);
}

/* --- what is said ------------------------------------------------------------------------------------------------ */

void puppet_say(const struct puppet *puppet, uint8_t type, const void *message)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };

	ks_buffer_init(&out, KS_FRAME_MAX + KS_FRAME_HEADER);
	ks_message_write(&out, type, message);
	assert_int_equal(ks_buffer_error(&out), 0);
	assert_int_equal(send(puppet->channel, out.data, out.size, MSG_NOSIGNAL), out.size);
	while (sd_event_run(puppet->event, 0) > 0)
		;
}

void puppet_say_token(const struct puppet *puppet, uint32_t number, const char *label)
{
	static const uint8_t digest[32];
	const struct ks_msg_worker_token token = { KS_MESSAGE_HEAD(0), .token = number, .label = ks_bytes_text(label),
						   .digest = ks_bytes(digest, sizeof(digest)) };

	puppet_say(puppet, KS_MSG_WORKER_TOKEN, &token);
}

void puppet_say_inventory(const struct puppet *puppet, bool all, enum ks_token_events events)
{
	const struct ks_msg_worker_inventory inventory = { KS_MESSAGE_HEAD(0), .all = all, .events = events };

	puppet_say(puppet, KS_MSG_WORKER_INVENTORY, &inventory);
}

void puppet_say_event(const struct puppet *puppet, enum ks_worker_event kind, uint32_t token)
{
	const struct ks_msg_worker_event event = { KS_MESSAGE_HEAD(0), .kind = kind, .token = token };

	puppet_say(puppet, KS_MSG_WORKER_EVENT, &event);
}

void puppet_say_signature(const struct puppet *puppet, uint32_t id, const char *signature)
{
	const struct ks_msg_worker_sign_reply reply = { KS_MESSAGE_HEAD(id), .signature = ks_bytes_text(signature) };

	puppet_say(puppet, KS_MSG_WORKER_SIGN_REPLY, &reply);
}

void puppet_say_error(const struct puppet *puppet, uint32_t id, int error, const char *text)
{
	const struct ks_msg_error message = { KS_MESSAGE_HEAD(id), .code = (uint32_t)-error,
					      .text = ks_bytes_text(text) };

	puppet_say(puppet, KS_MSG_ERROR, &message);
}

void puppet_read(struct puppet *puppet, uint8_t type, void *message, size_t size)
{
	struct ks_frame frame;
	enum ks_frame_state state;
	size_t used = 0;

	ks_buffer_consume(&puppet->in, puppet->held);
	for (;;) {
		assert_int_equal(ks_frame_read(ks_buffer_bytes(&puppet->in), &state, &frame, &used), 0);
		if (state == KS_FRAME_WHOLE)
			break;
		uint8_t *room = ks_buffer_reserve(&puppet->in, 4096);
		assert_true(is_readable(puppet->channel, 5000));
		ssize_t n = read(puppet->channel, room, 4096);
		assert_true(n > 0);
		ks_buffer_grow(&puppet->in, (size_t)n);
	}
	puppet->held = used;
	assert_int_equal(frame.type, type);
	assert_int_equal(ks_message_read(frame.type, frame.body, message, size), 0);
}

bool puppet_is_silent(const struct puppet *puppet)
{
	return puppet->in.size == puppet->held && !is_readable(puppet->channel, 0);
}

/* --- what is asked ----------------------------------------------------------------------------------------------- */

void puppet_done(int error, const char *text, struct ks_bytes reply, void *userdata)
{
	struct outcome *outcome = userdata;
	struct ks_msg_worker_sign_reply message;

	outcome->n++;
	outcome->error = error;
	(void)snprintf(outcome->text, sizeof(outcome->text), "%s", text);
	if (error == 0 && ks_message_read(KS_MSG_WORKER_SIGN_REPLY, reply, &message, sizeof(message)) == 0)
		(void)snprintf(outcome->signature, sizeof(outcome->signature), "%.*s", (int)message.signature.size,
			       (const char *)message.signature.data);
}

struct ks_worker_call *puppet_sign(const struct puppet *puppet, uint64_t owner, const char *input,
				   struct outcome *outcome)
{
	const struct ks_worker_sign sign = {
		.token = 1, .key = 1, .scheme = 0x0403, .input = ks_bytes_text(input), .owner = owner
	};
	struct ks_worker_call *call = NULL;

	assert_int_equal(ks_worker_sign(puppet->worker, &sign, puppet_done, outcome, &call), 0);
	return call;
}
