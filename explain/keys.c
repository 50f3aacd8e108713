/* SPDX-License-Identifier: Apache-2.0 */
/* keys: see keys.h. Runs in: keystay-explain. */
#include "explain/keys.h"

#include <stdlib.h>
#include <string.h>

#include "client/error.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

static int reserve(struct ks_explain_keys *keys)
{
	size_t n = keys->n_reserved ? 2 * keys->n_reserved : 8;

	if (keys->n < keys->n_reserved)
		return 0;
	struct ks_explain_key *at = reallocarray(keys->at, n, sizeof(*at));
	if (!at)
		return KS_ERR_NO_MEMORY;
	keys->at = at;
	keys->n_reserved = n;
	return 0;
}

/* Only its fingerprint is kept of the list; the rest, with the chain, is asked for one by one. */
static int collect(const struct ks_msg_identity *identity, void *userdata)
{
	struct ks_explain_keys *keys = userdata;

	int r = reserve(keys);
	if (r < 0)
		return r;
	struct ks_explain_key *key = &keys->at[keys->n++];
	*key = (struct ks_explain_key){ .identity = NULL };
	ks_text_hex(identity->spki_hash, key->best.name);
	return 0;
}

/* Those that go while they are asked for are left out. */
static int fetch_all(struct ks_explain_keys *keys, struct ks_client_error *ret_error)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < keys->n && r == 0; i++) {
		struct ks_client_identity *identity = NULL;
		r = ks_client_get(keys->at[i].best.name, &identity, ret_error);
		if (r == KS_ERR_UNKNOWN_KEY || r == KS_ERR_AMBIGUOUS) {
			r = 0;
			continue;
		}
		if (r == 0)
			keys->at[n++].identity = identity;
	}
	keys->n = n;
	return r;
}

/* wanted becomes the key's short name, so that fingerprints and URIs do as well. */
static int find_wanted(struct ks_explain_keys *keys, const char *name, struct ks_client_error *ret_error)
{
	struct ks_client_identity *identity = NULL;

	int r = ks_client_get(name, &identity, ret_error);
	if (r < 0)
		return r;
	for (size_t i = 0; i < keys->n && !keys->wanted; i++) {
		const struct ks_client_identity *here = keys->at[i].identity;
		if (ks_bytes_equal(here->identity.spki_hash, identity->identity.spki_hash))
			keys->wanted = ks_text_copy(here->identity.name);
	}
	ks_client_identity_free(identity);
	return keys->wanted ? 0 : ks_client_fail(ret_error, KS_ERR_UNKNOWN_KEY, "the key \"%s\" has gone", name);
}

int ks_explain_keys_gather(const char *name, struct ks_explain_keys *ret_keys, struct ks_client_error *ret_error)
{
	struct ks_explain_keys keys = { .at = NULL };

	int r = ks_client_list(collect, &keys, ret_error);
	if (r == 0)
		r = fetch_all(&keys, ret_error);
	if (r == 0 && name)
		r = find_wanted(&keys, name, ret_error);
	if (r < 0) {
		ks_explain_keys_deinit(&keys);
		return r;
	}
	*ret_keys = keys;
	return 0;
}

void ks_explain_keys_deinit(struct ks_explain_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		ks_client_identity_free(keys->at[i].identity);
	free(keys->at);
	free(keys->wanted);
	*keys = (struct ks_explain_keys){ .at = NULL };
}

bool ks_explain_key_is_good(const struct ks_explain_key *key)
{
	return key->best.fault == KS_BEST_FITS && key->policy.verdict != KS_VERDICT_DENY;
}

static int by_use(const void *a, const void *b)
{
	bool left = ks_explain_key_is_good(a), right = ks_explain_key_is_good(b);

	return left != right ? (left ? -1 : 1) : ks_best_compare(a, b);
}

int ks_explain_keys_judge(struct ks_explain_keys *keys, const struct ks_best_asked *asked, const char *server,
			  struct ks_client_error *ret_error)
{
	for (size_t i = 0; i < keys->n; i++) {
		struct ks_explain_key *key = &keys->at[i];
		ks_best_judge(&key->identity->identity, key->identity->chain, asked, &key->best);
		int r = ks_client_explain(KS_CLIENT_SIGN, key->best.name, server, false, &key->policy, ret_error);
		if (r < 0)
			return r;
	}
	if (keys->n > 0)
		qsort(keys->at, keys->n, sizeof(keys->at[0]), by_use);
	return 0;
}

const struct ks_explain_key *ks_explain_keys_chosen(const struct ks_explain_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct ks_explain_key *key = &keys->at[i];
		if (keys->wanted ? strcmp(key->best.name, keys->wanted) == 0 : ks_explain_key_is_good(key))
			return key;
	}
	return NULL;
}
