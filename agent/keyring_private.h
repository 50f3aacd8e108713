/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_private: what keyring.c (looking up by hash), keyring_build.c (making), keyring_names.c (looking up by name)
 * and names.c (giving names) share; nobody else includes it.
 */
#pragma once

#include "agent/chain.h"
#include "agent/keyring.h"
#include "lib/base/cleanup.h"

/* One object on a token that stands for an identity, as PKCS#11 URIs see it: its key, or its certificate. */
struct ks_keyring_subject {
	struct ks_uri uri; /* owns its texts; without a type */
	size_t module;     /* as in struct ks_location */
};

struct ks_keyring_entry {
	struct ks_identity identity;
	struct ks_keyring_subject *subjects; /* at least one; the first is what the URI is made from */
	size_t n_subjects;
	size_t section;    /* index in settings->keys, or KS_NO_SECTION */
	bool leaf_valid;   /* the leaf is in its time and not revoked, when the keyring was built */
	int64_t leaf_from; /* its notBefore; INT64_MIN without a leaf */
};

#define KS_NO_SECTION SIZE_MAX

struct ks_keyring_hash {
	uint8_t hash[32];
	struct ks_keyring_entry *entry;
};

struct ks_keyring {
	struct ks_keyring_entry **entries; /* by name */
	size_t n;
	struct ks_keyring_hash *hashes; /* an open table, n_hashes a power of two; empty places have no entry */
	size_t n_hashes;
	struct ks_chain_pool *pool; /* all certificates */
};

void ks_keyring_entry_free(struct ks_keyring_entry *entry);
KS_DEFINE_CLEANUP(struct ks_keyring_entry *, ks_keyring_entry_free)
KS_DEFINE_CLEANUP(struct ks_keyring *, ks_keyring_free)

/* Fills entries and pool. */
int ks_keyring_fill(struct ks_keyring *keyring, const struct ks_settings *settings,
		    const struct ks_keyring_source *sources, size_t n_sources, const struct ks_overlay *overlay)
	KS_WARN_UNUSED;

/* Gives every entry its name (names.h) and its URI. */
int ks_keyring_name_all(struct ks_keyring *keyring, const struct ks_settings *settings) KS_WARN_UNUSED;

/* Is the leaf in its time now, not revoked, and for clients, and does no rule refuse? */
bool ks_keyring_is_usable(const struct ks_identity *identity, int64_t now_s);
