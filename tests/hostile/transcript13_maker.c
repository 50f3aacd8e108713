/* SPDX-License-Identifier: Apache-2.0 */
/* transcript13_maker: see transcript13_maker.h. Runs in: tests. */
#include "tests/hostile/transcript13_maker.h"

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "tests/hostile/transcript_maker.h"

#define TEXT(text) ks_bytes(text, sizeof(text) - 1)
#define N_EDITS (sizeof(((struct ks_plan13 *)0)->edits) / sizeof(((struct ks_plan13 *)0)->edits[0]))

static const uint8_t hello_retry_random[32] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* Made of x25519 and P-256 shares that are none, which nobody here looks at. */
static const uint8_t shares_of_x25519[] = "\x00\x09\x00\x1d\x00\x05share";
static const uint8_t shares_of_p256[] = "\x00\x09\x00\x17\x00\x05share";

static void put_pattern(struct ks_buffer *out, uint8_t first, size_t size)
{
	for (size_t i = 0; i < size; i++)
		ks_buffer_put_u8(out, (uint8_t)(first + 7 * i));
}

void ks_transcript13_maker_put_message(struct ks_buffer *out, uint8_t type, struct ks_bytes body)
{
	ks_buffer_put_u8(out, type);
	ks_transcript_maker_put_vector(out, 3, body);
}

static void put_message(struct ks_buffer *out, uint8_t type, const struct ks_buffer *body)
{
	ks_transcript13_maker_put_message(out, type, ks_buffer_bytes(body));
}

/* --- extensions -------------------------------------------------------------------------------------------------- */

struct block {
	const struct ks_plan13 *plan;
	enum ks_plan13_place place;
	struct ks_buffer bytes;
	bool is_done[N_EDITS];
};

static void put_extension(struct block *block, uint16_t type, struct ks_bytes body)
{
	for (size_t i = 0; i < N_EDITS; i++) {
		const struct ks_plan13_edit *edit = &block->plan->edits[i];
		if (!edit->place || edit->place != block->place || edit->type != type || block->is_done[i])
			continue;
		block->is_done[i] = true;
		if (edit->is_left_out)
			return;
		body = edit->body;
		break;
	}
	ks_buffer_put_u16(&block->bytes, type);
	ks_transcript_maker_put_vector(&block->bytes, 2, body);
}

/* Those that were not there to be replaced; then the block with its length. */
static void end_block(struct block *block, struct ks_buffer *out)
{
	for (size_t i = 0; i < N_EDITS; i++) {
		const struct ks_plan13_edit *edit = &block->plan->edits[i];
		if (edit->place && edit->place == block->place && !block->is_done[i] && !edit->is_left_out)
			put_extension(block, edit->type, edit->body);
	}
	ks_transcript_maker_put_vector(out, 2, ks_buffer_bytes(&block->bytes));
	ks_buffer_deinit(&block->bytes);
}

/* --- hellos ------------------------------------------------------------------------------------------------------ */

static void put_client_hello(const struct ks_plan13 *plan, enum ks_plan13_place place, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer session_id = { 0 };
	struct block block = { .plan = plan, .place = place };
	bool is_second = place == KS_PLAN13_IN_CLIENT_HELLO && (plan->with_retry || plan->with_first_hello);

	ks_buffer_put_u16(&body, 0x0303);
	put_pattern(&body, 0xc1, 32);
	put_pattern(&session_id, 0x51, 32);
	ks_transcript_maker_put_vector(&body, 1, ks_buffer_bytes(&session_id));
	ks_transcript_maker_put_vector(&body, 2, TEXT("\x0a\x0a\x13\x02\x13\x01\x13\x03\xc0\x2b"));
	ks_transcript_maker_put_vector(&body, 1, TEXT("\x00"));
	put_extension(&block, 0x3a3a, KS_BYTES_NONE);
	put_extension(&block, 0,
		      TEXT("\x00\x0f\x00\x00\x0c"
			   "host.example"));
	put_extension(&block, 5, TEXT("\x01\x00\x00\x00\x00"));
	put_extension(&block, 10, TEXT("\x00\x04\x00\x1d\x00\x17"));
	put_extension(&block, 13, TEXT("\x00\x0a\x04\x03\x08\x04\x08\x05\x08\x07\x04\x01"));
	put_extension(&block, 16, TEXT("\x00\x0c\x02h2\x08http/1.1"));
	put_extension(&block, 18, KS_BYTES_NONE);
	put_extension(&block, 43, TEXT("\x06\x0a\x0a\x03\x04\x03\x03"));
	put_extension(&block, 45, TEXT("\x01\x01"));
	put_extension(&block, 49, KS_BYTES_NONE);
	put_extension(&block, 51,
		      is_second ? ks_bytes(shares_of_p256, sizeof(shares_of_p256) - 1) :
				  ks_bytes(shares_of_x25519, sizeof(shares_of_x25519) - 1));
	if (is_second)
		put_extension(&block, 44,
			      TEXT("\x00\x06"
				   "cookie"));
	end_block(&block, &body);
	put_message(out, KS_PLAN13_CLIENT_HELLO, &body);
}

static void put_answer(const struct ks_plan13 *plan, enum ks_plan13_place place, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer session_id = { 0 };
	struct block block = { .plan = plan, .place = place };
	bool is_retry = place == KS_PLAN13_IN_RETRY;

	ks_buffer_put_u16(&body, 0x0303);
	if (is_retry)
		ks_buffer_put(&body, ks_bytes(hello_retry_random, sizeof(hello_retry_random)));
	else
		put_pattern(&body, 0x5e, 32);
	put_pattern(&session_id, 0x51, 32);
	ks_transcript_maker_put_vector(&body, 1, ks_buffer_bytes(&session_id));
	ks_buffer_put_u16(&body, plan->suite ? plan->suite : 0x1301);
	ks_buffer_put_u8(&body, 0);
	put_extension(&block, 43, TEXT("\x03\x04"));
	if (is_retry) {
		put_extension(&block, 51, TEXT("\x00\x17"));
		put_extension(&block, 44,
			      TEXT("\x00\x06"
				   "cookie"));
	} else {
		put_extension(&block, 51,
			      plan->with_retry || plan->with_first_hello ? TEXT("\x00\x17\x00\x05other") :
									   TEXT("\x00\x1d\x00\x05other"));
	}
	end_block(&block, &body);
	put_message(out, KS_PLAN13_SERVER_HELLO, &body);
}

static void put_hellos(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer digest = { 0 };

	put_pattern(&digest, 0xd1, plan->digest_size ? plan->digest_size : 32);
	if (plan->with_first_hello)
		put_client_hello(plan, KS_PLAN13_IN_FIRST_HELLO, out);
	else if (plan->with_retry)
		put_message(out, KS_PLAN13_MESSAGE_HASH, &digest);
	if (plan->with_retry || plan->with_first_hello)
		put_answer(plan, KS_PLAN13_IN_RETRY, out);
	put_client_hello(plan, KS_PLAN13_IN_CLIENT_HELLO, out);
	put_answer(plan, KS_PLAN13_IN_SERVER_HELLO, out);
}

/* --- the server -------------------------------------------------------------------------------------------------- */

static void put_encrypted_extensions(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	struct block block = { .plan = plan, .place = KS_PLAN13_IN_ENCRYPTED };

	put_extension(&block, 0, KS_BYTES_NONE);
	put_extension(&block, 16, TEXT("\x00\x03\x02h2"));
	end_block(&block, &body);
	put_message(out, KS_PLAN13_ENCRYPTED_EXTENSIONS, &body);
}

static void put_request(const struct ks_plan13 *plan, enum ks_plan13_place place, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	struct block block = { .plan = plan, .place = place };
	bool is_later = place == KS_PLAN13_IN_LATER_REQUEST;

	ks_transcript_maker_put_vector(&body, 1, is_later ? TEXT("context") : KS_BYTES_NONE);
	put_extension(&block, 5, KS_BYTES_NONE);
	put_extension(&block, 13, TEXT("\x00\x04\x04\x03\x08\x04"));
	put_extension(&block, 47, TEXT("\x00\x05\x00\x03\x30\x01\x00"));
	end_block(&block, &body);
	put_message(out, KS_PLAN13_CERTIFICATE_REQUEST, &body);
}

static void put_entry(const struct ks_plan13 *plan, enum ks_plan13_place place, struct ks_bytes certificate,
		      struct ks_buffer *list)
{
	struct block block = { .plan = plan, .place = place };

	ks_transcript_maker_put_vector(list, 3, certificate);
	if (place == KS_PLAN13_IN_SERVER_LEAF)
		put_extension(&block, 5, TEXT("\x01\x00\x00\x04leaf"));
	if (place == KS_PLAN13_IN_SERVER_ISSUER)
		put_extension(&block, 5, TEXT("\x01\x00\x00\x06issuer"));
	end_block(&block, list);
}

static void put_server_certificate(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_bytes leaf = plan->server_certificate.data ? plan->server_certificate : TEXT("\x30\x03\x02\x01\x07");

	put_entry(plan, KS_PLAN13_IN_SERVER_LEAF, leaf, &list);
	for (size_t i = 0; i < plan->n_issuers; i++)
		put_entry(plan, KS_PLAN13_IN_SERVER_ISSUER, TEXT("\x30\x03\x02\x01\x08"), &list);
	ks_transcript_maker_put_vector(&body, 1, KS_BYTES_NONE);
	ks_transcript_maker_put_vector(&body, 3, ks_buffer_bytes(&list));
	put_message(out, KS_PLAN13_CERTIFICATE, &body);
}

static void put_verify(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };

	ks_buffer_put_u16(&body, plan->scheme ? plan->scheme : 0x0804);
	ks_transcript_maker_put_vector(&body, 2, plan->signature.data ? plan->signature : TEXT("signature"));
	put_message(out, KS_PLAN13_CERTIFICATE_VERIFY, &body);
}

static void put_finished(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };

	put_pattern(&body, 0xf1, plan->digest_size ? plan->digest_size : 32);
	put_message(out, KS_PLAN13_FINISHED, &body);
}

/* --- the client -------------------------------------------------------------------------------------------------- */

static void put_client_certificate(const struct ks_plan13 *plan, struct ks_bytes context, bool is_empty, bool is_last,
				   struct ks_buffer *out)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };

	ks_transcript_maker_put_vector(&body, 1, context);
	if (!is_empty)
		put_entry(plan, is_last ? KS_PLAN13_IN_CLIENT_LEAF : KS_PLAN13_NOWHERE, plan->client_certificate,
			  &list);
	ks_transcript_maker_put_vector(&body, 3, ks_buffer_bytes(&list));
	put_message(out, KS_PLAN13_CERTIFICATE, &body);
}

void ks_transcript13_maker_write(const struct ks_plan13 *plan, struct ks_buffer *out)
{
	bool is_later = plan->is_asked_later || plan->is_asked_always;

	put_hellos(plan, out);
	put_encrypted_extensions(plan, out);
	if (!plan->is_asked_later)
		put_request(plan, KS_PLAN13_IN_REQUEST, out);
	put_server_certificate(plan, out);
	put_verify(plan, out);
	put_finished(plan, out);
	if (!plan->is_asked_later)
		put_client_certificate(plan, KS_BYTES_NONE, plan->says_nothing_first, !is_later, out);
	if (plan->is_asked_always && !plan->says_nothing_first)
		put_verify(plan, out);
	if (!is_later)
		return;
	put_finished(plan, out);
	put_request(plan, KS_PLAN13_IN_LATER_REQUEST, out);
	put_client_certificate(plan, TEXT("context"), false, true, out);
}

/* --- changes ----------------------------------------------------------------------------------------------------- */

struct ks_bytes ks_transcript13_maker_find(struct ks_bytes transcript, uint8_t type, size_t nth)
{
	size_t at = 0;

	while (transcript.size - at >= 4) {
		const uint8_t *head = transcript.data + at;
		size_t size = 4 + ((size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
		if (size > transcript.size - at)
			break;
		if (head[0] == type && nth-- == 0)
			return ks_bytes(head, size);
		at += size;
	}
	return KS_BYTES_NONE;
}

void ks_transcript13_maker_replace(struct ks_bytes transcript, struct ks_bytes message, struct ks_bytes by,
				   struct ks_buffer *out)
{
	size_t before = (size_t)(message.data - transcript.data);
	size_t after = before + message.size;

	ks_buffer_put(out, ks_bytes(transcript.data, before));
	ks_buffer_put(out, by);
	ks_buffer_put(out, ks_bytes(transcript.data + after, transcript.size - after));
}
