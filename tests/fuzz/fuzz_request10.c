/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_request10: any bytes as a certificate request, for the key of tls_key.h.
 *
 * Checks beside memory errors: what is accepted OpenSSL reads as well, to the same last byte, writes again as the same
 * bytes, and takes to be of version 0 and of this key.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include "lib/tls/signable.h"
#include "tests/fuzz/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* The whole request, with a signature of nothing: OpenSSL has no reader for the CertificationRequestInfo alone. */
static void put_request(struct ks_buffer *out, struct ks_bytes info)
{
	static const uint8_t behind[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
					  0x3d, 0x04, 0x03, 0x02, 0x03, 0x02, 0x00, 0x00 };
	struct ks_buffer parts = { 0 };

	ks_buffer_put(&parts, info);
	ks_buffer_put(&parts, ks_bytes(behind, sizeof(behind)));
	ks_buffer_put_u8(out, 0x30);
	ks_buffer_put_u8(out, 0x83);
	ks_buffer_put_u24(out, (uint32_t)parts.size);
	ks_buffer_put(out, ks_buffer_bytes(&parts));
	require(ks_buffer_error(out) == 0);
	ks_buffer_deinit(&parts);
}

static void check_accepted(struct ks_bytes info)
{
	struct ks_buffer whole = { 0 };
	unsigned char *again = NULL, *key = NULL;

	put_request(&whole, info);
	const unsigned char *at = whole.data;
	X509_REQ *request = d2i_X509_REQ(NULL, &at, (long)whole.size);
	require(request != NULL && at == whole.data + whole.size);
	require(X509_REQ_get_version(request) == 0);
	int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &key);
	require(size == (int)sizeof(tls_key_spki) && memcmp(key, tls_key_spki, sizeof(tls_key_spki)) == 0);
	/* Without what it has kept of the input. */
	size = i2d_re_X509_REQ_tbs(request, &again);
	require(size == (int)info.size && memcmp(again, info.data, info.size) == 0);
	OPENSSL_free(again);
	OPENSSL_free(key);
	X509_REQ_free(request);
	ks_buffer_deinit(&whole);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size);
	const struct ks_spki spki = tls_key();
	struct ks_signable signable = { .kind = (enum ks_signable_kind)99 };
	struct ks_signable_refusal refusal = { "" };

	int r = ks_signable_check_request(input, 0x0403, &spki, &signable, &refusal);
	if (r == 0)
		check_accepted(input);
	else
		require(r < 0 && refusal.text[0] != '\0' && signable.kind == (enum ks_signable_kind)99);
	/* One is never the other. */
	struct ks_signable other;
	require(r < 0 || ks_signable_check(input, 0x0403, &spki, &other, &refusal) < 0);
	return 0;
}
