/* SPDX-License-Identifier: Apache-2.0 */
/*
 * general: C_Initialize, C_Finalize, C_GetInfo (PKCS#11 2.40 section 5.4).
 *
 * Runs in: any program. C_Initialize asks nobody: a program that loads every module it finds pays nothing for this one
 * until it looks at slots.
 */
#include "client/module/cryptoki.h"

#include <stdio.h>

#include "client/module/front.h"
#include "client/module/padded.h"

/* The lock is pthread's. A program that brings functions of its own and does not allow that has threads of another
 * kind. */
static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *arguments)
{
	if (!arguments)
		return CKR_OK;
	if (arguments->pReserved)
		return CKR_ARGUMENTS_BAD;
	unsigned n_functions = (arguments->CreateMutex ? 1u : 0u) + (arguments->DestroyMutex ? 1u : 0u) +
			       (arguments->LockMutex ? 1u : 0u) + (arguments->UnlockMutex ? 1u : 0u);
	if (n_functions != 0 && n_functions != 4)
		return CKR_ARGUMENTS_BAD;
	return n_functions == 4 && !(arguments->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

CK_RV ks_Initialize(CK_VOID_PTR init_args)
{
	CK_RV rv = check_arguments(init_args);
	return rv == CKR_OK ? ks_front_init() : rv;
}

CK_RV ks_Finalize(CK_VOID_PTR reserved)
{
	return reserved ? CKR_ARGUMENTS_BAD : ks_front_deinit();
}

/* "0.1.0" */
static CK_VERSION library_version(void)
{
	unsigned major = 0, minor = 0;

	(void)sscanf(KEYSTAY_VERSION, "%3u.%3u", &major, &minor);
	return (CK_VERSION){ .major = (CK_BYTE)major, .minor = (CK_BYTE)minor };
}

static CK_RV get_info(CK_INFO_PTR info, CK_VERSION version)
{
	struct ks_front *front;

	CK_RV rv = ks_front_enter(&front);
	if (rv != CKR_OK)
		return rv;
	ks_front_leave();
	if (!info)
		return CKR_ARGUMENTS_BAD;
	*info = (CK_INFO){ .cryptokiVersion = version, .libraryVersion = library_version() };
	ks_padded(info->manufacturerID, sizeof(info->manufacturerID), "keystay");
	/* keystay-token knows its own kind by this word, and refuses it. */
	ks_padded(info->libraryDescription, sizeof(info->libraryDescription), "keystay PKCS#11 module");
	return CKR_OK;
}

CK_RV ks_GetInfo(CK_INFO_PTR info)
{
	return get_info(info, (CK_VERSION){ .major = 2, .minor = 40 });
}

CK_RV ks_GetInfo_3_0(CK_INFO_PTR info)
{
	return get_info(info, (CK_VERSION){ .major = 3, .minor = 0 });
}
