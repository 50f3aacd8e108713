/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider: what the operations of the provider share: OpenSSL's upcalls, and the tables that each operation exports.
 */
#pragma once

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "client/client.h"
#include "client/openssl/report.h"

/* One per OSSL_LIB_CTX that loads the provider: its "provctx". Read-only after OSSL_provider_init(), but for report. */
struct ks_provider {
	/* How the agent is asked: SIGN, unless a program of ours that has the provider built in set another one before it
	 * loaded a key. As ks_client_sign(). */
	int (*sign)(const struct ks_client_sign *request, void *userdata, uint8_t *signature, size_t *ret_size,
		    struct ks_client_error *ret_error);
	void *sign_userdata;
	const char *tap_folder; /* of that program: where keystay-tap.so is; NULL: beside keystay.so */
	OSSL_FUNC_BIO_read_ex_fn *bio_read_ex;
	OSSL_FUNC_BIO_gets_fn *bio_gets;
	struct ks_report report;
};

/* OSSL_provider_init() of keystay.so, by a name that may stand in a program. */
int ks_provider_start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		      void **provctx);

/* The private name of our signature algorithm. A public one ("RSA") would compete with the default provider's. */
#define KS_SIGNATURE_NAME "KEYSTAY"

/* All of ours are fetched with "provider=keystay" when somebody wants just us. */
#define KS_PROPERTIES "provider=keystay"

/* What the two decoder stages hand over (OSSL_OBJECT_PARAM_DATA_STRUCTURE). */
#define KS_DECODER_STRUCTURE "keystay"

extern const OSSL_ALGORITHM ks_keymgmt_algorithms[];
extern const OSSL_ALGORITHM ks_signature_algorithms[];
extern const OSSL_ALGORITHM ks_decoder_algorithms[];
extern const OSSL_ALGORITHM ks_store_algorithms[];
