/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: see client.h. One connection, one request, its reply; what a reply must be to be believed.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never sends anything on the control socket before it has looked
 * who listens there, never hands on a reply that does not belong to the request.
 */
#include "client/client.h"

#include <string.h>
#include <unistd.h>

#include "client/error.h"
#include "client/exchange.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/base/peer.h"

/* Every message of lib/protocol/messages.def starts so. */
struct head {
	uint32_t version;
	uint32_t id;
};

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int find_path(enum ks_client_socket socket, char **ret_path, struct ks_client_error *ret_error)
{
	static int (*const paths[])(char **ret_path) = {
		[KS_CLIENT_SIGN] = ks_path_sign_socket,
		[KS_CLIENT_MODULE] = ks_path_module_socket,
		[KS_CLIENT_CONTROL] = ks_path_control_socket,
	};
	int r = paths[socket](ret_path);
	if (r == KS_ERR_NOT_FOUND)
		return ks_client_fail(ret_error, KS_ERR_NO_AGENT,
				      "it is not known where keystay-agent listens: neither %s nor XDG_RUNTIME_DIR is "
				      "set, and /run/user/%u does not exist; set one of them",
				      socket == KS_CLIENT_CONTROL ? "KEYSTAY_CONTROL_SOCK" : "KEYSTAY_SOCK",
				      (unsigned)getuid());
	return r < 0 ? ks_client_fail(ret_error, r, NULL) : 0;
}

/* The system's agent is a user of its own. Its folder was made there by root, in a folder that is root's: root, and nobody
 * else, takes whoever listens below it for the one. */
static bool is_of_the_system(const char *path)
{
	static const char folder[] = KS_PATH_SYSTEM_RUNTIME "/";

	return geteuid() == 0 && strncmp(path, folder, sizeof(folder) - 1) == 0 && !strstr(path, "/../");
}

/* On the control socket a PIN may follow, so its listener must be one who could read our memory anyway. The sign
 * socket may be forwarded from another machine and carries nothing worth stealing: a signature is bound to its TLS
 * handshake. */
static int check_listener(int fd, const char *path, struct ks_client_error *ret_error)
{
	struct ks_peer peer;
	int r = ks_peer_get(fd, &peer);
	if (r == KS_ERR_DENIED)
		return ks_client_fail(ret_error, KS_ERR_UNTRUSTED_AGENT,
				      "nothing was sent to %s: its listener belongs to a user that does not exist here",
				      path);
	if (r < 0)
		return ks_client_fail(ret_error, r, NULL);
	if (peer.uid != 0 && peer.uid != geteuid() && !is_of_the_system(path))
		return ks_client_fail(ret_error, KS_ERR_UNTRUSTED_AGENT,
				      "nothing was sent to %s: its listener belongs to uid %u and not to you (uid %u); "
				      "unset KEYSTAY_CONTROL_SOCK, or start your own agent: keystay-agent &",
				      path, (unsigned)peer.uid, (unsigned)geteuid());
	return 0;
}

int ks_client_open(enum ks_client_socket socket, struct ks_client *ret_client, struct ks_client_error *ret_error)
{
	KS_AUTO_FREE char *path = NULL;
	int r = find_path(socket, &path, ret_error);
	if (r < 0)
		return r;
	KS_AUTO_CLOSE int fd = -1;
	r = ks_exchange_connect(path, ks_clock_monotonic_ms() + KS_CLIENT_DEADLINE_MS, &fd, ret_error);
	if (r < 0)
		return r;
	if (socket == KS_CLIENT_CONTROL) {
		r = check_listener(fd, path, ret_error);
		if (r < 0)
			return r;
	}
	*ret_client = (struct ks_client){ .fd = KS_STEAL_FD(fd), .next_id = 1 };
	ks_buffer_init(&ret_client->buffer, KS_FRAME_HEADER + KS_FRAME_MAX);
	return 0;
}

static void hang_up(struct ks_client *client)
{
	if (client->fd >= 0)
		(void)close(client->fd);
	client->fd = -1;
}

void ks_client_close(struct ks_client *client)
{
	hang_up(client);
	ks_buffer_deinit(&client->buffer);
}

/* --- calling ----------------------------------------------------------------------------------------------------- */

/* A request that cannot be written is the caller's fault, or that of the program that gave it the input. */
static int fail_request(int code, struct ks_client_error *ret_error)
{
	if (code == KS_ERR_TOO_LARGE)
		return ks_client_fail(ret_error, code,
				      "a value is longer than keystay's protocol carries, so nothing was sent");
	if (code == KS_ERR_INVALID)
		return ks_client_fail(ret_error, code,
				      "a name or text is not UTF-8 or has control characters, so nothing was sent");
	return ks_client_fail(ret_error, code, NULL);
}

static int send_request(struct ks_client *client, uint8_t type, const void *request, uint64_t deadline_ms,
			struct ks_client_error *ret_error)
{
	/* The codec marks it as secret before it writes a SECRET field into it; the memory is then wiped. */
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer frame = { 0 };
	ks_buffer_init(&frame, KS_FRAME_HEADER + KS_FRAME_MAX);
	ks_message_write(&frame, type, request);
	int r = ks_buffer_error(&frame);
	if (r < 0)
		return fail_request(r, ret_error);
	return ks_exchange_send(client->fd, ks_buffer_bytes(&frame), deadline_ms, ret_error);
}

static int fail_version(uint32_t version, struct ks_client_error *ret_error)
{
	return ks_client_fail(ret_error, KS_ERR_VERSION,
			      "keystay-agent speaks version %u of the protocol and this program version %u; restart "
			      "both after an update: systemctl --user restart keystay-agent",
			      version, KS_PROTOCOL_VERSION);
}

static int fail_reply(int code, struct ks_client_error *ret_error)
{
	return ks_client_fail(ret_error, KS_ERR_MALFORMED,
			      "keystay-agent's reply is not well-formed (%s); restart it, and report this if it comes "
			      "again: systemctl --user restart keystay-agent",
			      ks_error_word(code));
}

/* Id 0 marks the reply to something the agent could not read (docs/protocol.md section 2). */
static int read_refusal(struct ks_bytes body, uint32_t id, struct ks_client_error *ret_error)
{
	struct ks_msg_error message;
	int r = ks_message_read(KS_MSG_ERROR, body, &message, sizeof(message));
	if (r == KS_ERR_VERSION)
		return fail_version(message.version, ret_error);
	if (r < 0)
		return fail_reply(r, ret_error);
	if ((message.id != id && message.id != 0) || message.code == 0 || message.code > INT32_MAX)
		return fail_reply(KS_ERR_MALFORMED, ret_error);
	int code = -(int)message.code;
	if (message.text.size == 0)
		return ks_client_fail(ret_error, code, NULL);
	return ks_client_fail(ret_error, code, "%.*s", (int)message.text.size, (const char *)message.text.data);
}

static int read_reply(const struct ks_frame *frame, uint32_t id, uint8_t reply_type, void *ret_reply, size_t reply_size,
		      struct ks_client_error *ret_error)
{
	uint32_t version;
	uint32_t reply_id;

	if (frame->type == KS_MSG_ERROR)
		return read_refusal(frame->body, id, ret_error);
	if (!ks_message_head(frame->body, &version, &reply_id))
		return fail_reply(KS_ERR_MALFORMED, ret_error);
	if (version != KS_PROTOCOL_VERSION)
		return fail_version(version, ret_error);
	if (frame->type != reply_type || reply_id != id)
		return ks_client_fail(
			ret_error, KS_ERR_MALFORMED,
			"keystay-agent answered something that was not asked; restart it, and report this "
			"if it comes again: systemctl --user restart keystay-agent");
	int r = ks_message_read(reply_type, frame->body, ret_reply, reply_size);
	return r < 0 ? fail_reply(r, ret_error) : 0;
}

/* After these the stream can still be followed: the agent has answered, it just said no. */
static bool was_answered(const struct ks_frame *frame, int result)
{
	return result == 0 || (frame->type == KS_MSG_ERROR && result != KS_ERR_MALFORMED && result != KS_ERR_VERSION);
}

/* An UNLOCK may have several dialogs in it, and somebody who can see them; a card may make a key for minutes. */
static uint32_t patience_ms(uint8_t type)
{
	switch (type) {
	case KS_MSG_UNLOCK:
		return KS_CLIENT_UNLOCK_DEADLINE_MS;
	case KS_MSG_PROVISION:
	case KS_MSG_TOKEN_KEYGEN:
		return KS_CLIENT_TOKEN_DEADLINE_MS;
	default:
		return KS_CLIENT_DEADLINE_MS;
	}
}

int ks_client_call(struct ks_client *client, uint8_t type, void *request, uint8_t reply_type, void *ret_reply,
		   size_t reply_size, const char *notice, struct ks_client_error *ret_error)
{
	if (client->fd < 0)
		return ks_client_fail(ret_error, KS_ERR_CLOSED, NULL);

	uint64_t now_ms = ks_clock_monotonic_ms();
	uint64_t deadline_ms = now_ms + patience_ms(type);
	struct ks_exchange_notice waiting = { notice, now_ms + KS_CLIENT_NOTICE_MS };
	struct head head = { KS_PROTOCOL_VERSION, client->next_id++ };
	if (client->next_id == 0)
		client->next_id = 1;
	memcpy(request, &head, sizeof(head));

	struct ks_frame frame = { 0 };
	int r = send_request(client, type, request, deadline_ms, ret_error);
	if (r == 0)
		r = ks_exchange_receive(client->fd, &client->buffer, deadline_ms, waiting, &frame, ret_error);
	if (r == 0)
		r = read_reply(&frame, head.id, reply_type, ret_reply, reply_size, ret_error);
	if (!was_answered(&frame, r))
		hang_up(client);
	return r;
}

int ks_client_refresh(struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_refresh request = { 0 };
	struct ks_msg_refresh_reply reply;

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, ret_error);
	return r < 0 ? r :
		       ks_client_call(&client, KS_MSG_REFRESH, &request, KS_MSG_REFRESH_REPLY, &reply, sizeof(reply),
				      "waiting for the agent", ret_error);
}
