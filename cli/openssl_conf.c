/* SPDX-License-Identifier: Apache-2.0 */
/* openssl_conf: see openssl_conf.h. Runs in: keystay. */
#include "cli/openssl_conf.h"

#include <errno.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

/* Ours have about 1 KiB; this is far more than any path can make of it. */
#define OWN_FILE_MAX ((size_t)64 * 1024)

/* Bytes of the hash in a file's name: enough to tell a person's configurations apart. */
#define NAME_HASH_SIZE 8u

#define MODULE_FILE "keystay.so"
#define TAP_FILE "keystay-tap.so"

static int fail(struct ks_openssl_note *ret_error, int code, const char *what, const char *path)
{
	char shown[512];

	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "%s %s: %s", what, shown, ks_error_text(code));
	return code;
}

/* --- the system's configuration ---------------------------------------------------------------------------------- */

/* Against the folder of now, as OpenSSL itself would; the file need not exist. */
static char *absolute(const char *path)
{
	if (path[0] == '/')
		return ks_text_copy(ks_bytes_text(path));
	KS_AUTO_FREE char *folder = getcwd(NULL, 0);
	return folder ? ks_path_join(folder, path) : NULL;
}

/* One of ours? Then *ret_system (given) is what it was made from, "" for nothing. */
static bool is_ours(const char *path, char **ret_system)
{
	static const char head[] = KS_OPENSSL_MARK "\n" KS_OPENSSL_SYSTEM;
	KS_AUTO_FREE char *text = NULL;
	size_t size;

	if (ks_path_read_file(path, OWN_FILE_MAX, &text, &size) < 0)
		return false;
	if (size < sizeof(head) || memcmp(text, head, sizeof(head) - 1) != 0)
		return false;
	const char *start = text + sizeof(head) - 1;
	char *system = ks_text_copy(ks_bytes(start, strcspn(start, "\n")));
	if (!system)
		return false;
	*ret_system = system;
	return true;
}

int ks_openssl_conf_system(char **ret_path, struct ks_openssl_note *ret_error)
{
	const char *wanted = getenv("OPENSSL_CONF");
	KS_AUTO_FREE char *path = NULL;

	/* Set but empty: "no configuration" to OpenSSL. */
	if (wanted && !wanted[0]) {
		*ret_path = NULL;
		return 0;
	}
	if (wanted) {
		path = absolute(wanted);
	} else {
		char *built_in = CONF_get1_default_config_file();
		path = built_in ? absolute(built_in) : NULL;
		OPENSSL_free(built_in);
	}
	if (!path)
		return fail(ret_error, KS_ERR_NO_MEMORY, "cannot look for", "OpenSSL's configuration");

	char *system = NULL;
	if (is_ours(path, &system)) {
		free(path);
		path = system;
	}
	/* A file that is missing is no error to OpenSSL either. */
	*ret_path = path[0] && access(path, F_OK) == 0 ? KS_STEAL(path) : NULL;
	return 0;
}

/* --- the provider ------------------------------------------------------------------------------------------------ */

int ks_openssl_conf_module(char **ret_path, struct ks_openssl_note *ret_error)
{
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *beside = NULL;

	int r = ks_path_own_folder(&folder);
	if (r < 0)
		return fail(ret_error, r, "cannot find", "the folder of this program");
	beside = ks_path_join(folder, "../lib/ossl-modules/" MODULE_FILE);
	char *found = beside ? realpath(beside, NULL) : NULL;
	if (!found)
		found = realpath(KEYSTAY_OSSL_MODULES "/" MODULE_FILE, NULL);
	if (!found) {
		(void)ks_text_print(
			ret_error->text, sizeof(ret_error->text),
			"keystay's OpenSSL provider is neither at %s nor at %s; install keystay again, or build "
			"the target keystay_provider",
			beside ? beside : "?", KEYSTAY_OSSL_MODULES "/" MODULE_FILE);
		return KS_ERR_NOT_FOUND;
	}
	*ret_path = found;
	return 0;
}

int ks_openssl_conf_tap(const char *module, char **ret_path, struct ks_openssl_note *ret_error)
{
	const char *slash = strrchr(module, '/');
	KS_AUTO_FREE char *path = ks_text_format("%.*s/" TAP_FILE, slash ? (int)(slash - module) : 0, module);

	if (!path)
		return fail(ret_error, KS_ERR_NO_MEMORY, "cannot find", TAP_FILE);
	if (access(path, R_OK) < 0) {
		(void)ks_text_print(
			ret_error->text, sizeof(ret_error->text),
			"keystay's tap is not at %s; install keystay again, build the target keystay_tap, or "
			"leave --tap out: signatures are then made, but not proven to be for a server",
			path);
		return KS_ERR_NOT_FOUND;
	}
	*ret_path = KS_STEAL(path);
	return 0;
}

/* --- our file ---------------------------------------------------------------------------------------------------- */

static bool holds(const char *path, struct ks_bytes text)
{
	KS_AUTO_FREE char *found = NULL;
	size_t size;

	return ks_path_read_file(path, OWN_FILE_MAX, &found, &size) == 0 && ks_bytes_equal(ks_bytes(found, size), text);
}

static int make_folder(char **ret_folder, struct ks_openssl_note *ret_error)
{
	KS_AUTO_FREE char *runtime = NULL;
	KS_AUTO_FREE char *folder = NULL;

	int r = ks_path_runtime(&runtime);
	if (r < 0) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "there is no place for the OpenSSL configuration: XDG_RUNTIME_DIR is not set, and "
				    "/run/user/%u does not exist; set XDG_RUNTIME_DIR to a folder that is yours alone",
				    (unsigned)getuid());
		return r;
	}
	folder = ks_path_join(runtime, "openssl");
	if (!folder)
		return fail(ret_error, KS_ERR_NO_MEMORY, "cannot write into", runtime);
	/* One after the other: both must be ours and closed to others. */
	r = ks_path_make_private_all(runtime);
	if (r < 0)
		return fail(ret_error, r, "cannot write into", runtime);
	r = ks_path_make_private(folder);
	if (r < 0)
		return fail(ret_error, r, "cannot write into", folder);
	*ret_folder = KS_STEAL(folder);
	return 0;
}

int ks_openssl_conf_write(struct ks_bytes text, char **ret_path, struct ks_openssl_note *ret_error)
{
	uint8_t digest[KS_SHA256_SIZE];
	char name[2 * NAME_HASH_SIZE + sizeof(".cnf")];
	KS_AUTO_FREE char *folder = NULL;
	KS_AUTO_FREE char *path = NULL;

	int r = make_folder(&folder, ret_error);
	if (r < 0)
		return r;
	ks_client_sha256(text, digest);
	ks_text_hex(ks_bytes(digest, NAME_HASH_SIZE), name);
	(void)strcat(name, ".cnf");
	path = ks_path_join(folder, name);
	if (!path)
		return fail(ret_error, KS_ERR_NO_MEMORY, "cannot write into", folder);
	/* Left alone where it is right: another shell may be using it. */
	if (!holds(path, text)) {
		r = ks_path_write_file(path, text, 0600);
		if (r < 0)
			return fail(ret_error, r, "cannot write", path);
	}
	*ret_path = KS_STEAL(path);
	return 0;
}

int ks_openssl_conf_prepare(bool with_tap, char **ret_path, struct ks_openssl_note *ret_warning,
			    struct ks_openssl_note *ret_error)
{
	KS_AUTO_FREE char *system = NULL;
	KS_AUTO_FREE char *module = NULL;
	KS_AUTO_FREE char *tap = NULL;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	int r = ks_openssl_conf_system(&system, ret_error);
	if (r == 0)
		r = ks_openssl_conf_module(&module, ret_error);
	if (r == 0 && with_tap)
		r = ks_openssl_conf_tap(module, &tap, ret_error);
	if (r < 0)
		return r;
	ks_buffer_init(&text, OWN_FILE_MAX);
	(void)ks_text_print(ret_error->text, sizeof(ret_error->text), "%s", ks_error_text(KS_ERR_INTERNAL));
	r = ks_openssl_sections_write(system, module, tap, &text, ret_warning, ret_error);
	return r < 0 ? r : ks_openssl_conf_write(ks_buffer_bytes(&text), ret_path, ret_error);
}
