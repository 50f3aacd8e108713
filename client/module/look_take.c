/* SPDX-License-Identifier: Apache-2.0 */
/* look_take: see look_take.h. Runs in: any program, in all of its threads. */
#include "client/module/look_take.h"

#include <stdlib.h>
#include <string.h>

#include "client/module/padded.h"
#include "client/x509.h"
#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"
#include "lib/protocol/uri.h"

KS_DEFINE_CLEANUP(struct ks_key *, ks_key_free)
KS_DEFINE_CLEANUP(struct ks_object *, ks_object_free)
KS_DEFINE_CLEANUP(struct ks_slot *, ks_slot_free)

/* --- gathering --------------------------------------------------------------------------------------------------- */

static struct ks_key *make_key(const struct ks_msg_identity *identity)
{
	KS_CLEANUP(ks_key_freep) struct ks_key *key = calloc(1, sizeof(*key));
	if (!key)
		return NULL;
	key->name = ks_text_copy(identity->name);
	key->spki_der = malloc(identity->spki.size + 1);
	if (!key->name || !key->spki_der)
		return NULL;
	memcpy(key->spki_der, identity->spki.data, identity->spki.size);
	memcpy(key->spki_hash, identity->spki_hash.data, sizeof(key->spki_hash));
	key->digest = identity->digest;
	key->n_certificates = identity->n_certificates;
	return KS_STEAL(key);
}

/* A token without an URI (an agent that is newer in a strange way) is known by its label. */
static int name_token(const struct ks_msg_identity *identity, struct ks_listed *row)
{
	static const enum ks_uri_attribute parts[] = { KS_URI_TOKEN, KS_URI_MANUFACTURER, KS_URI_MODEL, KS_URI_SERIAL };
	KS_CLEANUP(ks_uri_deinit) struct ks_uri uri = { 0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer token = { 0 };
	KS_AUTO_FREE char *label = NULL;
	const char *why;

	int r = ks_uri_read(identity->uri, &uri, &why);
	if (r == KS_ERR_NO_MEMORY)
		return r;
	if (r < 0)
		uri = (struct ks_uri){ 0 };
	label = ks_text_copy(uri.present[KS_URI_TOKEN] ? uri.value[KS_URI_TOKEN] : identity->token);
	if (!label)
		return KS_ERR_NO_MEMORY;
	ks_buffer_printf(&token, "%.*s\n%s", (int)identity->module.size, (const char *)identity->module.data, label);
	for (size_t i = 1; i < sizeof(parts) / sizeof(parts[0]); i++) {
		ks_buffer_put_u8(&token, '\n');
		ks_buffer_put(&token, uri.value[parts[i]]);
	}
	unsigned char padded[sizeof(row->label) - 1];
	ks_padded(padded, sizeof(padded), label);
	memcpy(row->label, padded, sizeof(padded));
	row->token = ks_buffer_steal_text(&token);
	return row->token ? 0 : KS_ERR_NO_MEMORY;
}

int ks_listing_add(const struct ks_msg_identity *identity, void *userdata)
{
	struct ks_listing *listing = userdata;
	struct ks_spki spki;

	if (identity->state == KS_TOKEN_ABSENT || ks_spki_read(identity->spki, &spki) < 0)
		return 0;
	struct ks_listed *rows = reallocarray(listing->rows, listing->n_rows + 1, sizeof(*rows));
	if (!rows)
		return KS_ERR_NO_MEMORY;
	listing->rows = rows;
	struct ks_listed row = { 0 };
	const struct ks_best_asked asked = { .now_s = ks_clock_wall_s() };
	ks_best_judge(identity, KS_BYTES_NONE, &asked, &row.best);
	int r = name_token(identity, &row);
	if (r < 0)
		return r;
	row.key = make_key(identity);
	if (!row.key || ks_spki_read(ks_bytes(row.key->spki_der, identity->spki.size), &row.key->spki) < 0) {
		ks_key_free(row.key);
		free(row.token);
		return KS_ERR_NO_MEMORY;
	}
	rows[listing->n_rows++] = row;
	return 0;
}

void ks_listing_deinit(struct ks_listing *listing)
{
	for (size_t i = 0; i < listing->n_rows; i++) {
		free(listing->rows[i].token);
		ks_key_free(listing->rows[i].key);
	}
	free(listing->rows);
	*listing = (struct ks_listing){ 0 };
}

/* --- slots ------------------------------------------------------------------------------------------------------- */

static struct ks_slot *add_slot(struct ks_front *front, struct ks_listed *row)
{
	KS_CLEANUP(ks_slot_freep) struct ks_slot *slot = calloc(1, sizeof(*slot));
	uint8_t hash[KS_SHA256_SIZE];

	if (!slot)
		return NULL;
	ks_client_sha256(ks_bytes_text(row->token), hash);
	ks_text_hex(ks_bytes(hash, (sizeof(slot->serial) - 1) / 2), slot->serial);
	memcpy(slot->label, row->label, sizeof(slot->label));
	/* 31 bits: Java keeps slot numbers in an int. */
	slot->id = ((CK_SLOT_ID)(hash[0] & 0x7fu) << 24) | ((CK_SLOT_ID)hash[1] << 16) | ((CK_SLOT_ID)hash[2] << 8) |
		   hash[3];
	while (ks_front_slot(front, slot->id))
		slot->id = (slot->id + 1) & 0x7fffffffu;
	if (ks_front_add_slot(front, slot) < 0)
		return NULL;
	slot->identity = KS_STEAL(row->token);
	return KS_STEAL(slot);
}

static struct ks_slot *find_slot(struct ks_front *front, struct ks_listed *row)
{
	for (size_t i = 0; i < front->n_slots; i++) {
		if (strcmp(front->slots[i]->identity, row->token) == 0)
			return front->slots[i];
	}
	return add_slot(front, row);
}

/* --- keys and objects -------------------------------------------------------------------------------------------- */

static struct ks_object *add_object(struct ks_front *front, CK_OBJECT_CLASS class, struct ks_slot *slot,
				    struct ks_key *key)
{
	struct ks_object *object = calloc(1, sizeof(*object));
	if (!object)
		return NULL;
	object->class = class;
	object->slot = slot;
	object->key = key;
	if (key)
		memcpy(object->id, key->spki_hash, sizeof(object->id));
	if (ks_front_add_object(front, object) == 0)
		return object;
	free(object);
	return NULL;
}

/* From *next on: lists keep their order, so this finds most keys at once. */
static struct ks_key *find_key(const struct ks_front *front, const struct ks_slot *slot, const uint8_t hash[32],
			       size_t *next)
{
	for (size_t i = 0; i < front->n_keys; i++) {
		size_t at = (*next + i) % front->n_keys;
		struct ks_key *key = front->keys[at];
		if (key->slot == slot && memcmp(key->spki_hash, hash, sizeof(key->spki_hash)) == 0) {
			*next = at + 1;
			return key;
		}
	}
	return NULL;
}

static CK_RV take_row(struct ks_front *front, struct ks_listed *row, size_t place, size_t *next)
{
	struct ks_slot *slot = find_slot(front, row);
	if (!slot)
		return CKR_HOST_MEMORY;
	if (!slot->seen)
		slot->place = place;
	slot->seen = true;
	struct ks_key *key = find_key(front, slot, row->key->spki_hash, next);
	if (key) {
		char *name = key->name;
		key->name = row->key->name;
		row->key->name = name;
		key->digest = row->key->digest;
		key->n_certificates = row->key->n_certificates;
		key->place = place;
		key->listed = true;
		return CKR_OK;
	}
	key = row->key;
	if (ks_front_add_key(front, key) < 0)
		return CKR_HOST_MEMORY;
	row->key = NULL;
	key->slot = slot;
	key->place = place;
	key->listed = true;
	bool added = add_object(front, CKO_PRIVATE_KEY, slot, key) && add_object(front, CKO_PUBLIC_KEY, slot, key);
	return added ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV ks_look_take_list(struct ks_front *front, struct ks_listing *listing)
{
	/* What is there from the start is no event. */
	bool first = front->looked_ms == 0;
	size_t next = 0;

	for (size_t i = 0; i < front->n_slots; i++)
		front->slots[i]->seen = false;
	for (size_t i = 0; i < front->n_keys; i++)
		front->keys[i]->listed = false;
	if (listing->n_rows > 0)
		qsort(listing->rows, listing->n_rows, sizeof(listing->rows[0]), ks_best_compare);
	for (size_t i = 0; i < listing->n_rows; i++) {
		CK_RV rv = take_row(front, &listing->rows[i], i, &next);
		if (rv != CKR_OK)
			return rv;
	}
	for (size_t i = 0; i < front->n_slots; i++) {
		struct ks_slot *slot = front->slots[i];
		slot->event = (slot->event || slot->seen != slot->present) && !first;
		slot->present = slot->seen;
		slot->logged_in = slot->logged_in && slot->present;
	}
	front->generation = listing->generation;
	front->looked_ms = ks_clock_monotonic_ms();
	return CKR_OK;
}

/* --- certificates ------------------------------------------------------------------------------------------------ */

static struct ks_object *find_certificate(const struct ks_front *front, const struct ks_slot *slot, struct ks_bytes der)
{
	for (size_t i = 0; i < front->n_objects; i++) {
		struct ks_object *object = front->objects[i];
		if (object->class == CKO_CERTIFICATE && object->slot == slot &&
		    ks_bytes_equal(ks_bytes(object->der, object->der_size), der))
			return object;
	}
	return NULL;
}

static int take_certificate(struct ks_front *front, struct ks_key *key, bool is_leaf, uint64_t generation,
			    struct ks_bytes der)
{
	struct ks_x509 certificate;

	if (ks_x509_read(der, &certificate) < 0)
		return 0;
	struct ks_object *object = find_certificate(front, key->slot, der);
	if (object) {
		/* A certificate that was an issuer's alone may turn out to be a key's own. */
		object->key = is_leaf ? key : object->key;
		object->generation = generation;
		return 0;
	}
	KS_CLEANUP(ks_object_freep) struct ks_object *new = calloc(1, sizeof(*new));
	if (!new)
		return KS_ERR_NO_MEMORY;
	new->class = CKO_CERTIFICATE;
	new->slot = key->slot;
	new->key = is_leaf ? key : NULL;
	new->generation = generation;
	new->der = malloc(der.size);
	new->label = ks_x509_label(&certificate);
	if (!new->der || !new->label)
		return KS_ERR_NO_MEMORY;
	memcpy(new->der, der.data, der.size);
	new->der_size = der.size;
	ks_client_sha256(certificate.spki, new->id);
	if (ks_front_add_object(front, new) < 0)
		return KS_ERR_NO_MEMORY;
	(void)KS_STEAL(new);
	return 0;
}

int ks_look_take_chain(struct ks_front *front, struct ks_key *key, uint64_t generation, struct ks_bytes chain)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate record;

	for (bool is_leaf = true; ks_record_read(&reader, KS_RECORD(certificate), &record, sizeof(record)) == 1;
	     is_leaf = false) {
		int r = take_certificate(front, key, is_leaf, generation, record.der);
		if (r < 0)
			return r;
	}
	key->fetched = generation;
	return 0;
}
