/* SPDX-License-Identifier: Apache-2.0 */
/* spelling: see spelling.h. Runs in: keystay-agent, keystay. */
#include "lib/base/spelling.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* The longest name of a module or key; keys of keystay.conf are shorter. */
#define WORD_MAX 64u

/* A shorter beginning says too little. */
#define PREFIX_MIN 3u

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int lower(char letter)
{
	return tolower((unsigned char)letter);
}

size_t ks_spelling_distance(const char *a, const char *b)
{
	size_t a_size = strlen(a);
	size_t b_size = strlen(b);
	if (a_size > WORD_MAX || b_size > WORD_MAX)
		return SIZE_MAX;

	/* rows[i % 3][k]: from the first i letters of a to the first k of b. A swap looks two rows back. */
	size_t rows[3][WORD_MAX + 1];
	for (size_t k = 0; k <= b_size; k++)
		rows[0][k] = k;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		row[0] = i;
		for (size_t k = 1; k <= b_size; k++) {
			bool same = lower(a[i - 1]) == lower(b[k - 1]);
			row[k] = smaller(smaller(above[k], row[k - 1]) + 1, above[k - 1] + (same ? 0 : 1));
			if (i > 1 && k > 1 && lower(a[i - 1]) == lower(b[k - 2]) && lower(a[i - 2]) == lower(b[k - 1]))
				row[k] = smaller(row[k], rows[(i - 2) % 3][k - 2] + 1);
		}
	}
	return rows[a_size % 3][b_size];
}

/* One slip in a short word, one in three letters of a longer one. */
static bool is_near(size_t distance, size_t word_size)
{
	return distance <= (word_size < 6 ? 1 : word_size / 3);
}

static bool begins_with(const char *text, const char *beginning, size_t size)
{
	return size >= PREFIX_MIN && strncasecmp(text, beginning, size) == 0;
}

void ks_spelling_offer(struct ks_spelling *spelling, const char *candidate)
{
	size_t word_size = strlen(spelling->word);
	size_t distance = ks_spelling_distance(spelling->word, candidate);
	if (distance == SIZE_MAX)
		return;
	if (!is_near(distance, word_size) && !begins_with(candidate, spelling->word, word_size) &&
	    !begins_with(spelling->word, candidate, strlen(candidate)))
		return;
	if (spelling->best && spelling->distance <= distance)
		return;
	spelling->best = candidate;
	spelling->distance = distance;
}
