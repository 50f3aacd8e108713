/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_items: everything that has a public key, sorted so that what belongs to one key stands together.
 *
 * Runs in: keystay-agent. Sorting takes n log n whatever the input, where a hash table could be made to take n squared
 * by a module that chooses its numbers (invariants I4, I8).
 */
#pragma once

#include "agent/chain.h"
#include "agent/keyring.h"
#include "agent/overlay.h"

/* A key object, a certificate object, or a certificate of certs/. All borrowed. */
struct ks_keyring_item {
	struct ks_spki spki;
	size_t source;                               /* index of the module, or KS_CHAIN_FILES */
	const char *module;                          /* its name; NULL for certs/ */
	const struct ks_inventory_token *token;      /* NULL for certs/ */
	const struct ks_inventory_key *key;          /* or NULL */
	const struct ks_inventory_certificate *held; /* on a token, or NULL */
	struct ks_certificate *certificate;          /* NULL for a key */
	struct ks_revocation_finding revocation;     /* NOT_LOOKED_AT where nobody says anything */
};

struct ks_keyring_items {
	struct ks_keyring_item *items; /* owned */
	size_t n;
};

/* Those of one public key: keys first (the best place first), then certificates by form and content. */
struct ks_keyring_group {
	const struct ks_keyring_item *keys;
	size_t n_keys;
	const struct ks_keyring_item *certificates;
	size_t n_certificates;
};

/* Collects and sorts. Keys of which a login has shown that there is no private half are left out, so are those of a
 * kind that we do not know. Every certificate, whatever its key, goes into pool as well. NO_MEMORY. */
int ks_keyring_items_collect(struct ks_keyring_items *items, const struct ks_keyring_source *sources, size_t n_sources,
			     struct ks_certificate *const *overlay, size_t n_overlay, struct ks_chain_pool *pool)
	KS_WARN_UNUSED;
void ks_keyring_items_deinit(struct ks_keyring_items *items);

/* The next group; *position starts at 0. false at the end. */
bool ks_keyring_items_next(const struct ks_keyring_items *items, size_t *position, struct ks_keyring_group *ret_group);

/* Is everything of the token visible that there is? Then a key whose private half is not seen has none. */
bool ks_keyring_shows_all(const struct ks_inventory_token *token);

/* Sets revocation of the certificates that the lists and answers of overlay speak of, as far as pool has the CA
 * that signed them. What names one and is of no known CA, or counts for nothing for another reason, is logged,
 * once. */
void ks_keyring_mark_revoked(struct ks_keyring_items *items, const struct ks_overlay *overlay,
			     struct ks_chain_pool *pool, int64_t now_s);

/* Of a certificate of which nobody says anything: could somebody be asked? */
enum ks_revocation_state ks_keyring_unasked(const struct ks_certificate *certificate);
