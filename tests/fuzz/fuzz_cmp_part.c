/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cmp_part: any bytes as what CMP signs, by the key of tls_key.h.
 *
 * Checks beside memory errors: what is accepted OpenSSL reads as well, as the message of CMP or the request of CRMF that it
 * is said to be, and writes again as the same bytes; and it is neither a TLS input nor a certificate request.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/cmp.h>
#include <openssl/err.h>

#include "lib/base/buffer.h"
#include "lib/base/der.h"
#include "lib/tls/cmp_part.h"
#include "lib/tls/signable.h"
#include "tests/fuzz/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

/* The bytes with more behind what is in their SEQUENCE, as one SEQUENCE again. */
static void put_longer(struct ks_buffer *out, struct ks_bytes part, bool in_one_more, struct ks_bytes more)
{
	struct ks_buffer contents = { 0 };
	struct ks_reader reader = ks_reader(part);

	ks_buffer_put(&contents, in_one_more ? part : ks_der_take(&reader, KS_DER_SEQUENCE));
	ks_buffer_put(&contents, more);
	ks_der_put(out, KS_DER_SEQUENCE, ks_buffer_bytes(&contents));
	require(ks_buffer_error(out) == 0);
	ks_buffer_deinit(&contents);
}

static void check_message(struct ks_bytes part, enum ks_cmp_kind kind)
{
	static const int numbers[] = {
		[KS_CMP_KEY_UPDATE] = 7, [KS_CMP_REVOCATION] = 11, [KS_CMP_CONFIRMATION] = 24, [KS_CMP_POLL] = 25
	};
	static const uint8_t protection[] = { 0xa0, 0x04, 0x03, 0x02, 0x00, 0x55 };
	struct ks_buffer whole = { 0 };
	unsigned char *again = NULL;

	put_longer(&whole, part, false, ks_bytes(protection, sizeof(protection)));
	const unsigned char *at = whole.data;
	OSSL_CMP_MSG *message = d2i_OSSL_CMP_MSG(NULL, &at, (long)whole.size);
	/* hashAlg of a confirmation (RFC 9480 section 2.10) is unknown to OpenSSL 3.0. */
	if (!message && kind == KS_CMP_CONFIRMATION) {
		ks_buffer_deinit(&whole);
		return;
	}
	require(message != NULL && at == whole.data + whole.size);
	require(OSSL_CMP_MSG_get_bodytype(message) == numbers[kind]);
	int size = i2d_OSSL_CMP_MSG(message, &again);
	require(size == (int)whole.size && memcmp(again, whole.data, whole.size) == 0);
	OPENSSL_free(again);
	OSSL_CMP_MSG_free(message);
	ks_buffer_deinit(&whole);
}

static void check_request(struct ks_bytes request)
{
	struct ks_buffer whole = { 0 };
	unsigned char *again = NULL;

	put_longer(&whole, request, true, KS_BYTES_NONE);
	const unsigned char *at = whole.data;
	OSSL_CRMF_MSG *message = d2i_OSSL_CRMF_MSG(NULL, &at, (long)whole.size);
	require(message != NULL && at == whole.data + whole.size);
	require(OSSL_CRMF_MSG_get_certReqId(message) == 0);
	int size = i2d_OSSL_CRMF_MSG(message, &again);
	require(size == (int)whole.size && memcmp(again, whole.data, whole.size) == 0);
	OPENSSL_free(again);
	OSSL_CRMF_MSG_free(message);
	ks_buffer_deinit(&whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size);
	const struct ks_spki spki = tls_key();
	struct ks_signable signable = { .kind = (enum ks_signable_kind)99 }, other;
	struct ks_signable_refusal refusal = { "" };
	struct ks_cmp_part part;

	int r = ks_signable_check_cmp(input, 0x0403, &spki, &signable, &refusal);
	if (r < 0) {
		require(refusal.text[0] != '\0' && signable.kind == (enum ks_signable_kind)99);
		return 0;
	}
	require(signable.kind == KS_SIGNABLE_CMP && signable.cmp[0] != '\0');
	require(ks_cmp_part_read(input, &part, &refusal) == 0);
	if (part.kind == KS_CMP_CERT_REQUEST)
		check_request(input);
	else
		check_message(input, part.kind);
	/* One is never the other. */
	require(ks_signable_check(input, 0x0403, &spki, &other, &refusal) < 0);
	require(ks_signable_check_request(input, 0x0403, &spki, &other, &refusal) < 0);
	ERR_clear_error();
	return 0;
}
