/* SPDX-License-Identifier: Apache-2.0 */
/* state: see state.h. Here: its file, its lock. Runs in: keystay-enroll. */
#include "enrol/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "enrol/console.h"
#include "enrol/leftovers.h"
#include "enrol/state_json.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/path.h"
#include "lib/base/secret.h"
#include "lib/base/text.h"

#define ENDING ".json"
#define LOCK_PAUSE_MS 50

void ks_enrol_state_deinit(struct ks_enrol_state *state)
{
	free(state->key);
	free(state->profile);
	free(state->subject);
	free(state->san);
	ks_buffer_deinit(&state->request);
	ks_buffer_deinit(&state->pending);
	ks_buffer_deinit(&state->issued);
	free(state->new_id);
	free(state->new_token);
	free(state->installed);
	free(state->error);
	*state = (struct ks_enrol_state){ 0 };
}

void ks_enrol_state_forget_order(struct ks_enrol_state *state)
{
	ks_buffer_release(&state->request);
	ks_buffer_release(&state->pending);
	ks_buffer_release(&state->issued);
	state->pending_since = 0;
	state->n_polls = 0;
}

void ks_enrol_state_forget_failure(struct ks_enrol_state *state)
{
	free(state->error);
	state->error = NULL;
	state->code = 0;
	state->waits = false;
	state->n_failures = 0;
	state->next = 0;
	state->failed_at = 0;
}

void ks_enrol_state_forget_new_key(struct ks_enrol_state *state)
{
	free(state->new_id);
	free(state->new_token);
	state->new_id = NULL;
	state->new_token = NULL;
	state->new_spki[0] = '\0';
}

void ks_enrol_state_note_failure(struct ks_enrol_state *state, const struct ks_enrol_problem *problem)
{
	free(state->error);
	state->error = ks_text_copy(ks_bytes_text(problem->text));
	state->code = problem->code;
}

int ks_enrol_state_set(char **field, const char *text)
{
	char *copy = text ? ks_text_copy(ks_bytes_text(text)) : NULL;

	if (text && !copy)
		return KS_ERR_NO_MEMORY;
	free(*field);
	*field = copy;
	return 0;
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

static char *path_of(const char *folder, const char *spki, const char *ending)
{
	return ks_text_format("%s/enrol/%s%s", folder, spki, ending);
}

static int fail(struct ks_enrol_problem *problem, int code, const char *doing, const char *path)
{
	char shown[512];

	ks_text_escape(ks_bytes_text(path ? path : "its file"), shown, sizeof(shown));
	return ks_enrol_problem_set(problem, code, "the state of a key's certificate cannot be %s: %s: %s", doing,
				    shown, ks_error_text(code));
}

static int make_folder(const char *folder, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, "enrol");

	int r = path ? ks_path_make_private_all(path) : KS_ERR_NO_MEMORY;
	return r < 0 ? fail(problem, r, "kept", path) : 0;
}

/* Kept for whoever wants to know what was in it; one is enough. */
static int set_aside(const char *path, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *aside = ks_text_format("%s.bad", path);
	char shown[512];

	if (!aside || rename(path, aside) < 0)
		return fail(problem, aside ? ks_error_from_errno(errno) : KS_ERR_NO_MEMORY, "set aside", path);
	ks_text_escape(ks_bytes_text(aside), shown, sizeof(shown));
	ks_console_warn("the state of a key's certificate was damaged and is begun anew; what was in it: %s", shown);
	return 0;
}

static int read_state(const char *path, struct ks_enrol_state *state)
{
	KS_CLEANUP(json_decrefp) json_t *object = NULL;
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	json_error_t error;

	int r = ks_path_read_file(path, KS_ENROL_STATE_MAX, &text, &size);
	if (r == KS_ERR_TOO_LARGE || r == KS_ERR_INVALID)
		return KS_ERR_MALFORMED;
	if (r < 0)
		return r;
	object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	ks_secret_wipe(text, size);
	return object ? ks_enrol_state_from_json(object, state) : KS_ERR_MALFORMED;
}

/* SCEP's transient key is in what is pending. */
static void begin(struct ks_enrol_state *state, const char *spki)
{
	(void)ks_text_print(state->spki, sizeof(state->spki), "%s", spki);
	state->pending.secret = true;
}

int ks_enrol_state_load(const char *folder, const char *spki, struct ks_enrol_state *ret_state,
			struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_enrol_state_deinit) struct ks_enrol_state state = { 0 };
	KS_AUTO_FREE char *path = path_of(folder, spki, ENDING);

	begin(&state, spki);
	int r = path ? read_state(path, &state) : KS_ERR_NO_MEMORY;
	if (r == KS_ERR_MALFORMED) {
		ks_enrol_state_deinit(&state);
		begin(&state, spki);
		r = set_aside(path, problem);
		if (r < 0)
			return r;
	} else if (r < 0 && r != KS_ERR_NOT_FOUND) {
		return fail(problem, r, "read", path);
	}
	*ret_state = state;
	state = (struct ks_enrol_state){ 0 };
	return 0;
}

static void free_wiped(char **text)
{
	if (*text)
		ks_secret_wipe(*text, strlen(*text));
	free(*text);
}

int ks_enrol_state_save(const char *folder, const struct ks_enrol_state *state, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(json_decrefp) json_t *object = ks_enrol_state_to_json(state);
	KS_AUTO_FREE char *path = path_of(folder, state->spki, ENDING);
	KS_CLEANUP(free_wiped) char *text = object ? json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;

	if (!text || !path)
		return fail(problem, KS_ERR_NO_MEMORY, "written", path);
	int r = make_folder(folder, problem);
	if (r < 0)
		return r;
	if (strlen(text) > KS_ENROL_STATE_MAX)
		r = KS_ERR_LIMIT;
	else
		r = ks_path_write_file(path, ks_bytes_text(text), 0600);
	return r < 0 ? fail(problem, r, "written", path) : 0;
}

int ks_enrol_state_remove(const char *folder, const char *spki, struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *path = path_of(folder, spki, ENDING);

	if (!path)
		return fail(problem, KS_ERR_NO_MEMORY, "removed", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fail(problem, ks_error_from_errno(errno), "removed", path);
	return 0;
}

bool ks_enrol_state_exists(const char *folder, const char *spki)
{
	KS_AUTO_FREE char *path = path_of(folder, spki, ENDING);

	return !path || access(path, F_OK) == 0 || errno != ENOENT;
}

/* By its name below folder: the folder may have been moved since. */
static bool is_removed(const char *folder, const char *installed)
{
	const char *slash = strrchr(installed, '/');
	KS_AUTO_FREE char *parent = ks_path_join(folder, "certs");
	KS_AUTO_FREE char *path = parent ? ks_path_join(parent, slash ? slash + 1 : installed) : NULL;

	return path && access(parent, R_OK | X_OK) == 0 && access(path, F_OK) < 0 && errno == ENOENT;
}

bool ks_enrol_state_is_over(const char *folder, const struct ks_enrol_state *state)
{
	if (state->pending.size > 0 || state->issued.size > 0 || state->hook_due || state->new_id ||
	    state->new_spki[0] || state->n_previous > 0)
		return false;
	return state->installed ? is_removed(folder, state->installed) :
				  !state->profile && !state->subject && !state->san;
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

static int is_state_file(const struct dirent *entry)
{
	size_t n = strspn(entry->d_name, "0123456789abcdef");

	return n == KS_STATE_HASH_TEXT - 1 && strcmp(entry->d_name + n, ENDING) == 0;
}

int ks_enrol_state_list(const char *folder, char (**ret_hashes)[KS_STATE_HASH_TEXT], size_t *ret_n,
			struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, "enrol");
	struct dirent **entries = NULL;
	int n = path ? scandir(path, &entries, is_state_file, alphasort) : -1;

	if (!path)
		return fail(problem, KS_ERR_NO_MEMORY, "listed", path);
	if (n < 0 && errno != ENOENT)
		return fail(problem, ks_error_from_errno(errno), "listed", path);
	char(*hashes)[KS_STATE_HASH_TEXT] = calloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*hashes));
	for (int i = 0; i < n; i++) {
		if (hashes)
			memcpy(hashes[i], entries[i]->d_name, KS_STATE_HASH_TEXT - 1);
		free(entries[i]);
	}
	free(entries);
	if (!hashes)
		return fail(problem, KS_ERR_NO_MEMORY, "listed", path);
	*ret_hashes = hashes;
	*ret_n = n > 0 ? (size_t)n : 0;
	return 0;
}

/* --- the lock ---------------------------------------------------------------------------------------------------- */

/* The file stays: who removed it could remove the one that somebody else has just locked. */
int ks_enrol_state_lock(const char *folder, const char *spki, uint64_t wait_ms, int *ret_fd,
			struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *path = path_of(folder, spki, ".lock");
	uint64_t deadline_ms = ks_clock_monotonic_ms() + wait_ms;

	int r = make_folder(folder, problem);
	if (r < 0)
		return r;
	KS_AUTO_CLOSE int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
	if (fd < 0)
		return fail(problem, path ? ks_error_from_errno(errno) : KS_ERR_NO_MEMORY, "locked", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail(problem, ks_error_from_errno(errno), "locked", path);
		if (ks_clock_left_ms(deadline_ms) == 0)
			return ks_enrol_problem_set(
				problem, KS_ERR_BUSY,
				"another keystay-enroll is at work with this key; try again when it "
				"has ended");
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	KS_AUTO_FREE char *file = path_of(folder, spki, ENDING);
	if (file)
		ks_leftovers_remove(file);
	*ret_fd = KS_STEAL_FD(fd);
	return 0;
}
