/* SPDX-License-Identifier: Apache-2.0 */
/* prove_child: see prove_child.h. Runs in: a child of keystay-prove. */
#include "agent/helpers/prove_child.h"

#include <string.h>
#include <unistd.h>

#include "agent/helpers/talk.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/process.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/server_proof.h"

#define CHANNEL_FD 3

/* --- the proof --------------------------------------------------------------------------------------------------- */

static int refuse(char *reason, const char *why)
{
	(void)ks_text_print(reason, 256, "%s", why);
	return KS_ERR_RULE_UNPROVABLE;
}

static int read_anchors(const struct ks_msg_prove *message, const struct ks_prove_anchors *anchors,
			const struct ks_server_trust *trusts[KS_PROOF_ANCHORS_MAX], size_t *ret_n, char *reason)
{
	struct ks_reader reader = ks_reader(message->anchors);
	struct ks_msg_anchors record;
	size_t n = 0;
	int more;

	while ((more = ks_record_read(&reader, KS_RECORD(anchors), &record, sizeof(record))) > 0) {
		if (n == KS_PROOF_ANCHORS_MAX)
			return refuse(reason, "it is to hold for too many sets of anchors");
		int r = ks_prove_anchors_get(anchors, record.file, &trusts[n], reason);
		if (r < 0)
			return r;
		n++;
	}
	*ret_n = n;
	return more < 0 ? refuse(reason, "what is to be proven is not well-formed") : 0;
}

static int read_chain(const struct ks_msg_prove *message, struct ks_server_claim *claim, char *reason)
{
	struct ks_reader reader = ks_reader(message->chain);
	struct ks_msg_certificate record;
	int more;

	while ((more = ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record))) > 0) {
		if (claim->n_certificates == KS_PROOF_CERTIFICATES_MAX)
			return refuse(reason, "it showed too many certificates");
		claim->certificates[claim->n_certificates++] = record.der;
	}
	return more < 0 ? refuse(reason, "what is to be proven is not well-formed") : 0;
}

int ks_prove_child_answer(const struct ks_msg_prove *message, const struct ks_prove_anchors *anchors,
			  uint8_t ret_spki_hash[32], char *ret_reason)
{
	const struct ks_server_trust *trusts[KS_PROOF_ANCHORS_MAX];
	struct ks_server_claim claim = { .ocsp_response = message->ocsp_response,
					 .scheme = message->scheme,
					 .signature = message->signature,
					 .is_tls13 = message->is_tls13,
					 .is_post_handshake = message->is_post_handshake };
	size_t n_trusts = 0;

	(void)ks_text_print(claim.server_name, sizeof(claim.server_name), "%.*s", (int)message->server_name.size,
			    message->server_name.size ? (const char *)message->server_name.data : "");
	int r = read_anchors(message, anchors, trusts, &n_trusts, ret_reason);
	if (r == 0)
		r = read_chain(message, &claim, ret_reason);
	if (r < 0)
		return r;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer signed_input = { 0 };
	ks_buffer_put(&signed_input, message->signed_input);
	if (ks_buffer_error(&signed_input) < 0)
		return refuse(ret_reason, "memory ran out");
	claim.signed_input = signed_input; /* which stays the owner */
	return ks_server_proof_make(&claim, trusts, n_trusts, (int64_t)ks_clock_wall_s(), ret_spki_hash, ret_reason);
}

/* --- the process ------------------------------------------------------------------------------------------------- */

/* Of descriptors nothing is left but the channel; what it could say goes to /dev/null, which is descriptor 0. */
static bool drop_descriptors(int channel)
{
	if (dup2(STDIN_FILENO, STDOUT_FILENO) < 0 || dup2(STDIN_FILENO, STDERR_FILENO) < 0 ||
	    (channel != CHANNEL_FD && dup2(channel, CHANNEL_FD) < 0))
		return false;
	ks_process_close_from(CHANNEL_FD + 1);
	return true;
}

static bool give_up_everything(pid_t parent, int channel, const struct ks_sandbox_filter *filter)
{
	const struct ks_sandbox_limits limits = { .cpu_s = KS_PROOF_CPU_S, .no_files = true };

	return ks_process_die_with_parent(parent) == 0 && drop_descriptors(channel) && ks_sandbox_limit(&limits) == 0 &&
	       ks_sandbox_enter(filter) == 0;
}

static int serve_one(const struct ks_prove_anchors *anchors)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer buffer = { 0 };
	struct ks_msg_prove message;
	struct ks_frame frame;
	uint8_t spki_hash[32];
	char reason[256] = "";

	ks_buffer_init(&buffer, KS_FRAME_MAX + KS_FRAME_HEADER);
	int r = ks_talk_receive(CHANNEL_FD, &buffer, &frame);
	if (r == 0)
		r = ks_message_read(frame.type, frame.body, &message, sizeof(message));
	if (r < 0)
		return r;
	bool proven = ks_prove_child_answer(&message, anchors, spki_hash, reason) == 0;
	const struct ks_msg_prove_reply reply = {
		KS_MESSAGE_HEAD(message.id),
		.proven = proven,
		.reason = ks_bytes_text(proven ? "" : reason),
		.spki_hash = ks_bytes(spki_hash, proven ? sizeof(spki_hash) : 0),
	};
	return ks_talk_send(CHANNEL_FD, KS_MSG_PROVE_REPLY, &reply);
}

/* _exit() and not exit(): nothing of what it has was its own. */
void ks_prove_child_run(pid_t parent, int channel, const struct ks_prove_anchors *anchors,
			const struct ks_sandbox_filter *filter)
{
	_exit(give_up_everything(parent, channel, filter) && serve_one(anchors) == 0 ? 0 : 1);
}
