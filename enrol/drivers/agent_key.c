/* SPDX-License-Identifier: Apache-2.0 */
/* agent_key: see agent_key.h. Runs in: keystay-enroll, in its one thread. */
#include "enrol/drivers/agent_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "client/openssl/provider.h"
#include "client/tls/report.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"

/* As long as any signature of this key may be; what is made of it, nobody gets. */
#define REHEARSED_SIZE 64u

/* struct ks_provider.sign: the agent is asked for CMP. */
static int sign_cmp(const struct ks_client_sign *request, void *userdata, uint8_t *signature, size_t *ret_size,
		    struct ks_client_error *ret_error)
{
	struct ks_agent_keys *keys = userdata;
	struct ks_client_sign_cmp cmp = { .name = request->name, .scheme = request->scheme, .part = request->input };

	if (keys->is_rehearsal) {
		memset(signature, 0, REHEARSED_SIZE);
		*ret_size = REHEARSED_SIZE;
		return 0;
	}
	memcpy(cmp.spki_hash, request->spki_hash, sizeof(cmp.spki_hash));
	int r = ks_client_sign_cmp(&cmp, signature, ret_size, ret_error);
	if (r < 0)
		keys->error = *ret_error;
	return r;
}

static int load(struct ks_agent_keys *keys)
{
	keys->context = OSSL_LIB_CTX_new();
	if (!keys->context || OSSL_PROVIDER_add_builtin(keys->context, "keystay", ks_provider_start) != 1)
		return KS_ERR_NO_MEMORY;
	keys->base = OSSL_PROVIDER_load(keys->context, "default");
	keys->signing = keys->base ? OSSL_PROVIDER_load(keys->context, "keystay") : NULL;
	if (!keys->signing)
		return KS_ERR_UNSUPPORTED;
	struct ks_provider *provider = OSSL_PROVIDER_get0_provider_ctx(keys->signing);
	provider->sign = sign_cmp;
	provider->sign_userdata = keys;
	return 0;
}

/* problem, from what OpenSSL says. */
static int fail(struct ks_enrol_problem *problem, int code, const char *what)
{
	char why[512] = "";

	ks_report_append(why, sizeof(why));
	return ks_enrol_problem_set(problem, code, "%s: %s", what, why);
}

int ks_agent_keys_init(struct ks_agent_keys *keys, struct ks_enrol_problem *problem)
{
	*keys = (struct ks_agent_keys){ .context = NULL };
	int r = load(keys);

	if (r == 0)
		return 0;
	ks_agent_keys_deinit(keys);
	return fail(problem, r, "OpenSSL does not take keystay's provider");
}

void ks_agent_keys_deinit(struct ks_agent_keys *keys)
{
	if (keys->signing)
		(void)OSSL_PROVIDER_unload(keys->signing);
	if (keys->base)
		(void)OSSL_PROVIDER_unload(keys->base);
	OSSL_LIB_CTX_free(keys->context);
	*keys = (struct ks_agent_keys){ .context = NULL };
}

/* A reference, as programs have it in a file: the decoder makes a key of it. */
static BIO *make_reference(const struct ks_client_identity *identity)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	BIO *memory = BIO_new(BIO_s_mem());

	if (memory && ks_reference_put(&der, identity->identity.name, identity->identity.spki) == 0 &&
	    PEM_write_bio(memory, KS_REFERENCE_LABEL, "", der.data, (long)der.size) > 0)
		return memory;
	BIO_free(memory);
	return NULL;
}

int ks_agent_keys_get(struct ks_agent_keys *keys, const struct ks_client_identity *identity, EVP_PKEY **ret_key,
		      struct ks_enrol_problem *problem)
{
	BIO *reference = make_reference(identity);

	if (!reference)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	EVP_PKEY *key = PEM_read_bio_PrivateKey_ex(reference, NULL, NULL, NULL, keys->context, "provider=keystay");
	BIO_free(reference);
	if (!key)
		return fail(problem, KS_ERR_UNSUPPORTED, "OpenSSL does not take this key");
	*ret_key = key;
	return 0;
}
