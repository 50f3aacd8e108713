/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: SIGN, SIGN_DIGEST, SIGN_REQUEST, SIGN_CMP and SIGN_FOR_CA (client.h): one signature over one fresh connection.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never hashes the input: the agent signs only what it can read.
 */
#include "client/client.h"

#include <string.h>

#include "client/error.h"
#include "client/hints.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

static int check_input(const struct ks_client_sign *request, struct ks_client_error *ret_error)
{
	if (request->input.size > KS_SIGN_INPUT_MAX)
		return ks_client_fail(ret_error, KS_ERR_TOO_LARGE,
				      "keystay signs only TLS handshakes; the %zu bytes that this program wants signed "
				      "are longer than any (at most %u)",
				      request->input.size, KS_SIGN_INPUT_MAX);
	return 0;
}

static void say_waiting(const char *name, bool may_prompt, char *out, size_t size)
{
	const char *where = may_prompt ? " (a PIN dialog may be open)" : "";
	char shown[128];

	ks_text_escape(ks_bytes_text(name), shown, sizeof(shown));
	if (shown[0] != '\0')
		(void)ks_text_print(out, size, "waiting for a signature with key \"%s\"%s", shown, where);
	else
		(void)ks_text_print(out, size, "waiting for a signature%s", where);
}

static int take_signature(struct ks_bytes found, uint8_t *signature, size_t *ret_size,
			  struct ks_client_error *ret_error)
{
	if (found.size == 0)
		return ks_client_fail(ret_error, KS_ERR_MALFORMED, "keystay-agent answered with an empty signature");
	memcpy(signature, found.data, found.size);
	*ret_size = found.size;
	return 0;
}

/* One request of type to the sign socket, or the module's. */
static int ask(enum ks_client_socket socket, uint8_t type, void *message, const char *notice, uint8_t *signature,
	       size_t *ret_size, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_sign_reply reply = { 0 };

	int r = ks_client_open(socket, &client, ret_error);
	if (r == 0)
		r = ks_client_call(&client, type, message, KS_MSG_SIGN_REPLY, &reply, sizeof(reply), notice, ret_error);
	return r < 0 ? r : take_signature(reply.signature, signature, ret_size, ret_error);
}

_Static_assert(sizeof(struct ks_msg_sign_request_reply) == sizeof(struct ks_msg_sign_cmp_reply), "a signature alone");
_Static_assert(sizeof(struct ks_msg_sign_request_reply) == sizeof(struct ks_msg_sign_for_ca_reply),
	       "a signature alone");

/* One request of type to the control socket, answered with a signature and nothing else. */
static int ask_control(uint8_t type, void *message, uint8_t reply_type, const char *notice, uint8_t *signature,
		       size_t *ret_size, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_sign_request_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, ret_error);
	if (r == 0)
		r = ks_client_call(&client, type, message, reply_type, &reply, sizeof(reply), notice, ret_error);
	return r < 0 ? r : take_signature(reply.signature, signature, ret_size, ret_error);
}

int ks_client_sign(const struct ks_client_sign *request, uint8_t *signature, size_t *ret_size,
		   struct ks_client_error *ret_error)
{
	int r = check_input(request, ret_error);
	if (r < 0)
		return r;
	struct ks_hints hints;
	ks_hints_collect(&hints);
	struct ks_msg_sign message = {
		.spki_hash = ks_bytes(request->spki_hash, sizeof(request->spki_hash)),
		.scheme = request->scheme,
		.input = request->input,
		KS_MESSAGE_PERSON(hints),
	};
	/* A transcript proves the server; without one the agent says what it cannot prove. */
	if (request->transcript.size <= KS_SIGN_INPUT_MAX - request->input.size)
		message.transcript = request->transcript;

	char notice[256];
	say_waiting(request->name, hints.wait_ms > 0, notice, sizeof(notice));
	return ask(request->socket, KS_MSG_SIGN, &message, notice, signature, ret_size, ret_error);
}

int ks_client_sign_digest(const struct ks_client_sign_digest *request, uint8_t *signature, size_t *ret_size,
			  struct ks_client_error *ret_error)
{
	struct ks_hints hints;
	ks_hints_collect(&hints);
	struct ks_msg_sign_digest message = {
		.spki_hash = ks_bytes(request->spki_hash, sizeof(request->spki_hash)),
		.scheme = request->scheme,
		.digest = request->digest,
		KS_MESSAGE_PERSON(hints),
	};
	char notice[256];

	say_waiting(request->name, hints.wait_ms > 0, notice, sizeof(notice));
	return ask(request->socket, KS_MSG_SIGN_DIGEST, &message, notice, signature, ret_size, ret_error);
}

int ks_client_sign_request(const struct ks_client_sign_request *request, uint8_t *signature, size_t *ret_size,
			   struct ks_client_error *ret_error)
{
	struct ks_hints hints;
	char notice[256];

	ks_hints_collect(&hints);
	struct ks_msg_sign_request message = {
		.spki_hash = ks_bytes(request->spki_hash, sizeof(request->spki_hash)),
		.scheme = request->scheme,
		.request = request->info,
		KS_MESSAGE_PERSON(hints),
	};
	say_waiting(request->name, hints.wait_ms > 0, notice, sizeof(notice));
	return ask_control(KS_MSG_SIGN_REQUEST, &message, KS_MSG_SIGN_REQUEST_REPLY, notice, signature, ret_size,
			   ret_error);
}

int ks_client_sign_cmp(const struct ks_client_sign_cmp *request, uint8_t *signature, size_t *ret_size,
		       struct ks_client_error *ret_error)
{
	struct ks_hints hints;
	char notice[256];

	ks_hints_collect(&hints);
	struct ks_msg_sign_cmp message = {
		.spki_hash = ks_bytes(request->spki_hash, sizeof(request->spki_hash)),
		.scheme = request->scheme,
		.part = request->part,
		KS_MESSAGE_PERSON(hints),
	};
	say_waiting(request->name, hints.wait_ms > 0, notice, sizeof(notice));
	return ask_control(KS_MSG_SIGN_CMP, &message, KS_MSG_SIGN_CMP_REPLY, notice, signature, ret_size, ret_error);
}

int ks_client_sign_for_ca(const struct ks_client_sign *request, uint8_t *signature, size_t *ret_size,
			  struct ks_client_error *ret_error)
{
	int r = check_input(request, ret_error);
	if (r < 0)
		return r;
	struct ks_hints hints;
	char notice[256];

	ks_hints_collect(&hints);
	struct ks_msg_sign_for_ca message = {
		.spki_hash = ks_bytes(request->spki_hash, sizeof(request->spki_hash)),
		.scheme = request->scheme,
		.input = request->input,
		KS_MESSAGE_PERSON(hints),
	};
	if (request->transcript.size <= KS_SIGN_INPUT_MAX - request->input.size)
		message.transcript = request->transcript;
	say_waiting(request->name, hints.wait_ms > 0, notice, sizeof(notice));
	return ask_control(KS_MSG_SIGN_FOR_CA, &message, KS_MSG_SIGN_FOR_CA_REPLY, notice, signature, ret_size,
			   ret_error);
}
