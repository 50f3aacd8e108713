/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto: this room's own corner of OpenSSL's libcrypto.
 *
 * A library context with the default provider and nothing else. No configuration file is read, neither for it nor for
 * the rest of the process: one that names keystay's provider would have the agent call itself.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/types.h>

#include "lib/protocol/scheme.h"

struct ks_crypto {
	OSSL_LIB_CTX *context;
	OSSL_PROVIDER *provider;
	EVP_MD *hashes[KS_HASH_SHA512 + 1]; /* by enum ks_hash, fetched once; NONE is NULL */
};

/* Made at the first call and kept until the process ends. NULL when OpenSSL cannot be used at all. */
const struct ks_crypto *ks_crypto_get(void);
