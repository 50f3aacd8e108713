/* SPDX-License-Identifier: Apache-2.0 */
/* install: see install.h. Runs in: keystay-enroll. */
#include "enrol/install.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/token.h"
#include "enrol/console.h"
#include "enrol/leftovers.h"
#include "enrol/state.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/der.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/pem.h"
#include "lib/protocol/spki.h"
#include "lib/tls/certificate.h"
#include "lib/tls/certificate_dates.h"
#include "lib/tls/verify_signature.h"

#define CERTIFICATES "certs"
#define PEM ".pem"
#define ASIDE ".aside"
#define HASH_SIZE 32
#define NAME_DIGITS 16

KS_DEFINE_CLEANUP(struct ks_client_identity *, ks_client_identity_free)
KS_DEFINE_CLEANUP(struct ks_certificate *, ks_certificate_unref)

struct ks_bytes ks_install_leaf(struct ks_bytes chain)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_bytes leaf = ks_der_take_any(&reader, NULL);

	return ks_reader_ok(&reader) ? leaf : KS_BYTES_NONE;
}

static int fail(struct ks_enrol_problem *problem, int code, const char *doing, const char *path)
{
	char shown[512];

	ks_text_escape(ks_bytes_text(path ? path : "its file"), shown, sizeof(shown));
	return ks_enrol_problem_set(problem, code, "the new certificate cannot be %s: %s: %s", doing, shown,
				    ks_error_text(code));
}

static int hash_of(struct ks_bytes bytes, uint8_t hash[HASH_SIZE], char digits[KS_STATE_HASH_TEXT])
{
	int r = ks_sha256(bytes, hash);
	if (r == 0)
		ks_text_hex(ks_bytes(hash, HASH_SIZE), digits);
	return r;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t size = strlen(text);
	size_t end = strlen(ending);

	return size > end && strcmp(text + size - end, ending) == 0;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

/* The name of a key may hold anything that a person typed into keystay.conf. */
static char *path_of(const char *folder, const char *name, struct ks_bytes leaf)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@+-";
	KS_AUTO_FREE char *plain = ks_text_copy(ks_bytes_text(name));
	char digits[KS_STATE_HASH_TEXT];
	uint8_t hash[HASH_SIZE];

	if (!plain || hash_of(leaf, hash, digits) < 0)
		return NULL;
	for (char *c = plain; *c; c++)
		*c = strchr(good, *c) ? *c : '_';
	return ks_text_format("%s/%s/%.64s-%.*s" PEM, folder, CERTIFICATES, plain, NAME_DIGITS, digits);
}

static int put_pem(struct ks_buffer *pem, struct ks_bytes chain)
{
	struct ks_reader reader = ks_reader(chain);

	while (ks_reader_left(&reader) > 0) {
		struct ks_bytes der = ks_der_take_any(&reader, NULL);
		int r = ks_reader_ok(&reader) ? ks_pem_put(pem, "CERTIFICATE", der) : KS_ERR_MALFORMED;
		if (r < 0)
			return r;
	}
	return ks_buffer_error(pem);
}

int ks_install_write(const char *folder, const char *name, struct ks_bytes chain, char **ret_path,
		     struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer pem = { 0 };
	KS_AUTO_FREE char *certificates = ks_path_join(folder, CERTIFICATES);
	KS_AUTO_FREE char *path = path_of(folder, name, ks_install_leaf(chain));

	int r = certificates && path ? ks_path_make_private_all(certificates) : KS_ERR_NO_MEMORY;
	if (r == 0)
		r = put_pem(&pem, chain);
	if (r < 0)
		return fail(problem, r, "written", certificates);
	ks_leftovers_remove(path);
	r = ks_path_write_file(path, ks_buffer_bytes(&pem), 0600);
	if (r < 0)
		return fail(problem, r, "written", path);
	*ret_path = KS_STEAL(path);
	return 0;
}

/* --- the agent --------------------------------------------------------------------------------------------------- */

int ks_install_refresh(struct ks_enrol_problem *problem)
{
	struct ks_client_error error;

	return ks_client_refresh(&error) < 0 ? ks_enrol_problem_client(problem, &error) : 0;
}

/* Why the agent goes on with another one. CAs date theirs back by minutes, so one on a card may seem newer. */
static int another(const struct ks_msg_identity *shown, struct ks_bytes leaf, struct ks_enrol_problem *problem)
{
	char mine[KS_CONSOLE_TIME_MAX], its[KS_CONSOLE_TIME_MAX];
	uint64_t now = ks_clock_wall_s();
	int64_t from, until;

	if (ks_certificate_dates_read(leaf, &from, &until) < 0 || from < 0 || (uint64_t)from >= shown->not_before)
		return ks_enrol_problem_final(
			problem, KS_ERR_RULE,
			"the new certificate lies in the agent's folder, but the agent goes on with another "
			"one of this key: look at issuer, eku and template of its [key] section, and at "
			"keystay show");
	ks_console_time((uint64_t)from, now, mine);
	ks_console_time(shown->not_before, now, its);
	return ks_enrol_problem_final(
		problem, KS_ERR_RULE,
		"the new certificate began %s, before the one in use (%s), and the agent goes on with the newer "
		"one; another one is asked for when that is due, or by keystay enroll --force in some minutes",
		mine, its);
}

static int check(const char *spki, struct ks_bytes leaf, struct ks_enrol_problem *problem)
{
	KS_CLEANUP(ks_client_identity_freep) struct ks_client_identity *found = NULL;
	struct ks_client_error error;

	if (ks_client_get(spki, &found, &error) < 0)
		return ks_enrol_problem_client(problem, &error);
	if (ks_bytes_equal(ks_client_identity_leaf(found), leaf))
		return 0;
	return another(&found->identity, leaf, problem);
}

/* --- old ones ---------------------------------------------------------------------------------------------------- */

static int take_first(struct ks_certificate *certificate, void *userdata)
{
	struct ks_certificate **first = userdata;

	if (*first)
		ks_certificate_unref(certificate);
	else
		*first = certificate;
	return 0;
}

static bool is_of_key(const char *path, const char *spki)
{
	KS_CLEANUP(ks_certificate_unrefp) struct ks_certificate *first = NULL;
	KS_AUTO_FREE char *text = NULL;
	char digits[KS_STATE_HASH_TEXT];
	uint8_t hash[HASH_SIZE];
	size_t size = 0;

	if (ks_path_read_file(path, KS_CERTIFICATE_FILE_MAX, &text, &size) < 0 ||
	    ks_certificate_read_pem(ks_bytes(text, size), take_first, &first) < 1)
		return false;
	return hash_of(ks_certificate_spki(first), hash, digits) == 0 && strcmp(digits, spki) == 0;
}

static int is_candidate(const struct dirent *entry)
{
	return entry->d_name[0] != '.' && (ends_with(entry->d_name, PEM) || ends_with(entry->d_name, PEM ASIDE));
}

/* Calls visit with the path of each file of the key, but keep's; the first error is what comes back. */
static int visit_files(const char *folder, const char *spki, const char *keep, int (*visit)(const char *path),
		       struct ks_enrol_problem *problem)
{
	KS_AUTO_FREE char *certificates = ks_path_join(folder, CERTIFICATES);
	struct dirent **entries = NULL;
	int n = certificates ? scandir(certificates, &entries, is_candidate, alphasort) : -1;
	int r = 0;

	if (n < 0 && certificates && errno == ENOENT)
		return 0;
	if (n < 0)
		return fail(problem, certificates ? ks_error_from_errno(errno) : KS_ERR_NO_MEMORY,
			    "put in the place of the old", certificates);
	for (int i = 0; i < n; i++) {
		KS_AUTO_FREE char *path = ks_path_join(certificates, entries[i]->d_name);
		free(entries[i]);
		if (!path || (keep && strcmp(path, keep) == 0) || !is_of_key(path, spki))
			continue;
		int one = visit(path);
		if (one < 0 && r == 0)
			r = fail(problem, one, "put in the place of the old", path);
	}
	free(entries);
	return r;
}

static int remove_file(const char *path)
{
	return unlink(path) < 0 && errno != ENOENT ? ks_error_from_errno(errno) : 0;
}

int ks_install_clean(const char *folder, const char *spki, const char *keep, struct ks_enrol_problem *problem)
{
	return visit_files(folder, spki, keep, remove_file, problem);
}

static int put_aside(const char *path)
{
	KS_AUTO_FREE char *aside = ks_text_format("%s" ASIDE, path);

	if (ends_with(path, ASIDE))
		return 0;
	return aside && rename(path, aside) == 0 ? 0 : KS_ERR_SYSTEM;
}

static int put_back(const char *path)
{
	if (!ends_with(path, ASIDE))
		return 0;
	KS_AUTO_FREE char *back = ks_text_copy(ks_bytes_text(path));
	if (!back)
		return KS_ERR_NO_MEMORY;
	back[strlen(back) - strlen(ASIDE)] = '\0';
	return rename(path, back) == 0 ? 0 : KS_ERR_SYSTEM;
}

int ks_install_take_over(const char *folder, const char *spki, const char *path, struct ks_bytes leaf,
			 struct ks_enrol_problem *problem)
{
	struct ks_enrol_problem other;

	int r = ks_install_refresh(problem);
	if (r == 0)
		r = check(spki, leaf, problem);
	if (r != KS_ERR_RULE)
		return r;
	r = visit_files(folder, spki, path, put_aside, problem);
	if (r == 0)
		r = ks_install_refresh(problem);
	if (r == 0)
		r = check(spki, leaf, problem);
	if (r == 0)
		return 0;
	if (visit_files(folder, spki, path, put_back, &other) < 0 || ks_install_refresh(&other) < 0)
		ks_console_warn("%s", other.text);
	return r;
}

bool ks_install_on_token(const char *spki, struct ks_bytes leaf, struct ks_bytes old_leaf,
			 struct ks_enrol_problem *note)
{
	struct ks_client_error error;
	char digits[KS_STATE_HASH_TEXT];
	uint8_t key[HASH_SIZE], hash[HASH_SIZE];
	size_t size = 0;
	unsigned n_removed;

	if (ks_text_unhex(spki, key, sizeof(key), &size) < 0)
		return false;
	const struct ks_client_store store = { .spki_hash = key, .certificate = leaf, .label = "" };
	if (ks_client_token_store(&store, NULL, &error) < 0) {
		(void)ks_enrol_problem_client(note, &error);
		return false;
	}
	if (old_leaf.size == 0 || ks_bytes_equal(old_leaf, leaf) || hash_of(old_leaf, hash, digits) < 0)
		return true;
	const struct ks_client_remove remove = { .spki_hash = key, .certificates = true, .certificate_hash = hash };
	if (ks_client_token_remove(&remove, &n_removed, &error) < 0) {
		(void)ks_enrol_problem_client(note, &error);
		return false;
	}
	return true;
}
