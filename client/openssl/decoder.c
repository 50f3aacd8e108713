/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decoder: OSSL_OP_DECODER, provider-decoder(7): "-----BEGIN KEYSTAY KEY-----" to a key.
 *
 * Two stages, PEM to DER and DER to key, as OpenSSL's own: a single stage works for PEM_read_bio_PrivateKey() but not
 * for OSSL_STORE (openssl s_client -key FILE), which runs the DER through decoders of its own in between. The second
 * stage exists once per key type, and each is tried; none of them talks to the agent.
 *
 * Both say "good, nothing found" about what is not theirs, so that the decoders of others get their turn.
 *
 * Runs in: any program that loads the provider. Never reads more of a file than one PEM block.
 */
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include "client/openssl/key.h"
#include "client/openssl/object.h"
#include "client/openssl/pem.h"
#include "client/openssl/provider.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"

/* Text before a block: "openssl x509 -text" of a long certificate is 20 KiB. */
#define TEXT_MAX ((size_t)1 << 20)

#define PIECE 1024

/* No state of its own: the context is the provider's. */
static void *decoder_newctx(void *provctx)
{
	return provctx;
}

static void decoder_freectx(void *ctx)
{
	(void)ctx;
}

/* --- PEM to DER -------------------------------------------------------------------------------------------------- */

/* Feeds lines until one block has ended. */
static enum ks_pem_state read_block(const struct ks_provider *provider, OSSL_CORE_BIO *in, struct ks_pem *pem)
{
	char piece[PIECE];
	size_t total = 0;
	enum ks_pem_state state = pem->state;

	while (state < KS_PEM_PASSED && total < TEXT_MAX) {
		int size = provider->bio_gets(in, piece, (int)sizeof(piece));
		if (size <= 0)
			return ks_pem_end(pem);
		total += (size_t)size;
		state = ks_pem_feed(pem, ks_bytes(piece, (size_t)size));
	}
	return ks_pem_end(pem);
}

/* Said here, where it is known that the block is ours; the second stage cannot tell ours from foreign DER. */
static int check_reference(struct ks_provider *provider, struct ks_bytes der)
{
	struct ks_reference reference;
	int r = ks_reference_read(der, &reference);
	if (r == 0)
		return 1;
	if (r == KS_ERR_UNSUPPORTED)
		return ks_report_fail(&provider->report, "decode", r,
				      "the KEYSTAY KEY reference names a kind of key that this keystay does not know; "
				      "update keystay");
	return ks_report_fail(&provider->report, "decode", r,
			      "the KEYSTAY KEY reference is damaged; write it again: keystay cert NAME -o FILE");
}

static int pem_decode(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_cbarg,
		      OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_cbarg)
{
	struct ks_provider *provider = ctx;
	KS_CLEANUP(ks_pem_deinit) struct ks_pem pem;

	(void)selection;
	(void)pw_cb;
	(void)pw_cbarg;
	ks_pem_init(&pem, KS_REFERENCE_MAX);
	enum ks_pem_state state = read_block(provider, in, &pem);
	if (state == KS_PEM_BROKEN)
		return ks_report_fail(&provider->report, "decode", KS_ERR_REFERENCE,
				      "the KEYSTAY KEY block is damaged; write it again: keystay cert NAME -o FILE");
	if (state != KS_PEM_WHOLE)
		return 1;
	if (!check_reference(provider, ks_buffer_bytes(&pem.contents)))
		return 0;

	char structure[] = KS_DECODER_STRUCTURE;
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, pem.contents.data, pem.contents.size),
		OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, sizeof(structure) - 1),
		OSSL_PARAM_END,
	};
	return data_cb(params, data_cbarg);
}

/* --- DER to key -------------------------------------------------------------------------------------------------- */

/* All there is, up to what a reference may have; more cannot be one. */
static bool read_all(const struct ks_provider *provider, OSSL_CORE_BIO *in, struct ks_buffer *out)
{
	for (;;) {
		size_t left = KS_REFERENCE_MAX + 1 - out->size;
		size_t size = 0;
		uint8_t *room = ks_buffer_reserve(out, left);
		if (!room)
			return false;
		if (!provider->bio_read_ex(in, room, left, &size) || size == 0)
			return true;
		ks_buffer_grow(out, size);
		if (out->size > KS_REFERENCE_MAX)
			return false;
	}
}

/* Who asks for a public key alone gets one that does not claim to sign. */
static bool wants_private(int selection)
{
	return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY);
}

static int der_decode(const struct ks_provider *provider, enum ks_key_algorithm algorithm, OSSL_CORE_BIO *in,
		      int selection, OSSL_CALLBACK *data_cb, void *data_cbarg)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_reference reference;

	ks_buffer_init(&der, KS_REFERENCE_MAX + 1);
	if (!read_all(provider, in, &der) || ks_reference_read(ks_buffer_bytes(&der), &reference) < 0 ||
	    reference.spki.algorithm != algorithm)
		return 1;
	struct ks_key *key;
	if (ks_key_new(reference.spki.der, reference.name, wants_private(selection), &key) < 0)
		return 0;
	return ks_object_give(key, data_cb, data_cbarg);
}

#define DER_DECODE(name, algorithm)                                                                                    \
	static int name(void *ctx, OSSL_CORE_BIO *in, int selection, OSSL_CALLBACK *data_cb, void *data_cbarg,         \
			OSSL_PASSPHRASE_CALLBACK *pw_cb, void *pw_cbarg)                                               \
	{                                                                                                              \
		(void)pw_cb;                                                                                           \
		(void)pw_cbarg;                                                                                        \
		return der_decode(ctx, algorithm, in, selection, data_cb, data_cbarg);                                 \
	}

DER_DECODE(rsa_decode, KS_KEY_RSA)
DER_DECODE(rsa_pss_decode, KS_KEY_RSA_PSS)
DER_DECODE(ec_decode, KS_KEY_EC)
DER_DECODE(ed25519_decode, KS_KEY_ED25519)

/* --- tables ------------------------------------------------------------------------------------------------------ */

#define DISPATCH(name, decode)                                                                                         \
	static const OSSL_DISPATCH name[] = {                                                                          \
		{ OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))decoder_newctx },                                          \
		{ OSSL_FUNC_DECODER_FREECTX, (void (*)(void))decoder_freectx },                                        \
		{ OSSL_FUNC_DECODER_DECODE, (void (*)(void))(decode) },                                                \
		{ 0, NULL },                                                                                           \
	}

DISPATCH(functions_pem, pem_decode);
DISPATCH(functions_rsa, rsa_decode);
DISPATCH(functions_rsa_pss, rsa_pss_decode);
DISPATCH(functions_ec, ec_decode);
DISPATCH(functions_ed25519, ed25519_decode);

#define FROM_PEM KS_PROPERTIES ",input=pem"
#define FROM_DER KS_PROPERTIES ",input=der,structure=" KS_DECODER_STRUCTURE

const OSSL_ALGORITHM ks_decoder_algorithms[] = {
	{ "DER", FROM_PEM, functions_pem, "KEYSTAY KEY block to its contents" },
	{ "RSA", FROM_DER, functions_rsa, "reference to an RSA key" },
	{ "RSA-PSS", FROM_DER, functions_rsa_pss, "reference to an RSASSA-PSS key" },
	{ "EC", FROM_DER, functions_ec, "reference to a NIST curve key" },
	{ "ED25519", FROM_DER, functions_ed25519, "reference to an Ed25519 key" },
	{ NULL, NULL, NULL, NULL },
};
