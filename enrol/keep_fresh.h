/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keep_fresh: PEM files that `keystay cert NAME -o FILE --keep-fresh` wrote, written anew when the certificate of their
 * key is another one.
 *
 * Runs in: keystay-enroll. What is kept is in FOLDER/enrol/keep-fresh.json. A file is replaced as a whole, with the
 * mode and the owner that it has; one that somebody has removed is kept no longer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "enrol/base/problem.h"

/* Writes file (mode 0600 when it is new) and keeps it fresh from now on. name: as in GET; no_key: certificates alone. */
int ks_keep_fresh_add(const char *folder, const char *name, const char *file, bool no_key,
		      struct ks_enrol_problem *problem) KS_WARN_UNUSED;

/* Brings all of them up to date. What goes wrong with one is said, and does not stop the others. ret_n: how many were
 * written. */
int ks_keep_fresh_run(const char *folder, size_t *ret_n, struct ks_enrol_problem *problem) KS_WARN_UNUSED;
