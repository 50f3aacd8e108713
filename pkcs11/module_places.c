/* SPDX-License-Identifier: Apache-2.0 */
/* module_places: see module_places.h. Runs in: keystay-token. */
#include "pkcs11/module_places.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define CONFIGURATION_MAX ((size_t)65536) /* of SoftHSM: some ten lines */

/* --- putting ----------------------------------------------------------------------------------------------------- */

/* Takes path; NULL is want of memory. */
static int put(struct ks_module_places *places, char *path, enum ks_confine_access access)
{
	if (!path || places->n_texts == KS_MODULE_PLACES_MAX || places->n == KS_MODULE_PLACES_MAX) {
		free(path);
		return path ? KS_ERR_LIMIT : KS_ERR_NO_MEMORY;
	}
	places->texts[places->n_texts++] = path;
	places->at[places->n++] = (struct ks_confine_place){ .path = path, .access = access };
	return 0;
}

static int put_all(struct ks_module_places *places, const char *const *paths, enum ks_confine_access access)
{
	int r = 0;

	for (; *paths && r == 0; paths++)
		r = put(places, strdup(*paths), access);
	return r;
}

/* Below a folder that a variable names, else below the home folder: NAME, or ~/OTHERWISE/NAME. Passed over without a
 * home. */
static int put_of_user(struct ks_module_places *places, const char *variable, const char *otherwise, const char *name,
		       enum ks_confine_access access)
{
	const char *folder = variable ? getenv(variable) : NULL;
	const char *home = getenv("HOME");

	if (folder && folder[0] == '/')
		return put(places, ks_path_join(folder, name), access);
	return home && home[0] == '/' ? put(places, ks_text_format("%s/%s/%s", home, otherwise, name), access) : 0;
}

static int put_variable(struct ks_module_places *places, const char *name, enum ks_confine_access access)
{
	const char *path = getenv(name);

	return path && path[0] == '/' ? put(places, strdup(path), access) : 0;
}

/* --- modules ----------------------------------------------------------------------------------------------------- */

static int put_token_folder(struct ks_module_places *places, const char *file)
{
	static const char key[] = "directories.tokendir";
	KS_AUTO_FREE char *text = NULL;
	size_t size;
	char *rest;

	if (ks_path_read_file(file, CONFIGURATION_MAX, &text, &size) < 0)
		return 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line += strspn(line, " \t");
		if (strncmp(line, key, sizeof(key) - 1) != 0)
			continue;
		char *value = line + sizeof(key) - 1;
		value += strspn(value, " \t=");
		/* As SoftHSM reads it: a name may have spaces in it, not at its end. */
		size_t length = strcspn(value, "\r#=");
		while (length > 0 && strchr(" \t", value[length - 1]))
			length--;
		if (value[0] == '/')
			return put(places, ks_text_copy(ks_bytes(value, length)), KS_CONFINE_CHANGE);
	}
	return 0;
}

/* SoftHSM takes the first of these that is there, and the folder that it names. */
static int find_softhsm(struct ks_module_places *places, const char *init_args)
{
	(void)init_args;
	static const char *const anyway[] = { "/var/lib/softhsm", NULL };
	const char *named = getenv("SOFTHSM2_CONF");
	int r = put_all(places, anyway, KS_CONFINE_CHANGE);

	if (r == 0 && named && named[0] == '/') {
		r = put(places, strdup(named), KS_CONFINE_READ);
		return r == 0 ? put_token_folder(places, named) : r;
	}
	size_t before = places->n;
	if (r == 0)
		r = put_of_user(places, "XDG_CONFIG_HOME", ".config", "softhsm2", KS_CONFINE_READ);
	if (r == 0 && places->n > before) {
		KS_AUTO_FREE char *file = ks_path_join(places->at[before].path, "softhsm2.conf");
		r = file ? put_token_folder(places, file) : KS_ERR_NO_MEMORY;
	}
	if (r == 0)
		r = put_token_folder(places, "/etc/softhsm/softhsm2.conf");
	return r == 0 ? put_token_folder(places, "/etc/softhsm2.conf") : r;
}

/* The cards are pcscd's. What OpenSC has read of them it may keep below the home folder. */
static int find_opensc(struct ks_module_places *places, const char *init_args)
{
	(void)init_args;
	int r = put_of_user(places, "XDG_CACHE_HOME", ".cache", "opensc", KS_CONFINE_CHANGE);

	if (r == 0)
		r = put_of_user(places, "XDG_CONFIG_HOME", ".config", "opensc", KS_CONFINE_READ);
	return r == 0 ? put_variable(places, "OPENSC_CONF", KS_CONFINE_READ) : r;
}

static int find_tpm2(struct ks_module_places *places, const char *init_args)
{
	(void)init_args;
	static const char *const system[] = { "/etc/tpm2_pkcs11", "/var/lib/tpm2-tss", "/run/tpm2-tss", NULL };
	static const char *const devices[] = { "/dev/tpmrm0", "/dev/tpm0", NULL };
	int r = put_all(places, system, KS_CONFINE_CHANGE);

	if (r == 0)
		r = put_all(places, devices, KS_CONFINE_DEVICE);

	if (r == 0)
		r = put_variable(places, "TPM2_PKCS11_STORE", KS_CONFINE_CHANGE);
	if (r == 0)
		r = put_of_user(places, NULL, ".", ".tpm2_pkcs11", KS_CONFINE_CHANGE);
	return r == 0 ? put_of_user(places, "XDG_DATA_HOME", ".local/share", "tpm2-tss", KS_CONFINE_CHANGE) : r;
}

/* Its soft token lives in files, z/Architecture's in a device, its state in shared memory, its locks in /run. */
static int find_opencryptoki(struct ks_module_places *places, const char *init_args)
{
	(void)init_args;
	static const char *const system[] = { "/var/lib/opencryptoki",
					      "/var/log/opencryptoki",
					      "/run/opencryptoki",
					      "/run/lock/opencryptoki",
					      "/var/lock/opencryptoki",
					      "/dev/shm",
					      NULL };

	static const char *const devices[] = { "/dev/z90crypt", NULL };
	int r = put_all(places, system, KS_CONFINE_CHANGE);

	return r == 0 ? put_all(places, devices, KS_CONFINE_DEVICE) : r;
}

/* configdir='sql:/home/alice/.pki/nssdb' … : every absolute path in it. */
static int find_nss(struct ks_module_places *places, const char *init_args)
{
	int r = 0;

	for (const char *at = init_args; at && *at && r == 0; at++) {
		if (*at != '/')
			continue;
		size_t length = strcspn(at, "'\" \t");
		r = put(places, ks_text_copy(ks_bytes(at, length)), KS_CONFINE_CHANGE);
		at += length - 1;
	}
	return r;
}

static const struct {
	const char *profile; /* of keystay.conf */
	int (*find)(struct ks_module_places *places, const char *init_args);
} modules[] = {
	{ "softhsm", find_softhsm },           { "opensc", find_opensc }, { "tpm2", find_tpm2 },
	{ "opencryptoki", find_opencryptoki }, { "nss", find_nss },
};

/* --- all --------------------------------------------------------------------------------------------------------- */

static int put_folder_of(struct ks_module_places *places, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash > path ?
		       put(places, ks_text_copy(ks_bytes(path, (size_t)(slash - path))), KS_CONFINE_READ) :
		       0;
}

int ks_module_places_find(const char *profile, const char *path, const char *init_args,
			  struct ks_module_places *ret_places)
{
	/* What programs and libraries are made of. No home folder, no /tmp, no /srv. */
	static const char *const readable[] = { "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin",
						"/etc", "/opt", "/proc",  "/sys",   "/run",    NULL };
	/* One by one: /dev has a folder in it that is everybody's, for shared memory. */
	static const char *const devices[] = { "/dev/null",   "/dev/zero",    "/dev/full",
					       "/dev/random", "/dev/urandom", NULL };
	struct ks_module_places places = { .n = 0 };

	int r = put_all(&places, readable, KS_CONFINE_READ);
	if (r == 0)
		r = put_all(&places, devices, KS_CONFINE_DEVICE);
	if (r == 0)
		r = put_folder_of(&places, path);
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]) && r == 0; i++) {
		if (profile && strcmp(profile, modules[i].profile) == 0)
			r = modules[i].find(&places, init_args);
	}
	if (r < 0) {
		ks_module_places_deinit(&places);
		return r;
	}
	*ret_places = places;
	return 0;
}

void ks_module_places_deinit(struct ks_module_places *places)
{
	for (size_t i = 0; i < places->n_texts; i++)
		free(places->texts[i]);
	places->n = places->n_texts = 0;
}
