/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider_rig: see provider_rig.h.
 *
 * Runs in: unit tests.
 */
#include "tests/unit/client/provider_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                          \
			ERR_print_errors_fp(stderr);                                                                   \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

void provider_rig_start(struct provider_rig *rig)
{
	rig->libctx = OSSL_LIB_CTX_new();
	MUST(rig->libctx);
	MUST(OSSL_PROVIDER_set_default_search_path(rig->libctx, KEYSTAY_MODULES) == 1);
	rig->standard = OSSL_PROVIDER_load(rig->libctx, "default");
	MUST(rig->standard);
	rig->keystay = OSSL_PROVIDER_load(rig->libctx, "keystay");
	MUST(rig->keystay);
}

void provider_rig_stop(struct provider_rig *rig)
{
	MUST(OSSL_PROVIDER_unload(rig->keystay) == 1);
	MUST(OSSL_PROVIDER_unload(rig->standard) == 1);
	OSSL_LIB_CTX_free(rig->libctx);
}

EVP_PKEY *provider_rig_read(struct provider_rig *rig, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	MUST(bio);
	ERR_clear_error();
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey_ex(bio, NULL, NULL, NULL, rig->libctx, NULL);
	BIO_free(bio);
	return pkey;
}

static EVP_PKEY *take_key(OSSL_STORE_INFO *info)
{
	switch (OSSL_STORE_INFO_get_type(info)) {
	case OSSL_STORE_INFO_PKEY:
		return OSSL_STORE_INFO_get1_PKEY(info);
	case OSSL_STORE_INFO_PUBKEY:
		return OSSL_STORE_INFO_get1_PUBKEY(info);
	default:
		return NULL;
	}
}

EVP_PKEY *provider_rig_open(struct provider_rig *rig, const char *uri, int expected)
{
	EVP_PKEY *pkey = NULL;

	ERR_clear_error();
	OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, rig->libctx, NULL, NULL, NULL, NULL, NULL, NULL);
	if (!store)
		return NULL;
	if (expected != 0)
		MUST(OSSL_STORE_expect(store, expected) == 1);
	while (!pkey && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);
		if (!info)
			break;
		pkey = take_key(info);
		OSSL_STORE_INFO_free(info);
	}
	OSSL_STORE_close(store);
	return pkey;
}

void provider_rig_errors(char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	MUST(bio);
	ERR_print_errors(bio);
	int n = BIO_read(bio, out, (int)size - 1);
	out[n > 0 ? n : 0] = '\0';
	BIO_free(bio);
}
