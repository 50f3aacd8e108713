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

struct loading {
	struct ks_overlay overlay;
	size_t capacity;
	bool full;
};

void ks_overlay_deinit(struct ks_overlay *overlay)
{
	for (size_t i = 0; i < overlay->n_certificates; i++)
		ks_certificate_unref(overlay->certificates[i]);
	free(overlay->certificates);
	*overlay = (struct ks_overlay){ 0 };
}

static void loading_deinit(struct loading *loading)
{
	ks_overlay_deinit(&loading->overlay);
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

static void complain(const char *path, const char *what)
{
	char shown[1024];

	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	ks_log_warning("%s: %s", shown, what);
}

/* PEM says so (RFC 7468); anything else is taken for one certificate in DER. */
static int add_all(struct loading *loading, struct ks_bytes content)
{
	static const char begin[] = "-----BEGIN ";
	if (memmem(content.data, content.size, begin, sizeof(begin) - 1))
		return ks_certificate_read_pem(content, add, loading);

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

	int r = ks_path_read_file(path, KS_CERTIFICATE_FILE_MAX, &content, &size);
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
		complain(path, "it holds no certificate");
	return 0;
}

static int is_certificate_file(const struct dirent *entry)
{
	static const char *const suffixes[] = { ".pem", ".crt", ".cer" };
	size_t size = strlen(entry->d_name);

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t suffix = strlen(suffixes[i]);
		if (entry->d_name[0] != '.' && size > suffix &&
		    strcasecmp(entry->d_name + size - suffix, suffixes[i]) == 0)
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

int ks_overlay_read(const struct ks_settings *settings, struct ks_overlay *ret_overlay)
{
	KS_CLEANUP(loading_deinit) struct loading loading = { 0 };

	for (size_t i = 0; i < settings->n_certificate_folders && !loading.full; i++) {
		int r = read_folder(&loading, settings->certificate_folders[i]);
		if (r < 0)
			return r;
	}
	if (loading.full)
		ks_log_warning("there are more than %u certificates in certs/; the rest is left out",
			       KS_OVERLAY_CERTIFICATES_MAX);
	*ret_overlay = loading.overlay;
	loading.overlay = (struct ks_overlay){ 0 };
	return 0;
}
