/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cryptoki: the functions of this module, and what of PKCS#11 3.0 p11-kit's header lacks before 0.25.
 *
 * Names and meanings are those of PKCS#11 2.40 and 3.0, section 5 of the base specifications: ks_NAME is C_NAME, in the
 * file that stands above it here. What is not here answers CKR_FUNCTION_NOT_SUPPORTED (unsupported.h).
 *
 * Runs in: any program that loads keystay-pkcs11.so, in all of its threads.
 */
#pragma once

#include <p11-kit/pkcs11.h>

/* --- PKCS#11 3.0 ------------------------------------------------------------------------------------------------- */

#define KS_CKR_OPERATION_CANCEL_FAILED 0x202UL
#define KS_CKF_FIND_OBJECTS 0x40UL
#define KS_CERTIFICATE_TOKEN_USER 1UL /* CKA_CERTIFICATE_CATEGORY */
#define KS_CERTIFICATE_AUTHORITY 2UL

/* CK_INTERFACE: one element of what C_GetInterfaceList gives. */
struct ks_interface {
	char *name;
	void *functions;
	CK_FLAGS flags;
};

/* CK_FUNCTION_LIST_3_0: all of 2.40, then 24 more. */
struct ks_function_list_3_0 {
	CK_FUNCTION_LIST base;
	CK_RV (*get_interface_list)(struct ks_interface *interfaces, CK_ULONG_PTR count);
	CK_RV(*get_interface)
	(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, struct ks_interface **interface, CK_FLAGS flags);
	CK_RV (*login_user)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_ULONG, CK_UTF8CHAR_PTR, CK_ULONG);
	CK_RV (*session_cancel)(CK_SESSION_HANDLE, CK_FLAGS);
	struct { /* of encryption, then of decryption */
		CK_RV (*message_init)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
		CK_RV(*message)
		(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR,
		 CK_ULONG_PTR);
		CK_RV (*message_begin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG);
		CK_RV(*message_next)
		(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR, CK_FLAGS);
		CK_RV (*message_final)(CK_SESSION_HANDLE);
	} crypt[2];
	CK_RV (*message_sign_init)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
	CK_RV(*sign_message)
	(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
	CK_RV (*sign_message_begin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG);
	CK_RV(*sign_message_next)
	(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
	CK_RV (*message_sign_final)(CK_SESSION_HANDLE);
	CK_RV (*message_verify_init)(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
	CK_RV (*verify_message)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG);
	CK_RV (*verify_message_begin)(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG);
	CK_RV(*verify_message_next)
	(CK_SESSION_HANDLE, CK_VOID_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG);
	CK_RV (*message_verify_final)(CK_SESSION_HANDLE);
};

/* --- general.c --------------------------------------------------------------------------------------------------- */

CK_RV ks_Initialize(CK_VOID_PTR init_args);
CK_RV ks_Finalize(CK_VOID_PTR reserved);
CK_RV ks_GetInfo(CK_INFO_PTR info);
CK_RV ks_GetInfo_3_0(CK_INFO_PTR info); /* the same, and says so */

/* --- slot.c ------------------------------------------------------------------------------------------------------ */

CK_RV ks_GetSlotList(CK_BBOOL token_present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count);
CK_RV ks_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO_PTR info);
CK_RV ks_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info);
CK_RV ks_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID_PTR slot, CK_VOID_PTR reserved);

/* --- mechanism.c ------------------------------------------------------------------------------------------------- */

CK_RV ks_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR mechanisms, CK_ULONG_PTR count);
CK_RV ks_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info);

/* --- session.c --------------------------------------------------------------------------------------------------- */

CK_RV ks_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
		     CK_SESSION_HANDLE_PTR session);
CK_RV ks_CloseSession(CK_SESSION_HANDLE session);
CK_RV ks_CloseAllSessions(CK_SLOT_ID slot);
CK_RV ks_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info);
CK_RV ks_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user_type, CK_UTF8CHAR_PTR pin, CK_ULONG pin_size);
CK_RV ks_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user_type, CK_UTF8CHAR_PTR pin, CK_ULONG pin_size,
		   CK_UTF8CHAR_PTR name, CK_ULONG name_size);
CK_RV ks_Logout(CK_SESSION_HANDLE session);
CK_RV ks_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags);

/* --- object.c ---------------------------------------------------------------------------------------------------- */

CK_RV ks_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_PTR attributes,
			   CK_ULONG count);
CK_RV ks_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR attributes, CK_ULONG count);
CK_RV ks_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max, CK_ULONG_PTR count);
CK_RV ks_FindObjectsFinal(CK_SESSION_HANDLE session);

/* --- sign.c ------------------------------------------------------------------------------------------------------ */

CK_RV ks_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key);
CK_RV ks_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG size, CK_BYTE_PTR signature,
	      CK_ULONG_PTR signature_size);
CK_RV ks_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE_PTR part, CK_ULONG size);
CK_RV ks_SignFinal(CK_SESSION_HANDLE session, CK_BYTE_PTR signature, CK_ULONG_PTR signature_size);
