/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim: what the files of keystay-shim.so share. What the module can do stands at the head of shim.c.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stddef.h>

/* The functions of the module behind the shim. */
CK_FUNCTION_LIST *shim_real(void);

struct shim_name {
	const char *name;
	CK_ULONG number;
};

/* Is the card out? The first time that it is seen to be, all real sessions are closed. */
int shim_is_absent(void);

/* Is number named in a line "SETTING NAME"? */
int shim_names(const char *setting, const struct shim_name *names, size_t n_names, CK_ULONG number);

/* shim_object.c */
CK_RV shim_find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG n);
CK_RV shim_find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *n);
CK_RV shim_find_objects_final(CK_SESSION_HANDLE session);
CK_RV shim_get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG n);

/* shim_write.c: puts its functions into the list. */
void shim_write_fill(CK_FUNCTION_LIST *list);

/* shim_sign.c */
CK_RV shim_get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *n);
CK_RV shim_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
CK_RV shim_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size);
