/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_files: which files are read, in which order, and may they be trusted?
 *
 * Runs in: keystay-agent. The only part of settings that touches the file system. A file that others can write to would
 * let them choose which PKCS#11 module runs, or take a rule away: it is an error, never a warning, and its text is not
 * even read.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/settings_private.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define VENDOR_FOLDER "/usr/share/keystay"
#define ETC_FOLDER "/etc/keystay"
#define FILE_NAME "keystay.conf"
#define DROP_IN_FOLDER FILE_NAME ".d"
#define DROP_IN_SUFFIX ".conf"
#define CERTIFICATE_FOLDER "certs"

/* What status has room for (lib/protocol/messages.def, status_reply.configuration), less a NUL and "...". */
#define SUMMARY_MAX 1000u

struct reading {
	bool is_system;
	struct ks_settings_report report;
	struct ks_settings_source *sources;
	size_t n_sources, capacity;
	char **certificate_folders;
	size_t n_certificate_folders;
};

static void reading_deinit(struct reading *reading)
{
	for (size_t i = 0; i < reading->n_sources; i++) {
		free((char *)(uintptr_t)reading->sources[i].file);
		free((char *)(uintptr_t)reading->sources[i].text);
	}
	free(reading->sources);
	for (size_t i = 0; i < reading->n_certificate_folders; i++)
		free(reading->certificate_folders[i]);
	free(reading->certificate_folders);
}

/* --- one file ---------------------------------------------------------------------------------------------------- */

/* The path as it may be shown: a file name can have anything in it. */
static char *shown_path(const char *path)
{
	char shown[2048];
	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	return ks_text_copy(ks_bytes_text(shown));
}

/* It may not be read, or must not. */
static void report_problem(struct reading *reading, const char *shown, int error, const struct ks_path_problem *problem)
{
	char culprit[1024];
	bool writable = strstr(problem->text, "writable") != NULL;

	if (error == KS_ERR_NOT_FOUND) {
		ks_settings_report_add(&reading->report, NULL, shown,
				       "expected a file, but it does not exist, or is a link to nothing");
		return;
	}
	ks_text_escape(ks_bytes_text(problem->path), culprit, sizeof(culprit));
	ks_settings_report_add(&reading->report, NULL, shown,
			       "expected a regular file that only root and you can change, but %s %s%s%s", culprit,
			       problem->text, writable ? "; run: chmod go-w " : "", writable ? culprit : "");
}

static void report_unreadable(struct reading *reading, const char *shown, int error)
{
	if (error == KS_ERR_TOO_LARGE)
		ks_settings_report_add(&reading->report, NULL, shown, "expected a file of at most %zu bytes",
				       KS_INI_FILE_MAX);
	else
		ks_settings_report_add(&reading->report, NULL, shown, "expected a file that you can read: %s",
				       ks_error_text(error));
}

/* Takes file and text. */
static int add_source(struct reading *reading, char *file, char *text, size_t size, bool may_enforce)
{
	if (reading->n_sources == reading->capacity) {
		size_t capacity = reading->capacity ? reading->capacity * 2 : 8;
		void *grown = reallocarray(reading->sources, capacity, sizeof(*reading->sources));
		if (!grown) {
			free(file);
			free(text);
			return KS_ERR_NO_MEMORY;
		}
		reading->sources = grown;
		reading->capacity = capacity;
	}
	reading->sources[reading->n_sources++] = (struct ks_settings_source){
		.file = file,
		.text = text,
		.size = size,
		.may_enforce = may_enforce,
	};
	return 0;
}

/* A link to nothing exists: its file is missing, and with it perhaps rules. */
static bool is_absent(const char *path)
{
	struct stat status;
	return lstat(path, &status) < 0;
}

static int read_file(struct reading *reading, const char *path, bool may_enforce, bool must_exist)
{
	KS_AUTO_FREE char *shown = shown_path(path);
	KS_AUTO_FREE char *resolved = NULL;
	KS_AUTO_FREE char *text = NULL;
	struct ks_path_problem problem = { 0 };
	size_t size = 0;
	if (!shown)
		return KS_ERR_NO_MEMORY;

	int r = ks_path_check_trusted(path, &resolved, &problem);
	if (r == KS_ERR_NOT_FOUND && !must_exist && is_absent(path))
		return 0;
	if (r == KS_ERR_NO_MEMORY)
		return r;
	if (r < 0) {
		reading->report.incomplete = true;
		report_problem(reading, shown, r, &problem);
		return 0;
	}
	r = ks_path_read_file(resolved, KS_INI_FILE_MAX, &text, &size);
	if (r == 0)
		return add_source(reading, KS_STEAL(shown), KS_STEAL(text), size, may_enforce);
	if (r == KS_ERR_NO_MEMORY)
		return r;
	reading->report.incomplete = true;
	report_unreadable(reading, shown, r);
	return 0;
}

/* --- one place --------------------------------------------------------------------------------------------------- */

static int is_drop_in(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);
	size_t suffix = strlen(DROP_IN_SUFFIX);
	return entry->d_name[0] != '.' && size > suffix && strcmp(entry->d_name + size - suffix, DROP_IN_SUFFIX) == 0;
}

/* By bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_drop_ins(struct reading *reading, const char *folder, bool may_enforce)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, DROP_IN_FOLDER);
	struct dirent **entries = NULL;
	if (!path)
		return KS_ERR_NO_MEMORY;

	int n = scandir(path, &entries, is_drop_in, by_name);
	int r = 0;
	if (n < 0 && errno == ENOMEM)
		r = KS_ERR_NO_MEMORY;
	else if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
		int error = ks_error_from_errno(errno);
		KS_AUTO_FREE char *shown = shown_path(path);
		ks_settings_report_add(&reading->report, NULL, shown, "expected a readable folder: %s",
				       ks_error_text(error));
		reading->report.incomplete = true;
	}
	for (int i = 0; i < n; i++) {
		KS_AUTO_FREE char *file = r == 0 ? ks_path_join(path, entries[i]->d_name) : NULL;
		if (r == 0)
			r = file ? read_file(reading, file, may_enforce, true) : KS_ERR_NO_MEMORY;
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int add_certificate_folder(struct reading *reading, const char *folder)
{
	char *path = ks_path_join(folder, CERTIFICATE_FOLDER);
	void *grown = path ? reallocarray(reading->certificate_folders, reading->n_certificate_folders + 1,
					  sizeof(*reading->certificate_folders)) :
			     NULL;
	if (!grown) {
		free(path);
		return KS_ERR_NO_MEMORY;
	}
	reading->certificate_folders = grown;
	reading->certificate_folders[reading->n_certificate_folders++] = path;
	return 0;
}

static int read_folder(struct reading *reading, const char *folder, bool may_enforce)
{
	if (!folder)
		return 0;
	KS_AUTO_FREE char *file = ks_path_join(folder, FILE_NAME);
	int r = file ? read_file(reading, file, may_enforce, false) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = read_drop_ins(reading, folder, may_enforce);
	return r < 0 ? r : add_certificate_folder(reading, folder);
}

/* --- the end of reading ------------------------------------------------------------------------------------------ */

/* "/etc/keystay/keystay.conf and /home/a/.config/keystay/keystay.conf were read". */
static char *summarize(const struct ks_settings *settings, const char *next_file)
{
	const struct ks_settings_private *private = settings->private;
	char text[SUMMARY_MAX] = "";
	size_t used = 0;

	for (size_t i = 0; i < private->n_files; i++) {
		const char *between = i == 0 ? "" : i + 1 == private->n_files ? " and " : ", ";
		/* Room for the words behind the list, below. */
		if (!ks_text_print(text + used, sizeof(text) / 2 - used, "%s%s", between, private->files[i])) {
			(void)ks_text_print(text + used, sizeof(text) - used, " and %zu more files",
					    private->n_files - i);
			used += strlen(text + used);
			break;
		}
		used += strlen(text + used);
	}
	if (private->n_files == 0)
		(void)ks_text_print(text, sizeof(text), "no configuration file was found");
	else
		(void)ks_text_print(text + used, sizeof(text) - used, " %s read",
				    private->n_files == 1 ? "was" : "were");
	used = strlen(text);
	/* Whole or not at all: a cut in the middle of a character would be no text. */
	if (settings->n_modules == 0 &&
	    !ks_text_print(text + used, sizeof(text) - used,
			   "; no PKCS#11 module is named, add a [module] section to %s", next_file))
		text[used] = '\0';
	return ks_text_copy(ks_bytes_text(text));
}

static int finish(struct reading *reading, const char *next_file, struct ks_settings **ret_settings)
{
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = NULL;
	int r = ks_settings_build(reading->sources, reading->n_sources, reading->is_system, &reading->report,
				  &settings);
	if (r < 0)
		return r;

	struct ks_settings_private *private = settings->private;
	private->files = calloc(reading->n_sources + 1, sizeof(*private->files));
	if (!private->files)
		return KS_ERR_NO_MEMORY;
	while (private->n_files < reading->n_sources) {
		char *file = ks_text_copy(ks_bytes_text(reading->sources[private->n_files].file));
		if (!file)
			return KS_ERR_NO_MEMORY;
		private->files[private->n_files++] = file;
	}
	settings->certificate_folders = KS_STEAL(reading->certificate_folders);
	settings->n_certificate_folders = reading->n_certificate_folders;
	reading->n_certificate_folders = 0;
	KS_AUTO_FREE char *shown = shown_path(next_file);
	settings->summary = shown ? summarize(settings, shown) : NULL;
	if (!settings->summary)
		return KS_ERR_NO_MEMORY;
	*ret_settings = KS_STEAL(settings);
	return 0;
}

/* Whatever went wrong, there is a sentence for it. */
static int explain(int r, struct ks_settings_error *error)
{
	if (r < 0 && error->text[0] == '\0')
		(void)ks_text_print(error->text, sizeof(error->text), "the configuration could not be read: %s",
				    ks_error_text(r));
	return r;
}

int ks_settings_read_from(const struct ks_settings_folders *folders, struct ks_settings **ret_settings,
			  struct ks_settings_error *ret_error)
{
	KS_CLEANUP(reading_deinit)
	struct reading reading = { .report.error = ret_error, .is_system = folders->is_system };
	const char *next_folder = folders->user ? folders->user : ETC_FOLDER;
	KS_AUTO_FREE char *next_file = ks_path_join(next_folder, FILE_NAME);

	ret_error->text[0] = '\0';
	int r = next_file ? read_folder(&reading, folders->vendor, true) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = read_folder(&reading, folders->etc, true);
	if (r == 0)
		r = read_folder(&reading, folders->user, false);
	if (r == 0)
		r = finish(&reading, next_file, ret_settings);
	return explain(r, ret_error);
}

/* --config FILE: as a user says it, perhaps relative to the working folder. */
static int absolute_path(const char *file, char **ret_path)
{
	KS_AUTO_FREE char *folder = file[0] == '/' ? NULL : getcwd(NULL, 0);
	char *path = NULL;

	if (file[0] == '/')
		path = ks_text_copy(ks_bytes_text(file));
	else if (folder)
		path = ks_path_join(folder, file);
	if (!path)
		return KS_ERR_NO_MEMORY;
	*ret_path = path;
	return 0;
}

static int read_one(const char *file, bool is_system, struct ks_settings **ret_settings,
		    struct ks_settings_error *ret_error)
{
	KS_CLEANUP(reading_deinit) struct reading reading = { .report.error = ret_error, .is_system = is_system };
	KS_AUTO_FREE char *path = NULL;

	ret_error->text[0] = '\0';
	int r = absolute_path(file, &path);
	if (r < 0)
		return r;
	const char *slash = strrchr(path, '/');
	KS_AUTO_FREE char *folder = ks_text_copy(ks_bytes(path, slash > path ? (size_t)(slash - path) : 1));
	r = folder ? read_file(&reading, path, false, true) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = add_certificate_folder(&reading, folder);
	return r < 0 ? r : finish(&reading, path, ret_settings);
}

int ks_settings_read(const char *file, struct ks_settings **ret_settings, struct ks_settings_error *ret_error)
{
	if (file)
		return explain(read_one(file, false, ret_settings, ret_error), ret_error);

	KS_AUTO_FREE char *user = NULL;
	int r = ks_path_config_home(&user);
	if (r < 0 && r != KS_ERR_NOT_FOUND) {
		ret_error->text[0] = '\0';
		return explain(r, ret_error);
	}
	const struct ks_settings_folders folders = { .vendor = VENDOR_FOLDER, .etc = ETC_FOLDER, .user = user };
	return ks_settings_read_from(&folders, ret_settings, ret_error);
}

/* A [module] of the system's agent may be named by root alone: vendor's and administrator's files, or the one of --config,
 * which whoever starts it names. */
int ks_settings_read_system(const char *file, struct ks_settings **ret_settings, struct ks_settings_error *ret_error)
{
	const struct ks_settings_folders folders = { .vendor = VENDOR_FOLDER, .etc = ETC_FOLDER, .is_system = true };

	return file ? explain(read_one(file, true, ret_settings, ret_error), ret_error) :
		      ks_settings_read_from(&folders, ret_settings, ret_error);
}
