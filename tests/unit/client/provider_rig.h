/* SPDX-License-Identifier: Apache-2.0 */
/*
 * provider_rig: a library context of OpenSSL's with the default provider and keystay.so of this build, and the errors
 * that come out of it.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/provider.h>

struct provider_rig {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *standard;
	OSSL_PROVIDER *keystay;
};

void provider_rig_start(struct provider_rig *rig);
void provider_rig_stop(struct provider_rig *rig);

/* PEM_read_bio_PrivateKey() of text; NULL and the error queue when it fails. */
EVP_PKEY *provider_rig_read(struct provider_rig *rig, const char *pem);

/* By URI, OSSL_STORE; expected as in OSSL_STORE_expect(), 0 = anything. */
EVP_PKEY *provider_rig_open(struct provider_rig *rig, const char *uri, int expected);

/* All of the error queue in one line of text as ERR_print_errors() would print it; empties the queue. */
void provider_rig_errors(char *out, size_t size);
