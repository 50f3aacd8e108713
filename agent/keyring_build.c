/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyring_build: from what the workers reported to identities.
 *
 * Runs in: keystay-agent. A certificate of one module is never given to a key of another: it takes only a public key to
 * make one that looks newer and is good for nothing. Candid about the limit: a module that also claims to hold the
 * other one's key does get in as one more location, whose signatures then fail to verify.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/keyring_items.h"
#include "agent/keyring_private.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

struct build {
	struct ks_keyring *keyring;
	const struct ks_settings *settings;
	const struct ks_keyring_source *sources;
	int64_t now_s;
	size_t capacity; /* of keyring->entries */
};

/* --- what belongs to an identity --------------------------------------------------------------------------------- */

/* May this certificate speak for the keys of this group? */
static bool belongs(const struct ks_keyring_group *group, const struct ks_keyring_item *certificate)
{
	if (group->n_keys == 0 || !certificate->held)
		return true;
	for (size_t i = 0; i < group->n_keys; i++) {
		if (group->keys[i].source == certificate->source)
			return true;
	}
	return false;
}

/* May its private key be on the token that it is on, though no key is seen? */
static bool may_have_key(const struct ks_keyring_item *certificate)
{
	return certificate->held && !ks_keyring_shows_all(certificate->token) &&
	       !ks_certificate_is_ca(certificate->certificate);
}

static int add_subject(struct ks_keyring_entry *entry, const struct ks_keyring_item *item)
{
	const struct ks_inventory_token *token = item->token;
	const char *label = item->key ? item->key->label : item->held->label;
	struct ks_bytes id = item->key ? ks_bytes(item->key->id, item->key->id_size) :
					 ks_bytes(item->held->id, item->held->id_size);
	const struct ks_bytes parts[KS_URI_N_ATTRIBUTES] = {
		[KS_URI_TOKEN] = ks_bytes_text(token->label),
		[KS_URI_MANUFACTURER] = ks_bytes_text(token->manufacturer),
		[KS_URI_MODEL] = ks_bytes_text(token->model),
		[KS_URI_SERIAL] = ks_bytes_text(token->serial),
		[KS_URI_OBJECT] = ks_bytes_text(label),
		[KS_URI_ID] = id,
	};
	struct ks_keyring_subject *subject = &entry->subjects[entry->n_subjects];
	size_t size = 0;
	for (size_t i = 0; i < KS_URI_TYPE; i++)
		size += parts[i].size;
	*subject = (struct ks_keyring_subject){ .module = item->source, .uri.storage = malloc(size + 1) };
	if (!subject->uri.storage)
		return KS_ERR_NO_MEMORY;
	entry->n_subjects++;
	uint8_t *at = subject->uri.storage;
	for (size_t i = 0; i < KS_URI_TYPE; i++) {
		subject->uri.present[i] = true;
		subject->uri.value[i] = ks_bytes(at, parts[i].size);
		if (parts[i].size > 0)
			memcpy(at, parts[i].data, parts[i].size);
		at += parts[i].size;
	}
	return 0;
}

static void add_location(struct ks_identity *identity, const struct ks_keyring_item *item)
{
	if (identity->n_locations == KS_LOCATIONS_MAX)
		return;
	struct ks_location *location = &identity->locations[identity->n_locations++];
	*location = (struct ks_location){
		.module = item->source,
		.token = item->token->number,
		.key = item->key ? item->key->number : KS_LOCATION_NO_KEY,
	};
	memcpy(location->token_label, item->token->label, sizeof(location->token_label));
	memcpy(location->token_serial, item->token->serial, sizeof(location->token_serial));
	identity->always_authenticate |= item->key && item->key->always_authenticate;
}

/* Where the key is, and the objects by which people may call it. A token that shows a certificate and no key comes
 * last, and only while it may still hide the key. */
static int add_places(struct ks_keyring_entry *entry, const struct ks_keyring_group *group,
		      const struct ks_keyring_item *certificates, size_t n_certificates)
{
	entry->subjects = calloc(group->n_keys + group->n_certificates + 1, sizeof(*entry->subjects));
	if (!entry->subjects)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < group->n_keys; i++) {
		add_location(&entry->identity, &group->keys[i]);
		int r = add_subject(entry, &group->keys[i]);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; group->n_keys == 0 && i < group->n_certificates; i++) {
		if (may_have_key(&group->certificates[i]))
			add_location(&entry->identity, &group->certificates[i]);
	}
	for (size_t i = 0; i < n_certificates; i++) {
		int r = certificates[i].held && belongs(group, &certificates[i]) ?
				add_subject(entry, &certificates[i]) :
				0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- which certificate ------------------------------------------------------------------------------------------- */

static bool is_valid(const struct ks_certificate *certificate, int64_t now_s)
{
	return ks_certificate_not_before(certificate) <= now_s && now_s <= ks_certificate_not_after(certificate);
}

/* What keystay.conf says of revocation for a key that fits this section, or none. */
static enum ks_settings_revocation mode_of(const struct build *build, const struct ks_settings_key *key)
{
	const struct ks_settings_key *rules = key ? key : build->settings->others;

	return rules ? rules->revocation : KS_SETTINGS_REVOCATION_WARN;
}

/* In its time and not revoked; in its time; neither. Before an expired one it is the revoked one that is told of. */
static unsigned soundness(const struct build *build, const struct ks_keyring_item *item,
			  enum ks_settings_revocation mode)
{
	if (!is_valid(item->certificate, build->now_s))
		return 0;
	bool is_revoked = item->revocation.state == KS_REVOCATION_REVOKED && mode != KS_SETTINGS_REVOCATION_OFF;
	return is_revoked ? 1 : 2;
}

/* Is a a better leaf than b? Sound, for clients, issued by a CA, newer; then what a token has. A card's maker or a tool
 * signs a key's first certificate with the key itself, and CAs date theirs back by minutes: that one would seem newer.
 * Items are in a fixed order, so the first of equals is always the same. */
static bool is_better(const struct build *build, const struct ks_keyring_item *a, const struct ks_keyring_item *b,
		      enum ks_settings_revocation mode)
{
	unsigned a_sound = soundness(build, a, mode);
	unsigned b_sound = soundness(build, b, mode);
	if (a_sound != b_sound)
		return a_sound > b_sound;
	bool a_client = ks_certificate_allows(a->certificate, "clientAuth");
	bool b_client = ks_certificate_allows(b->certificate, "clientAuth");
	if (a_client != b_client)
		return a_client;
	bool a_issued = !ks_certificate_is_self_signed(a->certificate);
	bool b_issued = !ks_certificate_is_self_signed(b->certificate);
	if (a_issued != b_issued)
		return a_issued;
	int64_t a_from = ks_certificate_not_before(a->certificate);
	int64_t b_from = ks_certificate_not_before(b->certificate);
	if (a_from != b_from)
		return a_from > b_from;
	int64_t a_until = ks_certificate_not_after(a->certificate);
	int64_t b_until = ks_certificate_not_after(b->certificate);
	if (a_until != b_until)
		return a_until > b_until;
	return a->held && !b->held;
}

static bool has_criteria(const struct ks_settings_key *key)
{
	return key->issuer || key->eku || key->template;
}

static bool is_wanted(const struct ks_settings_key *key, const struct ks_certificate *certificate)
{
	if (!key)
		return true;
	return (!key->issuer || ks_text_match(key->issuer, ks_certificate_issuer(certificate))) &&
	       (!key->eku || ks_certificate_names_eku(certificate, key->eku)) &&
	       (!key->template || strcmp(key->template, ks_certificate_template(certificate)) == 0);
}

/* The best of those that key (or NULL) wants. */
static const struct ks_keyring_item *choose_leaf(const struct build *build, const struct ks_keyring_group *group,
						 const struct ks_keyring_item *certificates, size_t n,
						 const struct ks_settings_key *key)
{
	const struct ks_keyring_item *best = NULL;
	for (size_t i = 0; i < n; i++) {
		if (!belongs(group, &certificates[i]) || !is_wanted(key, certificates[i].certificate))
			continue;
		if (!best || is_better(build, &certificates[i], best, mode_of(build, key)))
			best = &certificates[i];
	}
	return best;
}

/* --- which section ----------------------------------------------------------------------------------------------- */

/* Section and URI both know objects by label and id; whether they mean the key or its certificate tells nothing. */
static bool subject_fits(const struct ks_settings_key *key, const struct ks_keyring_subject *subject,
			 const char *module)
{
	struct ks_uri pattern = key->match;

	pattern.present[KS_URI_TYPE] = false;
	return (!key->module || strcmp(key->module, module) == 0) &&
	       (!key->has_match || ks_uri_matches(&pattern, &subject->uri));
}

static bool key_fits(const struct ks_settings_key *key, const struct ks_keyring_entry *entry,
		     const struct ks_keyring_source *sources)
{
	if (memcmp(key->spki_prefix, entry->identity.spki_hash, key->spki_prefix_size) != 0)
		return false;
	for (size_t i = 0; i < entry->n_subjects; i++) {
		if (subject_fits(key, &entry->subjects[i], sources[entry->subjects[i].module].module))
			return true;
	}
	return false;
}

/* The first section that fits, and the certificate that it chooses. A section that asks for a certificate of some
 * issuer, EKU or template fits when there is one, even beside a newer one of another kind. */
static const struct ks_keyring_item *choose_section(const struct build *build, struct ks_keyring_entry *entry,
						    const struct ks_keyring_group *group,
						    const struct ks_keyring_item *certificates, size_t n)
{
	const struct ks_settings *settings = build->settings;

	entry->section = KS_NO_SECTION;
	entry->identity.rules = settings->others;
	for (size_t i = 0; i < settings->n_keys; i++) {
		const struct ks_settings_key *key = &settings->keys[i];
		if (!key_fits(key, entry, build->sources))
			continue;
		const struct ks_keyring_item *leaf = choose_leaf(build, group, certificates, n, key);
		if (!leaf && has_criteria(key))
			continue;
		entry->section = i;
		entry->identity.rules = key;
		return leaf;
	}
	return choose_leaf(build, group, certificates, n, NULL);
}

/* --- identities -------------------------------------------------------------------------------------------------- */

static int describe(struct ks_identity *identity, const struct ks_keyring_item *first, struct ks_bytes spki,
		    const struct ks_keyring_source *sources)
{
	identity->label = ks_text_copy(ks_bytes_text(first->key ? first->key->label : first->held->label));
	identity->module = ks_text_copy(ks_bytes_text(sources[first->source].module));
	identity->spki_der = malloc(spki.size);
	if (!identity->label || !identity->module || !identity->spki_der)
		return KS_ERR_NO_MEMORY;
	memcpy(identity->spki_der, spki.data, spki.size);
	int r = ks_spki_read(ks_bytes(identity->spki_der, spki.size), &identity->spki);
	if (r == 0)
		r = ks_sha256(identity->spki.der, identity->spki_hash);
	if (r < 0)
		return r;
	ks_spki_type_name(&identity->spki, identity->key_type, sizeof(identity->key_type));
	return 0;
}

/* What is known of each of its certificates, and of leaf, which stands for it; or NULL. */
static int add_revocation(const struct build *build, struct ks_identity *identity, const struct ks_keyring_group *group,
			  const struct ks_keyring_item *leaf, const struct ks_keyring_item *certificates, size_t n)
{
	identity->revocation_mode = mode_of(build, identity->rules);
	identity->revocation_origin =
		identity->rules && identity->rules->revocation_origin.file ? &identity->rules->revocation_origin : NULL;
	if (identity->revocation_mode == KS_SETTINGS_REVOCATION_OFF || n == 0)
		return 0;
	identity->leaves = calloc(n, sizeof(*identity->leaves));
	if (!identity->leaves)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i < n; i++) {
		struct ks_identity_leaf *one = &identity->leaves[identity->n_leaves];
		if (!belongs(group, &certificates[i]))
			continue;
		one->revocation = certificates[i].revocation;
		int r = ks_sha256(ks_certificate_der(certificates[i].certificate), one->hash);
		if (r < 0)
			return r;
		identity->n_leaves++;
	}
	if (!leaf)
		return 0;
	identity->revocation = leaf->revocation;
	identity->revoked = leaf->revocation.state == KS_REVOCATION_REVOKED;
	if (leaf->revocation.state == KS_REVOCATION_NOT_LOOKED_AT)
		identity->revocation.state = ks_keyring_unasked(leaf->certificate);
	return 0;
}

/* Room for entries is made one by one in doubling steps, as inventory.c does. */
static int add_entry(struct build *build, struct ks_keyring_entry **entry)
{
	struct ks_keyring *keyring = build->keyring;
	if (keyring->n == build->capacity) {
		size_t capacity = build->capacity ? build->capacity * 2 : 16;
		void *grown = reallocarray(keyring->entries, capacity, sizeof(struct ks_keyring_entry *));
		if (!grown)
			return KS_ERR_NO_MEMORY;
		keyring->entries = grown;
		build->capacity = capacity;
	}
	keyring->entries[keyring->n++] = KS_STEAL(*entry);
	return 0;
}

/* One form of one public key. certificates: all that say it so; none for a key without certificate. */
static int make_identity(struct build *build, const struct ks_keyring_group *group,
			 const struct ks_keyring_item *certificates, size_t n)
{
	KS_CLEANUP(ks_keyring_entry_freep) struct ks_keyring_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return KS_ERR_NO_MEMORY;

	int r = add_places(entry, group, certificates, n);
	if (r < 0)
		return r;
	if (entry->n_subjects == 0 || entry->identity.n_locations == 0)
		return 0;
	const struct ks_keyring_item *first = group->n_keys > 0 ? group->keys : certificates;
	while (!first->key && !first->held)
		first++; /* there is one, or there would be no subject */
	r = describe(&entry->identity, first, n > 0 ? certificates[0].spki.der : group->keys[0].spki.der,
		     build->sources);
	if (r < 0)
		return r;
	const struct ks_keyring_item *leaf = choose_section(build, entry, group, certificates, n);
	entry->leaf_from = INT64_MIN;
	r = add_revocation(build, &entry->identity, group, leaf, certificates, n);
	if (r < 0)
		return r;
	if (leaf) {
		entry->identity.certificate = ks_certificate_ref(leaf->certificate);
		entry->leaf_valid = soundness(build, leaf, entry->identity.revocation_mode) == 2;
		entry->leaf_from = ks_certificate_not_before(leaf->certificate);
	}
	return add_entry(build, &entry);
}

/* One identity for each form of the key that a certificate of it has: rsaEncryption, RSASSA-PSS with these or those
 * parameters. Clients hold one of them, and the form decides what may be signed. */
static int make_identities(struct build *build, const struct ks_keyring_group *group)
{
	size_t n_forms = 0;

	for (size_t i = 0; i < group->n_certificates;) {
		size_t end = i;
		bool any = false;
		for (; end < group->n_certificates &&
		       ks_bytes_equal(group->certificates[end].spki.der, group->certificates[i].spki.der);
		     end++)
			any |= belongs(group, &group->certificates[end]);
		int r = any ? make_identity(build, group, &group->certificates[i], end - i) : 0;
		if (r < 0)
			return r;
		n_forms += any ? 1 : 0;
		i = end;
	}
	return n_forms > 0 || group->n_keys == 0 ? 0 : make_identity(build, group, NULL, 0);
}

int ks_keyring_fill(struct ks_keyring *keyring, const struct ks_settings *settings,
		    const struct ks_keyring_source *sources, size_t n_sources, const struct ks_overlay *overlay)
{
	KS_CLEANUP(ks_keyring_items_deinit) struct ks_keyring_items items = { 0 };
	struct build build = {
		.keyring = keyring, .settings = settings, .sources = sources, .now_s = (int64_t)ks_clock_wall_s()
	};
	struct ks_keyring_group group;
	size_t position = 0;

	int r = ks_keyring_items_collect(&items, sources, n_sources, overlay->certificates, overlay->n_certificates,
					 keyring->pool);
	if (r == 0)
		ks_keyring_mark_revoked(&items, overlay, keyring->pool, build.now_s);
	while (r == 0 && ks_keyring_items_next(&items, &position, &group))
		r = make_identities(&build, &group);
	return r;
}
