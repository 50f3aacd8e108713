/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transcript13: see transcript13.h. One function for each flight; each takes the message that it wants or refuses. The
 * readers of the messages are hello13.c and messages13.c.
 *
 * Runs in: keystay-agent. Must never skip what it does not know: a transcript with one message more is another one.
 */
#include "lib/tls/transcript13.h"

#include <openssl/evp.h>

#include "lib/base/cleanup.h"
#include "lib/base/reader.h"
#include "lib/tls/crypto.h"
#include "lib/tls/hello13.h"
#include "lib/tls/refusal.h"

/* RFC 8446 section 4, RFC 8879 section 4 */
enum handshake_type {
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	NEW_SESSION_TICKET = 4,
	END_OF_EARLY_DATA = 5,
	ENCRYPTED_EXTENSIONS = 8,
	CERTIFICATE = 11,
	CERTIFICATE_REQUEST = 13,
	CERTIFICATE_VERIFY = 15,
	FINISHED = 20,
	KEY_UPDATE = 24,
	COMPRESSED_CERTIFICATE = 25,
	MESSAGE_HASH = 254,
	THE_END = 256, /* none of them: there is nothing more */
};

/* NULL when it is no handshake type of TLS 1.3. */
static const char *type_name(unsigned type)
{
	static const char *const names[] = {
		[CLIENT_HELLO] = "ClientHello",
		[SERVER_HELLO] = "ServerHello",
		[NEW_SESSION_TICKET] = "NewSessionTicket",
		[END_OF_EARLY_DATA] = "EndOfEarlyData",
		[ENCRYPTED_EXTENSIONS] = "EncryptedExtensions",
		[CERTIFICATE] = "Certificate",
		[CERTIFICATE_REQUEST] = "CertificateRequest",
		[CERTIFICATE_VERIFY] = "CertificateVerify",
		[FINISHED] = "Finished",
		[KEY_UPDATE] = "KeyUpdate",
		[COMPRESSED_CERTIFICATE] = "CompressedCertificate",
		[MESSAGE_HASH] = "message_hash",
	};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL;
}

struct walk {
	struct ks_reader reader;
	const uint8_t *start; /* of what is hashed as it is */
	struct ks_transcript13 transcript;
	struct ks_hello12 retry;
	bool has_retry;
	bool is_asked;                       /* there is a CertificateRequest in the handshake */
	struct ks_signable_refusal *refusal; /* borrowed */
};

/* --- one message ------------------------------------------------------------------------------------------------- */

static unsigned peek(const struct walk *walk)
{
	struct ks_reader ahead = walk->reader;

	return ks_reader_left(&ahead) > 0 ? ks_reader_u8(&ahead) : THE_END;
}

/* The message that comes next is not what it should be. */
static int refuse_place(const struct walk *walk, const char *owner, enum handshake_type wanted)
{
	unsigned found = peek(walk);

	if (found == THE_END)
		return ks_refusal_give(walk->refusal, KS_ERR_INPUT_MISSING,
				       "the TLS 1.3 transcript ends where the %s's %s should be", owner,
				       type_name(wanted));
	if (found == COMPRESSED_CERTIFICATE && wanted == CERTIFICATE)
		return ks_refusal_give(walk->refusal, KS_ERR_RULE_UNPROVABLE,
				       "the %s's certificate is compressed (RFC 8879), which is not read here", owner);
	if (!type_name(found))
		return ks_refusal_give(
			walk->refusal, KS_ERR_INPUT_ORDER,
			"the TLS 1.3 transcript has an unknown message (type %u) where the %s's %s should be", found,
			owner, type_name(wanted));
	return ks_refusal_give(walk->refusal, KS_ERR_INPUT_ORDER,
			       "the TLS 1.3 transcript has a %s where the %s's %s should be", type_name(found), owner,
			       type_name(wanted));
}

static int take(struct walk *walk, const char *owner, enum handshake_type wanted, struct ks_bytes *ret_body)
{
	if (peek(walk) != wanted)
		return refuse_place(walk, owner, wanted);
	(void)ks_reader_u8(&walk->reader);
	*ret_body = ks_reader_vector24(&walk->reader);
	if (!ks_reader_ok(&walk->reader))
		return ks_refusal_give(walk->refusal, KS_ERR_INPUT_TRUNCATED,
				       "the %s's %s is longer than the rest of the TLS 1.3 transcript", owner,
				       type_name(wanted));
	return 0;
}

/* --- the hellos -------------------------------------------------------------------------------------------------- */

/* RFC 8446 section 4.4.1: the hash of the suite that the HelloRetryRequest chose. */
static int check_message_hash(struct walk *walk, struct ks_bytes digest)
{
	enum ks_hash hash = ks_hello13_suite_hash(ks_hello12_cipher_suite(&walk->retry));

	if (digest.size == ks_hash_size(hash))
		return 0;
	return ks_refusal_give(walk->refusal, KS_ERR_INPUT_TRUNCATED,
			       "the message_hash has %zu bytes; the cipher suite's hash has %zu", digest.size,
			       ks_hash_size(hash));
}

/* The HelloRetryRequest after first (a message_hash or a ClientHello), and the second ClientHello. */
static int read_retry(struct walk *walk, unsigned first_type, struct ks_bytes first)
{
	struct ks_bytes retry;
	struct ks_bytes second;
	struct ks_hello12 *client = &walk->transcript.client_hello;
	int r = take(walk, "server", SERVER_HELLO, &retry);

	if (r == 0 && !ks_hello13_is_retry(retry))
		r = ks_refusal_give(walk->refusal, KS_ERR_INPUT_ORDER,
				    "the TLS 1.3 transcript has no HelloRetryRequest after its message_hash");
	if (r == 0)
		r = take(walk, "client", CLIENT_HELLO, &second);
	if (r == 0)
		r = ks_hello13_read_client(second, client, walk->refusal);
	if (r == 0)
		r = ks_hello13_read_retry(retry, client, &walk->retry, walk->refusal);
	if (r < 0)
		return r;
	walk->has_retry = true;
	if (first_type == MESSAGE_HASH)
		return check_message_hash(walk, first);

	struct ks_hello12 first_hello;
	r = ks_hello13_read_client(first, &first_hello, walk->refusal);
	return r < 0 ? r : ks_hello13_check_second(&first_hello, client, walk->refusal);
}

/* Does a HelloRetryRequest come next? */
static bool is_retry_next(const struct walk *walk)
{
	struct ks_reader ahead = walk->reader;

	return ks_reader_u8(&ahead) == SERVER_HELLO && ks_hello13_is_retry(ks_reader_vector24(&ahead));
}

static int read_server_hello(struct walk *walk)
{
	struct ks_transcript13 *transcript = &walk->transcript;
	struct ks_hello12 hello;
	struct ks_bytes body;
	int r = take(walk, "server", SERVER_HELLO, &body);

	if (r == 0 && ks_hello13_is_retry(body))
		r = ks_refusal_give(walk->refusal, KS_ERR_INPUT_ORDER,
				    "the TLS 1.3 transcript has a HelloRetryRequest where its ServerHello should be");
	if (r == 0)
		r = ks_hello13_read_server(body, &transcript->client_hello, walk->has_retry ? &walk->retry : NULL,
					   &hello, walk->refusal);
	if (r < 0)
		return r;
	transcript->cipher_suite = ks_hello12_cipher_suite(&hello);
	transcript->hash = ks_hello13_suite_hash(transcript->cipher_suite);
	return 0;
}

static int read_hellos(struct walk *walk)
{
	struct ks_transcript13 *transcript = &walk->transcript;
	unsigned first_type = peek(walk) == MESSAGE_HASH ? MESSAGE_HASH : CLIENT_HELLO;
	struct ks_bytes first;
	int r = take(walk, "client", first_type, &first);

	if (r < 0)
		return r;
	if (first_type == CLIENT_HELLO && is_retry_next(walk)) {
		transcript->first_client_hello = ks_bytes(walk->start, (size_t)(walk->reader.next - walk->start));
		walk->start = walk->reader.next;
	}
	if (first_type == MESSAGE_HASH || transcript->first_client_hello.size > 0)
		r = read_retry(walk, first_type, first);
	else
		r = ks_hello13_read_client(first, &transcript->client_hello, walk->refusal);
	return r < 0 ? r : read_server_hello(walk);
}

/* --- the flights ------------------------------------------------------------------------------------------------- */

static int read_finished(struct walk *walk, const char *owner)
{
	struct ks_bytes body;
	int r = take(walk, owner, FINISHED, &body);

	if (r == 0 && body.size != ks_hash_size(walk->transcript.hash))
		r = ks_refusal_give(walk->refusal, KS_ERR_INPUT_TRUNCATED,
				    "the %s's Finished has %zu bytes; the cipher suite's hash has %zu", owner,
				    body.size, ks_hash_size(walk->transcript.hash));
	return r;
}

static int read_request(struct walk *walk, bool is_post_handshake)
{
	struct ks_bytes body;
	int r = take(walk, "server", CERTIFICATE_REQUEST, &body);

	if (r < 0)
		return r;
	return ks_messages13_read_certificate_request(body, is_post_handshake, &walk->transcript.request,
						      walk->refusal);
}

static int read_server_certificate(struct walk *walk)
{
	struct ks_transcript13 *transcript = &walk->transcript;
	struct ks_bytes body;
	int r = take(walk, "server", CERTIFICATE, &body);

	if (r == 0)
		r = ks_messages13_read_certificate(body, "server", KS_BYTES_NONE, &transcript->client_hello.extensions,
						   &transcript->server, walk->refusal);
	if (r == 0 && transcript->server.list.n == 0)
		r = ks_refusal_give(walk->refusal, KS_ERR_INPUT_MESSAGE, "the server's Certificate is empty");
	transcript->up_to_server = ks_bytes(walk->start, (size_t)(walk->reader.next - walk->start));
	return r;
}

static int read_certificate_verify(struct walk *walk, const char *owner, struct ks_messages13_verify *ret_verify)
{
	struct ks_bytes body;
	int r = take(walk, owner, CERTIFICATE_VERIFY, &body);

	return r < 0 ? r : ks_messages13_read_certificate_verify(body, ret_verify, walk->refusal);
}

static int read_server_flight(struct walk *walk)
{
	struct ks_bytes body;
	int r = take(walk, "server", ENCRYPTED_EXTENSIONS, &body);

	if (r == 0)
		r = ks_messages13_read_encrypted_extensions(body, &walk->transcript.client_hello.extensions,
							    walk->refusal);
	walk->is_asked = peek(walk) == CERTIFICATE_REQUEST;
	if (r == 0 && walk->is_asked)
		r = read_request(walk, false);
	if (r == 0)
		r = read_server_certificate(walk);
	if (r == 0)
		r = read_certificate_verify(walk, "server", &walk->transcript.server_verify);
	return r < 0 ? r : read_finished(walk, "server");
}

static int read_client_certificate(struct walk *walk, struct ks_messages13_certificate *ret_certificate)
{
	struct ks_bytes body;
	int r = take(walk, "client", CERTIFICATE, &body);

	if (r < 0)
		return r;
	return ks_messages13_read_certificate(body, "client", walk->transcript.request.context,
					      &walk->transcript.request.extensions, ret_certificate, walk->refusal);
}

/* What comes before a request after the handshake; has_certificate: the client has shown one in the handshake. */
static int read_rest_of_handshake(struct walk *walk, bool has_certificate)
{
	struct ks_messages13_verify verify; /* of an earlier signature, which is the server's to check */
	int r = has_certificate ? read_certificate_verify(walk, "client", &verify) : 0;

	if (r == 0)
		r = read_finished(walk, "client");
	if (r == 0 &&
	    !ks_extensions_find(&walk->transcript.client_hello.extensions, KS_EXTENSION_POST_HANDSHAKE_AUTH, NULL))
		r = ks_refusal_give(walk->refusal, KS_ERR_INPUT_MESSAGE,
				    "the client did not offer to be asked for a certificate after the handshake");
	return r < 0 ? r : read_request(walk, true);
}

static int read_client_flight(struct walk *walk)
{
	struct ks_transcript13 *transcript = &walk->transcript;
	struct ks_messages13_certificate client = { 0 };
	int r = walk->is_asked ? read_client_certificate(walk, &client) : 0;

	if (r == 0 && (!walk->is_asked || peek(walk) != THE_END)) {
		transcript->is_post_handshake = true;
		r = read_rest_of_handshake(walk, client.list.n > 0);
		if (r == 0)
			r = read_client_certificate(walk, &client);
	}
	if (r < 0)
		return r;
	if (client.list.n == 0)
		return ks_refusal_give(walk->refusal, KS_ERR_INPUT_MESSAGE, "the client's Certificate is empty");
	transcript->client_certificate = ks_certificate_list_leaf(&client.list);
	return 0;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

int ks_transcript13_read(struct ks_bytes transcript, struct ks_transcript13 *ret_transcript,
			 struct ks_signable_refusal *ret_refusal)
{
	struct walk walk = { .reader = ks_reader(transcript), .start = transcript.data, .refusal = ret_refusal };
	int r = read_hellos(&walk);

	if (r == 0)
		r = read_server_flight(&walk);
	if (r == 0)
		r = read_client_flight(&walk);
	if (r < 0)
		return r;
	if (!ks_reader_done(&walk.reader))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_TRAILING,
				       "the TLS 1.3 transcript goes on for %zu bytes after the client's Certificate",
				       ks_reader_left(&walk.reader));
	walk.transcript.up_to_client = ks_bytes(walk.start, (size_t)(walk.reader.next - walk.start));
	*ret_transcript = walk.transcript;
	return 0;
}

/* --- its hash ---------------------------------------------------------------------------------------------------- */

KS_DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free)

static bool hash_first_hello(EVP_MD_CTX *context, const EVP_MD *hash, struct ks_bytes hello)
{
	uint8_t message[4 + EVP_MAX_MD_SIZE] = { MESSAGE_HASH };
	unsigned size = 0;

	if (hello.size == 0)
		return true;
	if (EVP_Digest(hello.data, hello.size, message + 4, &size, hash, NULL) != 1)
		return false;
	message[3] = (uint8_t)size;
	return EVP_DigestUpdate(context, message, 4 + size) == 1;
}

int ks_transcript13_hash(const struct ks_transcript13 *transcript, uint8_t ret_up_to_server[64],
			 uint8_t ret_up_to_client[64])
{
	const struct ks_crypto *crypto = ks_crypto_get();
	KS_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
	KS_CLEANUP(EVP_MD_CTX_freep) EVP_MD_CTX *prefix = EVP_MD_CTX_new();
	struct ks_bytes server = transcript->up_to_server;
	struct ks_bytes client = transcript->up_to_client;

	if (!crypto || !context || !prefix)
		return KS_ERR_NO_MEMORY;
	const EVP_MD *hash = crypto->hashes[transcript->hash];
	/* One pass: the server's hash is that of a prefix of the client's. */
	if (EVP_DigestInit_ex(context, hash, NULL) != 1 ||
	    !hash_first_hello(context, hash, transcript->first_client_hello) ||
	    EVP_DigestUpdate(context, server.data, server.size) != 1 || EVP_MD_CTX_copy_ex(prefix, context) != 1 ||
	    EVP_DigestFinal_ex(prefix, ret_up_to_server, NULL) != 1 ||
	    EVP_DigestUpdate(context, client.data + server.size, client.size - server.size) != 1 ||
	    EVP_DigestFinal_ex(context, ret_up_to_client, NULL) != 1)
		return KS_ERR_NO_MEMORY;
	return 0;
}
