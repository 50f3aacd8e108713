/* SPDX-License-Identifier: Apache-2.0 */
/* suggest: see suggest.h. Runs in: keystay. */
#include "cli/suggest.h"

#include "lib/base/spelling.h"

const char *ks_suggest(const char *typed, const char *const *words, size_t n_words)
{
	struct ks_spelling spelling = { .word = typed };

	for (size_t i = 0; i < n_words; i++)
		ks_spelling_offer(&spelling, words[i]);
	return spelling.best;
}
