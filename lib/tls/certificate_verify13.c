/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_verify13: see certificate_verify13.h.
 *
 * Runs in: keystay-agent. Must never accept a context other than the client's: TLS servers, exported authenticators
 * (RFC 9261) and delegated credentials (RFC 9345) sign the same shape with other words, and a signature for one of
 * those would hand the key's name to somebody else.
 */
#include "lib/tls/certificate_verify13.h"

#include <string.h>

#include "lib/tls/refusal.h"

#define PAD_SIZE 64u
#define PAD_BYTE 0x20u

static const char context[] = "TLS 1.3, client CertificateVerify"; /* its NUL is the separator */

#define CONTEXT_SIZE (sizeof(context) - 1)
#define HASH_OFFSET (PAD_SIZE + CONTEXT_SIZE + 1)

_Static_assert(HASH_OFFSET + 32 == KS_CERTIFICATE_VERIFY13_SHA256_SIZE, "RFC 8446 section 4.4.3");
_Static_assert(HASH_OFFSET + 48 == KS_CERTIFICATE_VERIFY13_SHA384_SIZE, "RFC 8446 section 4.4.3");

/* Contexts that somebody else signs, and what a signature over them would be worth. */
static const struct {
	const char *context;
	const char *meaning;
} foreign_contexts[] = {
	{ "TLS 1.3, server CertificateVerify", "the signature of a TLS server" },
	{ "Exported Authenticator", "an exported authenticator" },
	{ "TLS, client delegated credentials", "a delegated credential, which would be a key beside this one" },
	{ "TLS, server delegated credentials", "a delegated credential, which would be a key beside this one" },
};

#define N_FOREIGN_CONTEXTS (sizeof(foreign_contexts) / sizeof(foreign_contexts[0]))

bool ks_certificate_verify13_resembles(struct ks_bytes input)
{
	/* Half of the padding is more than chance and less than any single mistake leaves. */
	static const size_t enough = PAD_SIZE / 2;
	size_t n_spaces = 0;

	for (size_t i = 0; i < PAD_SIZE && i < input.size; i++)
		n_spaces += input.data[i] == PAD_BYTE;
	return n_spaces >= enough;
}

/* after: what follows the padding; it differs from our context or its separator at byte n_same. */
static int refuse_context(struct ks_bytes after, size_t n_same, struct ks_signable_refusal *ret_refusal)
{
	for (size_t i = 0; i < N_FOREIGN_CONTEXTS; i++) {
		size_t size = strlen(foreign_contexts[i].context);
		if (after.size >= size && memcmp(after.data, foreign_contexts[i].context, size) == 0)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_CONTEXT,
					       "the TLS 1.3 input is made for %s, not for a client's authentication",
					       foreign_contexts[i].meaning);
	}
	if (n_same == CONTEXT_SIZE)
		return ks_refusal_give(ret_refusal, KS_ERR_INPUT_CONTEXT,
				       "the TLS 1.3 input has 0x%02x where a zero byte must end its context",
				       after.data[n_same]);
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_CONTEXT,
			       "the TLS 1.3 input does not say \"%s\" after its padding", context);
}

static int refuse_length(struct ks_bytes input, struct ks_signable_refusal *ret_refusal)
{
	return ks_refusal_give(ret_refusal, KS_ERR_INPUT_LENGTH,
			       "the TLS 1.3 input is %zu bytes long; a client CertificateVerify has exactly %u or %u",
			       input.size, KS_CERTIFICATE_VERIFY13_SHA256_SIZE, KS_CERTIFICATE_VERIFY13_SHA384_SIZE);
}

int ks_certificate_verify13_read(struct ks_bytes input, struct ks_certificate_verify13 *ret_verify,
				 struct ks_signable_refusal *ret_refusal)
{
	size_t at = 0;

	for (; at < PAD_SIZE && at < input.size; at++) {
		if (input.data[at] != PAD_BYTE)
			return ks_refusal_give(ret_refusal, KS_ERR_INPUT_PADDING,
					       "byte %zu of the TLS 1.3 input is 0x%02x; the first %u must be spaces",
					       at + 1, input.data[at], PAD_SIZE);
	}
	struct ks_bytes after = at < input.size ? ks_bytes(input.data + at, input.size - at) : KS_BYTES_NONE;
	size_t n_same = 0;
	while (n_same < sizeof(context) && n_same < after.size && after.data[n_same] == (uint8_t)context[n_same])
		n_same++;
	if (n_same < sizeof(context) && n_same < after.size)
		return refuse_context(after, n_same, ret_refusal);

	enum ks_hash hash = KS_HASH_NONE;
	if (input.size == KS_CERTIFICATE_VERIFY13_SHA256_SIZE)
		hash = KS_HASH_SHA256;
	else if (input.size == KS_CERTIFICATE_VERIFY13_SHA384_SIZE)
		hash = KS_HASH_SHA384;
	else
		return refuse_length(input, ret_refusal);

	ret_verify->transcript_hash = hash;
	ret_verify->transcript_digest = ks_bytes(input.data + HASH_OFFSET, input.size - HASH_OFFSET);
	return 0;
}
