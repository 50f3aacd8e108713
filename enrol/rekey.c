/* SPDX-License-Identifier: Apache-2.0 */
/* rekey: see rekey.h. Runs in: keystay-enroll. */
#include "enrol/rekey.h"

#include <string.h>
#include <sys/random.h>

#include "client/token.h"
#include "enrol/console.h"
#include "enrol/install.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/spki.h"
#include "lib/protocol/uri.h"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

/* As long as nobody draws it twice, short enough for every card. */
#define ID_SIZE 16

/* --- where and what ---------------------------------------------------------------------------------------------- */

/* The token of a key's URI, and with id (may be none) the key of that CKA_ID on it. Given; NULL. */
static char *token_uri(const char *key_uri, struct ks_bytes id)
{
	KS_CLEANUP(ks_uri_deinit) struct ks_uri uri = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	const char *why;

	if (ks_uri_read(ks_bytes_text(key_uri), &uri, &why) < 0)
		return NULL;
	ks_uri_keep_token(&uri);
	uri.present[KS_URI_ID] = id.size > 0;
	uri.value[KS_URI_ID] = id;
	ks_uri_write(&text, &uri);
	return ks_buffer_steal_text(&text);
}

/* Writes down which key is going to be made, before it is. */
static int plan(const char *folder, struct ks_enrol_state *state, const struct ks_client_identity *old,
		struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *key_uri = ks_text_copy(old->identity.uri);
	KS_AUTO_FREE char *uri = key_uri ? token_uri(key_uri, KS_BYTES_NONE) : NULL;
	char digits[2 * ID_SIZE + 1];
	uint8_t id[ID_SIZE];

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return ks_enrol_problem_set(problem, KS_ERR_SYSTEM, "there are no random numbers for a new key's id");
	ks_text_hex(ks_bytes(id, sizeof(id)), digits);
	if (!uri || ks_enrol_state_set(&state->new_id, digits) < 0 || ks_enrol_state_set(&state->new_token, uri) < 0)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	state->new_spki[0] = '\0';
	return ks_enrol_state_save(folder, state, problem);
}

/* --- making ------------------------------------------------------------------------------------------------------ */

static int make(const struct ks_enrol_state *state, struct ks_bytes id, const struct ks_client_identity *old,
		char spki[KS_STATE_HASH_TEXT], struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *label = ks_text_copy(old->identity.label);
	struct ks_client_new_key key;
	struct ks_client_error error;
	struct ks_spki type;

	int r = label ? ks_spki_read(old->identity.spki, &type) : KS_ERR_NO_MEMORY;
	if (r < 0)
		return ks_enrol_problem_set(problem, r, "a second key cannot be made: %s", ks_error_text(r));
	const struct ks_client_keygen request = {
		.token = state->new_token,
		.label = label,
		.object_id = id,
		.algorithm = type.algorithm == KS_KEY_RSA_PSS ? KS_KEY_RSA : type.algorithm,
		.bits = type.bits,
	};
	r = ks_client_token_keygen(&request, &key, &error);
	if (r == KS_ERR_UNSUPPORTED)
		return ks_enrol_problem_final(problem, r, "%s; or let the key stay: rekey = no", error.text);
	if (r < 0)
		return ks_enrol_problem_client(problem, &error);
	ks_text_hex(ks_bytes(key.spki_hash, sizeof(key.spki_hash)), spki);
	return 0;
}

/* By its hash when that is known, else by the id that was planned; NULL: it is not there. */
static int find(const struct ks_enrol_state *state, struct ks_bytes id, struct ks_client_identity **ret_found,
		struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *uri = token_uri(state->new_token, id);
	struct ks_client_error error;

	*ret_found = NULL;
	if (!uri)
		return ks_enrol_problem_code(problem, KS_ERR_NO_MEMORY);
	int r = ks_client_get(state->new_spki[0] ? state->new_spki : uri, ret_found, &error);
	return r < 0 && r != KS_ERR_UNKNOWN_KEY ? ks_enrol_problem_client(problem, &error) : 0;
}

/* A [key] section that knows its key by id or fingerprint would lose it: rules and profile would not be the new one's. */
static int check_section(const struct ks_client_identity *old, const struct ks_client_identity *new,
			 struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_profiles_deinit) struct ks_profiles now = { 0 };

	int r = ks_profiles_get(&now, problem); /* anew: the key is younger than what was asked before */
	if (r < 0)
		return r;
	const char *old_profile = ks_profiles_of_key(&now, old->identity.spki_hash.data);
	const char *new_profile = ks_profiles_of_key(&now, new->identity.spki_hash.data);
	if (!old_profile || (new_profile && strcmp(old_profile, new_profile) == 0))
		return 0;
	return ks_enrol_problem_final(
		problem, KS_ERR_CONFIG,
		"the [key] section of this key would not fit a second one: with rekey = yes its match "
		"must not name id or fingerprint, but token and object, which both keys have");
}

static int adopt(const struct ks_profiles *profiles, struct ks_enrol_state *state, const struct ks_client_identity *old,
		 const struct ks_client_identity *new, struct ks_enrol_problem *problem)
{
	ks_text_hex(new->identity.spki_hash, state->new_spki);
	int r = ks_enrol_state_save(profiles->folder, state, problem);
	if (r == 0)
		r = check_section(old, new, problem);
	if (r == KS_ERR_CONFIG) {
		struct ks_enrol_problem other;
		if (ks_rekey_abandon(profiles->folder, state, &other) < 0)
			ks_console_warn("the second key is still on the token: %s", other.text);
	}
	return r;
}

int ks_rekey_ensure(const struct ks_profiles *profiles, struct ks_enrol_state *state,
		    const struct ks_client_identity *old, struct ks_client_identity **ret_new,
		    struct ks_enrol_problem *problem)
{
	uint8_t id[ID_SIZE];
	size_t size = 0;

	int r = state->new_id ? 0 : plan(profiles->folder, state, old, problem);
	if (r < 0)
		return r;
	if (ks_text_unhex(state->new_id, id, sizeof(id), &size) < 0 || size == 0)
		return ks_enrol_problem_set(problem, KS_ERR_MALFORMED, "the state of the second key is damaged");
	r = find(state, ks_bytes(id, size), ret_new, problem);
	if (r == 0 && !*ret_new) {
		r = make(state, ks_bytes(id, size), old, state->new_spki, problem);
		if (r == 0)
			r = find(state, ks_bytes(id, size), ret_new, problem);
		if (r == 0 && !*ret_new)
			r = ks_enrol_problem_set(problem, KS_ERR_UNKNOWN_KEY,
						 "the second key was made, but the agent does not show it");
	}
	if (r < 0)
		return r;
	r = adopt(profiles, state, old, *ret_new, problem);
	if (r < 0) {
		ks_client_identity_free(*ret_new);
		*ret_new = NULL;
	}
	return r;
}

/* --- removing ---------------------------------------------------------------------------------------------------- */

/* 0 also when it is gone already: the caller knows that its token is here. */
static int remove_key(const char *spki, struct ks_enrol_problem *problem)
{
	struct ks_client_error error;
	uint8_t hash[32];
	size_t size = 0;
	unsigned n_removed;

	if (ks_text_unhex(spki, hash, sizeof(hash), &size) < 0)
		return 0;
	const struct ks_client_remove request = { .spki_hash = hash, .key = true, .certificates = true };
	int r = ks_client_token_remove(&request, &n_removed, &error);
	return r < 0 && r != KS_ERR_UNKNOWN_KEY && r != KS_ERR_NOT_FOUND ? ks_enrol_problem_client(problem, &error) : 0;
}

/* Has somebody another use for this key? Then it has a state of its own, or a certificate that came by another way and
 * holds now (*ret_until, else 0). 1: yes; 0: no; < 0: it cannot be looked at, and nothing brings a key back. */
static int find_use(const char *folder, const char *spki, uint64_t now, uint64_t *ret_until,
		    struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;

	*ret_until = 0;
	if (ks_enrol_state_exists(folder, spki))
		return 1;
	int r = ks_client_get(spki, &found, &error);
	if (r == KS_ERR_UNKNOWN_KEY)
		return 0;
	if (r < 0)
		return ks_enrol_problem_client(problem, &error);
	if (found->identity.n_certificates == 0 || found->identity.not_after < now)
		return 0;
	*ret_until = found->identity.not_after;
	return 1;
}

/* A run that was killed after C_GenerateKeyPair has noted the id that it planned, and not yet the key. */
static int note_planned(struct ks_enrol_state *state, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	uint8_t id[ID_SIZE];
	size_t size = 0;

	if (!state->new_id || state->new_spki[0] || ks_text_unhex(state->new_id, id, sizeof(id), &size) < 0 || size == 0)
		return 0;
	int r = find(state, ks_bytes(id, size), &found, problem);
	if (r == 0 && found)
		ks_text_hex(found->identity.spki_hash, state->new_spki);
	return r;
}

int ks_rekey_abandon(const char *folder, struct ks_enrol_state *state, struct ks_enrol_problem *problem)
{
	uint64_t until;
	int r = note_planned(state, problem);

	if (r == 0 && state->new_spki[0])
		r = find_use(folder, state->new_spki, ks_clock_wall_s(), &until, problem);
	if (r == 1)
		ks_console_warn("the second key that a rekey had made has got another use and stays on its token: %s",
				state->new_spki);
	else if (r == 0 && state->new_spki[0])
		r = remove_key(state->new_spki, problem);
	if (r < 0)
		return r;
	ks_enrol_state_forget_new_key(state);
	return ks_enrol_state_save(folder, state, problem);
}

/* One that is in use holds longer than the certificate that was replaced. */
static bool is_in_use(const char *folder, struct ks_enrol_state_previous *previous, uint64_t now, bool *changed,
		      struct ks_enrol_problem *note)
{
	uint64_t until;
	int r = find_use(folder, previous->spki, now, &until, note);

	if (r == 1 && until > 0) {
		previous->remove_after = until;
		*changed = true;
	}
	return r != 0;
}

void ks_rekey_remove_previous(const char *folder, struct ks_enrol_state *state, uint64_t now, bool *ret_changed,
			      struct ks_enrol_problem *note)
{
	*ret_changed = false;
	for (size_t i = 0; i < state->n_previous;) {
		struct ks_enrol_state_previous *previous = &state->previous[i];
		if (now <= previous->remove_after || is_in_use(folder, previous, now, ret_changed, note) ||
		    remove_key(previous->spki, note) < 0 || ks_install_clean(folder, previous->spki, NULL, note) < 0) {
			i++;
			continue;
		}
		*previous = state->previous[--state->n_previous];
		*ret_changed = true;
	}
}
