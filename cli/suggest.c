/* SPDX-License-Identifier: Apache-2.0 */
/* suggest: see suggest.h. Runs in: keystay. */
#include "cli/suggest.h"

#include <string.h>

/* Longer than any command or option; what is longer is no misspelling of one. */
#define WORD_MAX 32

static size_t least(size_t a, size_t b, size_t c)
{
	size_t small = a < b ? a : b;

	return small < c ? small : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that turn a into b ("optimal string alignment"). */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], rows[(i - 2) % 3][j - 2] + 1, row[j]);
		}
	}
	return rows[a_size % 3][b_size];
}

const char *ks_suggest(const char *typed, const char *const *words, size_t n_words)
{
	size_t size = strlen(typed);
	const char *nearest = NULL;
	/* A third of the letters, and one more, may be wrong: "lsit" is list, but "xy" is nothing. */
	size_t limit = size / 3 + 1;

	if (size == 0 || size > WORD_MAX)
		return NULL;
	for (size_t i = 0; i < n_words; i++) {
		size_t word_size = strlen(words[i]);
		if (word_size > WORD_MAX)
			continue;
		if (size >= 2 && strncmp(typed, words[i], size) == 0)
			return words[i];
		size_t far = distance(typed, size, words[i], word_size);
		if (far <= limit && far < size) {
			nearest = words[i];
			limit = far - 1;
		}
	}
	return nearest;
}
