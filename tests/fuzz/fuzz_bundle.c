/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_bundle: what a CA answers, as keystay-enroll takes certificates out of it.
 *
 * Checks beside memory errors: what was taken can be walked through to its end and is read again as the same, the limit of
 * certificates holds, a refusal has a sentence and leaves nothing behind.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "enrol/base/bundle.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_again(struct ks_bytes certificates)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	struct ks_enrol_problem problem = { 0 };

	require(ks_bundle_read(certificates, "it", &again, &problem) == 0);
	require(ks_bytes_equal(ks_buffer_bytes(&again), certificates));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer certificates = { 0 };
	struct ks_enrol_problem problem = { 0 };
	unsigned n = 0;

	int r = ks_bundle_read(ks_bytes(data, size), "it", &certificates, &problem);
	struct ks_bytes rest = ks_buffer_bytes(&certificates), der;
	while (ks_bundle_next(&rest, &der))
		n++;
	require(rest.size == 0);
	require(r == 0 ? n > 0 && n <= KS_ENROL_CERTIFICATES_MAX : n == 0 && problem.code == r && problem.text[0]);
	if (r == 0)
		check_again(ks_buffer_bytes(&certificates));
	return 0;
}
