/* SPDX-License-Identifier: Apache-2.0 */
/* token_overlay: see token_overlay.h. Runs in: keystay. */
#include "cli/token_overlay.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/error.h"
#include "client/sha256.h"
#include "client/x509.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/spki.h"

KS_DEFINE_CLEANUP(BIO *, BIO_free_all)

/* Given (free()). */
static int find_folder(char **ret_folder, struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_profiles request = { 0 };
	struct ks_msg_profiles_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, ret_error);
	if (r == 0)
		r = ks_client_call(&client, KS_MSG_PROFILES, &request, KS_MSG_PROFILES_REPLY, &reply, sizeof(reply),
				   "waiting for the agent", ret_error);
	if (r < 0)
		return r;
	KS_AUTO_FREE char *state = ks_text_copy(reply.folder);
	*ret_folder = state ? ks_path_join(state, "certs") : NULL;
	return *ret_folder ? 0 : ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
}

/* Given (free()), or NULL. */
static char *file_of(const char *folder, struct ks_bytes leaf)
{
	uint8_t hash[KS_SHA256_SIZE];
	char name[2 * 16 + 5];

	ks_client_sha256(leaf, hash);
	ks_text_hex(ks_bytes(hash, 16), name);
	(void)ks_text_print(name + 32, 5, ".pem");
	return ks_path_join(folder, name);
}

int ks_token_overlay_write(struct ks_bytes leaf, struct ks_bytes content, struct ks_client_error *ret_error)
{
	KS_AUTO_FREE char *folder = NULL;

	int r = find_folder(&folder, ret_error);
	if (r < 0)
		return r;
	KS_AUTO_FREE char *path = file_of(folder, leaf);
	if (!path)
		return ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
	r = ks_path_make_private_all(folder);
	if (r == 0)
		r = ks_path_write_file(path, content, 0600);
	if (r < 0)
		return ks_client_fail(ret_error, r, "cannot write %s: %s", path, ks_error_text(r));
	return ks_client_refresh(ret_error);
}

/* Its first certificate says whose file it is: the leaf stands in front, whoever wrote it. */
static bool is_of_key(const char *path, const struct ks_spki *key)
{
	KS_AUTO_FREE char *text = NULL;
	size_t size = 0;
	char *name, *header;
	unsigned char *data;
	struct ks_x509 certificate;
	struct ks_spki found;
	long n;

	if (ks_path_read_file(path, KS_CERTIFICATE_FILE_MAX, &text, &size) < 0)
		return false;
	KS_CLEANUP(BIO_free_allp) BIO *bio = BIO_new_mem_buf(text, (int)size);
	if (!bio || PEM_read_bio(bio, &name, &header, &data, &n) != 1) {
		ERR_clear_error();
		return false;
	}
	bool is = ks_x509_read(ks_bytes(data, (size_t)n), &certificate) == 0 &&
		  ks_spki_read(certificate.spki, &found) == 0 && ks_spki_same_key(&found, key);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(data);
	return is;
}

static int is_pem(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return entry->d_name[0] != '.' && size > 4 && strcmp(entry->d_name + size - 4, ".pem") == 0;
}

/* entries are freed. Stops at the first that cannot be removed. */
static int remove_of_key(const char *folder, struct dirent **entries, int n, const struct ks_spki *key,
			 unsigned *ret_n_files, struct ks_client_error *ret_error)
{
	int r = 0;

	for (int i = 0; i < n; i++) {
		KS_AUTO_FREE char *path = ks_path_join(folder, entries[i]->d_name);
		free(entries[i]);
		if (r < 0 || (path && !is_of_key(path, key)))
			continue;
		if (!path)
			r = ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
		else if (unlink(path) < 0)
			r = ks_client_fail_errno(ret_error, errno, "cannot remove", path);
		else
			(*ret_n_files)++;
	}
	return r;
}

/* The file that ks_token_overlay_write() made for the leaf may hold its issuers alone. */
static int remove_of_leaf(const char *folder, struct ks_bytes leaf, unsigned *ret_n_files,
			  struct ks_client_error *ret_error)
{
	if (leaf.size == 0)
		return 0;
	KS_AUTO_FREE char *path = file_of(folder, leaf);
	if (!path)
		return ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : ks_client_fail_errno(ret_error, errno, "cannot remove", path);
	(*ret_n_files)++;
	return 0;
}

int ks_token_overlay_remove(const struct ks_client_identity *identity, unsigned *ret_n_files,
			    struct ks_client_error *ret_error)
{
	KS_AUTO_FREE char *folder = NULL;
	struct dirent **entries = NULL;
	struct ks_spki key;

	*ret_n_files = 0;
	int r = ks_spki_read(identity->identity.spki, &key);
	if (r < 0)
		return ks_client_fail(ret_error, r, NULL);
	r = find_folder(&folder, ret_error);
	if (r == 0)
		r = remove_of_leaf(folder, ks_client_identity_leaf(identity), ret_n_files, ret_error);
	if (r < 0 || !folder)
		return r;
	int n = scandir(folder, &entries, is_pem, alphasort);
	if (n < 0 && errno != ENOENT)
		return ks_client_fail_errno(ret_error, errno, "cannot read", folder);
	r = remove_of_key(folder, entries, n, &key, ret_n_files, ret_error);
	free(entries);
	return r < 0 || *ret_n_files == 0 ? r : ks_client_refresh(ret_error);
}
