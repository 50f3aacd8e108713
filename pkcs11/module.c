/* SPDX-License-Identifier: Apache-2.0 */
/* module: see module.h. Runs in: keystay-token. */
#include "pkcs11/module.h"

#include <p11-kit/p11-kit.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "pkcs11/ckr.h"
#include "pkcs11/label.h"

#define OWN_FILE_NAME "keystay-pkcs11.so"
#define OWN_DESCRIPTION "keystay"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static int check_path(const char *path, char **ret_resolved, struct ks_problem *problem)
{
	struct ks_path_problem why = { .path = "", .text = "" };
	KS_AUTO_FREE char *resolved = NULL;

	int r = ks_path_check_trusted(path, &resolved, &why);
	if (r < 0)
		return ks_problem_set(problem, r, "%s %s", why.path, why.text);
	if (strcmp(base_name(path), OWN_FILE_NAME) == 0 || strcmp(base_name(resolved), OWN_FILE_NAME) == 0)
		return ks_problem_set(problem, KS_ERR_DENIED,
				      "%s is keystay's own module; name the module of the token instead", path);
	*ret_resolved = KS_STEAL(resolved);
	return 0;
}

/* Lists with holes exist; what is called below must be there. */
static bool has_all_calls(const CK_FUNCTION_LIST *calls)
{
	return calls->C_Initialize && calls->C_Finalize && calls->C_GetInfo && calls->C_GetSlotList &&
	       calls->C_GetSlotInfo && calls->C_GetTokenInfo && calls->C_GetMechanismList && calls->C_OpenSession &&
	       calls->C_CloseSession && calls->C_CloseAllSessions && calls->C_GetSessionInfo && calls->C_Login &&
	       calls->C_Logout && calls->C_GetAttributeValue && calls->C_FindObjectsInit && calls->C_FindObjects &&
	       calls->C_FindObjectsFinal && calls->C_SignInit && calls->C_Sign;
}

/* One form for all. Where the standard has pReserved, NSS has its LibraryParameters, and its own pReserved behind, which
 * must be there and NULL. Modules that take nothing insist on NULL for both. */
struct arguments {
	CK_C_INITIALIZE_ARGS standard;
	void *nss_reserved;
};

/* Not by p11_kit_module_initialize(): for a module that is loaded unmanaged it passes no arguments, which by PKCS#11
 * 2.40 section 5.4 promises that one thread alone will call, and SoftHSM then leaves out its locks. */
static CK_RV initialize(struct ks_module *module, const char *init_args)
{
	/* Cryptoki has no const. */
	struct arguments arguments = { .standard = { .flags = CKF_OS_LOCKING_OK,
						     .pReserved = (void *)(uintptr_t)init_args } };

	CK_RV rv = module->calls->C_Initialize(&arguments.standard);
	if (rv != CKR_CANT_LOCK)
		return rv;
	module->threads = false;
	arguments.standard.flags = 0;
	return module->calls->C_Initialize(init_args ? &arguments.standard : NULL);
}

static void describe(struct ks_module *module)
{
	CK_INFO info;

	memset(&info, 0, sizeof(info));
	if (module->calls->C_GetInfo(&info) == CKR_OK)
		ks_label_read(ks_bytes(info.libraryDescription, sizeof(info.libraryDescription)), module->description,
			      sizeof(module->description));
}

/* The file name is no proof; what the module says of itself is closer to one. */
static bool is_keystay(const struct ks_module *module)
{
	return strncmp(module->description, OWN_DESCRIPTION, strlen(OWN_DESCRIPTION)) == 0;
}

int ks_module_load(const char *path, const char *init_args, struct ks_module *ret_module, struct ks_problem *problem)
{
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_module module = { .threads = true };

	int r = check_path(path, &resolved, problem);
	if (r < 0)
		return r;
	/* Unmanaged: its own functions without a layer around them. There is no fork here to be kept safe in. */
	module.calls = p11_kit_module_load(resolved, P11_KIT_MODULE_UNMANAGED | P11_KIT_MODULE_CRITICAL);
	if (!module.calls) {
		const char *message = p11_kit_message();
		return ks_problem_set(problem, KS_ERR_MODULE_FAILED, "%s", message ? message : "it cannot be loaded");
	}
	if (!has_all_calls(module.calls))
		return ks_problem_set(problem, KS_ERR_MODULE_FAILED, "%s lacks functions of PKCS#11", resolved);
	CK_RV rv = initialize(&module, init_args);
	if (rv != CKR_OK)
		return ks_ckr_problem(problem, rv, resolved, "C_Initialize");
	describe(&module);
	if (is_keystay(&module))
		return ks_problem_set(problem, KS_ERR_DENIED,
				      "%s leads to keystay's own module; name the module of the token instead",
				      resolved);
	module.path = KS_STEAL(resolved);
	*ret_module = module;
	return 0;
}

void ks_module_finalize(const struct ks_module *module)
{
	/* Not by p11-kit: it waits for locks of its own, and keeps no count of a module that could not lock. */
	(void)module->calls->C_Finalize(NULL);
}
