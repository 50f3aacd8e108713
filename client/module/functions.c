/* SPDX-License-Identifier: Apache-2.0 */
/*
 * functions: the tables that a program gets: PKCS#11 2.40 by C_GetFunctionList, 2.40 and 3.0 by C_GetInterfaceList. The
 * only three names that the module exports (module.map).
 *
 * Runs in: any program that loads the module.
 */
#include <stdbool.h>
#include <string.h>

#include "client/module/cryptoki.h"
#include "client/module/unsupported.h"

/* By these names for the linker alone: p11-kit's header declares them since 0.25, with types that 0.24 does not have. */
CK_RV ks_GetInterfaceList(struct ks_interface *given, CK_ULONG_PTR count) __asm__("C_GetInterfaceList");
CK_RV ks_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version, struct ks_interface **ret_interface,
		      CK_FLAGS flags) __asm__("C_GetInterface");

/* What both versions have alike. Named one by one: a hole is a crash in whoever calls into it. */
#define COMMON                                                                                                         \
	.C_Initialize = ks_Initialize, .C_Finalize = ks_Finalize, .C_GetFunctionList = C_GetFunctionList,              \
	.C_GetSlotList = ks_GetSlotList, .C_GetSlotInfo = ks_GetSlotInfo, .C_GetTokenInfo = ks_GetTokenInfo,           \
	.C_GetMechanismList = ks_GetMechanismList, .C_GetMechanismInfo = ks_GetMechanismInfo,                          \
	.C_InitToken = ks_no_init_token, .C_InitPIN = ks_no_input, .C_SetPIN = ks_no_two_inputs,                       \
	.C_OpenSession = ks_OpenSession, .C_CloseSession = ks_CloseSession, .C_CloseAllSessions = ks_CloseAllSessions, \
	.C_GetSessionInfo = ks_GetSessionInfo, .C_GetOperationState = ks_no_output,                                    \
	.C_SetOperationState = ks_no_state, .C_Login = ks_Login, .C_Logout = ks_Logout,                                \
	.C_CreateObject = ks_no_create, .C_CopyObject = ks_no_copy, .C_DestroyObject = ks_no_object,                   \
	.C_GetObjectSize = ks_no_size, .C_GetAttributeValue = ks_GetAttributeValue, .C_SetAttributeValue = ks_no_set,  \
	.C_FindObjectsInit = ks_FindObjectsInit, .C_FindObjects = ks_FindObjects,                                      \
	.C_FindObjectsFinal = ks_FindObjectsFinal, .C_EncryptInit = ks_no_init, .C_Encrypt = ks_no_transform,          \
	.C_EncryptUpdate = ks_no_transform, .C_EncryptFinal = ks_no_output, .C_DecryptInit = ks_no_init,               \
	.C_Decrypt = ks_no_transform, .C_DecryptUpdate = ks_no_transform, .C_DecryptFinal = ks_no_output,              \
	.C_DigestInit = ks_no_digest_init, .C_Digest = ks_no_transform, .C_DigestUpdate = ks_no_input,                 \
	.C_DigestKey = ks_no_object, .C_DigestFinal = ks_no_output, .C_SignInit = ks_SignInit, .C_Sign = ks_Sign,      \
	.C_SignUpdate = ks_SignUpdate, .C_SignFinal = ks_SignFinal, .C_SignRecoverInit = ks_no_init,                   \
	.C_SignRecover = ks_no_transform, .C_VerifyInit = ks_no_init, .C_Verify = ks_no_two_inputs,                    \
	.C_VerifyUpdate = ks_no_input, .C_VerifyFinal = ks_no_input, .C_VerifyRecoverInit = ks_no_init,                \
	.C_VerifyRecover = ks_no_transform, .C_DigestEncryptUpdate = ks_no_transform,                                  \
	.C_DecryptDigestUpdate = ks_no_transform, .C_SignEncryptUpdate = ks_no_transform,                              \
	.C_DecryptVerifyUpdate = ks_no_transform, .C_GenerateKey = ks_no_generate,                                     \
	.C_GenerateKeyPair = ks_no_generate_pair, .C_WrapKey = ks_no_wrap, .C_UnwrapKey = ks_no_unwrap,                \
	.C_DeriveKey = ks_no_derive, .C_SeedRandom = ks_no_input, .C_GenerateRandom = ks_no_input,                     \
	.C_GetFunctionStatus = ks_no_parallel, .C_CancelFunction = ks_no_parallel,                                     \
	.C_WaitForSlotEvent = ks_WaitForSlotEvent

static CK_FUNCTION_LIST list_2_40 = { .version = { .major = 2, .minor = 40 }, .C_GetInfo = ks_GetInfo, COMMON };

#define CRYPT                                                                                                          \
	{                                                                                                              \
		ks_no_init, ks_no_message, ks_no_message_begin, ks_no_message_next, ks_no_message_final                \
	}

static struct ks_function_list_3_0 list_3_0 = {
	.base = { .version = { .major = 3, .minor = 0 }, .C_GetInfo = ks_GetInfo_3_0, COMMON },
	.get_interface_list = ks_GetInterfaceList,
	.get_interface = ks_GetInterface,
	.login_user = ks_LoginUser,
	.session_cancel = ks_SessionCancel,
	.crypt = { CRYPT, CRYPT },
	.message_sign_init = ks_no_init,
	.sign_message = ks_no_message_sign,
	.sign_message_begin = ks_no_message_sign_begin,
	.sign_message_next = ks_no_message_sign,
	.message_sign_final = ks_no_message_final,
	.message_verify_init = ks_no_init,
	.verify_message = ks_no_message_verify,
	.verify_message_begin = ks_no_message_sign_begin,
	.verify_message_next = ks_no_message_verify,
	.message_verify_final = ks_no_message_final,
};

static char interface_name[] = "PKCS 11";

/* The first one is what a program gets that asks for any (PKCS#11 3.0 section 5.4.6). No CKF_INTERFACE_FORK_SAFE: a
 * child calls C_Initialize. */
static struct ks_interface interfaces[] = {
	{ interface_name, &list_3_0, 0 },
	{ interface_name, &list_2_40, 0 },
};

#define N_INTERFACES (sizeof(interfaces) / sizeof(interfaces[0]))

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list)
{
	if (!list)
		return CKR_ARGUMENTS_BAD;
	*list = &list_2_40;
	return CKR_OK;
}

__attribute__((visibility("default"))) CK_RV ks_GetInterfaceList(struct ks_interface *given, CK_ULONG_PTR count)
{
	if (!count)
		return CKR_ARGUMENTS_BAD;
	CK_ULONG room = *count;
	*count = N_INTERFACES;
	if (!given)
		return CKR_OK;
	if (room < N_INTERFACES)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(given, interfaces, sizeof(interfaces));
	return CKR_OK;
}

/* Every function list begins with its version. */
static bool is_wanted(const struct ks_interface *interface, const CK_UTF8CHAR *name, const CK_VERSION *version,
		      CK_FLAGS flags)
{
	CK_VERSION has;

	memcpy(&has, interface->functions, sizeof(has));
	return (!name || strcmp((const char *)name, interface->name) == 0) &&
	       (!version || (version->major == has.major && version->minor == has.minor)) &&
	       (flags & ~interface->flags) == 0;
}

__attribute__((visibility("default"))) CK_RV ks_GetInterface(CK_UTF8CHAR_PTR name, CK_VERSION_PTR version,
							     struct ks_interface **ret_interface, CK_FLAGS flags)
{
	if (!ret_interface)
		return CKR_ARGUMENTS_BAD;
	for (size_t i = 0; i < N_INTERFACES; i++) {
		if (!is_wanted(&interfaces[i], name, version, flags))
			continue;
		*ret_interface = &interfaces[i];
		return CKR_OK;
	}
	return CKR_FUNCTION_FAILED;
}
