/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: see object.h.
 *
 * Runs in: any program that loads the provider.
 */
#include "client/openssl/object.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

int ks_object_give(struct ks_key *key, OSSL_CALLBACK *callback, void *callback_argument)
{
	int type = OSSL_OBJECT_PKEY;
	union {
		const char *in;
		char *out;
	} data_type = { .in = ks_key_type(key) };
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
		OSSL_PARAM_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, data_type.out, strlen(data_type.out)),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &key, sizeof(key)),
		OSSL_PARAM_END,
	};
	int given = callback(params, callback_argument);
	/* KEYMGMT's load has emptied the variable if it took the key. */
	ks_key_unref(key);
	return given;
}

int ks_object_give_certificate(struct ks_bytes der, OSSL_CALLBACK *callback, void *callback_argument)
{
	int type = OSSL_OBJECT_CERT;
	union {
		const uint8_t *in;
		uint8_t *out;
	} data = { .in = der.data };
	OSSL_PARAM params[] = {
		OSSL_PARAM_int(OSSL_OBJECT_PARAM_TYPE, &type),
		OSSL_PARAM_octet_string(OSSL_OBJECT_PARAM_DATA, data.out, der.size),
		OSSL_PARAM_END,
	};
	return callback(params, callback_argument);
}
