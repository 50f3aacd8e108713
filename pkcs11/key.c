/* SPDX-License-Identifier: Apache-2.0 */
/* key: see key.h. Runs in: keystay-token. */
#include "pkcs11/key.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"
#include "pkcs11/label.h"
#include "pkcs11/mechanism.h"

#define LABEL_RAW_MAX 4096u
#define MODULUS_MAX 2048u
#define POINT_MAX 256u
#define CANDIDATES_MAX 64u /* private keys with one and the same CKA_ID */

/* --- one key ----------------------------------------------------------------------------------------------------- */

void ks_key_free(struct ks_key *key)
{
	if (!key)
		return;
	free(key->id);
	free(key->spki);
	free(key);
}

struct ks_bytes ks_key_id(const struct ks_key *key)
{
	return ks_bytes(key->id, key->id_size);
}

struct ks_bytes ks_key_spki(const struct ks_key *key)
{
	return ks_bytes(key->spki, key->spki_size);
}

/* Takes the contents of buffer as the public half. */
static int set_spki(struct ks_key *key, struct ks_bytes der)
{
	struct ks_spki spki;

	int r = ks_spki_read(der, &spki);
	if (r < 0)
		return r;
	uint8_t *copy = malloc(der.size);
	if (!copy)
		return KS_ERR_NO_MEMORY;
	memcpy(copy, der.data, der.size);
	free(key->spki);
	key->spki = copy;
	key->spki_size = der.size;
	key->bits = spki.bits;
	return 0;
}

enum { KEY_TYPE, ID, LABEL, MODULUS, EXPONENT, PARAMETERS, POINT, INFO, ALWAYS, SIGN, DECRYPT, UNWRAP, N_ATTRIBUTES };

static int fill(struct ks_key *key, const struct ks_attribute attributes[N_ATTRIBUTES], bool is_private)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer spki = { 0 };
	const struct ks_public_attributes public = {
		.key_type = ks_attribute_number(&attributes[KEY_TYPE], CK_UNAVAILABLE_INFORMATION),
		.modulus = attributes[MODULUS].value,
		.exponent = attributes[EXPONENT].value,
		.parameters = attributes[PARAMETERS].value,
		.point = attributes[POINT].value,
		.info = attributes[INFO].value,
	};
	struct ks_bytes id = attributes[ID].value;

	int r = ks_public_key_kind(&public, &key->kind);
	if (r < 0)
		return r;
	r = ks_public_key_build(&public, &spki);
	if (r == 0)
		r = set_spki(key, ks_buffer_bytes(&spki));
	if (r < 0 && !(r == KS_ERR_NOT_FOUND && is_private))
		return r;
	key->id = malloc(id.size ? id.size : 1);
	if (!key->id)
		return KS_ERR_NO_MEMORY;
	if (id.size > 0)
		memcpy(key->id, id.data, id.size);
	key->id_size = id.size;
	ks_label_read(attributes[LABEL].value, key->label, sizeof(key->label));
	key->private_seen = is_private;
	key->always_authenticate = ks_attribute_bool(&attributes[ALWAYS], false);
	key->signs = ks_attribute_bool(&attributes[SIGN], true);
	key->decrypts = ks_attribute_bool(&attributes[DECRYPT], false) || ks_attribute_bool(&attributes[UNWRAP], false);
	return 0;
}

int ks_key_read(const struct ks_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, bool is_private,
		struct ks_object_memory *memory, CK_RV *ret_rv, struct ks_key **ret_key)
{
	struct ks_attribute attributes[N_ATTRIBUTES] = {
		[KEY_TYPE] = { .type = CKA_KEY_TYPE, .max = sizeof(CK_KEY_TYPE) },
		[ID] = { .type = CKA_ID, .max = KS_KEY_ID_MAX },
		[LABEL] = { .type = CKA_LABEL, .max = LABEL_RAW_MAX },
		[MODULUS] = { .type = CKA_MODULUS, .max = MODULUS_MAX },
		[EXPONENT] = { .type = CKA_PUBLIC_EXPONENT, .max = MODULUS_MAX },
		[PARAMETERS] = { .type = CKA_EC_PARAMS, .max = POINT_MAX },
		[POINT] = { .type = CKA_EC_POINT, .max = POINT_MAX },
		[INFO] = { .type = CKA_PUBLIC_KEY_INFO, .max = KS_SPKI_MAX },
		[ALWAYS] = { .type = CKA_ALWAYS_AUTHENTICATE, .max = sizeof(CK_BBOOL) },
		[SIGN] = { .type = CKA_SIGN, .max = sizeof(CK_BBOOL) },
		[DECRYPT] = { .type = CKA_DECRYPT, .max = sizeof(CK_BBOOL) },
		[UNWRAP] = { .type = CKA_UNWRAP, .max = sizeof(CK_BBOOL) },
	};
	/* The last four are of private keys only. */
	size_t n = is_private ? N_ATTRIBUTES : ALWAYS;

	*ret_rv = ks_object_read(module, session, object, attributes, n, memory);
	if (*ret_rv != CKR_OK)
		return KS_ERR_TOKEN_FAILED;
	KS_CLEANUP(ks_key_freep) struct ks_key *key = calloc(1, sizeof(*key));
	if (!key)
		return KS_ERR_NO_MEMORY;
	int r = fill(key, attributes, is_private);
	if (r < 0)
		return r;
	atomic_init(&key->handle, is_private ? object : CK_INVALID_HANDLE);
	for (size_t i = 0; i < KS_KEY_SCHEMES_MAX; i++)
		atomic_init(&key->ways[i], KS_WAY_NONE);
	*ret_key = KS_STEAL(key);
	return 0;
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

void ks_keys_deinit(struct ks_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		ks_key_free(keys->list[i]);
	free(keys->list);
	*keys = (struct ks_keys){ 0 };
}

int ks_keys_add(struct ks_keys *keys, struct ks_key *key)
{
	if (keys->n == keys->capacity) {
		size_t capacity = keys->capacity ? keys->capacity * 2 : 16;
		struct ks_key **grown = reallocarray(keys->list, capacity, sizeof(*grown));
		if (!grown) {
			ks_key_free(key);
			return KS_ERR_NO_MEMORY;
		}
		keys->list = grown;
		keys->capacity = capacity;
	}
	keys->list[keys->n++] = key;
	return 0;
}

static bool same_kind(const struct ks_key *a, const struct ks_key *b)
{
	return a->kind.algorithm == b->kind.algorithm && a->kind.curve == b->kind.curve;
}

/* How well do two halves fit? 0: not; 2: a label that is the same as well. */
static int fitness(const struct ks_key *a, const struct ks_key *b)
{
	bool same_label = strcmp(a->label, b->label) == 0;

	if (!same_kind(a, b) || !ks_bytes_equal(ks_key_id(a), ks_key_id(b)) || (a->id_size == 0 && !same_label))
		return 0;
	if (a->spki && b->spki && !ks_bytes_equal(ks_key_spki(a), ks_key_spki(b)))
		return 0;
	return same_label ? 2 : 1;
}

/* The private half decides; it lacks at most public numbers and a label. half is taken. */
static void join(struct ks_key *key, struct ks_key *half)
{
	if (!key->spki) {
		key->spki = KS_STEAL(half->spki);
		key->spki_size = half->spki_size;
		key->bits = half->bits;
	}
	if (half->label[0] != '\0')
		memcpy(key->label, half->label, sizeof(key->label));
	key->private_seen = true;
	key->always_authenticate = half->always_authenticate;
	key->decrypts = half->decrypts;
	key->signs = half->signs;
	atomic_store(&key->handle, atomic_load(&half->handle));
	ks_key_free(half);
}

int ks_keys_add_private(struct ks_keys *keys, struct ks_key *private_key)
{
	struct ks_key *best = NULL;
	int best_fitness = 0;

	for (size_t i = 0; i < keys->n && best_fitness < 2; i++) {
		/* A second private half is another key, unless it is the same object under two handles. */
		if (keys->list[i]->private_seen && !(keys->list[i]->spki && private_key->spki))
			continue;
		int found = fitness(keys->list[i], private_key);
		if (found > best_fitness) {
			best_fitness = found;
			best = keys->list[i];
		}
	}
	if (!best)
		return ks_keys_add(keys, private_key);
	join(best, private_key);
	return 0;
}

int ks_keys_learn(struct ks_keys *keys, struct ks_bytes id, struct ks_bytes certificate_spki)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer der = { 0 };
	struct ks_spki spki;

	if (id.size == 0 || ks_public_key_normalise(certificate_spki, &der) < 0 ||
	    ks_spki_read(ks_buffer_bytes(&der), &spki) < 0)
		return 0;
	for (size_t i = 0; i < keys->n; i++) {
		struct ks_key *key = keys->list[i];
		if (key->spki || !ks_bytes_equal(ks_key_id(key), id) || key->kind.algorithm != spki.algorithm ||
		    key->kind.curve != spki.curve)
			continue;
		int r = set_spki(key, ks_buffer_bytes(&der));
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = (*(struct ks_key *const *)a)->number;
	uint32_t right = (*(struct ks_key *const *)b)->number;
	return left < right ? -1 : left > right;
}

static int compare_bytes(struct ks_bytes a, struct ks_bytes b)
{
	if (a.size != b.size)
		return a.size < b.size ? -1 : 1;
	return a.size > 0 ? memcmp(a.data, b.data, a.size) : 0;
}

/* What makes a key the same one as before. */
static int by_identity(const void *a, const void *b)
{
	const struct ks_key *left = *(struct ks_key *const *)a;
	const struct ks_key *right = *(struct ks_key *const *)b;
	int order = compare_bytes(ks_key_id(left), ks_key_id(right));
	return order ? order : compare_bytes(ks_key_spki(left), ks_key_spki(right));
}

static void sort(const struct ks_keys *keys, int (*order)(const void *a, const void *b))
{
	if (keys->n > 1)
		qsort(keys->list, keys->n, sizeof(keys->list[0]), order);
}

static size_t drop_useless(struct ks_keys *keys)
{
	size_t n = 0;
	size_t n_unknown = 0;

	for (size_t i = 0; i < keys->n; i++) {
		struct ks_key *key = keys->list[i];
		if (key->spki && (!key->private_seen || key->signs)) {
			keys->list[n++] = key;
			continue;
		}
		n_unknown += key->signs ? 1 : 0;
		ks_key_free(key);
	}
	keys->n = n;
	return n_unknown;
}

/* A key that the token shows several times is one key. */
static void drop_doubles(struct ks_keys *keys)
{
	size_t n = 0;

	for (size_t i = 0; i < keys->n; i++) {
		struct ks_key *key = keys->list[i];
		struct ks_key *last = n > 0 ? keys->list[n - 1] : NULL;
		if (!last || by_identity(&last, &key) != 0) {
			keys->list[n++] = key;
		} else if (key->private_seen && !last->private_seen) {
			keys->list[n - 1] = key;
			ks_key_free(last);
		} else {
			ks_key_free(key);
		}
	}
	keys->n = n;
}

size_t ks_keys_finish(struct ks_keys *keys, struct ks_keys *old)
{
	size_t n_unknown = drop_useless(keys);

	sort(keys, by_identity);
	sort(old, by_identity);
	drop_doubles(keys);
	keys->last_number = old->last_number;
	for (size_t i = 0, j = 0; i < keys->n; i++) {
		while (j < old->n && by_identity(&old->list[j], &keys->list[i]) < 0)
			j++;
		bool known = j < old->n && by_identity(&old->list[j], &keys->list[i]) == 0;
		keys->list[i]->number = known ? old->list[j]->number : ++keys->last_number;
	}
	sort(keys, by_number);
	return n_unknown;
}

struct ks_key *ks_keys_find(const struct ks_keys *keys, uint32_t number)
{
	struct ks_key wanted = { .number = number };
	struct ks_key *pointer = &wanted;

	if (keys->n == 0)
		return NULL;
	struct ks_key **found = bsearch(&pointer, keys->list, keys->n, sizeof(*keys->list), by_number);
	return found ? *found : NULL;
}

/* --- finding a key again ----------------------------------------------------------------------------------------- */

/* Of several with one CKA_ID, the one that contradicts least. */
static CK_RV choose(const struct ks_module *module, CK_SESSION_HANDLE session, const struct ks_key *key,
		    const struct ks_handles *handles, CK_OBJECT_HANDLE *ret_handle)
{
	KS_CLEANUP(ks_object_memory_deinit) struct ks_object_memory memory = { 0 };
	CK_OBJECT_HANDLE best = CK_INVALID_HANDLE;
	int best_fitness = 0;

	for (size_t i = 0; i < handles->n && best_fitness < 2; i++) {
		KS_CLEANUP(ks_key_freep) struct ks_key *half = NULL;
		CK_RV rv = CKR_OK;
		int r = ks_key_read(module, session, handles->handles[i], true, &memory, &rv, &half);
		if (rv != CKR_OK)
			return rv;
		int found = r < 0 ? 0 : fitness(key, half);
		if (found > best_fitness) {
			best_fitness = found;
			best = handles->handles[i];
		}
	}
	*ret_handle = best;
	return CKR_OK;
}

CK_RV ks_key_find_handle(const struct ks_module *module, CK_SESSION_HANDLE session, const struct ks_key *key,
			 CK_OBJECT_HANDLE *ret_handle)
{
	KS_CLEANUP(ks_handles_deinit) struct ks_handles handles = { 0 };
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE template[] = {
		{ CKA_CLASS, &class, sizeof(class) },
		{ CKA_ID, key->id, key->id_size },
	};

	/* Without an id all private keys are candidates. */
	CK_RV rv = ks_object_find(module, session, template, key->id_size > 0 ? 2 : 1, CANDIDATES_MAX, &handles);
	return rv == CKR_OK ? choose(module, session, key, &handles, ret_handle) : rv;
}
