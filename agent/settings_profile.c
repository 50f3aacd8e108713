/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_profile: see settings_profile.h. Runs in: keystay-agent.
 *
 * To add a module: a row of profiles, its name in settings_table.c and in man/keystay.conf.5.
 */
#include "agent/settings_profile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/settings_variables.h"
#include "lib/base/cleanup.h"
#include "lib/base/text.h"

#define FILES_MAX 2
#define PATHS_MAX 4

struct profile {
	const char *name;
	const char *files[FILES_MAX]; /* how its file's name begins */
	const char *paths[PATHS_MAX]; /* tried in this order; "*": Debian's multiarch folder */
	const char *packages;
	const char *values[KS_MODULE_N]; /* of the other keys */
};

/* Paths: Debian and Ubuntu, Fedora and its kin, Arch. */
static const struct profile profiles[] = {
	/* A card does one thing at a time: more sessions gain nothing and cost APDUs. */
	{ .name = "opensc",
	  .files = { "opensc-pkcs11", "onepin-opensc-pkcs11" },
	  .paths = { "/usr/lib/*/opensc-pkcs11.so", "/usr/lib64/opensc-pkcs11.so", "/usr/lib64/pkcs11/opensc-pkcs11.so",
		     "/usr/lib/opensc-pkcs11.so" },
	  .packages = "opensc-pkcs11 (Debian, Ubuntu) or opensc (Fedora, Arch)",
	  .values = { [KS_MODULE_SANDBOX] = "files", [KS_MODULE_SESSIONS] = "1" } },
	{ .name = "ykcs11",
	  .files = { "libykcs11" },
	  .paths = { "/usr/lib/*/libykcs11.so.2", "/usr/lib64/libykcs11.so.2", "/usr/lib/libykcs11.so" },
	  .packages = "ykcs11 (Debian, Ubuntu) or yubico-piv-tool (Fedora, Arch)",
	  .values = { [KS_MODULE_SANDBOX] = "files", [KS_MODULE_SESSIONS] = "1" } },
	{ .name = "softhsm",
	  .files = { "libsofthsm" },
	  .paths = { "/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so",
		     "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so" },
	  .packages = "softhsm2 (Debian, Ubuntu) or softhsm (Fedora, Arch)",
	  .values = { [KS_MODULE_SANDBOX] = "files" } },
	/* One TPM, one command at a time. Without the variables its libraries write each refusal of the TPM to the log. */
	{ .name = "tpm2",
	  .files = { "libtpm2_pkcs11" },
	  .paths = { "/usr/lib/*/pkcs11/libtpm2_pkcs11.so", "/usr/lib/*/libtpm2_pkcs11.so.1",
		     "/usr/lib64/pkcs11/libtpm2_pkcs11.so", "/usr/lib/pkcs11/libtpm2_pkcs11.so" },
	  .packages = "libtpm2-pkcs11-1 (Debian, Ubuntu) or tpm2-pkcs11 (Fedora, Arch)",
	  .values = { [KS_MODULE_SANDBOX] = "files",
		      [KS_MODULE_ENVIRONMENT] = "TSS2_LOG=all+none TPM2_PKCS11_LOG_LEVEL=0",
		      [KS_MODULE_SESSIONS] = "1" } },
	{ .name = "opencryptoki",
	  .files = { "libopencryptoki", "PKCS11_API.so" },
	  .paths = { "/usr/lib/*/opencryptoki/libopencryptoki.so.0", "/usr/lib64/opencryptoki/libopencryptoki.so.0",
		     "/usr/lib/opencryptoki/libopencryptoki.so" },
	  .packages = "opencryptoki",
	  .values = { [KS_MODULE_SANDBOX] = "files" } },
	/* Its init-args are LibraryParameters (settings_typed.c); it does not start without them. */
	{ .name = "nss",
	  .files = { "libsoftokn3" },
	  .paths = { "/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib64/libsoftokn3.so",
		     "/usr/lib/libsoftokn3.so" },
	  .packages = "libnss3 (Debian, Ubuntu), nss-softokn (Fedora) or nss (Arch)",
	  .values = { [KS_MODULE_SANDBOX] = "files" } },
	/* All calls go one after the other through one socket, and to a module that may be far away. */
	{ .name = "p11-kit-client",
	  .files = { "p11-kit-client" },
	  .paths = { "/usr/lib/*/pkcs11/p11-kit-client.so", "/usr/lib64/pkcs11/p11-kit-client.so",
		     "/usr/lib/pkcs11/p11-kit-client.so" },
	  .packages = "p11-kit-modules (Debian, Ubuntu), p11-kit-server (Fedora) or p11-kit (Arch)",
	  .values = { [KS_MODULE_SANDBOX] = "files", [KS_MODULE_SESSIONS] = "1", [KS_MODULE_DEADLINE] = "30s" } },
};
#define N_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

/* --- which -------------------------------------------------------------------------------------------------------- */

static const struct profile *find_by_name(const char *name)
{
	for (size_t i = 0; i < N_PROFILES; i++) {
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	}
	return NULL;
}

static const struct profile *find_by_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash ? slash + 1 : path;

	for (size_t i = 0; i < N_PROFILES * FILES_MAX; i++) {
		const char *begin = profiles[i / FILES_MAX].files[i % FILES_MAX];
		if (begin && strncmp(file, begin, strlen(begin)) == 0)
			return &profiles[i / FILES_MAX];
	}
	return NULL;
}

static const struct profile *profile_of(const struct ks_settings_section *section)
{
	const struct ks_settings_value *named = &section->values[KS_MODULE_PROFILE];
	const char *path = section->values[KS_MODULE_PATH].text;

	if (named->text)
		return find_by_name(named->text); /* NULL for "none" */
	/* The file knows better than a name that people give. */
	const struct profile *by_file = path ? find_by_file(path) : NULL;
	return by_file ? by_file : find_by_name(section->name);
}

bool ks_settings_profile_is_known(const char *name)
{
	return strcmp(name, "none") == 0 || find_by_name(name);
}

bool ks_settings_profile_has_file(const struct ks_settings_section *section)
{
	return profile_of(section) != NULL;
}

/* --- where -------------------------------------------------------------------------------------------------------- */

/* "*" can only be this machine's folder: libraries of others (i386 beside amd64) could not be loaded. NULL, with no
 * error, where there are no such folders. */
static int make_path(const char *pattern, char **ret_path)
{
	const char *star = strchr(pattern, '*');

	*ret_path = NULL;
	if (star && KEYSTAY_MULTIARCH[0] == '\0')
		return 0;
	*ret_path = star ? ks_text_format("%.*s%s%s", (int)(star - pattern), pattern, KEYSTAY_MULTIARCH, star + 1) :
			   ks_text_copy(ks_bytes_text(pattern));
	return *ret_path ? 0 : KS_ERR_NO_MEMORY;
}

int ks_settings_profile_find(const char *const *patterns, size_t n, char **ret_path)
{
	KS_AUTO_FREE char *first = NULL;

	for (size_t i = 0; i < n && patterns[i]; i++) {
		KS_AUTO_FREE char *path = NULL;
		int r = make_path(patterns[i], &path);
		if (r < 0)
			return r;
		if (path && access(path, F_OK) == 0) {
			*ret_path = KS_STEAL(path);
			return 0;
		}
		if (path && !first)
			first = KS_STEAL(path);
	}
	*ret_path = KS_STEAL(first);
	return 0;
}

int ks_settings_profile_describe(const char *name, struct ks_buffer *places, const char **ret_packages)
{
	const struct profile *profile = find_by_name(name);

	for (size_t i = 0; profile && i < PATHS_MAX && profile->paths[i]; i++) {
		KS_AUTO_FREE char *path = NULL;
		int r = make_path(profile->paths[i], &path);
		if (r < 0)
			return r;
		if (path)
			ks_buffer_printf(places, "%s%s", places->size > 0 ? ", " : "", path);
	}
	*ret_packages = profile ? profile->packages : "";
	return ks_buffer_error(places);
}

/* --- what --------------------------------------------------------------------------------------------------------- */

static int fill_in_path(struct ks_settings_private *private, struct ks_settings_section *section,
			const struct profile *profile)
{
	struct ks_settings_value *value = &section->values[KS_MODULE_PATH];
	char *path = NULL;

	if (value->text || section->values[KS_MODULE_P11_KIT].text)
		return 0;
	int r = ks_settings_profile_find(profile->paths, PATHS_MAX, &path);
	if (r == 0)
		r = ks_settings_keep_text(private, path);
	if (r == 0)
		*value = (struct ks_settings_value){ .text = path, .profile = profile->name };
	return r;
}

/* A file that sets one variable does not mean to unset the others. */
static int add_variables(struct ks_settings_private *private, struct ks_settings_section *section,
			 const struct profile *profile)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer list = { 0 };
	struct ks_settings_value *value = &section->values[KS_MODULE_ENVIRONMENT];
	const char *more = profile->values[KS_MODULE_ENVIRONMENT];
	char variable[KS_SETTINGS_VARIABLES_MAX + 1];
	const char *why = NULL;

	if (!value->text || !more)
		return 0;
	ks_buffer_printf(&list, "%s", value->text);
	while (ks_settings_variables_next(&more, variable, &why)) {
		if (!ks_settings_variables_have(value->text, variable))
			ks_settings_variables_put(&list, variable);
	}
	if (list.size == strlen(value->text) || list.size > KS_SETTINGS_VARIABLES_MAX)
		return ks_buffer_error(&list);
	char *text = ks_buffer_steal_text(&list);
	int r = ks_settings_keep_text(private, text);
	if (r < 0)
		return r;
	value->text = text;
	value->profile = profile->name;
	return 0;
}

static int fill_in(struct ks_settings_private *private, struct ks_settings_section *section)
{
	const struct profile *profile = profile_of(section);

	if (!profile)
		return 0;
	int r = fill_in_path(private, section, profile);
	if (r == 0)
		r = add_variables(private, section, profile);
	for (size_t i = 0; i < KS_MODULE_N; i++) {
		const char *text = i == KS_MODULE_PROFILE ? profile->name : profile->values[i];
		if (text && !section->values[i].text)
			section->values[i] = (struct ks_settings_value){ .text = text, .profile = profile->name };
	}
	return r;
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
