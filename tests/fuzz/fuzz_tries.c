/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_tries: the file in which PINs without success are counted (agent/tries_file.h).
 *
 * Beside crashes: what is taken is written as the very same bytes again; no token stands there twice; a count that is
 * raised is there afterwards, and nobody else's is lost.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/tries_file.h"
#include "lib/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

static unsigned sum_of(const struct ks_tries_list *list)
{
	unsigned sum = 0;
	for (size_t i = 0; i < list->n; i++)
		sum += list->lines[i].count;
	return sum;
}

static void check_written(const struct ks_tries_list *list, struct ks_bytes input)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };

	ks_tries_file_write(list, &text);
	must(ks_bytes_equal(ks_buffer_bytes(&text), input), "what is read is what is written");
}

static void check_list(struct ks_tries_list *list)
{
	must(list->n <= KS_TRIES_LINES_MAX, "lines are limited");
	for (size_t i = 0; i < list->n; i++) {
		must(ks_tries_list_find(list, list->lines[i].hash) == &list->lines[i], "each token stands there once");
		must(list->lines[i].count <= KS_TRIES_COUNT_MAX, "counts are limited");
		must(strlen(list->lines[i].label) < sizeof(list->lines[i].label), "labels end");
	}
}

/* A token that is new, or the first one. */
static void check_counting(struct ks_tries_list *list)
{
	uint8_t hash[32] = { 0x5a };
	if (list->n % 2 == 1)
		memcpy(hash, list->lines[0].hash, sizeof(hash));
	const struct ks_tries_line *line = ks_tries_list_find(list, hash);
	unsigned count = line ? line->count : 0;
	unsigned more = count < KS_TRIES_COUNT_MAX ? count + 1 : count;
	unsigned before = sum_of(list);

	int r = ks_tries_list_set(list, hash, more, "a label");
	must(r == 0 || (r == KS_ERR_LIMIT && list->n == KS_TRIES_LINES_MAX && !line), "one more is counted");
	must(sum_of(list) == before + (r == 0 ? more - count : 0), "no count is lost");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_tries_list_deinit) struct ks_tries_list list = { 0 };
	struct ks_bytes input = ks_bytes(data, size);

	int r = ks_tries_file_read(input, &list);
	must(r == 0 || r == KS_ERR_MALFORMED, "it is taken or it makes no sense");
	if (r < 0)
		return 0;
	check_written(&list, input);
	check_list(&list);
	check_counting(&list);
	check_list(&list);
	return 0;
}
