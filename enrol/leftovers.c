/* SPDX-License-Identifier: Apache-2.0 */
/* leftovers: see leftovers.h. Runs in: keystay-enroll. */
#include "enrol/leftovers.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "lib/base/text.h"

#define RANDOM_SIZE 6

/* mkostemp(3) makes six letters or digits. */
static bool is_leftover(const char *entry, const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char infix[] = KS_PATH_INFIX;
	size_t size = strlen(name);
	size_t more = sizeof(infix) - 1;

	return strncmp(entry, name, size) == 0 && strncmp(entry + size, infix, more) == 0 &&
	       strlen(entry + size + more) == RANDOM_SIZE && strspn(entry + size + more, letters) == RANDOM_SIZE;
}

void ks_leftovers_remove(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	KS_AUTO_FREE char *folder = ks_text_copy(slash ? ks_bytes(path, (size_t)(name - path)) : ks_bytes_text("."));
	DIR *entries = folder ? opendir(folder) : NULL;
	struct dirent *entry;

	while (entries && (entry = readdir(entries))) {
		if (is_leftover(entry->d_name, name))
			(void)unlinkat(dirfd(entries), entry->d_name, 0);
	}
	if (entries)
		(void)closedir(entries);
}
