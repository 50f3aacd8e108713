/* SPDX-License-Identifier: Apache-2.0 */
/* profile: see profile.h. Runs in: keystay-enroll. */
#include "enrol/base/profile.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/reader.h"
#include "lib/base/text.h"

#define TIMEOUT_MS 30000u /* as the agent's table says; for an agent that says none */

/* Where each text stands; the rest is typed by take_value(). */
static const struct {
	const char *key;
	size_t offset;
} texts[] = {
	{ "protocol", offsetof(struct ks_profile, protocol) },
	{ "url", offsetof(struct ks_profile, url) },
	{ "tls-ca", offsetof(struct ks_profile, tls_ca) },
	{ "issued-by", offsetof(struct ks_profile, issued_by) },
	{ "subject", offsetof(struct ks_profile, subject) },
	{ "san", offsetof(struct ks_profile, san) },
	{ "hash", offsetof(struct ks_profile, hash) },
	{ "user", offsetof(struct ks_profile, user) },
	{ "secret-file", offsetof(struct ks_profile, secret_file) },
	{ "secret-credential", offsetof(struct ks_profile, secret_credential) },
	{ "label", offsetof(struct ks_profile, label) },
	{ "ca-fingerprint", offsetof(struct ks_profile, ca_fingerprint) },
	{ "recipient", offsetof(struct ks_profile, recipient) },
	{ "namespace", offsetof(struct ks_profile, namespace) },
	{ "ttl", offsetof(struct ks_profile, ttl) },
	{ "command", offsetof(struct ks_profile, command) },
	{ "deploy-hook", offsetof(struct ks_profile, deploy_hook) },
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static char **text_at(struct ks_profile *profile, size_t i)
{
	return (char **)(void *)((char *)profile + texts[i].offset);
}

static void profile_deinit(struct ks_profile *profile)
{
	free(profile->name);
	free(profile->origin);
	for (size_t i = 0; i < N_TEXTS; i++)
		free(*text_at(profile, i));
}

void ks_profiles_deinit(struct ks_profiles *profiles)
{
	for (size_t i = 0; i < profiles->n_profiles; i++)
		profile_deinit(&profiles->profiles[i]);
	free(profiles->profiles);
	for (size_t i = 0; i < profiles->n_keys; i++) {
		free(profiles->keys[i].key);
		free(profiles->keys[i].profile);
	}
	free(profiles->keys);
	free(profiles->folder);
	*profiles = (struct ks_profiles){ 0 };
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static int copy(struct ks_bytes text, char **ret_copy)
{
	free(*ret_copy);
	*ret_copy = ks_text_copy(text);
	return *ret_copy ? 0 : KS_ERR_NO_MEMORY;
}

static bool is_word(struct ks_bytes text, const char *word)
{
	return ks_bytes_equal(text, ks_bytes_text(word));
}

/* A key that is not known here is for a newer keystay-enroll. */
static int take_value(struct ks_profile *profile, const struct ks_msg_profile_value *record)
{
	for (size_t i = 0; i < N_TEXTS; i++) {
		if (is_word(record->key, texts[i].key))
			return copy(record->value, text_at(profile, i));
	}
	if (is_word(record->key, "pss"))
		profile->pss = is_word(record->value, "yes");
	else if (is_word(record->key, "rekey"))
		profile->rekey = is_word(record->value, "yes");
	else if (is_word(record->key, "cmp-p10cr"))
		profile->cmp_p10cr = is_word(record->value, "yes");
	else if (is_word(record->key, "scep-legacy"))
		profile->scep_legacy = is_word(record->value, "yes");
	else if (is_word(record->key, "store"))
		profile->store_on_token = is_word(record->value, "token");
	else if (is_word(record->key, "timeout")) {
		KS_AUTO_FREE char *text = ks_text_copy(record->value);
		if (!text)
			return KS_ERR_NO_MEMORY;
		return ks_text_duration_ms(text, &profile->timeout_ms);
	}
	return 0;
}

static struct ks_profile *find(const struct ks_profiles *profiles, struct ks_bytes name)
{
	for (size_t i = 0; i < profiles->n_profiles; i++) {
		if (ks_bytes_equal(name, ks_bytes_text(profiles->profiles[i].name)))
			return &profiles->profiles[i];
	}
	return NULL;
}

static int take_profiles(struct ks_profiles *profiles, struct ks_bytes list)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_profile record;
	int r;

	while ((r = ks_record_read(&reader, KS_RECORD(profile), &record, sizeof(record))) > 0) {
		void *grown = profiles->n_profiles < KS_PROFILE_SECTIONS_MAX ?
				      reallocarray(profiles->profiles, profiles->n_profiles + 1,
						   sizeof(*profiles->profiles)) :
				      NULL;
		if (!grown)
			return KS_ERR_NO_MEMORY;
		profiles->profiles = grown;
		struct ks_profile *profile = &profiles->profiles[profiles->n_profiles++];
		*profile = (struct ks_profile){ .timeout_ms = TIMEOUT_MS };
		r = copy(record.name, &profile->name);
		if (r == 0)
			r = copy(record.origin, &profile->origin);
		if (r < 0)
			return r;
	}
	return r;
}

static int take_values(struct ks_profiles *profiles, struct ks_bytes list)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_profile_value record;
	int r;

	while ((r = ks_record_read(&reader, KS_RECORD(profile_value), &record, sizeof(record))) > 0) {
		struct ks_profile *profile = find(profiles, record.profile);
		r = profile ? take_value(profile, &record) : 0;
		if (r < 0)
			return r;
	}
	return r;
}

/* Bounded by the frame that they came in. */
static int take_keys(struct ks_profiles *profiles, struct ks_bytes list)
{
	struct ks_reader reader = ks_reader(list);
	struct ks_msg_profile_key record;
	int r;

	while ((r = ks_record_read(&reader, KS_RECORD(profile_key), &record, sizeof(record))) > 0) {
		void *grown = reallocarray(profiles->keys, profiles->n_keys + 1, sizeof(*profiles->keys));
		if (!grown)
			return KS_ERR_NO_MEMORY;
		profiles->keys = grown;
		struct ks_profile_key *key = &profiles->keys[profiles->n_keys++];
		*key = (struct ks_profile_key){ .key = NULL };
		memcpy(key->spki_hash, record.spki_hash.data, sizeof(key->spki_hash));
		r = copy(record.key, &key->key);
		if (r == 0)
			r = copy(record.profile, &key->profile);
		if (r < 0)
			return r;
	}
	return r;
}

int ks_profiles_get(struct ks_profiles *ret_profiles, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_profiles profiles = { 0 };
	struct ks_msg_profiles request = { 0 };
	struct ks_msg_profiles_reply reply;
	struct ks_client_error error;

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, &error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_PROFILES, &request, KS_MSG_PROFILES_REPLY, &reply, sizeof(reply),
				   NULL, &error);
	if (r < 0)
		return ks_enrol_problem_client(problem, &error);
	r = copy(reply.folder, &profiles.folder);
	if (r == 0)
		r = take_profiles(&profiles, reply.profiles);
	if (r == 0)
		r = take_values(&profiles, reply.values);
	if (r == 0)
		r = take_keys(&profiles, reply.keys);
	if (r < 0) {
		ks_profiles_deinit(&profiles);
		return ks_enrol_problem_set(problem, r, "the agent's answer about profiles cannot be used: %s",
					    ks_error_text(r));
	}
	for (size_t i = 0; i < profiles.n_profiles; i++) {
		profiles.profiles[i].keys = profiles.keys;
		profiles.profiles[i].n_keys = profiles.n_keys;
	}
	*ret_profiles = profiles;
	return 0;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

const struct ks_profile *ks_profiles_find(const struct ks_profiles *profiles, const char *name,
					  struct ks_enrol_problem *problem)
{
	const struct ks_profile *profile = find(profiles, ks_bytes_text(name));
	char known[512] = "", shown[256];
	size_t used = 0;

	if (profile)
		return profile;
	for (size_t i = 0; i < profiles->n_profiles; i++) {
		if (!ks_text_print(known + used, sizeof(known) - used, "%s\"%s\"", i ? ", " : "",
				   profiles->profiles[i].name)) {
			known[used] = '\0';
			break;
		}
		used += strlen(known + used);
	}
	ks_text_escape(ks_bytes_text(name), shown, sizeof(shown));
	(void)ks_enrol_problem_final(problem, KS_ERR_NOT_FOUND, "keystay.conf has no [profile \"%s\"]; %s%s", shown,
				     used ? "it has " : "see PROFILES in man keystay.conf", known);
	return NULL;
}

const char *ks_profiles_of_key(const struct ks_profiles *profiles, const uint8_t spki_hash[32])
{
	for (size_t i = 0; i < profiles->n_keys; i++) {
		if (memcmp(profiles->keys[i].spki_hash, spki_hash, 32) == 0)
			return profiles->keys[i].profile;
	}
	return NULL;
}

bool ks_profile_is_of(const struct ks_profile *profile, const uint8_t spki_hash[32])
{
	for (size_t i = 0; i < profile->n_keys; i++) {
		if (memcmp(profile->keys[i].spki_hash, spki_hash, 32) == 0)
			return strcmp(profile->keys[i].profile, profile->name) == 0;
	}
	return false;
}
