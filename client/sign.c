/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign: SIGN (client.h): one signature over one fresh connection.
 *
 * Runs in: keystay and, by the plug-ins, any program. Never hashes the input: the agent signs only what it can read.
 */
#include "client/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/error.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define LABEL_MAX 256u
#define TERM_LABEL_MAX 64u

/* Labels for people. One that the protocol would refuse is left out: it must not cost the signature. */
static struct ks_bytes label(const char *text, size_t max)
{
	struct ks_bytes bytes = ks_bytes_text(text);

	return bytes.size <= max && ks_text_valid(bytes) ? bytes : KS_BYTES_NONE;
}

/* The terminal of whoever waits: that of the first standard descriptor which has one. */
static struct ks_bytes find_terminal(char *out, size_t size)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (isatty(fd) && ttyname_r(fd, out, size) == 0)
			return label(out, LABEL_MAX);
	}
	return KS_BYTES_NONE;
}

static bool may_prompt(void)
{
	const char *prompt = getenv("KEYSTAY_PROMPT");

	return !prompt || strcmp(prompt, "never") != 0;
}

static int check_input(const struct ks_client_sign *request, struct ks_client_error *ret_error)
{
	if (request->input.size > KS_SIGN_INPUT_MAX)
		return ks_client_fail(ret_error, KS_ERR_TOO_LARGE,
				      "keystay signs only TLS handshakes; the %zu bytes that this program wants signed "
				      "are longer than any (at most %u)",
				      request->input.size, KS_SIGN_INPUT_MAX);
	return 0;
}

static void say_waiting(const char *name, char *out, size_t size)
{
	char shown[128];

	ks_text_escape(ks_bytes_text(name), shown, sizeof(shown));
	if (shown[0] != '\0')
		(void)ks_text_print(out, size, "waiting for a signature with key \"%s\"", shown);
	else
		(void)ks_text_print(out, size, "waiting for a signature");
}

int ks_client_sign(const struct ks_client_sign *request, uint8_t *signature, size_t *ret_size,
		   struct ks_client_error *ret_error)
{
	int r = check_input(request, ret_error);
	if (r < 0)
		return r;
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	r = ks_client_open(KS_CLIENT_SIGN, &client, ret_error);
	if (r < 0)
		return r;

	char terminal[LABEL_MAX + 1];
	struct ks_msg_sign message = {
		.spki_hash = ks_bytes(request->spki_hash, sizeof(request->spki_hash)),
		.scheme = request->scheme,
		.input = request->input,
		.wait_ms = may_prompt() ? KS_WAIT_DEFAULT : 0,
		.program = label(program_invocation_short_name, LABEL_MAX),
		.tty = find_terminal(terminal, sizeof(terminal)),
		.term = label(getenv("TERM"), TERM_LABEL_MAX),
		.display = label(getenv("DISPLAY"), LABEL_MAX),
		.wayland_display = label(getenv("WAYLAND_DISPLAY"), LABEL_MAX),
	};
	/* A transcript proves the server; without one the agent says what it cannot prove. */
	if (request->transcript.size <= KS_SIGN_INPUT_MAX - request->input.size)
		message.transcript = request->transcript;

	char notice[192];
	say_waiting(request->name, notice, sizeof(notice));
	struct ks_msg_sign_reply reply;
	r = ks_client_call(&client, KS_MSG_SIGN, &message, KS_MSG_SIGN_REPLY, &reply, sizeof(reply), notice, ret_error);
	if (r < 0)
		return r;
	if (reply.signature.size == 0)
		return ks_client_fail(ret_error, KS_ERR_MALFORMED, "keystay-agent answered with an empty signature");
	memcpy(signature, reply.signature.data, reply.signature.size);
	*ret_size = reply.signature.size;
	return 0;
}
