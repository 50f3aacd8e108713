/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hello13: see hello13.h.
 *
 * Runs in: keystay-agent. Must never take a resumed session for one in which the server has shown a certificate.
 */
#include "lib/tls/hello13.h"

#include <string.h>

#include "lib/tls/refusal.h"

#define VERSION_TLS13 0x0304u
#define COMPRESSION_NULL 0u

enum ks_hash ks_hello13_suite_hash(uint16_t suite)
{
	switch (suite) {
	case 0x1301: /* TLS_AES_128_GCM_SHA256 */
	case 0x1303: /* TLS_CHACHA20_POLY1305_SHA256 */
	case 0x1304: /* TLS_AES_128_CCM_SHA256 */
	case 0x1305: /* TLS_AES_128_CCM_8_SHA256 */
		return KS_HASH_SHA256;
	case 0x1302: /* TLS_AES_256_GCM_SHA384 */
		return KS_HASH_SHA384;
	default:
		return KS_HASH_NONE;
	}
}

bool ks_hello13_is_retry(struct ks_bytes body)
{
	struct ks_reader reader = ks_reader(body);

	(void)ks_reader_u16(&reader); /* legacy_version */
	return ks_hello12_is_retry(ks_reader_take(&reader, 32));
}

/* --- ClientHello ------------------------------------------------------------------------------------------------- */

static bool offers_tls13(const struct ks_hello12 *hello)
{
	struct ks_bytes body;

	if (!ks_extensions_find(&hello->extensions, KS_EXTENSION_SUPPORTED_VERSIONS, &body))
		return false;
	struct ks_reader reader = ks_reader(body);
	return ks_extensions_has_u16(ks_reader_vector8(&reader), VERSION_TLS13);
}

int ks_hello13_read_client(struct ks_bytes body, struct ks_hello12 *ret_hello, struct ks_signable_refusal *ret_refusal)
{
	int r = ks_hello12_read_client(body, ret_hello, ret_refusal);
	if (r < 0)
		return r;
	const struct ks_extensions *extensions = &ret_hello->extensions;
	if (!offers_tls13(ret_hello))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_VERSION, "the ClientHello does not offer TLS 1.3");
	if (ret_hello->compressions.size != 1)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the ClientHello offers to compress the data, which TLS 1.3 forbids");
	for (size_t i = 0; i + 1 < extensions->n; i++) {
		if (extensions->items[i].type == KS_EXTENSION_PRE_SHARED_KEY)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
					       "the pre_shared_key in the ClientHello is not its last extension");
	}
	return 0;
}

int ks_hello13_check_second(const struct ks_hello12 *first, const struct ks_hello12 *second,
			    struct ks_signable_refusal *ret_refusal)
{
	static const uint16_t unchanged[] = {
		KS_EXTENSION_SERVER_NAME,
		KS_EXTENSION_SIGNATURE_ALGORITHMS,
		KS_EXTENSION_SUPPORTED_VERSIONS,
	};
	bool is_same = ks_bytes_equal(first->random, second->random) &&
		       ks_bytes_equal(first->session_id, second->session_id) &&
		       ks_bytes_equal(first->cipher_suites, second->cipher_suites);

	for (size_t i = 0; i < sizeof(unchanged) / sizeof(unchanged[0]); i++) {
		struct ks_bytes before = KS_BYTES_NONE;
		struct ks_bytes after = KS_BYTES_NONE;
		/* None of them can be there and empty. */
		(void)ks_extensions_find(&first->extensions, unchanged[i], &before);
		(void)ks_extensions_find(&second->extensions, unchanged[i], &after);
		is_same = is_same && ks_bytes_equal(before, after);
	}
	if (is_same)
		return 0;
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
			       "the two ClientHello around the HelloRetryRequest are of different handshakes");
}

/* --- what both answers of a server have -------------------------------------------------------------------------- */

int ks_hello13_check_answers(const struct ks_extensions *questions, const struct ks_extensions *answers,
			     const char *message, struct ks_signable_refusal *ret_refusal)
{
	for (size_t i = 0; i < answers->n; i++) {
		uint16_t type = answers->items[i].type;
		if (!ks_extensions_find(questions, type, NULL))
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
					       "the %s has the extension %u, which nobody asked for", message, type);
	}
	return 0;
}

static int check_version(const struct ks_hello12 *answer, struct ks_signable_refusal *refusal)
{
	struct ks_bytes body;

	if (!ks_extensions_find(&answer->extensions, KS_EXTENSION_SUPPORTED_VERSIONS, &body))
		return ks_refusal_give(refusal, KS_ERR_INPUT_VERSION, "the server did not choose TLS 1.3");
	struct ks_reader reader = ks_reader(body);
	uint16_t version = ks_reader_u16(&reader);
	if (version != VERSION_TLS13)
		return ks_refusal_give(refusal, KS_ERR_INPUT_VERSION,
				       "the server chose version 0x%04x, which is not TLS 1.3", version);
	return 0;
}

static int check_answer(const struct ks_hello12 *answer, const struct ks_hello12 *client, const char *message,
			struct ks_signable_refusal *refusal)
{
	int r = check_version(answer, refusal);
	if (r < 0)
		return r;
	if (!ks_bytes_equal(answer->session_id, client->session_id))
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE,
				       "the %s does not repeat the client's legacy_session_id", message);
	uint16_t suite = ks_hello12_cipher_suite(answer);
	if (ks_hello13_suite_hash(suite) == KS_HASH_NONE)
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE,
				       "the cipher suite 0x%04x is not one of TLS 1.3 that is known here", suite);
	if (!ks_extensions_has_u16(client->cipher_suites, suite))
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE,
				       "the server chose the cipher suite 0x%04x, which the client did not offer",
				       suite);
	if (answer->compressions.data[0] != COMPRESSION_NULL)
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE, "the server chose to compress the data");
	return 0;
}

/* --- key shares -------------------------------------------------------------------------------------------------- */

/* How many shares the client sent, and whether one of them is of this group. */
static size_t count_shares(const struct ks_hello12 *client, uint16_t group, bool *ret_has_group)
{
	struct ks_bytes body = KS_BYTES_NONE;
	size_t n = 0;

	*ret_has_group = false;
	(void)ks_extensions_find(&client->extensions, KS_EXTENSION_KEY_SHARE, &body);
	struct ks_reader reader = ks_reader(body);
	struct ks_reader shares = ks_reader(ks_reader_vector16(&reader));
	for (; ks_reader_left(&shares) > 0; n++) {
		*ret_has_group = ks_reader_u16(&shares) == group || *ret_has_group;
		(void)ks_reader_vector16(&shares);
	}
	return n;
}

static uint16_t group_of(const struct ks_hello12 *answer)
{
	struct ks_bytes body = KS_BYTES_NONE;

	(void)ks_extensions_find(&answer->extensions, KS_EXTENSION_KEY_SHARE, &body);
	struct ks_reader reader = ks_reader(body);
	return ks_reader_u16(&reader);
}

/* --- HelloRetryRequest ------------------------------------------------------------------------------------------- */

/* RFC 8446 section 4.2.2: the client gives it back as it was. */
static bool gives_cookie_back(const struct ks_hello12 *retry, const struct ks_hello12 *second)
{
	struct ks_bytes given = KS_BYTES_NONE;
	struct ks_bytes back = KS_BYTES_NONE;

	(void)ks_extensions_find(&retry->extensions, KS_EXTENSION_COOKIE, &given);
	(void)ks_extensions_find(&second->extensions, KS_EXTENSION_COOKIE, &back);
	return ks_bytes_equal(given, back);
}

int ks_hello13_read_retry(struct ks_bytes body, const struct ks_hello12 *second, struct ks_hello12 *ret_retry,
			  struct ks_signable_refusal *ret_refusal)
{
	int r = ks_hello12_read_answer(body, KS_EXTENSIONS_HELLO_RETRY_REQUEST, ret_retry, ret_refusal);
	if (r == 0)
		r = check_answer(ret_retry, second, "HelloRetryRequest", ret_refusal);
	/* The cookie as well: the second ClientHello has to have it. */
	if (r == 0)
		r = ks_hello13_check_answers(&second->extensions, &ret_retry->extensions, "HelloRetryRequest",
					     ret_refusal);
	if (r < 0)
		return r;
	bool has_group = ks_extensions_find(&ret_retry->extensions, KS_EXTENSION_KEY_SHARE, NULL);
	if (!has_group && !ks_extensions_find(&ret_retry->extensions, KS_EXTENSION_COOKIE, NULL))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the HelloRetryRequest asks for no change");
	if (!gives_cookie_back(ret_retry, second))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the second ClientHello does not have the HelloRetryRequest's cookie");
	bool is_asked_for;
	size_t n_shares = count_shares(second, group_of(ret_retry), &is_asked_for);
	if (has_group && (n_shares != 1 || !is_asked_for))
		return ks_refusal_give(
			ret_refusal, KS_ERR_INPUT_MESSAGE,
			"the second ClientHello does not have the key share that the HelloRetryRequest asked for");
	if (ks_extensions_find(&second->extensions, KS_EXTENSION_EARLY_DATA, NULL))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the second ClientHello announces early data, which TLS 1.3 forbids");
	return 0;
}

/* --- ServerHello ------------------------------------------------------------------------------------------------- */

static int check_retry(const struct ks_hello12 *server, const struct ks_hello12 *client, const struct ks_hello12 *retry,
		       struct ks_signable_refusal *refusal)
{
	if (!retry && ks_extensions_find(&client->extensions, KS_EXTENSION_COOKIE, NULL))
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE,
				       "the ClientHello has a cookie, but no HelloRetryRequest gave it one");
	if (retry && ks_hello12_cipher_suite(retry) != ks_hello12_cipher_suite(server))
		return ks_refusal_give(refusal, KS_ERR_INPUT_MESSAGE,
				       "the ServerHello chose another cipher suite than the HelloRetryRequest");
	return 0;
}

int ks_hello13_read_server(struct ks_bytes body, const struct ks_hello12 *client, const struct ks_hello12 *retry,
			   struct ks_hello12 *ret_hello, struct ks_signable_refusal *ret_refusal)
{
	bool has_group;
	int r = ks_hello12_read_answer(body, KS_EXTENSIONS_SERVER_HELLO13, ret_hello, ret_refusal);
	if (r == 0)
		r = check_answer(ret_hello, client, "ServerHello", ret_refusal);
	if (r == 0)
		r = check_retry(ret_hello, client, retry, ret_refusal);
	if (r == 0)
		r = ks_hello13_check_answers(&client->extensions, &ret_hello->extensions, "ServerHello", ret_refusal);
	if (r < 0)
		return r;
	if (ks_extensions_find(&ret_hello->extensions, KS_EXTENSION_PRE_SHARED_KEY, NULL))
		return ks_refusal_give(
			ret_refusal, KS_ERR_RULE_UNPROVABLE,
			"the session was resumed, so the server showed no certificate in this handshake");
	if (!ks_extensions_find(&ret_hello->extensions, KS_EXTENSION_KEY_SHARE, NULL))
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE, "the ServerHello has no key share");
	(void)count_shares(client, group_of(ret_hello), &has_group);
	if (!has_group)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_MESSAGE,
				       "the server's key share is of a group for which the client sent none");
	return 0;
}
