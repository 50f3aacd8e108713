/* SPDX-License-Identifier: Apache-2.0 */
/* What a pinentry sends as data: decoded in place it never grows, holds no NUL, and encoded again means the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/helpers/percent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINE_MAX_SIZE 1000

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = SIZE_MAX;

	if (size > LINE_MAX_SIZE)
		return 0;
	char *text = malloc(size + 1);
	char *line = malloc(3 * size + 8);
	check(text && line);
	if (size > 0)
		memcpy(text, data, size);
	if (ks_percent_decode(text, size, &n) == 0) {
		check(n <= size && !memchr(text, '\0', n));
		text[n] = '\0';
		check(ks_percent_encode(text, line, 3 * size + 8));
		size_t again = 0;
		check(ks_percent_decode(line, strlen(line), &again) == 0);
		check(again == n && memcmp(line, text, n) == 0);
		/* However little room there is, what is written fits and ends. */
		if (size >= 8) {
			(void)ks_percent_encode(text, line, size);
			check(strlen(line) < size);
		}
	} else {
		check(n == SIZE_MAX);
	}
	free(line);
	free(text);
	return 0;
}
