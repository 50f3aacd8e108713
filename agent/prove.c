/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prove: see prove.h. The proofs; the process is prover.c's.
 *
 * Runs in: keystay-agent.
 */
#include "agent/prove.h"

#include <stdlib.h>
#include <string.h>

#include "agent/prover_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* --- the life of a proof ----------------------------------------------------------------------------------------- */

static void proof_free(struct ks_proof *proof)
{
	if (!proof)
		return;
	sd_event_source_disable_unref(proof->deadline);
	for (size_t i = 0; i < KS_PROOF_ANCHORS_MAX; i++)
		free(proof->files[i]);
	ks_buffer_deinit(&proof->chain);
	ks_buffer_deinit(&proof->rest);
	free(proof);
}
KS_DEFINE_CLEANUP(struct ks_proof *, proof_free)

static void take_off(struct ks_proof *proof)
{
	struct ks_proof **link = &proof->prover->proofs;

	while (*link && *link != proof)
		link = &(*link)->next;
	if (*link)
		*link = proof->next;
}

void ks_proof_remember(const struct ks_proof *proof, const struct ks_proof_result *result)
{
	const struct ks_server_claim claim = {
		.certificates = { proof->leaf },
		.n_certificates = 1,
		.scheme = proof->message.scheme,
		.signature = proof->message.signature,
		/* Borrowed: nothing is written there. */
		.signed_input = { .data = proof->rest.data + proof->message.server_name.size,
				  .size = proof->message.signed_input.size },
		.is_tls13 = proof->message.is_tls13,
	};

	ks_proof_memory_keep(&proof->prover->memory, proof->digest, &claim, result->proven ? result->spki_hash : NULL,
			     result->reason, ks_clock_boot_ms());
}

void ks_proof_finish(struct ks_proof *proof, const struct ks_proof_result *result)
{
	ks_proof_done *done = proof->done;
	void *userdata = proof->userdata;

	take_off(proof);
	proof_free(proof);
	done(result, userdata);
}

/* By its timer: whoever is at work with the proofs, or starts one, is not called back meanwhile. */
void ks_proof_end_soon(struct ks_proof *proof, const char *why)
{
	proof->why = why;
	(void)sd_event_source_set_time_relative(proof->deadline, 0);
}

static void refuse(struct ks_proof *proof, const char *reason)
{
	struct ks_proof_result result = { .proven = false };

	(void)ks_text_print(result.reason, sizeof(result.reason), "%s", reason);
	ks_proof_finish(proof, &result);
}

void ks_proof_cancel(struct ks_proof *proof)
{
	if (!proof)
		return;
	struct ks_prover *prover = proof->prover;
	take_off(proof);
	proof_free(proof);
	ks_prover_send_waiting(prover);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	struct ks_proof *proof = userdata;
	struct ks_prover *prover = proof->prover;

	if (!proof->why && proof->id != 0)
		ks_prover_expect_word(prover);
	refuse(proof, proof->why ? proof->why : "it could not be verified in time");
	ks_prover_send_waiting(prover);
	return 0;
}

/* --- what is to be proven ---------------------------------------------------------------------------------------- */

/* The number of a file; 0 when there is none of that name. */
static uint32_t number_of(const struct ks_prover *prover, const char *file)
{
	for (size_t i = 0; i < prover->n_files; i++) {
		if (strcmp(prover->files[i], file) == 0)
			return (uint32_t)i + 1;
	}
	return 0;
}

bool ks_proof_has_anchors(const struct ks_proof *proof)
{
	for (size_t i = 0; i < proof->n_files; i++) {
		if (number_of(proof->prover, proof->files[i]) == 0)
			return false;
	}
	return true;
}

static int put_anchors(const struct ks_proof *proof, struct ks_buffer *list)
{
	struct ks_msg_anchors record = { .file = 0 };

	if (proof->n_files == 0)
		ks_record_write(list, KS_RECORD(anchors), &record);
	for (size_t i = 0; i < proof->n_files; i++) {
		record.file = number_of(proof->prover, proof->files[i]);
		ks_record_write(list, KS_RECORD(anchors), &record);
	}
	return ks_buffer_error(list);
}

/* The next free one; the caller keeps the channel's errors. */
int ks_proof_make_message(struct ks_proof *proof, uint32_t id, struct ks_buffer *anchors)
{
	proof->message.version = KS_PROTOCOL_VERSION;
	proof->message.id = id;
	int r = put_anchors(proof, anchors);
	proof->message.anchors = ks_buffer_bytes(anchors);
	return r;
}

/* Everything but the chain stands one behind the other in rest. */
static int copy_claim(struct ks_proof *proof, const struct ks_server_claim *claim)
{
	struct ks_bytes name = ks_bytes_text(claim->server_name);
	struct ks_bytes input = ks_buffer_bytes(&claim->signed_input);

	if (claim->n_certificates == 0 || claim->n_certificates > KS_PROOF_CERTIFICATES_MAX)
		return KS_ERR_INVALID;
	ks_buffer_init(&proof->chain, KS_FRAME_MAX);
	ks_buffer_init(&proof->rest, KS_FRAME_MAX);
	for (size_t i = 0; i < claim->n_certificates; i++) {
		const struct ks_msg_certificate record = { .der = claim->certificates[i] };
		ks_record_write(&proof->chain, KS_RECORD(certificate), &record);
	}
	/* The first record of the list: its own length, then the length of the bytes. */
	proof->leaf = ks_bytes(proof->chain.data + 8, claim->certificates[0].size);
	ks_buffer_put(&proof->rest, name);
	ks_buffer_put(&proof->rest, input);
	ks_buffer_put(&proof->rest, claim->signature);
	ks_buffer_put(&proof->rest, claim->ocsp_response);
	if (ks_buffer_error(&proof->chain) < 0 || ks_buffer_error(&proof->rest) < 0)
		return KS_ERR_INVALID;
	const uint8_t *at = proof->rest.data;
	proof->message = (struct ks_msg_prove){
		KS_MESSAGE_HEAD(1),
		.server_name = ks_bytes(at, name.size),
		.scheme = claim->scheme,
		.signed_input = ks_bytes(at + name.size, input.size),
		.signature = ks_bytes(at + name.size + input.size, claim->signature.size),
		.chain = ks_buffer_bytes(&proof->chain),
		.ocsp_response =
			ks_bytes(at + name.size + input.size + claim->signature.size, claim->ocsp_response.size),
		.is_tls13 = claim->is_tls13,
		.is_post_handshake = claim->is_post_handshake,
	};
	return 0;
}

static int copy_files(struct ks_proof *proof, const char *const *files, size_t n)
{
	if (n > KS_PROOF_ANCHORS_MAX)
		return KS_ERR_INVALID;
	for (size_t i = 0; i < n; i++) {
		proof->files[i] = strdup(files[i]);
		if (!proof->files[i])
			return KS_ERR_NO_MEMORY;
		proof->n_files++;
	}
	return ks_proof_has_anchors(proof) ? 0 : KS_ERR_INVALID;
}

/* What cannot be said in a message is refused now, and not when its turn has come. */
static int try_message(struct ks_proof *proof)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer anchors = { 0 }, trial = { 0 };

	ks_buffer_init(&trial, KS_FRAME_MAX + KS_FRAME_HEADER);
	int r = ks_proof_make_message(proof, 1, &anchors);
	ks_message_write(&trial, KS_MSG_PROVE, &proof->message);
	if (r == 0)
		r = ks_buffer_error(&trial);
	return r == KS_ERR_NO_MEMORY ? r : r < 0 ? KS_ERR_INVALID : 0;
}

static int set_deadline(struct ks_proof *proof)
{
	struct ks_prover *prover = proof->prover;
	uint64_t ms = prover->state == KS_PROVER_READY ? KS_PROOF_DEADLINE_MS : KS_PROOF_FIRST_DEADLINE_MS;

	proof->why = ks_prover_why_not(prover);
	if (sd_event_add_time_relative(prover->event, &proof->deadline, CLOCK_MONOTONIC, proof->why ? 0 : ms * 1000,
				       1000, on_deadline, proof) < 0)
		return KS_ERR_SYSTEM;
	return 0;
}

bool ks_prover_is_ready(struct ks_prover *prover)
{
	ks_prover_wake(prover);
	return prover->state == KS_PROVER_READY;
}

bool ks_proof_recall(const struct ks_prover *prover, const struct ks_server_claim *claim,
		     const char *const *anchor_files, size_t n, struct ks_proof_result *ret_result)
{
	struct ks_proof_result result = { .proven = false };
	uint8_t digest[KS_PROOF_DIGEST_SIZE];

	if (ks_proof_memory_digest(claim, anchor_files, n, digest) < 0 ||
	    !ks_proof_memory_knows(&prover->memory, digest, claim, ks_clock_boot_ms(), result.spki_hash, result.reason))
		return false;
	result.proven = result.reason[0] == '\0';
	*ret_result = result;
	return true;
}

/* The end of the list; NULL when there is no room for one more. */
static struct ks_proof **find_room(struct ks_prover *prover, struct ks_proof_share share)
{
	struct ks_proof **link = &prover->proofs;
	size_t n = 0, n_of_socket = 0, n_of_process = 0;

	for (; *link; link = &(*link)->next) {
		n++;
		n_of_socket += (*link)->share.socket == share.socket;
		n_of_process += (*link)->share.pid == share.pid;
	}
	return n < KS_PROOFS_QUEUED_ALL && n_of_socket < KS_PROOFS_QUEUED_PER_SOCKET &&
			       n_of_process < KS_PROOFS_QUEUED ?
		       link :
		       NULL;
}

int ks_proof_start(struct ks_prover *prover, struct ks_proof_share share, const struct ks_server_claim *claim,
		   const char *const *anchor_files, size_t n, ks_proof_done *done, void *userdata,
		   struct ks_proof **ret_proof)
{
	struct ks_proof **link = find_room(prover, share);

	if (!link)
		return KS_ERR_QUOTA;
	KS_CLEANUP(proof_freep) struct ks_proof *proof = calloc(1, sizeof(*proof));
	if (!proof)
		return KS_ERR_NO_MEMORY;
	proof->prover = prover;
	proof->share = share;
	proof->done = done;
	proof->userdata = userdata;
	int r = copy_files(proof, anchor_files, n);
	if (r == 0)
		r = copy_claim(proof, claim);
	if (r == 0)
		r = ks_proof_memory_digest(claim, anchor_files, n, proof->digest);
	if (r == 0)
		r = try_message(proof);
	if (r == 0) {
		ks_prover_wake(prover);
		r = set_deadline(proof);
	}
	if (r < 0)
		return r;
	*link = proof;
	*ret_proof = KS_STEAL(proof);
	ks_prover_send_waiting(prover);
	return 0;
}
