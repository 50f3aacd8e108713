/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello12: see hello12.h.
 *
 * Runs in: keystay-agent. A ClientHello that also offers TLS 1.3 is usual; a ServerHello that says anything of TLS 1.3
 * is refused, because then the client would sign something else.
 */
#include "lib/tls/hello12.h"

#include <string.h>

#include "lib/tls/cipher_suite12.h"
#include "lib/tls/refusal.h"

#define VERSION_TLS12 0x0303u
#define RANDOM_SIZE 32u
#define SESSION_ID_MAX 32u
#define COMPRESSION_NULL 0u
#define HOST_NAME_MAX_SIZE 253u /* RFC 1035 section 2.3.4, as text */
#define HOST_LABEL_MAX 63u
#define RENEGOTIATION_SCSV 0x00ffu /* RFC 5746 section 3.3 */

/* The random by which a TLS 1.3 server says HelloRetryRequest (RFC 8446 section 4.1.3). */
static const uint8_t hello_retry_random[RANDOM_SIZE] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
	0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static int refuse_length(const char *message, struct ks_signable_refusal *ret_refusal)
{
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRUNCATED, "the %s has a wrong length inside", message);
}

/* version, random and session_id, with which both hellos begin. */
static int read_start(struct ks_reader *reader, const char *message, struct ks_hello12 *hello,
		      struct ks_signable_refusal *ret_refusal)
{
	uint16_t version = ks_reader_u16(reader);
	hello->random = ks_reader_take(reader, RANDOM_SIZE);
	hello->session_id = ks_reader_vector8(reader);
	if (!ks_reader_ok(reader) || hello->session_id.size > SESSION_ID_MAX)
		return refuse_length(message, ret_refusal);
	if (version != VERSION_TLS12)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_VERSION,
				       "the %s says version 0x%04x; TLS 1.2 says 0x0303", message, version);
	return 0;
}

bool ks_hello12_is_retry(struct ks_bytes server_random)
{
	return ks_bytes_equal(server_random, ks_bytes(hello_retry_random, sizeof(hello_retry_random)));
}

int ks_hello12_read_client(struct ks_bytes body, struct ks_hello12 *ret_hello, struct ks_signable_refusal *ret_refusal)
{
	struct ks_reader reader = ks_reader(body);
	int r = read_start(&reader, "ClientHello", ret_hello, ret_refusal);
	if (r < 0)
		return r;
	ret_hello->cipher_suites = ks_reader_vector16(&reader);
	ret_hello->compressions = ks_reader_vector8(&reader);
	if (!ks_reader_ok(&reader) || ret_hello->cipher_suites.size == 0 || ret_hello->cipher_suites.size % 2 != 0 ||
	    ret_hello->compressions.size == 0)
		return refuse_length("ClientHello", ret_refusal);
	if (!memchr(ret_hello->compressions.data, COMPRESSION_NULL, ret_hello->compressions.size))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the ClientHello does not offer to leave the data uncompressed");
	return ks_extensions_read(&reader, KS_EXTENSIONS_CLIENT_HELLO, &ret_hello->extensions, ret_refusal);
}

/* RFC 5246 section 7.4.1.4: an extension "MUST NOT appear in the extended server hello unless" the client sent it.
 * renegotiation_info may also answer the signalling suite. */
static int check_answers(const struct ks_hello12 *client, const struct ks_hello12 *server,
			 struct ks_signable_refusal *ret_refusal)
{
	for (size_t i = 0; i < server->extensions.n; i++) {
		uint16_t type = server->extensions.items[i].type;
		if (ks_extensions_find(&client->extensions, type, NULL))
			continue;
		if (type == KS_EXTENSION_RENEGOTIATION_INFO &&
		    ks_extensions_has_u16(client->cipher_suites, RENEGOTIATION_SCSV))
			continue;
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the ServerHello has the extension %u, which the client did not send", type);
	}
	return 0;
}

static int check_not_tls13(const struct ks_hello12 *server, struct ks_signable_refusal *ret_refusal)
{
	static const uint16_t only_tls13[] = {
		KS_EXTENSION_SUPPORTED_VERSIONS,
		KS_EXTENSION_KEY_SHARE,
		KS_EXTENSION_PRE_SHARED_KEY,
		KS_EXTENSION_COOKIE,
	};

	for (size_t i = 0; i < sizeof(only_tls13) / sizeof(only_tls13[0]); i++) {
		if (ks_extensions_find(&server->extensions, only_tls13[i], NULL))
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_VERSION,
					       "the ServerHello has the extension %u of TLS 1.3, not of TLS 1.2",
					       only_tls13[i]);
	}
	if (ks_hello12_is_retry(server->random))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_VERSION,
				       "the ServerHello is a HelloRetryRequest of TLS 1.3");
	return 0;
}

static int check_suite(const struct ks_hello12 *client, uint16_t suite, struct ks_signable_refusal *ret_refusal)
{
	if (ks_cipher_suite12_key_exchange(suite) == KS_KEY_EXCHANGE_NONE)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the cipher suite 0x%04x is not one of TLS 1.2 with client certificates", suite);
	if (!ks_extensions_has_u16(client->cipher_suites, suite))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the server chose the cipher suite 0x%04x, which the client did not offer",
				       suite);
	return 0;
}

int ks_hello12_read_answer(struct ks_bytes body, enum ks_extensions_place place, struct ks_hello12 *ret_hello,
			   struct ks_signable_refusal *ret_refusal)
{
	struct ks_reader reader = ks_reader(body);
	int r = read_start(&reader, "ServerHello", ret_hello, ret_refusal);
	if (r < 0)
		return r;
	ret_hello->cipher_suites = ks_reader_take(&reader, 2);
	ret_hello->compressions = ks_reader_take(&reader, 1);
	if (!ks_reader_ok(&reader))
		return refuse_length("ServerHello", ret_refusal);
	return ks_extensions_read(&reader, place, &ret_hello->extensions, ret_refusal);
}

int ks_hello12_read_server(struct ks_bytes body, const struct ks_hello12 *client, struct ks_hello12 *ret_hello,
			   struct ks_signable_refusal *ret_refusal)
{
	int r = ks_hello12_read_answer(body, KS_EXTENSIONS_SERVER_HELLO12, ret_hello, ret_refusal);
	if (r < 0)
		return r;
	/* First, because a ServerHello of TLS 1.3 has its own suites too. */
	r = check_not_tls13(ret_hello, ret_refusal);
	if (r < 0)
		return r;
	r = check_suite(client, ks_hello12_cipher_suite(ret_hello), ret_refusal);
	if (r < 0)
		return r;
	if (ret_hello->compressions.data[0] != COMPRESSION_NULL)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the server chose to compress the data (method %u)",
				       ret_hello->compressions.data[0]);
	return check_answers(client, ret_hello, ret_refusal);
}

uint16_t ks_hello12_cipher_suite(const struct ks_hello12 *server)
{
	struct ks_reader reader = ks_reader(server->cipher_suites);

	return ks_reader_u16(&reader);
}

/* Labels of letters, digits, '-' and '_' (which is in use, whatever RFC 1123 says), between single dots. */
static bool is_host_name(struct ks_bytes name)
{
	size_t label = 0;

	if (name.size == 0 || name.size > HOST_NAME_MAX_SIZE)
		return false;
	for (size_t i = 0; i < name.size; i++) {
		char c = (char)name.data[i];
		bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool is_digit = c >= '0' && c <= '9';
		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
		} else if (!(is_letter || is_digit || c == '-' || c == '_') || ++label > HOST_LABEL_MAX) {
			return false;
		}
	}
	return label > 0;
}

void ks_hello12_server_name(const struct ks_hello12 *client, char ret_name[256])
{
	struct ks_bytes body;

	ret_name[0] = '\0';
	if (!ks_extensions_find(&client->extensions, KS_EXTENSION_SERVER_NAME, &body))
		return;
	struct ks_reader reader = ks_reader(body);
	struct ks_reader list = ks_reader(ks_reader_vector16(&reader));
	(void)ks_reader_u8(&list); /* host_name; extensions.c has looked */
	struct ks_bytes name = ks_reader_vector16(&list);
	if (!is_host_name(name))
		return;
	memcpy(ret_name, name.data, name.size);
	ret_name[name.size] = '\0';
}
