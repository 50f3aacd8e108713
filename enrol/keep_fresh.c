/* SPDX-License-Identifier: Apache-2.0 */
/* keep_fresh: see keep_fresh.h. Runs in: keystay-enroll. */
#include "enrol/keep_fresh.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/client.h"
#include "enrol/console.h"
#include "enrol/leftovers.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/protocol/pem.h"

#define LIST_FILE "enrol/keep-fresh.json"
#define LOCK_FILE "enrol/keep-fresh.lock"

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)

static int fail(struct ks_enrol_problem *problem, int code, const char *path)
{
	char shown[512];

	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	return ks_enrol_problem_set(problem, code, "%s cannot be kept fresh: %s", shown, ks_error_text(code));
}

/* --- the list ---------------------------------------------------------------------------------------------------- */

/* Whoever has it is alone with list and files. */
static int lock(const char *folder, int *ret_fd, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *parent = ks_path_join(folder, "enrol");
	KS_AUTO_FREE char *path = ks_path_join(folder, LOCK_FILE);

	int r = parent && path ? ks_path_make_private_all(parent) : KS_ERR_NO_MEMORY;
	if (r < 0)
		return fail(problem, r, "the list of files");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	while (fd >= 0 && flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		r = fail(problem, ks_error_from_errno(errno), path);
		(void)close(fd);
		return r;
	}
	*ret_fd = fd;
	return fd < 0 ? fail(problem, ks_error_from_errno(errno), path) : 0;
}

/* A list that cannot be read is begun anew: people see in the messages that their files are not in it. */
static json_t *read_list(const char *path)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	json_error_t error;

	int r = ks_path_read_file(path, KS_ENROL_STATE_MAX, &text, &size);
	json_t *list = r == 0 ? json_loadb(text, size, JSON_REJECT_DUPLICATES, &error) : NULL;
	if (json_is_array(list) && json_array_size(list) <= KS_ENROL_FRESH_MAX)
		return list;
	json_decref(list);
	if (r != KS_ERR_NOT_FOUND)
		ks_console_warn(
			"the list of files that are kept fresh was damaged and is begun anew; for each of them: "
			"keystay cert NAME -o FILE --keep-fresh");
	return json_array();
}

static int write_list(const char *path, const json_t *list, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *text = json_dumps(list, JSON_INDENT(1) | JSON_SORT_KEYS);

	int r = text ? ks_path_write_file(path, ks_bytes_text(text), 0600) : KS_ERR_NO_MEMORY;
	return r < 0 ? fail(problem, r, path) : 0;
}

/* --- one file ---------------------------------------------------------------------------------------------------- */

static int make_pem(const char *name, bool no_key, struct ks_buffer *pem, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;

	if (ks_client_get(name, &found, &error) < 0)
		return ks_enrol_problem_client(problem, &error);
	int r = ks_pem_put_identity(pem, &found->identity, found->chain, !no_key);
	return r < 0 ? ks_enrol_problem_set(problem, r, "key \"%.200s\": %s", name, ks_error_text(r)) : 0;
}

static bool has(const char *file, struct ks_bytes content)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;

	return ks_path_read_file(file, KS_CERTIFICATE_FILE_MAX, &text, &size) == 0 &&
	       ks_bytes_equal(ks_bytes(text, size), content);
}

/* 1: written; 0: as it should be, or its key is not here (a card in somebody's pocket, which is no failure); NOT_FOUND: it
 * is gone. */
static int refresh(const json_t *entry, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	const char *file = json_string_value(json_object_get(entry, "file"));
	const char *name = json_string_value(json_object_get(entry, "key"));
	struct stat status;

	if (!file || !name || stat(file, &status) < 0)
		return file && name && errno != ENOENT ? fail(problem, ks_error_from_errno(errno), file) :
							 KS_ERR_NOT_FOUND;
	int r = make_pem(name, json_is_true(json_object_get(entry, "no-key")), &pem, problem);
	if (r == KS_ERR_UNKNOWN_KEY)
		return 0;
	if (r < 0)
		return r == KS_ERR_NOT_FOUND ? KS_ERR_UNKNOWN_KEY : r;
	if (has(file, ks_buffer_bytes(&pem)))
		return 0;
	ks_leftovers_remove(file);
	r = ks_path_write_file_as(file, ks_buffer_bytes(&pem), &status);
	return r < 0 ? fail(problem, r == KS_ERR_NOT_FOUND ? KS_ERR_SYSTEM : r, file) : 1;
}

/* Somebody has removed it, or its file system is not mounted now: who wants it must know that it stays old from now on. */
static void tell_gone(const json_t *entry)
{
	const char *file = json_string_value(json_object_get(entry, "file"));
	const char *name = json_string_value(json_object_get(entry, "key"));
	char shown[512], key[257];

	if (!file || !name)
		return;
	ks_text_escape(ks_bytes_text(file), shown, sizeof(shown));
	ks_text_escape(ks_bytes_text(name), key, sizeof(key));
	ks_console_warn("%s is not there and is kept fresh no longer; to have it again: keystay cert %s -o FILE "
			"--keep-fresh",
			shown, key);
}

/* --- all --------------------------------------------------------------------------------------------------------- */

int ks_keep_fresh_run(const char *folder, size_t *ret_n, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, LIST_FILE);
	KS_CLEANUP(json_decrefp) json_t *list = NULL;
	KS_AUTO_CLOSE int fd = -1;
	int worst = 0;
	bool changed = false;

	*ret_n = 0;
	if (!path)
		return fail(problem, KS_ERR_NO_MEMORY, "the list of files");
	if (access(path, F_OK) < 0)
		return 0;
	int r = lock(folder, &fd, problem);
	if (r < 0)
		return r;
	ks_leftovers_remove(path);
	list = read_list(path);
	for (size_t i = 0; i < json_array_size(list);) {
		struct ks_enrol_problem one = { .code = 0 };
		const json_t *entry = json_array_get(list, i);
		r = refresh(entry, &one);
		if (r == KS_ERR_NOT_FOUND) {
			tell_gone(entry);
			(void)json_array_remove(list, i);
			changed = true;
			continue;
		}
		*ret_n += r > 0 ? 1 : 0;
		if (r < 0) {
			*problem = one;
			worst = r;
		}
		i++;
	}
	r = changed ? write_list(path, list, problem) : 0;
	return r < 0 ? r : worst;
}

static void forget(json_t *list, const char *file)
{
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *other = json_string_value(json_object_get(json_array_get(list, i), "file"));
		if (!other || strcmp(other, file) == 0)
			(void)json_array_remove(list, i);
	}
}

static int add(const char *path, const char *name, const char *file, bool no_key, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(json_decrefp) json_t *list = read_list(path);
	/* Named as it is: a link keeps its place, as the file that it names is replaced. */
	KS_AUTO_FREE char *resolved = realpath(file, NULL);

	if (!list || !resolved)
		return fail(problem, KS_ERR_NO_MEMORY, file);
	forget(list, resolved);
	if (json_array_size(list) >= KS_ENROL_FRESH_MAX)
		return ks_enrol_problem_final(problem, KS_ERR_LIMIT, "more than %u files are not kept fresh",
					      KS_ENROL_FRESH_MAX);
	json_t *entry = json_pack("{s:s,s:s,s:b}", "key", name, "file", resolved, "no-key", no_key);
	if (!entry || json_array_append_new(list, entry) < 0)
		return fail(problem, ks_text_valid(ks_bytes_text(resolved)) ? KS_ERR_NO_MEMORY : KS_ERR_INVALID, file);
	return write_list(path, list, problem);
}

int ks_keep_fresh_add(const char *folder, const char *name, const char *file, bool no_key,
		      struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	KS_AUTO_FREE char *path = ks_path_join(folder, LIST_FILE);
	KS_AUTO_CLOSE int fd = -1;
	struct stat status = { .st_mode = S_IFREG | 0600, .st_uid = geteuid(), .st_gid = getegid() };

	if (!path)
		return fail(problem, KS_ERR_NO_MEMORY, file);
	KS_AUTO_FREE char *resolved = realpath(file, NULL);
	if (stat(file, &status) == 0 && !S_ISREG(status.st_mode))
		return ks_enrol_problem_final(problem, KS_ERR_INVALID,
					      "--keep-fresh wants a regular file for -o, which can be written again");
	int r = make_pem(name, no_key, &pem, problem);
	if (r == 0)
		r = lock(folder, &fd, problem);
	if (r < 0)
		return r;
	ks_leftovers_remove(resolved ? resolved : file);
	r = ks_path_write_file_as(resolved ? resolved : file, ks_buffer_bytes(&pem), &status);
	return r < 0 ? fail(problem, r, file) : add(path, name, file, no_key, problem);
}
