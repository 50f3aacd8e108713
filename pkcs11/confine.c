/* SPDX-License-Identifier: Apache-2.0 */
/* confine: see confine.h. Runs in: keystay-token. */
#include "pkcs11/confine.h"

#include <string.h>

#include "lib/base/log.h"

int ks_confine_level_read(const char *word, enum ks_confine_level *ret_level)
{
	static const char *const words[] = {
		[KS_CONFINE_NONE] = "none",
		[KS_CONFINE_CALLS] = "calls",
		[KS_CONFINE_FILES] = "files",
		[KS_CONFINE_NET] = "net",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i]) == 0) {
			*ret_level = (enum ks_confine_level)i;
			return 0;
		}
	}
	return KS_ERR_INVALID;
}

int ks_confine_enter(enum ks_confine_level level, const struct ks_confine_place *places, size_t n_places)
{
	int r = 0;

	if (level >= KS_CONFINE_FILES)
		r = ks_confine_files(places, n_places);
	if (r == KS_ERR_UNSUPPORTED) {
		ks_log_notice("this kernel has no Landlock: the module can open what its user can");
		r = 0;
	}
	return r == 0 && level > KS_CONFINE_NONE ? ks_confine_calls(level) : r;
}
