/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: hands a key to OpenSSL as an abstract object, provider-object(7).
 */
#pragma once

#include <openssl/core.h>

#include "client/openssl/key.h"

/* key is taken: by the KEYMGMT if OpenSSL loads it, else it is freed. Returns what the callback returned. */
int ks_object_give(struct ks_key *key, OSSL_CALLBACK *callback, void *callback_argument);
