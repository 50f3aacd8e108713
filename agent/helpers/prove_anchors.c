/* SPDX-License-Identifier: Apache-2.0 */
/* prove_anchors: see prove_anchors.h. Runs in: keystay-prove. */
#include "agent/helpers/prove_anchors.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

/* Where the system names neither (a container with a bundle alone). */
#define USUAL_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

struct set {
	struct ks_server_trust *trust;
	char why[256]; /* it cannot be used, "" */
};

struct ks_prove_anchors {
	size_t n_sets; /* the system's first */
	struct set *sets;
};

KS_DEFINE_CLEANUP(struct ks_prove_anchors *, ks_prove_anchors_free)

static void close_folder(DIR **folder)
{
	if (*folder)
		(void)closedir(*folder);
}

static int add_file(struct ks_server_trust *trust, const char *path)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;

	int r = ks_path_read_file(path, KS_ANCHOR_FILE_MAX, &text, &size);
	return r < 0 ? r : ks_server_trust_add_pem(trust, ks_bytes(text, size));
}

/* "002c0b4f.0": what OpenSSL's own look-up would open; the folder has the same certificates by other names as well. */
static bool is_hash_name(const char *name)
{
	size_t hash = strspn(name, "0123456789abcdef");
	size_t number = hash == 8 && name[8] == '.' ? strspn(name + 9, "0123456789") : 0;

	return number > 0 && name[9 + number] == '\0';
}

static void add_folder(struct ks_server_trust *trust, const char *path)
{
	KS_CLEANUP(close_folder) DIR *folder = opendir(path);
	const struct dirent *entry;

	while (folder && (entry = readdir(folder)) != NULL) {
		if (!is_hash_name(entry->d_name))
			continue;
		KS_AUTO_FREE char *file = ks_path_join(path, entry->d_name);
		if (file && add_file(trust, file) < 0)
			ks_log_debug("%s is no certificate", file);
	}
}

/* What of it cannot be read is passed over: the rest is what this system trusts. */
static void read_system(struct set *set)
{
	const char *file = ks_server_trust_system_file();

	int r = add_file(set->trust, file);
	if (r < 0 && r != KS_ERR_NOT_FOUND)
		ks_log_warning("%s cannot be read to its end: %s", file, ks_error_text(r));
	add_folder(set->trust, ks_server_trust_system_folder());
	if (ks_server_trust_size(set->trust) == 0)
		(void)add_file(set->trust, USUAL_BUNDLE);
	if (ks_server_trust_size(set->trust) == 0) {
		(void)ks_text_print(set->why, sizeof(set->why),
				    "this system trusts no certificate authority (package ca-certificates), and no "
				    "server-ca is configured");
		ks_log_notice("%s", set->why);
	}
}

/* Half of a file is not what its owner meant. */
static void read_own(struct set *set, const char *path)
{
	char shown[160];

	int r = add_file(set->trust, path);
	if (r > 0)
		return;
	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	(void)ks_text_print(set->why, sizeof(set->why), "the file of server-ca, %s, cannot be used: %s", shown,
			    r == 0 ? "there is no certificate in it" : ks_error_text(r));
	ks_log_error("%s", set->why);
}

int ks_prove_anchors_new(char *const *files, size_t n_files, struct ks_prove_anchors **ret_anchors)
{
	KS_CLEANUP(ks_prove_anchors_freep) struct ks_prove_anchors *anchors = calloc(1, sizeof(*anchors));

	if (!anchors)
		return KS_ERR_NO_MEMORY;
	anchors->sets = calloc(n_files + 1, sizeof(*anchors->sets));
	if (!anchors->sets)
		return KS_ERR_NO_MEMORY;
	for (size_t i = 0; i <= n_files; i++) {
		int r = ks_server_trust_new(&anchors->sets[i].trust);
		if (r < 0)
			return r;
		anchors->n_sets++;
		if (i == 0)
			read_system(&anchors->sets[i]);
		else
			read_own(&anchors->sets[i], files[i - 1]);
		ks_server_trust_warm(anchors->sets[i].trust);
	}
	*ret_anchors = KS_STEAL(anchors);
	return 0;
}

void ks_prove_anchors_free(struct ks_prove_anchors *anchors)
{
	if (!anchors)
		return;
	for (size_t i = 0; i < anchors->n_sets; i++)
		ks_server_trust_free(anchors->sets[i].trust);
	free(anchors->sets);
	free(anchors);
}

int ks_prove_anchors_get(const struct ks_prove_anchors *anchors, uint32_t number,
			 const struct ks_server_trust **ret_trust, char ret_reason[256])
{
	const char *why = number < anchors->n_sets ? anchors->sets[number].why : "its anchors are not known";

	if (why[0]) {
		(void)ks_text_print(ret_reason, 256, "%s", why);
		return KS_ERR_RULE_UNPROVABLE;
	}
	*ret_trust = anchors->sets[number].trust;
	return 0;
}
