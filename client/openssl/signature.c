/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signature: OSSL_OP_SIGNATURE, provider-signature(7): hands what is to be signed to keystay-agent, whole.
 *
 * libssl asks for the size with no output first and then signs in one call; the size is known without the agent.
 * Programs that give their input piece by piece (openssl dgst, cms) are served as well: their input is gathered and
 * reaches the agent, which refuses with words all that is no TLS handshake. One who comes with a digest is refused
 * here.
 *
 * Runs in: any program that loads the provider, in all of its threads and forked children. Never keeps a connection,
 * never hashes: the agent signs only what it can read (invariant I2).
 */
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/openssl/choice.h"
#include "client/openssl/key.h"
#include "client/openssl/provider.h"
#include "client/openssl/transcript.h"
#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"

/* OpenSSL's "algctx". A context belongs to one thread at a time (OpenSSL's rule); keys are shared. */
struct signature {
	struct ks_provider *provider;
	struct ks_key *key; /* owned reference; NULL before init */
	struct ks_choice choice;
	struct ks_buffer input; /* of update */
};

/* --- life -------------------------------------------------------------------------------------------------------- */

static void *signature_newctx(void *provctx, const char *propq)
{
	struct signature *signature = calloc(1, sizeof(*signature));

	(void)propq;
	if (!signature)
		return NULL;
	signature->provider = provctx;
	ks_buffer_init(&signature->input, KS_SIGN_INPUT_MAX);
	return signature;
}

static void signature_freectx(void *ctx)
{
	struct signature *signature = ctx;

	if (!signature)
		return;
	ks_key_unref(signature->key);
	ks_buffer_deinit(&signature->input);
	free(signature);
}

static void *signature_dupctx(void *ctx)
{
	const struct signature *from = ctx;
	struct signature *copy = signature_newctx(from->provider, NULL);

	if (!copy)
		return NULL;
	copy->key = ks_key_ref(from->key);
	copy->choice = from->choice;
	ks_buffer_put(&copy->input, ks_buffer_bytes(&from->input));
	if (ks_buffer_error(&copy->input) < 0) {
		signature_freectx(copy);
		return NULL;
	}
	return copy;
}

/* --- signing a whole message ------------------------------------------------------------------------------------- */

/* A NULL key means: the one of before. */
static int digest_sign_init(void *ctx, const char *mdname, void *provkey, const OSSL_PARAM params[])
{
	struct signature *signature = ctx;
	struct ks_report *report = &signature->provider->report;
	struct ks_key *key = provkey ? provkey : signature->key;

	if (!key)
		return ks_report_fail(report, "digest_sign_init", KS_ERR_INVALID, "no key was given to sign with");
	if (!key->is_private)
		return ks_report_fail(report, "digest_sign_init", KS_ERR_INVALID,
				      "this is a public key, which cannot sign");
	if (key != signature->key) {
		ks_key_unref(signature->key);
		signature->key = ks_key_ref(key);
	}
	ks_buffer_reset(&signature->input);
	return ks_choice_start(&signature->choice, key, mdname, report) &&
	       ks_choice_set_params(&signature->choice, params, report);
}

static int is_ready(const struct signature *signature, const char *function)
{
	if (signature->key)
		return 1;
	return ks_report_fail(&signature->provider->report, function, KS_ERR_INVALID, "no key was given to sign with");
}

static int ask_agent(struct signature *signature, struct ks_bytes input, unsigned char *sig, size_t *siglen,
		     size_t sigsize)
{
	struct ks_report *report = &signature->provider->report;
	const struct ks_key *key = signature->key;
	const struct ks_scheme *scheme = ks_choice_scheme(&signature->choice, report);
	if (!scheme)
		return 0;
	if (sigsize < ks_key_signature_max(key))
		return ks_report_fail(report, "digest_sign", KS_ERR_INVALID,
				      "this program gave %zu bytes of room for a signature of up to %zu", sigsize,
				      ks_key_signature_max(key));

	KS_AUTO_FREE uint8_t *transcript = NULL;
	size_t transcript_size = ks_transcript_find(input, signature->provider->tap_folder, &transcript);
	struct ks_client_sign request = { .name = key->name,
					  .scheme = scheme->code,
					  .input = input,
					  .transcript = ks_bytes(transcript, transcript_size) };
	memcpy(request.spki_hash, key->spki_hash, sizeof(request.spki_hash));
	uint8_t made[KS_SIGNATURE_MAX];
	size_t size;
	struct ks_client_error error;
	const struct ks_provider *provider = signature->provider;
	int r = provider->sign(&request, provider->sign_userdata, made, &size, &error);
	if (r < 0) {
		ks_report_put(report, "digest_sign", error.code, error.text);
		return 0;
	}
	if (size > ks_key_signature_max(key))
		return ks_report_fail(report, "digest_sign", KS_ERR_WRONG_SIGNATURE,
				      "keystay-agent answered with a signature that is too long for this key");
	memcpy(sig, made, size);
	*siglen = size;
	return 1;
}

static int digest_sign(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize, const unsigned char *tbs,
		       size_t tbslen)
{
	struct signature *signature = ctx;

	if (!is_ready(signature, "digest_sign"))
		return 0;
	if (!sig) {
		*siglen = ks_key_signature_max(signature->key);
		return 1;
	}
	return ask_agent(signature, ks_bytes(tbs, tbslen), sig, siglen, sigsize);
}

static int digest_sign_update(void *ctx, const unsigned char *data, size_t datalen)
{
	struct signature *signature = ctx;

	if (!is_ready(signature, "digest_sign_update"))
		return 0;
	ks_buffer_put(&signature->input, ks_bytes(data, datalen));
	int r = ks_buffer_error(&signature->input);
	if (r == 0)
		return 1;
	if (r == KS_ERR_NO_MEMORY)
		return ks_report_fail(&signature->provider->report, "digest_sign_update", r, "%s", ks_error_text(r));
	return ks_report_fail(&signature->provider->report, "digest_sign_update", KS_ERR_TOO_LARGE,
			      "keystay signs only TLS handshakes; what this program wants signed is longer than any "
			      "(at most %u bytes)",
			      KS_SIGN_INPUT_MAX);
}

static int digest_sign_final(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize)
{
	struct signature *signature = ctx;

	return digest_sign(ctx, sig, siglen, sigsize, signature->input.data, signature->input.size);
}

/* --- signing a digest: refused, with words ----------------------------------------------------------------------- */

static int refuse_digest(const struct signature *signature, const char *function)
{
	return ks_report_fail(&signature->provider->report, function, KS_ERR_INPUT_DIGEST,
			      "keystay signs only TLS handshakes; this program handed over a digest");
}

static int sign_init(void *ctx, void *provkey, const OSSL_PARAM params[])
{
	(void)provkey;
	(void)params;
	return refuse_digest(ctx, "sign_init");
}

/* OpenSSL wants both or none. */
static int sign(void *ctx, unsigned char *sig, size_t *siglen, size_t sigsize, const unsigned char *tbs, size_t tbslen)
{
	(void)sig;
	(void)siglen;
	(void)sigsize;
	(void)tbs;
	(void)tbslen;
	return refuse_digest(ctx, "sign");
}

/* --- parameters -------------------------------------------------------------------------------------------------- */

static int set_ctx_params(void *ctx, const OSSL_PARAM params[])
{
	struct signature *signature = ctx;

	return is_ready(signature, "set_ctx_params") &&
	       ks_choice_set_params(&signature->choice, params, &signature->provider->report);
}

static int get_ctx_params(void *ctx, OSSL_PARAM params[])
{
	struct signature *signature = ctx;

	return is_ready(signature, "get_ctx_params") &&
	       ks_choice_get_params(&signature->choice, params, &signature->provider->report);
}

static const OSSL_PARAM *settable_ctx_params(void *ctx, void *provctx)
{
	(void)ctx;
	(void)provctx;
	return ks_choice_settable();
}

static const OSSL_PARAM *gettable_ctx_params(void *ctx, void *provctx)
{
	(void)ctx;
	(void)provctx;
	return ks_choice_gettable();
}

#define FUNCTION(id, function)                                                                                         \
	{                                                                                                              \
		OSSL_FUNC_SIGNATURE_##id, (void (*)(void))(function)                                                   \
	}

static const OSSL_DISPATCH functions[] = {
	FUNCTION(NEWCTX, signature_newctx),
	FUNCTION(FREECTX, signature_freectx),
	FUNCTION(DUPCTX, signature_dupctx),
	FUNCTION(DIGEST_SIGN_INIT, digest_sign_init),
	FUNCTION(DIGEST_SIGN, digest_sign),
	FUNCTION(DIGEST_SIGN_UPDATE, digest_sign_update),
	FUNCTION(DIGEST_SIGN_FINAL, digest_sign_final),
	FUNCTION(SIGN_INIT, sign_init),
	FUNCTION(SIGN, sign),
	FUNCTION(SET_CTX_PARAMS, set_ctx_params),
	FUNCTION(SETTABLE_CTX_PARAMS, settable_ctx_params),
	FUNCTION(GET_CTX_PARAMS, get_ctx_params),
	FUNCTION(GETTABLE_CTX_PARAMS, gettable_ctx_params),
	{ 0, NULL },
};

const OSSL_ALGORITHM ks_signature_algorithms[] = {
	{ KS_SIGNATURE_NAME, KS_PROPERTIES, functions, "TLS signatures made by keystay-agent" },
	{ NULL, NULL, NULL, NULL },
};
