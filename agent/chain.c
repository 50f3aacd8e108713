/* SPDX-License-Identifier: Apache-2.0 */
/* chain: see chain.h. Runs in: keystay-agent. */
#include "agent/chain.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

struct member {
	uint64_t subject; /* hash of the name; only a way to find, never a proof */
	struct ks_certificate *certificate;
	size_t source;
};

struct ks_chain_pool {
	struct member *members;
	size_t n, capacity;
	bool sorted; /* by subject; done when the first chain is asked for */
};

int ks_chain_pool_new(struct ks_chain_pool **ret_pool)
{
	struct ks_chain_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return KS_ERR_NO_MEMORY;
	*ret_pool = pool;
	return 0;
}

void ks_chain_pool_free(struct ks_chain_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->n; i++)
		ks_certificate_unref(pool->members[i].certificate);
	free(pool->members);
	free(pool);
}

/* FNV-1a. Case and spaces count for nothing in names (RFC 5280 section 7.1); what is alike without being equal is told
 * apart by ks_certificate_issued_by(). */
static uint64_t hash_name(const char *name)
{
	uint64_t hash = 0xcbf29ce484222325u;
	for (const char *at = name; *at; at++) {
		if (*at == ' ')
			continue;
		uint8_t byte = (uint8_t)*at;
		if (byte >= 'A' && byte <= 'Z')
			byte = (uint8_t)(byte - 'A' + 'a');
		hash = (hash ^ byte) * 0x100000001b3u;
	}
	return hash;
}

int ks_chain_pool_add(struct ks_chain_pool *pool, struct ks_certificate *certificate, size_t source)
{
	if (pool->n == pool->capacity) {
		size_t capacity = pool->capacity ? pool->capacity * 2 : 64;
		void *grown = reallocarray(pool->members, capacity, sizeof(*pool->members));
		if (!grown)
			return KS_ERR_NO_MEMORY;
		pool->members = grown;
		pool->capacity = capacity;
	}
	pool->members[pool->n++] = (struct member){
		.subject = hash_name(ks_certificate_subject(certificate)),
		.certificate = ks_certificate_ref(certificate),
		.source = source,
	};
	pool->sorted = false;
	return 0;
}

static int by_subject(const void *a, const void *b)
{
	const struct member *left = a;
	const struct member *right = b;
	return left->subject < right->subject ? -1 : left->subject > right->subject;
}

static void sort(struct ks_chain_pool *pool)
{
	if (!pool->sorted && pool->n > 0)
		qsort(pool->members, pool->n, sizeof(*pool->members), by_subject);
	pool->sorted = true;
}

/* --- one link ---------------------------------------------------------------------------------------------------- */

struct search {
	struct ks_chain_pool *pool;
	size_t source;
	int64_t now_s;
	struct ks_certificate **chain;
	size_t n_chain;
	size_t bytes;
};

static bool is_valid(const struct ks_certificate *certificate, int64_t now_s)
{
	return ks_certificate_not_before(certificate) <= now_s && now_s <= ks_certificate_not_after(certificate);
}

/* Greater is better. */
static int compare(const struct search *search, const struct member *a, const struct member *b)
{
	bool a_valid = is_valid(a->certificate, search->now_s);
	bool b_valid = is_valid(b->certificate, search->now_s);
	if (a_valid != b_valid)
		return a_valid ? 1 : -1;
	bool a_near = a->source == search->source || a->source == KS_CHAIN_FILES;
	bool b_near = b->source == search->source || b->source == KS_CHAIN_FILES;
	if (a_near != b_near)
		return a_near ? 1 : -1;
	int64_t a_from = ks_certificate_not_before(a->certificate);
	int64_t b_from = ks_certificate_not_before(b->certificate);
	if (a_from != b_from)
		return a_from > b_from ? 1 : -1;
	int64_t a_until = ks_certificate_not_after(a->certificate);
	int64_t b_until = ks_certificate_not_after(b->certificate);
	if (a_until != b_until)
		return a_until > b_until ? 1 : -1;
	/* Nothing tells them apart: by content, so that the chain does not depend on the order in which tokens came. */
	struct ks_bytes a_der = ks_certificate_der(a->certificate);
	struct ks_bytes b_der = ks_certificate_der(b->certificate);
	int order = memcmp(a_der.data, b_der.data, a_der.size < b_der.size ? a_der.size : b_der.size);
	return order != 0 ? order : (a_der.size > b_der.size) - (a_der.size < b_der.size);
}

static int best_first(const void *a, const void *b, void *search)
{
	return compare(search, *(const struct member *const *)b, *(const struct member *const *)a);
}

/* Going round in a circle (CAs that certify each other) ends here. */
static bool is_in_chain(const struct search *search, const struct ks_certificate *certificate)
{
	for (size_t i = 0; i < search->n_chain; i++) {
		if (ks_bytes_equal(ks_certificate_der(search->chain[i]), ks_certificate_der(certificate)))
			return true;
	}
	return false;
}

/* The run of members with this name, best first; given. NULL when there is none (or no memory: no chain then). */
static struct member **candidates(const struct search *search, const char *name, size_t *ret_n)
{
	const struct ks_chain_pool *pool = search->pool;
	const uint64_t subject = hash_name(name);
	size_t begin = 0;
	size_t end = pool->n;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (pool->members[middle].subject < subject)
			begin = middle + 1;
		else
			end = middle;
	}
	while (end < pool->n && pool->members[end].subject == subject)
		end++;
	struct member **found = end > begin ? calloc(end - begin, sizeof(*found)) : NULL;
	if (!found)
		return NULL;
	for (size_t i = begin; i < end; i++)
		found[i - begin] = &pool->members[i];
	qsort_r(found, end - begin, sizeof(struct member *), best_first, (void *)(uintptr_t)search);
	*ret_n = end - begin;
	return found;
}

/* May this member be tried, given what was tried of its source already? The user's own files always. */
static bool may_try(const struct member *member, unsigned tried[KS_MODULES_MAX])
{
	if (member->source == KS_CHAIN_FILES)
		return true;
	return member->source < KS_MODULES_MAX && tried[member->source]++ < KS_CHAIN_TRIES;
}

/* The best issuer that is no root; NULL ends the chain. A root beside it ends it too, unless the other one is valid: a
 * cross-certificate serves servers that know an older root only, but an expired one serves none. */
static struct ks_certificate *find_issuer(const struct search *search, const struct ks_certificate *certificate)
{
	unsigned tried[KS_MODULES_MAX] = { 0 };
	bool root_seen = false;
	size_t n = 0;
	KS_AUTO_FREE struct member **found = candidates(search, ks_certificate_issuer(certificate), &n);

	for (size_t i = 0; i < n; i++) {
		struct ks_certificate *issuer = found[i]->certificate;
		if (is_in_chain(search, issuer) || !may_try(found[i], tried) ||
		    !ks_certificate_issued_by(certificate, issuer))
			continue;
		if (ks_certificate_is_self_signed(issuer))
			root_seen = true;
		else
			return root_seen && !is_valid(issuer, search->now_s) ? NULL : issuer;
	}
	return NULL;
}

struct ks_certificate *ks_chain_find(struct ks_chain_pool *pool, const char *subject, int64_t now_s,
				     bool (*accepts)(const struct ks_certificate *certificate, void *userdata),
				     void *userdata)
{
	const struct search search = { .pool = pool, .source = KS_CHAIN_FILES, .now_s = now_s };
	unsigned tried[KS_MODULES_MAX] = { 0 };
	size_t n = 0;

	sort(pool);
	KS_AUTO_FREE struct member **found = candidates(&search, subject, &n);
	for (size_t i = 0; i < n; i++) {
		if (may_try(found[i], tried) && accepts(found[i]->certificate, userdata))
			return found[i]->certificate;
	}
	return NULL;
}

/* --- the chain --------------------------------------------------------------------------------------------------- */

size_t ks_chain_build(struct ks_chain_pool *pool, struct ks_certificate *leaf, size_t source, int64_t now_s,
		      struct ks_certificate *ret_chain[KS_CHAIN_MAX])
{
	struct search search = { .pool = pool, .source = source, .now_s = now_s, .chain = ret_chain };
	struct ks_certificate *next = leaf;

	sort(pool);
	while (next) {
		size_t size = ks_certificate_der(next).size;
		if (search.n_chain > 0 && search.bytes + size > KS_CHAIN_BYTES_MAX)
			break;
		search.bytes += size;
		ret_chain[search.n_chain++] = next;
		bool whole = search.n_chain == KS_CHAIN_MAX || ks_certificate_is_self_signed(next);
		next = whole ? NULL : find_issuer(&search, next);
	}
	return search.n_chain;
}
