/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_profile: what is known of the usual modules, so that a user writes only [module "opensc"].
 *
 * Runs in: keystay-agent. Fills in the values of [module] sections that no file says; looks which of the usual paths
 * exists, opens nothing. Which profile: that of profile =, else the one whose file path = names, else the one that is
 * called like the section.
 */
#pragma once

#include "agent/settings_private.h"

/* NO_MEMORY. */
int ks_settings_profile(struct ks_settings *settings) KS_WARN_UNUSED;

/* Would this section get its file from a profile? */
bool ks_settings_profile_has_file(const struct ks_settings_section *section);

/* Is there a profile of this name ("none" counts)? */
bool ks_settings_profile_is_known(const char *name);

/* The first of at most n paths that exists, with "*" for the folder of this kind of machine's libraries (Debian's
 * multiarch); when none does, the first that could, so that it is found once it is installed. Given. NO_MEMORY. */
int ks_settings_profile_find(const char *const *patterns, size_t n, char **ret_path) KS_WARN_UNUSED;

/* For a warning: where its file may be, with commas between, and which packages have it. NO_MEMORY. */
int ks_settings_profile_describe(const char *name, struct ks_buffer *places, const char **ret_packages) KS_WARN_UNUSED;
