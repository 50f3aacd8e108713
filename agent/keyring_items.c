/* SPDX-License-Identifier: Apache-2.0 */
/* keyring_items: see keyring_items.h. Runs in: keystay-agent. */
#include "agent/keyring_items.h"

#include <stdlib.h>
#include <string.h>

/* --- collecting -------------------------------------------------------------------------------------------------- */

struct collection {
	struct ks_keyring_items *items;
	struct ks_chain_pool *pool;
};

bool ks_keyring_shows_all(const struct ks_inventory_token *token)
{
	return token->logged_in || !(token->pin_flags & KS_PIN_NEEDED);
}

static int collect_token(struct collection *collection, const struct ks_keyring_source *source, size_t index,
			 const struct ks_inventory_token *token)
{
	const struct ks_keyring_item empty = { .source = index, .module = source->module, .token = token };

	for (size_t i = 0; i < token->n_keys; i++) {
		const struct ks_inventory_key *key = &token->keys[i];
		if (!key->private_seen && ks_keyring_shows_all(token))
			continue;
		struct ks_keyring_item *item = &collection->items->items[collection->items->n++];
		*item = empty;
		item->spki = key->spki;
		item->key = key;
	}
	for (size_t i = 0; i < token->n_certificates; i++) {
		const struct ks_inventory_certificate *held = &token->certificates[i];
		int r = ks_chain_pool_add(collection->pool, held->certificate, index);
		if (r < 0)
			return r;
		struct ks_keyring_item *item = &collection->items->items[collection->items->n];
		*item = empty;
		item->held = held;
		item->certificate = held->certificate;
		/* A key of a kind that we do not know cannot be an identity; as an issuer it may do. */
		if (ks_spki_read(ks_certificate_spki(held->certificate), &item->spki) == 0)
			collection->items->n++;
	}
	return 0;
}

static int collect_overlay(struct collection *collection, struct ks_certificate *const *overlay, size_t n_overlay)
{
	for (size_t i = 0; i < n_overlay; i++) {
		int r = ks_chain_pool_add(collection->pool, overlay[i], KS_CHAIN_FILES);
		if (r < 0)
			return r;
		struct ks_keyring_item *item = &collection->items->items[collection->items->n];
		*item = (struct ks_keyring_item){ .source = KS_CHAIN_FILES, .certificate = overlay[i] };
		if (ks_spki_read(ks_certificate_spki(overlay[i]), &item->spki) == 0)
			collection->items->n++;
	}
	return 0;
}

/* --- sorting ----------------------------------------------------------------------------------------------------- */

static int compare_numbers(size_t a, size_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_bytes(struct ks_bytes a, struct ks_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
	return order != 0 ? order : compare_numbers(a.size, b.size);
}

static enum ks_key_algorithm family_of(const struct ks_spki *spki)
{
	return spki->algorithm == KS_KEY_RSA_PSS ? KS_KEY_RSA : spki->algorithm;
}

/* 0 exactly when ks_spki_same_key() says yes. */
static int compare_keys(const struct ks_spki *a, const struct ks_spki *b)
{
	int order = compare_numbers(family_of(a), family_of(b));
	if (order == 0)
		order = compare_numbers(a->curve, b->curve);
	if (order == 0)
		order = compare_bytes(a->modulus, b->modulus);
	if (order == 0)
		order = compare_bytes(a->exponent, b->exponent);
	return order != 0 ? order : compare_bytes(a->point, b->point);
}

/* Which of several places of a key goes first: one that shows the private key, then by what they are called, so that
 * the order is the same tomorrow. */
static int compare_places(const struct ks_keyring_item *a, const struct ks_keyring_item *b)
{
	if (a->key && a->key->private_seen != b->key->private_seen)
		return a->key->private_seen ? -1 : 1;
	int order = strcmp(a->module, b->module);
	if (order == 0)
		order = strcmp(a->token->label, b->token->label);
	if (order == 0)
		order = strcmp(a->token->serial, b->token->serial);
	if (order == 0 && a->key) {
		order = strcmp(a->key->label, b->key->label);
		if (order == 0)
			order = compare_bytes(ks_bytes(a->key->id, a->key->id_size),
					      ks_bytes(b->key->id, b->key->id_size));
		return order != 0 ? order : compare_numbers(a->key->number, b->key->number);
	}
	return order;
}

static int compare_items(const void *a, const void *b)
{
	const struct ks_keyring_item *left = a;
	const struct ks_keyring_item *right = b;
	int order = compare_keys(&left->spki, &right->spki);
	if (order != 0)
		return order;
	if (!left->key != !right->key)
		return left->key ? -1 : 1;
	if (left->key)
		return compare_places(left, right);
	order = compare_bytes(left->spki.der, right->spki.der);
	if (order == 0)
		order = compare_bytes(ks_certificate_der(left->certificate), ks_certificate_der(right->certificate));
	if (order != 0)
		return order;
	if (!left->held || !right->held)
		return (left->held ? 0 : 1) - (right->held ? 0 : 1);
	return compare_places(left, right);
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

void ks_keyring_items_deinit(struct ks_keyring_items *items)
{
	free(items->items);
	*items = (struct ks_keyring_items){ 0 };
}

int ks_keyring_items_collect(struct ks_keyring_items *items, const struct ks_keyring_source *sources, size_t n_sources,
			     struct ks_certificate *const *overlay, size_t n_overlay, struct ks_chain_pool *pool)
{
	struct collection collection = { .items = items, .pool = pool };
	size_t n = n_overlay;

	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < sources[i].inventory->n_tokens; k++)
			n += sources[i].inventory->tokens[k].n_keys + sources[i].inventory->tokens[k].n_certificates;
	}
	*items = (struct ks_keyring_items){ .items = calloc(n + 1, sizeof(*items->items)) };
	if (!items->items)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < n_sources; i++) {
		for (size_t k = 0; k < sources[i].inventory->n_tokens; k++) {
			int r = collect_token(&collection, &sources[i], i, &sources[i].inventory->tokens[k]);
			if (r < 0)
				return r;
		}
	}
	int r = collect_overlay(&collection, overlay, n_overlay);
	if (r < 0)
		return r;
	qsort(items->items, items->n, sizeof(*items->items), compare_items);
	return 0;
}

bool ks_keyring_items_next(const struct ks_keyring_items *items, size_t *position, struct ks_keyring_group *ret_group)
{
	size_t begin = *position;
	size_t end = begin;
	struct ks_keyring_group group = { .keys = items->items + begin };

	while (end < items->n && compare_keys(&items->items[begin].spki, &items->items[end].spki) == 0) {
		group.n_keys += items->items[end].key ? 1 : 0;
		end++;
	}
	group.certificates = group.keys + group.n_keys;
	group.n_certificates = end - begin - group.n_keys;
	*position = end;
	*ret_group = group;
	return end > begin;
}
