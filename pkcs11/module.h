/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module: the one PKCS#11 module of this process: checked, loaded by p11-kit, initialised, finalised.
 *
 * Runs in: keystay-token. From the moment of loading vendor code runs in this process; whoever it trusts it with (the
 * agent) treats all of the process as hostile.
 */
#pragma once

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "pkcs11/problem.h"

struct ks_module {
	CK_FUNCTION_LIST *calls; /* borrowed, until the process ends */
	bool threads;            /* false: the module cannot lock, so one call at a time */
	const char *path;        /* of its file, resolved; as long as the process */
	char description[33];    /* what it says of itself: libraryDescription */
};

/* Loads and initialises the module at path (absolute). Refused are files that others could change
 * (ks_path_check_trusted()) and keystay's own module, which would ask the agent that asks us. The module is never
 * unloaded: vendors' exit handlers crash. init_args: what some modules want to be told at C_Initialize, else NULL. */
int ks_module_load(const char *path, const char *init_args, struct ks_module *ret_module, struct ks_problem *problem)
	KS_WARN_UNUSED;

/* C_Finalize. It may hang; the caller watches. */
void ks_module_finalize(const struct ks_module *module);
