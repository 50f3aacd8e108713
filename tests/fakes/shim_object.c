/* SPDX-License-Identifier: Apache-2.0 */
/* shim_object: what the shim does to searches and attributes. See shim.c. Runs in: keystay-token, for tests only. */
#include "tests/fakes/shim.h"

#include <string.h>

#include "tests/fakes/shim_script.h"

#define GARBAGE_RV 0xdeadbeefUL
#define GARBAGE_COUNT 0x7fffffffUL
#define GARBAGE_SIZE (1UL << 48) /* more than any machine has */
#define NO_CLASS 0x80000042UL    /* of no object */
#define POINT_SIZE 256

static const struct shim_name class_names[] = {
	{ "CKO_PUBLIC_KEY", CKO_PUBLIC_KEY },
	{ "CKO_PRIVATE_KEY", CKO_PRIVATE_KEY },
	{ "CKO_CERTIFICATE", CKO_CERTIFICATE },
};

static const struct shim_name attribute_names[] = {
	{ "CKA_ID", CKA_ID },
	{ "CKA_LABEL", CKA_LABEL },
	{ "CKA_MODULUS", CKA_MODULUS },
	{ "CKA_PUBLIC_EXPONENT", CKA_PUBLIC_EXPONENT },
	{ "CKA_EC_PARAMS", CKA_EC_PARAMS },
	{ "CKA_EC_POINT", CKA_EC_POINT },
	{ "CKA_VALUE", CKA_VALUE },
	{ "CKA_SIGN", CKA_SIGN },
	{ "CKA_ALWAYS_AUTHENTICATE", CKA_ALWAYS_AUTHENTICATE },
	{ "CKA_TOKEN", CKA_TOKEN },
	{ "CKA_SENSITIVE", CKA_SENSITIVE },
	{ "CKA_EXTRACTABLE", CKA_EXTRACTABLE },
	{ "CKA_NEVER_EXTRACTABLE", CKA_NEVER_EXTRACTABLE },
	{ "CKA_DECRYPT", CKA_DECRYPT },
	{ "CKA_DERIVE", CKA_DERIVE },
};

#define N(names) (sizeof(names) / sizeof(names[0]))

CK_RV shim_find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n)
{
	struct shim_call call = shim_enter("C_FindObjectsInit", NULL);
	CK_OBJECT_CLASS none = NO_CLASS;
	CK_ATTRIBUTE changed[8];

	if (call.act == SHIM_RETURN || call.act == SHIM_GARBAGE)
		return call.act == SHIM_RETURN ? call.rv : GARBAGE_RV;
	if (n > N(changed))
		return CKR_ARGUMENTS_BAD;
	(void)shim_is_absent();
	for (CK_ULONG i = 0; i < n; i++) {
		CK_OBJECT_CLASS class = NO_CLASS;
		changed[i] = template[i];
		if (template[i].type != CKA_CLASS || template[i].ulValueLen != sizeof(class))
			continue;
		memcpy(&class, template[i].pValue, sizeof(class));
		if (call.act == SHIM_WRONG || shim_names("objects-without", class_names, N(class_names), class))
			changed[i].pValue = &none;
	}
	return shim_leave(&call, shim_real()->C_FindObjectsInit(session, changed, n));
}

CK_RV shim_find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *n)
{
	static CK_OBJECT_HANDLE seen; /* one that exists, to be given for ever */
	struct shim_call call = shim_enter("C_FindObjects", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	CK_RV rv = shim_real()->C_FindObjects(session, objects, room, n);
	if (rv == CKR_OK && *n > 0)
		seen = objects[0];
	if (call.act == SHIM_GARBAGE)
		*n = GARBAGE_COUNT;
	if (call.act == SHIM_WRONG) {
		for (CK_ULONG i = 0; i < room; i++)
			objects[i] = seen;
		*n = room;
	}
	return shim_leave(&call, rv);
}

CK_RV shim_find_objects_final(CK_SESSION_HANDLE session)
{
	struct shim_call call = shim_enter("C_FindObjectsFinal", NULL);

	if (call.act == SHIM_RETURN || call.act == SHIM_GARBAGE)
		return call.act == SHIM_RETURN ? call.rv : GARBAGE_RV;
	return call.act == SHIM_WRONG ? CKR_OK : shim_leave(&call, shim_real()->C_FindObjectsFinal(session));
}

/* Takes the OCTET STRING off a CKA_EC_POINT, which the object may not have. */
static CK_RV make_raw(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attribute, CK_RV rv)
{
	CK_BYTE point[POINT_SIZE];
	CK_ATTRIBUTE whole = { CKA_EC_POINT, point, sizeof(point) };

	if (shim_real()->C_GetAttributeValue(session, object, &whole, 1) != CKR_OK || whole.ulValueLen < 3)
		return rv;
	CK_ULONG head = point[1] & 0x80 ? 2 + (point[1] & 0x7fu) : 2;
	CK_ULONG size = whole.ulValueLen - head;
	if (attribute->pValue)
		memcpy(attribute->pValue, point + head, size);
	attribute->ulValueLen = size;
	/* The real module was given room for the bare point only. */
	return rv == CKR_BUFFER_TOO_SMALL ? CKR_OK : rv;
}

static void flip(CK_ATTRIBUTE *attribute)
{
	CK_BBOOL *value = attribute->pValue;

	if (value && attribute->ulValueLen == sizeof(*value) &&
	    shim_names("attributes-flip", attribute_names, N(attribute_names), attribute->type))
		*value = *value ? CK_FALSE : CK_TRUE;
}

static void spoil(CK_ATTRIBUTE *attribute, enum shim_act act)
{
	CK_BYTE *value = attribute->pValue;

	if (act == SHIM_GARBAGE)
		attribute->ulValueLen = GARBAGE_SIZE;
	else if (act == SHIM_WRONG && value && attribute->ulValueLen > 8 &&
		 attribute->ulValueLen != CK_UNAVAILABLE_INFORMATION)
		value[attribute->ulValueLen / 2] ^= 1;
}

CK_RV shim_get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
	struct shim_call call = shim_enter("C_GetAttributeValue", NULL);

	if (call.act == SHIM_RETURN)
		return call.rv;
	CK_RV rv = shim_real()->C_GetAttributeValue(session, object, template, n);
	for (CK_ULONG i = 0; i < n; i++) {
		if (template[i].type == CKA_EC_POINT && shim_has("points-raw", NULL))
			rv = make_raw(session, object, &template[i], rv);
		if (shim_names("attributes-without", attribute_names, N(attribute_names), template[i].type)) {
			template[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
			rv = rv == CKR_OK ? CKR_ATTRIBUTE_TYPE_INVALID : rv;
		}
		flip(&template[i]);
		spoil(&template[i], call.act);
		if (template[i].type == CKA_VALUE && shim_has("certificates-changed", NULL))
			spoil(&template[i], SHIM_WRONG);
	}
	return shim_leave(&call, rv);
}
