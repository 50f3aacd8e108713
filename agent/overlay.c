/* SPDX-License-Identifier: Apache-2.0 */
/* overlay: see overlay.h. Runs in: keystay-agent. */
#include "agent/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

KS_DEFINE_CLEANUP(struct ks_revocation *, ks_revocation_free)

struct loading {
	struct ks_overlay overlay;
	size_t capacity;
	bool full;
	bool lists_full;
	size_t lists_size; /* in bytes, as DER */
	bool answers_full;
	const char *path; /* of the file that is being read */
	const struct ks_overlay *old;
};

void ks_overlay_deinit(struct ks_overlay *overlay)
{
	for (size_t i = 0; i < overlay->n_certificates; i++)
		ks_certificate_unref(overlay->certificates[i]);
	free(overlay->certificates);
	for (size_t i = 0; i < overlay->n_lists; i++) {
		ks_revocation_free(overlay->lists[i].list);
		free(overlay->lists[i].path);
	}
	free(overlay->lists);
	for (size_t i = 0; i < overlay->n_answers; i++) {
		free(overlay->answers[i].content);
		free(overlay->answers[i].path);
	}
	free(overlay->answers);
	*overlay = (struct ks_overlay){ 0 };
}

static void loading_deinit(struct loading *loading)
{
	ks_overlay_deinit(&loading->overlay);
}

static void complain(const char *path, const char *what)
{
	char shown[1024];

	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	ks_log_warning("%s: %s", shown, what);
}

/* Takes certificate (also as the callback of ks_certificate_read_pem()). */
static int add(struct ks_certificate *certificate, void *userdata)
{
	struct loading *loading = userdata;
	struct ks_overlay *overlay = &loading->overlay;

	/* No message could carry it. */
	if (ks_certificate_der(certificate).size > KS_CERTIFICATE_MAX) {
		ks_certificate_unref(certificate);
		return KS_ERR_TOO_LARGE;
	}
	if (overlay->n_certificates == KS_OVERLAY_CERTIFICATES_MAX) {
		loading->full = true;
		ks_certificate_unref(certificate);
		return KS_ERR_LIMIT;
	}
	if (overlay->n_certificates == loading->capacity) {
		size_t capacity = loading->capacity ? loading->capacity * 2 : 16;
		void *grown = reallocarray(overlay->certificates, capacity, sizeof(*overlay->certificates));
		if (!grown) {
			ks_certificate_unref(certificate);
			return KS_ERR_NO_MEMORY;
		}
		overlay->certificates = grown;
		loading->capacity = capacity;
	}
	overlay->certificates[overlay->n_certificates++] = certificate;
	return 0;
}

/* Takes list (also as the callback of ks_revocation_read_pem()). */
static int add_list(struct ks_revocation *list, void *userdata)
{
	struct loading *loading = userdata;
	struct ks_overlay *overlay = &loading->overlay;
	KS_CLEANUP(ks_revocation_freep) struct ks_revocation *given = list;
	const char *why_ignored = ks_revocation_why_ignored(given);
	char sentence[256];

	if (why_ignored) {
		(void)ks_text_print(sentence, sizeof(sentence), "a revocation list in it is ignored: %s", why_ignored);
		complain(loading->path, sentence);
		return 0;
	}
	if (overlay->n_lists == KS_REVOCATIONS_MAX ||
	    ks_revocation_size(given) > KS_REVOCATION_TOTAL_MAX - loading->lists_size) {
		loading->lists_full = true;
		return 0;
	}
	loading->lists_size += ks_revocation_size(given);
	if (!overlay->lists)
		overlay->lists = calloc(KS_REVOCATIONS_MAX, sizeof(*overlay->lists));
	char *path = ks_text_copy(ks_bytes_text(loading->path));
	if (!overlay->lists || !path) {
		free(path);
		return KS_ERR_NO_MEMORY;
	}
	overlay->lists[overlay->n_lists++] = (struct ks_overlay_list){ .list = KS_STEAL(given), .path = path };
	return 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t size = strlen(name);
	size_t end = strlen(suffix);

	return size > end && strcasecmp(name + size - end, suffix) == 0;
}

static int add_pem(struct loading *loading, struct ks_bytes content)
{
	int n_certificates = ks_certificate_read_pem(content, add, loading);
	if (n_certificates == KS_ERR_NO_MEMORY)
		return n_certificates;
	/* A bad certificate takes no list with it. */
	int n_lists = ks_revocation_read_pem(content, add_list, loading);
	if (n_certificates < 0 || n_lists == KS_ERR_NO_MEMORY)
		return n_lists == KS_ERR_NO_MEMORY ? n_lists : n_certificates;
	if (n_lists < 0) {
		complain(loading->path, "a revocation list in it cannot be read; it and those behind it are left out");
		return 1;
	}
	return n_certificates + n_lists;
}

static int add_der_list(struct loading *loading, struct ks_bytes content)
{
	struct ks_revocation *list;

	int r = ks_revocation_new(content, &list);
	if (r == 0)
		r = add_list(list, loading);
	if (r == KS_ERR_NO_MEMORY)
		return r;
	if (r < 0)
		complain(loading->path, "it is no revocation list that can be read; it is left out");
	return 1;
}

/* PEM says so (RFC 7468); anything else is DER. */
static int add_all(struct loading *loading, struct ks_bytes content)
{
	static const char begin[] = "-----BEGIN ";
	if (memmem(content.data, content.size, begin, sizeof(begin) - 1))
		return add_pem(loading, content);
	if (has_suffix(loading->path, ".crl"))
		return add_der_list(loading, content);

	struct ks_certificate *certificate;
	int r = ks_certificate_new(content, &certificate);
	if (r == 0)
		r = add(certificate, loading);
	return r < 0 ? r : 1;
}

static int read_file(struct loading *loading, const char *path)
{
	KS_AUTO_FREE char *content = NULL;
	size_t size = 0;
	size_t size_max = has_suffix(path, ".crl") ? KS_REVOCATION_FILE_MAX : KS_CERTIFICATE_FILE_MAX;

	loading->path = path;
	int r = ks_path_read_file(path, size_max, &content, &size);
	if (r == KS_ERR_NO_MEMORY)
		return r;
	if (r < 0) {
		complain(path, r == KS_ERR_TOO_LARGE ? "left out, it is too large for a file of certificates" :
						       "left out, it is no readable regular file");
		return 0;
	}
	r = add_all(loading, ks_bytes(content, size));
	if (r == KS_ERR_NO_MEMORY)
		return r;
	if (r < 0 && r != KS_ERR_LIMIT)
		complain(path, "a certificate in it cannot be read; it and those behind it are left out");
	else if (r == 0)
		complain(path, "it holds no certificate and no revocation list");
	return 0;
}

static int is_certificate_file(const struct dirent *entry)
{
	static const char *const suffixes[] = { ".pem", ".crt", ".cer", ".crl" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		if (entry->d_name[0] != '.' && has_suffix(entry->d_name, suffixes[i]))
			return 1;
	}
	return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_folder(struct loading *loading, const char *folder)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_certificate_file, by_name);
	int r = 0;

	if (n < 0 && errno == ENOMEM)
		r = KS_ERR_NO_MEMORY;
	else if (n < 0 && errno != ENOENT)
		complain(folder, ks_error_text(ks_error_from_errno(errno)));
	for (int i = 0; i < n; i++) {
		KS_AUTO_FREE char *path = NULL;
		if (r == 0 && !loading->full) {
			path = ks_path_join(folder, entries[i]->d_name);
			r = path ? read_file(loading, path) : KS_ERR_NO_MEMORY;
		}
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* --- status/ ----------------------------------------------------------------------------------------------------- */

static int is_status_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && (has_suffix(entry->d_name, ".crl") || has_suffix(entry->d_name, ".ocsp"));
}

/* Its name is 64 hex digits and ".ocsp". */
static int read_answer(struct loading *loading, const char *path, const char *name)
{
	struct ks_overlay *overlay = &loading->overlay;
	struct ks_overlay_answer answer = { 0 };
	char digits[65];
	size_t size = 0;

	if (strlen(name) != 64 + strlen(".ocsp"))
		return 0;
	memcpy(digits, name, 64);
	digits[64] = '\0';
	if (ks_text_unhex(digits, answer.certificate_hash, sizeof(answer.certificate_hash), &size) < 0)
		return 0;
	if (overlay->n_answers == KS_OCSP_ANSWERS_MAX) {
		loading->answers_full = true;
		return 0;
	}
	if (!overlay->answers)
		overlay->answers = calloc(KS_OCSP_ANSWERS_MAX, sizeof(*overlay->answers));
	answer.path = ks_text_copy(ks_bytes_text(path));
	int r = overlay->answers && answer.path ?
			ks_path_read_file(path, KS_OCSP_ANSWER_MAX, &answer.content, &answer.size) :
			KS_ERR_NO_MEMORY;
	if (r < 0) {
		free(answer.path);
		if (r == KS_ERR_NO_MEMORY)
			return r;
		complain(path, "left out, it is no OCSP response that can be read");
		return 0;
	}
	overlay->answers[overlay->n_answers++] = answer;
	return 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* With what is known of it. */
static int add_known(struct loading *loading, const struct ks_overlay_list *known)
{
	size_t n = loading->overlay.n_lists;

	int r = add_list(ks_revocation_ref(known->list), loading);
	if (r < 0 || loading->overlay.n_lists == n)
		return r;
	struct ks_overlay_list *added = &loading->overlay.lists[n];
	added->told = known->told;
	added->has_signer = known->has_signer;
	memcpy(added->signer_hash, known->signer_hash, sizeof(added->signer_hash));
	added->file = known->file;
	return 0;
}

static const struct ks_overlay_list *find_known(const struct loading *loading, const char *path,
						const struct stat *file)
{
	for (size_t i = 0; loading->old && i < loading->old->n_lists; i++) {
		const struct ks_overlay_list *list = &loading->old->lists[i];
		if (strcmp(list->path, path) == 0 && is_same_file(&list->file, file))
			return list;
	}
	return NULL;
}

/* DER alone: a block of PEM could bring certificates along. */
static int read_list(struct loading *loading, const char *path)
{
	KS_AUTO_FREE char *content = NULL;
	struct stat file = { 0 };
	size_t size = 0, n = loading->overlay.n_lists;

	loading->path = path;
	/* Before it is read: who puts another one in its place meanwhile has it read again the next time. */
	bool is_there = stat(path, &file) == 0;
	const struct ks_overlay_list *known = is_there ? find_known(loading, path, &file) : NULL;
	if (known)
		return add_known(loading, known);
	int r = ks_path_read_file(path, KS_REVOCATION_FILE_MAX, &content, &size);
	if (r == 0)
		r = add_der_list(loading, ks_bytes(content, size));
	else if (r != KS_ERR_NO_MEMORY)
		complain(path, "left out, it is no revocation list that can be read");
	if (is_there && loading->overlay.n_lists > n)
		loading->overlay.lists[n].file = file;
	return r == KS_ERR_NO_MEMORY ? r : 0;
}

int ks_overlay_read_status(struct ks_overlay *overlay, const struct ks_overlay *old, const char *folder)
{
	struct loading loading = { .overlay = *overlay, .old = old };
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, is_status_file, by_name);
	int r = n < 0 && errno == ENOMEM ? KS_ERR_NO_MEMORY : 0;

	if (r == 0 && n < 0 && errno != ENOENT)
		complain(folder, ks_error_text(ks_error_from_errno(errno)));
	for (size_t i = 0; i < overlay->n_lists; i++)
		loading.lists_size += ks_revocation_size(overlay->lists[i].list);
	for (int i = 0; i < n; i++) {
		KS_AUTO_FREE char *path = r == 0 ? ks_path_join(folder, entries[i]->d_name) : NULL;
		if (r == 0 && !path)
			r = KS_ERR_NO_MEMORY;
		if (r == 0)
			r = has_suffix(path, ".crl") ? read_list(&loading, path) :
						       read_answer(&loading, path, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	if (loading.answers_full)
		complain(folder, "there are more OCSP responses than there can be certificates; the rest is left out");
	if (loading.lists_full)
		complain(folder, "there are too many revocation lists, with those in certs/; the rest is left out");
	*overlay = loading.overlay;
	return r;
}

struct ks_overlay_answer *ks_overlay_answer_for(const struct ks_overlay *overlay, const uint8_t certificate_hash[32])
{
	for (size_t i = 0; i < overlay->n_answers; i++) {
		if (memcmp(overlay->answers[i].certificate_hash, certificate_hash, 32) == 0)
			return &overlay->answers[i];
	}
	return NULL;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

int ks_overlay_read(const struct ks_settings *settings, const char *enrolled, struct ks_overlay *ret_overlay)
{
	KS_CLEANUP(loading_deinit) struct loading loading = { 0 };

	for (size_t i = 0; i < settings->n_certificate_folders && !loading.full; i++) {
		int r = read_folder(&loading, settings->certificate_folders[i]);
		if (r < 0)
			return r;
	}
	int r = enrolled && !loading.full ? read_folder(&loading, enrolled) : 0;
	if (r < 0)
		return r;
	if (loading.full)
		ks_log_warning("there are more than %u certificates in certs/; the rest is left out",
			       KS_OVERLAY_CERTIFICATES_MAX);
	if (loading.lists_full)
		ks_log_warning(
			"there are more than %u revocation lists, or more than %u MiB of them; the rest is left out",
			KS_REVOCATIONS_MAX, KS_REVOCATION_TOTAL_MAX / 1024 / 1024);
	*ret_overlay = loading.overlay;
	loading.overlay = (struct ks_overlay){ 0 };
	return 0;
}
