/* SPDX-License-Identifier: Apache-2.0 */
/* anchor_file: see anchor_file.h. Runs in: keystay-agent. */
#include "agent/anchor_file.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"
#include "lib/protocol/limits.h"

#define SHOWN_SIZE 512

static bool has_certificate(const char *text)
{
	const char *begin = strstr(text, "-----BEGIN CERTIFICATE-----");

	return begin && strstr(begin, "-----END CERTIFICATE-----");
}

int ks_anchor_file_check(const char *path, char *why, size_t why_size)
{
	KS_AUTO_FREE char *resolved = NULL, *text = NULL;
	struct ks_path_problem problem = { .path = "", .text = "" };
	char shown[SHOWN_SIZE];
	size_t size = 0;
	bool is_absolute = path[0] == '/';

	ks_text_escape(ks_bytes_text(path), shown, sizeof(shown));
	if (!is_absolute) {
		(void)ks_text_print(why, why_size, "%s is no absolute path", shown);
		return KS_ERR_INVALID;
	}
	int r = ks_path_check_trusted(path, &resolved, &problem);
	if (r < 0) {
		ks_text_escape(ks_bytes_text(problem.path), shown, sizeof(shown));
		(void)ks_text_print(why, why_size, "%s %s", shown, problem.text);
		return r;
	}
	r = ks_path_read_file(resolved, KS_ANCHOR_FILE_MAX, &text, &size);
	if (r < 0) {
		(void)ks_text_print(why, why_size, "%s cannot be read: %s", shown, ks_error_text(r));
		return r;
	}
	if (!has_certificate(text)) {
		(void)ks_text_print(why, why_size, "there is no certificate (PEM) in %s", shown);
		return KS_ERR_INVALID;
	}
	return 0;
}
