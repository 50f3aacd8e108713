/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_server_claim: any bytes as a handshake of which somebody wants a signature with the key of tls_key.h: as a TLS
 * 1.2 input, and as a TLS 1.3 transcript whose hash is made here, so that the fuzzer gets past it.
 *
 * Checks beside memory errors: a claim has a DNS name that stands in the handshake, certificates and a signature of the
 * handshake, and an input that is made here a second time; and it is gone when one bit of the signed hash is another.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "lib/tls/server_claim.h"
#include "tests/fuzz/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* The nth message of a type, its header included. */
static struct ks_bytes find_message(struct ks_bytes bytes, uint8_t type, size_t nth)
{
	for (size_t at = 0; bytes.size - at >= 4;) {
		const uint8_t *head = bytes.data + at;
		size_t size = 4 + ((size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3]);
		if (size > bytes.size - at)
			break;
		if (head[0] == type && nth-- == 0)
			return ks_bytes(head, size);
		at += size;
	}
	return KS_BYTES_NONE;
}

static int is_inside(struct ks_bytes part, struct ks_bytes whole)
{
	return part.size > 0 && part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void check_name(const char *name, struct ks_bytes handshake)
{
	size_t size = strlen(name);
	bool is_found = false;

	require(size > 0 && size <= 253 && name[0] != '.' && name[size - 1] != '.' && !strstr(name, ".."));
	require(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == size);
	require(strspn(name, "0123456789.") < size);
	for (size_t at = 0; !is_found && at + size <= handshake.size; at++)
		is_found = strncasecmp((const char *)handshake.data + at, name, size) == 0;
	require(is_found);
}

static void check_claim(const struct ks_server_claim *claim, struct ks_bytes handshake)
{
	const struct ks_scheme *scheme = ks_scheme_find(claim->scheme);

	check_name(claim->server_name, handshake);
	require(scheme && (!claim->is_tls13 || scheme->tls13));
	require(claim->n_certificates >= 1 && claim->n_certificates <= KS_PROOF_CERTIFICATES_MAX);
	for (size_t i = 0; i < claim->n_certificates; i++)
		require(is_inside(claim->certificates[i], handshake) && claim->certificates[i].data[0] == 0x30);
	require(is_inside(claim->signature, handshake) && claim->signature.size <= KS_SIGNATURE_MAX);
	require(claim->ocsp_response.size == 0 || is_inside(claim->ocsp_response, handshake));
	/* the public point of the key that is to sign */
	require(memmem(handshake.data, handshake.size, tls_key_spki + sizeof(tls_key_spki) - 65, 65) != NULL);
}

/* --- TLS 1.2 ----------------------------------------------------------------------------------------------------- */

static void check_input12(const struct ks_server_claim *claim, struct ks_bytes input)
{
	struct ks_bytes client = find_message(input, 1, 0);
	struct ks_bytes server = find_message(input, 2, 0);
	struct ks_bytes exchange = find_message(input, 12, 0);
	struct ks_bytes is = ks_buffer_bytes(&claim->signed_input);

	require(!claim->is_tls13 && !claim->is_post_handshake && exchange.size > 0);
	/* all of ServerKeyExchange but the scheme, and the signature with its length */
	require(is.size == 64 + exchange.size - 4 - 4 - claim->signature.size);
	require(memcmp(is.data, client.data + 6, 32) == 0 && memcmp(is.data + 32, server.data + 6, 32) == 0);
	require(memcmp(is.data + 64, exchange.data + 4, is.size - 64) == 0);
	/* both have extended_master_secret */
	require(memmem(client.data, client.size, "\0\x17\0\0", 4) && memmem(server.data, server.size, "\0\x17\0\0", 4));
	require(memcmp(server.data + 30, "DOWNGRD", 8) != 0);
}

static void read_as_tls12(struct ks_bytes input, const struct ks_spki *spki)
{
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	struct ks_server_claim claim = { 0 };
	char reason[256] = "";

	if (ks_signable_check(input, 0x0403, spki, &signable, &refusal) < 0 ||
	    signable.kind != KS_SIGNABLE_TLS12_CLIENT)
		return;
	if (ks_server_claim_read(&signable, input, KS_BYTES_NONE, spki, &claim, reason) < 0) {
		require(reason[0] != '\0' && !claim.signed_input.data);
		return;
	}
	check_claim(&claim, input);
	check_input12(&claim, input);
	ks_server_claim_deinit(&claim);
}

/* --- TLS 1.3 ----------------------------------------------------------------------------------------------------- */

static const uint8_t retry_random[] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11 };

/* RFC 8446 section 4.4.1, over the beginning of a transcript. */
static void hash_beginning(struct ks_bytes transcript, size_t size, const EVP_MD *md, uint8_t digest[64])
{
	struct ks_bytes first = find_message(transcript, 1, 0);
	struct ks_bytes retry = find_message(transcript, 2, 0);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t message[4 + 64] = { 254, 0, 0, (uint8_t)EVP_MD_get_size(md) };
	size_t from = 0;

	require(context && EVP_DigestInit_ex(context, md, NULL) == 1);
	if (first.data == transcript.data && retry.data == first.data + first.size && retry.size >= 38 &&
	    memcmp(retry.data + 6, retry_random, sizeof(retry_random)) == 0) {
		require(EVP_Digest(first.data, first.size, message + 4, NULL, md, NULL) == 1);
		require(EVP_DigestUpdate(context, message, 4 + message[3]) == 1);
		from = first.size;
	}
	require(EVP_DigestUpdate(context, transcript.data + from, size - from) == 1);
	require(EVP_DigestFinal_ex(context, digest, NULL) == 1);
	EVP_MD_CTX_free(context);
}

static void put_input(uint8_t input[64 + 34 + 64], const char *context, const uint8_t *digest, size_t size)
{
	memset(input, ' ', 64);
	memcpy(input + 64, context, 34);
	memcpy(input + 98, digest, size);
}

static void read_as_tls13(struct ks_bytes transcript, const struct ks_spki *spki, const EVP_MD *md)
{
	size_t size = (size_t)EVP_MD_get_size(md);
	uint8_t input[64 + 34 + 64];
	uint8_t digest[64];
	struct ks_signable signable;
	struct ks_signable_refusal refusal;
	struct ks_server_claim claim = { 0 };
	char reason[256] = "";

	hash_beginning(transcript, transcript.size, md, digest);
	put_input(input, "TLS 1.3, client CertificateVerify", digest, size);
	struct ks_bytes bytes = ks_bytes(input, 98 + size);
	require(ks_signable_check(bytes, 0x0403, spki, &signable, &refusal) == 0);
	if (ks_server_claim_read(&signable, bytes, transcript, spki, &claim, reason) < 0) {
		require(reason[0] != '\0' && !claim.signed_input.data);
		return;
	}
	check_claim(&claim, transcript);
	struct ks_bytes certificate = find_message(transcript, 11, 0);
	uint8_t expected[64 + 34 + 64];
	hash_beginning(transcript, (size_t)(certificate.data - transcript.data) + certificate.size, md, digest);
	put_input(expected, "TLS 1.3, server CertificateVerify", digest, size);
	require(claim.is_tls13 && ks_bytes_equal(ks_buffer_bytes(&claim.signed_input), ks_bytes(expected, bytes.size)));
	ks_server_claim_deinit(&claim);

	input[98 + transcript.size % size] ^= 1;
	require(ks_server_claim_read(&signable, bytes, transcript, spki, &claim, reason) == KS_ERR_RULE_UNPROVABLE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes bytes = ks_bytes(data, size);
	struct ks_spki spki = tls_key();

	read_as_tls12(bytes, &spki);
	if (size > 0) { /* none is no transcript, for which there is a sentence of its own */
		read_as_tls13(bytes, &spki, EVP_sha256());
		read_as_tls13(bytes, &spki, EVP_sha384());
	}
	return 0;
}
