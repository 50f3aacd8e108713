/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: hands keys and certificates to OpenSSL as abstract objects, provider-object(7).
 */
#pragma once

#include <openssl/core.h>

#include "client/openssl/key.h"

/* key is taken: by the KEYMGMT if OpenSSL loads it, else it is freed. Returns what the callback returned. */
int ks_object_give(struct ks_key *key, OSSL_CALLBACK *callback, void *callback_argument);

/* der is borrowed: libcrypto parses it into an X509. Returns what the callback returned. */
int ks_object_give_certificate(struct ks_bytes der, OSSL_CALLBACK *callback, void *callback_argument);
