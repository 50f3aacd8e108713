/* SPDX-License-Identifier: Apache-2.0 */
/* keys: see keys.h. Runs in: keystay-enroll. */
#include "enrol/keys.h"

#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "enrol/console.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

struct gathering {
	const struct ks_profiles *profiles;
	struct ks_cared_keys found;
	struct ks_enrol_state *states; /* owned */
	size_t n_states;
};

void ks_cared_keys_deinit(struct ks_cared_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		free(keys->keys[i].name);
	free(keys->keys);
	*keys = (struct ks_cared_keys){ 0 };
}

static void gathering_deinit(struct gathering *gathering)
{
	ks_cared_keys_deinit(&gathering->found);
	for (size_t i = 0; i < gathering->n_states; i++)
		ks_enrol_state_deinit(&gathering->states[i]);
	free(gathering->states);
}

/* --- states ------------------------------------------------------------------------------------------------------ */

/* Without their locks: each file is there as a whole or not, and who works at a key loads it again. A damaged one is
 * set aside here as well, and its key begun anew. */
static int load_states(struct gathering *gathering, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char(*hashes)[KS_STATE_HASH_TEXT] = NULL;
	size_t n = 0;

	int r = ks_enrol_state_list(gathering->profiles->folder, &hashes, &n, problem);
	if (r < 0)
		return r;
	gathering->states = calloc(n + 1, sizeof(*gathering->states));
	if (!gathering->states)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	for (size_t i = 0; i < n; i++) {
		struct ks_enrol_problem one = { .code = 0 };
		r = ks_enrol_state_load(gathering->profiles->folder, hashes[i], &gathering->states[gathering->n_states],
					&one);
		if (r == 0)
			gathering->n_states++;
		else
			ks_console_warn("%s", one.text);
	}
	return 0;
}

static const struct ks_enrol_state *state_of(const struct gathering *gathering, const char *spki)
{
	for (size_t i = 0; i < gathering->n_states; i++) {
		if (strcmp(gathering->states[i].spki, spki) == 0)
			return &gathering->states[i];
	}
	return NULL;
}

/* Whose second key it is, or NULL. */
static const struct ks_enrol_state *first_of(const struct gathering *gathering, const char *spki)
{
	for (size_t i = 0; i < gathering->n_states; i++) {
		if (strcmp(gathering->states[i].new_spki, spki) == 0)
			return &gathering->states[i];
	}
	return NULL;
}

/* Who has taken its place, or NULL. One that has a state (again) was enrolled by a person, or is not replaced yet. */
static const struct ks_enrol_state *heir_of(const struct gathering *gathering, const char *spki)
{
	for (size_t i = 0; i < gathering->n_states && !state_of(gathering, spki); i++) {
		const struct ks_enrol_state *state = &gathering->states[i];
		for (size_t j = 0; j < state->n_previous; j++) {
			if (strcmp(state->previous[j].spki, spki) == 0)
				return state;
		}
	}
	return NULL;
}

static bool belongs_to_another(const struct gathering *gathering, const char *spki)
{
	return first_of(gathering, spki) || heir_of(gathering, spki);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static int add(struct gathering *gathering, const struct ks_cared_key *key, struct ks_bytes name)
{
	struct ks_cared_keys *found = &gathering->found;
	void *grown = reallocarray(found->keys, found->n + 1, sizeof(*found->keys));

	if (!grown)
		return KS_ERR_NO_MEMORY;
	found->keys = grown;
	found->keys[found->n] = *key;
	found->keys[found->n].name = ks_text_copy(name);
	return found->keys[found->n++].name ? 0 : KS_ERR_NO_MEMORY;
}

static int on_identity(const struct ks_msg_identity *identity, void *userdata)
{
	struct gathering *gathering = userdata;
	struct ks_cared_key key = {
		.is_here = true,
		.has_certificate = identity->n_certificates > 0,
		.not_before = identity->not_before,
		.not_after = identity->not_after,
	};

	ks_text_hex(identity->spki_hash, key.spki);
	if (belongs_to_another(gathering, key.spki) ||
	    (!ks_profiles_of_key(gathering->profiles, identity->spki_hash.data) && !state_of(gathering, key.spki)))
		return 0;
	return add(gathering, &key, identity->name);
}

static bool is_found(const struct gathering *gathering, const char *spki)
{
	for (size_t i = 0; i < gathering->found.n; i++) {
		if (strcmp(gathering->found.keys[i].spki, spki) == 0)
			return true;
	}
	return false;
}

/* Keys whose token is not here. */
static int add_absent(struct gathering *gathering)
{
	for (size_t i = 0; i < gathering->n_states; i++) {
		const struct ks_enrol_state *state = &gathering->states[i];
		struct ks_cared_key key = { .is_here = false };
		if (is_found(gathering, state->spki) || belongs_to_another(gathering, state->spki))
			continue;
		memcpy(key.spki, state->spki, sizeof(key.spki));
		int r = add(gathering, &key, ks_bytes_text(state->key ? state->key : state->spki));
		if (r < 0)
			return r;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct ks_cared_key *)a)->name, ((const struct ks_cared_key *)b)->name);
}

int ks_cared_keys_get(const struct ks_profiles *profiles, struct ks_cared_keys *ret_keys,
		      struct ks_enrol_problem *problem)
{
	KS_CLEANUP(gathering_deinit) struct gathering gathering = { .profiles = profiles };
	struct ks_client_error error = { .code = 0 };

	int r = load_states(&gathering, problem);
	if (r < 0)
		return r;
	r = ks_client_list_news(KS_CLIENT_SIGN, on_identity, &gathering, &gathering.found.generation, &error);
	if (r < 0 && error.code < 0)
		return ks_enrol_problem_client(problem, &error);
	if (r == 0)
		r = add_absent(&gathering);
	if (r < 0)
		return ks_enrol_problem_code(problem, r);
	if (gathering.found.n > 0)
		qsort(gathering.found.keys, gathering.found.n, sizeof(*gathering.found.keys), by_name);
	*ret_keys = gathering.found;
	gathering.found = (struct ks_cared_keys){ 0 };
	return 0;
}

int ks_cared_keys_owner(const struct ks_profiles *profiles, char spki[KS_STATE_HASH_TEXT],
			struct ks_enrol_problem *problem)
{
	KS_CLEANUP(gathering_deinit) struct gathering gathering = { .profiles = profiles };

	int r = load_states(&gathering, problem);
	if (r < 0)
		return r;
	const struct ks_enrol_state *first = first_of(&gathering, spki);
	const struct ks_enrol_state *heir = heir_of(&gathering, spki);
	if (heir)
		return ks_enrol_problem_final(
			problem, KS_ERR_RULE,
			"another key has taken the place of this one: \"%s\"; this one goes when its "
			"certificate has expired",
			heir->key ? heir->key : heir->spki);
	if (first)
		memcpy(spki, first->spki, KS_STATE_HASH_TEXT);
	return 0;
}
