/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_profile: see settings_profile.h. Runs in: keystay-agent.
 *
 * To add a module: a row of profiles. Paths are tried in their order, "*" standing for any one folder (Debian's
 * multiarch folder).
 */
#include "agent/settings_profile.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define PATHS_MAX 5

struct profile {
	const char *name;
	const char *file; /* part of its file's name */
	const char *paths[PATHS_MAX];
	const char *values[KS_MODULE_N]; /* of the other keys */
};

/* OpenSC and ykcs11: one card does one thing at a time, so more sessions gain nothing and cost APDUs. */
static const struct profile profiles[] = {
	{ .name = "opensc",
	  .file = "opensc-pkcs11",
	  .paths = { "/usr/lib/*/opensc-pkcs11.so", "/usr/lib64/opensc-pkcs11.so", "/usr/lib/opensc-pkcs11.so",
		     "/usr/lib/pkcs11/opensc-pkcs11.so" },
	  .values = { [KS_MODULE_SESSIONS] = "1" } },
	{ .name = "ykcs11",
	  .file = "libykcs11",
	  .paths = { "/usr/lib/*/libykcs11.so.2", "/usr/lib64/libykcs11.so.2", "/usr/lib/libykcs11.so" },
	  .values = { [KS_MODULE_SESSIONS] = "1" } },
	{ .name = "softhsm",
	  .file = "libsofthsm2",
	  .paths = { "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so",
		     "/usr/lib64/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so",
		     "/usr/lib/pkcs11/libsofthsm2.so" } },
	/* Without these two it prints its trouble with the TPM on every program's standard error. */
	{ .name = "tpm2",
	  .file = "libtpm2_pkcs11",
	  .paths = { "/usr/lib/*/pkcs11/libtpm2_pkcs11.so", "/usr/lib/*/libtpm2_pkcs11.so.1",
		     "/usr/lib64/pkcs11/libtpm2_pkcs11.so", "/usr/lib/pkcs11/libtpm2_pkcs11.so" },
	  .values = { [KS_MODULE_ENVIRONMENT] = "TSS2_LOG=all+none TPM2_PKCS11_LOG_LEVEL=0",
		      [KS_MODULE_SESSIONS] = "1" } },
	{ .name = "opencryptoki",
	  .file = "libopencryptoki",
	  .paths = { "/usr/lib/*/opencryptoki/libopencryptoki.so.0", "/usr/lib64/opencryptoki/libopencryptoki.so.0",
		     "/usr/lib/opencryptoki/libopencryptoki.so.0" } },
	{ .name = "nss",
	  .file = "libsoftokn3",
	  .paths = { "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib/*/libsoftokn3.so", "/usr/lib64/libsoftokn3.so",
		     "/usr/lib/libsoftokn3.so" } },
	{ .name = "p11-kit-client",
	  .file = "p11-kit-client",
	  .paths = { "/usr/lib/*/pkcs11/p11-kit-client.so", "/usr/lib64/pkcs11/p11-kit-client.so",
		     "/usr/lib/pkcs11/p11-kit-client.so" } },
};
#define N_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

static const struct profile *find_by_name(const char *name)
{
	for (size_t i = 0; i < N_PROFILES; i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

bool ks_settings_profile_is_known(const char *name)
{
	return strcmp(name, "none") == 0 || find_by_name(name);
}

static const struct profile *find_by_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;

	for (size_t i = 0; i < N_PROFILES; i++) {
		if (strncmp(file, profiles[i].file, strlen(profiles[i].file)) == 0)
			return &profiles[i];
	}
	return NULL;
}

static const struct profile *profile_of(const struct ks_settings_section *section)
{
	const char *named = section->values[KS_MODULE_PROFILE].text;
	const char *path = section->values[KS_MODULE_PATH].text;

	if (named)
		return find_by_name(named); /* NULL for "none" */
	/* A section that is called opensc and names another file is somebody's own affair. */
	if (path)
		return find_by_file(path);
	return section->values[KS_MODULE_P11_KIT].text ? NULL : find_by_name(section->name);
}

bool ks_settings_profile_has_file(const struct ks_settings_section *section)
{
	return profile_of(section) != NULL;
}

/* The first path that is there; the first at all when none is, so that the error names something. */
static char *find_path(const struct profile *profile)
{
	for (size_t i = 0; i < PATHS_MAX && profile->paths[i]; i++) {
		glob_t found = { 0 };
		char *path = NULL;
		if (glob(profile->paths[i], GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc > 0)
			path = strdup(found.gl_pathv[0]);
		globfree(&found);
		if (path)
			return path;
	}
	return strdup(profile->paths[0]);
}

static int fill_in(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct profile *profile = profile_of(section);
	const struct ks_settings_origin origin = { .file = "profile", .line = 0 };

	if (!profile)
		return 0;
	if (!section->values[KS_MODULE_PATH].text && !section->values[KS_MODULE_P11_KIT].text) {
		char *path = find_path(profile);
		int r = ks_settings_keep_text(private, path);
		if (r < 0)
			return r;
		section->values[KS_MODULE_PATH] = (struct ks_settings_value){ .text = path, .origin = origin };
	}
	for (size_t i = 0; i < KS_MODULE_N; i++) {
		if (profile->values[i] && !section->values[i].text)
			section->values[i] = (struct ks_settings_value){ .text = profile->values[i], .origin = origin };
	}
	if (!section->values[KS_MODULE_PROFILE].text)
		section->values[KS_MODULE_PROFILE] =
			(struct ks_settings_value){ .text = profile->name, .origin = origin };
	return 0;
}

int ks_settings_profile(struct ks_settings *settings)
{
	struct ks_settings_private *private = settings->private;

	for (size_t i = 0; i < private->modules.n; i++) {
		int r = fill_in(private, &private->modules.at[i]);
		if (r < 0)
			return r;
	}
	return 0;
}
