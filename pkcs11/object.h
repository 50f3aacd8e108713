/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: finds objects of a token and reads their attributes, in few calls and with a bound on everything.
 *
 * Runs in: keystay-token. Knows handles and attribute types, not what they mean. Never asks for an attribute with a
 * private value (invariant I1).
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "lib/base/bytes.h"
#include "pkcs11/module.h"

struct ks_handles {
	CK_OBJECT_HANDLE *handles; /* owned */
	size_t n;
	size_t capacity;
	bool cut; /* there were more than the limit */
};

void ks_handles_deinit(struct ks_handles *handles);

/* All objects that fit the template, at most limit. handles is filled anew. When this fails the search may still be
 * active in the session: throw it away. CKR_HOST_MEMORY when ours runs out. */
CK_RV ks_object_find(const struct ks_module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
		     size_t n_template, size_t limit, struct ks_handles *handles) KS_WARN_UNUSED;

#define KS_ATTRIBUTES_MAX 16

struct ks_attribute {
	CK_ATTRIBUTE_TYPE type;
	size_t max; /* longer values count as missing */

	/* set by ks_object_read() */
	bool present;
	struct ks_bytes value; /* borrowed from the memory */
};

/* Where values stand; grows, is used again for each object. */
struct ks_object_memory {
	uint8_t *data; /* owned */
	size_t capacity;
};

void ks_object_memory_deinit(struct ks_object_memory *memory);

/* Reads at most KS_ATTRIBUTES_MAX attributes in two calls: the sizes, then the values. Attributes that the object lacks
 * or does not show are not present, which is no error. */
CK_RV ks_object_read(const struct ks_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
		     struct ks_attribute *attributes, size_t n, struct ks_object_memory *memory) KS_WARN_UNUSED;

/* The value of a CK_BBOOL or CK_ULONG; fallback when it is missing or of another size. */
bool ks_attribute_bool(const struct ks_attribute *attribute, bool fallback);
CK_ULONG ks_attribute_number(const struct ks_attribute *attribute, CK_ULONG fallback);
