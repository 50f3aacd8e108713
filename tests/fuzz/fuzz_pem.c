/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_pem: a PEM file as the provider's two decoder stages read it: lines, base64, reference, key.
 *
 * Checks beside memory errors: a foreign block leaves nothing behind, and a key that was made says the same public key
 * again.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/openssl/key.h"
#include "client/openssl/pem.h"
#include "lib/base/cleanup.h"
#include "lib/protocol/reference.h"

#define PIECE 1023u /* as BIO_gets() fills a kilobyte */

static void use_contents(struct ks_bytes der)
{
	struct ks_reference reference;
	struct ks_key *key;

	if (ks_reference_read(der, &reference) < 0)
		return;
	if (ks_key_new(reference.spki.der, reference.name, true, &key) < 0)
		abort();
	if (!ks_bytes_equal(key->spki.der, reference.spki.der))
		abort();
	if (ks_key_signature_max(key) == 0 || ks_key_security_bits(key) == 0)
		abort();
	ks_key_unref(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	KS_CLEANUP(ks_pem_deinit) struct ks_pem pem;
	enum ks_pem_state state = KS_PEM_OUTSIDE;

	ks_pem_init(&pem, KS_REFERENCE_MAX);
	while (size > 0 && state < KS_PEM_PASSED) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) + 1 : size;
		n = n > PIECE ? PIECE : n;
		state = ks_pem_feed(&pem, ks_bytes(data, n));
		data += n;
		size -= n;
	}
	state = ks_pem_end(&pem);
	if (state < KS_PEM_PASSED || (state == KS_PEM_PASSED && pem.contents.size > 0))
		abort();
	if (state == KS_PEM_WHOLE)
		use_contents(ks_buffer_bytes(&pem.contents));
	return 0;
}
