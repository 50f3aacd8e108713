/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cmp_answer: any bytes as an answer of a CMP server that says no without protection, and as what an earlier run has
 * left in the state folder. Checks beside memory errors: words fit and end; what is read back is written again as it was.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "enrol/drivers/cmp_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t sizes[] = { 16, 64, 256 };
	struct ks_bytes input = ks_bytes(data, size);
	struct ks_cmp_pending pending;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *out = malloc(sizes[i]);
		require(out != NULL);
		ks_cmp_words_unprotected(input, out, sizes[i]);
		require(memchr(out, '\0', sizes[i]) != NULL);
		free(out);
	}
	if (ks_cmp_pending_read(input, &pending) < 0)
		return 0;
	struct ks_buffer again = { 0 };
	require(ks_cmp_pending_put(&again, &pending) == 0);
	require(ks_bytes_equal(ks_buffer_bytes(&again), input));
	ks_buffer_deinit(&again);
	return 0;
}
