/* SPDX-License-Identifier: Apache-2.0 */
/* forge_mutate: see forge_mutate.h. Runs in: tests. */
#include "tests/forge/forge_mutate.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/base/reader.h"

enum { MESSAGES_MAX = 24, HEAD13_SIZE = 98, SHA384_INPUT_SIZE = 146 };

/* A handshake as its messages; each body is owned. */
struct handshake {
	size_t n;
	struct message {
		uint8_t type;
		uint8_t *body;
		size_t size;
	} messages[MESSAGES_MAX];
};

uint64_t forge_random_next(struct forge_random *random)
{
	/* xorshift64*: Marsaglia, Vigna. Good enough to choose bytes. */
	random->state ^= random->state >> 12;
	random->state ^= random->state << 25;
	random->state ^= random->state >> 27;
	return random->state * 0x2545f4914f6cdd1dull;
}

static size_t below(struct forge_random *random, size_t n)
{
	return n ? (size_t)((forge_random_next(random) >> 11) % n) : 0;
}

static uint8_t *copy_of(const uint8_t *data, size_t size, size_t room)
{
	uint8_t *copy = calloc(1, size + room + 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* --- messages ---------------------------------------------------------------------------------------------------- */

static void take_apart(struct ks_bytes whole, struct handshake *out)
{
	struct ks_reader reader = ks_reader(whole);

	out->n = 0;
	while (ks_reader_left(&reader) > 0 && out->n < MESSAGES_MAX / 2) {
		uint8_t type = ks_reader_u8(&reader);
		struct ks_bytes body = ks_reader_vector24(&reader);
		out->messages[out->n++] = (struct message){ type, copy_of(body.data, body.size, 0), body.size };
	}
}

static void forget(struct handshake *handshake)
{
	for (size_t i = 0; i < handshake->n; i++)
		free(handshake->messages[i].body);
}

static void put_together(const struct handshake *handshake, struct ks_buffer *out)
{
	for (size_t i = 0; i < handshake->n; i++) {
		ks_buffer_put_u8(out, handshake->messages[i].type);
		ks_buffer_put_u24(out, (uint32_t)handshake->messages[i].size);
		ks_buffer_put(out, ks_bytes(handshake->messages[i].body, handshake->messages[i].size));
	}
}

static void insert(struct handshake *handshake, size_t place, const struct message *message)
{
	if (handshake->n == MESSAGES_MAX)
		return;
	/* Before anything moves: it may be one of these. */
	struct message copy = { message->type, copy_of(message->body, message->size, 0), message->size };
	memmove(&handshake->messages[place + 1], &handshake->messages[place],
		(handshake->n - place) * sizeof(handshake->messages[0]));
	handshake->messages[place] = copy;
	handshake->n++;
}

static void drop(struct handshake *handshake, size_t place)
{
	free(handshake->messages[place].body);
	handshake->n--;
	memmove(&handshake->messages[place], &handshake->messages[place + 1],
		(handshake->n - place) * sizeof(handshake->messages[0]));
}

static void swap(struct handshake *handshake, size_t a, size_t b)
{
	struct message kept = handshake->messages[a];

	handshake->messages[a] = handshake->messages[b];
	handshake->messages[b] = kept;
}

/* --- bytes of a message ------------------------------------------------------------------------------------------- */

static void change_size(struct message *message, size_t at, size_t n_out, size_t n_in, struct forge_random *random)
{
	uint8_t *body = copy_of(message->body, message->size, n_in);
	size_t rest = message->size - at - n_out;

	memcpy(body + at + n_in, message->body + at + n_out, rest);
	for (size_t i = 0; i < n_in; i++)
		body[at + i] = (uint8_t)forge_random_next(random);
	free(message->body);
	message->body = body;
	message->size = at + n_in + rest;
}

/* A length somewhere in the message: one more, one less, or whatever. */
static void change_number(struct message *message, struct forge_random *random)
{
	size_t at = below(random, message->size);
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };

	switch (below(random, 3)) {
	case 0:
		message->body[at]++;
		break;
	case 1:
		message->body[at]--;
		break;
	default:
		message->body[at] = values[below(random, sizeof(values))];
	}
}

static void change_bytes(struct message *message, struct forge_random *random)
{
	size_t size = message->size;
	size_t at = below(random, size);
	size_t some = 1 + below(random, 8);

	if (size == 0) {
		change_size(message, 0, 0, some, random);
		return;
	}
	switch (below(random, 7)) {
	case 0:
	case 1:
		message->body[at] ^= (uint8_t)(1u << below(random, 8));
		break;
	case 2:
		message->body[at] = (uint8_t)forge_random_next(random);
		break;
	case 3:
		change_number(message, random);
		break;
	case 4:
		change_size(message, at, some < size - at ? some : size - at, 0, random);
		break;
	case 5:
		change_size(message, at, 0, some, random);
		break;
	default:
		change_size(message, size - 1, below(random, 2), below(random, 2), random);
	}
}

/* --- a whole mutation --------------------------------------------------------------------------------------------- */

static struct ks_bytes handshake_of(const struct forge_case *one)
{
	return one->transcript.size ? one->transcript : one->input;
}

/* A message of another good handshake, where one of its type is, or anywhere. */
static void splice(const struct forge_cases *cases, struct handshake *handshake, struct forge_random *random)
{
	struct handshake other = { .n = 0 };
	size_t place = below(random, handshake->n);

	take_apart(handshake_of(&cases->cases[below(random, cases->n)]), &other);
	const struct message *from = &other.messages[below(random, other.n)];
	for (size_t i = 0; i < handshake->n && below(random, 8); i++) {
		if (handshake->messages[i].type == from->type)
			place = i;
	}
	insert(handshake, place, from);
	if (below(random, 4) && place + 1 < handshake->n)
		drop(handshake, place + 1);
	forget(&other);
}

static void mutate_once(const struct forge_cases *cases, struct handshake *handshake, struct forge_random *random)
{
	if (handshake->n == 0)
		return;
	size_t place = below(random, handshake->n);

	switch (below(random, 20)) {
	case 0:
		drop(handshake, place);
		break;
	case 1:
		insert(handshake, below(random, handshake->n + 1), &handshake->messages[place]);
		break;
	case 2:
		swap(handshake, place, below(random, handshake->n));
		break;
	case 3:
	case 4:
		splice(cases, handshake, random);
		break;
	case 5:
		handshake->messages[place].type = (uint8_t)below(random, 26);
		break;
	default:
		change_bytes(&handshake->messages[place], random);
	}
}

/* The input of TLS 1.3 for these messages, by the hash of the seed's; sometimes by the other one, or by none. */
static void put_input13(const struct forge_case *seed, struct ks_bytes transcript, struct forge_random *random,
			struct ks_buffer *input)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	bool is_other = below(random, 64) == 0;
	bool is_sha384 = (seed->input.size == SHA384_INPUT_SIZE) != is_other;

	if (below(random, 32) == 0) {
		ks_buffer_put(input, seed->input);
		return;
	}
	if (EVP_Digest(transcript.data, transcript.size, digest, &size, is_sha384 ? EVP_sha384() : EVP_sha256(),
		       NULL) != 1)
		abort();
	ks_buffer_put(input, ks_bytes(seed->input.data, HEAD13_SIZE));
	ks_buffer_put(input, ks_bytes(digest, size));
}

/* Lengths of messages that lie, and whatever lies between messages. */
static void damage(struct ks_buffer *whole, struct forge_random *random)
{
	size_t size = ks_buffer_bytes(whole).size;

	if (size > 0 && below(random, 16) == 0)
		whole->data[below(random, size)] ^= (uint8_t)(1u << below(random, 8));
	if (below(random, 64) == 0)
		ks_buffer_put(whole, ks_bytes("\0\0\0\0\1", 1 + below(random, 5)));
}

void forge_mutate(const struct forge_cases *cases, const struct forge_case *seed, struct forge_random *random,
		  struct ks_buffer *input, struct ks_buffer *transcript, struct forge_case *ret_case)
{
	bool is_tls13 = seed->transcript.size > 0;
	struct ks_buffer *whole = is_tls13 ? transcript : input;
	struct handshake handshake = { .n = 0 };

	take_apart(handshake_of(seed), &handshake);
	for (size_t n = 1 + below(random, 3) * below(random, 2); n > 0; n--)
		mutate_once(cases, &handshake, random);
	ks_buffer_reset(input);
	ks_buffer_reset(transcript);
	put_together(&handshake, whole);
	forget(&handshake);
	damage(whole, random);
	if (is_tls13)
		put_input13(seed, ks_buffer_bytes(transcript), random, input);
	if (ks_buffer_error(input) < 0 || ks_buffer_error(transcript) < 0)
		abort();
	*ret_case = *seed;
	ret_case->input = ks_buffer_bytes(input);
	ret_case->transcript = ks_buffer_bytes(transcript);
}
