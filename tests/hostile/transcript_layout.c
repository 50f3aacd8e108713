/* SPDX-License-Identifier: Apache-2.0 */
/* transcript_layout: see transcript_layout.h. Runs in: tests. */
#include "tests/hostile/transcript_layout.h"

#include <string.h>

#include "lib/base/reader.h"
#include "lib/base/text.h"

struct walk {
	struct ks_bytes all;
	struct ks_layout *layout;
	const char *message;
	bool is_elliptic; /* public values are points */
	bool is_client;
};

const char *ks_transcript_layout_name(uint8_t type)
{
	switch (type) {
	case 1:
		return "ClientHello";
	case 2:
		return "ServerHello";
	case 11:
		return "Certificate";
	case 12:
		return "ServerKeyExchange";
	case 13:
		return "CertificateRequest";
	case 14:
		return "ServerHelloDone";
	case 16:
		return "ClientKeyExchange";
	case 22:
		return "CertificateStatus";
	default:
		return "unknown message";
	}
}

/* Takes a vector and notes where its length is. */
static struct ks_reader vector(struct walk *walk, struct ks_reader *reader, unsigned width, const char *name)
{
	struct ks_layout *layout = walk->layout;
	size_t at = (size_t)(reader->next - walk->all.data);
	struct ks_bytes contents = width == 1 ? ks_reader_vector8(reader) :
				   width == 2 ? ks_reader_vector16(reader) :
						ks_reader_vector24(reader);

	if (ks_reader_ok(reader) && layout->n_lengths < KS_LAYOUT_LENGTHS_MAX) {
		struct ks_layout_length *length = &layout->lengths[layout->n_lengths++];
		length->at = at;
		length->width = width;
		(void)ks_text_print(length->name, sizeof(length->name), "%s: %s", walk->message, name);
	}
	return ks_reader(contents);
}

static void vectors(struct walk *walk, struct ks_reader list, unsigned width, const char *name)
{
	while (ks_reader_left(&list) > 0)
		(void)vector(walk, &list, width, name);
}

static void extension(struct walk *walk, uint16_t type, struct ks_reader body)
{
	struct ks_reader list;

	switch (type) {
	case 0:
		if (ks_reader_left(&body) == 0)
			return;
		list = vector(walk, &body, 2, "server_name list");
		(void)ks_reader_u8(&list);
		(void)vector(walk, &list, 2, "host_name");
		return;
	case 5:
		if (ks_reader_left(&body) == 0)
			return;
		(void)ks_reader_u8(&body);
		(void)vector(walk, &body, 2, "OCSP responders");
		(void)vector(walk, &body, 2, "OCSP extensions");
		return;
	case 10:
	case 13:
	case 50:
		if (walk->is_client)
			(void)vector(walk, &body, 2, type == 10 ? "groups" : "signature algorithms");
		return;
	case 11:
		(void)vector(walk, &body, 1, "point formats");
		return;
	case 16:
		vectors(walk, vector(walk, &body, 2, "ALPN list"), 1, "ALPN name");
		return;
	case 27:
	case 43:
	case 45:
		(void)vector(walk, &body, 1, type == 43 ? "supported versions" : "list of a TLS 1.3 extension");
		return;
	case 51:
		list = vector(walk, &body, 2, "key shares");
		while (ks_reader_left(&list) > 0) {
			(void)ks_reader_u16(&list);
			(void)vector(walk, &list, 2, "key share");
		}
		return;
	case 0xff01:
		(void)vector(walk, &body, 1, "renegotiated connection");
		return;
	default:
		return;
	}
}

static void hello(struct walk *walk, struct ks_reader *body)
{
	(void)ks_reader_take(body, 34);
	(void)vector(walk, body, 1, "session id");
	if (walk->is_client) {
		(void)vector(walk, body, 2, "cipher suites");
		(void)vector(walk, body, 1, "compression methods");
	} else {
		uint16_t suite = ks_reader_u16(body);
		/* Not so for AES-CCM and ChaCha20 with RSA or DHE; ARIA and Camellia are not looked at. */
		walk->is_elliptic = suite >= 0xc000 && (suite < 0xc09c || suite >= 0xc0ac) && suite != 0xccaa;
		(void)ks_reader_u8(body);
	}
	if (ks_reader_left(body) == 0)
		return;
	struct ks_reader list = vector(walk, body, 2, "extensions");
	while (ks_reader_left(&list) > 0) {
		char name[32];
		uint16_t type = ks_reader_u16(&list);
		(void)ks_text_print(name, sizeof(name), "extension %u", type);
		extension(walk, type, vector(walk, &list, 2, name));
	}
}

/* The certificate's own length, in its DER header, is one more to get wrong. */
static void certificate(struct walk *walk, struct ks_reader *body)
{
	struct ks_reader list = vector(walk, body, 3, "list");

	while (ks_reader_left(&list) > 0) {
		struct ks_reader one = vector(walk, &list, 3, "certificate");
		(void)ks_reader_u8(&one);
		if (ks_reader_u8(&one) == 0x82)
			(void)vector(walk, &one, 2, "DER length of a certificate");
	}
}

static void server_key_exchange(struct walk *walk, struct ks_reader *body)
{
	if (walk->is_elliptic) {
		(void)ks_reader_take(body, 3);
		(void)vector(walk, body, 1, "public point");
	} else {
		(void)vector(walk, body, 2, "p");
		(void)vector(walk, body, 2, "g");
		(void)vector(walk, body, 2, "public value");
	}
	(void)ks_reader_u16(body);
	(void)vector(walk, body, 2, "signature");
}

static void message(struct walk *walk, uint8_t type, struct ks_reader *body)
{
	switch (type) {
	case 1:
	case 2:
		walk->is_client = type == 1;
		hello(walk, body);
		return;
	case 11:
		certificate(walk, body);
		return;
	case 12:
		server_key_exchange(walk, body);
		return;
	case 13:
		(void)vector(walk, body, 1, "certificate types");
		(void)vector(walk, body, 2, "signature algorithms");
		vectors(walk, vector(walk, body, 2, "CA names"), 2, "CA name");
		return;
	case 16:
		(void)vector(walk, body, walk->is_elliptic ? 1 : 2, "public value");
		return;
	case 22:
		(void)ks_reader_u8(body);
		(void)vector(walk, body, 3, "OCSP response");
		return;
	default:
		return;
	}
}

bool ks_transcript_layout_read(struct ks_bytes transcript, struct ks_layout *ret_layout)
{
	struct walk walk = { .all = transcript, .layout = ret_layout };
	struct ks_reader reader = ks_reader(transcript);

	ret_layout->n_messages = 0;
	ret_layout->n_lengths = 0;
	while (ks_reader_left(&reader) > 0 && ret_layout->n_messages < KS_LAYOUT_MESSAGES_MAX) {
		size_t at = (size_t)(reader.next - transcript.data);
		uint8_t type = ks_reader_u8(&reader);
		walk.message = ks_transcript_layout_name(type);
		struct ks_reader body = vector(&walk, &reader, 3, "message");
		size_t size = (size_t)(reader.next - transcript.data) - at;
		message(&walk, type, &body);
		if (!ks_reader_done(&body))
			return false;
		ret_layout->messages[ret_layout->n_messages++] =
			(struct ks_layout_message){ .type = type, .at = at, .size = size };
	}
	return ks_reader_done(&reader) && ret_layout->n_lengths < KS_LAYOUT_LENGTHS_MAX;
}
