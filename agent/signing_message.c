/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signing_message: what a client asks to be signed, of whichever message: one struct for signing.c's story.
 *
 * Runs in: keystay-agent.
 */
#include "agent/signing_private.h"

static int read_digest(struct ks_signing_job *signing)
{
	const struct ks_request *request = signing->request;
	struct ks_msg_sign_digest digest;

	int error = ks_message_read(KS_MSG_SIGN_DIGEST, request->body, &digest, sizeof(digest));
	if (error < 0)
		return error;
	signing->is_digest = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = digest.spki_hash,
						 .scheme = digest.scheme,
						 .input = digest.digest,
						 .wait_ms = digest.wait_ms,
						 .program = digest.program,
						 .tty = digest.tty,
						 .term = digest.term,
						 .display = digest.display,
						 .wayland_display = digest.wayland_display };
	return 0;
}

static int read_request(struct ks_signing_job *signing)
{
	struct ks_msg_sign_request message;

	int error = ks_message_read(KS_MSG_SIGN_REQUEST, signing->request->body, &message, sizeof(message));
	if (error < 0)
		return error;
	signing->is_request = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = message.spki_hash,
						 .scheme = message.scheme,
						 .input = message.request,
						 .wait_ms = message.wait_ms,
						 .program = message.program,
						 .tty = message.tty,
						 .term = message.term,
						 .display = message.display,
						 .wayland_display = message.wayland_display };
	return 0;
}

static int read_cmp(struct ks_signing_job *signing)
{
	struct ks_msg_sign_cmp message;

	int error = ks_message_read(KS_MSG_SIGN_CMP, signing->request->body, &message, sizeof(message));
	if (error < 0)
		return error;
	signing->is_cmp = true;
	signing->message = (struct ks_msg_sign){ .spki_hash = message.spki_hash,
						 .scheme = message.scheme,
						 .input = message.part,
						 .wait_ms = message.wait_ms,
						 .program = message.program,
						 .tty = message.tty,
						 .term = message.term,
						 .display = message.display,
						 .wayland_display = message.wayland_display };
	return 0;
}

int ks_signing_read_message(struct ks_signing_job *signing)
{
	const struct ks_request *request = signing->request;

	if (request->type == KS_MSG_SIGN_DIGEST)
		return read_digest(signing);
	if (request->type == KS_MSG_SIGN_REQUEST)
		return read_request(signing);
	if (request->type == KS_MSG_SIGN_CMP)
		return read_cmp(signing);
	return ks_message_read(KS_MSG_SIGN, request->body, &signing->message, sizeof(signing->message));
}
