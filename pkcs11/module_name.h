/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_name: the file of a module that p11-kit knows by name ("p11-kit = opensc" in keystay.conf).
 *
 * Runs in: keystay-token. Reads p11-kit's .module files itself: p11-kit's own way to a module by name loads all the
 * other modules first, which would bring every vendor's code into this one process.
 */
#pragma once

#include "pkcs11/problem.h"

/* NAME.module is looked for in the user's, the system's and the packages' folder; the first that names a file counts.
 * The .module file must be as well protected as the module itself. ret_path is given and absolute. */
int ks_module_name_resolve(const char *name, char **ret_path, struct ks_problem *problem) KS_WARN_UNUSED;
