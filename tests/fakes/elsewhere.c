/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elsewhere: keystay-elsewhere.so, SoftHSM with tokens of its own. Two modules of one agent share its environment and
 * would otherwise see the same tokens.
 *
 * Runs in: keystay-token, for tests only. Environment: KEYSTAY_ELSEWHERE_CONF stands in for SOFTHSM2_CONF.
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdlib.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	const char *configuration = getenv("KEYSTAY_ELSEWHERE_CONF");
	CK_C_GetFunctionList real;

	if (!configuration || setenv("SOFTHSM2_CONF", configuration, 1) < 0)
		return CKR_ARGUMENTS_BAD;
	void *library = dlopen(SOFTHSM, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return CKR_GENERAL_ERROR;
	*(void **)&real = dlsym(library, "C_GetFunctionList");
	return real ? real(list) : CKR_GENERAL_ERROR;
}
