/* SPDX-License-Identifier: Apache-2.0 */
/* object: see object.h. Runs in: keystay-token. */
#include "pkcs11/object.h"

#include <stdlib.h>
#include <string.h>

#include "pkcs11/ckr.h"

#define BATCH 128u /* handles of one C_FindObjects */

void ks_handles_deinit(struct ks_handles *handles)
{
	free(handles->handles);
	*handles = (struct ks_handles){ 0 };
}

/* --- finding ----------------------------------------------------------------------------------------------------- */

static bool make_room(struct ks_handles *handles)
{
	if (handles->capacity - handles->n >= BATCH)
		return true;
	size_t capacity = handles->capacity ? handles->capacity * 2 : BATCH;
	CK_OBJECT_HANDLE *grown = reallocarray(handles->handles, capacity, sizeof(*grown));
	if (!grown)
		return false;
	handles->handles = grown;
	handles->capacity = capacity;
	return true;
}

static bool contains(const CK_OBJECT_HANDLE *handles, size_t n, CK_OBJECT_HANDLE wanted)
{
	for (size_t i = 0; i < n; i++) {
		if (handles[i] == wanted)
			return true;
	}
	return false;
}

/* A module may give handles for ever, the same ones again, or say that it gave more than there was room for. */
static CK_RV collect(const struct ks_module *module, CK_SESSION_HANDLE session, size_t limit,
		     struct ks_handles *handles)
{
	for (;;) {
		CK_ULONG got = 0;
		if (!make_room(handles))
			return CKR_HOST_MEMORY;
		CK_RV rv = module->calls->C_FindObjects(session, handles->handles + handles->n, BATCH, &got);
		if (rv != CKR_OK)
			return rv;
		if (got > BATCH)
			return CKR_GENERAL_ERROR;
		/* The first one once more: the search goes round in circles. */
		if (handles->n > 0 && contains(handles->handles + handles->n, got, handles->handles[0]))
			return CKR_OK;
		handles->n += got;
		if (handles->n > limit) {
			handles->n = limit;
			handles->cut = true;
		}
		if (got == 0 || handles->cut)
			return CKR_OK;
	}
}

static int by_value(const void *a, const void *b)
{
	CK_OBJECT_HANDLE left = *(const CK_OBJECT_HANDLE *)a;
	CK_OBJECT_HANDLE right = *(const CK_OBJECT_HANDLE *)b;
	return left < right ? -1 : left > right;
}

/* Each object once, whatever the module says. */
static void drop_doubles(struct ks_handles *handles)
{
	size_t n = 0;

	if (handles->n > 1)
		qsort(handles->handles, handles->n, sizeof(handles->handles[0]), by_value);
	for (size_t i = 0; i < handles->n; i++) {
		if (n == 0 || handles->handles[n - 1] != handles->handles[i])
			handles->handles[n++] = handles->handles[i];
	}
	handles->n = n;
}

CK_RV ks_object_find(const struct ks_module *module, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template,
		     size_t n_template, size_t limit, struct ks_handles *handles)
{
	handles->n = 0;
	handles->cut = false;
	CK_RV rv = module->calls->C_FindObjectsInit(session, template, n_template);
	if (rv != CKR_OK)
		return rv;
	rv = collect(module, session, limit, handles);
	CK_RV end = module->calls->C_FindObjectsFinal(session);
	if (rv == CKR_OK)
		drop_doubles(handles);
	return rv != CKR_OK ? rv : end;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

void ks_object_memory_deinit(struct ks_object_memory *memory)
{
	free(memory->data);
	*memory = (struct ks_object_memory){ 0 };
}

static bool reserve(struct ks_object_memory *memory, size_t size)
{
	if (size <= memory->capacity)
		return true;
	uint8_t *grown = realloc(memory->data, size);
	if (!grown)
		return false;
	memory->data = grown;
	memory->capacity = size;
	return true;
}

/* PKCS#11 2.40 section 5.7.5: with these all attributes of the template were looked at, and those that cannot be had
 * are marked. */
static bool is_partial_success(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
	       rv == CKR_BUFFER_TOO_SMALL;
}

/* Which attributes are there, and how much memory do their values need? */
static CK_RV read_sizes(const struct ks_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			struct ks_attribute *attributes, size_t n, size_t *ret_total)
{
	CK_ATTRIBUTE template[KS_ATTRIBUTES_MAX];
	size_t total = 0;

	/* Marked beforehand, for modules that stop at the first attribute that cannot be had. */
	for (size_t i = 0; i < n; i++)
		template[i] = (CK_ATTRIBUTE){ attributes[i].type, NULL, CK_UNAVAILABLE_INFORMATION };
	CK_RV rv = module->calls->C_GetAttributeValue(session, object, template, n);
	if (!is_partial_success(rv))
		return rv;
	for (size_t i = 0; i < n; i++) {
		size_t size = template[i].ulValueLen;
		attributes[i].present = size != CK_UNAVAILABLE_INFORMATION && size <= attributes[i].max;
		attributes[i].value = KS_BYTES_NONE;
		if (!attributes[i].present)
			continue;
		attributes[i].value.size = size;
		total += size;
	}
	*ret_total = total;
	return CKR_OK;
}

CK_RV ks_object_read(const struct ks_module *module, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
		     struct ks_attribute *attributes, size_t n, struct ks_object_memory *memory)
{
	CK_ATTRIBUTE template[KS_ATTRIBUTES_MAX];
	struct ks_attribute *wanted[KS_ATTRIBUTES_MAX];
	CK_ULONG n_wanted = 0;
	size_t used = 0;

	if (n > KS_ATTRIBUTES_MAX)
		return CKR_ARGUMENTS_BAD;
	CK_RV rv = read_sizes(module, session, object, attributes, n, &used);
	if (rv != CKR_OK)
		return rv;
	if (!reserve(memory, used))
		return CKR_HOST_MEMORY;
	used = 0;
	for (size_t i = 0; i < n; i++) {
		size_t size = attributes[i].value.size;
		if (!attributes[i].present || size == 0)
			continue;
		template[n_wanted] = (CK_ATTRIBUTE){ attributes[i].type, memory->data + used, size };
		wanted[n_wanted++] = &attributes[i];
		used += size;
	}
	if (n_wanted == 0)
		return CKR_OK;
	rv = module->calls->C_GetAttributeValue(session, object, template, n_wanted);
	if (!is_partial_success(rv))
		return rv;
	for (CK_ULONG i = 0; i < n_wanted; i++) {
		/* Shorter than it was a moment ago is the module's right, longer is not. */
		wanted[i]->present = template[i].ulValueLen <= wanted[i]->value.size;
		wanted[i]->value = wanted[i]->present ? ks_bytes(template[i].pValue, template[i].ulValueLen) :
							KS_BYTES_NONE;
	}
	return CKR_OK;
}

bool ks_attribute_bool(const struct ks_attribute *attribute, bool fallback)
{
	return attribute->present && attribute->value.size == sizeof(CK_BBOOL) ? attribute->value.data[0] != CK_FALSE :
										 fallback;
}

CK_ULONG ks_attribute_number(const struct ks_attribute *attribute, CK_ULONG fallback)
{
	CK_ULONG number = fallback;

	if (attribute->present && attribute->value.size == sizeof(number))
		memcpy(&number, attribute->value.data, sizeof(number));
	return number;
}
