/* SPDX-License-Identifier: Apache-2.0 */
/*
 * key: the keys of one token: public and private halves put together, with the numbers the agent knows them by.
 *
 * Runs in: keystay-token. A key keeps its number as long as the token shows it, so a request that the agent sent just
 * before a new inventory still means the same key. The list changes only while nobody signs; handles and ways are
 * atomic, since signing threads learn them.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/protocol/scheme.h"
#include "pkcs11/module.h"
#include "pkcs11/object.h"
#include "pkcs11/public_key.h"

#define KS_KEY_ID_MAX 256u
#define KS_KEY_LABEL_SIZE 257u /* with its NUL */
#define KS_KEY_SCHEMES_MAX 16u

struct ks_key {
	uint32_t number;
	uint8_t *id; /* CKA_ID, owned */
	size_t id_size;
	char label[KS_KEY_LABEL_SIZE];
	struct ks_public_kind kind;
	uint8_t *spki; /* owned; NULL until it is known */
	size_t spki_size;
	unsigned bits; /* with spki */
	bool private_seen;
	bool always_authenticate;
	bool decrypts;
	bool signs;                               /* unless the token says no */
	_Atomic CK_OBJECT_HANDLE handle;          /* of the private half, when it was seen */
	_Atomic uint8_t ways[KS_KEY_SCHEMES_MAX]; /* by place in ks_schemes(): what worked, or KS_WAY_NONE */
};

struct ks_keys {
	struct ks_key **list; /* owned, sorted by number when it is complete */
	size_t n;
	size_t capacity;
	uint32_t last_number; /* numbers are not used again */
};

void ks_keys_deinit(struct ks_keys *keys);

/* NULL when there is none of that number. Only on a list that ks_keys_finish() made. */
struct ks_key *ks_keys_find(const struct ks_keys *keys, uint32_t number);

struct ks_bytes ks_key_id(const struct ks_key *key);
struct ks_bytes ks_key_spki(const struct ks_key *key);

/* Reads one object of CKO_PUBLIC_KEY or CKO_PRIVATE_KEY. Our result is negative for keys of no use here and when memory
 * runs out; *ret_rv says what the token thought. ret_key is given. */
int ks_key_read(const struct ks_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, bool is_private,
		struct ks_object_memory *memory, CK_RV *ret_rv, struct ks_key **ret_key) KS_WARN_UNUSED;
void ks_key_free(struct ks_key *key);
KS_DEFINE_CLEANUP(struct ks_key *, ks_key_free)

/* Appends key, which is taken, as a half of its own. */
int ks_keys_add(struct ks_keys *keys, struct ks_key *key) KS_WARN_UNUSED;

/* Appends private_key, which is taken, or puts it together with the public half that fits: the same CKA_ID (or, where
 * there is none, label) and nothing that contradicts. */
int ks_keys_add_private(struct ks_keys *keys, struct ks_key *private_key) KS_WARN_UNUSED;

/* Gives keys whose public half is not known yet the one of a certificate with the same CKA_ID. */
int ks_keys_learn(struct ks_keys *keys, struct ks_bytes id, struct ks_bytes certificate_spki) KS_WARN_UNUSED;

/* Drops what cannot be used or stands there twice, gives numbers (those of old where it is the same key) and sorts.
 * Leaves old in another order: it has served its time. Returns how many keys were dropped because no public half was
 * found. */
size_t ks_keys_finish(struct ks_keys *keys, struct ks_keys *old);

/* The private half of key, as the token shows it now. CKR_OK and CK_INVALID_HANDLE when it does not. */
CK_RV ks_key_find_handle(const struct ks_module *module, CK_SESSION_HANDLE session, const struct ks_key *key,
			 CK_OBJECT_HANDLE *ret_handle) KS_WARN_UNUSED;
