/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiny_provider: an OpenSSL provider as small as it gets, to test configurations with: it says that it manages RSA
 * keys, and cannot make any. Asked before the default provider it breaks key generation, just as keystay's own would.
 *
 * Runs in: openssl_probe. Plain C without sanitizers, so that any program can load it.
 */
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

static const OSSL_PARAM *gettable_params(void *context)
{
	static const OSSL_PARAM table[] = { OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
					    OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL), OSSL_PARAM_END };

	(void)context;
	return table;
}

static int get_params(void *context, OSSL_PARAM params[])
{
	(void)context;
	for (OSSL_PARAM *param = params; param->key; param++) {
		if (strcmp(param->key, OSSL_PROV_PARAM_NAME) == 0)
			*(const char **)param->data = "tiny";
		else if (strcmp(param->key, OSSL_PROV_PARAM_STATUS) == 0)
			*(int *)param->data = 1;
	}
	return 1;
}

static char key;

static void *key_new(void *context)
{
	(void)context;
	return &key;
}

static void key_free(void *data)
{
	(void)data;
}

static int key_has(const void *data, int selection)
{
	(void)data;
	(void)selection;
	return 0;
}

static const OSSL_DISPATCH keymgmt[] = {
	{ OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new },
	{ OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free },
	{ OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has },
	{ 0, NULL },
};

static const OSSL_ALGORITHM *query_operation(void *context, int operation, int *no_cache)
{
	static const OSSL_ALGORITHM keymgmts[] = { { "RSA:rsaEncryption", "provider=tiny", keymgmt, NULL },
						   { NULL, NULL, NULL, NULL } };

	(void)context;
	*no_cache = 0;
	return operation == OSSL_OP_KEYMGMT ? keymgmts : NULL;
}

static const OSSL_DISPATCH functions[] = {
	{ OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable_params },
	{ OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params },
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation },
	{ 0, NULL },
};

__attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
							      const OSSL_DISPATCH **out, void **context)
{
	(void)handle;
	(void)in;
	*out = functions;
	*context = &key;
	return 1;
}
