/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_certificate_verify13: any bytes as the input of a signature, with every scheme that exists.
 *
 * Checks beside memory errors: what is accepted as TLS 1.3 is, byte for byte, what RFC 8446 section 4.4.3 writes; what
 * is refused has a reason and leaves the output alone.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/tls/signable.h"
#include "tests/fuzz/tls_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written out once more, not taken from the code under test. */
static const char head[] = "                                                                "
			   "TLS 1.3, client CertificateVerify";

static void check_accepted(struct ks_bytes input, const struct ks_signable *signable)
{
	if (signable->kind != KS_SIGNABLE_TLS13_CLIENT)
		return; /* fuzz_transcript12 looks at those */
	if ((input.size != 130 && input.size != 146) || memcmp(input.data, head, sizeof(head)) != 0)
		abort();
	if (signable->transcript_digest.data != input.data + 98 || signable->transcript_digest.size != input.size - 98)
		abort();
	if (signable->scheme->code != 0x0403) /* all that a P-256 key may do in TLS 1.3 */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ks_bytes input = ks_bytes(data, size);
	struct ks_spki spki = tls_key();
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	for (size_t i = 0; i < n; i++) {
		struct ks_signable signable = { .kind = (enum ks_signable_kind)99 };
		struct ks_signable_refusal refusal = { "" };
		int r = ks_signable_check(input, schemes[i].code, &spki, &signable, &refusal);
		if (r == 0)
			check_accepted(input, &signable);
		else if (r > 0 || refusal.text[0] == '\0' || signable.kind != (enum ks_signable_kind)99)
			abort();
	}
	return 0;
}
