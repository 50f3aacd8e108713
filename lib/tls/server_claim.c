/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_claim: see server_claim.h. The rules that a handshake must keep so that the server's signature in it binds the
 * client's; reading is done by transcript12.c and transcript13.c.
 *
 * Runs in: keystay-agent. Must never give a claim for another handshake than the one that is about to be signed.
 */
#include "lib/tls/server_claim.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/reader.h"
#include "lib/tls/refusal.h"
#include "lib/tls/server_name.h"
#include "lib/tls/transcript12.h"
#include "lib/tls/transcript13.h"

#define VERSION_TLS13 0x0304u

/* --- both versions ----------------------------------------------------------------------------------------------- */

static int check_client_certificate(struct ks_bytes certificate, const struct ks_spki *spki,
				    struct ks_signable_refusal *refusal)
{
	struct ks_bytes der;
	struct ks_spki shown;

	if (ks_spki_of_certificate(certificate, &der) == 0 && ks_spki_read(der, &shown) == 0 &&
	    ks_spki_same_key(&shown, spki))
		return 0;
	return ks_refusal_give(
		refusal, KS_ERR_RULE_UNPROVABLE,
		"the client certificate in the handshake is of another key than the one that is to sign");
}

/* What the server has signed with: understood here, strong enough, and something that the client has offered. */
static int check_scheme(const struct ks_extensions *client_hello, uint16_t code, bool is_tls13,
			struct ks_signable_refusal *refusal)
{
	const struct ks_scheme *scheme = ks_scheme_find(code);

	if (!scheme || (is_tls13 && !scheme->tls13))
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the server signed with the scheme 0x%04x, which is too weak or not known here",
				       code);
	if (!ks_extensions_has_scheme(client_hello, code))
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the server signed with %s, which the client did not offer", scheme->name);
	return 0;
}

static int check_signature(struct ks_bytes signature, struct ks_signable_refusal *refusal)
{
	if (signature.size <= KS_SIGNATURE_MAX)
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "the server's signature has %zu bytes, more than %u",
			       signature.size, KS_SIGNATURE_MAX);
}

static int take_certificates(const struct ks_certificate_list *list, struct ks_server_claim *claim,
			     struct ks_signable_refusal *refusal)
{
	if (list->n > KS_PROOF_CERTIFICATES_MAX)
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "the server shows more than %u certificates",
				       KS_PROOF_CERTIFICATES_MAX);
	memcpy(claim->certificates, list->items, sizeof(claim->certificates));
	claim->n_certificates = list->n;
	return 0;
}

static int take_signed_input(const struct ks_server_claim *claim, struct ks_signable_refusal *refusal)
{
	if (ks_buffer_error(&claim->signed_input) == 0)
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "memory ran out");
}

/* --- TLS 1.2 ----------------------------------------------------------------------------------------------------- */

static int check_key_exchange(enum ks_key_exchange key_exchange, struct ks_signable_refusal *refusal)
{
	if (key_exchange == KS_KEY_EXCHANGE_DHE || key_exchange == KS_KEY_EXCHANGE_ECDHE)
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
			       "the server signed nothing in this handshake (static %s key exchange)",
			       key_exchange == KS_KEY_EXCHANGE_RSA ? "RSA" :
			       key_exchange == KS_KEY_EXCHANGE_DH  ? "DH" :
								     "ECDH");
}

/* RFC 7627: without it two connections of a man in the middle can have one master secret, and one transcript. */
static int check_extended_master_secret(const struct ks_transcript12 *transcript, struct ks_signable_refusal *refusal)
{
	if (ks_extensions_find(&transcript->client_hello.extensions, KS_EXTENSION_EXTENDED_MASTER_SECRET, NULL) &&
	    ks_extensions_find(&transcript->server_hello.extensions, KS_EXTENSION_EXTENDED_MASTER_SECRET, NULL))
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
			       "the TLS 1.2 handshake is without extended_master_secret (RFC 7627)");
}

/* The renegotiated_connection of a hello; none for the signalling suite (RFC 5746 section 3.3). */
static struct ks_bytes renegotiated_connection(const struct ks_hello12 *hello)
{
	struct ks_bytes body = KS_BYTES_NONE;

	(void)ks_extensions_find(&hello->extensions, KS_EXTENSION_RENEGOTIATION_INFO, &body);
	struct ks_reader reader = ks_reader(body);
	return ks_reader_vector8(&reader);
}

/* RFC 5746: else the handshake may continue one that somebody else began. The server's answer is empty at first, and
 * client_verify_data | server_verify_data in a renegotiation, of the same length each (sections 3.4, 3.5). */
static int check_renegotiation_info(const struct ks_transcript12 *transcript, struct ks_signable_refusal *refusal)
{
	if (!ks_extensions_find(&transcript->server_hello.extensions, KS_EXTENSION_RENEGOTIATION_INFO, NULL))
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
				       "the TLS 1.2 server did not answer with renegotiation_info (RFC 5746)");
	struct ks_bytes client = renegotiated_connection(&transcript->client_hello);
	struct ks_bytes server = renegotiated_connection(&transcript->server_hello);
	if (server.size == 2 * client.size &&
	    (client.size == 0 || ks_bytes_equal(client, ks_bytes(server.data, client.size))))
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
			       "the renegotiation_info of both hellos are of different connections");
}

static bool offers_tls13(const struct ks_hello12 *client)
{
	struct ks_bytes body = KS_BYTES_NONE;

	(void)ks_extensions_find(&client->extensions, KS_EXTENSION_SUPPORTED_VERSIONS, &body);
	struct ks_reader reader = ks_reader(body);
	return ks_extensions_has_u16(ks_reader_vector8(&reader), VERSION_TLS13);
}

/* RFC 8446 section 4.1.3: a server that could do better says so in the last bytes of its random. */
static int check_downgrade(const struct ks_transcript12 *transcript, struct ks_signable_refusal *refusal)
{
	static const uint8_t sentinel[] = { 'D', 'O', 'W', 'N', 'G', 'R', 'D' };
	struct ks_bytes random = transcript->server_hello.random;
	const uint8_t *end = random.data + random.size - sizeof(sentinel) - 1;
	uint8_t last = end[sizeof(sentinel)];

	if (memcmp(end, sentinel, sizeof(sentinel)) != 0)
		return 0;
	if (last == 0 || (last == 1 && offers_tls13(&transcript->client_hello)))
		return ks_refusal_give(
			refusal, KS_ERR_RULE_UNPROVABLE,
			"somebody between client and server made them use an older TLS version (downgrade mark)");
	return 0;
}

static int read12(struct ks_bytes input, const struct ks_spki *spki, struct ks_server_claim *claim,
		  struct ks_signable_refusal *refusal)
{
	struct ks_transcript12 transcript;
	int r = ks_transcript12_read(input, &transcript, refusal);

	if (r == 0)
		r = check_client_certificate(transcript.client_certificate, spki, refusal);
	if (r == 0)
		r = check_key_exchange(transcript.key_exchange, refusal);
	if (r == 0)
		r = ks_server_name_read(&transcript.client_hello.extensions, claim->server_name, refusal);
	if (r == 0)
		r = check_extended_master_secret(&transcript, refusal);
	if (r == 0)
		r = check_renegotiation_info(&transcript, refusal);
	if (r == 0)
		r = check_downgrade(&transcript, refusal);
	if (r == 0)
		r = check_scheme(&transcript.client_hello.extensions, transcript.server_exchange.scheme, false,
				 refusal);
	if (r == 0)
		r = check_signature(transcript.server_exchange.signature, refusal);
	if (r == 0)
		r = take_certificates(&transcript.server_certificates, claim, refusal);
	if (r < 0)
		return r;
	claim->ocsp_response = transcript.ocsp_response;
	claim->scheme = transcript.server_exchange.scheme;
	claim->signature = transcript.server_exchange.signature;
	ks_buffer_put(&claim->signed_input, transcript.client_hello.random);
	ks_buffer_put(&claim->signed_input, transcript.server_hello.random);
	ks_buffer_put(&claim->signed_input, transcript.server_exchange.params);
	return take_signed_input(claim, refusal);
}

/* --- TLS 1.3 ----------------------------------------------------------------------------------------------------- */

/* The server's own input (RFC 8446 section 4.4.3). */
static void put_signed_input13(struct ks_buffer *buffer, struct ks_bytes digest)
{
	static const char context[] = "TLS 1.3, server CertificateVerify"; /* its NUL is the separator */

	for (int i = 0; i < 64; i++)
		ks_buffer_put_u8(buffer, ' ');
	ks_buffer_put(buffer, ks_bytes(context, sizeof(context)));
	ks_buffer_put(buffer, digest);
}

/* The handshake that was handed over is the one whose hash is about to be signed. */
static int check_hash(const struct ks_signable *signable, const struct ks_transcript13 *transcript,
		      uint8_t ret_up_to_server[64], struct ks_signable_refusal *refusal)
{
	uint8_t digest[64];

	if (ks_transcript13_hash(transcript, ret_up_to_server, digest) < 0)
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "memory ran out");
	if (transcript->hash == signable->transcript_hash &&
	    ks_bytes_equal(signable->transcript_digest, ks_bytes(digest, ks_hash_size(transcript->hash))))
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE,
			       "the handshake that the client handed over is not the one that it wants signed");
}

static int check_request(const struct ks_signable *signable, const struct ks_transcript13 *transcript,
			 struct ks_signable_refusal *refusal)
{
	if (ks_extensions_has_scheme(&transcript->request.extensions, signable->scheme->code))
		return 0;
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "the server did not ask for the signature scheme %s",
			       signable->scheme->name);
}

static int read13(const struct ks_signable *signable, struct ks_bytes bytes, const struct ks_spki *spki,
		  struct ks_server_claim *claim, struct ks_signable_refusal *refusal)
{
	struct ks_transcript13 transcript;
	uint8_t digest[64];
	int r = ks_transcript13_read(bytes, &transcript, refusal);

	if (r == 0)
		r = check_hash(signable, &transcript, digest, refusal);
	if (r == 0)
		r = check_client_certificate(transcript.client_certificate, spki, refusal);
	if (r == 0)
		r = check_request(signable, &transcript, refusal);
	if (r == 0)
		r = ks_server_name_read(&transcript.client_hello.extensions, claim->server_name, refusal);
	if (r == 0)
		r = check_scheme(&transcript.client_hello.extensions, transcript.server_verify.scheme, true, refusal);
	if (r == 0)
		r = check_signature(transcript.server_verify.signature, refusal);
	if (r == 0)
		r = take_certificates(&transcript.server.list, claim, refusal);
	if (r < 0)
		return r;
	claim->ocsp_response = transcript.server.ocsp_response;
	claim->scheme = transcript.server_verify.scheme;
	claim->signature = transcript.server_verify.signature;
	claim->is_tls13 = true;
	claim->is_post_handshake = transcript.is_post_handshake;
	put_signed_input13(&claim->signed_input, ks_bytes(digest, ks_hash_size(transcript.hash)));
	return take_signed_input(claim, refusal);
}

/* --- the question ------------------------------------------------------------------------------------------------ */

static int read_kind(const struct ks_signable *signable, struct ks_bytes input, struct ks_bytes transcript,
		     const struct ks_spki *spki, struct ks_server_claim *claim, struct ks_signable_refusal *refusal)
{
	switch (signable->kind) {
	case KS_SIGNABLE_DIGEST:
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "a digest says nothing of what it is for");
	case KS_SIGNABLE_REQUEST:
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "a certificate request is for no server");
	case KS_SIGNABLE_CMP:
		return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "a message of CMP is for no TLS server");
	case KS_SIGNABLE_TLS12_CLIENT:
		return read12(input, spki, claim, refusal);
	case KS_SIGNABLE_TLS13_CLIENT:
		if (transcript.size == 0)
			return ks_refusal_give(
				refusal, KS_ERR_RULE_UNPROVABLE,
				"the client handed over no TLS 1.3 handshake (start it by: keystay run)");
		return read13(signable, transcript, spki, claim, refusal);
	}
	return ks_refusal_give(refusal, KS_ERR_RULE_UNPROVABLE, "it is not known what this input is for");
}

int ks_server_claim_read(const struct ks_signable *signable, struct ks_bytes input, struct ks_bytes transcript,
			 const struct ks_spki *spki, struct ks_server_claim *ret_claim, char ret_reason[256])
{
	struct ks_server_claim claim = { 0 };
	struct ks_signable_refusal refusal = { "" };

	if (read_kind(signable, input, transcript, spki, &claim, &refusal) < 0) {
		ks_server_claim_deinit(&claim);
		(void)snprintf(ret_reason, 256, "%s", refusal.text);
		return KS_ERR_RULE_UNPROVABLE;
	}
	*ret_claim = claim;
	return 0;
}

void ks_server_claim_deinit(struct ks_server_claim *claim)
{
	ks_buffer_deinit(&claim->signed_input);
}
