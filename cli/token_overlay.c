/* SPDX-License-Identifier: Apache-2.0 */
/* token_overlay: see token_overlay.h. Runs in: keystay. */
#include "cli/token_overlay.h"

#include <errno.h>
#include <unistd.h>

#include "client/error.h"
#include "client/sha256.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

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

static int refresh(struct ks_client_error *ret_error)
{
	KS_CLEANUP(ks_client_close) struct ks_client client = { .fd = -1 };
	struct ks_msg_refresh request = { 0 };
	struct ks_msg_refresh_reply reply = { 0 };

	int r = ks_client_open(KS_CLIENT_CONTROL, &client, ret_error);
	return r < 0 ? r :
		       ks_client_call(&client, KS_MSG_REFRESH, &request, KS_MSG_REFRESH_REPLY, &reply, sizeof(reply),
				      "waiting for the agent", ret_error);
}

/* Given (free()), or NULL. */
static char *file_of(const char *folder, struct ks_bytes leaf)
{
	uint8_t hash[KS_SHA256_SIZE];
	char name[2 * 16 + 5];

	ks_client_sha256(leaf, hash);
	for (size_t i = 0; i < 16; i++)
		(void)ks_text_print(name + 2 * i, 3, "%02x", hash[i]);
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
	return refresh(ret_error);
}

int ks_token_overlay_remove(struct ks_bytes chain, unsigned *ret_n_files, struct ks_client_error *ret_error)
{
	struct ks_reader reader = ks_reader(chain);
	struct ks_msg_certificate leaf;
	KS_AUTO_FREE char *folder = NULL;

	*ret_n_files = 0;
	if (ks_record_read(&reader, KS_RECORD(certificate), &leaf, sizeof(leaf)) != 1)
		return 0;
	int r = find_folder(&folder, ret_error);
	if (r < 0)
		return r;
	KS_AUTO_FREE char *path = file_of(folder, leaf.der);
	if (!path)
		return ks_client_fail(ret_error, KS_ERR_NO_MEMORY, NULL);
	if (unlink(path) < 0)
		return errno == ENOENT ? 0 : ks_client_fail_errno(ret_error, errno, "cannot remove", path);
	*ret_n_files = 1;
	return refresh(ret_error);
}
