/* SPDX-License-Identifier: Apache-2.0 */
/* shim_write: what the shim does to calls that change a token. See shim.c. Runs in: keystay-token, for tests only. */
#include "tests/fakes/shim.h"

#include <stdio.h>
#include <string.h>

#include "tests/fakes/shim_script.h"

#define GARBAGE_RV 0xdeadbeefUL
#define VALUE_MAX 65536

/* Is the real function to be left alone? Then this is the answer. */
static int is_answered(const struct shim_call *call, CK_RV *rv)
{
	*rv = call->act == SHIM_RETURN ? call->rv : call->act == SHIM_GARBAGE ? GARBAGE_RV : CKR_OK;
	return call->act != SHIM_CALL && call->act != SHIM_RETURN_AFTER;
}

static CK_OBJECT_HANDLE first_of_class(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE template[] = { { CKA_CLASS, &class, sizeof(class) } };
	CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
	CK_ULONG n = 0;

	if (shim_real()->C_FindObjectsInit(session, template, 1) != CKR_OK)
		return CK_INVALID_HANDLE;
	(void)shim_real()->C_FindObjects(session, &object, 1, &n);
	(void)shim_real()->C_FindObjectsFinal(session);
	return n > 0 ? object : CK_INVALID_HANDLE;
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public,
			       CK_ULONG n_public, CK_ATTRIBUTE *private, CK_ULONG n_private,
			       CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
	char detail[32];
	CK_RV rv;

	(void)snprintf(detail, sizeof(detail), "0x%lx", mechanism->mechanism);
	struct shim_call call = shim_enter("C_GenerateKeyPair", detail);
	if (call.act == SHIM_WRONG) {
		*public_key = first_of_class(session, CKO_PUBLIC_KEY);
		*private_key = first_of_class(session, CKO_PRIVATE_KEY);
		return CKR_OK;
	}
	if (is_answered(&call, &rv))
		return rv;
	CK_OBJECT_HANDLE before = first_of_class(session, CKO_PRIVATE_KEY);
	rv = shim_real()->C_GenerateKeyPair(session, mechanism, public, n_public, private, n_private, public_key,
					    private_key);
	if (rv == CKR_OK && shim_has("generated", "old-private-key"))
		*private_key = before;
	return shim_leave(&call, rv);
}

static CK_RV create_object(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n, CK_OBJECT_HANDLE *object)
{
	static CK_BYTE changed[VALUE_MAX];
	struct shim_call call = shim_enter("C_CreateObject", NULL);
	CK_RV rv;

	for (CK_ULONG i = 0; call.act == SHIM_WRONG && i < n; i++) {
		if (template[i].type != CKA_VALUE || template[i].ulValueLen > sizeof(changed))
			continue;
		memcpy(changed, template[i].pValue, template[i].ulValueLen);
		changed[template[i].ulValueLen - 1] ^= 1;
		template[i].pValue = changed;
	}
	if (call.act != SHIM_WRONG && is_answered(&call, &rv))
		return rv;
	rv = shim_real()->C_CreateObject(session, template, n, object);
	if (rv == CKR_OK && shim_has("created", "private-key"))
		*object = first_of_class(session, CKO_PRIVATE_KEY);
	return shim_leave(&call, rv);
}

static CK_RV set_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n)
{
	struct shim_call call = shim_enter("C_SetAttributeValue", NULL);
	CK_RV rv;

	return is_answered(&call, &rv) ?
		       rv :
		       shim_leave(&call, shim_real()->C_SetAttributeValue(session, object, template, n));
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
	struct shim_call call = shim_enter("C_DestroyObject", NULL);
	CK_RV rv;

	return is_answered(&call, &rv) ? rv : shim_leave(&call, shim_real()->C_DestroyObject(session, object));
}

static CK_RV init_token(CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG size, CK_UTF8CHAR *label)
{
	struct shim_call call = shim_enter("C_InitToken", NULL);
	CK_RV rv;

	return is_answered(&call, &rv) ? rv : shim_leave(&call, shim_real()->C_InitToken(slot, pin, size, label));
}

static CK_RV init_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG size)
{
	struct shim_call call = shim_enter("C_InitPIN", NULL);
	CK_RV rv;

	return is_answered(&call, &rv) ? rv : shim_leave(&call, shim_real()->C_InitPIN(session, pin, size));
}

static CK_RV set_pin(CK_SESSION_HANDLE session, CK_UTF8CHAR *old_pin, CK_ULONG old_size, CK_UTF8CHAR *new_pin,
		     CK_ULONG new_size)
{
	struct shim_call call = shim_enter("C_SetPIN", NULL);
	CK_RV rv;

	return is_answered(&call, &rv) ?
		       rv :
		       shim_leave(&call, shim_real()->C_SetPIN(session, old_pin, old_size, new_pin, new_size));
}

void shim_write_fill(CK_FUNCTION_LIST *list)
{
	list->C_GenerateKeyPair = generate_key_pair;
	list->C_CreateObject = create_object;
	list->C_SetAttributeValue = set_attribute_value;
	list->C_DestroyObject = destroy_object;
	list->C_InitToken = init_token;
	list->C_InitPIN = init_pin;
	list->C_SetPIN = set_pin;
}
