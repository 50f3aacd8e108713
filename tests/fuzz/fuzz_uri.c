/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 URI: what reads well is written, reads the same again, and each fits the other. A PIN never gets through.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/protocol/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	KS_CLEANUP(ks_uri_deinit) struct ks_uri uri = { 0 };
	KS_CLEANUP(ks_uri_deinit) struct ks_uri again = { 0 };
	const char *why = NULL;

	if (ks_uri_read(ks_bytes(data, size), &uri, &why) < 0) {
		if (!why || why[0] == '\0')
			abort();
		return 0;
	}
	/* Behind the first '?' a ';' or another '?' is part of a value. */
	const uint8_t *query = memchr(data, '?', size);
	size_t path_size = query ? (size_t)(query - data) : size;
	if (memmem(data, path_size, ";pin-value=", 11) ||
	    memmem(data + path_size, size - path_size, "&pin-value=", 11) ||
	    memmem(data + path_size, size - path_size < 11 ? size - path_size : 11, "?pin-value=", 11))
		abort();
	ks_uri_write(&text, &uri);
	if (ks_buffer_error(&text) < 0 || ks_uri_read(ks_buffer_bytes(&text), &again, &why) < 0)
		abort();
	uri.unmatched = false; /* what nothing can match is not written */
	if (!ks_uri_matches(&uri, &again) || !ks_uri_matches(&again, &uri))
		abort();
	return 0;
}
