/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attribute: what an object says of itself: every attribute that GnuTLS, NSS, Java and libp11 read.
 *
 * CKA_ID is the SHA-256 of the SubjectPublicKeyInfo, the hash by which the agent knows the key, so it is the same
 * for a private key, its public key and its certificate; and another one for certificates of issuers, which by that
 * are nobody's key. CKA_LABEL is keystay's short name.
 *
 * Runs in: any program that loads the module.
 */
#pragma once

#include <p11-kit/pkcs11.h>

#include "client/module/front.h"
#include "lib/base/buffer.h"

/* Appends the value. CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_SENSITIVE (private parts), CKR_HOST_MEMORY. */
CK_RV ks_attribute_put(const struct ks_object *object, CK_ATTRIBUTE_TYPE type, struct ks_buffer *buffer) KS_WARN_UNUSED;

/* Has the object this value? */
bool ks_attribute_matches(const struct ks_object *object, const CK_ATTRIBUTE *wanted);
