/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_contents12: C6, transcripts whose lengths and order are right and whose contents are not. Runs in: tests. */
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/der.h"
#include "tests/hostile/hostile_list.h"
#include "tests/hostile/transcript_maker.h"

#define BYTES(text)                                                                                                    \
	{                                                                                                              \
		(const uint8_t *)(text), sizeof(text) - 1                                                              \
	}

static void add_plan(struct ks_hostile_list *list, const struct ks_transcript_plan *plan, int expected, int or_else,
		     const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };
	struct ks_transcript_plan whole = *plan;

	whole.client_certificate = list->target->certificate;
	ks_transcript_maker_write(&whole, &input);
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = "C6",
				    .input = ks_buffer_bytes(&input),
				    .scheme = list->target->scheme12,
				    .expected = expected,
				    .or_else = or_else,
			    },
			    "contents: %s", name);
}

/* --- hellos ------------------------------------------------------------------------------------------------------ */

static void add_versions(struct ks_hostile_list *list)
{
	static const uint16_t versions[] = { 0x0300, 0x0301, 0x0302, 0x0304, 0x0002, 0xfefd, 0xfeff, 0x0403 };

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "ClientHello of version 0x%04x", versions[i]);
		add_plan(list, &(struct ks_transcript_plan){ .client_version = versions[i] }, KS_ERR_INPUT_VERSION, 0,
			 name);
		(void)snprintf(name, sizeof(name), "ServerHello of version 0x%04x", versions[i]);
		add_plan(list, &(struct ks_transcript_plan){ .server_version = versions[i] }, KS_ERR_INPUT_VERSION, 0,
			 name);
	}
}

static void add_suites(struct ks_hostile_list *list)
{
	/* export, anonymous, KRB5, PSK, SRP, signalling, GREASE, TLS 1.3, GOST, none */
	static const uint16_t suites[] = { 0x0003, 0x0018, 0x001e, 0x008c, 0xc021, 0x00ff, 0x5600,
					   0x0a0a, 0x1301, 0x1303, 0xc102, 0xc0b4, 0xffff };

	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		char name[64];
		(void)snprintf(name, sizeof(name), "cipher suite 0x%04x", suites[i]);
		add_plan(list, &(struct ks_transcript_plan){ .chosen_suite = suites[i] }, KS_ERR_INPUT_MESSAGE, 0,
			 name);
	}
	add_plan(list, &(struct ks_transcript_plan){ .offered_suite = 0xc02c }, KS_ERR_INPUT_MESSAGE, 0,
		 "a cipher suite that was not offered");
}

static void add_hellos(struct ks_hostile_list *list)
{
	static const struct {
		const char *name;
		int expected;
		struct ks_transcript_plan plan;
	} hellos[] = {
		{ "a compressed connection", KS_ERR_INPUT_MESSAGE, { .chosen_compression = 1 } },
		{ "no offer of null compression", KS_ERR_INPUT_MESSAGE, { .offers_no_null_compression = true } },
		{ "no offer of compression at all", KS_ERR_INPUT_TRUNCATED, { .offers_no_compression = true } },
		{ "half a cipher suite", KS_ERR_INPUT_TRUNCATED, { .has_half_suite = true } },
		{ "a session id of 33 bytes",
		  KS_ERR_INPUT_TRUNCATED,
		  { .client_session_id = BYTES("0123456789abcdef0123456789abcdef0") } },
		{ "a session id of 33 bytes from the server",
		  KS_ERR_INPUT_TRUNCATED,
		  { .server_session_id = BYTES("0123456789abcdef0123456789abcdef0") } },
		{ "a HelloRetryRequest as ServerHello", KS_ERR_INPUT_VERSION, { .is_hello_retry = true } },
		{ "a ServerHello that selects TLS 1.3",
		  KS_ERR_INPUT_VERSION,
		  { .with_grease = true, .server_extension = BYTES("\x00\x2b\x00\x02\x03\x04") } },
		{ "a ServerHello that selects TLS 1.2 by an extension",
		  KS_ERR_INPUT_VERSION,
		  { .with_grease = true, .server_extension = BYTES("\x00\x2b\x00\x02\x03\x03") } },
		{ "a ServerHello with a key share",
		  KS_ERR_INPUT_VERSION,
		  { .with_grease = true,
		    .server_extension = BYTES("\x00\x33\x00\x07\x00\x17\x00\x03"
					      "abc") } },
		{ "an extension twice in the ClientHello",
		  KS_ERR_INPUT_MESSAGE,
		  { .client_extension = BYTES("\x00\x0b\x00\x02\x01\x00") } },
		{ "an unknown extension twice in the ClientHello",
		  KS_ERR_INPUT_MESSAGE,
		  { .client_extension = BYTES("\x12\x34\x00\x00\x12\x34\x00\x01\x00") } },
		{ "an extension twice in the ServerHello",
		  KS_ERR_INPUT_MESSAGE,
		  { .server_extension = BYTES("\x00\x0b\x00\x02\x01\x00") } },
		{ "an extension in the ServerHello that was not asked for",
		  KS_ERR_INPUT_MESSAGE,
		  { .server_extension = BYTES("\x00\x12\x00\x00") } },
		{ "half an extension at the end of the ClientHello",
		  KS_ERR_INPUT_TRUNCATED,
		  { .client_extension = BYTES("\x12\x34\x00") } },
		{ "half an extension at the end of the ServerHello",
		  KS_ERR_INPUT_TRUNCATED,
		  { .server_extension = BYTES("\x00\x23") } },
		{ "a server name list of two names",
		  KS_ERR_INPUT_TRUNCATED,
		  { .server_name = BYTES("\x00\x08\x00\x00\x01"
					 "a\x00\x00\x01"
					 "b") } },
		{ "an empty server name list", KS_ERR_INPUT_TRUNCATED, { .server_name = BYTES("\x00\x00") } },
		{ "an empty server name", KS_ERR_INPUT_TRUNCATED, { .server_name = BYTES("\x00\x03\x00\x00\x00") } },
		{ "a server name of another type",
		  KS_ERR_INPUT_TRUNCATED,
		  { .server_name = BYTES("\x00\x04\x01\x00\x01"
					 "a") } },
		{ "a byte after the server name list",
		  KS_ERR_INPUT_TRUNCATED,
		  { .server_name = BYTES("\x00\x04\x00\x00\x01"
					 "a\x00") } },
	};

	for (size_t i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++)
		add_plan(list, &hellos[i].plan, hellos[i].expected, 0, hellos[i].name);
}

/* --- what the server sends --------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int expected;
	struct ks_transcript_plan plan;
} server_messages[] = {
	{ "a server without certificate", KS_ERR_INPUT_MESSAGE, { .server_list = BYTES("\x00\x00\x00") } },
	{ "an empty server certificate", KS_ERR_INPUT_MESSAGE, { .server_list = BYTES("\x00\x00\x03\x00\x00\x00") } },
	{ "a server certificate that is none",
	  KS_ERR_INPUT_MESSAGE,
	  { .server_list = BYTES("\x00\x00\x06\x00\x00\x03"
				 "abc") } },
	{ "a staple that nobody announced", KS_ERR_INPUT_ORDER, { .status = BYTES("\x01\x00\x00\x02\x30\x00") } },
	{ "a staple of an unknown type",
	  KS_ERR_INPUT_MESSAGE,
	  { .with_staple = true, .status = BYTES("\x07\x00\x00\x02\x30\x00") } },
	{ "an empty staple", KS_ERR_INPUT_TRUNCATED, { .with_staple = true, .status = BYTES("\x01\x00\x00\x00") } },
	{ "a byte after the staple",
	  KS_ERR_INPUT_TRUNCATED,
	  { .with_staple = true, .status = BYTES("\x01\x00\x00\x02\x30\x00\x00") } },
	{ "a curve by explicit prime",
	  KS_ERR_INPUT_MESSAGE,
	  { .server_key_exchange = BYTES("\x01\x00\x1d\x01\x04\x04\x03\x00\x01s") } },
	{ "a curve by explicit characteristic 2",
	  KS_ERR_INPUT_MESSAGE,
	  { .server_key_exchange = BYTES("\x02\x00\x1d\x01\x04\x04\x03\x00\x01s") } },
	{ "an empty point of the server",
	  KS_ERR_INPUT_TRUNCATED,
	  { .server_key_exchange = BYTES("\x03\x00\x1d\x00\x04\x03\x00\x01s") } },
	{ "an empty signature of the server",
	  KS_ERR_INPUT_TRUNCATED,
	  { .server_key_exchange = BYTES("\x03\x00\x1d\x01\x04\x04\x03\x00\x00") } },
	{ "a server that signs nothing",
	  KS_ERR_INPUT_TRUNCATED,
	  { .server_key_exchange = BYTES("\x03\x00\x1d\x01\x04") } },
	{ "an empty Diffie-Hellman value",
	  KS_ERR_INPUT_TRUNCATED,
	  { .exchange = KS_PLAN_DHE, .server_key_exchange = BYTES("\x00\x01p\x00\x01g\x00\x00\x04\x01\x00\x01s") } },
	{ "Diffie-Hellman values for a suite with curves",
	  KS_ERR_INPUT_MESSAGE,
	  { .server_key_exchange = BYTES("\x00\x01p\x00\x01g\x00\x01y\x04\x01\x00\x01s") } },
	{ "a ServerKeyExchange for a suite without",
	  KS_ERR_INPUT_ORDER,
	  { .exchange = KS_PLAN_STATIC_RSA, .has_server_key_exchange = true } },
	{ "no certificate types", KS_ERR_INPUT_TRUNCATED, { .has_no_certificate_types = true } },
	{ "an odd number of bytes of signature algorithms",
	  KS_ERR_INPUT_TRUNCATED,
	  { .schemes = BYTES("\x04\x03\x08") } },
	{ "no signature algorithms", KS_ERR_INPUT_TRUNCATED, { .schemes = BYTES("") } },
	{ "signature algorithms of others only",
	  KS_ERR_INPUT_NOT_OFFERED,
	  { .schemes = BYTES("\x02\x01\x02\x03\x08\x08\xfe\xfe") } },
	{ "a CA name that is no name", KS_ERR_INPUT_MESSAGE, { .ca_names = BYTES("\x00\x02\x04\x00") } },
	{ "an empty CA name", KS_ERR_INPUT_MESSAGE, { .ca_names = BYTES("\x00\x00") } },
	{ "a CA name with a byte behind it", KS_ERR_INPUT_MESSAGE, { .ca_names = BYTES("\x00\x03\x30\x00\x00") } },
};

static void add_server_messages(struct ks_hostile_list *list)
{
	for (size_t i = 0; i < sizeof(server_messages) / sizeof(server_messages[0]); i++)
		add_plan(list, &server_messages[i].plan, server_messages[i].expected, 0, server_messages[i].name);
}

/* --- what the client sends --------------------------------------------------------------------------------------- */

/* The target's certificate with one byte of its public key changed: the key of somebody else. */
static void put_foreign_certificate(struct ks_buffer *out, const struct ks_hostile_target *target)
{
	struct ks_bytes certificate = target->certificate;
	struct ks_bytes key = target->spki->modulus.size > 0 ? target->spki->modulus : target->spki->point;
	const uint8_t *found = memmem(certificate.data, certificate.size, key.data, key.size);

	ks_buffer_put(out, certificate);
	if (found)
		out->data[(size_t)(found - certificate.data) + key.size / 2] ^= 0x10;
}

static void add_list(struct ks_hostile_list *list, const struct ks_bytes *certificates, size_t n, int expected,
		     const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer all = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer body = { 0 };

	for (size_t i = 0; i < n; i++)
		ks_transcript_maker_put_vector(&all, 3, certificates[i]);
	ks_transcript_maker_put_vector(&body, 3, ks_buffer_bytes(&all));
	add_plan(list, &(struct ks_transcript_plan){ .client_list = ks_buffer_bytes(&body) }, expected, 0, name);
}

static void add_client_certificates(struct ks_hostile_list *list)
{
	static const uint8_t some_sequence[] = "\x30\x03\x02\x01\x05";
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer foreign = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer longer = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer key = { 0 };
	struct ks_bytes own = list->target->certificate;
	struct ks_bytes sequence = ks_bytes(some_sequence, 5);

	put_foreign_certificate(&foreign, list->target);
	struct ks_bytes other = ks_buffer_bytes(&foreign);
	ks_buffer_put(&longer, own);
	ks_buffer_put_u8(&longer, 0);

	add_list(list, NULL, 0, KS_ERR_INPUT_MESSAGE, "no client certificate");
	add_list(list, &other, 1, KS_ERR_INPUT_CERTIFICATE, "a client certificate of another key");
	add_list(list, (struct ks_bytes[]){ other, own }, 2, KS_ERR_INPUT_CERTIFICATE,
		 "another client certificate before the right one");
	add_list(list, &sequence, 1, KS_ERR_INPUT_CERTIFICATE, "a client certificate without a key");
	add_list(list, &list->target->spki->der, 1, KS_ERR_INPUT_CERTIFICATE,
		 "the bare public key in place of the client certificate");
	add_list(list, (struct ks_bytes[]){ ks_buffer_bytes(&longer) }, 1, KS_ERR_INPUT_MESSAGE,
		 "a client certificate with a byte behind it");
	add_list(list, (struct ks_bytes[]){ own, ks_bytes("x", 1) }, 2, KS_ERR_INPUT_MESSAGE,
		 "a client chain with an element that is no certificate");

	/* RFC 7250: a raw public key, which is not what this transcript is about */
	ks_transcript_maker_put_vector(&key, 3, list->target->spki->der);
	add_plan(list, &(struct ks_transcript_plan){ .client_list = ks_buffer_bytes(&key) }, KS_ERR_INPUT_TRUNCATED,
		 KS_ERR_INPUT_MESSAGE, "a raw public key as client Certificate");
}

static void add_client_key_exchanges(struct ks_hostile_list *list)
{
	static const struct {
		const char *name;
		struct ks_transcript_plan plan;
	} exchanges[] = {
		{ "an empty point of the client", { .client_key_exchange = BYTES("\x00") } },
		{ "an empty ClientKeyExchange", { .client_key_exchange = BYTES("") } },
		{ "a byte after the client's point", { .client_key_exchange = BYTES("\x02pq\x00") } },
		{ "an implicit Diffie-Hellman value",
		  { .exchange = KS_PLAN_DHE, .client_key_exchange = BYTES("\x00\x00") } },
		{ "an empty premaster secret",
		  { .exchange = KS_PLAN_STATIC_RSA, .client_key_exchange = BYTES("\x00\x00") } },
		{ "a premaster secret without its length",
		  { .exchange = KS_PLAN_STATIC_RSA, .client_key_exchange = BYTES("0123456789abcdef") } },
	};

	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++)
		add_plan(list, &exchanges[i].plan, KS_ERR_INPUT_TRUNCATED, 0, exchanges[i].name);
}

void ks_hostile_contents12_add(struct ks_hostile_list *list)
{
	add_versions(list);
	add_suites(list);
	add_hellos(list);
	add_server_messages(list);
	add_client_certificates(list);
	add_client_key_exchanges(list);
}
