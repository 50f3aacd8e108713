/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_transcript13: any bytes as the messages of a TLS 1.3 handshake.
 *
 * Checks beside memory errors: what is read is looked at once more by a reader that knows only types and lengths. It
 * must be whole messages in an order that RFC 8446 allows, with one server Certificate in front of the server's
 * signature; and each part that is given must lie where it should.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/transcript13.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 16

static void require(int condition)
{
	if (!condition)
		abort();
}

struct message {
	const uint8_t *at;
	size_t size; /* without its header */
};

static size_t read_messages(struct ks_bytes bytes, struct message messages[MESSAGES_MAX], char types[MESSAGES_MAX + 1])
{
	size_t at = 0;
	size_t n = 0;

	for (; at < bytes.size; n++) {
		const uint8_t *head = bytes.data + at;
		require(n < MESSAGES_MAX && bytes.size - at >= 4);
		messages[n] = (struct message){ head, (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3] };
		require(bytes.size - at - 4 >= messages[n].size);
		/* message_hash and a first ClientHello stand for the same */
		types[n] = (char)(head[0] == 254 ? 1 : head[0]);
		at += 4 + messages[n].size;
	}
	types[n] = '\0';
	return n;
}

static int is_good_order(const char *types, bool is_post_handshake)
{
	static const char *const in_handshake[] = { "\1\2\10\15\13\17\24\13", "\1\2\1\2\10\15\13\17\24\13" };
	static const char *const after_it[] = {
		"\1\2\10\13\17\24\24\15\13",          "\1\2\1\2\10\13\17\24\24\15\13",
		"\1\2\10\15\13\17\24\13\24\15\13",    "\1\2\1\2\10\15\13\17\24\13\24\15\13",
		"\1\2\10\15\13\17\24\13\17\24\15\13", "\1\2\1\2\10\15\13\17\24\13\17\24\15\13",
	};

	for (size_t i = 0; !is_post_handshake && i < sizeof(in_handshake) / sizeof(in_handshake[0]); i++) {
		if (strcmp(types, in_handshake[i]) == 0)
			return 1;
	}
	for (size_t i = 0; is_post_handshake && i < sizeof(after_it) / sizeof(after_it[0]); i++) {
		if (strcmp(types, after_it[i]) == 0)
			return 1;
	}
	return 0;
}

static int is_inside(struct ks_bytes part, const uint8_t *start, size_t size)
{
	return part.size > 0 && part.data >= start && part.data + part.size <= start + size;
}

static void check_accepted(struct ks_bytes bytes, const struct ks_transcript13 *transcript)
{
	struct message messages[MESSAGES_MAX];
	char types[MESSAGES_MAX + 1];
	size_t n = read_messages(bytes, messages, types);
	const struct message *server = messages + (strchr(types, 013) - types);

	require(is_good_order(types, transcript->is_post_handshake));
	require(strchr(types, 013) != NULL && server[1].at[0] == 15);
	/* what is hashed is all of it, and what the server signed ends with its Certificate */
	struct ks_bytes first = transcript->first_client_hello;
	require(first.size == 0 || (first.data == bytes.data && first.size == 4 + messages[0].size));
	require(transcript->up_to_client.data == bytes.data + first.size);
	require(transcript->up_to_client.data + transcript->up_to_client.size == bytes.data + bytes.size);
	require(transcript->up_to_server.data == transcript->up_to_client.data);
	require(transcript->up_to_server.data + transcript->up_to_server.size == server[1].at);
	/* the parts lie in their messages */
	require(transcript->server.list.n >= 1 && transcript->server.list.n <= KS_PROOF_CERTIFICATES_MAX);
	for (size_t i = 0; i < transcript->server.list.n; i++)
		require(is_inside(transcript->server.list.items[i], server->at, 4 + server->size));
	require(transcript->server.ocsp_response.size == 0 ||
		is_inside(transcript->server.ocsp_response, server->at, 4 + server->size));
	require(is_inside(transcript->server_verify.signature, server[1].at, 4 + server[1].size));
	require(is_inside(transcript->client_certificate, messages[n - 1].at, 4 + messages[n - 1].size));
	require(transcript->client_certificate.data[0] == 0x30);
	require(transcript->hash == (transcript->cipher_suite == 0x1302 ? KS_HASH_SHA384 : KS_HASH_SHA256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes bytes = ks_bytes(data, size);
	struct ks_transcript13 transcript = { .cipher_suite = 0x4711 };
	struct ks_signable_refusal refusal = { "" };
	int r = ks_transcript13_read(bytes, &transcript, &refusal);

	if (r == 0)
		check_accepted(bytes, &transcript);
	else
		require(r < 0 && refusal.text[0] != '\0' && transcript.cipher_suite == 0x4711);
	return 0;
}
