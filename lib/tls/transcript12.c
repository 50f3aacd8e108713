/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript12: see transcript12.h. The order of messages is one table, walked once; the readers of the messages are
 * hello12.c and messages12.c.
 *
 * Runs in: keystay-agent. Must never skip what it does not know: an input with one message more is another input.
 */
#include "lib/tls/transcript12.h"

#include "lib/base/reader.h"
#include "lib/tls/refusal.h"

#define HEADER_SIZE 4u /* type and length (RFC 5246 section 7.4) */

enum handshake_type {
	HELLO_REQUEST = 0,
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	NEW_SESSION_TICKET = 4,
	CERTIFICATE = 11,
	SERVER_KEY_EXCHANGE = 12,
	CERTIFICATE_REQUEST = 13,
	SERVER_HELLO_DONE = 14,
	CERTIFICATE_VERIFY = 15,
	CLIENT_KEY_EXCHANGE = 16,
	FINISHED = 20,
	CERTIFICATE_URL = 21,
	CERTIFICATE_STATUS = 22,
	SUPPLEMENTAL_DATA = 23,
};

static const char *const type_names[] = {
	[HELLO_REQUEST] = "HelloRequest",
	[CLIENT_HELLO] = "ClientHello",
	[SERVER_HELLO] = "ServerHello",
	[NEW_SESSION_TICKET] = "NewSessionTicket",
	[CERTIFICATE] = "Certificate",
	[SERVER_KEY_EXCHANGE] = "ServerKeyExchange",
	[CERTIFICATE_REQUEST] = "CertificateRequest",
	[SERVER_HELLO_DONE] = "ServerHelloDone",
	[CERTIFICATE_VERIFY] = "CertificateVerify",
	[CLIENT_KEY_EXCHANGE] = "ClientKeyExchange",
	[FINISHED] = "Finished",
	[CERTIFICATE_URL] = "CertificateURL",
	[CERTIFICATE_STATUS] = "CertificateStatus",
	[SUPPLEMENTAL_DATA] = "SupplementalData",
};

/* NULL when it is no handshake type of TLS 1.2. */
static const char *type_name(uint8_t type)
{
	return type < sizeof(type_names) / sizeof(type_names[0]) ? type_names[type] : NULL;
}

/* --- the messages in their order --------------------------------------------------------------------------------- */

struct walk {
	struct ks_transcript12 transcript;
	struct ks_certificate_list client_certificates;
	struct ks_signable_refusal *refusal; /* borrowed */
};

static int read_client_hello(struct walk *walk, struct ks_bytes body)
{
	int r = ks_hello12_read_client(body, &walk->transcript.client_hello, walk->refusal);
	if (r < 0)
		return r;
	ks_hello12_server_name(&walk->transcript.client_hello, walk->transcript.server_name);
	return 0;
}

static int read_server_hello(struct walk *walk, struct ks_bytes body)
{
	int r = ks_hello12_read_server(body, &walk->transcript.client_hello, &walk->transcript.server_hello,
				       walk->refusal);
	if (r < 0)
		return r;
	walk->transcript.cipher_suite = ks_hello12_cipher_suite(&walk->transcript.server_hello);
	walk->transcript.key_exchange = ks_cipher_suite12_key_exchange(walk->transcript.cipher_suite);
	return 0;
}

static int read_server_certificate(struct walk *walk, struct ks_bytes body)
{
	return ks_messages12_read_certificate(body, "server", &walk->transcript.server_certificates, walk->refusal);
}

static int read_certificate_status(struct walk *walk, struct ks_bytes body)
{
	return ks_messages12_read_certificate_status(body, &walk->transcript.ocsp_response, walk->refusal);
}

static int read_server_key_exchange(struct walk *walk, struct ks_bytes body)
{
	return ks_messages12_read_server_key_exchange(body, walk->transcript.key_exchange,
						      &walk->transcript.server_exchange, walk->refusal);
}

static int read_certificate_request(struct walk *walk, struct ks_bytes body)
{
	return ks_messages12_read_certificate_request(body, &walk->transcript.schemes, walk->refusal);
}

static int read_server_hello_done(struct walk *walk, struct ks_bytes body)
{
	if (body.size == 0)
		return 0;
	return ks_refusal_give(walk->refusal, KS_ERR_INPUT_TRUNCATED, "the ServerHelloDone is not empty");
}

static int read_client_certificate(struct walk *walk, struct ks_bytes body)
{
	int r = ks_messages12_read_certificate(body, "client", &walk->client_certificates, walk->refusal);
	if (r == 0)
		walk->transcript.client_certificate = ks_certificate_list_leaf(&walk->client_certificates);
	return r;
}

static int read_client_key_exchange(struct walk *walk, struct ks_bytes body)
{
	return ks_messages12_read_client_key_exchange(body, walk->transcript.key_exchange, walk->refusal);
}

enum need {
	NEEDED,
	ALLOWED,
	FORBIDDEN,
};

static enum need need_always(const struct walk *walk)
{
	(void)walk;
	return NEEDED;
}

/* RFC 6066 section 8: a server that sends it has said so in its ServerHello, and may still leave it out. */
static enum need need_certificate_status(const struct walk *walk)
{
	const struct ks_extensions *answers = &walk->transcript.server_hello.extensions;

	if (ks_extensions_find(answers, KS_EXTENSION_STATUS_REQUEST, NULL) ||
	    ks_extensions_find(answers, KS_EXTENSION_STATUS_REQUEST_V2, NULL))
		return ALLOWED;
	return FORBIDDEN;
}

static enum need need_server_key_exchange(const struct walk *walk)
{
	if (walk->transcript.key_exchange == KS_KEY_EXCHANGE_DHE ||
	    walk->transcript.key_exchange == KS_KEY_EXCHANGE_ECDHE)
		return NEEDED;
	return FORBIDDEN;
}

static const struct step {
	uint8_t type;
	enum need (*need)(const struct walk *walk);
	int (*read)(struct walk *walk, struct ks_bytes body);
} steps[] = {
	{ CLIENT_HELLO, need_always, read_client_hello },
	{ SERVER_HELLO, need_always, read_server_hello },
	{ CERTIFICATE, need_always, read_server_certificate },
	{ CERTIFICATE_STATUS, need_certificate_status, read_certificate_status },
	{ SERVER_KEY_EXCHANGE, need_server_key_exchange, read_server_key_exchange },
	{ CERTIFICATE_REQUEST, need_always, read_certificate_request },
	{ SERVER_HELLO_DONE, need_always, read_server_hello_done },
	{ CERTIFICATE, need_always, read_client_certificate },
	{ CLIENT_KEY_EXCHANGE, need_always, read_client_key_exchange },
};

#define N_STEPS (sizeof(steps) / sizeof(steps[0]))

/* --- the walk ---------------------------------------------------------------------------------------------------- */

/* Takes one message. false when its header or its length does not fit. */
static bool take_message(struct ks_reader *reader, uint8_t *ret_type, struct ks_bytes *ret_body)
{
	*ret_type = ks_reader_u8(reader);
	*ret_body = ks_reader_vector24(reader);
	return ks_reader_ok(reader);
}

/* How many messages of this type the input has, as far as it can be followed. */
static size_t count_messages(struct ks_bytes input, uint8_t wanted)
{
	struct ks_reader reader = ks_reader(input);
	size_t n = 0;
	uint8_t type;
	struct ks_bytes body;

	while (ks_reader_left(&reader) >= HEADER_SIZE && take_message(&reader, &type, &body))
		n += type == wanted;
	return n;
}

static size_t count_steps(uint8_t type)
{
	size_t n = 0;

	for (size_t i = 0; i < N_STEPS; i++)
		n += steps[i].type == type;
	return n;
}

/* The message of this step is not there, but one of the type found, or the end of the input. */
static int refuse_place(struct ks_bytes input, const struct step *step, bool is_end, uint8_t found,
			struct ks_signable_refusal *refusal)
{
	const char *wanted = type_names[step->type];

	if (is_end)
		return ks_refusal_give(refusal, KS_ERR_INPUT_MISSING,
				       "the TLS 1.2 transcript ends where its %s should be", wanted);
	if (!type_name(found))
		return ks_refusal_give(refusal, KS_ERR_INPUT_ORDER,
				       "the TLS 1.2 transcript has an unknown message (type %u) where its %s should be",
				       found, wanted);
	if (count_messages(input, step->type) < count_steps(step->type))
		return ks_refusal_give(refusal, KS_ERR_INPUT_MISSING,
				       "the TLS 1.2 transcript has no %s where it should be, before its %s", wanted,
				       type_name(found));
	return ks_refusal_give(refusal, KS_ERR_INPUT_ORDER, "the TLS 1.2 transcript has a %s where its %s should be",
			       type_name(found), wanted);
}

static int walk_step(struct walk *walk, struct ks_bytes input, const struct step *step, struct ks_reader *reader)
{
	struct ks_reader ahead = *reader;
	bool is_end = ks_reader_left(&ahead) == 0;
	uint8_t type = ks_reader_u8(&ahead);
	enum need need = step->need(walk);
	struct ks_bytes body;

	if (is_end || type != step->type || need == FORBIDDEN)
		return need == NEEDED ? refuse_place(input, step, is_end, type, walk->refusal) : 0;
	if (!take_message(reader, &type, &body))
		return ks_refusal_give(walk->refusal, KS_ERR_INPUT_TRUNCATED,
				       "the %s of the TLS 1.2 transcript is longer than the rest of the input",
				       type_names[step->type]);
	return step->read(walk, body);
}

bool ks_transcript12_resembles(struct ks_bytes input)
{
	struct ks_reader reader = ks_reader(input);
	size_t n = 0;
	uint8_t type;
	struct ks_bytes body;

	if (input.size >= HEADER_SIZE && input.data[0] == CLIENT_HELLO)
		return true;
	/* Its ClientHello may be what is missing: two messages that fill the input are no accident. */
	for (; ks_reader_left(&reader) > 0; n++) {
		if (!take_message(&reader, &type, &body) || !type_name(type))
			return false;
	}
	return n >= 2;
}

int ks_transcript12_read(struct ks_bytes input, struct ks_transcript12 *ret_transcript,
			 struct ks_signable_refusal *ret_refusal)
{
	struct walk walk = { .refusal = ret_refusal };
	struct ks_reader reader = ks_reader(input);

	for (size_t i = 0; i < N_STEPS; i++) {
		int r = walk_step(&walk, input, &steps[i], &reader);
		if (r < 0)
			return r;
	}
	if (!ks_reader_done(&reader))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRAILING,
				       "the TLS 1.2 transcript goes on for %zu bytes after its ClientKeyExchange",
				       ks_reader_left(&reader));
	*ret_transcript = walk.transcript;
	return 0;
}

bool ks_transcript12_offers(const struct ks_transcript12 *transcript, uint16_t scheme_code)
{
	struct ks_reader reader = ks_reader(transcript->schemes);

	while (ks_reader_left(&reader) >= 2) {
		if (ks_reader_u16(&reader) == scheme_code)
			return true;
	}
	return false;
}
