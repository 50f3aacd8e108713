/* SPDX-License-Identifier: Apache-2.0 */
/*
 * object: C_GetAttributeValue and C_FindObjects (PKCS#11 2.40 section 5.7).
 *
 * Certificates are asked for when a search may find one, for those keys alone that it may be about: a search that names
 * CKA_ID or CKA_LABEL of a key is about that key.
 *
 * Runs in: any program, in all of its threads.
 */
#include "client/module/cryptoki.h"

#include <stdlib.h>

#include "client/module/ask.h"
#include "client/module/attribute.h"
#include "client/module/front.h"
#include "client/module/look.h"
#include "client/module/session.h"
#include "lib/base/cleanup.h"

/* --- attributes -------------------------------------------------------------------------------------------------- */

static CK_RV get_one(const struct ks_object *object, CK_ATTRIBUTE *attribute)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer value = { 0 };

	CK_RV rv = ks_attribute_put(object, attribute->type, &value);
	CK_ULONG room = attribute->ulValueLen;
	attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
	if (rv != CKR_OK)
		return rv;
	if (attribute->pValue && room < value.size)
		return CKR_BUFFER_TOO_SMALL;
	attribute->ulValueLen = value.size;
	if (attribute->pValue && value.size > 0)
		memcpy(attribute->pValue, value.data, value.size);
	return CKR_OK;
}

CK_RV ks_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle, CK_ATTRIBUTE_PTR attributes,
			   CK_ULONG count)
{
	struct ks_front *front;
	struct ks_session *session;

	if (!attributes && count > 0)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	const struct ks_object *object = ks_front_object(front, object_handle);
	if (!object || object->slot != session->slot || (object->key && !object->key->listed))
		rv = CKR_OBJECT_HANDLE_INVALID;
	/* All are looked at; of several errors one is told (section 5.7). */
	for (CK_ULONG i = 0; i < count && rv != CKR_OBJECT_HANDLE_INVALID; i++) {
		CK_RV one = get_one(object, &attributes[i]);
		rv = one == CKR_OK ? rv : one;
	}
	ks_front_leave();
	return rv;
}

/* --- searching --------------------------------------------------------------------------------------------------- */

static const CK_ATTRIBUTE *find_attribute(const CK_ATTRIBUTE *attributes, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < count; i++) {
		if (attributes[i].type == type)
			return &attributes[i];
	}
	return NULL;
}

static bool is_class(const CK_ATTRIBUTE *attribute, CK_OBJECT_CLASS class)
{
	return attribute->ulValueLen == sizeof(class) && attribute->pValue &&
	       memcmp(attribute->pValue, &class, sizeof(class)) == 0;
}

static struct ks_bytes wanted_value(const CK_ATTRIBUTE *attribute)
{
	return attribute && attribute->pValue ? ks_bytes(attribute->pValue, attribute->ulValueLen) : KS_BYTES_NONE;
}

/* Is the search about this key by name? */
static bool is_named(const struct ks_key *key, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	struct ks_bytes id = wanted_value(find_attribute(attributes, count, CKA_ID));
	struct ks_bytes label = wanted_value(find_attribute(attributes, count, CKA_LABEL));

	return ks_bytes_equal(id, ks_bytes(key->spki_hash, sizeof(key->spki_hash))) ||
	       (label.size > 0 && ks_bytes_equal(label, ks_bytes_text(key->name)));
}

static bool is_here(const struct ks_key *key, const struct ks_slot *slot)
{
	return key->slot == slot && key->listed;
}

/* Copies of the keys whose certificates the search needs and which are not known yet. */
static int choose_keys(const struct ks_front *front, const struct ks_slot *slot, const CK_ATTRIBUTE *attributes,
		       CK_ULONG count, struct ks_ask_key **ret_keys, size_t *ret_n_keys)
{
	const CK_ATTRIBUTE *class = find_attribute(attributes, count, CKA_CLASS);
	bool named = false;

	*ret_keys = NULL;
	*ret_n_keys = 0;
	if ((class && !is_class(class, CKO_CERTIFICATE)) || front->n_keys == 0)
		return 0;
	for (size_t i = 0; i < front->n_keys; i++)
		named = named || (is_here(front->keys[i], slot) && is_named(front->keys[i], attributes, count));
	struct ks_ask_key *keys = calloc(front->n_keys, sizeof(*keys));
	if (!keys)
		return KS_ERR_NO_MEMORY;
	size_t n = 0;
	int r = 0;
	for (size_t i = 0; i < front->n_keys && r == 0; i++) {
		const struct ks_key *key = front->keys[i];
		if (!is_here(key, slot) || key->n_certificates == 0 || key->fetched == front->generation ||
		    (named && !is_named(key, attributes, count)))
			continue;
		r = ks_ask_key_copy(front, key, &keys[n]);
		n += r == 0 ? 1 : 0;
	}
	for (size_t i = 0; i < n && r < 0; i++)
		ks_ask_key_deinit(&keys[i]);
	if (r < 0) {
		free(keys);
		return r;
	}
	*ret_keys = keys;
	*ret_n_keys = n;
	return 0;
}

static bool is_shown(const struct ks_front *front, const struct ks_object *object, const struct ks_slot *slot)
{
	return object->slot == slot && (!object->key || object->key->listed) &&
	       (object->class != CKO_CERTIFICATE || object->generation == front->generation);
}

/* Objects of a better key come first, those of issuers last, others as they came. */
static int by_place(const void *a, const void *b, void *userdata)
{
	const struct ks_front *front = userdata;
	const CK_OBJECT_HANDLE *left = a, *right = b;
	const struct ks_key *one = ks_front_object(front, *left)->key, *other = ks_front_object(front, *right)->key;
	size_t place = one ? one->place : SIZE_MAX, other_place = other ? other->place : SIZE_MAX;

	if (place != other_place)
		return place < other_place ? -1 : 1;
	return *left < *right ? -1 : *left > *right ? 1 : 0;
}

static CK_RV collect(struct ks_front *front, struct ks_session *session, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
	CK_OBJECT_HANDLE *found = calloc(front->n_objects + 1, sizeof(*found));
	size_t n = 0;

	if (!found)
		return CKR_HOST_MEMORY;
	for (size_t i = 0; i < front->n_objects; i++) {
		const struct ks_object *object = front->objects[i];
		bool fits = is_shown(front, object, session->slot);
		for (CK_ULONG k = 0; k < count && fits; k++)
			fits = ks_attribute_matches(object, &attributes[k]);
		if (fits)
			found[n++] = i + 1;
	}
	qsort_r(found, n, sizeof(*found), by_place, front);
	free(session->found);
	session->found = found;
	session->n_found = n;
	session->next_found = 0;
	session->searching = true;
	return CKR_OK;
}

/* With the lock, which is held again on CKR_OK alone. */
static CK_RV look_for(struct ks_front *front, CK_SESSION_HANDLE handle, const CK_ATTRIBUTE *attributes, CK_ULONG count,
		      struct ks_session **ret_session)
{
	struct ks_ask_key *keys;
	size_t n_keys;

	CK_RV rv = ks_look(front, KS_LOOK_OLD);
	if (rv != CKR_OK)
		return rv;
	rv = ks_session_find(front, handle, ret_session);
	if (rv == CKR_OK && choose_keys(front, (*ret_session)->slot, attributes, count, &keys, &n_keys) < 0)
		rv = CKR_HOST_MEMORY;
	if (rv != CKR_OK) {
		ks_front_leave();
		return rv;
	}
	rv = ks_look_at(front, keys, n_keys);
	if (rv != CKR_OK)
		return rv;
	rv = ks_session_find(front, handle, ret_session);
	if (rv != CKR_OK)
		ks_front_leave();
	return rv;
}

CK_RV ks_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE_PTR attributes, CK_ULONG count)
{
	struct ks_front *front;
	struct ks_session *session;

	if (!attributes && count > 0)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	if (session->searching) {
		ks_front_leave();
		return CKR_OPERATION_ACTIVE;
	}
	rv = look_for(front, handle, attributes, count, &session);
	if (rv != CKR_OK)
		return rv;
	rv = session->searching ? CKR_OPERATION_ACTIVE : collect(front, session, attributes, count);
	ks_front_leave();
	return rv;
}

CK_RV ks_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max, CK_ULONG_PTR count)
{
	struct ks_front *front;
	struct ks_session *session;

	if (!count || (!objects && max > 0))
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	if (session->searching) {
		CK_ULONG n = session->n_found - session->next_found;
		*count = n < max ? n : max;
		for (CK_ULONG i = 0; i < *count; i++)
			objects[i] = session->found[session->next_found++];
	} else {
		rv = CKR_OPERATION_NOT_INITIALIZED;
	}
	ks_front_leave();
	return rv;
}

CK_RV ks_FindObjectsFinal(CK_SESSION_HANDLE handle)
{
	struct ks_front *front;
	struct ks_session *session;

	CK_RV rv = ks_session_enter(handle, &front, &session);
	if (rv != CKR_OK)
		return rv;
	rv = session->searching ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
	ks_session_stop_search(session);
	ks_front_leave();
	return rv;
}
