/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance: one loaded provider: OpenSSL's upcalls, and what the provider has to offer.
 *
 * Reaches OpenSSL by the upcalls that it is given. The tables are constant and do not depend on the agent: OpenSSL asks for
 * them once, early, and remembers the answer.
 *
 * Runs in: any program that loads keystay.so (provider.c), and keystay-enroll, which has it built in (enrol/drivers/agent_key.c).
 */
#include "client/openssl/provider.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "client/openssl/params.h"

static const OSSL_PARAM *provider_gettable_params(void *provctx)
{
	static const OSSL_PARAM table[] = {
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, NULL, 0),
		OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, NULL, 0),
		OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
		OSSL_PARAM_END,
	};
	(void)provctx;
	return table;
}

static int provider_get_params(void *provctx, OSSL_PARAM params[])
{
	(void)provctx;
	return ks_param_set_text(params, OSSL_PROV_PARAM_NAME, "keystay: TLS keys on tokens") &&
	       ks_param_set_text(params, OSSL_PROV_PARAM_VERSION, KEYSTAY_VERSION) &&
	       ks_param_set_text(params, OSSL_PROV_PARAM_BUILDINFO, "keystay " KEYSTAY_VERSION) &&
	       ks_param_set_int(params, OSSL_PROV_PARAM_STATUS, 1);
}

static const OSSL_ALGORITHM *provider_query_operation(void *provctx, int operation_id, int *no_cache)
{
	(void)provctx;
	*no_cache = 0;
	switch (operation_id) {
	case OSSL_OP_KEYMGMT:
		return ks_keymgmt_algorithms;
	case OSSL_OP_SIGNATURE:
		return ks_signature_algorithms;
	case OSSL_OP_DECODER:
		return ks_decoder_algorithms;
	case OSSL_OP_STORE:
		return ks_store_algorithms;
	default:
		return NULL;
	}
}

static const OSSL_ITEM *provider_get_reason_strings(void *provctx)
{
	const struct ks_provider *provider = provctx;

	return ks_report_reasons(&provider->report);
}

static void provider_teardown(void *provctx)
{
	struct ks_provider *provider = provctx;

	ks_report_deinit(&provider->report);
	free(provider);
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))provider_teardown },
	{ OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))provider_gettable_params },
	{ OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))provider_get_params },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))provider_query_operation },
	{ OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, (void (*)(void))provider_get_reason_strings },
	{ 0, NULL },
};

static int take_upcalls(struct ks_provider *provider, const OSSL_DISPATCH *upcalls)
{
	for (const OSSL_DISPATCH *row = upcalls; row->function_id != 0; row++) {
		if (row->function_id == OSSL_FUNC_BIO_READ_EX)
			provider->bio_read_ex = OSSL_FUNC_BIO_read_ex(row);
		else if (row->function_id == OSSL_FUNC_BIO_GETS)
			provider->bio_gets = OSSL_FUNC_BIO_gets(row);
	}
	return provider->bio_read_ex && provider->bio_gets ? 0 : KS_ERR_UNSUPPORTED;
}

static int sign_tls(const struct ks_client_sign *request, void *userdata, uint8_t *signature, size_t *ret_size,
		    struct ks_client_error *ret_error)
{
	(void)userdata;
	return ks_client_sign(request, signature, ret_size, ret_error);
}

int ks_provider_start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		      void **provctx)
{
	struct ks_provider *provider = calloc(1, sizeof(*provider));
	if (!provider)
		return 0;
	if (take_upcalls(provider, in) < 0 || ks_report_init(&provider->report, handle, in) < 0) {
		free(provider);
		return 0;
	}
	provider->sign = sign_tls;
	*out = functions;
	*provctx = provider;
	return 1;
}
