/* SPDX-License-Identifier: Apache-2.0 */
/*
 * module_name: see module_name.h. The format is that of pkcs11.conf(5): "key: value" lines, '#' starts a comment line.
 *
 * Runs in: keystay-token. KEYSTAY_P11_KIT_* come from p11-kit's own pkg-config file at build time.
 */
#include "pkcs11/module_name.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define FILE_SIZE_MAX ((size_t)64 << 10)
#define NAME_SIZE_MAX ((size_t)64)
#define OWN_PROGRAM "keystay-token"

/* From the strongest to the weakest: a user's file speaks first, line by line. */
enum { FOLDER_USER, FOLDER_SYSTEM, FOLDER_PACKAGES, N_FOLDERS };

/* What the .module files of one name say, as far as it matters here. */
struct module_file {
	char *texts[N_FOLDERS]; /* owned; what the others borrow from */
	const char *module;
	const char *remote;
	const char *enable_in;
	const char *disable_in;
};

static void module_file_deinit(struct module_file *file)
{
	for (size_t i = 0; i < N_FOLDERS; i++)
		free(file->texts[i]);
}

/* The name becomes part of a path. */
static bool is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,";

	return name[0] != '\0' && !strchr("_-.,", name[0]) && strlen(name) <= NAME_SIZE_MAX &&
	       strspn(name, allowed) == strlen(name);
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t size = strlen(text);
	while (size > 0 && strchr(" \t\r", text[size - 1]))
		text[--size] = '\0';
	return text;
}

/* Cuts text into lines and values; keys that are not known here are p11-kit's affair. What a stronger file has said
 * stays. */
static void parse(char *text, struct module_file *file)
{
	const struct {
		const char *key;
		const char **value;
	} keys[] = {
		{ "module", &file->module },
		{ "remote", &file->remote },
		{ "enable-in", &file->enable_in },
		{ "disable-in", &file->disable_in },
	};
	char *rest = text;
	char *line;

	while ((line = strsep(&rest, "\n"))) {
		char *colon = strchr(line, ':');
		line += strspn(line, " \t");
		if (line[0] == '#' || !colon)
			continue;
		*colon = '\0';
		const char *key = trim(line);
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			if (strcmp(key, keys[i].key) == 0 && !*keys[i].value)
				*keys[i].value = trim(colon + 1);
		}
	}
}

/* A list of names with commas or spaces between them. */
static bool lists_us(const char *list)
{
	while (*list) {
		list += strspn(list, ", \t");
		size_t size = strcspn(list, ", \t");
		if (size == strlen(OWN_PROGRAM) && memcmp(list, OWN_PROGRAM, size) == 0)
			return true;
		list += size;
	}
	return false;
}

/* Adds what folder's file of this name says. No such file is no error. */
static int read_file(const char *folder, const char *name, char **ret_text, struct module_file *file,
		     struct ks_problem *problem)
{
	KS_AUTO_FREE char *path = ks_text_format("%s/%s.module", folder, name);
	KS_AUTO_FREE char *resolved = NULL;
	struct ks_path_problem why = { .path = "", .text = "" };
	size_t size = 0;

	if (!path)
		return ks_problem_set(problem, KS_ERR_NO_MEMORY, "memory ran out");
	if (access(path, F_OK) < 0)
		return 0;
	int r = ks_path_check_trusted(path, &resolved, &why);
	if (r < 0)
		return ks_problem_set(problem, r, "%s %s", why.path, why.text);
	r = ks_path_read_file(resolved, FILE_SIZE_MAX, ret_text, &size);
	if (r < 0)
		return ks_problem_set(problem, r, "%s cannot be read: %s", resolved, ks_error_text(r));
	parse(*ret_text, file);
	return 0;
}

static int choose_path(const struct module_file *file, const char *name, char **ret_path, struct ks_problem *problem)
{
	if (file->remote)
		return ks_problem_set(problem, KS_ERR_UNSUPPORTED,
				      "p11-kit module \"%s\" runs elsewhere (\"remote:\"), which keystay cannot use",
				      name);
	if (!file->module || file->module[0] == '\0')
		return ks_problem_set(problem, KS_ERR_NOT_FOUND, "p11-kit module \"%s\" names no file (\"module:\")",
				      name);
	if ((file->disable_in && lists_us(file->disable_in)) || (file->enable_in && !lists_us(file->enable_in)))
		return ks_problem_set(
			problem, KS_ERR_DENIED,
			"p11-kit module \"%s\" is not for %s, as its \"%s\" line says; name it by path instead", name,
			OWN_PROGRAM, file->disable_in ? "disable-in:" : "enable-in:");
	char *path = file->module[0] == '/' ? ks_text_copy(ks_bytes_text(file->module)) :
					      ks_path_join(KEYSTAY_P11_KIT_MODULES, file->module);
	if (!path)
		return ks_problem_set(problem, KS_ERR_NO_MEMORY, "memory ran out");
	*ret_path = path;
	return 0;
}

/* $XDG_CONFIG_HOME/pkcs11/modules, else ~/.config/pkcs11/modules; NULL when there is no home. */
static char *user_folder(void)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && config[0] == '/')
		return ks_path_join(config, "pkcs11/modules");
	if (!home || home[0] != '/') {
		const struct passwd *user = getpwuid(getuid());
		home = user ? user->pw_dir : NULL;
	}
	return home ? ks_path_join(home, ".config/pkcs11/modules") : NULL;
}

int ks_module_name_resolve(const char *name, char **ret_path, struct ks_problem *problem)
{
	KS_CLEANUP(module_file_deinit) struct module_file file = { 0 };
	KS_AUTO_FREE char *user = user_folder();
	const char *const folders[N_FOLDERS] = { [FOLDER_USER] = user,
						 [FOLDER_SYSTEM] = KEYSTAY_P11_KIT_SYSTEM,
						 [FOLDER_PACKAGES] = KEYSTAY_P11_KIT_PACKAGES };
	bool found = false;

	if (!is_name(name))
		return ks_problem_set(problem, KS_ERR_INVALID,
				      "a p11-kit module name has letters, digits, '_', '-', ',' and '.' only");
	for (size_t i = 0; i < N_FOLDERS; i++) {
		int r = folders[i] ? read_file(folders[i], name, &file.texts[i], &file, problem) : 0;
		if (r < 0)
			return r;
		found = found || file.texts[i];
	}
	if (!found)
		return ks_problem_set(problem, KS_ERR_NOT_FOUND,
				      "p11-kit knows no module \"%s\": there is no %s.module in %s, %s or %s", name,
				      name, user ? user : "~/.config/pkcs11/modules", KEYSTAY_P11_KIT_SYSTEM,
				      KEYSTAY_P11_KIT_PACKAGES);
	return choose_path(&file, name, ret_path, problem);
}
