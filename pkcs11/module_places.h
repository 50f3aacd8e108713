/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_places: which files a module needs: what everyone reads, its own folder, and where modules that are known keep
 * their tokens.
 *
 * Runs in: keystay-token. Reads the environment and SoftHSM's configuration. To add a module: a row of the table.
 */
#pragma once

#include <stddef.h>

#include "lib/base/error.h"
#include "pkcs11/confine.h"

#define KS_MODULE_PLACES_MAX 48u

struct ks_module_places {
	struct ks_confine_place at[KS_MODULE_PLACES_MAX];
	size_t n;
	char *texts[KS_MODULE_PLACES_MAX]; /* owned */
	size_t n_texts;
};

/* profile: as in keystay.conf, or NULL. path: the module's file. init_args may be NULL; NSS has its folder in them. LIMIT
 * when there are too many. */
int ks_module_places_find(const char *profile, const char *path, const char *init_args,
			  struct ks_module_places *ret_places) KS_WARN_UNUSED;
void ks_module_places_deinit(struct ks_module_places *places);
