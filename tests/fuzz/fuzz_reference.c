/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a KEYSTAY KEY: what reads well is the same DER when it is written again.
 */
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer again = { 0 };
	struct ks_reference reference;

	if (ks_reference_read(ks_bytes(data, size), &reference) < 0)
		return 0;
	if (ks_reference_put(&again, reference.name, reference.spki.der) < 0)
		abort();
	if (!ks_bytes_equal(ks_buffer_bytes(&again), ks_bytes(data, size)))
		abort();
	return 0;
}
