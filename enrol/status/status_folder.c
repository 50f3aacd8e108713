/* SPDX-License-Identifier: Apache-2.0 */
/* status_folder: see status_folder.h. Runs in: keystay-enroll. */
#include "enrol/status/status_folder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buffer.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"
#include "lib/tls/verify_signature.h"

#define KNOWN_FILE "known"
#define KNOWN_LINE_MAX 112u
#define KNOWN_LINES_MAX (KS_OCSP_ANSWERS_MAX + KS_REVOCATIONS_MAX)

int ks_status_folder_name(struct ks_bytes data, const char *suffix, char ret_name[KS_STATUS_NAME_MAX])
{
	uint8_t hash[32];
	char digits[65];

	int r = ks_sha256(data, hash);
	if (r < 0)
		return r;
	ks_text_hex(ks_bytes(hash, sizeof(hash)), digits);
	(void)ks_text_print(ret_name, KS_STATUS_NAME_MAX, "%s%s", digits, suffix);
	return 0;
}

int ks_status_folder_read(const char *folder, const char *name, size_t size_max, char **ret_content, size_t *ret_size,
			  int64_t *ret_asked_s)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, name);
	struct stat status;

	if (!path)
		return KS_ERR_NO_MEMORY;
	int r = ks_path_read_file(path, size_max, ret_content, ret_size);
	if (r == 0)
		*ret_asked_s = stat(path, &status) == 0 ? (int64_t)status.st_mtim.tv_sec : 0;
	return r;
}

static bool is_same(const char *path, struct ks_bytes content)
{
	KS_AUTO_FREE char *old = NULL;
	size_t size = 0;

	return ks_path_read_file(path, content.size, &old, &size) == 0 && ks_bytes_equal(ks_bytes(old, size), content);
}

int ks_status_folder_write(const char *folder, const char *name, struct ks_bytes content, bool *ret_changed)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, name);

	if (!path)
		return KS_ERR_NO_MEMORY;
	if (is_same(path, content)) {
		ks_status_folder_touch(folder, name);
		return 0;
	}
	int r = ks_path_make_private_all(folder);
	if (r == 0)
		r = ks_path_write_file(path, content, 0600);
	if (r == 0)
		*ret_changed = true;
	return r;
}

void ks_status_folder_touch(const char *folder, const char *name)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, name);

	if (path)
		(void)utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
}

/* --- what is known ----------------------------------------------------------------------------------------------- */

/* A file of ours and nothing else: 64 hexadecimal digits and a suffix. */
static bool is_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 64 &&
	       (strcmp(name + 64, ".ocsp") == 0 || strcmp(name + 64, ".crl") == 0);
}

/* One line of the old file: kept, or its file removed. The line of the name that is noted anew gives its second. */
static void take_line(const char *folder, char *line, const char *name, int64_t now_s, int64_t *until_s,
		      struct ks_buffer *out)
{
	char *space = strchr(line, ' ');
	uint64_t number = 0;

	if (!space)
		return;
	*space = '\0';
	if (!is_name(line) || ks_text_number(space + 1, INT64_MAX, &number) < 0)
		return;
	if (strcmp(line, name) == 0) {
		*until_s = (int64_t)number > *until_s ? (int64_t)number : *until_s;
		return;
	}
	if ((int64_t)number > now_s) {
		ks_buffer_printf(out, "%s %" PRIu64 "\n", line, number);
		return;
	}
	KS_AUTO_FREE char *path = ks_path_join(folder, line);
	if (path)
		(void)unlink(path);
}

int ks_status_folder_keep(const char *folder, const char *name, int64_t until_s, int64_t now_s)
{
	KS_AUTO_FREE char *path = ks_path_join(folder, KNOWN_FILE);
	KS_AUTO_FREE char *text = NULL;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	size_t size = 0;
	char *next = NULL;

	if (!path)
		return KS_ERR_NO_MEMORY;
	int r = ks_path_read_file(path, (size_t)KNOWN_LINES_MAX * KNOWN_LINE_MAX, &text, &size);
	if (r == KS_ERR_NO_MEMORY)
		return r;
	for (char *line = r == 0 ? strtok_r(text, "\n", &next) : NULL; line; line = strtok_r(NULL, "\n", &next))
		take_line(folder, line, name, now_s, &until_s, &out);
	ks_buffer_printf(&out, "%s %" PRIi64 "\n", name, until_s);
	r = ks_buffer_error(&out);
	return r < 0 ? r : ks_path_write_file(path, ks_buffer_bytes(&out), 0600);
}
